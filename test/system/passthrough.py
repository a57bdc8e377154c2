#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bare-metal guests drive the machine's own PL061 and PL031, registers and interrupts, beside Linux. TAP on
standard output."""
from keel import PROMPT, SYSTEMS, Tap, expected, guest, system


def main():
    with Tap() as tap:
        session = tap.session(SYSTEMS / 'passthrough.dts')
        tap.check('PL061: registers and interrupts', session.says('gpio', expected('gpio')))
        tap.check('PL031: registers and interrupts', session.says('rtc', expected('rtc')))
        session.expect(PROMPT, anywhere=True)
        tap.check('Linux runs beside them', session.shell('seq 1 3') == '1\n2\n3\n')
        session.type('poweroff\r')
        session.end()

        # The same guest without the device: nothing stands in for it.
        without = tap.session(system(guest('gpio')), cpus=1)
        tap.check('it is the device that the configuration gives', without.wait(r'gpio: failed') and
                  'gpio: passed' not in without.output)


if __name__ == '__main__':
    main()
