/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of services: the virtual counter, which EL0 may read and whose offset is 0 for them. */
#ifndef KEEL_COUNTER_H
#define KEEL_COUNTER_H

#include <stdint.h>

/* Ticks; the unit of deadlines. */
static inline uint64_t keel_counter(void)
{
    uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
}

/* Ticks per second. */
static inline uint64_t keel_counter_frequency(void)
{
    uint64_t value;
    __asm__("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

#endif
