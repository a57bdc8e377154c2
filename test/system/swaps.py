#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One policy takes another's place, again and again, and is killed once in each place, under two Linux guests that work without a pause and check
what comes of it: from the console, by starting a scheduler that was to start later, and by stopping it. The trace service says how long each guest
was kept waiting at most. What was set at run time goes with it. One that does not work gives way to the one before. With -icount, on one
CPU. TAP on standard output.

    swaps.py COUNT
"""
import hashlib
import re
import sys

from keel import PREFIX, Tap, console, guest, report, service, system

GUESTS = 'linux1', 'linux2'
POLICIES = {'scheduler': 'credit2', 'equal': 'equal', 'reserving': 'rtds'}
# The turn of each: credit2's slice-us; the kernel's slice, which equal takes; what a reservation of 4 in 10 ms leaves to others at a stretch.
SLICE_US = {'scheduler': 1000, 'equal': 5000, 'reserving': 6000}
SERVICES_US = 1500  # builder, new scheduler, console, trace: what they do meanwhile is between the guests' turns
ORDER = 'equal', 'reserving', 'scheduler', 'reserving', 'equal', 'scheduler'
SUM = hashlib.md5(''.join(f'{n}\n' for n in range(1, 401)).encode()).hexdigest()
STEPS = 1000


def last_of(steps):
    """As WORK computes it (the multiplier of ISO C's example of rand)."""
    x = 1
    for _ in range(steps):
        x = (x * 1103515245 + 12345) % 2**31
    return x


WORK = (f'i=0; while :; do i=$((i + 1)); n=0; x=1; while [ $n -lt {STEPS} ]; do x=$(((x * 1103515245 + 12345) % {2**31})); n=$((n + 1)); done; '
        f'[ "$x $(seq 1 400 | md5sum)" = "{last_of(STEPS)} {SUM}  -" ] || echo "WRO"NG $x; echo "{{0}} rou"nd $i.; done &')
ROUND = r'{} round \d+\.\r?\n'
WORST = r'^{}/0 [^\n]*?, \d+ waits [\d.]+ [\d.]+ [\d.]+ ([\d.]+)'


def linux(name):
    return guest(name, 'linux-arm64', 'ramdisk = "busybox-arm64.cpio"; bootargs = "console=ttyAMA0 panic=-1"; cpus = <1>;', '256M')


def later(name, image, more=''):
    return service(name, image, f'role = "scheduler"; start = "later"; {more} restart {{ limit = <1000000>; }};')


def the_system():
    return system(console(), service('scheduler', 'scheduler-credit2', 'restart { limit = <1000000>; };'), later('equal', 'scheduler-equal'),
                  later('reserving', 'scheduler-rtds', 'args = "budget-us.linux1=4000", "budget-us.linux2=4000";'),
                  service('broken', 'scheduler-rtds', 'role = "scheduler"; start = "later"; args = "nonsense=1"; restart { limit = <2>; };'),
                  service('trace', 'trace', 'memory = "2M"; rights { self { allow = "audit"; }; };'), *map(linux, GUESTS))


class Swaps:
    """The session, and what it is told."""

    def __init__(self, tap):
        self.session = tap.session(the_system(), cpus=1, icount=True)
        self.number = {}

    def numbers(self):
        self.session.type(PREFIX + 'l')
        self.session.expect(r'linux2\.devices .*KiB')
        self.number = {name: number for number, name in
                       re.findall(r'^\[console\] +(\d+)\*? (\S+)', self.session.output, re.MULTILINE)}

    def focus(self, name):
        self.session.key(self.number[name], rf'focus: \d+ {name}')

    def work(self):
        for name in GUESTS:
            self.session.expect(rf'^(\[{name}\] )?Keel guest ready', anywhere=True)
        self.numbers()
        for name in GUESTS:
            self.focus(name)
            self.session.type('dmesg -n 1\r' + WORK.replace('{0}', name) + '\r')
            self.session.expect(ROUND.format(name))

    def goes_on(self):
        """Both guests have got further."""
        return all(self.session.wait(ROUND.format(name), 30) for name in GUESTS for _ in range(2))

    def waited(self):
        """The longest time that a guest that could run did not, since the last reset, in us; the next one begins."""
        self.session.type(f'{PREFIX}{self.number["trace"]}show\rreset\r')
        self.session.expect(r'^[\d.]+ ms; times: ')
        longest = max(float(self.session.expect(WORST.format(name))[1]) for name in GUESTS)
        self.session.expect(r'^reset\r?$')
        return longest

    def restart(self, name, told):
        """Starts that policy, whether it runs or not; whether the builder says so, and it answers on its console."""
        self.session.type(f'{PREFIX}{self.number[name]}{PREFIX}r')
        return bool(self.session.wait(rf'builder: {name} {told}', 30)) and self.answers(name)

    def swap(self, name):
        return self.restart(name, 'takes the place of ')

    def kill(self, name):
        return self.restart(name, 'was stopped')

    def answers(self, name):
        return self.session.answers('show', rf'policy {POLICIES[name]}\b.*')


def again_and_again(tap, swaps, count):
    done = {'swaps': 0, 'kills': 0}
    longest = {}
    before, within = 'scheduler', True
    swaps.waited()
    for i in range(count):
        name = ORDER[i % len(ORDER)]
        for what, step, of in ('swaps', swaps.swap, (before, name)), ('kills', swaps.kill, (name,)):
            done[what] += step(name) and swaps.goes_on()
            us = swaps.waited()
            limit = 2 * max(SLICE_US[one] for one in of)
            key = what, ' to '.join(POLICIES[one] for one in of)
            longest[key] = max(longest.get(key, (0, 0)), (us, limit))
            within = within and us <= limit + SERVICES_US
        before = name
    tap.check(f'{count} swaps and {count} kills, each by its name and with its console: {done}', set(done.values()) == {count})
    for what in 'swaps', 'kills':
        report(f'{count} {what} of policies under two busy Linux guests: longest wait of one '
               + ', '.join(f'{key[1]} {us / 1000:.1f} ms ({limit / 1000:.0f})' for key, (us, limit) in longest.items() if key[0] == what))
    tap.check('no wait of more than two turns of the policy, or of the one before, and what services do meanwhile', within)


def settings_kept(tap, swaps):
    session = swaps.session
    swaps.restart('scheduler', '(takes the place of|was stopped)')
    tap.check('a weight is set', session.answers('set weight.linux1=300', 'set: weight.linux1=300'))
    for name in 'equal', 'scheduler':
        swaps.swap(name)
        tap.check(f'what was set on the first one\'s console, {POLICIES[name]} has, too',
                  session.answers('get weight.linux1', 'weight.linux1=300'))
    # One that does not work.
    swaps.focus('broken')
    session.type(PREFIX + 'r')
    tap.check('another one takes over,', bool(session.wait(r'builder: broken takes the place of scheduler', 30)))
    tap.check('says what it does not understand,',
              bool(session.wait(r'argument not understood: nonsense=1: nonsense: rtds has no such', 30)))
    tap.check('and is given up:', bool(session.wait(r'builder: broken is not started again: stays off', 60)))
    swaps.focus('scheduler')
    tap.check('the one before is back', swaps.answers('scheduler'))
    tap.check('with what was set', session.answers('get weight.linux1', 'weight.linux1=300'))
    tap.check('and is restarted as any other', swaps.kill('scheduler'))


def main():
    with Tap() as tap:
        swaps = Swaps(tap)
        swaps.work()
        again_and_again(tap, swaps, int(sys.argv[1]))
        settings_kept(tap, swaps)
        tap.check('both guests go on', swaps.goes_on())
        swaps.session.leave()
        rounds = {name: int(re.findall(rf'{name} round (\d+)\.', swaps.session.output)[-1]) for name in GUESTS}
        tap.check(f'no wrong result in {rounds}', 'WRONG' not in swaps.session.output)


if __name__ == '__main__':
    main()
