/* SPDX-License-Identifier: Apache-2.0 */
/* The frame table: see frame.h. Knows nothing of tables or domains. */
#include "memory/frame.h"

#include "lock.h"
#include "memory/address.h"
#include "memory/cache.h"

static struct frame *table;
static uint64_t first_page; /* number of the page that table[0] stands for */
static uint64_t pages_total;
static struct lock claim_lock;

struct frame *frames_of(struct paddr pa, uint64_t pages)
{
    uint64_t index = (pa.v >> KEEL_PAGE_SHIFT) - first_page;

    if (pa.v % KEEL_PAGE_SIZE != 0 || index >= pages_total || pages > pages_total - index)
        return NULL;
    return &table[index];
}

struct frame *frame_of(struct paddr pa)
{
    return frames_of(PADDR(pa.v & ~(KEEL_PAGE_SIZE - 1)), 1);
}

struct paddr frame_address(const struct frame *frame)
{
    return PADDR((first_page + (uint64_t)(frame - table)) << KEEL_PAGE_SHIFT);
}

void frames_init(const struct keel_boot *boot)
{
    table = phys_to_virt(PADDR(boot->frame_table_pa));
    first_page = boot->ram_lo >> KEEL_PAGE_SHIFT;
    pages_total = (boot->ram_hi >> KEEL_PAGE_SHIFT) - first_page;
    CHECK(pages_total <= boot->frame_table_pages * (KEEL_PAGE_SIZE / sizeof(struct frame)));
    frames_set(table, pages_total, FRAME_WORD(FRAME_RESERVED, 0));

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

static bool frame_scrub(struct frame *frame)
{
    uint8_t state = FRAME_DIRTY;

    if (__atomic_compare_exchange_n(&frame->state, &state, FRAME_BUSY, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED)) {
        cache_scrub_page(phys_to_virt(frame_address(frame)));
        __atomic_store_n(&frame->state, FRAME_CLEAN, __ATOMIC_RELEASE);
        return true;
    }
    while (state == FRAME_BUSY)
        state = __atomic_load_n(&frame->state, __ATOMIC_RELAXED);
    return state == FRAME_CLEAN;
}

int64_t frames_scrub(struct paddr pa, uint64_t pages)
{
    uint64_t done;

    for (done = 0; done < pages && done < SCRUB_PAGES_MAX; done++) {
        struct frame *frame = frames_of(PADDR(pa.v + done * KEEL_PAGE_SIZE), 1);

        if (!frame || !frame_scrub(frame))
            break;
    }
    return done > 0 ? (int64_t)done : -KEEL_EINVAL;
}

bool frames_are(const struct frame *first, uint64_t pages, uint64_t word)
{
    uint64_t difference = 0;

#pragma GCC unroll 8
    for (uint64_t i = 0; i < pages; i++)
        difference |= __atomic_load_n(&first[i].word, __ATOMIC_RELAXED) ^ word;
    return difference == 0;
}

void frames_set(struct frame *first, uint64_t pages, uint64_t word)
{
#pragma GCC unroll 8
    for (uint64_t i = 0; i < pages; i++)
        __atomic_store_n(&first[i].word, word, __ATOMIC_RELAXED);
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
