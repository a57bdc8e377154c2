/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service that does what it may not do, as its arguments say: read, write or execute, and an
 * address or a place of its own: text, stack, past-heap. Waits first, so that others are at work.
 */
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 300u

static char **arguments;

static uintptr_t place(const char *name)
{
    static const uint32_t ret = 0xd65f03c0;
    static uint32_t stack_like;

    if (strcmp(name, "text") == 0)
        return (uintptr_t)place;
    if (strcmp(name, "rodata") == 0)
        return (uintptr_t)&ret;
    if (strcmp(name, "data") == 0)
        return (uintptr_t)&stack_like;
    if (strcmp(name, "stack") == 0)
        return (uintptr_t)keel_start()->stack + 64;
    if (strcmp(name, "past-heap") == 0)
        return (uintptr_t)(keel_start()->heap + keel_start()->heap_bytes);
    return (uintptr_t)strtoull(name, NULL, 0);
}

static void on_time(void *context)
{
    uintptr_t address = place(arguments[2]);

    (void)context;
    printf("%s %s, 0x%lx\n", arguments[1], arguments[2], (unsigned long)address);
    fflush(stdout);
    if (strcmp(arguments[1], "read") == 0)
        (void)*(volatile uint32_t *)address;
    else if (strcmp(arguments[1], "write") == 0)
        *(volatile uint32_t *)address = 0;
    else
        ((void (*)(void))address)();
    printf("goes on\n");
}

int main(int argc, char **argv)
{
    static struct loop_timer timer;

    if (argc != 3)
        return 1;
    arguments = argv;
    loop_timer_set(&timer, clock_after_ms(WAIT_MS), on_time, NULL);
    loop_run();
}
