/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bucket of CPU time: refilled by the kernel every period, drawn on by slots, of one vCPU or of many,
 * on one CPU or several. A turn takes what it may use in advance and gives back what it did not, so
 * that several CPUs together never use more than the budget.
 */
#ifndef KERNEL_CPU_BUCKET_H
#define KERNEL_CPU_BUCKET_H

#include "lock.h"
#include <keel/plan.h>

struct bucket {
    struct lock lock;
    uint64_t budget GUARDED_BY(lock);   /* ticks per period */
    uint64_t period GUARDED_BY(lock);   /* ticks; 0: the bucket does not exist */
    uint64_t relative GUARDED_BY(lock); /* deadline after a refill, ticks */
    uint64_t left GUARDED_BY(lock);
    uint64_t next GUARDED_BY(lock);     /* next refill */
    uint64_t deadline GUARDED_BY(lock); /* absolute */
    uint16_t flags GUARDED_BY(lock);    /* KEEL_BUCKET_* */
    bool slept GUARDED_BY(lock);        /* CBS: who draws on it, since it was looked at last */
};

/* New numbers, which were checked; what is left stays, but is no more than the new budget. If it would be refilled at other
 * times than it was, it is as of the last one. */
void bucket_set(struct bucket *bucket, const struct keel_plan_bucket *numbers, uint64_t now);

/* What is left now; when the next refill comes (UINT64_MAX: never) and which deadline counts. */
uint64_t bucket_left(struct bucket *bucket, uint64_t now, uint64_t *next, uint64_t *deadline);

/* Takes up to `most` ticks out, to be used from now on. */
uint64_t bucket_draw(struct bucket *bucket, uint64_t most, uint64_t now);

/* Gives back what was drawn and not used, or books what was used beyond it. slept: who drew on it waits now. */
void bucket_settle(struct bucket *bucket, uint64_t drawn, uint64_t used, bool slept);

#endif
