#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Services are killed in every way, one after the other, under two Linux guests that compute on both CPUs, and under
a third one that uses its devices without a pause; a fourth one reboots all the time. Nobody notices. TAP on standard
output.

    kills.py COUNT [SEED]       kills of each service
"""
import hashlib
import re
import sys
import time

from keel import PREFIX, Failure, Tap, console, guest, report, service, system

SUM = hashlib.md5(''.join(f'{n}\n' for n in range(1, 401)).encode()).hexdigest()
# Pipes from CPU to CPU; a round says its number, or what was wrong.
LOOP = (f'w() {{ i=0; while [ -e /tmp/go ]; do i=$((i + 1)); '
        f's=$(taskset $1 seq 1 400 | taskset $2 cat | taskset $1 md5sum); '
        f'[ "$s" = "{SUM}  -" ] && echo "{{0}} $1 round $i." || echo "{{0}} WRONG $s"; usleep 20000; done; }}; '
        'touch /tmp/go; w 1 2 & w 2 1 &')
VICTIMS = ['console', 'scheduler', 'linux1.devices', 'linux2.devices', 'stall.devices']
# Deadlines are in real time here, whatever the host gives QEMU of it: the console's, behind a UART whose each byte is
# QEMU's work, is longer.
LIVES = 'deadline-ms = <100>; restart { limit = <1000000>; };'
CONSOLE_LIVES = LIVES.replace('<100>', '<200>')
GOAL_MS = 250


def linux(name):
    return guest(name, 'linux-arm64', 'ramdisk = "busybox-arm64.cpio"; bootargs = "console=ttyAMA0 panic=-1"; '
                 f'cpus = <2>; emulation {{ {LIVES} }};', '512M')


def the_system(count, seed):
    rights = ' '.join(f'{name} {{ allow = "read", "registers", "stop", "watch"; }};' for name in VICTIMS)
    names = ', '.join(f'"{name}"' for name in VICTIMS)
    return system(console(CONSOLE_LIVES), service('scheduler', 'scheduler-equal', LIVES),
                  service('saboteur', 'test-saboteur', f'args = "count={count}", "every=40", "seed={seed}", {names}; '
                          f'start = "later"; rights {{ {rights} }};'),
                  linux('linux1'), linux('linux2'), guest('stall', more=f'emulation {{ {LIVES} }};'), guest('reset'))


def domains(session):
    """The list of domains: {name: (state, life, KiB)}, and the number of each console."""
    session.wait_quiet(0.2)
    session.type(PREFIX + 'l')
    session.expect(r'^\[console\] .* reset\.devices .*KiB')
    text = session.output[session.output.rindex(' - console ') - 20:]
    found = re.findall(r'^\[console\] +(\S+) (\S+) +(\w+) +life (\d+), .* (\d+) KiB', text, re.MULTILINE)
    return ({name: (state, int(life), int(kib)) for _, name, state, life, kib in found},
            {name: number.rstrip('*') for number, name, *_ in found})


def doubled_in(text):
    """The text with each of its bytes twice."""
    return [text[:i + 1] + text[i:] for i in range(len(text))]


def shown(name, out):
    """What a console showed. A line that stayed incomplete is broken with a backslash: it goes on in the next piece, or
    is drawn again if the console has the focus."""
    prefixes = tuple([f'[{name}] ', *doubled_in(f'[{name}] ')])
    text, pending = '', ''
    # While there is no console the builder speaks by the kernel, wherever the cursor is; what it had said through the console
    # without the end of the line it says again, and that ends the line.
    out = re.sub(r'^(\[builder\] .+?)builder: .*\n', r'\1\n', out.replace('\r', ''), flags=re.MULTILINE)
    for line in re.sub(r'(?<!\] )builder: .*\n', '', out).split('\n'):
        if line.startswith(prefixes):
            pending += line.partition('] ')[2]
            if not pending.endswith('\\'):
                text += pending + '\n'
                pending = ''
            pending = pending.rstrip('\\')
        elif not line.startswith('[') and not line.endswith('\\'):
            text += line + '\n'
    return text + pending + '\n'


def damage(out):
    """Lines of work that are not there, and how many are there with one byte doubled."""
    lost, doubled = [], 0
    for name in ('linux1', 'linux2'):
        text = shown(name, out)
        for cpu in '12':
            rounds = [int(n) for n in re.findall(rf'{name} {cpu} round (\d+)\.', text)]
            seen = [n for n in rounds if n - 1 in rounds or n + 1 in rounds]  # a doubled digit is no round
            missing = [n for n in range(min(seen), max(seen) + 1) if n not in rounds]
            for n in missing:
                line = f'{name} {cpu} round {n}.'
                if any(other in text for other in doubled_in(line)):
                    doubled += 1
                else:
                    lost.append(line)
            # The focused line is drawn again if it was broken; and with a digit twice, a round looks like another.
            more = {n for n in rounds if rounds.count(n) > 1 and
                    not any(str(n) in doubled_in(str(m)) for m in missing)}
            lost += [f'{name} {cpu} round {n} comes {rounds.count(n)} times' for n in more if name == 'linux2']
    return lost, doubled


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with Tap() as tap:
        session = tap.session(the_system(count, seed), cpus=2)
        session.expect(r'^\[linux2\] Keel guest ready', anywhere=True)
        session.expect(r'^Keel guest ready', anywhere=True)
        session.expect(r'stall: round')
        before, numbers = domains(session)
        for name in ('linux2', 'linux1'):
            session.key(numbers[name], rf'focus: \d+ {name}')
            session.type('dmesg -n 1\r')
            session.type(LOOP.replace('{0}', name) + '\r')
            session.expect(rf'{name} . round 1\.\r')
        session.key(numbers['saboteur'], r'focus: \d+ saboteur')
        session.type(PREFIX + 'r')
        session.expect(r'5 victims')
        session.key(numbers['linux1'], r'focus: \d+ linux1')
        start, typed, lost_keys, alive, first = time.monotonic(), 0, 0, True, len(session.output)
        while alive and not session.wait(r'\[saboteur\] done', 1, anywhere=True):
            typed += 1
            session.type(f'expr {typed} + 1000000\r')
            answers = '|'.join([f'{1000000 + typed}', *doubled_in(f'{1000000 + typed}')])
            lost_keys += not session.wait(rf'({answers})\r', 30)
            alive = session.wait(r'linux2 . round \d+\.\r') and session.wait(r'linux1 . round \d+\.\r')
        seconds = time.monotonic() - start
        tap.check(f'the guests go on through it all ({typed} lines typed)', alive)
        time.sleep(1)
        for name in ('linux1', 'linux2'):
            session.key(numbers[name], rf'focus: \d+ {name}')
            session.type('rm /tmp/go; wait; echo end"ed" $(nproc)\r')
            tap.check(f'{name} can be told to end', session.wait(r'ended 2\r', 60))
        after, _ = domains(session)
        stalls = re.findall(r'stall: round (\d+), longest (\d+) us, (\d+) wrong', session.output)
        session.leave()

        out = session.output[first:]
        tap.check('no wrong sum', 'WRONG' not in out.replace('WRONG $s', ''))
        tap.check(f'no wrong register in {stalls[-1][0]} rounds', int(stalls[-1][2]) == 0)
        lost, doubled = damage(out)
        rounds = len(re.findall(r' round \d+\.\r\n', out))
        tap.check(f'{rounds} lines, none lost: {lost[:9]}', not lost)
        # The console cannot know whether a byte went out that it died over.
        tap.check(f'{doubled} of them have a byte twice, in as many lives of the console',
                  doubled <= after['console'][1] - before['console'][1])
        tap.check('nothing of a guest was dropped', not re.search(r'(linux\d|stall|reset) dropped', out))
        tap.check(f'no key was lost: {typed - lost_keys} of {typed} lines were answered', lost_keys == 0)
        ends = {name: after[name][1] - before[name][1] for name in VICTIMS}
        tap.check(f'each was killed {count} times: {ends}', all(n >= count for n in ends.values()))
        reboots = after['reset'][1] - before['reset'][1]
        tap.check(f'a guest rebooted {reboots} times', reboots >= min(50, 5 * count) and reboots >= count // 5)
        tap.check('every page is where it was', {name: kib for name, (_, _, kib) in before.items() if name != 'saboteur'}
                  == {name: kib for name, (_, _, kib) in after.items() if name != 'saboteur'})
        report(f'{count} kills of each of {len(VICTIMS)} services in {seconds:.0f} s: a guest\'s longest stall '
               f'{int(stalls[-1][1]) / 1000:.0f} ms (goal {GOAL_MS}), {rounds} rounds of work, {doubled} bytes doubled, '
               f'{reboots} reboots')


if __name__ == '__main__':
    main()
