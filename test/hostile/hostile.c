/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service that is hostile. Arguments:
 *
 *   seed=N calls=N       how the suite runs
 *   targets=MASK         domains that are there to be hurt, and may have other lives than their first
 *   I:TARGET:RIGHTS[:MEMORY-LO:MEMORY-HI[:IRQ-LO:IRQ-HI]]   own edge I, in hexadecimal; from run.py,
 *                        which has them from the configuration and not from the kernel
 */
#include "suite.h"

#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 50u

static struct suite suite;
static uint64_t calls = 1000, exits;

static bool edge_read(const char *text)
{
    uint64_t field[7] = {0};
    uint32_t n = 0;
    char *end;

    for (; n < 7; text = end + 1) {
        field[n++] = strtoull(text, &end, 16);
        if (end == text || (*end != '\0' && *end != ':'))
            return false;
        if (*end == '\0')
            break;
    }
    if (n < 3 || field[0] >= KEEL_EDGES_MAX)
        return false;
    suite.edge[field[0]] = (struct suite_edge){
        .target = (uint16_t)field[1],
        .rights = (uint32_t)field[2],
        .memory_lo = field[3],
        .memory_hi = field[4],
        .irq_lo = (uint32_t)field[5],
        .irq_hi = (uint32_t)field[6],
    };
    return true;
}

static void argument_read(const char *text)
{
    if (strncmp(text, "seed=", 5) == 0)
        suite.random = strtoull(text + 5, NULL, 0);
    else if (strncmp(text, "calls=", 6) == 0)
        calls = strtoull(text + 6, NULL, 0);
    else if (strncmp(text, "targets=", 8) == 0)
        suite.targets = strtoull(text + 8, NULL, 0);
    else
        (void)edge_read(text); /* or what a devices service is told */
}

/* Exits wait for the suite to find their numbers. */
static struct loop_reply on_exit(void *context, const struct keel_exit *exit)
{
    (void)context;
    suite.seq = exit->seq;
    suite.seen[suite.edge[KEEL_PEER_EDGE(exit->peer)].target] = KEEL_PEER_INCARNATION(exit->peer);
    exits++;
    return loop_later();
}

/* Ends the wait of every turn: the suite wants to go on. */
static struct loop_timer timer;

static void tick(void *context)
{
    loop_timer_set(&timer, keel_counter() + 1, tick, context);
}

int main(int argc, char **argv)
{
    uint64_t told = 0, events = LOOP_FIRST;

    for (int i = 1; i < argc; i++)
        argument_read(argv[i]);
    suite.domain = keel_start()->domain;
    for (uint16_t id = 0; id < KEEL_DOMAINS_MAX; id++)
        suite.incarnation[id] = suite.targets >> id & 1 ? 0 : 1;
    suite.incarnation[suite.domain] = keel_start()->incarnation;
    loop_exits(on_exit, NULL);
    if (!suite_begin(&suite) || loop_begin() < 0)
        return EXIT_FAILURE;
    tick(NULL);
    printf("begins: life %u\n", keel_start()->incarnation);
    while (suite.calls < calls) {
        suite_run(&suite, BATCH);
        if (suite.calls >= told + 10000) {
            told = suite.calls;
            printf("%llu calls\n", (unsigned long long)told);
        }
        events = loop_turn(events | LOOP_FIRST);
    }
    loop_timer_stop(&timer);
    printf("done: %llu calls, %llu permitted, %llu wrong, did %llx, %llu exits\n",
           (unsigned long long)suite.calls, (unsigned long long)suite.permitted,
           (unsigned long long)suite.wrong, (unsigned long long)suite.succeeded,
           (unsigned long long)exits);
    for (;;)
        events = loop_turn(events);
}
