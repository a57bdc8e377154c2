/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the kernel's memory share: fresh RAM with a frame table at its beginning, a
 * view of a space's tables that does not use the kernel's walker, and a digest of everything that
 * an operation could have changed.
 */
#ifndef MEMORY_FIXTURE_H
#define MEMORY_FIXTURE_H

#include <check.h>
#include <stdlib.h>

#include "memory/address.h"
#include "memory/host.h"
#include "memory/space.h"
#include "memory/stage2.h"

#define PAGES          (HOST_RAM_BYTES / KEEL_PAGE_SIZE)
#define TABLE_PAGES    (PAGES * sizeof(struct frame) / KEEL_PAGE_SIZE)
#define PA(page)       PADDR(HOST_RAM_PA + (uint64_t)(page)*KEEL_PAGE_SIZE)
#define PAGE_OF(pa)    (((pa)-HOST_RAM_PA) / KEEL_PAGE_SIZE)
#define PAGE_IPA(page) IPA((uint64_t)(page) << KEEL_PAGE_SHIFT)
#define BLOCK_PAGES    512u

#define R KEEL_PERM_READ
#define W KEEL_PERM_WRITE
#define X KEEL_PERM_EXEC

/* Frames of the fixture's boot structure. */
#define BOOT_PAGE    64  /* RESERVED, to be mapped for the builder */
#define BUILDER_PAGE 65  /* OWNED by the builder: 3 */
#define FIRST_FREE   512 /* from here to PAGES */

static inline void ram_init(void)
{
    struct keel_boot boot = {.ram_lo = HOST_RAM_PA,
                             .ram_hi = HOST_RAM_PA + HOST_RAM_BYTES,
                             .frame_table_pa = HOST_RAM_PA,
                             .frame_table_pages = TABLE_PAGES,
                             .nextents = 3};

    boot.extent[0] = (struct keel_extent){PA(BOOT_PAGE).v, 1, 0, KEEL_EXTENT_BOOT, 0};
    boot.extent[1] = (struct keel_extent){PA(BUILDER_PAGE).v, 3, 0, KEEL_EXTENT_BUILDER, 0};
    boot.extent[2] =
        (struct keel_extent){PA(FIRST_FREE).v, PAGES - FIRST_FREE, 0, KEEL_EXTENT_FREE, 0};
    memset(host_ram, 0xa5, sizeof(host_ram));
    memset(&host_counters, 0, sizeof(host_counters));
    host_tlb_used = 0;
    host_tlb_flushing = NULL;
    frames_init(&boot);
}

/* Makes pages clean, however many. */
static inline void scrub(uint64_t page, uint64_t pages)
{
    while (pages > 0) {
        int64_t done = frames_scrub(PA(page), pages);

        ck_assert_int_gt(done, 0);
        page += (uint64_t)done;
        pages -= (uint64_t)done;
    }
}

static inline struct frame *frame_at(uint64_t page)
{
    return frame_of(PA(page));
}

/* What a leaf allows: enum keel_perm. */
static inline uint32_t leaf_perm(uint64_t leaf)
{
    return ((leaf & STAGE2_S2AP_READ) ? R : 0u) | ((leaf & STAGE2_S2AP_WRITE) ? W : 0u) |
           ((leaf & STAGE2_XN) ? 0u : X) |
           (stage2_is_device(leaf) ? (uint32_t)KEEL_PERM_DEVICE : 0u);
}

/* The leaf for a page of the IPA, and its order; 0 if there is none. */
static inline uint64_t leaf_of(const struct space *space, uint64_t page, uint32_t *order)
{
    struct paddr table = space->root;

    if (table.v == 0)
        return 0;
    for (*order = 18;; *order -= 9) {
        const uint64_t *entries = phys_to_virt(table);
        uint64_t entry = entries[page >> *order & 511];

        if (!(entry & 1))
            return 0;
        if (*order == 0 || !(entry & 2))
            return entry;
        table = PADDR(entry & 0x0000fffffffff000ul);
    }
}

static inline uint64_t digest_add(uint64_t digest, const void *data, uint64_t bytes)
{
    const uint64_t *word = data;

    for (uint64_t i = 0; i < bytes / sizeof(*word); i++)
        digest = (digest ^ word[i]) * 0x100000001b3ul;
    return digest;
}

/* Of the frame table, all tables and pool pages, the spaces' own fields, and flushes. */
static inline uint64_t digest_of(struct space *const space[], uint32_t spaces)
{
    uint64_t digest = digest_add(0xcbf29ce484222325ul, host_ram, TABLE_PAGES * KEEL_PAGE_SIZE);

    for (uint32_t i = 0; i < PAGES; i++)
        if (frame_at(i)->state == FRAME_POOL)
            digest = digest_add(digest, phys_to_virt(PA(i)), KEEL_PAGE_SIZE);
    for (uint32_t i = 0; i < spaces; i++) {
        uint64_t fields[] = {space[i]->root.v, space[i]->pool.first, space[i]->pool.free,
                             space[i]->pool.total, space[i]->pages};

        digest = digest_add(digest, fields, sizeof(fields));
    }
    return digest_add(digest, &host_counters.flushes_ipa, sizeof(uint64_t));
}

#endif
