/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a domain with a SEND edge to a trace service's KEEL_STATISTICS_PORT may ask of it: requests (keel/message.h).
 * services/trace says what is counted. Times are nanoseconds.
 */
#ifndef KEEL_STATISTICS_H
#define KEEL_STATISTICS_H

#include <keel/message.h>

#define KEEL_STATISTICS_PORT    1u
#define KEEL_STATISTICS_BUCKETS 64u
#define KEEL_STATISTICS_MOST    32u /* entries of one answer */

enum keel_statistics_request_type {
    KEEL_STATISTICS_CPUS = KEEL_REQUEST | 0x400,      /* answer: struct keel_statistics_cpu[], from `first` on */
    KEEL_STATISTICS_VCPUS = KEEL_REQUEST | 0x401,     /* answer: struct keel_statistics_vcpu[], likewise */
    KEEL_STATISTICS_HISTOGRAM = KEEL_REQUEST | 0x402, /* answer: struct keel_statistics_histogram; -ENOENT: it was not seen */
    KEEL_STATISTICS_RESET = KEEL_REQUEST | 0x403,     /* answer: nothing but the status */
};

enum keel_statistics_what {
    KEEL_STATISTICS_RUN,    /* at a stretch */
    KEEL_STATISTICS_WAIT,   /* ready, and does not run */
    KEEL_STATISTICS_WAKE,   /* of that: since it was woken */
    KEEL_STATISTICS_ANSWER, /* from an exit until it runs again */
    KEEL_STATISTICS_WHATS,
};

/* Of all of them. */
struct keel_statistics_request {
    uint32_t first;  /* CPUS, VCPUS: of all that there are; an answer of fewer than KEEL_STATISTICS_MOST has the last */
    uint16_t domain; /* HISTOGRAM */
    uint16_t vcpu;
    uint32_t what; /* HISTOGRAM: enum keel_statistics_what */
    uint32_t reserved;
};
KEEL_ABI_SIZE(struct keel_statistics_request, 16);
KEEL_PAYLOAD(KEEL_STATISTICS_CPUS, struct keel_statistics_request);
KEEL_PAYLOAD(KEEL_STATISTICS_VCPUS, struct keel_statistics_request);
KEEL_PAYLOAD(KEEL_STATISTICS_HISTOGRAM, struct keel_statistics_request);
KEEL_PAYLOAD(KEEL_STATISTICS_RESET, struct keel_statistics_request);

struct keel_statistics_cpu {
    uint64_t since; /* the last reset */
    uint64_t idle;
    uint64_t unknown; /* what it did then was lost */
    uint64_t switches, wakes, commits;
    uint64_t records, lost;
};
KEEL_ABI_SIZE(struct keel_statistics_cpu, 64);

struct keel_statistics_times {
    uint64_t count, sum, worst;
    uint64_t p50, p99, p999; /* so many took no longer, as far as buckets tell */
};
KEEL_ABI_SIZE(struct keel_statistics_times, 48);

struct keel_statistics_vcpu {
    uint16_t domain;
    uint16_t vcpu;
    uint16_t state; /* as in struct keel_plan_vcpu; 0: not known */
    uint16_t cpu;   /* where it ran last */
    uint64_t ran;
    uint64_t lent; /* that others ran on its time */
    uint64_t exits;
    uint64_t handed; /* how often it got the CPU from whom it serves */
    struct keel_statistics_times times[KEEL_STATISTICS_WHATS];
};
KEEL_ABI_SIZE(struct keel_statistics_vcpu, 232);

struct keel_statistics_histogram {
    uint64_t count, sum, worst;
    uint64_t end[KEEL_STATISTICS_BUCKETS]; /* of each bucket, inclusive */
    uint32_t bucket[KEEL_STATISTICS_BUCKETS];
};
KEEL_ABI_SIZE(struct keel_statistics_histogram, 792);

#endif
