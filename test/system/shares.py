#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How two busy guests share a CPU with each policy: 3 to 1 by weights, 4 to 1 by a cap; without the policy service it is 1 to 1.
Counted with -icount, so that it repeats. TAP on standard output."""
import time

from keel import PREFIX, Tap, console, guest, report, service, system

GUESTS = [guest('one', 'spin.bin'), guest('two', 'spin.bin')]
BEGIN = 50    # units of the slower one: what is before is the beginning of guests and policy
UNITS = 1200  # of the quicker one, after that, if all is right; told every 25


def measure(session, begin, units):
    """What the first guest does while the second does some units, as a quotient."""
    other = []
    for end in begin, begin + units:
        session.expect(rf'^\[two\] spin: {end}\r?$')
        other.append([int(line.split()[-1]) for line in session.output[:session.position].replace('\r', '').split('\n')
                      if line.startswith(('spin: ', '[one] spin: '))][-1])
    return (other[1] - other[0]) / units


def ratio(tap, want, *services):
    session = tap.session(system(*services, *GUESTS), cpus=1, icount=True)
    got = measure(session, BEGIN, UNITS // want)
    session.leave()
    return got


def restarted(tap):
    """The policy is stopped in the middle and started again: the guests' shares are what they were."""
    session = tap.session(system(console(), service('scheduler', 'scheduler-credit2', 'args = "weight.one=768";'), *GUESTS),
                          cpus=1, icount=True)
    session.expect(rf'\[two\] spin: {BEGIN}\r?$')
    session.type(PREFIX + 'l')
    number = session.expect(r'^\[console\] +(\S+) scheduler ')[1]
    session.key(number, r'focus: \d+ scheduler')
    session.key('k', r'builder: scheduler was stopped')
    life = None
    for _ in range(10):  # a key at once may be refused: one wish at a time
        session.type(PREFIX + 'r')
        time.sleep(1)
        session.type(PREFIX + 'l')
        life = session.wait(r'^\[console\] +\S+ scheduler +\w+ +life (\d+)', 10)
        if life and life[1] != '1':
            break
    got = measure(session, int(session.expect(r'^\[two\] spin: (\d+)\r?$')[1]) + BEGIN, UNITS // 3)
    session.leave()
    tap.check('credit2 has a second life', bool(life) and life[1] == '2')
    report(f'the same, credit2 having been stopped and started again: {got:.2f} to 1')
    tap.check('with credit2 in its second life: 3 to 1', abs(got / 3 - 1) < 0.05)


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
        restarted(tap)


if __name__ == '__main__':
    main()
