#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""keel-trace on recordings that this makes: who ran when is known, the trace file is as the format wants it, pictures are SVG, and whatever
is wrong with a log is told. Argument: the program. TAP on standard output."""
import base64
import copy
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'system'))
sys.path.insert(0, str(HERE))
from keel import Tap  # noqa: E402
from trace_events import mistakes  # noqa: E402

HZ = 62500000
RUN, PREEMPTED, WAKE, EXIT, COMMIT, STATE, LOST = 1, 2, 3, 4, 5, 0xfe, 0xff
SLEEPS, READY, RUNS, BLOCKED, WOKEN = 1, 2, 3, 4, 0x100
NOBODY = 0xffff
ONE, TWO, SERVER = 0x300, 0x401, 0x500
NAMES = {3: 'one', 4: 'two'}  # 5 has none
BEGIN = 1000 * HZ
US = HZ // 1000000 * 2  # ticks of 2 us: HZ is no multiple of 1 MHz


def record(cpu, us, kind, who, owner=None, detail=0):
    """us: even."""
    return struct.pack('<QHHHH', BEGIN + us * US // 2 + us // 2, who, who if owner is None else owner, kind | cpu << 8, detail)


def at(us):
    """What record() writes for it, in us since the beginning."""
    return (us * US // 2 + us // 2) * 1000000 / HZ


SCENE = [record(0, 0, STATE, ONE, detail=RUNS), record(1, 0, STATE, TWO, detail=SLEEPS), record(1, 0, STATE, SERVER, detail=SLEEPS),
         record(1, 0, RUN, NOBODY), record(0, 2, RUN, ONE), record(0, 10, RUN, ONE), record(0, 20, WAKE, TWO, ONE, 1),
         record(1, 24, RUN, TWO), record(0, 100, RUN, SERVER, ONE),
         record(0, 110, RUN, ONE), record(1, 120, COMMIT, TWO), record(1, 200, PREEMPTED, TWO), record(1, 200, RUN, SERVER),
         record(0, 260, RUN, TWO), record(1, 300, RUN, NOBODY), record(0, 390, RUN, NOBODY)]


def log(records, head=None, noise=True, crc=None, count=None, prefix='[trace] '):
    data = b''.join(records)
    lines = [head or f'recording 1 frequency {HZ} cpus 2 from {BEGIN} until {BEGIN + 400 * US // 2 + 200}']
    lines += [f'domain {number} {name}' for number, name in NAMES.items()]
    lines += ['= ' + base64.b64encode(data[i:i + 144]).decode() for i in range(0, len(data), 144)]
    lines += [f'end {len(records) if count is None else count} records, crc {zlib.crc32(data) if crc is None else crc:08x}']
    text = ''
    for line in lines:
        text += f'{prefix}trace: {line}\r\n'
        text += '[one] trace of what I do: = 7\r\none: hello\r\n' if noise else ''
    return 'record 4\r\n' + text


def tell(text, *words):
    return subprocess.run([sys.argv[1], *map(str, words), '-'], input=text, capture_output=True, text=True, check=False)


def document(text, folder):
    path = folder / 'out.json'
    path.unlink(missing_ok=True)
    result = tell(text, '--json', path, '--svg', folder / 'out')
    return result, json.loads(path.read_text()) if path.exists() else None


def close(a, b):
    return abs(a - b) < 0.002


def test_scene(tap, folder):
    result, trace = document(log(SCENE), folder)
    tap.check('a recording is read', result.returncode == 0 and trace is not None)
    wrong = mistakes(trace)
    tap.check(f'as the format wants it: {wrong[:3]}', not wrong)
    events = trace['traceEvents']
    names = {(event['pid'], event['tid']): event['args']['name'] for event in events if event['name'] == 'thread_name'}
    processes = {event['pid']: event['args']['name'] for event in events if event['name'] == 'process_name'}
    spans = [(processes[e['pid']], names[e['pid'], e['tid']], e['name'], e['ts'], e['ts'] + e['dur']) for e in events if e['ph'] == 'X']

    def has(process, thread, name, begin, end):
        return any(span[:3] == (process, thread, name) and close(span[3], at(begin)) and close(span[4], at(end)) for span in spans)

    tap.check('who runs on CPU 0', has('CPUs', 'CPU 0', 'one/0', 0, 100) and has('CPUs', 'CPU 0', '5/0', 100, 110) and
              has('CPUs', 'CPU 0', 'one/0', 110, 260) and has('CPUs', 'CPU 0', 'two/1', 260, 390))
    tap.check('and on CPU 1', has('CPUs', 'CPU 1', 'two/1', 24, 200) and has('CPUs', 'CPU 1', '5/0', 200, 300))
    tap.check('what a vCPU does', has('two', 'vCPU 1', 'waits', 20, 24) and has('two', 'vCPU 1', 'runs on 1', 24, 200) and
              has('two', 'vCPU 1', 'waits', 200, 260) and has('one', 'vCPU 0', 'blocked', 100, 110))
    instants = [(names[e['pid'], e['tid']], e['name'], e['ts']) for e in events if e['ph'] == 'i']
    tap.check('wake-ups and commits', [instant[:2] for instant in instants] ==
              [('vCPU 1', 'woken by CPU 0'), ('CPU 1', 'commits the plan of CPU 0')] and close(instants[0][2], at(20)))
    ends = [e for e in events if e['ph'] == 'f']
    tap.check('from the wake-up to where it runs', len(ends) == 1 and names[ends[0]['pid'], ends[0]['tid']] == 'CPU 1' and
              close(ends[0]['ts'], at(24)))
    tap.check('figures', 'two/1 sleeps on 0: 76.5 %' in result.stdout and '1 exits 10.0' in result.stdout and '1 wake-ups 4.0' in result.stdout and 'CPU 0: ' in result.stdout)
    for picture in 'timeline', 'share', 'latency':
        root = xml.etree.ElementTree.parse(folder / f'out-{picture}.svg').getroot()
        texts = [text.text for text in root.iter('{http://www.w3.org/2000/svg}text')]
        tap.check(f'{picture} is a picture', root.tag.endswith('svg') and {'one.0', 'two.1', '5.0'} <= set(texts))
    timeline = xml.etree.ElementTree.parse(folder / 'out-timeline.svg').getroot()
    drawn = [rect for rect in timeline.iter('{http://www.w3.org/2000/svg}rect') if rect.get('height') == '20']
    tap.check('whose rectangles are the turns', len(drawn) == 6)


def test_lost(tap, folder):
    records = [record(0, 0, RUN, ONE), record(1, 2, RUN, TWO), record(0, 10, WAKE, SERVER, ONE), record(0, 20, LOST, 77, 0),
               record(0, 200, LOST, 0, 0), record(0, 200, RUN, SERVER), record(0, 300, RUN, NOBODY)]
    result, trace = document(log(records), folder)
    tap.check('lost records are told', '77 lost' in result.stdout and not mistakes(trace) and
              any(event['name'] == '77 records are lost' for event in trace['traceEvents']))
    waits = [event for event in trace['traceEvents'] if event['ph'] == 'X' and event['name'] == 'waits']
    tap.check('and nothing is made up of what was between', all(event['ts'] + event['dur'] <= at(20) + 0.01 for event in waits))


def test_random(tap, folder):
    """Whatever the records are, the file is as the format wants it."""
    bad = []
    for seed in range(30):
        chance = random.Random(seed)
        records, us = [], 0
        for _ in range(400):
            us += chance.choice([0, 0, 2, 20])
            records.append(record(chance.randrange(2), us, chance.choice([RUN, RUN, PREEMPTED, WAKE, EXIT, COMMIT, STATE, LOST]),
                                  chance.choice([ONE, TWO, SERVER, NOBODY, 0x311]), chance.choice([ONE, NOBODY]), chance.randrange(1200)))
        result, trace = document(log(records, head=f'recording 1 frequency {HZ} cpus 2 from {BEGIN} until {BEGIN + us * US}'), folder)
        bad += [f'{seed}: {result.stderr}'] if trace is None else [f'{seed}: {what}' for what in mistakes(trace)]
    tap.check(f'random recordings: {bad[:2]}', not bad)


def test_logs(tap):
    good = log(SCENE)
    tap.check('in focus: without the prefix', tell(log(SCENE, prefix='')).returncode == 0)
    other = log([record(0, 0, RUN, ONE)], head=f'recording 1 frequency {HZ} cpus 7 from {BEGIN} until {BEGIN + 100}')
    tap.check('of several the last one', tell(good + other).stdout.count('CPU ') == 7)
    tap.check('or the one that is asked for', tell(good + other, '--recording', 1).stdout.count('CPU ') == 2)
    lines = good.splitlines(keepends=True)
    data = next(n for n, line in enumerate(lines) if 'trace: = ' in line)
    damaged = lines[:data] + [lines[data].replace('= A', '= Q', 1).replace('AAA', 'AQA', 1)] + lines[data + 1:]
    short = lines[:data] + [lines[data][:62] + '\r\n'] + lines[data + 1:]
    for what, text, want in [
            ('nothing', 'hello\n', 'has no such recording: it has 0'),
            ('another one', good, 'has no such recording: it has 1'),
            ('cut', ''.join(lines[:data + 2]), 'the recording has no end'),
            ('a line is missing', ''.join(lines[:data] + lines[data + 1:]), 'records are missing'),
            ('a bit is wrong', ''.join(damaged), 'the checksum does not fit'),
            ('a line is cut', ''.join(short), f':{data + 1}: damaged'),
            ('a CPU that there is not', log([record(2, 0, RUN, ONE)]), 'a CPU that there is not'),
            ('no frequency', log(SCENE, head='recording 1 frequency 0 cpus 2 from 1 until 2'), 'has no such recording'),
            ('another version', log(SCENE, head='recording 2 frequency 5 cpus 2 from 1 until 2'), 'has no such recording')]:
        result = tell(text, *(['--recording', 2] if what == 'another one' else []))
        tap.check(f'told: {what}', result.returncode == 1 and want in result.stderr and not result.stdout)
    tap.check('told: an unknown option', 'Usage' in tell('', '--nonsense').stderr)


def test_validator(tap, folder):
    """It finds what is wrong."""
    good = document(log(SCENE), folder)[1]

    def first(trace, phase):
        return next(event for event in trace['traceEvents'] if event['ph'] == phase)

    def last(trace, phase):
        return [event for event in trace['traceEvents'] if event['ph'] == phase][-1]

    for what, change in [
            ('no duration', lambda t: first(t, 'X').pop('dur')),
            ('time as text', lambda t: first(t, 'X').update(ts='1')),
            ('no process', lambda t: first(t, 'X').pop('pid')),
            ('a phase that there is not', lambda t: first(t, 'i').update(ph='Y')),
            ('a scope that there is not', lambda t: first(t, 'i').update(s='x')),
            ('a track without a name', lambda t: first(t, 'X').update(tid=77)),
            ('metadata without its argument', lambda t: first(t, 'M').update(args={})),
            ('spans that overlap', lambda t: first(t, 'X').update(dur=150.0)),
            ('time that goes back', lambda t: last(t, 'X').update(ts=0.0)),
            ('a flow without an end', lambda t: t['traceEvents'].remove(first(t, 'f'))),
            ('a flow without a beginning', lambda t: t['traceEvents'].remove(first(t, 's'))),
            ('no events', lambda t: t.pop('traceEvents'))]:
        bad = copy.deepcopy(good)
        change(bad)
        tap.check(f'the check finds {what}', mistakes(bad))


def main():
    with Tap() as tap, tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        test_scene(tap, folder)
        test_lost(tap, folder)
        test_random(tap, folder)
        test_logs(tap)
        test_validator(tap, folder)


if __name__ == '__main__':
    main()
