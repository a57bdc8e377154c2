/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands out pages of one region: what mmap and munmap stand on. No calls and no locks (a service
 * has one thread). Every page that is handed out is zero.
 */
#ifndef RUNTIME_PAGES_H
#define RUNTIME_PAGES_H

#include <keel/types.h>
#include <must_check.h>
#include <stdbool.h>

struct pages {
    uint8_t *base; /* of page 0, behind the two bitmaps */
    size_t count;
    size_t free;
    size_t lowest;  /* no page below this one is free */
    uint64_t *used; /* one bit per page */
    uint64_t *shut; /* one bit per page: its permissions are not read-write at present */
};

/* region: page-aligned and zero. False: too small for a single page. */
must_check bool pages_init(struct pages *pages, void *region, size_t bytes);

/* n consecutive pages, first fit; NULL: none. */
void *pages_take(struct pages *pages, size_t n);

/* Zeroes and gives back n pages, all of them in use and readable. False, and nothing done: not so.
 */
must_check bool pages_give(struct pages *pages, void *address, size_t n);

/* Whether address is a page of the region and it and the n - 1 behind it are in use. */
bool pages_used(const struct pages *pages, const void *address, size_t n);

/* The `shut` mark of a used page. */
bool pages_shut(const struct pages *pages, const void *address);
void pages_set_shut(struct pages *pages, const void *address, bool shut);

#endif
