#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A plan of 3 to 1 gives 3 to 1 of a CPU's time; without the policy service it is 1 to 1. Counted with -icount, so
that it repeats. TAP on standard output."""
from keel import Tap, guest, report, service, system

GUESTS = [guest('one', 'spin.bin'), guest('two', 'spin.bin')]
UNITS = 600  # of the quicker one


def ratio(tap, *services):
    """What the first guest has done when the second has done a part of it, as a quotient."""
    session = tap.session(system(*services, *GUESTS), cpus=1, icount=True)
    session.expect(rf'^(\[one\] )?spin: {UNITS}\r?$')
    other = [int(line.split()[-1]) for line in session.output.replace('\r', '').split('\n')
             if line.startswith('[two] spin: ')]
    session.leave()
    return UNITS / max(other[-1:] or [1])


def main():
    with Tap() as tap:
        for what, services, want in [
            ('with weights 3 and 1',
             [service('scheduler', 'scheduler-equal', 'args = "weight.one=3", "weight.two=1";')], 3),
            ('with equal slots', [service('scheduler', 'scheduler-equal')], 1),
            ('without a policy service', [], 1),
        ]:
            got = ratio(tap, *services)
            report(f'time of two busy guests, {what}: {got:.2f} to 1')
            tap.check(f'{what}: {want} to 1', abs(got / want - 1) < 0.1)


if __name__ == '__main__':
    main()
