#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the checker refuses, booted all the same: loader or builder refuses it in one line, before any domain is made.
TAP on standard output.

    refused.py BUILD PART       PART: systems, bundles or platforms

The messages are the checker's, as run.py and bad/ have them: whoever finds it at boot has no other words for it.
KEEL_QEMU and KEEL_CPU mean what they do for boot/run.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'system'))
from keel import Tap  # noqa: E402
from files import FILES, bundle  # noqa: E402
from run import GOOD, Checker, bad_bundles, expected  # noqa: E402

QEMU = os.environ.get('KEEL_QEMU', 'qemu-system-aarch64')
CPU = os.environ.get('KEEL_CPU', 'cortex-a72')
MACHINE = 'virt,virtualization=on,gic-version=3'
RAM, MEMORY = 0x40000000, 1 << 30

# Of bad/, at least one of each kind that is a mistake on any machine.
SYSTEMS = '''image-not-there kernel-not-there ramdisk-not-there image-missing
    elf-damaged elf-cut elf-foreign elf-overlapping elf-touching elf-wrapping elf-enormous elf-outside elf-writable
    property-unknown property-of-others property-twice kind-unknown
    type-text type-texts type-number type-numbers type-flag type-choice type-range type-empty
    uses-nobody sends-nobody rights-nobody uses-no-port circle
    name-twice node-twice provides-twice
    rights-window-twice memory-small cpus-range affinity-nowhere reserve-overcommitted
    groups-overlap groups-twice groups-guest groups-null
    memory-unit memory-missing device-nowhere platform-other'''.split()


class Machine:
    """QEMU with the real loader, kernel and builder."""

    def __init__(self, build, folder):
        self.image = pathlib.Path(build) / 'boot/keel.img'
        self.builder = (pathlib.Path(build) / 'services/builder/builder').read_bytes()
        self.folder = pathlib.Path(folder)
        FILES['builder'] = self.builder

    def boot(self, initrd, tree=None, initrd_at=None):
        """Everything that is said until QEMU ends; None: it did not end."""
        command = [QEMU, '-M', MACHINE, '-cpu', CPU, '-smp', '2', '-m', str(MEMORY >> 20), '-nodefaults',
                   '-display', 'none', '-serial', 'stdio', '-no-reboot', '-kernel', self.image]
        (self.folder / 'initrd').write_bytes(initrd)
        if initrd_at:
            command += ['-device', f'loader,file={self.folder / "initrd"},addr={initrd_at:#x},force-raw=on']
        elif initrd:
            command += ['-initrd', self.folder / 'initrd']
        if tree:
            subprocess.run(['dtc', '-q', '-I', 'dts', '-O', 'dtb', '-o', self.folder / 'tree', '-'], input=tree,
                           text=True, check=True)
            command += ['-dtb', self.folder / 'tree']
        try:
            ran = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 timeout=110, check=False)
        except subprocess.TimeoutExpired:
            return None
        return ran.stdout.decode('latin-1').replace('\r', '').splitlines()

    def platform(self):
        """The source of QEMU's own device tree."""
        subprocess.run([QEMU, '-M', f'{MACHINE},dumpdtb={self.folder / "dump"}', '-cpu', CPU, '-smp', '2',
                        '-m', str(MEMORY >> 20), '-nodefaults', '-display', 'none'], check=True, capture_output=True)
        return subprocess.run(['dtc', '-q', '-I', 'dtb', '-O', 'dts', self.folder / 'dump'], check=True,
                              stdout=subprocess.PIPE, text=True).stdout


def refusals(lines):
    """What was refused, and whether nothing else was done: neither a domain nor a broken kernel."""
    found = []
    for line in lines:
        if match := re.match(r'(?:Keel loader: error: |builder: )(?!sha256 )(.*)', line):
            found.append(match[1])
    clean = not any(re.match(r'builder: \d+ domains|kernel: (?!Keel on )|\[', line) for line in lines)
    return found, clean


def check(tap, what, lines, messages):
    found, clean = refusals(lines or [])
    if not tap.check(what, lines is not None and clean and sorted(found) == sorted(messages)):
        print('# expected: ' + '\n# expected: '.join(messages))
        print('# ' + '\n# '.join((lines or ['it did not end'])[-8:]))


def compiled(folder, path):
    checker = Checker(None, folder)
    checker.compile(path)
    return checker.system.read_bytes()


def test_systems(tap, machine, folder):
    for name in SYSTEMS:
        path = HERE / f'bad/{name}.dts'
        messages = [message for _, _, host, message in expected(path) if not host]
        initrd = bundle(compiled(folder, path))
        check(tap, name, machine.boot(initrd), messages)


# What the loader says in other words than the checker, which sees more at once.
IN_OTHER_WORDS = {
    'empty': 'initrd: there is no initrd',
    'without a builder': 'initrd: it has no file named builder',
    'with too many files': 'bundle: it has more than 128 files',
    'with a builder that is none': 'builder: no ELF magic',
}


def test_bundles(tap, machine, folder):
    (machine.folder / 'good.dts').write_text(GOOD)
    good = compiled(folder, machine.folder / 'good.dts')
    for what, make, message in bad_bundles():
        told = re.sub(r'^bundle: (.*), expected .*', r'initrd: \1', message)
        check(tap, f'a bundle {what}', machine.boot(make(good)), [IN_OTHER_WORDS.get(what, told)])
    # QEMU itself would refuse one that does not fit: it is in memory up to where that ends.
    start, end = RAM + MEMORY - (32 << 20), RAM + 2 * MEMORY
    tree = machine.platform().replace('chosen {', f'chosen {{ linux,initrd-start = <0 {start:#x}>; '
                                      f'linux,initrd-end = <0 {end:#x}>;')
    check(tap, 'a bundle larger than memory', machine.boot(bundle(good), tree, start), ['initrd: it is not in RAM or overlaps something else'])


HYPERVISOR_TIMER = re.compile(r' 0x01 0x0a 0x[0-9a-f]+>')


def bad_platforms(source):
    """What is missing, how it is taken out of QEMU's tree, what is said."""
    yield 'interrupt controller', ('"arm,gic-v3"', '"arm,gic-v9"'), 'there is no GICv3 or GICv2'
    yield ('maintenance interrupt', ('interrupts = <0x01 0x09 0x04>;', ''), 'the GIC has no maintenance interrupt')
    yield 'timer', ('"arm,armv8-timer', '"arm,armv6-timer'), 'there is no arm,armv8-timer'
    yield ('hypervisor timer', (HYPERVISOR_TIMER.search(source)[0], '>'),
           'the timer has no virtual or no hypervisor interrupt')
    yield 'CPUs', ('cpus {', 'cpux {'), 'there is no /cpus'


def test_platforms(tap, machine, folder):
    source = machine.platform()
    (machine.folder / 'good.dts').write_text(GOOD)
    good = bundle(compiled(folder, machine.folder / 'good.dts'), FILES)
    for what, (old, new), message in bad_platforms(source):
        assert old in source, old
        check(tap, f'a platform without {what}', machine.boot(good, tree=source.replace(old, new)),
              [f'device tree: {message}'])


def main():
    build, part = sys.argv[1:]
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        {'systems': test_systems, 'bundles': test_bundles, 'platforms': test_platforms}[part](
            tap, Machine(build, folder), folder)


if __name__ == '__main__':
    main()
