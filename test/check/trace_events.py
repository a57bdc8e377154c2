# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a trace file, by the published format ("Trace Event Format", Google, 2016), and by what viewers take for granted:
names for all tracks, the order of time, spans of a track that do not overlap, flows that begin and end in one."""
import collections

METADATA = {'process_name': ('name', str), 'process_labels': ('labels', str), 'process_sort_index': ('sort_index', int),
            'thread_name': ('name', str), 'thread_sort_index': ('sort_index', int)}
PHASES = {'X': {'name': str, 'cat': str, 'ts': float, 'dur': float},
          'i': {'name': str, 'cat': str, 'ts': float, 's': str},
          's': {'name': str, 'cat': str, 'ts': float, 'id': int},
          'f': {'name': str, 'cat': str, 'ts': float, 'id': int},
          'M': {'name': str, 'args': dict}}


def is_a(value, kind):
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) if kind is float else isinstance(value, kind)


def shape(event):
    """What is wrong with an event by itself."""
    if not isinstance(event, dict) or event.get('ph') not in PHASES:
        return 'no event of a phase that is used'
    for key, kind in {'pid': int, 'tid': int, **PHASES[event['ph']]}.items():
        if not is_a(event.get(key), kind):
            return f'{event["ph"]} without {key}, or not as {kind.__name__}'
    if event.get('ts', 0) < 0 or event.get('dur', 0) < 0:
        return 'a negative time'
    if event['ph'] == 'i' and event['s'] not in ('g', 'p', 't'):
        return f'an instant of scope {event["s"]}'
    if event['ph'] == 'f' and event.get('bp', 'e') != 'e':
        return f'a flow that binds to {event["bp"]}'
    if event['ph'] == 'M':
        key, kind = METADATA.get(event['name'], (None, None))
        if key is None or not is_a(event['args'].get(key), kind):
            return f'metadata {event["name"]}: unknown, or without its argument'
    return None


def flows(events, spans):
    begun = {}
    for event in events:
        key = event.get('cat'), event.get('name'), event.get('id')
        if event['ph'] == 's':
            if key in begun:
                yield f'flow {key} begins twice'
            begun[key] = event['ts']
        elif event['ph'] == 'f':
            if begun.pop(key, None) is None:
                yield f'flow {key} ends and has not begun'
            if not any(begin <= event['ts'] <= end for begin, end in spans[event['pid'], event['tid']]):
                yield f'flow {key} ends outside of all spans'
    for key in begun:
        yield f'flow {key} does not end'


def mistakes(document):
    """All that is wrong, in words; empty: nothing."""
    if not isinstance(document, dict) or not isinstance(document.get('traceEvents'), list):
        return ['no object with an array traceEvents']
    if document.get('displayTimeUnit', 'ms') not in ('ms', 'ns'):
        return ['displayTimeUnit is neither ms nor ns']
    events = document['traceEvents']
    wrong = [f'event {n}: {what}' for n, event in enumerate(events) for what in [shape(event)] if what]
    if wrong:
        return wrong
    names = {(event['pid'], event['tid']) for event in events if event['name'] == 'thread_name'}
    processes = {event['pid'] for event in events if event['name'] == 'process_name'}
    spans = collections.defaultdict(list)
    last = 0
    for event in (event for event in events if event['ph'] != 'M'):
        track = event['pid'], event['tid']
        if event['ts'] < last:
            wrong.append(f'time goes back to {event["ts"]}')
        last = event['ts']
        if track not in names or event['pid'] not in processes:
            wrong.append(f'track {track} has no name')
        if event['ph'] == 'X':
            before = spans[track][-1][1] if spans[track] else 0
            # Decimals of microseconds: a nanosecond is the least difference.
            if event['ts'] < before - 0.0005:
                wrong.append(f'track {track}: {event["name"]} at {event["ts"]} begins before {before}')
            spans[track].append((event['ts'], event['ts'] + event['dur']))
    return wrong + list(flows(events, spans))
