#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the trace service says of two guests whose load is known: one works without a pause and says how far it is, the other sleeps, and
says how late it finds itself awake. Recordings become trace files; the service is killed and comes back; records that are lost are noticed; who
may not audit gets nothing. Counted with -icount on one CPU. TAP on standard output.

    traces.py KEEL-TRACE
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from keel import ROOT, Tap, console, guest, report, service, system

sys.path.insert(0, str(ROOT / 'test/check'))
from trace_events import mistakes  # noqa: E402

AUDIT = 'rights { self { allow = "audit"; }; };'
UNIT_MS = 0.4     # of spin: 400,000 instructions
NAP = re.compile(r'nap: (\d+) naps, at most (\d+) ns late')
SLACK_US = 3.0    # from the end of the wait until the guest has read its counter
VCPU = re.compile(r'^(\S+)/0 \S+ on 0: ([\d.]+) %(?: lent ([\d.]+) %)?(?:, (\d+) waits ([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+))?'
                  r'(?:, (\d+) wake-ups ([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+))?(?:, (\d+) exits ([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+))?'
                  r'(?:, handed (\d+))?\r?$', re.MULTILINE)


def naps(session, n):
    """Waits for so many more lines of the guest."""
    for _ in range(n):
        session.expect(NAP.pattern)


def shown(session):
    """The figures by name; (ms, what is said of the CPU)."""
    session.type('show\r')
    head = session.expect(r'^([\d.]+) ms; times: .*\n(CPU 0: .*)\n')
    found = {}
    while True:
        match = session.expect(VCPU.pattern)
        found[match[1]] = [float(value) if value else 0 for value in match.groups()[1:]]
        if match[1] == 'nap.devices':
            return float(head[1]), head[2], found


def known_load(tap, session):
    naps(session, 1)
    session.type('reset\r')
    session.expect(r'^reset\r?$')
    begin = session.position
    naps(session, 2)
    ms, cpu, found = shown(session)
    end = session.position
    naps(session, 1)
    # The first one began before; the last one goes on behind.
    late = [int(ns) / 1000 for _, ns in NAP.findall(session.output[begin:session.position])]
    units = 25 * len(re.findall(r'^\[spin\] spin: \d+', session.output[begin:end], re.MULTILINE))
    spin, nap = found['spin'], found['nap']
    report(f'traces of {ms} ms: a guest that works has {spin[0]} % of the CPU (by itself: {100 * units * UNIT_MS / ms:.1f} %), one that sleeps '
           f'has {nap[0]} %, and wakes up {nap[7]:.0f} times, within {nap[8]} us (p50), {nap[9]} (p99), {nap[11]} (worst; by itself: {max(late)}); the service has {found["trace"][0]} %')
    tap.check('nothing was lost, and what the CPU did is known', ' 0 lost' in cpu and 'not known 0.0 %' in cpu)
    tap.check('the share of who works, by its own count', abs(spin[0] - 100 * units * UNIT_MS / ms) < 4)
    tap.check('the share of who sleeps: 100 us of each ms, and what it says', 9.8 < nap[0] < 11)
    tap.check('it wakes up once in a ms', abs(nap[7] - ms) < 0.03 * ms)
    tap.check('and is as late at most as it finds itself', max(late[1:-1]) - SLACK_US <= nap[11] <= max(late) + SLACK_US)
    tap.check('percentiles are in order', nap[8] <= nap[9] <= nap[10] <= nap[11] and spin[3] <= spin[4] <= spin[5] <= spin[6])
    tap.check('who works waits while the other one does, 100 us, and now and then for services, and is not woken then',
              0.9 * nap[7] < spin[2] < 1.5 * nap[7] and 60 < spin[3] < 300 and spin[7] <= 5)
    tap.check('each exit was answered at once, by a service that was handed the CPU', spin[12] > 100 and
              abs(spin[12] - found['spin.devices'][17]) <= 2 and spin[13] < 5)
    total = sum(figures[0] for figures in found.values())
    tap.check(f'together they have the CPU ({total:.1f} %)', 98 < total < 100.5)


