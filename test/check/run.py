#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad systems, bundles and platforms: each is refused with its message, at its file and line. TAP on standard output.

    run.py KEEL-CHECK

A system in bad/ says itself what is wrong with it, in comments on the lines that are told: `// ! MESSAGE` for what the
library finds, which is what the builder would say; `// !! MESSAGE` for what only the host can see. Several may stand in a
line. Nothing else may be said. @LEFT@ stands for what the platform has left without the bundle, in KiB; @LEFT-N@ for N less.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / 'system'), str(ROOT / 'boot/checker')]
from keel import Tap  # noqa: E402
from compile import compile_system  # noqa: E402
from files import FILES, bundle  # noqa: E402

MARK = re.compile(r'// (!!?) (.*?)(?= // !|$)')
LEFT = re.compile(r'@LEFT(?:-(\d+))?@')
INCLUDE = re.compile(r'/include/ "(.*)"')


def expected(path):
    """(file, line, whether only the host sees it, message) of a system and its parts."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found += [(str(path), number, mark == '!!', message) for mark, message in MARK.findall(line)]
        if (part := INCLUDE.match(line)) and (path.parent / part[1]).exists():
            found += expected(path.parent / part[1])
    return found


class Checker:
    """keel-check, with a folder for its files."""

    def __init__(self, tool, folder):
        self.tool, self.folder = tool, pathlib.Path(folder)
        self.system, self.places = self.folder / 'system.dtb', self.folder / 'places.dts'

    def file(self, name, content):
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def platform(self, source):
        path = self.folder / 'platform.dtb'
        subprocess.run(['dtc', '-q', '-I', 'dts', '-O', 'dtb', '-o', path, '-'], input=source, text=True, check=True)
        return str(path)

    def compile(self, path):
        self.system.unlink(missing_ok=True)
        self.places.unlink(missing_ok=True)
        return compile_system(str(path), [str(path.parent)], str(self.system), str(self.places))

    def check(self, platform, files, *more):
        """Its status, and its messages."""
        ran = subprocess.run([self.tool, '--platform', platform, *(['--bundle', files] if files else []), *more,
                              self.system], capture_output=True, text=True, check=False)
        return ran.returncode, ran.stderr.splitlines()


def left(bundle_bytes):
    """KiB that the platform has for domains: 1 GiB without 16 MiB, one part in 512, and the bundle."""
    return ((1 << 30) - (16 << 20) - (1 << 30) // 512 - bundle_bytes) >> 10


def test_systems(tap, checker, platform):
    for path in sorted((HERE / 'bad').glob('*.dts')):
        says = expected(path)
        told = checker.compile(path)
        status, library = 1, []
        if checker.system.exists():
            files = bundle(checker.system.read_bytes())
            archive = checker.file('bundle', files)
            says = [(file, line, host, LEFT.sub(lambda match: str(left(len(files)) - int(match[1] or 0)), message))
                    for file, line, host, message in says]
            status, more = checker.check(platform, archive, '--source', str(checker.places))
            told += more
            _, library = checker.check(platform, archive)
        host = sorted(f'{file}:{line}: {message}' for file, line, _, message in says)
        plain = sorted(message for _, _, only, message in says if not only)
        ok = says and status == 1 and sorted(told) == host and sorted(library) == plain
        if not tap.check(path.stem, ok):
            for what, got, want in (('host', sorted(told), host), ('library', sorted(library), plain)):
                for line in sorted(set(got) ^ set(want)):
                    print(f'# {what} {"says" if line in got else "does not say"}: {line}')


GOOD = '''/dts-v1/; / { compatible = "keel,system"; platform = "qemu-virt";
    log { compatible = "keel,service"; image = "service"; };
    linux { compatible = "keel,guest"; kernel = "kernel"; memory = "4M"; }; };'''


def bad_bundles():
    """What is wrong, the archive for a system, what is said."""
    def without(*names):
        return {name: content for name, content in FILES.items() if name not in names}
    archive = 'expected a cpio archive (newc)'
    yield 'empty', lambda system: b'', f'bundle: it ends before its TRAILER!!! entry, {archive}'
    yield ('truncated', lambda system: bundle(system)[:-4096],
           f"bundle: an entry's data lies outside the archive, {archive}")
    yield ('truncated in a header', lambda system: bundle(system)[:60],
           f'bundle: it ends before its TRAILER!!! entry, {archive}')
    yield ('damaged', lambda system: bundle(system).replace(b'070701', b'070702', 1),
           f'bundle: an entry does not begin with 070701 (cpio -H newc), {archive}')
    yield ('with a damaged size', lambda system: bundle(system)[:54] + b'zzzzzzzz' + bundle(system)[62:],
           f"bundle: an entry's header has a character that is no hexadecimal digit, {archive}")
    yield ('with a name twice', lambda system: bundle(system, FILES).replace(b'elf-moving', b'elf-shared'),
           f'bundle: two entries have the same name, {archive}')
    yield ('with too many files', lambda system: bundle(system, {**FILES, **{f'f{n}': b'' for n in range(128)}}),
           'bundle: more than 128 files, expected fewer')
    yield ('without a builder', lambda system: bundle(system, without('builder')),
           'bundle: builder: there is no such file, expected the program that builds the others')
    yield ('with a builder that is none', lambda system: bundle(system, {**FILES, 'builder': b'x' * 100}),
           'bundle: builder: no ELF magic, expected the program that builds the others')


def bad_platforms():
    """What is missing, how it is taken out, what is said."""
    loader = 'expected a machine that the loader can boot'
    yield 'interrupt controller', ('"arm,gic-v3"', '"arm,gic-v9"'), f'there is no GICv3 or GICv2, {loader}'
    yield ('maintenance interrupt', ('interrupts = <1 9 4>;', ''),
           f'the GIC has no maintenance interrupt, {loader}')
    yield 'timer', ('"arm,armv8-timer"', '"arm,armv7-timer"'), f'there is no arm,armv8-timer, {loader}'
    yield ('hypervisor timer', (', <1 10 4>;', ';'),
           f'the timer has no virtual or no hypervisor interrupt, {loader}')
    yield ('way to start CPUs', ('method = "smc"', 'method = "other"'),
           f'the method of psci is neither smc nor hvc, {loader}')
    yield 'CPUs', ('cpus {', 'cpux {'), 'no CPUs, expected nodes in /cpus'
    yield 'memory', ('device_type = "memory"', 'device_type = "other"'), 'no memory, expected a memory node with reg'
    yield ('memory that does not overlap', ('reg = <0 0x80000000 0 0x40000000>;',
                                             'reg = <0 0x80000000 0 0x40000000>, <0 0x90000000 0 0x1000>;'),
           f'two banks of RAM overlap, {loader}')


def test_files(tap, checker, platform, source):
    system = checker.folder / 'good.dts'
    system.write_text(GOOD)
    checker.compile(system)
    good = checker.file('bundle', bundle(checker.system.read_bytes()))
    tap.check('a good system has no mistakes', checker.check(platform, good, '--source', checker.places) == (0, []))
    for what, make, message in bad_bundles():
        archive = checker.file('bad-bundle', make(checker.system.read_bytes()))
        got = checker.check(platform, archive)
        if not tap.check(f'a bundle {what}', got == (1, [message])):
            print(f'# {got}')
    little = checker.platform(source.replace('0 0x40000000>', '0 0x2000000>'))
    got = checker.check(little, checker.file('large', bundle(b'', {**FILES, 'more': bytes(16 << 20)})))
    message = ('platform: 32M of memory, of which bundle (18M), kernel and reservations take 34M, '
               'expected more memory, or a smaller bundle')
    if not tap.check('a bundle larger than memory', got == (1, [message])):
        print(f'# {got}')
    for what, (old, new), message in bad_platforms():
        assert old in source, old
        got = checker.check(checker.platform(source.replace(old, new)), None)
        if not tap.check(f'a platform without {what}', got == (1, [f'platform: {message}'])):
            print(f'# {got}')
    cut = checker.file('cut.dtb', pathlib.Path(platform).read_bytes()[:1000])
    got = checker.check(cut, None)
    if not tap.check('a platform that is cut off', got == (1, ['platform: not a device tree (FDT_ERR_TRUNCATED)'])):
        print(f'# {got}')


def main():
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        checker = Checker(sys.argv[1], folder)
        source = (HERE / 'platform.dts').read_text()
        platform = checker.file('good-platform.dtb', pathlib.Path(checker.platform(source)).read_bytes())
        test_systems(tap, checker, platform)
        test_files(tap, checker, platform, source)


if __name__ == '__main__':
    main()
