#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A guest that touches an address nobody serves gets an external abort, and goes on. TAP on standard output."""
from keel import Tap, expected, guest, system


def main():
    with Tap() as tap:
        session = tap.session(system(guest('abort')), cpus=1)
        tap.check('each access is answered with an external abort', session.says('abort', expected('abort')))
        tap.check('and the guest ends by itself', session.wait(r'builder: abort powered off', anywhere=True))
        session.end()


if __name__ == '__main__':
    main()
