/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets which page of RAM. */
#include "memory_map.h"

#include <stdbool.h>
#include <string.h>

static loader_error insert(struct memory_map *map, uint32_t at, const struct keel_extent *extent)
{
    if (map->count == MEMORY_MAP_EXTENTS_MAX)
        return "it has too many pieces";
    memmove(&map->extent[at + 1], &map->extent[at], (map->count - at) * sizeof(*extent));
    map->extent[at] = *extent;
    map->count++;
    return NULL;
}

loader_error memory_map_add(struct memory_map *map, uint64_t base, uint64_t bytes)
{
    struct keel_extent extent = {.pa = page_ceil(base), .kind = KEEL_EXTENT_FREE};
    uint64_t end = page_floor(base + bytes);
    uint32_t at = 0;

    if (base > KEEL_KERNEL_VA || bytes > KEEL_KERNEL_VA - base)
        return "a bank of RAM ends above 2^47";
    if (end <= extent.pa)
        return NULL;
    extent.pages = (end - extent.pa) >> KEEL_PAGE_SHIFT;
    while (at < map->count && map->extent[at].pa < extent.pa)
        at++;
    if ((at > 0 && extent_end(&map->extent[at - 1]) > extent.pa) ||
        (at < map->count && map->extent[at].pa < end))
        return "two banks of RAM overlap";
    return insert(map, at, &extent);
}

/* Makes `pa`, if it is inside an extent, the border between two. */
static loader_error split(struct memory_map *map, uint64_t pa)
{
    for (uint32_t i = 0; i < map->count; i++) {
        struct keel_extent *extent = &map->extent[i];
        struct keel_extent upper = *extent;

        if (pa <= extent->pa || pa >= extent_end(extent))
            continue;
        upper.pages = (extent_end(extent) - pa) >> KEEL_PAGE_SHIFT;
        upper.pa = pa;
        if (upper.va)
            upper.va += pa - extent->pa;
        TRY(insert(map, i + 1, &upper));
        extent->pages -= upper.pages;
        return NULL;
    }
    return NULL;
}

static bool may_claim(const struct memory_map *map, uint64_t base, uint64_t end, uint32_t from)
{
    uint64_t covered = base; /* up to here all is as `from` asks */

    for (uint32_t i = 0; i < map->count && covered < end; i++) {
        const struct keel_extent *extent = &map->extent[i];

        if (extent_end(extent) <= covered)
            continue;
        if (extent->pa > covered && !(from & EXTENT_MASK(EXTENT_HOLE)))
            return false;
        if (extent->pa < end && !(from & EXTENT_MASK(extent->kind)))
            return false;
        covered = extent_end(extent);
    }
    return covered >= end || (from & EXTENT_MASK(EXTENT_HOLE));
}

loader_error memory_map_claim(struct memory_map *map, uint64_t base, uint64_t bytes, uint32_t from,
                              const struct keel_extent *as)
{
    uint64_t end;

    if (base >= page_floor(UINT64_MAX) || bytes > page_floor(UINT64_MAX) - base)
        return "it wraps around the address space";
    end = page_ceil(base + bytes);
    base = page_floor(base);
    if (bytes == 0)
        return NULL;
    if (!may_claim(map, base, end, from))
        return "it is not in RAM or overlaps something else";
    TRY(split(map, base));
    TRY(split(map, end));
    for (uint32_t i = 0; i < map->count; i++) {
        struct keel_extent *extent = &map->extent[i];

        if (extent->pa < base || extent->pa >= end)
            continue;
        extent->kind = as->kind;
        extent->perm = as->perm;
        extent->va = as->va ? as->va + (extent->pa - base) : 0;
    }
    return NULL;
}

loader_error memory_map_allocate(struct memory_map *map, uint64_t pages,
                                 const struct keel_extent *as, uint64_t *pa)
{
    for (uint32_t i = map->count; i-- > 0;) {
        const struct keel_extent *extent = &map->extent[i];

        if (extent->kind != KEEL_EXTENT_FREE || extent->pages < pages)
            continue;
        *pa = extent_end(extent) - (pages << KEEL_PAGE_SHIFT);
        if (*pa != 0)
            return memory_map_claim(map, *pa, pages << KEEL_PAGE_SHIFT,
                                    EXTENT_MASK(KEEL_EXTENT_FREE), as);
    }
    return "not enough free memory";
}

static bool may_join(const struct keel_extent *lower, const struct keel_extent *upper)
{
    uint64_t va = lower->va ? lower->va + (lower->pages << KEEL_PAGE_SHIFT) : 0;

    return extent_end(lower) == upper->pa && lower->kind == upper->kind &&
           lower->perm == upper->perm && va == upper->va;
}

loader_error memory_map_finish(struct memory_map *map, struct keel_boot *boot)
{
    struct keel_extent *last = NULL;

    boot->nextents = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        struct keel_extent extent = map->extent[i];

        if (extent.kind == EXTENT_SCRATCH)
            extent.kind = KEEL_EXTENT_FREE;
        if (last && may_join(last, &extent)) {
            last->pages += extent.pages;
            continue;
        }
        if (boot->nextents == KEEL_EXTENTS_MAX)
            return "it has more than 64 pieces";
        last = &boot->extent[boot->nextents++];
        *last = extent;
    }
    if (!last)
        return "there is no RAM";
    boot->ram_lo = boot->extent[0].pa;
    boot->ram_hi = extent_end(last);
    return NULL;
}
