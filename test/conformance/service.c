/* SPDX-License-Identifier: Apache-2.0 */
/* The suite as a service: the call `argo`, addresses as they are, events. */
#include "suite_platform.h"
#include "system.h"

#include <keel/boot.h>
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/events.h>
#include <runtime/start.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Alignas(PAGE) uint8_t memory[PAGES][PAGE];

uint8_t *platform_page(uint32_t page)
{
    return memory[page];
}

uint64_t platform_frame(uint32_t page)
{
    return (uintptr_t)memory[page] >> KEEL_PAGE_SHIFT;
}

void platform_seal(void)
{
    if (keel_memory_unmap(keel_self(), (uintptr_t)memory[PAGE_HOLE], 0, 1) != 1 ||
        keel_memory_protect(keel_self(), (uintptr_t)memory[PAGE_READ], 0, 1, KEEL_PERM_READ) != 1) {
        platform_say("own memory can't be changed");
        exit(1);
    }
}

bool platform_bad_frame(uint32_t i, uint64_t *frame)
{
    const uint64_t bad[] = {
        0,
        platform_frame(PAGE_HOLE),
        platform_frame(PAGE_READ),
        (uintptr_t)suite_run >> KEEL_PAGE_SHIFT, /* its program */
        (uintptr_t)keel_start() >> KEEL_PAGE_SHIFT,
        1ull << 36,
        1ull << 52 | platform_frame(0),
        1ull << 63 | platform_frame(0),
        UINT64_MAX,
    };

    *frame = i < sizeof(bad) / sizeof(bad[0]) ? bad[i] : 0;
    return i < sizeof(bad) / sizeof(bad[0]);
}

int64_t platform_argo(uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4)
{
    return keel_argo(op, (const void *)(uintptr_t)arg1, (const void *)(uintptr_t)arg2, arg3, arg4);
}

bool platform_signalled(uint32_t ms)
{
    return events_wait_for(EVENT(KEEL_EVENT_ARGO), clock_after_ms(ms)) != 0;
}

void platform_say(const char *format, ...)
{
    va_list arguments;

    printf("conform: ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

const struct test platform_tests[] = {{NULL, NULL}};

int main(void)
{
    if (keel_start()->domain != ID_SUITE) {
        platform_say("is domain %u", keel_start()->domain);
        return 1;
    }
    return suite_run() ? 0 : 1;
}
