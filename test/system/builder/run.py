#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The builder on the real kernel: the sealed table, bad systems, restarts, requests. TAP on standard output.

    run.py BUILD PART     PART: authority, mistakes, lives or plan
"""
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent))
from session import PREFIX, Session, Tap  # noqa: E402

CONSOLE = 'console { compatible = "keel,service"; image = "console"; devices = "/pl011@9000000"; };'
HELLO = 'hello { compatible = "keel,guest"; kernel = "hello.bin"; memory = "2M"; };'


def service(name, image, body=''):
    return f'{name} {{ compatible = "keel,service"; image = "{image}"; {body} }};'


# Each system has one mistake; what the builder says about it, behind "builder: ".
MISTAKES = {
    'unknown property': (service('a', 'example', 'colour = "red";'),
                         '/a: colour: unknown property, expected one of compatible'),
    'wrong type': (service('a', 'example', 'memory = <4>;'),
                   '/a: memory: not text, expected a string in quotation marks'),
    'dangling edge': (service('a', 'example', 'uses = "b:7";'),
                      '/a: uses: there is no "b", expected the name of a service or guest'),
    'no ELF': (service('a', 'hello.bin'), '/a: image: its ELF header is damaged'),
    'not static': (service('a', 'loader.elf'), '/a: image: it is'),
    'too little memory': (service('a', 'example', 'memory = "64K";'),
                          '/a: memory: too little for its image, expected at least'),
    'memory that there is not': (HELLO + 'g { compatible = "keel,guest"; kernel = "hello.bin"; memory = "2040M"; };',
                                 '/g: memory: 2040M asked for, expected at most what is free'),
    'two owners': (CONSOLE + service('a', 'example', 'devices = "/pl011@9000000";'),
                   '/a: devices: "pl011@9000000" belongs to "console" too, expected one owner'),
    'a guest too small': (CONSOLE + 'g { compatible = "keel,guest"; kernel = "linux-arm64"; memory = "16M"; };',
                          "/g: kernel: its header asks for more memory than the guest has"),
    'another platform': ('', '/: platform: "zcu102" is not this machine'),
}


class System:
    """A system file in a folder of its own."""

    def __init__(self, body, platform='qemu-virt'):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / 'test.dts'
        self.path.write_text(f'/dts-v1/; / {{ compatible = "keel,system"; platform = "{platform}";\n{body}\n}};\n')


def lines(text):
    return text.replace('\r', '').splitlines()


def test_authority(tap, build):
    """For every example: the table that the kernel holds is the one that the host derives."""
    environment = dict(os.environ, KEEL_BUILD=build)
    for system in sorted((ROOT / 'boot/systems').glob('*.dts')):
        derived = subprocess.run([ROOT / 'boot/check', '--authority', system], env=environment,
                                 capture_output=True, text=True, check=False).stdout
        held = subprocess.run([ROOT / 'boot/run', '--no-setup', '--authority', system], env=environment,
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                              timeout=120)
        table = [line for line in lines(held.stdout) if ' -> ' in line]
        tap.check(f'{system.name}: the kernel holds what the system says',
                  derived and table == lines(derived))


def test_mistakes(tap, build):
    for name, (body, message) in MISTAKES.items():
        system = System(body, 'zcu102' if name == 'another platform' else 'qemu-virt')
        session = Session(system.path, build)
        told = session.wait(rf'^builder: {re.escape(message)}', 60)
        try:
            ended = session.process.wait(60)
        except subprocess.TimeoutExpired:
            ended = None
        session.close()
        said = [line for line in lines(session.output)
                if line.startswith('builder: /') or line.startswith('kernel: ') and 'Keel on' not in line]
        tap.check(f'{name}: one line, and the machine is off', told and ended == 0 and len(said) == 1)
        if not tap.results[-1]:
            print('# ' + '\n# '.join(lines(session.output)[-12:]))


def test_lives(tap, build):
    system = System(
        CONSOLE + service('later', 'example', 'start = "later"; provides = <7>;') +
        service('failing', 'scheduler-equal', 'args = "nonsense"; console = "none"; restart { limit = <2>; };') +
        'orphan { compatible = "keel,guest"; kernel = "hello.bin"; memory = "2M";'
        '  emulation { args = "nonsense"; restart { limit = <0>; }; }; };'
        'reset { compatible = "keel,guest"; kernel = "reset.bin"; memory = "2M"; };')
    session = Session(system.path, build)
    digest = hashlib.sha256((pathlib.Path(build) / 'test/guests/reset.bin').read_bytes()).hexdigest()
    tap.check('the boot log has the hash of each module',
              session.wait(rf'^builder: sha256 {digest} +\d+ reset.bin', 60))
    for life in range(3):
        tap.check(f'a reset guest starts again with clean memory ({life})',
                  session.wait(r'reset: alive, 0 lives in memory(?s:.*?)reset resets', 90))
    tap.check('a failing service is started again twice',
              session.wait(r'(?s)(?:failing exited with status 1.*?){3}failing is not started again: stays off',
                           60, anywhere=True))
    tap.check('a guest whose devices service is given up is stopped',
              session.wait(r'(?s)orphan.devices is not started again: stays off.*orphan was stopped', 60,
                           anywhere=True))
    tap.check('what starts later has not started', 'hello from domain' not in session.output)
    session.type(PREFIX + 'l')
    tap.check('the list has it', session.wait(r'later +absent +life 0,.* 0 restarts', 30))
    number = re.search(r'^(?:\[console\] )? *(\d+)\*? later', session.output.replace('\r', ''), re.MULTILINE)
    session.type(f'{PREFIX}{number.group(1) if number else 1}{PREFIX}r')
    tap.check('it starts on request', session.wait(r'later: hello from domain 2', 60))
    session.type(PREFIX + 'r')
    tap.check('and again', session.wait(r'later: hello from domain 2', 60))
    tap.check('the machine goes off on request', session.leave(60) == 0)
    session.close()
    return '\n'.join(lines(session.output)[:60])


def test_plan(tap, build):
    """Two guests that want all of one CPU get it as the policy says: 3 to 1; without it, 1 to 1."""
    def ratio(scheduler):
        system = System(CONSOLE + scheduler + ''.join(
            f'{name} {{ compatible = "keel,guest"; kernel = "hog.bin"; memory = "2M"; }};' for name in ('a', 'b')))
        session = Session(system.path, build, ['--cpus', '1', '--icount'])
        rounds = {}
        while len(rounds) < 2:
            match = session.wait(r'^(?:\[(b)\] )?hog: (\d+) rounds', 240)
            if not match:
                break
            rounds[match.group(1) or 'a'] = int(match.group(2))
        session.close()
        print(f'# {rounds}')
        return rounds['a'] / rounds['b'] if len(rounds) == 2 else 0

    tap.check('3:1 by the plan', 2.7 < ratio(service('scheduler', 'scheduler-equal',
                                                     'args = "weight.a=3", "weight.b=1";')) < 3.3)
    tap.check('1:1 without a policy', 0.9 < ratio('') < 1.1)


def main():
    build, part = sys.argv[1:]
    tap = Tap()
    output = {'authority': test_authority, 'mistakes': test_mistakes, 'lives': test_lives,
              'plan': test_plan}[part](tap, build)
    return tap.finish(output or '')


sys.exit(main())
