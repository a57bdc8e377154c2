/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame table: who owns each page of RAM, and in what state. kernel-rules.md 6, I1 to I6.
 *
 * DIRTY -> BUSY -> CLEAN only by frames_scrub. CLEAN -> OWNED (mapped into its owner's space), or
 * POOL (the kernel's, on behalf of its owner), by frames_claim. OWNED -> OWNED by another only
 * through space_donate. OWNED, POOL -> DIRTY when given up. A frame changes owner only with no
 * mapping, no pin, and TLBs flushed. An OWNED frame is mapped once, in its owner's space.
 *
 * Who may change a frame: DIRTY and CLEAN, whoever holds the claim lock (inside this file); BUSY, the
 * CPU that made it so; OWNED and POOL, whoever holds the lock of the owner's space, but for `pins`,
 * which is atomic: it grows only under that lock.
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
    FRAME_BUSY = 5,     /* free, being scrubbed by some CPU */
};

struct frame {
    union {
        struct {
            uint8_t state; /* enum frame_state; atomic */
            uint8_t owner; /* domain id, where OWNED or POOL */
            uint16_t pins; /* rings that write to it: it stays where it is; atomic */
            uint32_t link; /* POOL: from the frame behind to the pool's next; a table's: entries */
        };
        uint64_t word; /* all of it: to compare and set many frames fast */
    };
};
_Static_assert(sizeof(struct frame) == 8, "eight bytes a frame");

#define FRAME_WORD(frame_state, frame_owner) \
    ((struct frame){{{.state = (uint8_t)(frame_state), .owner = (uint8_t)(frame_owner)}}}.word)

#define SCRUB_PAGES_MAX 64 /* in one go, which lets interrupts in */

/* Fills the table from the boot structure: FREE extents are DIRTY; BUILDER, BUNDLE and DTB are
 * OWNED by the builder; all else, and page 0, is RESERVED. Boot CPU only, once. */
void frames_init(const struct keel_boot *boot);

/* The table; set by frames_init. */
extern struct frame_table {
    struct frame *frame;
    uint64_t first; /* number of the page that the first one stands for */
    uint64_t total;
} frame_table;

/* The frame of a physical address, or NULL where there is no RAM. A hole between banks of RAM has
 * RESERVED frames. */
static inline struct frame *frame_of(struct paddr pa)
{
    uint64_t index = (pa.v >> KEEL_PAGE_SHIFT) - frame_table.first;

    return index < frame_table.total ? &frame_table.frame[index] : NULL;
}

/* The first of `pages` frames that are all in the table; NULL if one is not, or pa is not a page's.
 */
static inline struct frame *frames_of(struct paddr pa, uint64_t pages)
{
    struct frame *first = frame_of(pa);
    bool all = first && pages <= frame_table.total - (uint64_t)(first - frame_table.frame);

    return all && pa.v % KEEL_PAGE_SIZE == 0 ? first : NULL;
}

struct paddr frame_address(const struct frame *frame);

/* Makes up to `pages` free frames from pa clean. Pages done (clean ones count), at most
 * SCRUB_PAGES_MAX; -EINVAL if the first is not free. Two CPUs may scrub the same range at once: one
 * waits while the other does its step. */
must_check int64_t frames_scrub(struct paddr pa, uint64_t pages);

/* Turns `pages` CLEAN frames, at most 512, into OWNED or POOL ones of `owner`: all, or, if one is
 * not CLEAN, none. */
must_check bool frames_claim(struct frame *first, uint64_t pages, enum frame_state state,
                             uint16_t owner);

/* Whether all of `pages` frames, at most 512, are exactly `word`. */
bool frames_are(const struct frame *first, uint64_t pages, uint64_t word);
void frames_set(struct frame *first, uint64_t pages, uint64_t word);

#endif