def histograms(tap, session):
    session.type('histogram nap/0\r')
    count = int(session.expect(r'^nap/0 woke up (\d+) times')[1])
    session.expect(r'^nap/0 was answered')
    text = re.search(r'^nap/0 woke up.*?^nap/0 was', session.output[-6000:].replace('\r', ''), re.MULTILINE | re.DOTALL)[0]
    buckets = [(float(end), int(n)) for end, n in re.findall(r'^  up to +([\d.]+) us +(\d+) ', text, re.MULTILINE)]
    tap.check('the histogram has all wake-ups, in order', sum(n for _, n in buckets) == count and buckets == sorted(buckets))
    for line, answer in [('histogram nobody/0', "no vCPU 'nobody/0' was seen; .*"), ('record 0', 'not recorded: expected 1 to 60000 .*'),
                         ('trace me', 'not understood: trace; .*'), ('help', 'record MS .*')]:
        session.type(line + '\r')
        tap.check(f'the console: {line}', bool(session.wait(rf'^{answer}\r?$')))


def recorded(tap, session, ms, keel_trace=None):
    """A recording as a trace file; None: there is none. keel_trace: the program, or that of this test."""
    start = session.position
    session.type(f'record {ms}\r')
    if not session.wait(r'^trace: end \d+ records, crc \w+'):
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        result = subprocess.run([keel_trace or sys.argv[1], '--json', path / 'out.json', '--svg', path / 'out', '-'], input=session.output[start:],
                                capture_output=True, text=True, check=False)
        tap.check(f'keel-trace reads the recording of {ms} ms: {result.stderr.strip()}', result.returncode == 0)
        pictures = [path / f'out-{what}.svg' for what in ('timeline', 'share', 'latency')]
        tap.check('and draws it', all(picture.exists() and '</svg>' in picture.read_text() for picture in pictures))
        return json.loads((path / 'out.json').read_text()) if result.returncode == 0 else None


def trace_file(tap, session, ms):
    trace = recorded(tap, session, ms)
    if not tap.check('a recording is printed', trace):
        return
    wrong = mistakes(trace)
    tap.check(f'the trace file is as the format wants it: {wrong[:3]}', not wrong)
    events = trace['traceEvents']
    names = {event['pid']: event['args']['name'] for event in events if event['name'] == 'process_name'}
    ran = {}
    for event in events:
        if event['ph'] == 'X' and names[event['pid']] == 'CPUs':
            ran[event['name']] = ran.get(event['name'], 0) + event['dur'] / 1000
    wakes = sum(event['ph'] == 'i' and names[event['pid']] == 'nap' for event in events)
    tap.check(f'in it, too, one sleeps ({ran.get("nap/0", 0):.1f} ms) and one works ({ran.get("spin/0", 0):.1f})',
              0.08 * ms < ran.get('nap/0', 0) < 0.12 * ms and 0.75 * ms < ran.get('spin/0', 0) < 0.92 * ms)
    tap.check(f'{wakes} wake-ups', abs(wakes - ms) <= 2)
    flows = sum(event['ph'] == 'f' for event in events)
    tap.check('each with a flow to where it runs', flows >= wakes - 1)


def killed(tap, session):
    """In the middle of a recording."""
    session.type('record 500\r')
    session.key('r', r'builder: trace was stopped')
    naps(session, 2)
    ms, cpu, found = shown(session)
    tap.check(f'killed while it records, it begins anew ({ms} ms)', 0 < ms < 2000 and ' 0 lost' in cpu)
    tap.check('with figures', found['nap'][7] > 100 and found['nap'][0] > 9 and found['nap'][11] < 20000)
    wrong = mistakes(recorded(tap, session, 5) or {})
    tap.check(f'and recordings: {wrong[:3]}', not wrong)


def calls(tap, session):
    """The call itself, with the right and without; and the service over Argo."""
    for what, answer in [
            ('read', 1), ('one record is read again', 1), ('it is the same one', 1), ('far ahead: what there is', 1),
            ('before it began: what there is', 1), ('a CPU that there is not', 'Invalid argument'),
            ('a CPU that there is not', 'Invalid argument'), ('a CPU that there is not', 'Invalid argument'),
            ('too many', 'Invalid argument'), ('far too many', 'Invalid argument'), ('to nowhere', 'Bad address'),
            ('to the kernel', 'Bad address'), ('to what it may not write', 'Bad address'), ('no more of it', 0)]:
        tap.check(f'who may audit: {what}: {answer}', bool(session.wait(rf'^\[auditor\] {what}: {answer}\r?$')))
    tap.check('and that is all it says', not re.search(r'\[auditor\].*makes no sense', session.output) and
              bool(session.wait(r'^\[auditor\] done')))
    session.expect(r'^\[intruder\] done', anywhere=True)
    said = [line.split(': ')[-1] for line in session.said('intruder') if ': ' in line]
    tap.check('without the right: denied, whatever the arguments', said and set(said) == {'Permission denied'})
    for what in [r'cpu 0: of \d+ us idle \d+, unknown \d+; \d+ records, 0 lost', r'vcpu \d+/0: state 2, .*',
                 'histogram: as many as it says: 1', 'histogram of nothing: Invalid argument',
                 'histogram of nobody: No such file or directory', 'behind the last one: 0', 'reset: 0', 'and it is: 1', 'done']:
        tap.check(f'over Argo: {what}', bool(session.wait(rf'^\[asker\] {what}\r?$', anywhere=True)))
    tap.check('over Argo: not without the connection', bool(session.wait(r'^\[stranger\] no trace service: Permission denied', anywhere=True)))


