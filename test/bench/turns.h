/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel executes at the end of a turn and at a wake-up, on one CPU. Two guests (test/guests/turns.c) and a
 * service (turns.c): in each phase the first guest works without a pause, and marks BEGIN again and again; who takes its
 * place marks END. What lies between is once of that phase's row.
 */
#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

/* Milliseconds of the counter. What is before `measured` is for the policy, to see who is busy. */
struct turns_phase {
    unsigned begin, measured, end;
};
/* The second guest works, too: turns end by the timer. */
static const struct turns_phase turns_switch = {600, 700, 900};
/* It sleeps instead, and wakes up every TURNS_WAKE_US. */
static const struct turns_phase turns_guest = {900, 1050, 1250};
/* It is off, and the service does that. */
static const struct turns_phase turns_service = {1250, 1400, 1600};
#define TURNS_WAKE_US 1000u
#define TURNS_OFF_MS  1620u

#endif
