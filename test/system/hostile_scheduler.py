#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scheduler of one CPU that is bad in every way there is (services/tyrant.c), in a life each: whoever could run there runs within the time that its
configuration says, hard limits hold unless that lets them fall, the supervisor starts it again, and 100 ms later its guests have equal shares. All
work is checked. On two CPUs the other one sees nothing of it; since QEMU with -icount runs them one after the other, turns are late by
milliseconds there, and the limits are wider. TAP on standard output.

    hostile_scheduler.py CPUS
"""
import re
import sys

from keel import Tap, guest, report, service, system

STARVING_MS = 100
FAIR_MS = 20  # whoever is not starved, with turns of 1 ms, and restarts
LATE_MS = 20  # QEMU, with two CPUs
LIFE = re.compile(r'longest ([\d ]+) us, shares (\d+) (\d+) %, afterwards (\d+) %')

# What it does; how its life ends; what must be taken and refused; whose limits make which guest wait longer.
WAYS = [
    ('crashes', 'faulted', None),
    ('hangs', 'missed its deadline: it does not take its events', None),
    ('is killed', 'was stopped', None),
    ('floods', 'exit', lambda taken, refused, slots: taken >= 10 and refused > 10 * taken),
    ('sends stale plans', 'exit', lambda taken, refused, slots: taken == 0 and refused >= 100),
    ('sends foreign plans', 'exit', lambda taken, refused, slots: 10 <= taken <= 30 and refused >= 60 and slots == 0),
    ('sends malformed plans', 'exit', lambda taken, refused, slots: taken >= 10 and refused >= 70 and slots == 6 * taken),
    ('leaves one out', 'exit', lambda taken, refused, slots: taken >= 10),
    ('leaves one out without an end', 'starved others', None),
    ('puts one behind the other', 'exit', lambda taken, refused, slots: taken >= 10),
    ('limits one hard', 'exit', lambda taken, refused, slots: taken >= 10),
    ('leaves one out with the longest lease', 'exit', lambda taken, refused, slots: taken == 1),
    ('limits the other hard', 'exit', lambda taken, refused, slots: taken >= 10),
]
STARVED = {'leaves one out', 'leaves one out without an end', 'puts one behind the other', 'limits one hard', 'leaves one out with the longest lease'}
LIMITED = {'limits the other hard'}  # whose configuration does not let limits fall


def the_system(cpus):
    first = f'starving-ms = <{STARVING_MS}>; cpu-affinity = <0>;'
    second = f'starving-ms = <{STARVING_MS}>; cpu-affinity = <1>;'
    own = 'role = "none"; console = "console"; cpu-affinity = <0>; starving-ms = <0>;'
    elsewhere = [guest(name, 'toil.bin', second) for name in ('three', 'four') if cpus == 2]
    return system(
        service('scheduler', 'test-tyrant', own + 'args = "8"; reserve = <500 10000>; deadline-ms = <100>; restart { limit = <100>; }; quota { starving = <3>; }; '
                'rights { self { allow = "schedule"; cpus = <0>; }; };'),
        service('witness', 'test-witness', own + f'args = "scheduler", "{1 + [name for name, *_ in WAYS].index("is killed")}"; '
                'reserve = <200 2000>; deadline-ms = <0>; '
                'rights { self { allow = "schedule"; }; scheduler { allow = "stop", "watch"; }; };'),
        guest('one', 'toil.bin', first + 'limits-fall;'), guest('two', 'toil.bin', first), *elsewhere)


def check(tap, name, good, life, said):
    gaps = [int(text) for text in life[1].split()]
    share, elsewhere, afterwards = [int(text) for text in life.groups()[1:]]
    alone = len(gaps) == 2
    limit = STARVING_MS * 1000 if alone else (STARVING_MS + LATE_MS) * 1000
    one, two = gaps[0], gaps[1]
    what = f'{name}' + (f' ({said[1]} plans taken, {said[2]} refused)' if said else '')
    beside = '' if alone else f', on the other CPU {max(gaps[2:]) / 1000:.1f}'
    report(f'a scheduler that {what}: longest wait {max(one, two) / 1000:.1f} ms (starving-ms {STARVING_MS}){beside}; '
           f'100 ms after its restart {afterwards} % to {100 - afterwards} %')
    if good:
        tap.check(f'{name}: what is good of it is taken, the rest refused', said and good(*map(int, said.groups())))
    tap.check(f'{name}: the first guest never waits longer than it may', one <= limit)
    if name in LIMITED:
        tap.check(f'{name}: the limit holds', two > 2 * limit)
    else:
        tap.check(f'{name}: nor does the second', two <= limit)
    if name in STARVED:
        tap.check(f'{name}: it did starve it', one >= limit * 0.5 and share < 35)
    elif alone and name not in LIMITED and name != 'hangs':
        tap.check(f'{name}: nobody starves', max(one, two) <= FAIR_MS * 1000)
    if alone:
        tap.check(f'{name}: 100 ms after it began again, shares are equal', 45 <= afterwards <= 55)
    else:
        tap.check(f'{name}: on the other CPU shares are equal, and waits no longer than QEMU makes them',
                  47 <= elsewhere <= 53 and max(gaps[2:]) <= 3 * LATE_MS * 1000)


def main():
    cpus = int(sys.argv[1])
    with Tap() as tap:
        session = tap.session(the_system(cpus), cpus=cpus, icount=True)
        for number, (name, end, good) in enumerate(WAYS, 1):
            said = session.expect(rf'scheduler\] {name}: (\d+) taken, (\d+) refused, (\d+) slots refused', 120) if good else None
            session.expect(rf'^(?:\[builder\] )?builder: scheduler .*({end})', 120)
            life = session.expect(rf'life {number}: longest .*%\r?$', 120)
            check(tap, name, good, LIFE.search(life[0]), said)
        session.leave()
        wrong = {name: int(count) for name, count in re.findall(r'^(?:\[(\w+)\] )?toil: round \d+, (\d+) wrong', session.output, re.MULTILINE)}
        tap.check(f'no wrong result: {wrong}', len(wrong) == 2 * cpus and not any(wrong.values()))


if __name__ == '__main__':
    main()
