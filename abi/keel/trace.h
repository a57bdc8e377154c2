/* SPDX-License-Identifier: Apache-2.0 */
/* What a CPU did, as `trace_read` gives it. */
#ifndef KEEL_TRACE_H
#define KEEL_TRACE_H

#include <keel/types.h>

enum keel_trace_kind {
    /* It runs from now on; or KEEL_TRACE_NOBODY: the CPU idles. Whoever ran before sleeps, unless it was PREEMPTED; or waits for
     * the answer of this one, a service, if that runs on its time. detail: the rank of the turn: 0: a reserve; n + 1: n of the
     * plan; 512: neither. */
    KEEL_TRACE_RUN = 1,
    KEEL_TRACE_PREEMPTED = 2, /* does not run any more, but would; detail: 1: its domain has ended */
    KEEL_TRACE_WAKE = 3,      /* would run from now on; detail: the CPU where it ran last */
    KEEL_TRACE_EXIT = 4,      /* waits for an answer of a service that does not run at once; detail: its domain */
    KEEL_TRACE_COMMIT = 5,    /* commits a plan; detail: for which CPU */
};

/* A vCPU is given by its domain, the last bits of the life that it is in, and its index. */
#define KEEL_TRACE_WHO(domain, life, vcpu) ((uint16_t)((domain)*256u | ((life)&15u) << 4 | (vcpu)))
#define KEEL_TRACE_NOBODY                  ((uint16_t)0xffff)

struct keel_trace {
    uint64_t time;  /* counter value */
    uint16_t who;   /* whom it is about */
    uint16_t owner; /* on whose time the CPU is */
    uint16_t kind;  /* enum keel_trace_kind */
    uint16_t detail;
};
KEEL_ABI_SIZE(struct keel_trace, 16);
#define KEEL_TRACE_MOST 256u /* records of one call */

#endif
