/* SPDX-License-Identifier: Apache-2.0 */
/* A bitmap page allocator; see pages.h. */
#include <runtime/pages.h>

#include <string.h>

#define WORD_BITS 64u

static bool bit_get(const uint64_t *map, size_t i)
{
    return (map[i / WORD_BITS] >> (i % WORD_BITS) & 1) != 0;
}

static void bit_set(uint64_t *map, size_t i, bool value)
{
    uint64_t bit = 1ull << (i % WORD_BITS);
    map[i / WORD_BITS] = value ? map[i / WORD_BITS] | bit : map[i / WORD_BITS] & ~bit;
}

bool pages_init(struct pages *pages, void *region, size_t bytes)
{
    size_t total = bytes / KEEL_PAGE_SIZE;
    size_t words = (total + WORD_BITS - 1) / WORD_BITS;
    size_t own = (2 * words * sizeof(uint64_t) + KEEL_PAGE_SIZE - 1) / KEEL_PAGE_SIZE;
    if (total <= own)
        return false;
    *pages = (struct pages){
        .base = (uint8_t *)region + own * KEEL_PAGE_SIZE,
        .count = total - own,
        .free = total - own,
        .used = region,
        .shut = (uint64_t *)region + words,
    };
    return true;
}

/* The first of n free pages, or pages->count. Steps over whole words where it can. */
static size_t run_find(const struct pages *pages, size_t n)
{
    size_t start = pages->lowest;
    size_t i = start;
    while (i < pages->count) {
        bool whole = i % WORD_BITS == 0 && pages->count - i >= WORD_BITS;
        uint64_t word = pages->used[i / WORD_BITS];
        if (whole && word == ~0ull) {
            i += WORD_BITS;
            start = i;
        } else if (whole && word == 0) {
            i += WORD_BITS;
        } else if (bit_get(pages->used, i)) {
            i++;
            start = i;
        } else {
            i++;
        }
        if (i - start >= n)
            return start;
    }
    return pages->count;
}

void *pages_take(struct pages *pages, size_t n)
{
    if (n == 0 || n > pages->free)
        return NULL;
    size_t first = run_find(pages, n);
    if (first == pages->count)
        return NULL;
    for (size_t i = first; i < first + n; i++)
        bit_set(pages->used, i, true);
    pages->free -= n;
    if (first == pages->lowest)
        pages->lowest = first + n;
    return pages->base + first * KEEL_PAGE_SIZE;
}

static bool index_of(const struct pages *pages, const void *address, size_t *index)
{
    uintptr_t offset = (uintptr_t)address - (uintptr_t)pages->base;
    *index = offset / KEEL_PAGE_SIZE;
    return (uintptr_t)address >= (uintptr_t)pages->base && offset % KEEL_PAGE_SIZE == 0 &&
           *index < pages->count;
}

bool pages_used(const struct pages *pages, const void *address, size_t n)
{
    size_t first;
    if (!index_of(pages, address, &first) || n > pages->count - first)
        return false;
    for (size_t i = first; i < first + n; i++)
        if (!bit_get(pages->used, i))
            return false;
    return true;
}

bool pages_give(struct pages *pages, void *address, size_t n)
{
    size_t first;
    if (n == 0 || !pages_used(pages, address, n) || !index_of(pages, address, &first))
        return false;
    memset(address, 0, n * KEEL_PAGE_SIZE);
    for (size_t i = first; i < first + n; i++)
        bit_set(pages->used, i, false);
    pages->free += n;
    if (first < pages->lowest)
        pages->lowest = first;
    return true;
}

bool pages_shut(const struct pages *pages, const void *address)
{
    size_t index;
    return index_of(pages, address, &index) && bit_get(pages->shut, index);
}

void pages_set_shut(struct pages *pages, const void *address, bool shut)
{
    size_t index;
    if (index_of(pages, address, &index))
        bit_set(pages->shut, index, shut);
}
