#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scheduler of one CPU that is bad in every way there is (services/tyrant.c), in a life each: whoever could run there runs within the time that its
configuration says, hard limits hold unless that lets them fall, the other CPU sees nothing of it, the supervisor starts it again, and then its guests have equal
shares. All work is checked. With -icount on two CPUs, which QEMU runs one after the other. TAP on standard output.
"""
import re

from keel import Tap, guest, report, service, system

STARVING_MS = 100
QUIET_MS = 30  # of the other CPU's guests, which share it in turns of 5 ms; the supervisor has up to 10 ms in a row there
LIFE = re.compile(r'life (\d+): longest (\d+) (\d+) (\d+) (\d+) us, shares (\d+) (\d+) %, afterwards (\d+) %')
DONE = re.compile(r': (\d+) taken, (\d+) refused, (\d+) slots refused')

# What it does; how its life ends; what must be taken and refused; whose limits make which guest wait longer.
WAYS = [
    ('crashes', 'faulted', None),
    ('hangs', 'missed its deadline: it does not take its events', None),
    ('is killed', 'was stopped', None),
    ('floods', 'exit', lambda taken, refused, slots: taken >= 100 and refused > 100),
    ('sends stale plans', 'exit', lambda taken, refused, slots: taken == 0 and refused >= 100),
    ('sends foreign plans', 'exit', lambda taken, refused, slots: 10 <= taken <= 30 and refused >= 60 and slots == 0),
    ('sends malformed plans', 'exit', lambda taken, refused, slots: taken >= 10 and refused >= 70 and slots == 6 * taken),
    ('leaves one out', 'exit', lambda taken, refused, slots: taken >= 10),
    ('leaves one out without an end', 'starved others', None),
    ('puts one behind the other', 'exit', lambda taken, refused, slots: taken >= 10),
    ('limits one hard', 'exit', lambda taken, refused, slots: taken >= 10),
    ('limits the other hard', 'exit', lambda taken, refused, slots: taken >= 10),
    ('leaves one out with the longest lease', 'exit', lambda taken, refused, slots: taken == 1),
]
STARVED = {'leaves one out', 'leaves one out without an end', 'puts one behind the other', 'limits one hard', 'leaves one out with the longest lease'}
LIMITED = {'limits the other hard'}  # whose configuration does not let limits fall


def the_system():
    first = f'starving-ms = <{STARVING_MS}>; cpu-affinity = <0>;'
    second = f'starving-ms = <{STARVING_MS}>; cpu-affinity = <1>;'
    own = 'role = "none"; console = "console"; cpu-affinity = <0>; starving-ms = <0>;'
    return system(
        service('scheduler', 'test-tyrant', own + 'args = "8"; reserve = <500 10000>; deadline-ms = <100>; restart { limit = <100>; }; quota { starving = <3>; }; '
                'rights { self { allow = "schedule"; cpus = <0>; }; };'),
        service('witness', 'test-witness', own + f'args = "scheduler", "{1 + [name for name, *_ in WAYS].index("is killed")}"; '
                'reserve = <200 2000>; deadline-ms = <0>; '
                'rights { self { allow = "schedule"; }; scheduler { allow = "stop", "watch"; }; };'),
        guest('one', 'toil.bin', first + 'limits-fall;'), guest('two', 'toil.bin', first),
        guest('three', 'toil.bin', second), guest('four', 'toil.bin', second))


def check(tap, name, good, life, said):
    *gaps, share, elsewhere, afterwards = [int(text) for text in life.groups()[1:]]
    limit = STARVING_MS * 1000
    one, two = gaps[0], gaps[1]
    what = f'{name}' + (f' ({said[1]} plans taken, {said[2]} refused)' if said else '')
    report(f'a scheduler that {what}: longest wait {max(one, two) / 1000:.1f} ms (starving-ms {STARVING_MS}), on the other CPU '
           f'{max(gaps[2:]) / 1000:.1f}; then {afterwards} % to {100 - afterwards} %')
    if good:
        tap.check(f'{name}: what is good of it is taken, the rest refused', said and good(*map(int, said.groups())))
    tap.check(f'{name}: the first guest never waits longer than it may', one <= limit)
    if name in LIMITED:
        tap.check(f'{name}: the limit holds', two > 2 * limit)
    else:
        tap.check(f'{name}: nor does the second', two <= limit)
    if name in STARVED:
        tap.check(f'{name}: it did starve it', one >= limit * 0.3 and share < 35)
    tap.check(f'{name}: on the other CPU nobody waits, and shares are equal', max(gaps[2:]) <= QUIET_MS * 1000 and 47 <= elsewhere <= 53)
    tap.check(f'{name}: 100 ms after it began again, shares are equal', 45 <= afterwards <= 55)


def main():
    with Tap() as tap:
        session = tap.session(the_system(), cpus=2, icount=True)
        for number, (name, end, good) in enumerate(WAYS, 1):
            said = session.expect(rf'scheduler\] {name}: (\d+) taken, (\d+) refused, (\d+) slots refused', 120) if good else None
            session.expect(rf'^(?:\[builder\] )?builder: scheduler .*({end})', 120)
            life = session.expect(rf'life {number}: longest .*%\r?$', 120)
            check(tap, name, good, LIFE.search(life[0]), said)
        session.leave()
        wrong = {name: int(count) for name, count in re.findall(r'\[(\w+)\] toil: round \d+, (\d+) wrong', session.output)}
        tap.check(f'no wrong result: {wrong}', len(wrong) == 4 and not any(wrong.values()))


if __name__ == '__main__':
    main()
