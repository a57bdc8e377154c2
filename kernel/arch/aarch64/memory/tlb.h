/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invalidation of what CPUs remember of stage-2 tables. Each function first makes table entries
 * that this CPU has written visible to all walks, and returns when the invalidation has completed
 * everywhere. Whatever context is in this CPU's registers is the same afterwards.
 */
#ifndef KERNEL_MEMORY_TLB_H
#define KERNEL_MEMORY_TLB_H

#include "base.h"

struct space;

/* `count` blocks of 2^order pages from ipa, and the tables on the way to them; all of stage 1. */
void tlb_flush_ipa(const struct space *space, struct ipa ipa, uint32_t order, uint64_t count);

/* Stage 1 of one space, on this CPU. ttbr: its value for VTTBR_EL2. */
void tlb_flush_local(uint64_t ttbr);

#endif
