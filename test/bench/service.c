/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two services that measure, `first` and `second` by their argument: each step is done again and
 * again, marked for count.c, at a time of its own, so that nothing else runs meanwhile.
 */
#include "mark.h"

#include <errno.h>
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT  7u
#define BYTES 64u
#define RING  8000u

static unsigned sent;

static void null(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        MARK_BEGIN(ROW_NULL_SERVICE);
        (void)keel_null();
    }
    MARK_END(ROW_NULL_SERVICE);
}

static void yield(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        MARK_BEGIN(ROW_YIELD);
        (void)keel_yield();
    }
    MARK_END(ROW_YIELD);
}

static void partner(void)
{
    for (int i = 0; i < ROUNDS; i++)
        (void)keel_yield();
}

static void fp_use(void)
{
    __asm__ volatile("fmov d0, #1.0");
}

static void yield_fp(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        MARK_BEGIN(ROW_YIELD_FP);
        fp_use();
        (void)keel_yield();
    }
    MARK_END(ROW_YIELD_FP);
}

static void partner_fp(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        fp_use();
        (void)keel_yield();
    }
}

static void send(void)
{
    const struct keel_connection *to = keel_connection_find("second");
    char bytes[BYTES] = {0};

    MARK_BEGIN(ROW_ARGO_ROUND);
    MARK_BEGIN(ROW_ARGO_ONE_WAY);
    MARK_BEGIN(ROW_ARGO_SEND);
    int status = to ? argo_send_to(to, PORT, 0, bytes, sizeof bytes) : -ENOENT;
    MARK_END(ROW_ARGO_SEND);
    if (status < 0) {
        printf("not sent: %s\n", strerror(-status));
        exit(EXIT_FAILURE);
    }
}

static bool on_answer(void *context, const struct argo_message *message)
{
    char bytes[BYTES];

    (void)context;
    if (argo_message_take(message, &bytes) && ++sent < ROUNDS)
        send();
    else
        MARK_END(ROW_ARGO_ROUND);
    return true;
}

static bool on_message(void *context, const struct argo_message *message)
{
    char bytes[BYTES];

    (void)context;
    if (!argo_message_take(message, &bytes))
        return true;
    MARK_END(ROW_ARGO_ONE_WAY);
    return argo_send(PORT, message->source, 0, bytes, sizeof bytes) >= 0;
}

static void off(void)
{
    printf("measured\n");
    (void)keel_system_off(0);
}

/* What is done when, in milliseconds of the counter; FP registers last, as they stay in use. */
static struct step {
    unsigned at;
    void (*first)(void), (*second)(void);
} steps[] = {
    {1000, null, NULL},           {1100, yield, partner}, {1200, send, NULL},
    {1300, yield_fp, partner_fp}, {1400, off, NULL},
};
#define STEPS (sizeof steps / sizeof steps[0])

static bool is_first;

static void step_begin(void *context)
{
    const struct step *step = context;
    void (*does)(void) = is_first ? step->first : step->second;

    if (does)
        does();
}

int main(int argc, char **argv)
{
    static struct loop_timer timers[STEPS];

    is_first = argc == 2 && strcmp(argv[1], "first") == 0;
    if (loop_port(PORT, KEEL_DOMAIN_ANY, RING, is_first ? on_answer : on_message, NULL) < 0)
        return EXIT_FAILURE;
    for (size_t i = 0; i < STEPS; i++)
        loop_timer_set(&timers[i], clock_ticks(steps[i].at * CLOCK_NS_PER_MS), step_begin,
                       &steps[i]);
    loop_run();
}
