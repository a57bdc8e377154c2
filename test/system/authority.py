#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""For every example system: the table of rights that the running kernel holds is what the configuration says.
TAP on standard output."""
import re
import subprocess

from keel import ROOT, SYSTEMS, Tap

EDGE = re.compile(r'\S+ \d+ -> \S+: .*')


def main():
    with Tap() as tap:
        for path in sorted(SYSTEMS.glob('*.dts')):
            said = subprocess.run([ROOT / 'boot/check', '--authority', path], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout.splitlines()
            session = tap.session(path, options=['--authority'])
            session.end(240)
            held = [line for line in session.output.replace('\r', '').split('\n') if EDGE.fullmatch(line)]
            tap.check(f'{path.name}: {len(held)} edges', len(said) > 10 and held == said)


if __name__ == '__main__':
    main()
