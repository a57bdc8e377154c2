#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What things cost, in instructions: measures all rows, records them, writes the READMEs' tables. See README.md; test/bench/run
calls this after it has built."""
import argparse
import pathlib
import re
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import messages  # noqa: E402
import policies  # noqa: E402
import profile_row  # noqa: E402
import xen  # noqa: E402
from rows import NOT_MET, ROWS  # noqa: E402
from runs import BUILD, GUEST, LINUX_MIB, MACHINE_MIB, ROOT, RUNS, Failure, profiles, run, run_bare  # noqa: E402
from symbols import Symbols  # noqa: E402

RECORDED = HERE / 'recorded.toml'
TABLE = re.compile(r'(?<=<!-- test/bench/run --record writes this -->\n)(?:\|.*\n)*')
HASHING = {'sha256', 'add', 'compress', 'sha256_instructions'}  # of libs/sha256
MIB = 1 << 20


def twice(what, function):
    """What must be the same whenever it is run."""
    first, second = function(), function()
    if first.counts() != second.counts():
        differ = [f'{a} | {b}' for a, b in zip(first.counts(), second.counts()) if a != b]
        raise Failure(f'two runs of "{what}" do not agree: {differ[:1]}', '\n'.join(differ))
    return first


def hashing(insns):
    """Instructions that the builder spent on hashing."""
    places = Symbols(BUILD).places(insns)
    return sum(insn.times for insn, place in zip(insns, places)
               if place.program == 'builder' and place.function in HASHING)


def measure_linux():
    """The rows of a boot of Linux: value, and what it consists of."""
    profile = {}

    def run_profiled():
        output, profile['last'] = profiles('linux')
        return output

    linux = twice('linux', run_profiled)
    bare = twice('bare', lambda: run_bare(linux))
    builder, guest, shell = (linux.mark(mark) for mark in ('BUILDER', 'GUEST', 'SHELL'))
    hashed = hashing(profile['last']['GUEST'])
    spent = [after - before for after, before in zip(shell, guest)]
    left = int(linux.search(r'^builder: \d+ domains, (\d+) KiB left')[1]) / 1024
    bundle = linux.modules()
    return linux, {
        'reset-builder': (sum(builder), ''),
        'reset-guest': (sum(guest) - hashed, f'kernel {guest[0]}, services {guest[1] - hashed}, loader {guest[2]}'),
        'hash': (round(hashed * 64 / bundle), f'{bundle} bytes'),
        'shell': (round(sum(shell) / sum(bare.mark('SHELL')), 4),
                  f'{sum(shell)}, of that {hashed} hashing; bare EL1: {sum(bare.mark("SHELL"))}'),
        'share': (round(100 * sum(spent[:2]) / sum(spent), 3), f'kernel {spent[0]}, services {spent[1]}, guest {spent[2]}'),
        'memory': (round(MACHINE_MIB - LINUX_MIB - left - bundle / MIB, 2), ''),
    }


def longest(masked, output, name):
    """The longer stretch: what is known, or that of a run."""
    return max(masked, (int(output.search(r'^count: longest masked stretch: (\d+)')[1]), f'run "{name}"'))


def measure():
    """All rows: name -> (value, what it consists of), in the order of ROWS; and those of the second table: name -> value."""
    values, second, masked = {}, {}, (0, '')
    for name in RUNS:
        if name == 'linux':
            output, more = measure_linux()
            values.update(more)
        else:
            output = twice(name, lambda: run(name))
        for row in ROWS:
            if row.run == name and row.mark:
                parts = output.mark(row.mark)
                values[row.name] = sum(parts), 'kernel {}, services {}, guest {}'.format(*parts)
        second.update(messages.of_run(name, output))
        masked = longest(masked, output, name)
    for policy in policies.ARGUMENTS:
        output = policies.run(policy)
        values[f'policy-{policy}'] = policies.work(output)
        masked = longest(masked, output, f'policy-{policy}')
    values['masked'] = masked
    return {row.name: values[row.name] for row in ROWS}, second


def made_with():
    """What the figures depend on beside the tree."""
    compiler = re.search(r'^#define COMPILER (.*)$', (BUILD / 'test/bench/compiler.txt').read_text(), re.MULTILINE)
    version = GUEST / 'version'
    return {'compiler': compiler[1], 'guest': version.read_text().strip() if version.exists() else 'unknown'}


def recorded():
    return tomllib.loads(RECORDED.read_text())


def number(value):
    return '-' if value is None else f'{value:,}'


def table(head, align, rows):
    return f'| {head} |\n|---|{align}\n' + ''.join(f'| {" | ".join(row)} |\n' for row in rows)


def costs_table(values):
    return table('| Keel | limit | Xen 4.22', '---:|---:|---:|',
                 ([row.title, number(values.get(row.name)), number(row.limit), number(row.xen)] for row in ROWS))


def xen_table(values, other):
    """Messages beside Xen's, of which two were measured: as in xen-baseline.md, and `other`."""
    def line(what, values, name):
        return [what, *(number(values.get(name.format(size))) for size in messages.SIZES)]

    def lines():
        for kind, what, old in ('send', 'send', messages.XEN_SEND), ('one-way', 'one way', {}), ('round', 'there and back', messages.XEN_ROUND):
            for run, between in messages.RUNS.items():
                yield line(f'{what}, {between}', values, f'{kind}-{{}}-{run.partition("-")[2]}')
            yield line(f'{what}, guest to guest, Xen {other.version}', other.messages, f'{kind}-{{}}-guests')
            if old:
                yield line(f'{what}, {"to itself" if kind == "send" else "guest to guest"}, Xen 4.22', old, '{}')

    return table(f'| {" | ".join(messages.SIZES)}', '---:|' * len(messages.SIZES), lines())


