/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By its argument: "turns", the service of turns.h, which ends it all; or "window", which marks a second of ROW_VICTIM, in
 * which a policy's work is counted (policies.py), and ends it all.
 */
#include "turns.h"

#include "mark.h"
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_BEGIN_MS 800u
#define WINDOW_END_MS   1800u
#define WINDOW_OFF_MS   2700u

static struct loop_timer timer, off_timer;
static uint64_t next;

static uint64_t at(unsigned ms)
{
    return clock_ticks(ms * CLOCK_NS_PER_MS);
}

static void off(void *context)
{
    (void)context;
    printf("measured\n");
    (void)keel_system_off(0);
}

static void wake(void *context)
{
    MARK_END(ROW_WAKE_SERVICE);
    next += clock_ticks(TURNS_WAKE_US * 1000u);
    if (next < at(turns_service.end))
        loop_timer_set(&timer, next, wake, context);
}

static void window_end(void *context)
{
    (void)context;
    MARK_END(ROW_VICTIM);
}

static void window_begin(void *context)
{
    MARK_BEGIN(ROW_VICTIM);
    loop_timer_set(&timer, at(WINDOW_END_MS), window_end, context);
}

int main(int argc, char **argv)
{
    bool window = argc == 2 && strcmp(argv[1], "window") == 0;

    if (window) {
        loop_timer_set(&timer, at(WINDOW_BEGIN_MS), window_begin, NULL);
    } else {
        next = at(turns_service.begin);
        loop_timer_set(&timer, next, wake, NULL);
    }
    loop_timer_set(&off_timer, at(window ? WINDOW_OFF_MS : TURNS_OFF_MS), off, NULL);
    loop_run();
}
