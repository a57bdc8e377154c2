/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's own stage 1: what it runs from one to one, pages of 4 KiB, blocks of 2 MiB. */
#ifndef CONFORMANCE_MMU_H
#define CONFORMANCE_MMU_H

#include <stdbool.h>
#include <stdint.h>

/* Attributes: an index into MAIR_EL1, and a permission. */
enum {
    MMU_NORMAL = 0, /* write-back, inner and outer */
    MMU_DEVICE = 1,
    MMU_UNCACHED = 2,   /* Normal, inner and outer non-cacheable */
    MMU_THROUGH = 3,    /* write-through */
    MMU_OUTER_ONLY = 4, /* inner non-cacheable, outer write-back */
    MMU_TRANSIENT = 5,  /* write-back transient */
    MMU_READ_ONLY = 0x10,
};

/* The tables, with the guest's image, its stacks and its devices one to one. */
void mmu_init(void);

/* On this CPU. mmu_off: what is read then was not cached. */
void mmu_on(void);
void mmu_off(void);

/* Whether bits 63..56 of addresses are ignored, on this CPU. */
void mmu_tags(bool ignored);

/* Visible to all CPUs when it returns. */
void mmu_map(uint64_t va, uint64_t ipa, uint32_t attributes);
void mmu_map_block(uint64_t va, uint64_t ipa, uint32_t attributes);
void mmu_unmap(uint64_t va);

#endif
