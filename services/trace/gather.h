/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all CPUs wrote down, as one sequence in the order of its times, and what of it was lost. Makes no calls itself. Where two
 * CPUs wrote at the same time, RUN comes last.
 */
#ifndef TRACE_GATHER_H
#define TRACE_GATHER_H

#include <keel/trace.h>
#include <stdbool.h>

/* Where records come from and go to. */
struct gather_ends {
    /* As keel_trace_read. */
    int64_t (*read)(uint64_t cpu, uint64_t from, struct keel_trace *list, uint64_t n,
                    uint64_t *first);
    void (*record)(void *context, uint32_t cpu, const struct keel_trace *record);
    /* n records of the CPU are missing from here on; 0: until here. */
    void (*lost)(void *context, uint32_t cpu, uint64_t n);
    void *context;
};

struct gather_cpu {
    bool begun;
    bool gap;      /* records are missing before the next one */
    bool dry;      /* it has written nothing more, as of this time */
    uint64_t next; /* record to read */
    uint32_t n, at;
    uint32_t taken; /* this time */
    struct keel_trace chunk[KEEL_TRACE_MOST];
};

struct gather {
    const struct gather_ends *ends;
    uint64_t from; /* what is older is passed over */
    uint32_t cpus;
    struct gather_cpu *cpu;
};

/* Tells what was written before `until`, which lies in the past. Returns how many records, of the CPU that wrote most. */
uint32_t gather_until(struct gather *gather, uint64_t until);

#endif
