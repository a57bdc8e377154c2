#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several policies at once, each on its own CPUs, with guests that work without a pause and check what comes of it.

On four CPUs: credit2 on 0 and 1, arinc653 on 2, null on 3; who runs where. On two: credit2 on 0, which is stopped, replaced, then replaced by one
that plans what is not its own, floods the kernel with commits and starves its own guests; arinc653 on 1, where shares and waits, as the
trace service tells them, are the same all the time. With -icount. TAP on standard output.

    groups.py KEEL-TRACE
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from keel import Tap, console, guest, report, service, system

FRAME_US = 100000  # long beside QEMU's turns
WINDOWS = {'three': (0, 60000), 'four': (60000, 20000)}  # offset, length
IMAGES = {'scheduler': ('credit2', '"cap.two=20"'),
          'windows': ('arinc653', f'"frame-us={FRAME_US}", ' + ', '.join(
              f'"window-us.{name}={length}", "offset-us.{name}={offset}"' for name, (offset, length) in WINDOWS.items())),
          'alone': ('null', None)}
# By scheduler: its CPUs, its guests.
FOUR = {'scheduler': (0x3, ['one', 'two', 'five']), 'windows': (0x4, ['three', 'four']), 'alone': (0x8, ['six'])}
TWO = {'scheduler': (0x1, ['one', 'two']), 'windows': (0x2, ['three', 'four'])}
WANT = {'three': 60, 'four': 20}  # percent of the CPU
ERROR = 5                         # of a second: a part of a frame may be in it
WAIT_US = {'three': 40000, 'four': 80000}
LATE_US = 15000                   # and what QEMU lets the other CPU go on when a turn is over
GAP = re.compile(r'\[(\w+)\] gap: round \d+, latest \d+ us, longest \d+ us, (\d+) wrong')
VCPU = re.compile(r'^(\w+)/0 \S+ on \d: ([\d.]+) %(?: lent [\d.]+ %)?(?:, \d+ waits [\d.]+ [\d.]+ [\d.]+ ([\d.]+))?', re.MULTILINE)


def cpus_of(bits):
    return '<' + ' '.join(str(cpu) for cpu in range(bits.bit_length()) if bits >> cpu & 1) + '>'


def guests_of(groups):
    return {name: bits for bits, names in groups.values() for name in names}


def the_system(groups, *more):
    shared = 'cpu-affinity = <0>; reserve = <500 10000>;'
    nodes = []
    for name, (bits, _) in groups.items():
        policy, args = IMAGES[name]
        nodes.append(service(name, f'scheduler-{policy}', f'role = "scheduler"; schedules = {cpus_of(bits)}; '
                                                          + (f'args = {args};' if args else '')))
    return system(console(shared), service('trace', 'trace', f'memory = "2M"; {shared} rights {{ self {{ allow = "audit"; }}; }};'),
                  *nodes, *more, *(guest(name, 'gap.bin', f'cpu-affinity = {cpus_of(bits)};') for name, bits in guests_of(groups).items()))


def shown(tap, session, groups, name):
    """A scheduler's console: its CPUs, and who runs there."""
    bits, own = groups[name]
    session.focus(name)
    start = len(session.output)
    tap.check(f'{name} is {IMAGES[name][0]}', session.answers('show', rf'policy {IMAGES[name][0]}\b.*'))
    for guest_name in own:
        found = session.wait(rf'^{guest_name}/0 \w+ on (\d), cpus (0x\w+),', 20)
        tap.check(f'{name} has {guest_name}, on CPUs {bits:#x}', found and int(found[2], 16) == bits and bits >> int(found[1]) & 1)
    session.wait(rf'^{own[-1]}\.devices/0 ', 20)
    foreign = [other for other in guests_of(groups)
               if other not in own and re.search(rf'^{other}(\.devices)?/0', session.output[start:], re.MULTILINE)]
    tap.check(f'and nobody of the others {foreign}', not foreign)


def where(tap, session, groups, ms):
    """A recording: who runs on which CPUs."""
    session.focus('trace')
    start = session.position
    session.type(f'record {ms}\r')
    session.expect(r'^trace: end \d+ records, crc \w+')
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, 'out.json')
        subprocess.run([sys.argv[1], '--json', path, '-'], input=session.output[start:], text=True, check=True, capture_output=True)
        events = json.loads(path.read_text())['traceEvents']
    used = {name: 0 for name in guests_of(groups)}
    for event in events:
        name = event['name'].split('/')[0].removesuffix('.devices')
        if event['ph'] == 'X' and event['pid'] == 1 and name in used:
            used[name] |= 1 << event['tid'] - 1
    for name, bits in guests_of(groups).items():
        tap.check(f'{name} and its devices service run on CPUs {bits:#x} only: {used[name]:#x}', used[name] and not used[name] & ~bits)


