/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a static AArch64 ELF64 program in memory and lists what is to be loaded of it. */
#ifndef LOADER_ELF64_H
#define LOADER_ELF64_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 8

/* Rounded to pages: va is page-aligned, the file's bytes begin at `skip` in the first page. */
struct elf_segment {
    uint64_t va;
    uint64_t pages;
    uint64_t skip;
    const uint8_t *data;
    uint64_t data_bytes; /* the rest is zeros */
    uint32_t perm;       /* enum keel_perm; never both WRITE and EXEC */
};

struct elf_program {
    uint64_t entry;
    uint32_t nsegments;
    struct elf_segment segment[ELF_SEGMENTS_MAX]; /* ascending by va, no page in two of them */
};

/*
 * Accepts an executable whose segments lie in [KEEL_PAGE_SIZE, limit), share no page, and are never
 * writable and executable at once. Sources: System V ABI chapters 4 and 5, ELF for the Arm 64-bit
 * Architecture.
 */
loader_error elf_read(const uint8_t *image, size_t bytes, uint64_t limit,
                      struct elf_program *program) must_check;

#endif
