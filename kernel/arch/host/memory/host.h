/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests see of the host's memory hardware: a TLB that remembers every walk until it is told to
 * forget, as the worst real one may, and counters.
 */
#ifndef KERNEL_MEMORY_HOST_H
#define KERNEL_MEMORY_HOST_H

#include "memory/space.h"

#define HOST_TLB_ENTRIES 4096

struct host_tlb_entry {
    uint64_t vmid;
    uint64_t page;  /* of the IPA, first of the block */
    uint64_t entry; /* the leaf */
    uint32_t order;
};

extern struct host_tlb_entry host_tlb[HOST_TLB_ENTRIES];
extern uint32_t host_tlb_used;

struct host_counters {
    uint64_t flushes_ipa, flushes_local;
    uint64_t pages_scrubbed, pages_cleaned, instruction_flushes;
};
extern struct host_counters host_counters;

/* Frames of the host's RAM in a state. */
uint64_t frames_count(enum frame_state state);

/* Called by tlb_flush_ipa before it forgets, if set. */
extern void (*host_tlb_flushing)(const struct space *space, struct ipa ipa, uint32_t order,
                                 uint64_t count);

/* The leaf that the hardware uses for ipa under this translation base, found in the TLB or by a
 * walk that the TLB then remembers; 0 if there is none (not remembered). */
uint64_t host_access(uint64_t ttbr, struct ipa ipa);

#endif
