#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles a system with dtc, and has dtc say where everything stands.

    compile.py [-i FOLDER]... SYSTEM.dts OUTPUT.dtb PLACES.dts

PLACES.dts is what keel-check --source reads. What dtc finds wrong is printed as the checker prints mistakes,
`file:line: what is wrong, what was expected`, and the status is 1; the outputs are there if dtc could make them, so
that the rest can be checked all the same.
"""
import argparse
import pathlib
import re
import subprocess
import sys

DTC = ['dtc', '-f', '-q', '-I', 'dts']

PLACE = r'(?P<file>.+):(?P<line>\d+)\.(?P<column>\d+)(?:-[\d.]+)?'
SYNTAX = re.compile(rf'Error: {PLACE} (?P<what>.*)')
MISTAKE = re.compile(rf'{PLACE}: ERROR \([a-z_]+\): (?P<what>.*)')
ANYWHERE = re.compile(r'(?:FATAL ERROR|.*: ERROR \([a-z_]+\)): (?P<what>.*)')
LIBRARY = re.compile(r'.*: ERROR \((duplicate_node_names|duplicate_property_names)\): ')  # finds these itself
INCLUDED = re.compile(r'''Couldn't open "(?P<name>.*)": ''')


def place_of_include(system, name):
    lines = pathlib.Path(system).read_text(errors='replace').splitlines()
    return next((n for n, line in enumerate(lines, 1) if '/include/' in line and f'"{name}"' in line), None)


def mistakes(system, text):
    """dtc's messages as the checker's."""
    for line in text.splitlines():
        if LIBRARY.match(line):
            continue
        if match := SYNTAX.match(line):
            yield (f'{match["file"]}:{max(int(match["line"]), 1)}: {match["what"]} at character {match["column"]}, '
                   'expected device-tree source')
        elif match := MISTAKE.match(line):
            yield f'{match["file"]}:{match["line"]}: {match["what"]}, expected device-tree source that dtc accepts'
        elif match := ANYWHERE.match(line):
            included = INCLUDED.match(match['what'])
            number = included and place_of_include(system, included['name'])
            if included:
                where = f'{system}:{number}' if number else system
                yield (f'{where}: "{included["name"]}" cannot be opened, expected a file beside this one or in '
                       'boot/systems')
            elif match['what'] != 'Unable to parse input tree':
                yield f'{system}: {match["what"]}, expected device-tree source'


def compile_system(system, folders, output, places):
    """Writes both outputs, as far as dtc can; the mistakes that it finds."""
    command = DTC + [word for folder in folders for word in ('-i', folder)]
    found = []
    for more in (['-O', 'dtb', '-o', output], ['-T', '-T', '-O', 'dts', '-o', places]):
        ran = subprocess.run([*command, *more, system], capture_output=True, text=True, errors='replace', check=False)
        found += [line for line in mistakes(system, ran.stderr) if line not in found]
        if ran.returncode:
            return found or [f'{system}: dtc ended with status {ran.returncode}: {ran.stderr.strip()}']
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-i', metavar='FOLDER', action='append', default=[], dest='folders')
    parser.add_argument('system', metavar='SYSTEM.dts')
    parser.add_argument('output', metavar='OUTPUT.dtb')
    parser.add_argument('places', metavar='PLACES.dts')
    options = parser.parse_args()
    found = compile_system(options.system, options.folders, options.output, options.places)
    for line in found:
        print(line, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
