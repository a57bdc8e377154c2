#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A platform that has fewer CPUs than its device tree says: those that start run the system, and a configuration that
names others is refused. TAP on standard output."""
import os
import pathlib
import subprocess
import tempfile

from keel import Tap, guest, service, system

QEMU = os.environ.get('KEEL_QEMU', 'qemu-system-aarch64')
CPU = os.environ.get('KEEL_CPU', 'cortex-a72')
MACHINE = 'virt,virtualization=on,gic-version=3'


def main():
    with tempfile.TemporaryDirectory(prefix='keel-test-') as work, Tap() as tap:
        tree = pathlib.Path(work, 'four.dtb')
        subprocess.run([QEMU, '-M', f'{MACHINE},dumpdtb={tree}', '-cpu', CPU, '-smp', '4', '-m', '2048',
                        '-nodefaults', '-display', 'none'], check=True, capture_output=True)
        # QEMU leaves a megabyte of zeros.
        subprocess.run(['dtc', '-q', '-I', 'dtb', '-O', 'dtb', '-o', tree, tree], check=True)
        options = {'cpus': 2, 'qemu': ['-dtb', str(tree)], 'options': ['--unchecked']}

        session = tap.session(system(guest('hello')), **options)
        session.expect('kernel: CPU 2 does not start')
        session.expect('hello: passed')
        session.end()
        tap.check('two of four CPUs start, and run a guest', True)

        for cpu, names in [(1, False), (2, True)]:
            session = tap.session(system(service('example', 'example', f'cpu-affinity = <{cpu}>;'), guest('hello')),
                                  **options)
            refused = session.wait(r'builder: .*cpu-affinity: there is no CPU 2, expected 0 to 1|hello: passed')
            tap.check(f'CPU {cpu}: {"not there, and refused" if names else "there"}',
                      refused and ('builder' in refused[0]) == names)
            session.wait_end()


if __name__ == '__main__':
    main()