def limits_table(values):
    def names(source, missed):
        return ', '.join(f'`{row.name}` {number(row.limit)}' + (f' ({number(values.get(row.name))}: {NOT_MET[row.name]})' if missed else '')
                         for row in ROWS if row.limit and row.source == source and (row.name in NOT_MET) == missed) or '-'

    sources = dict.fromkeys(row.source for row in ROWS if row.limit)
    return table('from | may not be exceeded | not met yet', '---|---|',
                 [*([source, names(source, False), names(source, True)] for source in sources),
                  [messages.SOURCE, messages.LIMITS, '-']])


def written():
    """READMEs as what is recorded says that they are: path -> text."""
    record = recorded()
    tables = {ROOT / 'README.md': [costs_table(record['rows'])],
              HERE / 'README.md': [xen_table(record['messages'], xen.recorded()), limits_table(record['rows'])]}
    texts = {}
    for path, its in tables.items():
        texts[path], found = TABLE.subn(lambda _, left=iter(its): next(left), path.read_text())
        assert found == len(its), path
    return texts


def write():
    for path, text in written().items():
        path.write_text(text)


def record(values, second):
    lines = ['# What each row of the bench was when this was last written, by `test/bench/run --record`. test/run fails above',
             '# 103 % of it.', '', '[made-with]', *(f'{key} = "{value}"' for key, value in made_with().items()), '', '[rows]',
             *(f'{name} = {value}' for name, (value, _) in values.items()), '', '[messages]',
             *(f'{name} = {value}' for name, value in second.items())]
    RECORDED.write_text('\n'.join(lines) + '\n')


def show(values, other):
    """For people; other: what was measured of a Xen."""
    print(f'\n{"instructions":58}{"Keel":>12}{"limit":>12}{"Xen 4.22":>13}{"Xen " + other.version:>13}')
    for row in ROWS:
        value, parts = values[row.name]
        met = '' if row.limit is None else 'met' if value <= row.limit else 'NOT met'
        print(f'{row.title:58}{number(value):>12}{number(row.limit):>12}{number(row.xen):>13}'
              f'{number(other.rows.get(row.name)):>13}  {met:8} {parts}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--profile', metavar='ROW')
    parser.add_argument('--record', action='store_true')
    parser.add_argument('--tables', action='store_true')
    parser.add_argument('--xen', metavar='IMAGE', type=pathlib.Path)
    parser.add_argument('--list', action='store_true')
    options = parser.parse_args()
    names = {row.name: row for row in [*ROWS, *messages.rows()]}
    if options.list:
        for row in names.values():
            print(f'{row.name:22} {row.title}')
    elif options.tables:
        write()
    elif options.profile:
        if options.profile not in names:
            raise Failure(f'no such row: {options.profile} (see --list)')
        profile_row.profile(names[options.profile])
    else:
        other = xen.measure(options.xen) if options.xen else xen.recorded()
        values, second = measure()
        show(values, other)
        print('', *messages.lines(second, other), sep='\n')
        if options.record:
            record(values, second)
            if options.xen:
                xen.record(other)
            write()


if __name__ == '__main__':
    try:
        main()
    except Failure as error:
        sys.exit(f'{error.output}\nbench: {error}')
