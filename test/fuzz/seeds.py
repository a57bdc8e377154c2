#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The inputs that a fuzz target starts from.

    seeds.py TARGET FOLDER BUILD    writes them to a folder: those made here, those of the build folder,
                                    and those kept in corpus/TARGET
    seeds.py --keep TARGET NOTES    puts those inputs into corpus/TARGET that reach the most; NOTES is what
                                    libFuzzer wrote of each as it merged

corpus/TARGET has one input a line, in base64.
"""
import base64
import functools
import operator
import pathlib
import random
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / 'boot'))
from newc import Archive  # noqa: E402

# The most that corpus/TARGET has: inputs, and bytes of the file.
MOST = 150
MOST_BYTES = 200 << 10

READ, WRITE, EXEC = 4, 2, 1
RAM = 0x40000000


def elf(*segments, entry=None, machine=183, kind=2, physical=None):
    """A static ELF program; a segment is (address, flags, bytes, bytes in memory)."""
    header = 64 + 56 * len(segments)
    programs, contents = b'', b''
    for address, flags, data, size in segments:
        offset = header + len(contents)
        gap = (address - offset) % 0x1000
        contents += bytes(gap) + data
        programs += struct.pack('<IIQQQQQQ', 1, flags, offset + gap, address,
                                address if physical is None else physical, len(data), size, 0x1000)
    entry = segments[0][0] if entry is None else entry
    return struct.pack('<4sBBBB8xHHIQQQIHHHHHH', b'\x7fELF', 2, 1, 1, 0, kind, machine, 1, entry, 64,
                       0, 0, 64, 56, len(segments), 64, 0, 0) + programs + contents


def image(text_offset, size, flags=0, code=b'code' * 8):
    """An arm64 Image with its header."""
    return struct.pack('<2IQQQ3QII', 0x91005a4d, 0x14000000, text_offset, size, flags, 0, 0, 0,
                       0x644d5241, 0) + code


def archive(*files):
    result = Archive()
    for name, content in files:
        result.file(name, content)
    return result.finish()


CODE = bytes.fromhex('1f2003d5') * 4
ELFS = {
    'one': elf((0x10000, READ | EXEC, CODE, 16)),
    'three': elf((0x10000, READ | EXEC, CODE, 16), (0x20000, READ, b'text', 4),
                 (0x30010, READ | WRITE, b'data', 0x3000)),
    'guest': elf((RAM, READ | EXEC, CODE, 16), (RAM + 0x200000, READ | WRITE, b'', 0x100000)),
    'high': elf((0xffff800000000000, READ | EXEC, CODE, 16), physical=RAM + 0x80000),
    'dynamic': elf((0x10000, READ | EXEC, CODE, 16), kind=3),
}
SIZES = struct.pack('<HH', 7, 0x1234)     # 16 MiB, a ramdisk
SEEDS = {
    # As many events as one input has: from nothing, libFuzzer would take long to get so far.
    'argo': {f'random-{n}': random.Random(n).randbytes(32 + 120 * 16) for n in range(100)},
    'cpio': {
        'bundle': archive(('system.dtb', b'\xd0\x0d\xfe\xed'), ('builder', b'\x7fELF'), ('console', b'c' * 99)),
        'empty': archive(),
        'folders': (lambda a: (a.folder('dir'), a.file('./dir/file', b'x'), a.link('link', 'dir'),
                               a.character_device('null', 1, 3), a.finish())[-1])(Archive()),
    },
    'elf': ELFS,
    'loader-elf': ELFS,
    'image': {
        'linux': SIZES + image(0, 0x200000),
        'offset': SIZES + image(0x80000, 0),
        'raw': SIZES + CODE,
        'no-ramdisk': struct.pack('<HH', 7, 0) + image(0, 0x200000),
        **{f'elf-{name}': SIZES + data for name, data in ELFS.items()},
    },
}


SYSTEMS = ['system', 'hello', 'linux', 'passthrough', 'two-linux']
PLATFORMS = ['platform', 'qemu-virt', 'zcu102']
TREES = {'config': SYSTEMS, 'config-platform': PLATFORMS, 'loader-platform': PLATFORMS}


def write(target, folder, build):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in SEEDS.get(target, {}).items():
        (folder / f'made-{name}').write_bytes(content)
    for name in TREES.get(target, []):
        (folder / f'tree-{name}').write_bytes((build / f'test/fuzz/{name}.dtb').read_bytes())
    kept = HERE / 'corpus' / target
    for number, line in enumerate(kept.read_text().split() if kept.exists() else []):
        (folder / f'kept-{number}').write_bytes(base64.b64decode(line))


class Candidate:
    """An input, and what it reaches, as sets of bits. features: libFuzzer's, an edge and about how often it was taken: eight
    for each edge."""

    def __init__(self, path):
        self.made = path.name.startswith(('made-', 'tree-'))
        self.content = path.read_bytes()
        self.line = base64.b64encode(self.content).decode() + '\n'
        self.features = self.edges = 0

    def reaches(self, features):
        for feature in features:
            self.features |= 1 << feature
            self.edges |= 1 << (feature >> 3)


def candidates(notes):
    """Of a file for -merge_control_file: how many inputs, how many of these in the first folder, a path each, and then
    lines that begin with what they are and an input's number."""
    lines = notes.read_text().splitlines()
    found = [Candidate(pathlib.Path(line)) for line in lines[2:2 + int(lines[0])]]
    for line in lines[2 + len(found):]:
        what, number, *rest = line.split()
        if what == 'FT':
            found[int(number)].reaches(map(int, rest))
    return found


def union(sets):
    return functools.reduce(operator.or_, sets, 0)


def choose(made, others):
    """Beside what is made anyway, again and again the one that adds most edges for its length; if several do, most features."""
    chosen = []
    while len(chosen) < MOST:
        edges, features = (union(getattr(each, what) for each in made + chosen) for what in ('edges', 'features'))
        room = MOST_BYTES - sum(len(each.line) for each in chosen)
        others = [each for each in others if each.features & ~features and len(each.line) <= room]
        if not others:
            break
        chosen.append(min(others, key=lambda each: (-(each.edges & ~edges).bit_count() / len(each.line),
                                                    -(each.features & ~features).bit_count() / len(each.line), each.line)))
    return chosen


def keep(target, notes):
    found = candidates(notes)
    made = [each for each in found if each.made]
    others = [each for each in found if each.content and not each.made]
    chosen = choose(made, others)
    kept = HERE / 'corpus' / target
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(''.join(each.line for each in sorted(chosen, key=lambda each: (len(each.content), each.content))))
    edges, most = (union(each.edges for each in some).bit_count() for some in (made + chosen, found))
    print(f'{target}: {len(chosen)} of {len(others)} inputs, {kept.stat().st_size} bytes: with {len(made)} that are made '
          f'{edges} edges of {most}')


def main():
    if len(sys.argv) == 4 and sys.argv[1] == '--keep':
        keep(sys.argv[2], pathlib.Path(sys.argv[3]))
    elif len(sys.argv) == 4:
        write(sys.argv[1], *map(pathlib.Path, sys.argv[2:]))
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()
