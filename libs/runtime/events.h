/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event word with a memory. `wait` takes the whole word; whoever waits for one thing (a sleep,
 * a blocking read) puts back here what belongs to others, and the event loop finds it.
 */
#ifndef RUNTIME_EVENTS_H
#define RUNTIME_EVENTS_H

#include <keel/event.h>
#include <stdbool.h>

#define EVENT(bit) (1ull << (bit))

/* Of the event word, what was taken and not yet handled. */
extern uint64_t events_kept;

/* Whether what `wait` or `reply_wait` gave is an error: bits 5..31 of an event word are never set.
 */
static inline bool events_failed(uint64_t word)
{
    return word > (uint64_t)-4096;
}

/* The next events, with what was kept; waits for them if nothing was. deadline: ticks, 0: none. */
uint64_t events_wait(uint64_t deadline);

/* Waits until one of `bits` is set (and takes those) or the deadline has passed; keeps the others.
 */
uint64_t events_wait_for(uint64_t bits, uint64_t deadline);

#endif
