#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Messages of all sizes under death: five services and a guest send as fast as they can to two services, one of which
has one ring for all of them and one a ring for each. The senders are killed all the time, the guest reboots itself in
the middle of sending. What the kernel took arrived once, in order, and whole; nothing else did. TAP on standard output.

    argo_stress.py MESSAGES SECONDS

at least so many messages, in at least so many seconds of the system's own time.
"""
import re
import sys
import time

from keel import PREFIX, Tap, console, guest, report, service, system

SOURCES = [f'source{n}' for n in range(1, 6)]
SINKS = {'shared': '2M', 'own': '20M'}
RESTART = 'restart { limit = <1000000>; };'
FOR_EVER = f'deadline-ms = <0>; {RESTART}'
KILL = 7  # of saboteur.c
LIVES = 1200  # of each sender at most, about: stress.h can tell 2,046 apart
PARTS = 10  # of the time: in each of them each sender dies, in the last second one of them
HANGS = 120  # seconds


def the_system(messages, seconds):
    """Sinks and the guest at the ids of stress.h."""
    names = ', '.join(f'"{name}"' for name in SOURCES)
    sinks = ', '.join(f'"{name}:7"' for name in SINKS)
    stops = ', '.join(f'"{name}:9"' for name in SOURCES)
    own_args = ', '.join(f'"{name}"' for name in SINKS)
    every = max(20, seconds * 1000 // (LIVES * len(SOURCES)))
    rights = ' '.join(f'{name} {{ allow = "stop", "watch"; }};' for name in SOURCES)
    return system(
        console('args = "focus=saboteur";'),
        *(service(name, 'test-stress-sink', f'memory = "{memory}"; provides = <7 9>; sends = {stops}; deadline-ms = <0>; '
                  f'args = "{name}", "{messages // 2}", "{seconds}", {names}, "guests", "fickle";') for name, memory in SINKS.items()),
        guest('fickle', more=f'cpus = <2>; sends = {sinks}; {RESTART}'),
        *(service(name, 'test-stress-source', f'memory = "5M"; provides = <9>; sends = {sinks}; '
                  f'args = {own_args}; {FOR_EVER}') for name in SOURCES),
        service('saboteur', 'test-saboteur', f'args = "count=1000000", "every={every}", "only={KILL}", {names}; '
                f'start = "later"; rights {{ {rights} }};'))


def kib(session):
    """How much each domain has, and in which life it is."""
    session.type(PREFIX + 'l')
    session.expect(r'^\[console\] .* saboteur .*KiB')
    text = session.output[session.output.rindex(' - console ') - 20:]
    return {name: (int(life), int(size)) for name, life, size in
            re.findall(r'^\[console\] +\S+ (\S+) +\w+ +life (\d+), .* (\d+) KiB', text, re.MULTILINE)}


def until_enough(session, seconds):
    """{sink: (messages, milliseconds)}; and who was killed until then, with the second of it, as it was seen here."""
    kills, seen, enough, start = [], len(session.output), {}, time.monotonic()
    while len(enough) < len(SINKS) and time.monotonic() - start < 10 * seconds + HANGS:
        told = session.wait(r'^\[(\w+)\] enough: (\d+) messages in (\d+) ms', 0.2)
        if told:
            enough[told[1]] = int(told[2]), int(told[3])
        end = session.output.rindex('\n')
        kills += [(time.monotonic() - start, name) for name in
                  re.findall(r'^\d+: (\w+) is killed', session.output[seen:end], re.MULTILINE)]
        seen = end
    return enough, kills, time.monotonic() - start


def main():
    messages, seconds = map(int, sys.argv[1:])
    with Tap() as tap:
        session = tap.session(the_system(messages, seconds), cpus=4)
        for name in SINKS:
            session.expect(rf'^\[{name}\] takes messages', anywhere=True)
        before = kib(session)
        session.key('r', r'5 victims')
        enough, kills, took = until_enough(session, seconds)
        done = {name: session.expect(rf'^\[{name}\] done: (\d+) messages, (\d+) corrupt, (\d+) pages held, (\d+) then, '
                                     r'rings left (\d+), then (\d+)', HANGS, anywhere=True) for name in SINKS}
        session.key('k', r'builder: saboteur was stopped')
        session.expect(r'fickle resets(?s:.*?)fickle resets')  # and by then the last one that was killed lives again
        after = kib(session)
        session.leave()
        for sink in SINKS:
            tap.check(f'{sink}: at least {messages // 2} messages in {seconds} s: {enough.get(sink)}', sink in enough and
                      enough[sink][0] >= messages // 2 and enough[sink][1] >= 1000 * seconds)
        parts = [[name for when, name in kills if part <= when * PARTS / took < part + 1] for part in range(PARTS)]
        tap.check(f'all the time senders are killed, each in each part of it: {[len(part) for part in parts]}',
                  all(set(part) == set(SOURCES) for part in parts))
        tap.check(f'to the end: the last one {took - kills[-1][0]:.1f} s before' if kills else 'to the end',
                  kills and took - kills[-1][0] < 2)
        longest, total, size = 0, 0, 0
        for sink in SINKS:
            for source in (*SOURCES, 'fickle'):
                told = re.search(rf'^\[{sink}\] {source}: (\d+) messages, (\d+) bytes, longest (\d+), (\d+) lives, (\d+) wrong, '
                                 r'(\d+) lost, (\d+) doubled, (\d+) disorder, (\d+) missing, (\d+) unheard', session.output,
                                 re.MULTILINE)
                n, more, most, lives, *bad, unheard = map(int, told.groups())
                tap.check(f'{source} to {sink}: {n} messages of {lives} lives, longest {most}; none wrong, lost, doubled, '
                          f'out of order or missing: {bad}; {unheard} that a sender died over', lives >= PARTS and not any(bad))
                longest, total, size = max(longest, most), total + n, size + more
        for sink, match in done.items():
            _, corrupt, held, then, left, finally_ = map(int, match.groups())
            tap.check(f'{sink}: no ring had to be emptied', corrupt == 0)
            tap.check(f'{sink}: {held} pages were held by its rings, none is any more', held > 0 and then == 0)
            tap.check(f'{sink}: the kernel has pages for {left} more rings, as before', 0 < left == finally_)
        tap.check(f'{total} messages', total >= messages)
        tap.check('the longest that there is was among them', longest == 0xFFFFC0 - 32)
        deaths = {name: after[name][0] - before[name][0] for name in (*SOURCES, 'fickle')}
        tap.check(f'deaths: {deaths}', sum(n for name, n in deaths.items() if name != 'fickle') >= len(kills) and
                  deaths['fickle'] >= PARTS)
        tap.check('every page is where it was', {name: n for name, (_, n) in before.items() if name != 'saboteur'} ==
                  {name: n for name, (_, n) in after.items() if name != 'saboteur'})
        tap.check('nobody complains', 'FAILED' not in session.output and 'does not want' not in session.output)
        report(f'Argo under death, 4 CPUs, 8 domains: {total} messages, {size >> 20} MiB, in {took:.0f} s; '
               f'{sum(deaths.values())} senders died; all that was acknowledged arrived once, in order')


if __name__ == '__main__':
    main()
