#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How two busy guests share a CPU with each policy: 3 to 1 by weights, 4 to 1 by a cap; without the policy service it is 1 to 1.
Counted with -icount, so that it repeats. TAP on standard output."""
from keel import Tap, guest, report, service, system

GUESTS = [guest('one', 'spin.bin'), guest('two', 'spin.bin')]
BEGIN = 50    # units of the slower one: what is before is the beginning of guests and policy
UNITS = 1200  # of the quicker one, after that, if all is right; told every 25


def ratio(tap, want, *services):
    """What the first guest does while the second does a part of it, as a quotient."""
    end = BEGIN + UNITS // want
    session = tap.session(system(*services, *GUESTS), cpus=1, icount=True)
    other = []
    for units in BEGIN, end:
        session.expect(rf'^\[two\] spin: {units}\r?$')
        other.append([int(line.split()[-1]) for line in session.output[:session.position].replace('\r', '').split('\n')
                      if line.startswith(('spin: ', '[one] spin: '))][-1])
    session.leave()
    return (other[1] - other[0]) / (end - BEGIN)


def main():
    with Tap() as tap:
        for what, services, want, error in [
            ('with weights 3 and 1',
             [service('scheduler', 'scheduler-equal', 'args = "weight.one=3", "weight.two=1";')], 3, 0.1),
            ('with equal slots', [service('scheduler', 'scheduler-equal')], 1, 0.1),
            ('with credit2, weights 768 and 256',
             [service('scheduler', 'scheduler-credit2', 'args = "weight.one=768";')], 3, 0.05),
            ('with credit2, equal weights', [service('scheduler', 'scheduler-credit2')], 1, 0.05),
            ('with credit2, the second one capped to 20 %',
             [service('scheduler', 'scheduler-credit2', 'args = "cap.two=20";')], 4, 0.05),
            ('without a policy service', [], 1, 0.1),
        ]:
            got = ratio(tap, want, *services)
            report(f'time of two busy guests, {what}: {got:.2f} to 1')
            tap.check(f'{what}: {want} to 1', abs(got / want - 1) < error)


if __name__ == '__main__':
    main()
