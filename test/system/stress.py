#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two Linux guests with two CPUs each, on four physical CPUs that QEMU runs at the same time: interrupts between
CPUs, timers and output for a while. Nothing hangs, and no sum is wrong. TAP on standard output.

    stress.py SECONDS
"""
import hashlib
import sys
import time

from keel import SYSTEMS, Tap

SUM = hashlib.md5(''.join(f'{n}\n' for n in range(1, 401)).encode()).hexdigest()
# Pipes from CPU to CPU, a timer, output; a round says its number, or what was wrong.
LOOP = (f'w() {{ i=0; while [ -e /tmp/go ]; do i=$((i + 1)); '
        f's=$(taskset $1 seq 1 400 | taskset $2 cat | taskset $1 md5sum); '
        f'[ "$s" = "{SUM}  -" ] && echo "{{0}} $1 round $i" || echo "{{0}} WRONG $s"; usleep 2000; done; }}; '
        'touch /tmp/go; w 1 2 & w 2 1 &')


def main():
    seconds = int(sys.argv[1])
    with Tap() as tap:
        session = tap.session(SYSTEMS / 'two-linux.dts', cpus=4)
        session.expect(r'^\[linux2\] Keel guest ready', anywhere=True)
        session.expect(r'^Keel guest ready', anywhere=True)
        for number in ('1', '2'):
            if number == '2':
                session.key('2', r'focus: 2 linux2')
            session.type('dmesg -n 1\r')
            session.type(LOOP.replace('{0}', f'guest{number}') + '\r')
            session.expect(rf'^guest{number} . round 1\r')
        end = time.monotonic() + seconds
        alive = True
        while alive and time.monotonic() < end:
            # Each of the four goes on.
            for name in ('guest1 1', 'guest1 2', 'guest2 1', 'guest2 2'):
                alive = alive and session.wait(rf'{name} round \d+\r')
        rounds = session.output.count(' round ')
        tap.check(f'no hang: {rounds} rounds in {seconds} s', alive and rounds > 20)
        for number in ('2', '1'):
            session.key(number, rf'focus: {number} ')
            session.type('rm /tmp/go; wait; echo end"ed" $(nproc)\r')
            tap.check(f'guest {number} can be told to end', session.wait(r'ended 2\r'))
        tap.check('no wrong sum', 'WRONG' not in session.output.replace('WRONG $s', ''))
        session.type('poweroff\r')
        session.expect(r'builder: linux1 powered off')
        session.key('2', r'focus: 2 linux2')
        session.type('poweroff\r')
        session.end()


if __name__ == '__main__':
    main()
