#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Services that read registers beyond their reach: each ends for it, and learns nothing. TAP on standard output."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'system'))
from keel import Tap, guest, service, system  # noqa: E402

# As registers.c has them.
FORBIDDEN = ['cycles', 'monitor', 'event', 'monitor-user', 'activity', 'activity-user', 'debug', 'physical-timer',
             'virtual-timer', 'features', 'software-context']
UNDEFINED, TRAPPED = 0x00, 0x18  # exception classes


def main():
    with Tap() as tap:
        for cpu in ('cortex-a72', 'max'):
            services = [service(name, 'test-registers', f'args = "{name}"; restart {{ limit = <0>; }};')
                        for name in ['counter', *FORBIDDEN]]
            session = tap.session(system(guest('hello'), *services), cpus=1, qemu=['-cpu', cpu])
            tap.check(f'{cpu}: the counter is for all',
                      session.wait(r'^\[counter\] counter: read [0-9a-f]+\r?$', anywhere=True))
            for name in FORBIDDEN:
                found = session.wait(rf'builder: {name} (?:faulted: pc 0x[0-9a-f]+, ESR 0x([0-9a-f]+)|exited)',
                                     anywhere=True)
                tap.check(f'{cpu}: {name} is not', found and found[1] and
                          int(found[1], 16) >> 26 in (UNDEFINED, TRAPPED) and f'{name}: read' not in session.output)
            session.end()


if __name__ == '__main__':
    main()
