/* SPDX-License-Identifier: Apache-2.0 */
/* Filling and giving away memory (see window.h). */
#include "window.h"

#include "begin.h"

#include <keel/calls.h>
#include <string.h>

void copy_lines(void *to, const void *from, uint64_t bytes); /* copy.S */

int64_t window_scrub(uint64_t pa, uint64_t pages)
{
    while (pages) {
        int64_t done = keel_memory_scrub(pa, pages);

        if (done <= 0)
            return done < 0 ? done : -KEEL_EIO;
        pages -= (uint64_t)done;
        pa += (uint64_t)done << KEEL_PAGE_SHIFT;
    }
    return 0;
}

int64_t window_map(keel_peer peer, uint64_t pa, uint64_t ipa, unsigned order, uint64_t blocks,
                   uint32_t perm)
{
    while (blocks) {
        int64_t done = keel_memory_map(peer, pa, ipa, order, blocks, perm);

        if (done <= 0)
            return done < 0 ? done : -KEEL_EIO;
        blocks -= (uint64_t)done;
        pa += (uint64_t)done << (KEEL_PAGE_SHIFT + order);
        ipa += (uint64_t)done << (KEEL_PAGE_SHIFT + order);
    }
    return 0;
}

static int64_t donate(keel_peer peer, uint64_t from, uint64_t to, unsigned order, uint64_t blocks,
                      uint32_t perm)
{
    while (blocks) {
        int64_t done = keel_memory_donate(peer, from, to, order, blocks, perm);

        if (done == -KEEL_EAGAIN) /* a step of cleaning caches is done, others remain */
            continue;
        if (done <= 0)
            return done < 0 ? done : -KEEL_EIO;
        blocks -= (uint64_t)done;
        from += (uint64_t)done << (KEEL_PAGE_SHIFT + order);
        to += (uint64_t)done << (KEEL_PAGE_SHIFT + order);
    }
    return 0;
}

/* Copies what [ipa, ipa + bytes) has of the piece to where the window shows it. */
static void copy_piece(uint64_t ipa, uint64_t bytes, const struct guest_piece *piece)
{
    uint64_t from = piece->ipa > ipa ? piece->ipa : ipa;
    uint64_t piece_end = piece->ipa + piece->bytes;
    uint64_t end = piece_end < ipa + bytes ? piece_end : ipa + bytes;

    if (from < end) {
        uint8_t *to = (uint8_t *)(uintptr_t)(BUILDER_WINDOW_VA + (from - ipa));
        const uint8_t *data = piece->data + (from - piece->ipa);
        uint64_t rest = (end - from) % 512, lines = end - from - rest;

        copy_lines(to, data, lines);
        memcpy(to + lines, data + lines, rest);
    }
}

int64_t window_fill(keel_peer peer, uint64_t pa, uint64_t ipa, unsigned order, uint64_t blocks,
                    uint32_t perm, const struct guest_piece *piece, uint32_t npieces)
{
    const uint64_t most = 1ull << (KEEL_BLOCK_ORDER - order); /* blocks in the window */

    while (blocks) {
        uint64_t step = blocks < most ? blocks : most;
        uint64_t bytes = step << (KEEL_PAGE_SHIFT + order);
        int64_t status = window_map(BUILDER_SELF, pa, BUILDER_WINDOW_VA, order, step,
                                    KEEL_PERM_READ | KEEL_PERM_WRITE);

        for (uint32_t i = 0; i < npieces && status == 0; i++)
            copy_piece(ipa, bytes, &piece[i]);
        if (status == 0)
            status = donate(peer, BUILDER_WINDOW_VA, ipa, order, step, perm);
        if (status < 0)
            return status;
        blocks -= step;
        pa += bytes;
        ipa += bytes;
    }
    return 0;
}
