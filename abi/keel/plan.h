/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: the numbers that the kernel's dispatcher follows. A policy commits them per CPU; with no
 * plan, everything shares equally. Times are in nanoseconds.
 */
#ifndef KEEL_PLAN_H
#define KEEL_PLAN_H

#include <keel/types.h>

#define KEEL_SLOTS_MAX 64    /* per CPU */
#define KEEL_BUCKETS_MAX 128 /* per group (the CPUs of the edge), shared by its CPUs */
#define KEEL_BUCKET_NONE 0xffffu
#define KEEL_WEIGHT_DEFAULT 256u
#define KEEL_WEIGHT_MAX     0xffffu

enum keel_slot_flags {
    KEEL_SLOT_HARD = 1u << 0, /* out of budget: does not run, not even in the background, nor when it starves */
    KEEL_SLOT_EDF = 1u << 1,  /* among equal ranks: earliest bucket deadline first */
};

struct keel_plan_slot {
    uint16_t domain;
    uint16_t vcpu;
    uint16_t bucket;  /* index, or KEEL_BUCKET_NONE: no limit */
    uint8_t rank;     /* lower runs first; equal ranks share by weight: the turn of one that a lower rank
                         interrupts goes on before its equals', until it would have ended */
    uint8_t flags;    /* enum keel_slot_flags */
    uint32_t min_run; /* ns that it runs before an equal or better slot's wake preempts it */
    uint32_t weight;  /* 1 to KEEL_WEIGHT_MAX; 0: KEEL_WEIGHT_DEFAULT */
    int32_t status;   /* out: 0 or a negative error */
};
KEEL_ABI_SIZE(struct keel_plan_slot, 20);

/* Flags of a bucket. CBS: a constant-bandwidth server: who slept, and has as much left as it would use until the next refill at its
 * rate, begins a period anew. */
#define KEEL_BUCKET_WINDOW 1u /* what is left at the deadline is lost */
#define KEEL_BUCKET_CBS    2u

struct keel_plan_bucket {
    uint16_t index;
    uint16_t flags;    /* KEEL_BUCKET_WINDOW, KEEL_BUCKET_CBS, or 0 */
    int32_t status;    /* out: 0 or a negative error */
    uint64_t budget;   /* per period */
    uint64_t period;   /* 100 us to 10 s */
    uint64_t deadline; /* relative to the refill; 0: the period */
    uint64_t start;    /* when it is refilled, or was before: the counter's time, in ns; 0: when it is first set */
};
KEEL_ABI_SIZE(struct keel_plan_bucket, 40);

/* Followed by nbuckets buckets, then nslots slots. Slots replace the CPU's list as a whole;
 * they come in the order of their ranks (one that does not is refused). Equals begin anew, in the order of the
 * list; a turn goes on if its slot is where it was. When the lease ends, hard slots stay, and all others
 * share what those leave. KEEL_DOMAIN_LIMITS_FALL: not this domain's, nor do they count when it starves. */
struct keel_plan {
    uint32_t epoch;    /* the committer's own count: a commit with less than its last one is stale */
    uint16_t cpu;
    uint16_t nbuckets;
    uint16_t nslots;
    uint16_t flags;    /* 0 */
    uint32_t slice;    /* ns of a turn among equal ranks, at least 100 us; 0: 5 ms */
    uint64_t lease;    /* ns without a commit after which the plan ends, at most 10 s; 0: 1 s */
};
KEEL_ABI_SIZE(struct keel_plan, 24);

/* Answer of `plan_read`, per vCPU that exists in the CPUs of the edge. */
struct keel_plan_vcpu {
    uint16_t domain;
    uint16_t vcpu;
    uint16_t state; /* 0 off, 1 ready, 2 running, 3 waiting, 4 blocked */
    uint16_t cpu;   /* where it ran last */
    uint32_t incarnation;
    uint32_t kind;  /* enum keel_domain_kind */
    uint64_t cpus;  /* that it may run on, of those of the edge */
    uint64_t run_time; /* counter ticks */
};
KEEL_ABI_SIZE(struct keel_plan_vcpu, 32);

#endif
