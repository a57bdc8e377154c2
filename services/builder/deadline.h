/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines of services: whoever does not take its events, or leaves a client without an answer, for
 * as long as its configuration says, is stopped with KEEL_STOP_DEADLINE. A service that is only
 * starved of CPU time is waited for: it counts from when it, or those it serves, have run for a
 * quarter of that time since. So is a scheduler stopped whose plans starve others more often than its quota says.
 */
#ifndef BUILDER_DEADLINE_H
#define BUILDER_DEADLINE_H

#include <stdint.h>

/* A life has begun. Guests and services without a deadline are left alone. */
void deadline_begin(uint16_t id);

/* It has ended. */
void deadline_end(uint16_t id);

#endif
