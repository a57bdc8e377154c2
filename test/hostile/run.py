#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots a system in which some are hostile, and looks whether the others notice. TAP on standard output.

    run.py BUILD [--builder] [--calls N] [--cpus N] [--seed N|time] [--icount]
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / 'system'))
sys.path.insert(0, str(HERE.parent / 'bench'))
from keel import Tap, report  # noqa: E402
from counting import Masked  # noqa: E402

# As enum keel_right has them.
RIGHTS = ('send', 'receive', 'read', 'write', 'serve', 'calls', 'interrupt', 'vcpu', 'stop', 'device',
          'schedule', 'watch', 'build', 'self', 'audit', 'system', 'registers')
WORDS = 2048
WORD = (1 << 64) - 1

# After the seal nobody can, or the suite does not let itself; and what only a builder can.
NEVER = {'exit', 'system_off', 'edge_set', 'authority_seal'}
BUILD = {'domain_create', 'domain_seal', 'domain_run', 'domain_destroy', 'memory_scrub', 'memory_pool',
         'memory_donate', 'console_write'}


def call_names():
    with open(ROOT / 'abi/calls.toml', 'rb') as file:
        return [call['name'] for call in tomllib.load(file)['call']]


def bystander_sums(rounds):
    """What a bystander prints: bystander.h."""
    words, sums = [0] * WORDS, []
    for turn in range(rounds):
        total = 0
        for i in range(WORDS):
            words[i] = (words[i] * 6364136223846793005 + i + turn) & WORD
            total = ((total << 1 | total >> 63) & WORD) ^ words[i]
        sums.append(total)
    return sums


class System:
    """The system file, and what it means: the edges come from the configuration's checker."""

    def __init__(self, name, build, seed, calls, cpus):
        self.text = (HERE / name).read_text()
        self.build, self.seed, self.calls = build, seed, calls
        self.table = self.check('--authority', cpus)
        self.ids = {}
        for line in self.check('--domains', cpus):
            match = re.match(r'\s*(\d+) \w+\s+(\S+)', line)
            if match:
                self.ids[match[2]] = int(match[1])
        self.ids['builder'] = 0

    def check(self, what, cpus):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / 'system.dts'
            path.write_text(self.text)
            return subprocess.run([ROOT / 'boot/check', '--cpus', cpus, what, path], check=True,
                                  env={**os.environ, 'KEEL_BUILD': self.build},
                                  stdout=subprocess.PIPE, text=True).stdout.splitlines()

    def edges(self, holder):
        """Arguments that tell a hostile service its edges."""
        for line in self.table:
            match = re.match(r'(\S+) (\d+) -> (\S+): (\S+)(.*)', line)
            if not match or match[1] != holder:
                continue
            rights = sum(1 << RIGHTS.index(right) for right in match[4].split(','))
            text = f'{int(match[2]):x}:{self.ids[match[3]]:x}:{rights:x}'
            memory = re.search(r' memory=(?:0x(\w+)-0x(\w+)|all)', match[5])
            irq = re.search(r' irq=(\d+)-(\d+)', match[5])
            if memory or irq:
                lo, hi = (memory[1] or '0', memory[2] or 'f' * 16) if memory else ('1', '0')
                text += f':{lo}:{hi}'
            if irq:
                text += f':{int(irq[1]):x}:{int(irq[2]):x}'
            yield text

    def filled(self):
        """The text with the arguments of those that are hostile: @NAME@ after another argument."""
        targets = sum(1 << number for name, number in self.ids.items() if name.startswith('victim'))

        def arguments(match):
            words = [f'seed={self.seed + self.ids[match[1]]}', f'calls={self.calls}',
                     f'targets={targets:#x}', *self.edges(match[1])]
            return ', '.join(f'"{word}"' for word in words)

        return re.sub(r'"@([\w.-]+)@"', arguments, self.text)

    def hostile(self):
        return re.findall(r'"@([\w.-]+)@"', self.text)


def said(output, name):
    """The lines of one domain; those that the console had to break ("\\" at the end) made whole."""
    lines = re.findall(rf'^\[{re.escape(name)}\] (.*?)\r?$', output, re.MULTILINE)
    return re.sub(r'\\\n', '', '\n'.join(lines))


