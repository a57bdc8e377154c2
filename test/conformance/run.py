#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots Argo's conformance suite, as a service or as a guest, with its partners. TAP on standard output.

    run.py service|guest CPUS

Every test of the suite has to say that it passed. README.md has to name each of them, and no other.
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'system'))
from keel import Failure, Tap, console, report, service, system  # noqa: E402

CROWD = 33  # as system.h has it
SECONDS = 500


def tests(*sources):
    text = ''.join((HERE / source).read_text() for source in sources)
    return re.findall(r'\{"([\w-]+)", \w+\}', text)


SUITE = tests('register.c', 'send.c', 'receive.c', 'notify.c', 'wake.c', 'order.c')
GUEST = tests('guest_tests.c')


def partner(name, ports, more):
    sends = ', '.join(f'"{peer}:{port}"' for peer, port in ports)
    return service(name, 'conform-partner', f'deadline-ms = <0>; sends = {sends}; {more}')


def the_system(kind):
    """Nodes in the order of the ids in system.h."""
    provides = 'provides = <1 40 41 42>;'

    def all_of(*peers, ports=(1, 40, 41)):
        return [(peer, port) for peer in peers for port in ports]

    sends = ', '.join(f'"{peer}:{port}"' for peer, port in [
        *all_of('partner', 'other'), *all_of('gone', 'ended', 'later', ports=(40, 41)), ('crowd0', 1)])
    suite = f'{provides} sends = {sends}; quota {{ kernel-memory = "1M"; }};'
    nodes = [
        console('args = "focus=gone";'),
        partner('partner', all_of('suite', 'other'),
                f'{provides} memory = "40M"; quota {{ kernel-memory = "256K"; }};'),
        partner('other', all_of('suite', 'partner'),
                f'{provides} memory = "1M"; restart {{ limit = <1000>; }};'),
        partner('gone', [('suite', 1)], 'provides = <40 41>;'),
        partner('ended', [('suite', 1)], 'provides = <40 41>; args = "ends"; restart { limit = <0>; };'),
        partner('later', [('suite', 1)], 'provides = <40 41>; start = "later";'),
        # Commands for those behind the first one are handed on, from one to the next.
        *(partner(f'crowd{i}', [('suite', 1), ('partner', 40), *[(f'crowd{i + 1}', 1)] * (i + 1 < CROWD)],
                  'provides = <1>; memory = "320K";')
          for i in range(CROWD)),
    ]
    if kind == 'service':
        nodes.append(service('suite', 'conform-service', f'deadline-ms = <0>; memory = "40M"; {suite}'))
    else:
        nodes.append(f'suite {{ compatible = "keel,guest"; kernel = "conform-guest.elf"; memory = "80M"; '
                     f'cpus = <2>; {suite} }};')
    return system(*nodes)


def readme_names():
    return set(re.findall(r'`((?:register|unregister|operations|send|receive|notify|wake|order|guest)'
                          r'(?:-[\w-]+)?)`', (HERE / 'README.md').read_text()))


def main():
    kind, cpus = sys.argv[1:]
    names = SUITE + (GUEST if kind == 'guest' else [])
    with Tap() as tap:
        tap.check('README.md names every test, and no other', readme_names() == set(SUITE + GUEST))
        session = tap.session(the_system(kind), cpus=int(cpus))
        session.expect(r'conform: waits', SECONDS)
        session.key('k', r'builder: gone was stopped')
        done = session.wait(r'^(?:\[suite\] )?conform: done: (\d+) passed, (\d+) failed', SECONDS, anywhere=True)
        for name in names:
            tap.check(name, re.search(rf'^(?:\[suite\] )?conform: ok {name}\r?$', session.output, re.MULTILINE))
        if not done:
            raise Failure('the suite does not come to its end')
        tap.check('all of them were made', int(done[1]) == len(names) and done[2] == '0')
        tap.check('A10.10: the kernel says nothing on the console',
                  not re.search(r'^kernel: (?!Keel on)|CHECK', session.output, re.MULTILINE))
        report(f'Argo conformance, {kind}, {cpus} CPU{"s" * (cpus != "1")}: {done[1]} tests passed')


if __name__ == '__main__':
    main()
