/* SPDX-License-Identifier: Apache-2.0 */
/* Between counter ticks, which calls take, and nanoseconds, which people think in. */
#ifndef RUNTIME_CLOCK_H
#define RUNTIME_CLOCK_H

#include <keel/counter.h>

#define CLOCK_NS_PER_S  1000000000ul
#define CLOCK_NS_PER_MS 1000000ul

/* Exact for frequencies below 18 GHz: the remainder times 10^9 fits in 64 bits. */
static inline uint64_t clock_ns(uint64_t ticks)
{
    uint64_t frequency = keel_counter_frequency();
    return ticks / frequency * CLOCK_NS_PER_S + ticks % frequency * CLOCK_NS_PER_S / frequency;
}

static inline uint64_t clock_ticks(uint64_t ns)
{
    uint64_t frequency = keel_counter_frequency();
    return ns / CLOCK_NS_PER_S * frequency + ns % CLOCK_NS_PER_S * frequency / CLOCK_NS_PER_S;
}

/* The deadline that lies so many milliseconds ahead. */
static inline uint64_t clock_after_ms(uint64_t ms)
{
    return keel_counter() + clock_ticks(ms * CLOCK_NS_PER_MS);
}

#endif
