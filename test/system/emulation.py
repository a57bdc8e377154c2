#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A guest's devices and calls are what its devices service says, and nothing is answered in the kernel: one that
counts what it is asked. TAP on standard output."""
from keel import Tap, guest, system

ROUNDS = range(5)
DEVICES = ['UART', 'RTC', 'GICD', 'GICR']  # each written to and read in a round
CALLS = ['HVC', 'SMC']


def main():
    with Tap() as tap:
        usual = tap.session(system(guest('counter')), cpus=1)
        usual.wait(r'counter: passed')
        said = [line for line in usual.said('counter') if line != 'counter: passed']
        tap.check('the usual service: the same in each round',
                  len(said) == 6 * len(ROUNDS) and len(set(said)) == 6 and 'counter: UART 0' in said and
                  'counter: HVC 65537' in said and 'counter: SMC 65537' in said)
        usual.end()
        other = tap.session(system(
            guest('counter', more='emulation { image = "test-counter"; };')), cpus=1)
        want = []
        for i in ROUNDS:
            want += [f'{name} {2 * i + 2}' for name in DEVICES] + [f'{name} {i + 1}' for name in CALLS]
        tap.check('one that counts: the guest sees each access and call', other.guest_says('counter', want + ['passed']))
        other.end()


if __name__ == '__main__':
    main()
