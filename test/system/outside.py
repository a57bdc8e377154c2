#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example service, built outside the tree from what `meson install` installs, runs. TAP on standard output.

    outside.py OUTSIDE-SH       with BUILD, SOURCE and CC as that script wants them
"""
import os
import subprocess
import sys
import tempfile

from keel import Tap, guest, service, system


def main():
    with Tap() as tap, tempfile.TemporaryDirectory() as work:
        built = subprocess.run([sys.argv[1]], env={**os.environ, 'KEEP': work}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        print('# ' + built.stdout.strip().replace('\n', '\n# '))
        if tap.check('it is built', built.returncode == 0):
            os.rename(f'{work}/example', f'{work}/outside')
            session = tap.session(system(service('stranger', 'outside', 'provides = <7>; args = "from outside";'), guest('hello')),
                                  cpus=1, find=[work])
            tap.check('it runs', session.wait(r'^\[stranger\] stranger: hello from domain \d+', anywhere=True))
            tap.check('with its arguments', session.wait(r'^\[stranger\] argument 1: from outside', anywhere=True))
            session.end()


if __name__ == '__main__':
    main()
