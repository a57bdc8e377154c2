#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How two busy guests share a CPU with each policy: 3 to 1 by weights, 4 to 1 by a cap; without the policy service it is 1 to 1.
Then parameters are changed while they run, on the scheduler's console and by another service, and survive the scheduler's death. Counted with -icount, so that it repeats. TAP on standard output."""
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


def now(session, units):
    """The share of the first guest from now on, when plans have changed."""
    return measure(session, int(session.expect(r'^\[two\] spin: (\d+)\r?$')[1]) + BEGIN, units)


def set_at_run_time(tap):
    session = tap.session(system(console(), service('scheduler', 'scheduler-credit2', 'args = "weight.one=768";'), *GUESTS),
                          cpus=1, icount=True)
    session.expect(rf'\[two\] spin: {BEGIN}\r?$')
    session.focus('scheduler')
    tap.check('the console: what parameters there are',
              session.answers('help', r'set PARAMETER=N, .*', r'  weight.DOMAIN, 1 to 65535', r'  slice-us, 200 to 500000'))
    tap.check('the console: what they are, and what each vCPU had',
              session.answers('show', r'policy credit2 ratelimit-us=500 slice-us=1000',
                              r'one/0 \w+ on 0, cpus 0x1, ran \d+\.\d+ s: weight=768 cap=0 cpus=0x\w+ soft=0x\w+', r'two/0 .*: weight=256 .*'))
    got = now(session, UNITS // 3)
    report(f'the same, while they run: at first {got:.2f} to 1')
    tap.check('before a weight is changed: 3 to 1', abs(got / 3 - 1) < 0.05)
    for line, answer in [('set weight.one=0', 'not set: weight: 0 is not 1 to 65535'),
                         ('set wait.one=1', 'not set: wait: credit2 has no such parameter, but weight cap .*'),
                         ('set weight.three=1', "not set: weight: there is no 'three'"),
                         ('set weight=1', r'not set: weight: is of a domain, expected weight\.NAME'),
                         ('set weight.one=much', "not set: weight: 'much' is no number"),
                         ('set weight.one/0=1', 'not set: weight: is of a domain, not of one vCPU'),
                         ('get cap.one', 'cap.one=0'),
                         ('weigh one', 'not understood: weigh; .*'),
                         ('set weight.one=2048 weight.two=512', 'set: weight.two=512')]:
        tap.check(f'the console: {line}', session.answers(line, answer))
    got = now(session, UNITS // 2)
    report(f'one weight set to 2048, the other to 512: {got:.2f} to 1')
    tap.check('after that: 4 to 1', abs(got / 4 - 1) < 0.05)
    session.key('r', r'builder: scheduler was stopped')  # and is started again at once
    tap.check('its next life has what was set', session.answers('get weight.two', r'weight.two=512'))
    got = now(session, UNITS // 2)
    report(f'the same in the next life of credit2: {got:.2f} to 1')
    tap.check('in its next life: 4 to 1', abs(got / 4 - 1) < 0.05)
    session.leave()


def set_by_a_service(tap):
    tuner = service('tuner', 'test-tuner', 'uses = "scheduler"; args = "list", "weight:4", "weight:4:1024", "weight:4", '
                                           '"weight:4:0", "weight:63:5", "weight:99:5", "speed:4:1";')
    session = tap.session(system(console(), service('scheduler', 'scheduler-credit2', 'provides = <1>; args = "weight.one=256";'),
                                 tuner, *GUESTS), cpus=1, icount=True)
    for what, line in [('its parameters', r'parameter weight, 1, 1 to 65535'), ('and of the machine', r'parameter ratelimit-us, 0, .*'),
                       ('run times', r'vcpu 4/0 ran \d+ us'),
                       ('a weight', 'weight of domain 4: +256'), ('it is changed', 'weight of domain 4: +1024'),
                       ('and read', 'weight of domain 4: +1024'),
                       ('out of range', 'weight of domain 4: weight: 0 is not 1 to 65535 *0'),
                       ('a domain that there is not', 'weight of domain 63: .*'),
                       ('no domain', 'weight of domain 99: weight: there is no such vCPU *0'),
                       ('no such parameter', 'speed of domain 4: speed: credit2 has no such parameter, .*'), ('all', 'done')]:
        tap.check(f'over Argo: {what}', bool(session.wait(rf'^\[tuner\] {line}\r?$', 20)))
    got = now(session, UNITS // 4)
    report(f'a weight changed by another service: {got:.2f} to 1')
    tap.check('changed by another service: 4 to 1', abs(got / 4 - 1) < 0.05)
    session.leave()
    session = tap.session(system(console(), service('scheduler', 'scheduler-credit2', 'provides = <1>;'),
                                 service('tuner', 'test-tuner', 'args = "weight:3";'), *GUESTS), cpus=1, icount=True)
    tap.check('over Argo: not without the right', bool(session.wait(r'^\[tuner\] no scheduler: .*', 20)))
    session.leave()


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
            ('with rtds, 6 and 2 of 10 ms',
             [service('scheduler', 'scheduler-rtds', 'args = "budget-us.one=6000", "extratime.one=0", "budget-us.two=2000", '
                                                     '"extratime.two=0";')], 3, 0.05),
            ('without a policy service', [], 1, 0.1),
        ]:
            got = ratio(tap, want, *services)
            report(f'time of two busy guests, {what}: {got:.2f} to 1')
            tap.check(f'{what}: {want} to 1', abs(got / want - 1) < error)
        restarted(tap)
        set_at_run_time(tap)
        set_by_a_service(tap)


if __name__ == '__main__':
    main()