def at_once(tap):
    session = tap.session(the_system(FOUR), cpus=4, icount=True)
    session.expect(r'^gap: round')  # the first guest has the focus
    for name in FOUR:
        shown(tap, session, FOUR, name)
    where(tap, session, FOUR, 100)
    session.leave()


def reset(session):
    session.focus('trace')
    session.type('reset\r')
    session.expect(r'^reset\r?$')


def figures(session, lines):
    """Of each guest: its share since then, and the longest that it waited; when the last guest has said so many lines, one in 100 ms."""
    for _ in range(lines):
        session.expect(r'^\[four\] gap: ')
    session.type('show\r')
    session.expect(r'^[\d.]+ ms; times: ')
    found = {}
    while len(found) < len(guests_of(TWO)):
        match = session.expect(VCPU.pattern)
        if match[1] in guests_of(TWO):
            found[match[1]] = float(match[2]), float(match[3] or 0)
    return found


def check(tap, what, found):
    report(f'{what}: ' + ', '.join(f'{name} has {share} %, waits at most {wait / 1000:.1f} ms' for name, (share, wait) in found.items()))
    for name, want in WANT.items():
        share, wait = found[name]
        tap.check(f'{what}: {name} has {want} % of a CPU: {share}', abs(share - want) < ERROR)
        tap.check(f'{what}: {name} waits at most {WAIT_US[name]} us: {wait}', wait < WAIT_US[name] + LATE_US)


def two_has(tap, what, found, least, most):
    """What the second guest has, by the first group's policy; what QEMU takes from a CPU while the kernel sets its timer is nobody's."""
    share = found['two'][0]
    tap.check(f'{what}: two has {least} to {most} % of a CPU: {share}', least < share < most)


def measured(tap, session, what, lines):
    """From now on, until the last guest has said so many lines."""
    reset(session)
    found = figures(session, lines)
    check(tap, what, found)
    return found


def replaced(tap):
    later = 'role = "scheduler"; schedules = <0>; start = "later";'
    session = tap.session(the_system(TWO, service('reserving', 'scheduler-rtds', later + ' args = ' + ', '.join(
                                         f'"period-us.{name}=5000", "budget-us.{name}=2000", "extratime.{name}=0"' for name in TWO['scheduler'][1]) + ';'),
                                     service('foreign', 'test-foreign', f'{later} args = "0", "2"; deadline-ms = <500>; '
                                                                        'restart { limit = <0>; };')), cpus=2, icount=True)
    session.expect(r'^\[four\] gap: round')
    for name in TWO:
        shown(tap, session, TWO, name)
    found = measured(tap, session, 'credit2 and arinc653', 10)
    two_has(tap, 'capped to 20 %', found, 10, 26)

    reset(session)
    session.focus('scheduler')
    session.key('r', r'builder: scheduler was stopped')
    session.focus('reserving')
    session.key('r', r'builder: reserving takes the place of scheduler')
    tap.check('the other one answers', session.answers('show', r'policy rtds\b.*'))
    session.focus('trace')
    check(tap, 'credit2 was restarted, and replaced', figures(session, 8))
    found = measured(tap, session, 'rtds and arinc653', 10)
    two_has(tap, 'with 2 of 5 ms', found, 30, 50)

    reset(session)
    session.focus('foreign')
    session.key('r', r'builder: foreign takes the place of reserving')
    for cpu in range(3):
        what = ['done', 'Permission denied', 'Invalid argument'][cpu]
        tap.check(f'who plans CPU 0 plans CPU {cpu}: {what}', bool(session.wait(rf'CPU {cpu}: {what}\r?$', 30)))
    tap.check('and is told of that only', bool(session.wait(r'sees CPUs 0x1\r?$', 30)))
    session.expect(r'builder: foreign missed its deadline')
    session.focus('trace')
    found = figures(session, 1)
    check(tap, 'a policy planned what is not its own, and committed without an end', found)
    tap.check(f'its own guests got nothing: {found["one"][0]}, {found["two"][0]} %', found['one'][0] + found['two'][0] < 50)
    tap.check('it is given up,', bool(session.wait(r'builder: foreign is not started again: stays off', anywhere=True)))
    session.focus('reserving')
    tap.check('and the one before is back', session.answers('show', r'policy rtds\b.*'))
    session.focus('scheduler')
    session.key('r', r'builder: scheduler takes the place of reserving')
    session.expect(r'^\[four\] gap: ')
    found = measured(tap, session, 'credit2 is back', 10)
    two_has(tap, 'capped again', found, 10, 26)
    where(tap, session, TWO, 100)
    told = GAP.findall(session.output)
    session.leave()
    tap.check('no wrong result', {name for name, _ in told} >= set(guests_of(TWO)) and all(wrong == '0' for _, wrong in told))


def main():
    with Tap() as tap:
        at_once(tap)
        replaced(tap)


if __name__ == '__main__':
    main()
