/* SPDX-License-Identifier: Apache-2.0 */
/* Work whose result is known: some microseconds a round. */
#ifndef GUESTS_LIB_WORK_H
#define GUESTS_LIB_WORK_H

#include <stdbool.h>
#include <stdint.h>

#define WORK_STEPS 500u
#define WORK_SEEDS 16u

static uint64_t work_expected[WORK_SEEDS];

static inline uint64_t work(uint64_t x)
{
    for (uint32_t i = 0; i < WORK_STEPS; i++) {
        x ^= x << 13; /* xorshift64: Marsaglia, Journal of Statistical Software 8(14), 2003 */
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

static inline void work_begin(void)
{
    for (uint32_t i = 0; i < WORK_SEEDS; i++)
        work_expected[i] = work(i + 1);
}

/* A round of it; whether its result is right. */
static inline bool work_done(uint32_t round)
{
    return work(round % WORK_SEEDS + 1) == work_expected[round % WORK_SEEDS];
}

#endif
