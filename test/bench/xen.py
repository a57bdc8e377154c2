# SPDX-License-Identifier: Apache-2.0
"""The guests that measure, as Xen's guests. xen.toml has what was measured last."""
import collections
import pathlib
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'guests'))
import messages  # noqa: E402
import xen_boot  # noqa: E402
from counting import counting  # noqa: E402
from rows import ROWS  # noqa: E402
from runs import BUILD, SECONDS, Failure, Output  # noqa: E402

RECORDED = HERE / 'xen.toml'

GUEST = '40000000-60000000'  # where guests run, by their own addresses: xen/include/public/arch-arm.h
GUEST_MIB = 32


def run(image, name, guests):
    kernel = BUILD / f'test/guests/{name}-xen.bin'
    if not image.is_file():
        raise Failure(f'no such image: {image}. {xen_boot.WANTED}')
    return Output(xen_boot.run(image, [xen_boot.Guest(kernel, GUEST_MIB)] * guests, rf'{name}: (passed|failed)', SECONDS,
                               '-d', 'plugin', *counting(BUILD, f'guest={GUEST}')))


def twice(image, name, guests):
    """What passes, and is the same again; None if this Xen has no Argo."""
    outputs = [run(image, name, guests) for _ in range(2)]
    for output in outputs:
        if f'{name}: failed: no ring' in output.text:
            return None
        if f'{name}: passed' not in output.text:
            raise Failure(f'{name} did not pass under Xen', output.text)
    first, second = ([line for line in output.counts() if line.startswith('count: row')] for output in outputs)
    if first != second:
        raise Failure(f'two runs of {name} under Xen do not agree', outputs[1].text)
    return outputs[0]


# version: of Xen. rows: of the bench that it has, name -> instructions. messages: of the second table; none without Argo.
Measured = collections.namedtuple('Measured', 'version rows messages')


def recorded():
    return Measured(**tomllib.loads(RECORDED.read_text()))


def record(measured):
    lines = ['# What the rows that Xen has cost there, by `test/bench/run --xen IMAGE --record`.', '',
             f'version = "{measured.version}"']
    for name, values in ('rows', measured.rows), ('messages', measured.messages):
        lines += ['', f'[{name}]', *(f'{row} = {value}' for row, value in values.items())]
    RECORDED.write_text('\n'.join(lines) + '\n')


def measure(image):
    output = twice(image, 'bench', 1)
    rows = {row.name: sum(output.mark(row.mark)) for row in ROWS if row.run == 'guest'}
    version = output.search(r'Xen version (\d+\.\d+\.\d+)')[1]
    output = twice(image, 'messages', 2)
    if not output:
        print('This Xen has no Argo: README.md says how to build one that has.')
    return Measured(version, rows, messages.of_run('messages-guests', output) if output else {})
