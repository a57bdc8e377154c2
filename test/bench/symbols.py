# SPDX-License-Identifier: Apache-2.0
"""Names for what count.c recorded: which program, and which function of it, an instruction belongs to.

Services all lie at the same addresses. They are told apart by what was seen executed: a page belongs to the
program that has these instructions there.
"""
import bisect
import collections
import functools
import pathlib
import re
import struct
import subprocess

KERNEL = (0x800000000000, 0x810000000000)
SERVICES = (0x1000000000, 0x4000000000)

# address, the instruction itself, the emulator's page in which it lay, how often
Insn = collections.namedtuple('Insn', 'address code page times')
Place = collections.namedtuple('Place', 'program function')


def insn_read(line):
    address, code, page, times = line.split()
    return Insn(int(address, 16), int(code, 16), page, int(times))


class Program:
    """An ELF file: what is at an address."""

    def __init__(self, path):
        self.name = path.name.removesuffix('.elf')
        data = path.read_bytes()
        offset, = struct.unpack_from('<Q', data, 32)
        size, n = struct.unpack_from('<HH', data, 54)
        self.segments = []
        for i in range(n):
            kind, _, at, address, _, filled = struct.unpack_from('<IIQQQQ', data, offset + i * size)
            if kind == 1:  # PT_LOAD
                self.segments.append((address, data[at:at + filled]))
        text = subprocess.run(['nm', '--defined-only', path], check=True, capture_output=True, text=True).stdout
        symbols = sorted((int(match[1], 16), match[2])
                         for match in re.finditer(r'^([0-9a-f]+) [tTwW] ([^$\n]+)$', text, re.MULTILINE))
        self.addresses = [address for address, _ in symbols]
        self.names = [name for _, name in symbols]

    def code(self, address):
        for start, data in self.segments:
            if start <= address and address + 4 <= start + len(data):
                return struct.unpack_from('<I', data, address - start)[0]
        return None

    def function(self, address):
        i = bisect.bisect_right(self.addresses, address) - 1
        return self.names[i].split('.')[0] if i >= 0 else '?'


class Symbols:
    """The kernel, the services and the guest of a build folder."""

    def __init__(self, build, guest=None):
        build = pathlib.Path(build)
        self.kernel = Program(build / 'kernel/kernel.elf')
        self.services = [Program(path) for path in
                         [*sorted((build / 'services').rglob('*')), *sorted((build / 'test/bench').glob('bench-*'))]
                         if path.is_file() and path.open('rb').read(4) == b'\x7fELF' and not path.suffix]
        self.guest = guest and Program(pathlib.Path(guest))

    def pages(self, insns):
        """Page of the emulator -> program, for all instructions of services."""
        seen = collections.defaultdict(dict)
        for insn in insns:
            if SERVICES[0] <= insn.address < SERVICES[1]:
                seen[insn.page][insn.address] = insn.code
        return {page: next((program for program in self.services
                            if all(program.code(a) == code for a, code in codes.items())), None)
                for page, codes in seen.items()}

    def places(self, insns):
        """The Place of each of the instructions."""
        pages = self.pages(insns)

        @functools.lru_cache(None)
        def place(address, page):
            if KERNEL[0] <= address < KERNEL[1]:
                return Place('kernel', self.kernel.function(address))
            program = pages.get(page) if SERVICES[0] <= address < SERVICES[1] else self.guest
            if program:
                return Place(program.name, program.function(address))
            return Place('service' if SERVICES[0] <= address < SERVICES[1] else 'rest', '?')

        return [place(insn.address, insn.page) for insn in insns]


def stacks(symbols, insns):
    """(stack, instructions) of a recorded path, in its order: who called what, by BL, BLR and RET. Each program,
    and the kernel each time it is entered, begins with an empty stack."""
    places = symbols.places(insns)
    kept = {}  # program -> its stack, from where it left for the kernel
    result = []
    stack, program, call, back = [], None, False, False
    for insn, place in zip(insns, places):
        if place.program != program:
            if program not in (None, 'kernel'):
                kept[program] = stack
            program = place.program
            stack = kept.pop(program, []) if program != 'kernel' else []
            call = back = False
        if back and len(stack) > 1:
            stack = stack[:-1]
        if not stack or call:
            stack = [*stack, place.function]
        elif stack[-1] != place.function:
            # A tail call, or a return that skipped some.
            stack = [*stack[:stack.index(place.function)], place.function] if place.function in stack \
                else [*stack[:-1], place.function]
        result.append(((program, *stack), insn.times))
        call = insn.code & 0xfc000000 == 0x94000000 or insn.code & 0xfffffc1f == 0xd63f0000  # BL, BLR
        back = insn.code & 0xfffffc1f == 0xd65f0000  # RET
    return result
