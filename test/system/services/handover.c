/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two services that wake each other and wait, again and again, beside one that works without a pause, all of one
 * rank: what part of the CPU does that one get? Argument: "first", "second" or "worker". See handover.py.
 */
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT     7u
#define START_MS 1000u
#define LAST_MS  1200u
#define OFF_MS   200u

static const struct keel_connection *other, *worker;
static uint64_t since, worked;
static uint32_t rounds;

static uint64_t work_time(void)
{
    struct keel_life life;

    return keel_domain_info(keel_connection_peer(worker), &life) == 0 ? life.run_time : 0;
}

static void send(void *context)
{
    if (since == 0 && worker != NULL) {
        since = keel_counter();
        worked = work_time();
    }
    if (argo_send_to(other, PORT, 0, context, 0) < 0)
        printf("FAILED\n");
}

/* When the console has shown it. */
static void off(void *context)
{
    (void)context;
    (void)keel_system_off(0);
}

static bool on_message(void *context, const struct argo_message *message)
{
    static struct loop_timer timer;

    (void)message;
    rounds++;
    if (worker == NULL || keel_counter() < clock_ticks(LAST_MS * CLOCK_NS_PER_MS)) {
        send(context);
        return true;
    }
    printf("%u rounds; the worker had %llu of %llu ticks\n", rounds,
           (unsigned long long)(work_time() - worked),
           (unsigned long long)(keel_counter() - since));
    loop_timer_set(&timer, clock_after_ms(OFF_MS), off, NULL);
    return true;
}

int main(int argc, char **argv)
{
    static struct loop_timer timer;

    if (argc != 2)
        return EXIT_FAILURE;
    while (strcmp(argv[1], "worker") == 0)
        __asm__ volatile("");
    other = keel_connection_with(strcmp(argv[1], "first") == 0 ? "second" : "first", PORT,
                                 KEEL_RIGHT_SEND);
    worker = keel_connection_with("worker", 0, KEEL_RIGHT_WATCH);
    if (other == NULL || loop_port(PORT, other->domain, 4000, on_message, NULL) < 0)
        return EXIT_FAILURE;
    if (worker != NULL)
        loop_timer_set(&timer, clock_ticks(START_MS * CLOCK_NS_PER_MS), send, NULL);
    loop_run();
}
