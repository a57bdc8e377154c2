#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pages that claim something name the tests that show it: each of them exists. TAP on standard output.

    threats.py BUILD

A test is what stands in backquotes in a table's column that is headed by one of COLUMNS.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ['kernel/THREATS.md', 'test/advisories/README.md', 'test/check/README.md']
COLUMNS = {'test', 'shown by', 'at the checker', 'at boot'}


def cells(line):
    return [cell.strip() for cell in line.strip().strip('|').split('|')]


def named(page):
    """(line, test) of each test that a page names, and rows that name none."""
    columns = []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if not line.startswith('|'):
            columns = []
        elif not columns:
            columns = [n for n, cell in enumerate(cells(line)) if cell in COLUMNS] or [-1]
        elif columns != [-1] and not line.startswith('|--'):
            row = cells(line)
            for column in columns:
                yield from ((number, test) for test in re.findall('`([^`]+)`', row[column]) or [None])


def main():
    tests = json.loads((pathlib.Path(sys.argv[1]) / 'meson-info/intro-tests.json').read_text())
    tests = {test['name'] for test in tests}
    for number, name in enumerate(PAGES, 1):
        found = list(named(ROOT / name))
        bad = [(line, test) for line, test in found if test not in tests]
        for line, test in bad:
            print(f'# {name}:{line}: ' + (f'there is no test "{test}"' if test else 'no test is named'))
        print('ok' if found and not bad else 'not ok', number, '-', f'{name}: {len(found)} tests are named')
    print(f'1..{len(PAGES)}')


main()
