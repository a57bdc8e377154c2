#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The builder on the real kernel: bad systems, restarts, requests. TAP on standard output.

    run.py PART     PART: mistakes or lives
"""
import hashlib
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from keel import PREFIX, Tap, guest, service, system  # noqa: E402

# Each system has one mistake; what the builder says about it, behind "builder: ".
MISTAKES = {
    'unknown property': (service('a', 'example', 'colour = "red";'),
                         '/a: colour: unknown property, expected one of compatible'),
    'wrong type': (service('a', 'example', 'memory = <4>;'),
                   '/a: memory: not text, expected a string in quotation marks'),
    'dangling edge': (service('a', 'example', 'uses = "b:7";'),
                      '/a: uses: there is no "b", expected the name of a service or guest'),
    'no such file': (service('a', 'exmaple'),
                     '/a: image: there is no "exmaple" in the bundle, expected one of its files'),
    'no ELF': (service('a', 'hello.bin'), '/a: image: "hello.bin": its ELF header is damaged'),
    'not static': (service('a', 'loader.elf'), '/a: image: "loader.elf": it is'),
    'too little memory': (service('a', 'example', 'memory = "64K";'),
                          '/a: memory: too little for its image, expected at least'),
    'memory that there is not': ((guest('hello'), guest('g', 'hello.bin', memory='2040M')),
                                 '/g: memory: 2089092K asked for with '),
    'tables that do not fit': (service('a', 'example', 'memory = "8M"; quota { kernel-memory = "32K"; };'),
                               '/a/quota: kernel-memory: 32K is too little for page tables and rings'),
    'a circle': ((service('a', 'example', 'uses = "b"; provides = <7>;'),
                  service('b', 'example', 'uses = "a"; provides = <7>;')),
                 '/a: uses: waits for itself (a -> b -> a)'),
    'a service that is not where its client is': (
        (service('a', 'example', 'uses = "b";'), service('b', 'example', 'provides = <7>; cpu-affinity = <0>;')),
        '/b: cpu-affinity: lacks CPU 1 of "a", which waits for it'),
    'two owners': (service('a', 'example', 'devices = "/pl011@9000000";'),
                   '/a: devices: "pl011@9000000" belongs to "console" too, expected one owner'),
    'a guest too small': (guest('g', 'linux-arm64', memory='16M'),
                          '/g: kernel: "linux-arm64": its header asks for more memory than the guest has'),
    'another platform': ((), '/: platform: "zcu102" is not this machine'),
}


def test_mistakes(tap):
    """The builder itself refuses what the host's checks were not asked about."""
    for name, (nodes, message) in MISTAKES.items():
        nodes = [nodes] if isinstance(nodes, str) else nodes
        text = system(*nodes, platform='zcu102' if name == 'another platform' else 'qemu-virt')
        session = tap.session(text, options=['--unchecked'])
        told = session.wait(rf'^builder: {re.escape(message)}')
        ended = session.wait_end()
        said = [line for line in session.output.split('\n')
                if line.startswith('builder: /') or line.startswith('kernel: ') and 'Keel on' not in line]
        tap.check(f'{name}: one line, and boot/run fails',
                  told and ended == 1 and len(said) == 1 and 'gave up and reset itself' in session.output)
        session.close()


def test_lives(tap):
    session = tap.session(system(
        service('later', 'example', 'start = "later"; provides = <7>;'),
        service('failing', 'scheduler-equal', 'args = "nonsense"; console = "none"; restart { limit = <2>; };'),
        guest('orphan', 'hello.bin', 'emulation { args = "nonsense"; restart { limit = <0>; }; };'),
        guest('reset')))
    digest = hashlib.sha256((pathlib.Path(os.environ['KEEL_BUILD']) / 'test/guests/reset.bin').read_bytes()).hexdigest()
    tap.check('the boot log has the hash of each module', session.wait(rf'^builder: sha256 {digest} +\d+ reset.bin'))
    for life in range(3):
        tap.check(f'a reset guest starts again with clean memory ({life})',
                  session.wait(r'reset: alive, 0 lives in memory(?s:.*?)reset resets'))
    tap.check('a failing service is started again twice', session.wait(
        r'(?s)(?:failing exited with status 1.*?){3}failing is not started again: stays off', anywhere=True))
    tap.check('a guest whose devices service is given up is stopped', session.wait(
        r'(?s)orphan.devices is not started again: stays off.*orphan was stopped', anywhere=True))
    tap.check('what starts later has not started', 'hello from domain' not in session.output)
    session.type(PREFIX + 'l')
    tap.check('the list has it', session.wait(r'later +building +life 1,.* 0 restarts'))
    number = re.search(r'^(?:\[console\] )? *(\d+)\*? later', session.output, re.MULTILINE)[1]
    session.key(number, rf'focus: {number} later')
    session.type(PREFIX + 'r')
    tap.check('it starts on request', session.wait(r'later: hello from domain 2'))
    session.type(PREFIX + 'r')
    tap.check('and again', session.wait(r'later: hello from domain 2'))
    tap.check('the machine goes off on request', session.leave() == 0)


if __name__ == '__main__':
    with Tap() as results:
        {'mistakes': test_mistakes, 'lives': test_lives}[sys.argv[1]](results)
