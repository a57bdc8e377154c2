#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A researcher's path: the sample policy is copied and its rule changed (researcher/copy.py), simulated, run by one changed line of the
system's file, told another parameter on its console, looked at in a trace, and replaced by credit2. Under two guests: one works without a
pause, the other sleeps and works a tenth of its time. TAP on standard output.

    researcher.py SIMULATE KEEL-TRACE SAMPLE MINE       the programs; the two policies' sources
"""
import csv
import difflib
import pathlib
import subprocess
import sys
import tempfile

from keel import PREFIX, Tap, console, guest, service, system
from traces import AUDIT, NAP, mistakes, naps, recorded, shown

LINES_MOST = 200
WORKLOAD = """\
cpus 1
time 2s
warm-up 500ms
set light=50
guest spin busy
guest nap periodic 1ms 100us
"""


def source(tap, sample, mine):
    before, after = (pathlib.Path(path).read_text().splitlines() for path in (sample, mine))
    changed = [line for line in difflib.ndiff([line.replace('sample', 'mine') for line in before], after) if line[0] in '+-']
    tap.check(f'the sample is copied: {len(after)} lines, of at most {LINES_MOST}', len(after) <= LINES_MOST)
    tap.check('and one rule is changed', len(changed) <= 4)


def share_of_sleeper(simulate, policy):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'workload.txt'
        path.write_text(WORKLOAD)
        done = subprocess.run([simulate, '--policy', policy, path], capture_output=True, text=True, check=True)
    rows = csv.DictReader(line for line in done.stdout.splitlines() if not line.startswith('#'))
    return next(float(row['share_percent']) for row in rows if row['vcpu'].startswith('nap'))


def the_system():
    return system(console(), service('scheduler', 'scheduler-mine', 'args = "light=50";'),
                  service('better', 'scheduler-credit2', 'role = "scheduler"; start = "later";'),
                  service('trace', 'trace', 'memory = "2M"; ' + AUDIT), guest('spin'), guest('nap'))


def share_shown(session):
    """Of the one that sleeps, percent of the CPU, from now on."""
    session.focus('trace')
    session.type('reset\r')
    session.expect(r'^reset\r?$')
    for _ in range(3):
        session.expect(r'^\[spin\] spin: \d+')
    return shown(session)[2]['nap'][0]


def main():
    simulate, keel_trace, sample, mine = sys.argv[1:]
    with Tap() as tap:
        source(tap, sample, mine)
        shares = {policy: share_of_sleeper(simulate, policy) for policy in ('sample', 'mine')}
        tap.check(f'simulated: who sleeps has {shares["sample"]:.1f} % with the sample, {shares["mine"]:.1f} with the copy',
                  shares['sample'] > 9 and shares['mine'] < 1)

        session = tap.session(the_system(), cpus=1, icount=True)
        session.expect(r'^spin: 25\b')
        share = share_shown(session)
        tap.check(f'it runs: who sleeps has {share} %', share < 3)
        session.focus('scheduler')
        tap.check('it shows itself', session.answers('show', r'policy mine\b.*'))
        tap.check('a parameter is changed: all are equal now', session.answers('set light=100', 'set: light=100'))
        tap.check('and who sleeps is heard of', bool(session.wait(NAP.pattern)))
        share = share_shown(session)
        tap.check(f'it has {share} %', share > 8)

        session.focus('better')
        session.type(PREFIX + 'r')
        tap.check('credit2 takes its place', bool(session.wait(r'builder: better takes the place of scheduler', 60)))
        tap.check('and shows itself', session.answers('show', r'policy credit2\b.*'))
        naps(session, 1)
        session.focus('trace')
        trace = recorded(tap, session, 20, keel_trace)
        wrong = mistakes(trace or {})
        tap.check(f'the trace opens: {wrong[:3]}', trace and not wrong)
        names = {event['name'] for event in trace['traceEvents'] if event['ph'] == 'X'}
        tap.check('with both guests in it', {'spin/0', 'nap/0'} <= names)
        session.leave()


if __name__ == '__main__':
    main()
