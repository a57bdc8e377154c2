/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the kernel's stage 1 for EL2 (Arm ARM D8: VMSAv8-64, 4 KiB granule, 48 bits, one VA range,
 * E2H = 0) in pages given beforehand. Plain C: the caller cares for caches.
 */
#ifndef LOADER_PAGE_TABLE_H
#define LOADER_PAGE_TABLE_H

#include "error.h"

#include <stdint.h>

/* Zeroed pages at their physical = accessible address; [next, end) are still unused. */
struct page_table {
    uint64_t root;
    uint64_t next;
    uint64_t end;
};

/* Takes the root from the pages. */
void page_table_start(struct page_table *table, uint64_t pages_pa, uint64_t pages_end);

/*
 * Maps [va, va + bytes) to pa with the largest blocks that fit. All page-aligned; nothing of it may
 * be mapped yet; `perm` (enum keel_perm) must not have both WRITE and EXEC.
 */
loader_error page_table_map(struct page_table *table, uint64_t va, uint64_t pa, uint64_t bytes,
                            uint32_t perm) must_check;

#endif
