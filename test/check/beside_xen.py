#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What services/scheduler/simulator/xen/README.md says of Keel's policies beside Xen's, against the simulator: every figure, and whether it is
better or worse. Arguments: the simulator; --write puts its figures into that file, and signs where there is a question mark. TAP on standard output."""
import csv
import functools
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / 'system'))
from keel import Tap  # noqa: E402

FOLDER = ROOT / 'services/scheduler/simulator/xen'
PAGE = FOLDER / 'README.md'
SOURCES = {'xen': 'services/scheduler/simulator/xen.c', 'credit2': 'services/scheduler/credit2/policy.c', 'rtds': 'services/scheduler/rtds/policy.c'}
UNITS = {'': 1, '%': 1, '/s': 1, 'ns': 0.001, 'us': 1, 'ms': 1e3, 's': 1e6}
OFF = 0.05  # of a figure in the page
SAME = 0.1  # of the larger one
# Of what is measured: what of all a guest's vCPUs is taken, and how much is too little to matter.
MEASURES = {'share': (sum, 0.5), 'elsewhere': (sum, 0.5), 'error': (max, 100), 'gap': (max, 100), 'latency': (max, 30), 'idle': (max, 50),
            'response': (max, 100), 'misses': (sum, 2), 'switches': (sum, 10), 'moves': (sum, 10), 'refused': (sum, 0)}


class Row:
    def __init__(self, cells):
        self.cells = cells
        _, link, self.measured, self.xen, self.keel, self.sign, self.why = cells
        self.workload = re.fullmatch(r'\[([\w-]+)\]\(\1\.txt\)', link)[1]
        self.metric, *self.guests = self.measured.strip('`').split()
        self.sum, self.little = MEASURES[self.metric.split('_')[0]]

    def __str__(self):
        return f'{self.workload}: {self.measured}'

    def better(self, xen, keel):
        """The sign that the figures call for."""
        a, b = ((abs(side.value - side.due) for side in (xen, keel)) if self.metric == 'share_percent'
                else (xen.value, keel.value))
        if abs(a - b) <= max(self.little, 0 if self.metric == 'share_percent' else SAME * max(a, b)):
            return '='
        return '+' if b < a else '-'


class Figure:
    def __init__(self, value, unit, due=0):
        self.value, self.unit, self.due = value, unit, due

    def __str__(self):
        value, unit = self.value, self.unit
        if unit == 'us' and value >= 1000:
            value, unit = value / 1000, 'ms'
        digits = 0 if unit in ('', '/s', 'us') or value >= 100 else 1 if value >= 10 or unit == 'ms' else 2
        return f'{value:.{digits}f} {unit}'.strip()


def figure_read(cell):
    number, unit = re.fullmatch(r'([\d.]+) ?(\S*)', cell).groups()
    return float(number) * UNITS[unit]


@functools.cache
def simulate(program, workload, policy):
    """The rows of vCPUs, the last line's figures, and what was refused."""
    result = subprocess.run([program, '--policy', policy, FOLDER / f'{workload}.txt'], capture_output=True, text=True, check=True)
    rows = csv.DictReader(line for line in result.stdout.splitlines() if not line.startswith('#'))
    return list(rows), dict(re.findall(r'(\S+)=(\S+)', result.stdout.splitlines()[-1])), result.stderr.count('refused:')


def measure(program, row, xen):
    policy = re.search(r'^policy (\S+)', (FOLDER / f'{row.workload}.txt').read_text(), re.MULTILINE)[1]
    rows, machine, refused = simulate(program, row.workload, 'xen-' + policy if xen else policy)
    unit = '%' if row.metric.endswith('percent') else 'us' if row.metric.endswith('us') else '/s' if row.metric.endswith('per_s') else ''
    if row.metric == 'refused':
        return Figure(refused, unit)
    if row.metric in machine:
        return Figure(float(machine[row.metric]), unit)
    chosen = [line for line in rows if row.guests == ['*'] or line['vcpu'].split('.')[0] in row.guests]
    assert chosen, f'{row}: nobody has that name'
    return Figure(row.sum(float(line[row.metric]) for line in chosen), unit, sum(float(line['due_percent']) for line in chosen))


def near(cell, figure, little):
    """Whether the page has that figure: less than a twentieth off, or by less than its last digit, or too little to matter."""
    said = figure_read(cell)
    return abs(said - figure.value) <= max(OFF * abs(figure.value), little / 2, abs(figure_read(str(figure)) - figure.value))


def tables():
    """The lines of the page, and which of them are rows of figures."""
    lines = PAGE.read_text().splitlines()
    rows = {}
    for i, line in enumerate(lines):
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if line.startswith('|') and len(cells) == 7 and cells[1].startswith('['):
            rows[i] = Row(cells)
    return lines, rows


def write(program):
    lines, rows = tables()
    for i, row in rows.items():
        xen, keel = measure(program, row, True), measure(program, row, False)
        sign = row.better(xen, keel) if row.sign == '?' else row.sign
        lines[i] = '| ' + ' | '.join([*row.cells[:3], str(xen), str(keel), sign, row.why]) + ' |'
        lines[i] = lines[i].replace('|  |', '| |').replace('|  |', '| |')
        if sign != '~' and sign != row.better(xen, keel):
            print(f'{row}: the figures say {row.better(xen, keel)}, the page {sign}: why?', file=sys.stderr)
    PAGE.write_text('\n'.join(lines) + '\n')


def test_rows(tap, program):
    _, rows = tables()
    for row in rows.values():
        xen, keel = measure(program, row, True), measure(program, row, False)
        good = near(row.xen, xen, row.little) and near(row.keel, keel, row.little)
        tap.check(f'{row}: {xen}, {keel}' + ('' if good else f': the page says {row.xen}, {row.keel} (--write)'), good)
        wanted = '~' if row.sign == '~' else row.better(xen, keel)
        tap.check(f'{row}: {row.sign}' + ('' if wanted == row.sign else f': by the figures it is {wanted}'), wanted == row.sign)
        tap.check(f'{row}: why it is worse', row.sign not in '-~' or bool(row.why))
    tap.check('each workload is in the page', {path.stem for path in FOLDER.glob('*.txt')} == {row.workload for row in rows.values()})
    tap.check('there are rows', len(rows) > 30)


def test_constants(tap):
    """`1 ms (`credit2 NAME`)` is what that source has."""
    said = re.findall(r'(?<![\d.])([\d.]+)(?: (ns|us|ms|s|CPUs))? \(`(\w+) (\w+)`\)', PAGE.read_text())
    for number, unit, source, name in said:
        text = (ROOT / SOURCES[source]).read_text()
        define = re.search(rf'^#define {name} +(.*?)(?:/\*.*)?$', text, re.MULTILINE)
        there = re.sub(r'\(u?int\d+_t\)', '', re.sub(r'\bMS\b', '1000000', define[1])) if define else 'nothing'
        there = re.sub(r'(\d)[ul]+\b', r'\1', there).strip()
        value = eval(there, {'__builtins__': {}}) if re.fullmatch(r'[\d()+*/ ]+', there) else None
        if unit in UNITS and unit:
            number = float(number) * UNITS[unit] * (1 if name.endswith('_US') else 1000)
        tap.check(f'{source}: {name} is {there}', value is not None and abs(float(number) - value) < 1)
    tap.check('there are constants', len(said) > 10)


def main():
    program = sys.argv[1]
    if '--write' in sys.argv:
        write(program)
        return
    with Tap() as tap:
        test_rows(tap, program)
        test_constants(tap)


if __name__ == '__main__':
    main()
