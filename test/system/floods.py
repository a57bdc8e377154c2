#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A service that sends to all who anybody may send to, as fast as it can from a CPU of its own, wakes each of them twice in a millisecond at
most (PORT_PACE in libs/runtime/port.h), whatever it costs them to look at. Counted by the trace service with -icount. TAP on standard output."""
import re

from keel import Tap, console, report, service, system


def main():
    with Tap() as tap:
        uses = '"scheduler:1", "example:7", "trace:1", "builder"'
        session = tap.session(system(
            console('args = "focus=trace";'), service('scheduler', 'scheduler-equal', 'provides = <1>;'),
            service('trace', 'trace', 'provides = <1>; rights { self { allow = "audit"; }; };'),
            service('example', 'example', 'provides = <7>;'),
            service('flood', 'test-flood', f'uses = {uses}; cpu-affinity = <1>;')), cpus=2, icount=True)
        session.expect(r'example: hello', anywhere=True)
        session.type('reset\r')
        session.expect(r'^reset\r?$')
        session.wait_quiet(2)
        session.type('show\r')
        ms = float(session.expect(r'^([\d.]+) ms; times: ')[1])
        session.expect(r'^flood/0 ')
        for name in ('builder', 'console', 'scheduler', 'trace', 'example'):
            found = re.search(rf'^{name}/0 \S+ on \d: ([\d.]+) %.*?(\d+) wake-ups', session.output, re.MULTILINE)
            share, wakes = (float(found[1]), int(found[2])) if found else (0.0, 0)
            tap.check(f'{name}: {wakes} wake-ups in {ms:.0f} ms, {share} % of a CPU', ms > 50 and 0 < wakes <= 2 * ms + 20)
            report(f'{name} under a flood: {wakes / ms:.2f} wake-ups in 1 ms, {share} % of a CPU')
        session.leave()


if __name__ == '__main__':
    main()
