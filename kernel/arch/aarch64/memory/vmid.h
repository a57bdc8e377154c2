/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMIDs: numbers that tell the TLB entries of spaces apart. There may be more spaces than numbers,
 * so they are given out by generation: when a generation has none left, the next one begins with
 * all TLBs flushed, and a number that some CPU has loaded stays with its space. The algorithm is
 * that of Linux for ASIDs and VMIDs (arch/arm64/mm/context.c; modelled in Catalin Marinas'
 * kernel-tla, asidalloc.tla), but numbers of one generation are given out in order, without a
 * bitmap.
 */
#ifndef KERNEL_MEMORY_VMID_H
#define KERNEL_MEMORY_VMID_H

#include "base.h"

struct space;

#define TTBR_VMID_SHIFT 48
#define TTBR_VMID(ttbr) ((ttbr) >> TTBR_VMID_SHIFT) /* 0: none */

/* How many bits this CPU's VMIDs have, 8 or 16; the same for all. Each CPU, before it runs a space.
 */
void vmids_init(uint32_t bits);

/* VTTBR_EL2 of a space; without a VMID, or with an outdated one, if it has not run recently. */
uint64_t space_ttbr(const struct space *space);

#endif
