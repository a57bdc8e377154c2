#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two guests have windows of time on a CPU: they begin where the table says. Then the scheduler is restarted again and again, and they
still do: scheduler and supervisor do their work between windows, and their reserves leave the plan its time. With -icount on one
CPU: with two, a timer can be late by what QEMU lets the other CPU do. TAP on standard output.

    windows.py FRAMES
"""
import re
import sys

from keel import PREFIX, Tap, console, guest, report, service, system

FRAME_US = 1000  # as in ../guests/windows.c
WINDOWS = {'one': (0, 400), 'two': (400, 400)}  # offset, length: what is left is less than a start of the scheduler takes
LIMIT_NS = 5000
TOLD = re.compile(r'\[(one|two)\] windows: (\d+) begin at (\d+) to (\d+) ns, the last one ended at (\d+)')


def the_system():
    args = ', '.join(f'"window-us.{name}={length}", "offset-us.{name}={offset}", "cpu.{name}=0"'
                     for name, (offset, length) in WINDOWS.items())
    return system(console(), service('scheduler', 'scheduler-arinc653',
                                     f'args = "frame-us={FRAME_US}", {args}; restart {{ limit = <1000000>; }};'),
                  *(guest(name, 'windows.bin') for name in WINDOWS))


def watch(session, frames, step):
    """What each guest tells of so many windows; `step` is done each time."""
    start, told = len(session.output), {name: [] for name in WINDOWS}
    while min(len(of) for of in told.values()) * 100 < frames:
        step()
        session.expect(r'^\[two\] windows: ')
        found = TOLD.findall(session.output[start:])
        told = {one: [tuple(map(int, rest)) for name, *rest in found if name == one] for one in WINDOWS}
    return told


def check(tap, told, name, what):
    offset, length = WINDOWS[name]
    of = told[name]
    early = min(least for _, least, _, _ in of) - offset * 1000
    late = max(most for _, _, most, _ in of) - offset * 1000
    end = max(ended for *_, ended in of) - (offset + length) * 1000
    report(f'windows of {name}, {what}: {len(of) * 100} begin {early} to {late} ns after the table\'s time (limit {LIMIT_NS})')
    tap.check(f'{name}, {what}: begins where the table says: {early} to {late} ns', early >= 0 and late <= LIMIT_NS)
    tap.check(f'{name}, {what}: ends there, too: {end} ns', end <= 0)
    tap.check(f'{name}, {what}: has one in each frame', of[-1][0] - of[0][0] == 100 * (len(of) - 1))


def main():
    frames = int(sys.argv[1])
    with Tap() as tap:
        session = tap.session(the_system(), cpus=1, icount=True)
        session.expect(r'^\[two\] windows: 100 begin')
        session.type(PREFIX + 'l')
        session.expect(r'two\.devices .*KiB')
        number = re.search(r'^\[console\] +(\d+)\*? scheduler ', session.output, re.MULTILINE)[1]
        session.key(number, rf'focus: {number} scheduler')
        session.expect(r'^\[two\] windows: ')
        alone = watch(session, frames, lambda: None)
        restarted = watch(session, frames, lambda: session.key('r', r'builder: scheduler was stopped'))
        session.leave()
        for name in WINDOWS:
            check(tap, alone, name, 'undisturbed')
            check(tap, restarted, name, 'the scheduler being restarted')


if __name__ == '__main__':
    main()
