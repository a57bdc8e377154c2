/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service's address space: its program, and behind it the start block, stack, heap and devices,
 * each with unmapped pages before it. Pure: it only says what goes where.
 */
#ifndef LIBS_IMAGE_PROGRAM_H
#define LIBS_IMAGE_PROGRAM_H

#include "elf_image.h"

#include <config/authority.h>

/* Consecutive pages; data from the piece's start, the rest zero. */
struct program_part {
    uint64_t address, pages;
    uint64_t skip; /* where in the first page data goes */
    const uint8_t *data;
    uint64_t data_bytes;
    uint32_t perm;
};

#define PROGRAM_PARTS_MAX (ELF_SEGMENTS_MAX + 4)
#define PROGRAM_BLOCK_MAX 0x4000u  /* bytes of a start block */
#define PROGRAM_TOP_MAX   0x2000u  /* bytes of an initial stack's contents */
#define PROGRAM_STACK     0x10000u /* bytes of a stack */
#define PROGRAM_LIMIT     (1ull << 38)
#define PROGRAM_RANDOM    16 /* bytes for the stack protector and the like */

struct program {
    uint64_t entry, sp;
    uint32_t nparts;
    struct program_part part[PROGRAM_PARTS_MAX];
    struct keel_device device[CONFIG_DEVICES_MAX * CONFIG_REGIONS_MAX];
    uint32_t ndevices;
    uint64_t vault_bytes; /* whole pages; 0: it has none */
    _Alignas(16) uint8_t block[PROGRAM_BLOCK_MAX]; /* contents of the start block */
    _Alignas(16) uint8_t top[PROGRAM_TOP_MAX];     /* contents of the stack's upper end */
};

/* What the layout depends on besides the configuration. */
struct program_life {
    uint32_t incarnation;         /* of the service */
    const uint32_t *incarnations; /* of all domains, by id; 0: does not exist */
    uint8_t random[PROGRAM_RANDOM];
    const uint8_t *vault; /* contents for its vault; NULL: zeros */
    uint64_t vault_bytes; /* of those: nothing else fits */
    uint32_t vault_lives;
};

/* Lays out a service within its memory. NULL, or what is wrong; *property: of what. */
const char *program_layout(struct program *program, const struct config *config,
                           const struct authority *authority, uint16_t domain, const uint8_t *image,
                           size_t bytes, const struct program_life *life, const char **property)
    __attribute__((warn_unused_result));

#endif
