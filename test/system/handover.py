#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two services that wake each other and wait, again and again, keep no third one of their rank from its turns: it gets a
third of their CPU. Counted with -icount, so that it repeats. TAP on standard output.
"""
from keel import Tap, report, service, system

LEAST = 0.9 / 3
WHY = ("kernel/cpu/dispatch.c: who waits before its slice is over keeps its place before its equals, and begins a whole slice "
       "when it is woken")


def one(name, other, rights):
    return service(name, 'test-handover', f'args = "{name}"; provides = <7>; sends = "{other}:7"; deadline-ms = <0>; {rights}')


def main():
    with Tap() as tap:
        session = tap.session(system(
            service('scheduler', 'scheduler-equal'),
            one('first', 'second', 'rights { worker { allow = "watch"; }; self { allow = "system"; }; };'),
            one('second', 'first', ''),
            service('worker', 'test-handover', 'args = "worker"; deadline-ms = <0>;')), cpus=1, icount=True)
        told = session.expect(r'^(?:\[first\] )?(\d+) rounds; the worker had (\d+) of (\d+) ticks', anywhere=True)
        rounds, had, of = map(int, told.groups())
        report(f'a service beside two that wake each other {rounds} times has {100 * had / of:.1f} % of the CPU, planned 33.3 %')
        tap.known(f'at least {100 * LEAST:.0f} %', had / of >= LEAST, WHY)


if __name__ == '__main__':
    main()
