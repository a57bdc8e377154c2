/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame table: who owns each page of RAM, and in what state. kernel-rules.md 6, I1 to I6.
 *
 * DIRTY -> CLEAN only by frames_scrub. CLEAN -> OWNED (mapped into its owner's space), or POOL (the
 * kernel's, on behalf of its owner). OWNED -> OWNED by another only through space_donate. OWNED,
 * POOL -> DIRTY when given up. A frame changes owner only with no mapping, no pin, and TLBs flushed.
 */
#ifndef KERNEL_MEMORY_FRAME_H
#define KERNEL_MEMORY_FRAME_H

#include "base.h"
#include <keel/boot.h>

enum frame_state {
    FRAME_RESERVED = 0, /* the kernel's own, the firmware's, or no RAM: nobody's, for ever */
    FRAME_DIRTY = 1,    /* free, content unknown */
    FRAME_CLEAN = 2,    /* free, zero, and zero in memory behind the caches */
    FRAME_OWNED = 3,    /* a domain's page */
    FRAME_POOL = 4,     /* a domain's page, used by the kernel: tables and ring lists */
};

struct frame {
    uint8_t state; /* enum frame_state */
    uint8_t owner; /* domain id, where OWNED or POOL */
    uint16_t pins; /* rings that write to it: it stays where it is */
    uint32_t link; /* POOL: number of the next frame of the pool */
};
_Static_assert(sizeof(struct frame) == 8, "eight bytes a frame");

#define SCRUB_PAGES_MAX 32 /* per call: 128 KiB */

/* Fills the table from the boot structure. Boot CPU only, once. */
void frames_init(const struct keel_boot *boot);

/* The frame of a physical address, or NULL where there is no RAM. */
struct frame *frame_of(struct paddr pa);

/* Makes up to `pages` free frames from pa clean. Pages done (clean ones count), or -EINVAL if the
 * first is not free. Two CPUs may scrub the same range at once. */
must_check int64_t frames_scrub(struct paddr pa, uint64_t pages);

/* Number of frames in a state: for tests and counts; slow. */
uint64_t frames_count(enum frame_state state);

#endif
