#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two services that wake each other and wait, again and again, keep no third one of their rank from its turns: it gets a
third of their CPU. Counted with -icount, so that it repeats. TAP on standard output.
"""
from keel import Tap, report, service, system

LEAST = 0.9 / 3


def one(name, other, rights):
    return service(name, 'test-handover', f'args = "{name}"; provides = <7>; sends = "{other}:7"; deadline-ms = <0>; {rights}')


def shares(tap, which, *more):
    session = tap.session(system(
        *more,
        one('first', 'second', 'rights { worker { allow = "watch"; }; self { allow = "system"; }; };'),
        one('second', 'first', ''),
        service('worker', 'test-handover', 'args = "worker"; deadline-ms = <0>;')), cpus=1, icount=True)
    told = session.expect(r'^(?:\[first\] )?(\d+) rounds; the worker had (\d+) of (\d+) ticks', anywhere=True)
    rounds, had, of = map(int, told.groups())
    report(f'a service beside two that wake each other {rounds} times has {100 * had / of:.1f} % of the CPU {which}, '
           'planned 33.3 %')
    tap.check(f'{which}: at least {100 * LEAST:.0f} %, and no more than the other two leave',
              LEAST <= had / of <= 2 / 3 - LEAST)


def main():
    with Tap() as tap:
        shares(tap, 'in a plan', service('scheduler', 'scheduler-equal'))
        shares(tap, 'without a plan')


if __name__ == '__main__':
    main()
