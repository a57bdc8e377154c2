# SPDX-License-Identifier: Apache-2.0
"""Counting of instructions under QEMU, by the plugin count.c, for every test that measures."""
import collections
import os
import pathlib
import re
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / 'system')]
from keel import report  # noqa: E402
from symbols import Program  # noqa: E402

MASKED_LIMIT = 4000  # DESIGN rule 7


def counting(build, *options):
    """QEMU's arguments; none if the QEMU is one whose interface for plugins the plugin does not have."""
    qemu = os.environ.get('KEEL_QEMU', 'qemu-system-aarch64')
    text = subprocess.run([qemu, '--version'], check=True, capture_output=True, text=True).stdout
    version = int(re.search(r'version (\d+)\.', text)[1])
    if version in (8, 9):
        return []
    module = pathlib.Path(build) / f'test/bench/count-{1 if version < 8 else 4}.so'
    return ['-plugin', ','.join([str(module), *options])]


def functions(build, path):
    """How many instructions of a path in the kernel lie in which function, most first."""
    kernel = Program(pathlib.Path(build) / 'kernel/kernel.elf')
    return collections.Counter(kernel.function(int(line, 16)) for line in path.read_text().splitlines()).most_common()


class Masked:
    """The longest stretch with interrupts masked that a session sees: options before, check at its end."""

    def __init__(self, build, what):
        self.build = build
        self.what = what
        self.path = pathlib.Path(build) / f'test/bench/longest-{what.replace(" ", "-")}'
        self.qemu = counting(build, f'longest={self.path}')

    def check(self, tap, session):
        if not self.qemu:
            return
        longest = int(session.expect(r'^count: longest masked stretch: (\d+)', anywhere=True)[1])
        where = functions(self.build, self.path)
        report(f'longest stretch with interrupts masked, {self.what}: {longest} instructions '
               f'({where[0][0]}), limit {MASKED_LIMIT}')
        for name, n in where[:12]:
            print(f'# {n:6} {name}')
        tap.check(f'no stretch above {MASKED_LIMIT} instructions', longest <= MASKED_LIMIT)
