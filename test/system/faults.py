#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Services that touch memory that is not theirs: only the culprit ends, with one message that says why.
TAP on standard output."""
import re

from keel import Tap, expected, guest, service, system

# What it does; the exception class in ESR (0x24 data, 0x20 instruction abort from EL0), and where.
CULPRITS = {
    'null': ('read', '0', 0x24),
    'null-write': ('write', '0', 0x24),
    'kernel-read': ('read', '0x800000000000', 0x24),
    'kernel-write': ('write', '0x800000001000', 0x24),
    'kernel-pa': ('read', '0x4020e000', 0x24),
    'device': ('read', '0x9000000', 0x24),
    'device-write': ('write', '0x8000000', 0x24),
    'guest-ram': ('read', '0x40080000', 0x24),
    'guest-write': ('write', '0x40080000', 0x24),
    'absent': ('read', '0x7ffffff000', 0x24),
    'nowhere': ('read', '0xffff000000000000', 0x24),
    'text-write': ('write', 'text', 0x24),
    'rodata-write': ('write', 'rodata', 0x24),
    'past-heap': ('read', 'past-heap', 0x24),
    'heap-write': ('write', 'past-heap', 0x24),
    'run-stack': ('execute', 'stack', 0x20),
    'run-data': ('execute', 'data', 0x20),
    'run-rodata': ('execute', 'rodata', 0x20),
    'run-null': ('execute', '0', 0x20),
}


def main():
    culprits = [service(name, 'test-culprit', f'args = "{how}", "{where}"; restart {{ limit = <0>; }};')
                for name, (how, where, _) in CULPRITS.items()]
    with Tap() as tap:
        session = tap.session(system(guest('gic', more='cpus = <2>;'), service('example', 'example', 'provides = <7>;'), *culprits))
        for name, (how, where, kind) in CULPRITS.items():
            found = session.wait(rf'builder: {name} faulted: pc (0x[0-9a-f]+), ESR 0x([0-9a-f]+), '
                                 r'address 0x([0-9a-f]+), x30 0x[0-9a-f]+\r?$', anywhere=True)
            tried = re.search(r', 0x([0-9a-f]+)$', (session.said(name) or [''])[0])
            tap.check(f'{name}: {how} {where} ends it, and the message says where', found and tried and
                      int(found[2], 16) >> 26 == kind and found[3] == tried[1])
        # The others go on: the guest has not said everything yet, as it waits for a line.
        session.expect(r'^gic: type a line')
        session.type('ping pong\r')
        tap.check('a guest goes on', session.says(
            'gic', [line for line in expected('gic') if not line.startswith('> ')]))
        session.expect(r'builder: gic powered off', anywhere=True)
        tap.check('and the machine goes off when it does', session.wait_end() == 0)
        ends = re.findall(r'builder: (\S+) (?:faulted|exited|was stopped|ended)', session.output)
        tap.check('nobody else ended, and each once', sorted(ends) == sorted(CULPRITS))
        tap.check('nobody went on', 'goes on' not in session.output)


if __name__ == '__main__':
    main()
