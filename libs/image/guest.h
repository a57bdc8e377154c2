/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest's memory begins with: kernel, ramdisk and device tree, as a list of pieces, and the
 * registers that it starts with. Pure: no calls.
 */
#ifndef LIBS_IMAGE_GUEST_H
#define LIBS_IMAGE_GUEST_H

#include "elf_image.h"

#include <config/config.h>

/* Bytes that go to an address; the rest of the memory is zero. */
struct guest_piece {
    uint64_t ipa;
    const uint8_t *data;
    uint64_t bytes;
};

#define GUEST_TREE_MAX   0x10000ul /* bytes of a device tree, at the end of the memory */
#define GUEST_PIECES_MAX (ELF_SEGMENTS_MAX + 2)

struct guest_image {
    uint64_t entry;
    uint64_t dtb; /* address of the device tree: x0 */
    uint64_t ramdisk, ramdisk_bytes;
    uint32_t npieces;
    struct guest_piece piece[GUEST_PIECES_MAX];
};

struct guest_file {
    const uint8_t *data; /* NULL: none */
    size_t bytes;
};

/*
 * Lays out a guest with `memory` bytes at KEEL_MACHINE_RAM: the kernel (arm64 Image, ELF or raw)
 * where it wants to be, the ramdisk high, room for the device tree at the very end. NULL, or what
 * is wrong; *property: of what.
 */
const char *guest_layout(struct guest_image *image, uint64_t memory,
                         const struct guest_file *kernel, const struct guest_file *ramdisk,
                         const char **property) __attribute__((warn_unused_result));

/* Adds the device tree to the pieces. */
void guest_add_tree(struct guest_image *image, const uint8_t *tree, size_t bytes);

#endif
