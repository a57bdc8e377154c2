/* SPDX-License-Identifier: Apache-2.0 */
/* Checks an ELF program in memory and lists what is to be loaded of it. Reads it with libelf. */
#ifndef LIBS_IMAGE_ELF_IMAGE_H
#define LIBS_IMAGE_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 16

struct elf_segment {
    uint64_t address;    /* where it goes: any alignment */
    uint64_t bytes;      /* in memory */
    const uint8_t *data; /* data_bytes of the file; the rest is zeros */
    uint64_t data_bytes;
    uint32_t perm; /* enum keel_perm */
};

struct elf_image {
    uint64_t entry;
    uint64_t phdr; /* address at which its program headers are loaded; 0: nowhere */
    uint16_t phent, phnum;
    uint32_t nsegments;
    struct elf_segment segment[ELF_SEGMENTS_MAX]; /* ascending, no byte in two of them */
};

enum elf_use {
    ELF_SERVICE, /* virtual addresses; segments share no page and are never writable and executable
                  */
    ELF_GUEST,   /* physical addresses */
};

/*
 * Accepts a static AArch64 executable whose segments lie in [lo, hi). NULL, or what is wrong. The
 * image is not written to; it must stay where it is for as long as the result is used.
 */
const char *elf_image_read(const uint8_t *data, size_t bytes, enum elf_use use, uint64_t lo,
                           uint64_t hi, struct elf_image *image)
    __attribute__((warn_unused_result));

/* So many bytes from the image's beginning have all that is loaded, and what says so; `bytes` if it is no such program. */
size_t elf_image_bytes(const uint8_t *data, size_t bytes);

bool elf_image_is(const uint8_t *data, size_t bytes);

#endif
