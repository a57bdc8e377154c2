/* SPDX-License-Identifier: Apache-2.0 */
/* The frame table: see frame.h. Knows nothing of tables or domains. */
#include "memory/frame.h"

#include "lock.h"
#include "memory/address.h"
#include "memory/cache.h"

struct frame_table frame_table;
#define SCRUB_STEP 8 /* pages between two windows: about 1,600 instructions */

static struct lock claim_lock;
_Static_assert(FRAME_RESERVED == 0, "a table of zeros is one of RESERVED frames");

struct paddr frame_address(const struct frame *frame)
{
    return PADDR((frame_table.first + (uint64_t)(frame - frame_table.frame)) << KEEL_PAGE_SHIFT);
}

void frames_init(const struct keel_boot *boot)
{
    frame_table.frame = phys_to_virt(PADDR(boot->frame_table_pa));
    frame_table.first = boot->ram_lo >> KEEL_PAGE_SHIFT;
    frame_table.total = (boot->ram_hi >> KEEL_PAGE_SHIFT) - frame_table.first;
    CHECK(frame_table.total <= boot->frame_table_pages * (KEEL_PAGE_SIZE / sizeof(struct frame)));
    cache_scrub(frame_table.frame, boot->frame_table_pages); /* all are RESERVED */

    for (uint32_t i = 0; i < boot->nextents; i++) {
        const struct keel_extent *extent = &boot->extent[i];
        struct frame *first = frames_of(PADDR(extent->pa), extent->pages);

        CHECK(first);
        if (extent->kind == KEEL_EXTENT_FREE)
            frames_set(first, extent->pages, FRAME_WORD(FRAME_DIRTY, 0));
        else if (extent->kind == KEEL_EXTENT_BUILDER || extent->kind == KEEL_EXTENT_BUNDLE ||
                 extent->kind == KEEL_EXTENT_DTB)
            frames_set(first, extent->pages, FRAME_WORD(FRAME_OWNED, KEEL_DOMAIN_BUILDER));
        if (extent->pa == 0 && extent->pages > 0)
            frames_set(first, 1, FRAME_WORD(FRAME_RESERVED, 0)); /* never mapped */
    }
}

/* DIRTY frames become BUSY: all of them, or else the first alone. How many. */
static uint64_t scrub_begin(struct frame *first, uint64_t pages)
{
    lock_take(&claim_lock);
    if (!frames_are(first, pages, FRAME_WORD(FRAME_DIRTY, 0)))
        pages = first->state == FRAME_DIRTY;
    frames_set(first, pages, FRAME_WORD(FRAME_BUSY, 0));
    lock_release(&claim_lock);
    return pages;
}

int64_t frames_scrub(struct paddr pa, uint64_t pages)
{
    struct frame *first = frames_of(pa, 1);
    uint64_t left = first ? frame_table.total - (uint64_t)(first - frame_table.frame) : 0;
    uint64_t done = 0;

    left = min(min(left, pages), SCRUB_PAGES_MAX);
    while (done < left) {
        struct frame *frame = first + done;
        uint64_t n = scrub_begin(frame, left - done);

        if (n > 0) {
            for (uint64_t i = 0; i < n; i += SCRUB_STEP) {
                cpu_window();
                cache_scrub(phys_to_virt(frame_address(frame + i)), min(n - i, SCRUB_STEP));
            }
            __atomic_thread_fence(__ATOMIC_RELEASE);
            frames_set(frame, n, FRAME_WORD(FRAME_CLEAN, 0));
        } else {
            while (READ_ONCE(frame->state) == FRAME_BUSY) {
                cpu_window();
                cpu_relax();
            }
            if (frame->state != FRAME_CLEAN)
                break;
            n = 1;
        }
        done += n;
    }
    return done > 0 ? (int64_t)done : -KEEL_EINVAL;
}

/* A block is 512 frames: these loops are unrolled, this one volatile, for which gcc has offsets, where
 * for an atomic access it adds. `pins` may fall meanwhile. */
bool frames_are(const struct frame *first, uint64_t pages, uint64_t word)
{
    const volatile uint64_t *at = &first->word;
    uint64_t difference = 0;

#pragma GCC unroll 8
    for (uint64_t i = 0; i < pages; i++)
        difference |= at[i] ^ word;
    return difference == 0;
}

void frames_set(struct frame *first, uint64_t pages, uint64_t word)
{
    for (; pages >= 8; first += 8, pages -= 8)
#pragma GCC unroll 8
        for (uint32_t i = 0; i < 8; i++)
            first[i].word = word; /* two in one access */
    for (; pages > 0; first++, pages--)
        first->word = word;
}

bool frames_claim(struct frame *first, uint64_t pages, enum frame_state state, uint16_t owner)
{
    bool clean;

    lock_take(&claim_lock);
    clean = frames_are(first, pages, FRAME_WORD(FRAME_CLEAN, 0));
    if (clean) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE); /* what the scrubbing CPU wrote */
        frames_set(first, pages, FRAME_WORD(state, owner));
    }
    lock_release(&claim_lock);
    return clean;
}
