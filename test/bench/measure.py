#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What things cost, in instructions: counted by a plugin (count.c) under -icount, so that it repeats. TAP on
standard output, figures in lines "# report: ".

    measure.py masked     the longest stretch with interrupts masked, over a boot of Linux and load
    measure.py costs      the rows of the bench, against what is recorded and what they may cost
    measure.py table      whether the READMEs show what is recorded, and costs fails above limits
"""
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'system'))
import messages  # noqa: E402
import runs  # noqa: E402
import xen  # noqa: E402
from bench import made_with, measure, number, recorded, written  # noqa: E402
from counting import Masked, counting  # noqa: E402
from keel import PROMPT, SYSTEMS, Failure, Tap, report  # noqa: E402
from rows import NOT_MET, ROWS  # noqa: E402

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


def most(name, was, limit, tolerance=TOLERANCE):
    """What a row may be, and why: a little more than was recorded, but a limit that is met stays met, whatever was recorded."""
    if limit is not None and name not in NOT_MET and limit < tolerance * was:
        return limit, 'its limit'
    return tolerance * was, f'{tolerance} times what is recorded, {number(was)}'


def judged(values, second, before):
    """For each row of both tables: name, title, value, the most that it may be, why."""
    for row in ROWS:
        yield row.name, row.title, values[row.name][0], *most(row.name, before['rows'].get(row.name, 0), row.limit,
                                                              TOLERANCES.get(row.run, TOLERANCE))
    limits = messages.limits()
    for name, value in second.items():
        yield name, name, value, *most(name, before['messages'].get(name, 0), limits[name].value if name in limits else None)


def costs(tap):
    before = recorded()
    try:
        values, second = measure()
    except runs.Failure as error:
        for line in error.output.splitlines():
            print(f'# {line}')
        raise Failure(str(error)) from None
    for row in ROWS:
        value, parts = values[row.name]
        limit = '' if row.limit is None else f', limit {number(row.limit)} {"met" if value <= row.limit else "NOT met"}'
        report(f'{row.title}: {number(value)}{limit}{", Xen " + number(row.xen) if row.xen else ""}'
               f'{" (" + parts + ")" if parts else ""}')
    for line in messages.lines(second, xen.recorded()):
        report(line)
    for _, title, value, at_most, why in judged(values, second, before):
        if before['made-with'] == made_with():
            tap.check(f'{title}: {number(value)}, at most {number(round(at_most, 3))}: {why}', value <= at_most)
        else:
            tap.check(f'{title}: {number(value)} # SKIP recorded with {before["made-with"]}', True)


def refused(name, value):
    """Whether costs fails if the row is so much, and that was recorded."""
    above = recorded()
    above['rows' if name in above['rows'] else 'messages'][name] = value
    values = {row: (now, '') for row, now in above['rows'].items()}
    return any(row == name and now > at_most for row, _, now, at_most, _ in judged(values, above['messages'], above))


def table(tap):
    for path, text in written().items():
        tap.check(f'the tables of {path.relative_to(HERE.parents[1])} are what is recorded (else: test/bench/run --tables)', text == path.read_text())
    limits = {row.name: row.limit for row in ROWS} | {name: limit.value for name, limit in messages.limits().items()}
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    tap.check('whatever is said to be above its limit has one', NOT_MET.keys() <= limits.keys())
    missed = [name for name in limits if name not in NOT_MET and not refused(name, limits[name] * 1.001)]
    tap.check(f'costs fails above each limit that is met, even if that was recorded; not above: {", ".join(missed) or "none"}', not missed)


def main():
    if not counting(BUILD):
        print("1..0 # SKIP this QEMU's interface for plugins")
        return
    with Tap() as tap:
        {'masked': masked, 'costs': costs, 'table': table}[sys.argv[1]](tap)


if __name__ == '__main__':
    main()
