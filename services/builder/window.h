/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving memory into domains that are being built: free frames straight, or, with contents, through
 * a window in the builder's own address space. Results: 0, or a negated error of the kernel.
 */
#ifndef BUILDER_WINDOW_H
#define BUILDER_WINDOW_H

#include <image/guest.h>
#include "memory.h"

/* Makes free frames zero. */
int64_t window_scrub(uint64_t pa, uint64_t pages) __attribute__((warn_unused_result));

/* Gives scrubbed frames to the peer, at `ipa`. */
int64_t window_map(keel_peer peer, uint64_t pa, uint64_t ipa, unsigned order, uint64_t blocks,
                   uint32_t perm) __attribute__((warn_unused_result));

/* The same, with those parts of the pieces in it that fall into the range. */
int64_t window_fill(keel_peer peer, uint64_t pa, uint64_t ipa, unsigned order, uint64_t blocks,
                    uint32_t perm, const struct guest_piece *piece, uint32_t npieces)
    __attribute__((warn_unused_result));

#endif
