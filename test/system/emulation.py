#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A guest's devices are what its devices service says, and nothing is answered in the kernel: one that counts
in a register that the usual one does not have. TAP on standard output."""
from keel import Tap, guest, system


def main():
    with Tap() as tap:
        usual = tap.session(system(guest('counter')), cpus=1)
        tap.check('the usual service: a reserved register reads 0', usual.says(
            'counter', ['counter: reads 0'] * 5 + ['counter: passed']))
        usual.end()
        other = tap.session(system(
            guest('counter', more='emulation { image = "test-counter"; };')), cpus=1)
        # It prints for the guest on its own console.
        other.wait(r'counter: passed')
        tap.check('another one: the guest sees it count',
                  [line for line in other.said('counter.devices') if line.startswith('counter: ')] ==
                  [f'counter: reads {n}' for n in range(1, 6)] + ['counter: passed'])
        other.end()


if __name__ == '__main__':
    main()
