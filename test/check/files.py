# SPDX-License-Identifier: Apache-2.0
"""The files that the bad systems name, good and bad ones, and bundles of them."""
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'boot'))
from newc import Archive  # noqa: E402

LOAD, DYNAMIC, INTERP = 1, 2, 3
X, W, R = 1, 2, 4
EXEC, DYN = 2, 3
AARCH64, X86_64 = 183, 62
PAGE = 0x1000

# offset, address, bytes in the file, bytes in memory, flags
SEGMENTS = [(0, 0x400000, 0x800, 0x800, R), (0x1000, 0x401000, 0x100, 0x100, R | X),
            (0x2000, 0x402000, 0x20, 0x1000, R | W)]


def elf(segments=None, machine=AARCH64, kind=EXEC, entry=0x401000, types=(), bytes_=0x3000):
    """An ELF file with these segments, all of them PT_LOAD unless `types` says otherwise."""
    segments = SEGMENTS if segments is None else segments
    header = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', kind, machine, 1, entry, 64, 0, 0, 64, 56,
                         len(segments), 0, 0, 0)
    table = b''.join(struct.pack('<IIQQQQQQ', types[n] if n < len(types) else LOAD, flags, offset, address, address,
                                 size, memory, PAGE)
                     for n, (offset, address, size, memory, flags) in enumerate(segments))
    return (header + table).ljust(bytes_, b'\0')


def changed(number, **values):
    """The segments, one of them changed."""
    names = ('offset', 'address', 'size', 'memory', 'flags')
    segments = [list(segment) for segment in SEGMENTS]
    for name, value in values.items():
        segments[number][names.index(name)] = value
    return [tuple(segment) for segment in segments]


def image(size=0x1000, flags=0):
    """An arm64 Image."""
    return struct.pack('<IIQQQQQQII', 0, 0, 0, size, flags, 0, 0, 0, 0x644d5241, 0).ljust(0x1000, b'\0')


FILES = {
    'builder': elf(),
    'service': elf(),
    'devices': elf(),
    'scheduler-null': elf(),
    'scheduler-rtds': elf(),
    'kernel': image(),
    'large': bytes(2 << 20),
    'elf-damaged': b'\0' * 0x1000,
    'elf-cut': elf()[:100],
    'elf-foreign': elf(machine=X86_64),
    'elf-shared': elf(types=[LOAD, INTERP]),
    'elf-moving': elf(kind=DYN),
    'elf-overlapping': elf(changed(1, address=0x400400)),
    'elf-touching': elf(changed(1, address=0x400900)),
    'elf-wrapping': elf(changed(2, address=(1 << 64) - 0x800)),
    'elf-enormous': elf(changed(2, memory=1 << 63)),
    'elf-outside': elf(changed(2, offset=0x3000)),
    'elf-writable': elf(changed(1, flags=R | W | X)),
    'elf-empty': elf([]).replace(struct.pack('<HH', 56, 0), struct.pack('<HH', 56, 1), 1),
    'elf-entry': elf(entry=0x402000),
    'elf-segments': elf([(0x1000, 0x401000 + n * PAGE, 16, 16, R | X) for n in range(17)]),
    'kernel-compressed': b'\x1f\x8b'.ljust(64, b'\0'),
    'kernel-big-endian': image(flags=1),
    'kernel-large': image(size=64 << 20),
}


def bundle(system, files=None):
    archive = Archive()
    archive.file('system.dtb', system)
    for name, content in (FILES if files is None else files).items():
        archive.file(name, content)
    return archive.finish()
