#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A devices service dies, or is stopped, while its guest waits for it, and is started again: what the guest waits for
is delivered once more and says so, is answered once, and the guest notices nothing. TAP on standard output."""
import re

from keel import PREFIX, Tap, guest, system

ROUNDS = range(1, 17)  # of test/guests/replay.c
ACCESSES = [(kind, number) for number in ROUNDS for kind in ('write', 'read')]
DELIVERY = re.compile(r'life (\d+): (write|read) (\d) (\d+) ([0-9a-f]+) ([0-9a-f]+)( again)?')
ANSWER = re.compile(r'answered ([0-9a-f]+): (-?\d+), (-?\d+)')
ENOENT = 2


def check_log(tap, lines):
    """What the service said in all its lives, in order."""
    deliveries, answers = {}, {}  # by sequence number
    order = {'0': [], '1': []}  # of each vCPU: what it asked, once each
    for line in lines:
        if match := DELIVERY.fullmatch(line):
            life, kind, vcpu, number, value, seq, again = match.groups()
            if seq not in deliveries:
                order[vcpu].append((kind, int(number)))
            deliveries.setdefault(seq, []).append((int(life), (kind, vcpu, number, value), bool(again)))
        elif match := ANSWER.fullmatch(line):
            answers.setdefault(match[1], []).append((int(match[2]), int(match[3])))
    for vcpu, asked in order.items():
        tap.check(f'CPU {vcpu}: each access is one, in order', asked == ACCESSES)
    several = [of for of in deliveries.values() if len(of) > 1]
    tap.check(f'{len(several)} were delivered again, with the same contents, and say so', len(several) > 4 and all(
        again for of in several for _, _, again in of[1:]) and all(len({what for _, what, _ in of}) == 1 for of in several))
    tap.check('once in a life', all(len({life for life, _, _ in of}) == len(of) for of in several))
    tap.check('in the first life none is said to be another', not any(
        again for of in deliveries.values() for life, _, again in of if life == 1))
    tap.check('each is answered once, and a second answer refused',
              answers.keys() == deliveries.keys() and all(of == [(0, -ENOENT)] for of in answers.values()))
    return deliveries


def main():
    with Tap() as tap:
        session = tap.session(system(guest(
            'replay', more='cpus = <2>; emulation { image = "test-replay"; restart { limit = <100>; }; };')), cpus=2)
        session.expect(r'holds it')
        session.type(PREFIX + 'l')
        number = session.expect(r'^\[console\] +(\d+)\*? replay.devices')[1]
        session.key(number, rf'focus: {number} replay.devices')
        session.key('k', r'builder: replay.devices was stopped')
        session.wait_quiet(2)  # meanwhile the other CPU asks nobody
        session.key('r', r'^life \d+: ')
        session.expect(r'replay: passed')
        session.end()
        lines = [line.strip('\r').removeprefix('[replay.devices] ') for line in session.output.split('\n')]
        tap.check('the guest notices nothing', 'replay: 16 reads and writes on each CPU' in lines and
                  'replay: passed' in lines)
        deliveries = check_log(tap, lines)
        asleep = [of[0][2] for of in deliveries.values() if of[0][1][:3] == ('write', '1', '13')]
        tap.check('what nobody was there for is delivered the first time', asleep == [False])


if __name__ == '__main__':
    main()
