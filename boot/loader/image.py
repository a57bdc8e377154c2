#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Joins loader and kernel to the boot image: image.py LOADER KERNEL IMAGE.

The kernel follows the loader on the next page. The header's image_size then covers both and the
kernel's bss, which the loader zeroes. Layouts: boot/loader/head.S, struct keel_kernel_header.
"""
import struct
import sys

PAGE = 4096
HEADER = '<8s4Q'
HEADER_OFFSET = 64
IMAGE_SIZE_OFFSET = 16


def fail(message):
    sys.exit(f'image.py: {message}')


def pad(data, size):
    return data + bytes(size - len(data))


def main(loader_path, kernel_path, image_path):
    with open(loader_path, 'rb') as file:
        loader = file.read()
    with open(kernel_path, 'rb') as file:
        kernel = file.read()
    if len(kernel) < PAGE:
        fail(f'{kernel_path}: shorter than a page')
    magic, text, rodata, data, bss = struct.unpack_from(HEADER, kernel, HEADER_OFFSET)
    if magic != b'KEELKern':
        fail(f'{kernel_path}: no kernel header at offset {HEADER_OFFSET}')
    if text == 0 or any(size % PAGE for size in (text, rodata, data, bss)):
        fail(f'{kernel_path}: sizes in its header are no multiples of a page')
    if len(kernel) > text + rodata + data:
        fail(f'{kernel_path}: longer than its header says')
    image = pad(loader, -(-len(loader) // PAGE) * PAGE)
    image += pad(kernel, text + rodata + data)
    image = bytearray(image)
    struct.pack_into('<Q', image, IMAGE_SIZE_OFFSET, len(image) + bss)
    with open(image_path, 'wb') as file:
        file.write(image)


if __name__ == '__main__':
    if len(sys.argv) != 4:
        fail('usage: image.py LOADER KERNEL IMAGE')
    main(*sys.argv[1:])
