/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines per CPU: a list in order of time, and the counter. Times are counter ticks. */
#ifndef KERNEL_CPU_TIMER_H
#define KERNEL_CPU_TIMER_H

#include "base.h"

#define TIME_NEVER UINT64_MAX

struct timer {
    struct timer *next;
    uint64_t deadline;
    uint8_t cpu;  /* whose list it is in */
    bool queued;
};

uint64_t time_now(void);
uint64_t time_from_ns(uint64_t ns);

#endif
