/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets which page of RAM: a sorted list of extents without overlap that always covers exactly
 * the machine's RAM. Knows nothing of what lies in memory and touches none of it.
 */
#ifndef LOADER_MEMORY_MAP_H
#define LOADER_MEMORY_MAP_H

#include "error.h"

#include <keel/boot.h>

#define MEMORY_MAP_EXTENTS_MAX 128

/* Kinds beside enum keel_extent_kind that only the loader knows. */
enum {
    EXTENT_SCRATCH = 7, /* in use until the hand-over, then free */
    EXTENT_HOLE = 8,    /* no RAM: only in masks of kinds */
};
#define EXTENT_MASK(kind) (1u << (kind))

struct memory_map {
    uint32_t count;
    struct keel_extent extent[MEMORY_MAP_EXTENTS_MAX];
};

static inline uint64_t page_floor(uint64_t value)
{
    return value & ~(uint64_t)(KEEL_PAGE_SIZE - 1);
}

/* Not for values in the last page of the address space. */
static inline uint64_t page_ceil(uint64_t value)
{
    return page_floor(value + KEEL_PAGE_SIZE - 1);
}

static inline uint64_t extent_end(const struct keel_extent *extent)
{
    return extent->pa + (extent->pages << KEEL_PAGE_SHIFT);
}

/* Adds the whole pages of a bank of RAM as FREE. */
loader_error memory_map_add(struct memory_map *map, uint64_t base, uint64_t bytes) must_check;

/*
 * Gives all pages that [base, base + bytes) touches the kind and the builder's view of `as` (its pa
 * and pages are ignored). What they are now must be in `from`, a mask of EXTENT_MASK(kind); nothing
 * changes if it isn't.
 */
loader_error memory_map_claim(struct memory_map *map, uint64_t base, uint64_t bytes, uint32_t from,
                              const struct keel_extent *as) must_check;

/* Claims free pages, the highest there are. *pa is never 0. */
loader_error memory_map_allocate(struct memory_map *map, uint64_t pages,
                                 const struct keel_extent *as, uint64_t *pa) must_check;

/* Frees SCRATCH, joins what can be joined, and writes the list to `boot`, with ram_lo and ram_hi.
 */
loader_error memory_map_finish(struct memory_map *map, struct keel_boot *boot) must_check;

#endif
