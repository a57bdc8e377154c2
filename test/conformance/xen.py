#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots Argo's conformance suite as a guest of Xen's, its partners as others, and prints what each test says there.

    xen.py IMAGE        of an arm64 Xen with Argo: ../bench/README.md

README.md has where the two differ. Nobody can begin a domain again there, stop one, or give rights to ports.
"""
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'guests')]
import xen_boot  # noqa: E402
from run import CROWD, GUEST, SUITE  # noqa: E402

BUILD = pathlib.Path(os.environ.get('KEEL_BUILD', HERE.parents[1] / 'build')) / 'test/conformance'
BEFORE_CROWD = 6  # ids, as system.h has them
SECONDS = 3600


def main():
    partner = BUILD / 'conform-partner-xen.bin'
    guests = [xen_boot.Guest(partner, 64 if number in (2, 3) else 8) for number in range(1, BEFORE_CROWD + CROWD + 1)]
    guests.append(xen_boot.Guest(BUILD / 'conform-guest-xen.bin', 96))
    output = xen_boot.run(pathlib.Path(sys.argv[1]), guests, r'conform: done|conform: failed', SECONDS).replace('\r', '')
    passed = [name for name in SUITE + GUEST if re.search(rf'conform: ok {name}$', output, re.MULTILINE)]
    for line in re.findall(r'conform: ((?!waits).*)$', output, re.MULTILINE):
        print(line)
    print(f'{len(passed)} of {len(SUITE + GUEST)} tests say on this Xen what they say on Keel')
    if 'conform: done' not in output:
        sys.exit(output[-4000:] + '\nit did not come to its end')


if __name__ == '__main__':
    main()
