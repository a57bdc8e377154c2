#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the kernel says when the builder ends, when it finds itself broken, and on a machine that it is not for. TAP on
standard output.

    ends.py NM       which lists the symbols of the kernel
"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

from keel import Tap, system

BUILD = pathlib.Path(os.environ['BUILD'])
KERNEL_VA = 0x800000000000
UNDEFINED = 0x02000000  # ESR of an instruction that is none: 32 bits long, class 0


def builder_broken(folder):
    """A builder that is one instruction, and that none; where it is."""
    text = b'\x00\x00\x00\x14Keel test builder'
    image = (BUILD / 'test/system/loader/test-loader-builder.elf').read_bytes()
    (folder / 'builder').write_bytes(image.replace(text, bytes(4) + text[4:]))
    return struct.unpack_from('<Q', image, 24)[0]


def kernel_broken(folder, symbol):
    """An image whose kernel has no instruction at a symbol; where it is, and the image."""
    symbols = subprocess.run([sys.argv[1], BUILD / 'kernel/kernel.elf'], text=True, check=True, capture_output=True).stdout
    address = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.split()[-1] == symbol)
    image = bytearray((BUILD / 'boot/keel.img').read_bytes())
    place = image.index((BUILD / 'kernel/kernel.bin').read_bytes()) + address - KERNEL_VA
    image[place:place + 4] = bytes(4)
    (folder / 'broken.img').write_bytes(image)
    return address, folder / 'broken.img'


def main():
    with Tap() as tap, tempfile.TemporaryDirectory() as name:
        pc = builder_broken(pathlib.Path(name))
        session = tap.session(system(), cpus=2, find=[name])
        tap.check('the builder ends: what and where', session.wait(
            rf'^kernel: builder stopped: reason 2, pc or status {pc:x}, esr {UNDEFINED:x}\r?$', anywhere=True))

        pc, image = kernel_broken(pathlib.Path(name), 'trap_sync')
        session = tap.session(system(), cpus=1, qemu=['-kernel', image])
        tap.check('the kernel is broken: the exception', session.wait(
            rf'^kernel: exception esr {UNDEFINED:x} pc {pc:x} far [0-9a-f]+ frame [0-9a-f]+\r?$', anywhere=True))
        tap.check('where', session.wait(r'^kernel: CHECK failed: exception:0: the kernel does not fault\r?$', anywhere=True))
        tap.check('and the state', session.wait(
            r'^kernel: on CPU 0, which runs domain 0, vCPU 0, pc [0-9a-f]+\r?$', anywhere=True))
        tap.check('it does not go on', session.wait_end() == 1)

        session = tap.session(system(), cpus=2, qemu=['-M', 'gic-version=2'])
        tap.check('what the loader found is not what the kernel can use: which field', session.wait(
            r'^kernel: CHECK failed: boot structure:0: boot->gic_kind == KEEL_GIC_V3\r?$', anywhere=True))
        tap.check('nor does it go on there', session.wait_end() == 1)


if __name__ == '__main__':
    main()