def progress(session, name, rounds, seconds=120):
    """Whether somebody has got that many rounds further."""
    last = re.findall(rf'^\[{name}\] (?:bystander: )?round (\d+) sum', session.output, re.MULTILINE)
    goal = int(last[-1]) + rounds if last else rounds
    return session.wait(rf'^\[{name}\] (?:bystander: )?round {goal} sum', seconds, anywhere=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('--builder', action='store_true')
    parser.add_argument('--icount', action='store_true')
    parser.add_argument('--calls', type=int, default=10000)
    parser.add_argument('--cpus', default='2')
    parser.add_argument('--seed', default='20151013')
    options = parser.parse_args()
    os.environ['KEEL_BUILD'] = options.build
    seed = int(time.time()) if options.seed == 'time' else int(options.seed)

    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        print(f'# seed {seed}')
        system = System('builder.dts' if options.builder else 'services.dts', options.build, seed,
                        options.calls, options.cpus)
        longest = Masked(options.build, 'hostile builder' if options.builder else 'hostile services')
        qemu = longest.qemu if options.icount else []
        if options.builder:
            program, = pathlib.Path(options.build).rglob('hostile-builder')
            (pathlib.Path(folder) / 'builder').symlink_to(program)
            qemu = [*qemu, '-append', f'hostile.seed={seed} hostile.calls={options.calls}']
        session = tap.session(system.filled(), cpus=options.cpus, icount=options.icount,
                              find=[folder] if options.builder else (), qemu=qemu)

        seconds = 600 if options.calls <= 100000 else 1700
        calls, did = [0, 0], 0
        for name in ['builder'] if options.builder else system.hostile():
            match = session.wait(rf'^(?:\[{name}\] )?(?:builder: )?done: (\d+) calls, (\d+) permitted, '
                                 r'\d+ wrong, did (\w+)', seconds, anywhere=True)
            if tap.check(f'{name} comes to its end', match):
                calls = [calls[0] + int(match[1]), calls[1] + int(match[2])]
                did |= int(match[3], 16)
        if 'intruder' in system.ids:
            tap.check('the guest comes to its end',
                      session.wait(r'^\[intruder\] intruder: done', seconds, anywhere=True))
        missing = set(call_names()) - NEVER - (set() if options.builder else BUILD)
        missing = [name for number, name in enumerate(call_names())
                   if name in missing and not did >> number & 1]
        if options.builder or options.icount:  # it has no guest to serve or CPU to plan for; fewer calls
            print(f'# not done: {" ".join(missing)}')
        else:
            tap.check(f'what may succeed has succeeded ({" ".join(missing) or "all"})', not missing)
        for name in ('bystander', 'bystander-guest'):
            tap.check(f'{name} still goes on', progress(session, name, 3))
        look = re.findall(r'^\[auditor\] look (\d+): ', session.output, re.MULTILINE)
        tap.check('the auditor looks once more', look and session.wait(
            rf'^\[auditor\] look {int(look[-1]) + 5}: 0 changes', 120, anywhere=True))
        # The console's key asks the builder, which may have given up its port: then the test ends it.
        tap.check('the system can be left', session.leave() == 0)
        if options.icount:
            longest.check(tap, session)
        session.close()

        output = session.output
        tap.check('no answer was wrong', 'WRONG' not in output)
        tap.check('the table and the lives stay as they are', 'CHANGED' not in output)
        tap.check('the kernel does not complain', not re.search(r'^kernel: (?!Keel on)|CHECK', output,
                                                                re.MULTILINE))
        for name in ('bystander', 'bystander-guest'):
            rounds = re.findall(r'^(?:bystander: )?round (\d+) sum (\w+)$', said(output, name),
                                re.MULTILINE)
            # The console may have had to break a line: what there is has to be right.
            sums = bystander_sums(max((int(turn) for turn, total in rounds), default=0) + 1)
            tap.check(f'{name} computes what it should, {len(rounds)} times', rounds and all(
                int(total, 16) == sums[int(turn)] for turn, total in rounds))
        what = 'builder' if options.builder else 'services' + ', icount' * options.icount
        report(f'hostile {what}: {calls[0]} calls, {calls[1]} permitted, '
               f'{len(re.findall(r"builder: victim", output))} deaths of victims')
        tap.check('nobody died who was not to', not re.search(
            r'builder: (?!victim)\S+ (?:faulted|exited|was stopped|panicked)', output))


if __name__ == '__main__':
    main()
