#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One policy takes another's place, again and again, under two guests that work without a pause and check what comes of it: from the
console, by starting a scheduler that was to start later. What was set at run time goes with it. One that does not work gives way to the one
before. With -icount, on one CPU. TAP on standard output.

    swaps.py COUNT
"""
import re
import sys

from keel import PREFIX, Tap, console, guest, report, service, system

GUESTS = [guest('one', 'gap.bin'), guest('two', 'gap.bin')]
POLICIES = {'scheduler': 'credit2', 'equal': 'equal', 'reserving': 'rtds'}
GOAL_US = 20000  # two turns of the policy that has the longest
GAP = re.compile(r'\[(one|two)\] gap: round (\d+), latest (\d+) us, longest \d+ us, (\d+) wrong')


def later(name, image, more=''):
    return service(name, image, 'role = "scheduler"; start = "later"; ' + more)


def the_system():
    return system(console(), service('scheduler', 'scheduler-credit2'), later('equal', 'scheduler-equal'),
                  later('reserving', 'scheduler-rtds', 'args = "budget-us.one=4000", "budget-us.two=4000";'),
                  later('broken', 'scheduler-rtds', 'args = "nonsense=1"; restart { limit = <2>; };'), *GUESTS)


def numbers(session):
    session.type(PREFIX + 'l')
    session.expect(r'two\.devices .*KiB')
    return {name: number for number, name in re.findall(r'^\[console\] +(\d+)\*? (\S+)', session.output, re.MULTILINE)}


def focus(session, number, name):
    session.key(number, rf'focus: \d+ {name}')


def gaps(session, start):
    """The longest time that either guest did not run, of those told from there on."""
    return max([int(match[3]) for match in GAP.finditer(session.output, start)], default=0)


def swap(session, number, name):
    """Whether the policy of that name takes over, and answers on its console."""
    focus(session, number[name], name)
    start = len(session.output)
    session.type(PREFIX + 'r')
    taken = session.wait(rf'builder: {name} takes the place of ', 30)
    answered = session.answers('show', rf'policy {POLICIES[name]}\b.*')
    for guest_name in 'one', 'two':  # both have told what the swap cost them
        answered = answered and bool(session.wait(rf'^\[{guest_name}\] gap: ', 30)) and bool(
            session.wait(rf'^\[{guest_name}\] gap: ', 30))
    return bool(taken) and answered, gaps(session, start)


def main():
    count = int(sys.argv[1])
    with Tap() as tap:
        session = tap.session(the_system(), cpus=1, icount=True)
        session.expect(r'^\[two\] gap: round')
        number = numbers(session)
        focus(session, number['scheduler'], 'scheduler')
        tap.check('a weight is set', session.answers('set weight.one=300', 'set: weight.one=300'))
        done, longest = 0, {}
        order = ['equal', 'reserving', 'scheduler', 'reserving', 'equal', 'scheduler']
        for i in range(count):
            name = order[i % len(order)]
            good, gap = swap(session, number, name)
            done += good
            longest[name] = max(longest.get(name, 0), gap)
        tap.check(f'{count} swaps, each by its name and with its console', done == count)
        report(f'{count} swaps of policies under two busy guests: longest gap '
               + ', '.join(f'{gap / 1000:.1f} ms to {POLICIES[name]}' for name, gap in longest.items())
               + f' (goal {GOAL_US // 1000})')
        tap.check('no gap of more than two turns', max(longest.values()) <= GOAL_US)
        for name in 'equal', 'scheduler':
            swap(session, number, name)
            tap.check(f'what was set on the first one\'s console, {POLICIES[name]} has, too',
                      session.answers('get weight.one', 'weight.one=300'))
        # One that does not work.
        focus(session, number['broken'], 'broken')
        session.type(PREFIX + 'r')
        tap.check('another one takes over,', bool(session.wait(r'builder: broken takes the place of scheduler', 30)))
        tap.check('says what it does not understand,',
                  bool(session.wait(r'argument not understood: nonsense=1: nonsense: rtds has no such', 30)))
        tap.check('and is given up:', bool(session.wait(r'builder: broken is not started again: stays off', 60)))
        focus(session, number['scheduler'], 'scheduler')
        tap.check('the one before is back', session.answers('show', r'policy credit2\b.*'))
        tap.check('with what was set', session.answers('get weight.one', 'weight.one=300'))
        session.key('r', r'builder: scheduler was stopped')
        tap.check('and is restarted as any other', session.answers('show', r'policy credit2\b.*'))
        found = GAP.findall(session.output)
        session.leave()
        rounds = {name: int(done) for name, done, _, _ in found}
        tap.check(f'no wrong result in {rounds}', len(rounds) == 2 and all(int(wrong) == 0 for *_, wrong in found))


if __name__ == '__main__':
    main()
