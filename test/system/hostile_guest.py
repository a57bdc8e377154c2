#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A guest that sets every register that it may set to hostile values changes nothing for the services that serve
it, and for another guest. TAP on standard output."""
import re

from keel import Tap, expected, guest, service, system


def main():
    with Tap() as tap:
        # One physical CPU: what the hostile guest leaves behind, the others run with.
        session = tap.session(system(
            guest('gic', more='cpus = <2>;'), guest('hostile'), service('example', 'example', 'provides = <7>;')), cpus=1)
        tap.check('its registers are its own, and hold', session.says('hostile', expected('hostile')))
        session.expect(r'builder: hostile powered off', anywhere=True)
        session.expect(r'^gic: type a line', anywhere=True)
        session.type('ping pong\r')
        session.expect(r'^gic: got "ping pong"')
        tap.check('the other guest notices nothing', session.says(
            'gic', [line for line in expected('gic') if not line.startswith('> ')]))
        session.end()
        tap.check('no service ended', not re.search(r'builder: \S+ (faulted|exited|ended)', session.output))


if __name__ == '__main__':
    main()
