/* SPDX-License-Identifier: Apache-2.0 */
/* What bystanders compute, services and guests alike; run.py has the same. */
#ifndef HOSTILE_BYSTANDER_H
#define HOSTILE_BYSTANDER_H

#include <stdint.h>

#define BYSTANDER_WORDS 2048u

/* One round over words that are 0 before the first. */
static inline uint64_t bystander_round(volatile uint64_t *words, uint32_t round)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < BYSTANDER_WORDS; i++) {
        words[i] = words[i] * 6364136223846793005ull + i + round;
        sum = (sum << 1 | sum >> 63) ^ words[i];
    }
    return sum;
}

#endif
