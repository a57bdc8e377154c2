#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A guest that touches an address nobody serves gets an external abort, and one that is refused by who serves it an
abort or an undefined instruction, where it is and in the state that the architecture says, and goes on. TAP on standard
output."""
from keel import Tap, expected, guest, system

REFUSALS = ['read: external abort', 'write: external abort', 'pair: external abort', 'HVC: undefined',
            'SMC: undefined']

# What PSTATE has beyond ARMv8.0's.
CPUS = {'cortex-a72': '', 'max': ' PAN UAO DIT SSBS'}


def main():
    with Tap() as tap:
        for cpu, flags in CPUS.items():
            session = tap.session(system(guest('abort')), cpus=1, qemu=['-cpu', cpu])
            lines = [line.replace('...', flags) for line in expected('abort')]
            tap.check(f'{cpu}: each access is answered with an external abort', session.says('abort', lines))
            tap.check('and the guest ends by itself', session.wait(r'builder: abort powered off', anywhere=True))
            session.end()
        refused = tap.session(system(guest('refused', more='emulation { image = "test-refuse"; };')), cpus=1)
        tap.check('accesses and calls that a service aborts end where they began', refused.guest_says(
            'refused', REFUSALS * 2 + ['passed']))
        refused.end()


if __name__ == '__main__':
    main()
