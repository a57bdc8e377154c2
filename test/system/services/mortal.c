/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dies again and again, and says when it began and when it died, by the counter, in us:
 *
 *   exit | fault     how, the last argument; its first life lasts until others are at work
 */
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 100u

static const char *how;

static unsigned long long now_us(void)
{
    return clock_ns(keel_counter()) / 1000;
}

static void on_time(void *context)
{
    (void)context;
    printf("life %u ends at %llu us\n", keel_start()->incarnation, now_us());
    fflush(stdout);
    if (strcmp(how, "fault") == 0)
        *(volatile uint32_t *)NULL = 0;
    exit(7);
}

int main(int argc, char **argv)
{
    static struct loop_timer timer;

    if (argc < 2)
        return 1;
    how = argv[argc - 1];
    printf("life %u begins at %llu us\n", keel_start()->incarnation, now_us());
    loop_timer_set(&timer, clock_after_ms(keel_start()->incarnation == 1 ? WAIT_MS : 1), on_time, NULL);
    loop_run();
}
