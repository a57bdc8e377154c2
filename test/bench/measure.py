#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What things cost, in instructions: counted by a plugin (count.c) under -icount, so that it repeats. TAP on
standard output, figures in lines "# report: ".

    measure.py masked     the longest stretch with interrupts masked, over a boot of Linux and load
    measure.py costs      the rows of the bench, against what is recorded and what they may cost
    measure.py table      whether README shows what is recorded
"""
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'system'))
import messages  # noqa: E402
import runs  # noqa: E402
import xen  # noqa: E402
from bench import README, TABLE, made_with, measure, number, recorded, table_of  # noqa: E402
from counting import Masked, counting  # noqa: E402
from keel import PROMPT, SYSTEMS, Failure, Tap, report  # noqa: E402
from rows import ROWS  # noqa: E402

BUILD = pathlib.Path(os.environ.get('KEEL_BUILD', HERE.parents[1] / 'build'))
TOLERANCE = 1.03
# With 4 CPUs, how often others run in between is another matter whenever anything changes: up to 7 % were seen.
TOLERANCES = {'policies': 1.25}


def masked(tap):
    longest = Masked(BUILD, 'Linux')
    session = tap.session(SYSTEMS / 'linux.dts', cpus=2, icount=True, qemu=longest.qemu)
    session.expect(PROMPT, 900)
    session.shell('for i in 1 2 3 4; do (seq 1 500 | md5sum > /dev/null) & done; wait')
    session.shell('for i in 1 2 3 4 5; do taskset 1 echo $i | taskset 2 cat | taskset 1 cat; done')
    session.shell('seq 1 100')
    session.type('reboot\r')
    session.expect('Keel guest ready', 900)
    session.expect(PROMPT, 900)
    session.type('poweroff\r')
    session.end(300)
    longest.check(tap, session)


def costs(tap):
    before = recorded()
    try:
        values, second = measure()
    except runs.Failure as error:
        for line in error.output.splitlines():
            print(f'# {line}')
        raise Failure(str(error)) from None
    same = before['made-with'] == made_with()
    for row in ROWS:
        value, parts = values[row.name]
        limit = '' if row.limit is None else f', limit {number(row.limit)} {"met" if value <= row.limit else "NOT met"}'
        report(f'{row.title}: {number(value)}{limit}{", Xen " + number(row.xen) if row.xen else ""}'
               f'{" (" + parts + ")" if parts else ""}')
        if same:
            most, tolerance = before['rows'].get(row.name, 0), TOLERANCES.get(row.run, TOLERANCE)
            tap.check(f'{row.title}: {number(value)}, at most {tolerance} times what is recorded: {number(most)}',
                      value <= tolerance * most)
        else:
            tap.check(f'{row.title}: {number(value)} # SKIP recorded with {before["made-with"]}', True)
    for line in messages.lines(second, xen.recorded()):
        report(line)
    for name, value in second.items():
        if same:
            most = before.get('messages', {}).get(name, 0)
            tap.check(f'{name}: {number(value)}, at most {TOLERANCE} times what is recorded: {number(most)}', value <= TOLERANCE * most)
        else:
            tap.check(f'{name}: {number(value)} # SKIP recorded with {before["made-with"]}', True)


def table(tap):
    written = TABLE.search(README.read_text())
    tap.check("README's table is what is recorded", written and written[0] == table_of(recorded()['rows']))


def main():
    if not counting(BUILD):
        print("1..0 # SKIP this QEMU's interface for plugins")
        return
    with Tap() as tap:
        {'masked': masked, 'costs': costs, 'table': table}[sys.argv[1]](tap)


if __name__ == '__main__':
    main()
