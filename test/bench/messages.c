/* SPDX-License-Identifier: Apache-2.0 */
/* Services that measure: see messages.h. Arguments: "first" or "second"; "off": first ends the
 * system. */
#include "messages.h"

#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_MS 1000u /* when nothing else runs */

static int64_t argo(uint64_t op, const void *arg1, const void *arg2, uint64_t arg3, uint64_t arg4)
{
    return keel_argo(op, arg1, arg2, arg3, arg4);
}

static void rest(void)
{
    (void)keel_wait(0);
}

int main(int argc, char **argv)
{
    const bool first = argc == 2 && strcmp(argv[1], "first") == 0;
    const struct keel_connection *to = keel_connection_find(first ? "second" : "first");

    if (to == NULL || messages_begin(to->domain) < 0)
        return EXIT_FAILURE;
    if (!first) {
        messages_second();
        for (;;)
            rest();
    }
    while (keel_counter() < clock_ticks(START_MS * CLOCK_NS_PER_MS))
        (void)keel_wait(clock_ticks(START_MS * CLOCK_NS_PER_MS));
    printf(messages_first(to->domain) ? "measured\n" : "FAILED\n");
    (void)keel_system_off(0);
    for (;;)
        rest();
}
