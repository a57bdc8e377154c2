#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Messages of all sizes under death: five services and a guest send as fast as they can to two services, one of which
has one ring for all of them and one a ring for each. The senders are killed all the time, the guest reboots itself in
the middle of sending. What the kernel took arrived once, in order, and whole; nothing else did. TAP on standard output.

    argo_stress.py MESSAGES KILLS

at least so many messages, and kills of each sender.
"""
import re
import sys
import time

from keel import PREFIX, Tap, console, guest, report, service, system

SOURCES = [f'source{n}' for n in range(1, 6)]
SINKS = {'shared': '2M', 'own': '20M'}
RESTART = 'restart { limit = <1000000>; };'
LIVES = f'deadline-ms = <0>; {RESTART}'
KILL = 7  # of saboteur.c
SECONDS = 3000


def the_system(messages, kills):
    """Sinks and the guest at the ids of stress.h."""
    names = ', '.join(f'"{name}"' for name in SOURCES)
    sinks = ', '.join(f'"{name}:7"' for name in SINKS)
    stops = ', '.join(f'"{name}:9"' for name in SOURCES)
    own_args = ', '.join(f'"{name}"' for name in SINKS)
    rights = ' '.join(f'{name} {{ allow = "stop", "watch"; }};' for name in SOURCES)
    return system(
        console('args = "focus=saboteur";'),
        *(service(name, 'test-stress-sink', f'memory = "{memory}"; provides = <7 9>; sends = {stops}; deadline-ms = <0>; '
                  f'args = "{name}", "{messages // 2}", {names}, "guests", "fickle";') for name, memory in SINKS.items()),
        guest('fickle', more=f'cpus = <2>; sends = {sinks}; {RESTART}'),
        *(service(name, 'test-stress-source', f'memory = "5M"; provides = <9>; sends = {sinks}; '
                  f'args = {own_args}; {LIVES}') for name in SOURCES),
        service('saboteur', 'test-saboteur', f'args = "count={kills}", "every=20", "only={KILL}", {names}; '
                f'start = "later"; rights {{ {rights} }};'))


def kib(session):
    """How much each domain has, and in which life it is."""
    session.type(PREFIX + 'l')
    session.expect(r'^\[console\] .* saboteur .*KiB')
    text = session.output[session.output.rindex(' - console ') - 20:]
    return {name: (int(life), int(size)) for name, life, size in
            re.findall(r'^\[console\] +\S+ (\S+) +\w+ +life (\d+), .* (\d+) KiB', text, re.MULTILINE)}


def main():
    messages, kills = map(int, sys.argv[1:])
    with Tap() as tap:
        session = tap.session(the_system(messages, kills), cpus=4)
        for name in SINKS:
            session.expect(rf'^\[{name}\] takes messages', anywhere=True)
        before, start = kib(session), time.monotonic()
        session.key('r', r'5 victims')
        done = {name: session.expect(rf'^\[{name}\] done: (\d+) messages, (\d+) corrupt, (\d+) pages held, (\d+) then, '
                                     r'rings left (\d+), then (\d+)', SECONDS, anywhere=True) for name in SINKS}
        seconds = time.monotonic() - start
        session.expect(r'^done', SECONDS, anywhere=True)
        after = kib(session)
        session.leave()
        longest, total, size, least = 0, 0, 0, min(kills // 4, 10)
        for sink in SINKS:
            for source in (*SOURCES, 'fickle'):
                told = re.search(rf'^\[{sink}\] {source}: (\d+) messages, (\d+) bytes, longest (\d+), (\d+) lives, (\d+) wrong, '
                                 r'(\d+) lost, (\d+) doubled, (\d+) disorder, (\d+) missing, (\d+) unheard', session.output,
                                 re.MULTILINE)
                n, more, most, lives, *bad, unheard = map(int, told.groups())
                tap.check(f'{source} to {sink}: {n} messages of {lives} lives, longest {most}; none wrong, lost, doubled, '
                          f'out of order or missing: {bad}; {unheard} that a sender died over', lives >= least and not any(bad))
                longest, total, size = max(longest, most), total + n, size + more
        for sink, match in done.items():
            _, corrupt, held, then, left, finally_ = map(int, match.groups())
            tap.check(f'{sink}: no ring had to be emptied', corrupt == 0)
            tap.check(f'{sink}: {held} pages were held by its rings, none is any more', held > 0 and then == 0)
            tap.check(f'{sink}: the kernel has pages for {left} more rings, as before', 0 < left == finally_)
        tap.check(f'{total} messages', total >= messages)
        tap.check('the longest that there is was among them', longest == 0xFFFFC0 - 32)
        deaths = {name: after[name][0] - before[name][0] for name in (*SOURCES, 'fickle')}
        tap.check(f'deaths: {deaths}', all(n >= kills for name, n in deaths.items() if name != 'fickle') and
                  deaths['fickle'] > 0)
        tap.check('every page is where it was', {name: n for name, (_, n) in before.items() if name != 'saboteur'} ==
                  {name: n for name, (_, n) in after.items() if name != 'saboteur'})
        tap.check('nobody complains', 'FAILED' not in session.output and 'does not want' not in session.output)
        report(f'Argo under death, 4 CPUs, 8 domains: {total} messages, {size >> 20} MiB, in {seconds:.0f} s; '
               f'{sum(deaths.values())} senders died; all that was acknowledged arrived once, in order')


if __name__ == '__main__':
    main()
