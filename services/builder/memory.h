/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which physical memory is free: the builder hands all of it out. Pure: no calls; the kernel checks
 * again whatever is done with the result.
 */
#ifndef BUILDER_MEMORY_H
#define BUILDER_MEMORY_H

#include <keel/boot.h>
#include <stdbool.h>

struct memory_run {
    uint64_t pa, pages;
};

#define MEMORY_RUNS_MAX 8 /* pieces of one domain's memory */

/* What one domain got; runs keep their order. */
struct memory_runs {
    uint32_t count;
    struct memory_run run[MEMORY_RUNS_MAX];
};

/* Takes over the FREE extents of the boot structure. */
void memory_init(const struct keel_boot *boot);

uint64_t memory_free_pages(void);

/*
 * Takes pages from the top of memory: one run, or, if none is large enough, several, the largest
 * first. Each is a number of blocks of 2^order pages. False: no room, and nothing was taken.
 */
bool memory_take(uint64_t pages, unsigned order, struct memory_runs *runs)
    __attribute__((warn_unused_result));

#endif
