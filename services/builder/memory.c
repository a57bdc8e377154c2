/* SPDX-License-Identifier: Apache-2.0 */
/* Free physical memory (see memory.h): a short list of ranges, first in the order of addresses.
 * Memory is never given back: a domain keeps its pages across its lives. */
#include "memory.h"

#define RANGES_MAX (4 * KEEL_EXTENTS_MAX)

static struct memory_run range[RANGES_MAX];
static uint32_t ranges;

void memory_init(const struct keel_boot *boot)
{
    ranges = 0;
    for (uint32_t i = 0; i < boot->nextents && i < KEEL_EXTENTS_MAX; i++)
        if (boot->extent[i].kind == KEEL_EXTENT_FREE)
            range[ranges++] =
                (struct memory_run){.pa = boot->extent[i].pa, .pages = boot->extent[i].pages};
}

uint64_t memory_free_pages(void)
{
    uint64_t pages = 0;

    for (uint32_t i = 0; i < ranges; i++)
        pages += range[i].pages;
    return pages;
}

/* The highest address in the range at which so many pages, aligned, end within it; pages that fit.
 */
static uint64_t fit(const struct memory_run *free, uint64_t pages, unsigned order, uint64_t *pa)
{
    const uint64_t block = KEEL_PAGE_SIZE << order;
    uint64_t end = free->pa + (free->pages << KEEL_PAGE_SHIFT);
    uint64_t start = (free->pa + block - 1) & ~(block - 1);

    if (order)
        end &= ~(block - 1);
    if (start >= end)
        return 0;

    uint64_t most = (end - start) >> KEEL_PAGE_SHIFT;
    if (most > pages)
        most = pages;
    *pa = (end - (most << KEEL_PAGE_SHIFT)) & ~(block - 1);
    return most;
}

static void cut(uint32_t index, uint64_t pa, uint64_t pages)
{
    struct memory_run *free = &range[index];
    uint64_t end = free->pa + (free->pages << KEEL_PAGE_SHIFT);
    uint64_t behind = pa + (pages << KEEL_PAGE_SHIFT);

    free->pages = (pa - free->pa) >> KEEL_PAGE_SHIFT;
    if (behind < end && ranges < RANGES_MAX)
        range[ranges++] =
            (struct memory_run){.pa = behind, .pages = (end - behind) >> KEEL_PAGE_SHIFT};
}

/* The range in which the most of `pages` fits; of equals, the last. */
static uint32_t best(uint64_t pages, unsigned order, uint64_t *pa, uint64_t *fits)
{
    uint32_t found = 0;

    *fits = 0;
    for (uint32_t i = 0; i < ranges; i++) {
        uint64_t at, n = fit(&range[i], pages, order, &at);

        if (n && n >= *fits) {
            *fits = n;
            *pa = at;
            found = i;
        }
    }
    return found;
}

bool memory_take(uint64_t pages, unsigned order, struct memory_runs *runs)
{
    static struct memory_run saved[RANGES_MAX];
    uint32_t saved_ranges = ranges;
    uint64_t left = pages;

    for (uint32_t i = 0; i < ranges; i++)
        saved[i] = range[i];
    runs->count = 0;
    while (left) {
        uint64_t pa = 0, fits;
        uint32_t index = best(left, order, &pa, &fits);

        if (fits == 0 || runs->count == MEMORY_RUNS_MAX) {
            ranges = saved_ranges;
            for (uint32_t i = 0; i < ranges; i++)
                range[i] = saved[i];
            return false;
        }
        cut(index, pa, fits);
        runs->run[runs->count++] = (struct memory_run){.pa = pa, .pages = fits};
        left -= fits;
    }
    return true;
}
