/* SPDX-License-Identifier: Apache-2.0 */
/* What a domain was refused for want of a right: the answer of `refusals`. */
#ifndef KEEL_REFUSALS_H
#define KEEL_REFUSALS_H

#include <keel/types.h>

#define KEEL_REFUSALS_KEPT 8u
#define KEEL_CALLS_MAX     40u

/* A call that returned EACCES. */
struct keel_refusal {
    uint64_t when;        /* counter value */
    uint32_t call;        /* its number; of a guest that of `argo` */
    uint32_t incarnation; /* of the caller */
    uint64_t args[2];     /* its first two: the peer and what is behind it, of most calls */
};
KEEL_ABI_SIZE(struct keel_refusal, 32);

/* Since boot, over all its lives. */
struct keel_refusals {
    uint64_t total;
    uint32_t of_call[KEEL_CALLS_MAX];             /* by number: each stands for its right (calls.toml) */
    struct keel_refusal last[KEEL_REFUSALS_KEPT]; /* the n-th since boot at n % KEEL_REFUSALS_KEPT */
};
KEEL_ABI_SIZE(struct keel_refusals, 424);

#endif