def lost(tap):
    session = tap.session(system(console(), service('trace', 'trace', 'args = "every-ms=1500"; memory = "2M"; ' + AUDIT),
                                 guest('spin'), guest('nap'),
                                 service('denied', 'trace', 'restart { limit = <0>; };')), cpus=1, icount=True)
    tap.check('a trace service that may not audit says so, and ends',
              bool(session.wait(r"^\[denied\] traces can't be read: Permission denied; it needs .*", anywhere=True)))
    told = session.expect(r'^\[trace\] CPU 0: (\d+) records were lost', anywhere=True)
    session.focus('trace')
    _, cpu, found = shown(session)
    counted = int(re.search(r'(\d+) lost', cpu)[1])
    report(f'a trace service that looks every 1.5 s: {counted} records were lost')
    tap.check('what was lost is said, and counted', 0 < int(told[1]) <= counted)
    tap.check('and that is not known', float(re.search(r'not known ([\d.]+) %', cpu)[1]) > 10)
    tap.check('no wait is made up for it', found['nap'][11] < 20000 and found['spin'][6] < 20000)
    session.leave()


def two_cpus(tap):
    """At full speed: two CPUs write at once."""
    session = tap.session(system(console(), service('scheduler', 'scheduler-credit2'),
                                 service('trace', 'trace', 'memory = "2M"; ' + AUDIT), guest('spin', more='cpus = <1>;'), guest('nap')), cpus=2)
    session.expect(NAP.pattern)
    session.focus('trace')
    session.type('reset\r')
    naps(session, 2)
    trace = recorded(tap, session, 50)
    wrong = mistakes(trace or {})
    tap.check(f'two CPUs: the trace file is as the format wants it: {wrong[:3]}', not wrong)
    used = {event['tid'] for event in (trace or {'traceEvents': []})['traceEvents'] if event['ph'] == 'X' and event['pid'] == 1}
    tap.check('two CPUs: both run something', len(used) == 2)
    session.type('show\r')
    said = session.expect(r'^[\d.]+ ms; [^\n]*\n(?:[^\n]*\n)*?nap\.devices/0[^\n]*\n')[0]
    idle = sum(map(float, re.findall(r'^CPU \d: idle ([\d.]+) %, not known [\d.]+ %', said, re.MULTILINE)))
    ran = sum(map(float, re.findall(r'^\S+/\d+ \S+ on \d: ([\d.]+) %', said, re.MULTILINE)))
    tap.check(f'two CPUs: what ran ({ran:.1f} %) and what was idle ({idle:.1f} %) is all there is', 160 < ran + idle < 201)
    session.leave()


def main():
    with Tap() as tap:
        session = tap.session(system(
            console(), service('scheduler', 'scheduler-credit2'),
            service('trace', 'trace', 'provides = <1>; memory = "2M"; ' + AUDIT),
            service('auditor', 'test-tracer', 'args = "1", "read"; ' + AUDIT), service('intruder', 'test-tracer', 'args = "read";'),
            service('asker', 'test-tracer', 'uses = "trace"; args = "1", "ask";'), service('stranger', 'test-tracer', 'args = "ask"; restart { limit = <0>; };'),
            guest('spin'), guest('nap')), cpus=1, icount=True)
        calls(tap, session)
        session.focus('trace')
        known_load(tap, session)
        histograms(tap, session)
        trace_file(tap, session, 20)
        killed(tap, session)
        session.leave()
        lost(tap)
        two_cpus(tap)


if __name__ == '__main__':
    main()
