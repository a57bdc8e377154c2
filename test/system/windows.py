#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two guests have windows of time on a CPU, the scheduler being restarted all the time: they begin where the table says. With
-icount. TAP on standard output.

    windows.py FRAMES
"""
import re
import sys

from keel import Tap, console, guest, report, service, system

FRAME_US = 1000  # as in ../guests/windows.c
WINDOWS = {'one': (0, 400), 'two': (400, 600)}  # offset, length
LIMIT_US = 5
TOLD = re.compile(r'\[(one|two)\] windows: (\d+) begin at (\d+) to (\d+) ns, the last one ended at (\d+)')


def the_system():
    args = ', '.join(f'"window-us.{name}={length}", "offset-us.{name}={offset}", "cpu.{name}=1"'
                     for name, (offset, length) in WINDOWS.items())
    return system(console(), service('scheduler', 'scheduler-arinc653', f'args = "frame-us={FRAME_US}", {args}; restart {{ limit = <1000000>; }};'),
                  *(guest(name, 'windows.bin') for name in WINDOWS))


def main():
    frames = int(sys.argv[1])
    with Tap() as tap:
        session = tap.session(the_system(), cpus=2, icount=True)
        session.expect(r'^\[two\] windows: 100 begin')
        start, lives, seen = len(session.output), 0, 0
        while seen < frames:
            session.key('r', r'builder: scheduler was stopped')
            lives += 1
            session.expect(r'^\[two\] windows: ')
            told = TOLD.findall(session.output[start:])
            seen = min((len([1 for name, *_ in told if name == one]) * 100 for one in WINDOWS), default=0)
        session.leave()
        for name, (offset, length) in WINDOWS.items():
            of = [tuple(map(int, rest)) for who, *rest in told if who == name]
            early = min(least for _, least, _, _ in of) - offset * 1000
            late = max(most for _, _, most, _ in of) - offset * 1000
            end = max(ended for *_, ended in of) - (offset + length) * 1000
            report(f'windows of {name}: {len(of) * 100}, {lives} restarts of the scheduler meanwhile: begin {early} to {late} ns after the '
                   f'table\'s time (limit {LIMIT_US * 1000}), end {-end} ns before it')
            tap.check(f'{name} begins where the table says: {early} to {late} ns', 0 <= early and late <= LIMIT_US * 1000)
            tap.check(f'{name} ends there, too: {end} ns', end <= 1000)
            tap.check(f'{name} has one in each frame', of[-1][0] - of[0][0] == 100 * (len(of) - 1))


if __name__ == '__main__':
    main()
