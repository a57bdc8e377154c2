/* SPDX-License-Identifier: Apache-2.0 */
/* What requests and streams have in common: which refusals of a send pass, and when to try again.
 */
#ifndef RUNTIME_RETRY_H
#define RUNTIME_RETRY_H

#include <keel/types.h>
#include <runtime/clock.h>
#include <stdbool.h>

#define RETRY_MIN_MS 10u
#define RETRY_MAX_MS 1000u
#define RETRY_PART   4u

/* No room: the kernel will tell when there is. */
static inline bool retry_on_space(int status)
{
    return status == -KEEL_EAGAIN || status == -KEEL_EBUSY;
}

/* Nobody there, or nobody who listens yet: somebody may come. */
static inline bool retry_on_life(int status)
{
    return status == -KEEL_ECONNREFUSED || status == -KEEL_ESRCH;
}

/* In a quarter of the time for which it has failed: often at first, and a peer that stays away
 * costs little. */
static inline uint64_t retry_at(uint64_t since, uint64_t now)
{
    const uint64_t min = clock_ticks(RETRY_MIN_MS * CLOCK_NS_PER_MS);
    const uint64_t max = clock_ticks(RETRY_MAX_MS * CLOCK_NS_PER_MS);
    const uint64_t part = (now - since) / RETRY_PART;
    return now + (part < min ? min : part > max ? max : part);
}

#endif
