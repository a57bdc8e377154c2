/* SPDX-License-Identifier: Apache-2.0 */
/* See events.h. */
#include <runtime/events.h>

#include <keel/calls.h>
#include <keel/counter.h>

#define NOW 1u /* a deadline that has passed */

uint64_t events_kept;

uint64_t events_wait(uint64_t deadline)
{
    uint64_t kept = events_kept;
    uint64_t word = (uint64_t)keel_wait(kept != 0 ? NOW : deadline);
    if (kept == 0)
        return word;
    events_kept = 0;
    return events_failed(word) ? kept : kept | word;
}

uint64_t events_wait_for(uint64_t bits, uint64_t deadline)
{
    for (;;) {
        uint64_t found = events_kept & bits;
        if (found != 0) {
            events_kept &= ~bits;
            return found;
        }
        if (deadline != 0 && keel_counter() >= deadline)
            return 0;
        uint64_t word = (uint64_t)keel_wait(deadline);
        if (!events_failed(word))
            events_kept |= word & ~(EVENT(KEEL_EVENT_TIME) | EVENT(KEEL_EVENT_PING));
    }
}
