/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair of services of which one sends the other MESSAGES of 64 bytes, as fast as they are taken.
 * Arguments: "to", or "from" and the name of the other; "off": ends it all when they are done.
 */
#include "mark.h"

#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT     7u
#define BYTES    64u
#define RING     4000u
#define START_MS 1000u
#define OFF_MS   1300u
#define MESSAGES 400u

static const struct keel_connection *other;
static uint32_t sent;
static bool begun; /* with the next message: it may have to be tried again */

static void send(void *context)
{
    static const char bytes[BYTES];

    (void)context;
    while (sent < MESSAGES) {
        if (!begun)
            MARK_BEGIN(ROW_VICTIM);
        begun = true;
        MARK_BEGIN(ROW_ARGO_SEND);
        int status = argo_send_to(other, 0, 0, bytes, sizeof bytes);
        MARK_END(ROW_ARGO_SEND);
        if (status < 0)
            return;
        sent++;
        begun = false;
    }
    if (other)
        printf("sent %u\n", sent);
    other = NULL;
}

static void space(void *context)
{
    if (keel_counter() >= clock_ticks(START_MS * CLOCK_NS_PER_MS))
        send(context);
}

static bool on_message(void *context, const struct argo_message *message)
{
    char bytes[BYTES];

    (void)context;
    return argo_message_take(message, &bytes) || true;
}

static void off(void *context)
{
    (void)context;
    (void)keel_system_off(0);
}

int main(int argc, char **argv)
{
    static struct loop_watch watch = {.space = space};
    static struct loop_timer timer;

    if (argc == 3) {
        other = keel_connection_with(argv[2], PORT, KEEL_RIGHT_SEND);
        if (other == NULL)
            return EXIT_FAILURE;
        loop_watch(&watch);
        loop_timer_set(&timer, clock_ticks(START_MS * CLOCK_NS_PER_MS), send, NULL);
    } else if (argc == 2 && strcmp(argv[1], "off") == 0) {
        loop_timer_set(&timer, clock_ticks(OFF_MS * CLOCK_NS_PER_MS), off, NULL);
    } else if (loop_port(PORT, KEEL_DOMAIN_ANY, RING, on_message, NULL) < 0) {
        return EXIT_FAILURE;
    }
    loop_run();
}
