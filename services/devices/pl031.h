/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PL031 real-time clock that a guest sees (Arm DDI 0224). Counts seconds of a time that the
 * caller passes in: whole seconds of the machine's counter, never going back.
 */
#ifndef DEVICES_PL031_H
#define DEVICES_PL031_H

#include <stdbool.h>
#include <stdint.h>

/* All there is to the device; plain data that can be moved to another instance. */
struct pl031 {
    uint32_t offset; /* RTCDR - now, modulo 2^32 */
    uint32_t match;  /* RTCMR */
    uint32_t load;   /* RTCLR */
    uint8_t imsc, ris;
    bool armed;     /* RTCMR has been written, and has not been reached since */
    uint64_t alarm; /* armed: when RTCDR reaches it */
};

/* `epoch`: what RTCDR reads when now is 0. */
void pl031_reset(struct pl031 *rtc, uint32_t epoch);

/* An aligned access at `offset` (0..0xfff) in the register page, at the time `now`. */
uint32_t pl031_read(struct pl031 *rtc, uint32_t offset, uint64_t now);
void pl031_write(struct pl031 *rtc, uint32_t offset, uint32_t value, uint64_t now);

/* Lets the time pass: sets the raw interrupt if the match has been reached. */
void pl031_advance(struct pl031 *rtc, uint64_t now);

/* The interrupt line. */
static inline bool pl031_line(const struct pl031 *rtc)
{
    return (rtc->ris & rtc->imsc) != 0;
}

#endif
