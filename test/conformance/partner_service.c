/* SPDX-License-Identifier: Apache-2.0 */
/* The partner as a service. Argument: "ends": it ends at once. */
#include "partner_platform.h"

#include <keel/boot.h>
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/events.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t partner_argo(uint64_t op, const void *arg1, const void *arg2, uint64_t arg3, uint64_t arg4)
{
    return keel_argo(op, arg1, arg2, arg3, arg4);
}

void *partner_memory(size_t bytes)
{
    return aligned_alloc(KEEL_PAGE_SIZE, (bytes + KEEL_PAGE_SIZE - 1) & ~(KEEL_PAGE_SIZE - 1ul));
}

void partner_memory_free(void *memory)
{
    free(memory);
}

uint64_t partner_frame(const void *memory)
{
    return (uintptr_t)memory >> KEEL_PAGE_SHIFT;
}

uint16_t partner_id(void)
{
    return (uint16_t)keel_start()->domain;
}

void partner_wait(bool signal, uint64_t until)
{
    (void)events_wait_for(signal ? EVENT(KEEL_EVENT_ARGO) : 0, until);
}

uint64_t partner_now(void)
{
    return keel_counter();
}

uint64_t partner_after_ms(uint32_t ms)
{
    return clock_after_ms(ms);
}

void partner_end(void)
{
    exit(0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "ends") == 0)
        return 0;
    if (!partner_run())
        printf("no control\n");
    return 1;
}
