/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A victim pair, and who is hostile to it: `ping` and `pong` send each other 64 bytes, in rounds
 * that are marked for count.c; both have a public ring as well, which they read now and then.
 * Arguments:
 *
 *   ping | pong | idle | beat
 *   for-guest | for-enemy      pong of a guest (../guests/inside.c), with an enemy inside
 *   flood | spam | longest | storm | rings | waits | calls
 */
#include "mark.h"

#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT         7u
#define PORT_PUBLIC  8u
#define PORT_HOSTILE 9u
#define BYTES        64u
#define RING         8000u
#define START_MS     1000u /* when the pair begins */
#define OFF_MS       50u
#define LAST         1u  /* type of the last message */
#define ENEMY        2u  /* type of an answer to a guest: its other CPU is to begin */
#define PUBLIC_EVERY 64u /* rounds */
#define MEASURED     5000u
#define SETTLED      50u /* rounds before them */

static const char zeros[BYTES];

/* ---- The pair ---- */

static uint32_t round_number;
static uint64_t since, other_since;
static const struct keel_connection *other, *to_other; /* its life, and its port */
static uint64_t public;
static bool for_guest, for_enemy;

static uint64_t other_time(void)
{
    struct keel_life life;

    return keel_domain_info(keel_connection_peer(other), &life) == 0 ? life.run_time : 0;
}

static void begin(void)
{
    since = keel_counter();
    other_since = other_time();
}

static void tell(void)
{
    printf("other: %llu of %llu ticks, %llu public\n",
           (unsigned long long)(other_time() - other_since),
           (unsigned long long)(keel_counter() - since), (unsigned long long)public);
}

static bool public_open;

static bool on_public(void *context, const struct argo_message *message)
{
    (void)context;
    (void)message;
    public += public_open;
    return public_open;
}

static void public_read(void)
{
    if (round_number % PUBLIC_EVERY != 0)
        return;
    public_open = true;
    loop_port_resume(PORT_PUBLIC);
    loop_port_serve(PORT_PUBLIC);
    public_open = false;
}

static void off(void *context)
{
    (void)context;
    (void)keel_system_off(0);
}

static void send(void *context)
{
    (void)context;
    if (round_number >= SETTLED)
        MARK_BEGIN(ROW_VICTIM);
    if (argo_send_to(to_other, PORT, round_number == SETTLED + MEASURED ? LAST : 0, zeros, BYTES) <
        0)
        printf("FAILED: not sent\n");
}

static bool on_answer(void *context, const struct argo_message *message)
{
    static struct loop_timer timer;

    (void)message;
    round_number++;
    public_read();
    if (round_number == SETTLED)
        begin();
    if (round_number <= SETTLED + MEASURED) {
        send(context);
        return true;
    }
    MARK_END(ROW_VICTIM);
    tell();
    loop_timer_set(&timer, clock_after_ms(OFF_MS), off, NULL);
    return true;
}

static bool on_ping(void *context, const struct argo_message *message)
{
    static struct loop_timer timer;
    char bytes[BYTES];

    (void)context;
    if (!argo_message_take(message, &bytes))
        return true;
    if (argo_send(PORT, (struct keel_argo_addr){PORT, message->source.domain_id, 0},
                  for_enemy ? ENEMY : message->type, bytes, sizeof bytes) < 0)
        printf("FAILED: no answer\n");
    if (++round_number == SETTLED)
        begin();
    public_read();
    if (message->type != LAST)
        return true;
    tell();
    if (for_guest)
        loop_timer_set(&timer, clock_after_ms(OFF_MS), off, NULL);
    return true;
}

static int pair(bool first)
{
    static struct loop_timer timer;

    other = keel_connection_with(first ? "pong" : "ping", 0, KEEL_RIGHT_WATCH);
    if (other == NULL ||
        loop_port(PORT, other->domain, RING, first ? on_answer : on_ping, NULL) < 0 ||
        loop_port(PORT_PUBLIC, KEEL_DOMAIN_ANY, RING, on_public, NULL) < 0)
        return EXIT_FAILURE;
    if (first) {
        to_other = keel_connection_with("pong", PORT, KEEL_RIGHT_SEND);
        loop_timer_set(&timer, clock_ticks(START_MS * CLOCK_NS_PER_MS), send, NULL);
    }
    loop_run();
}

/* ---- The hostile ones ---- */

#define PAGES   256u
#define LONGEST KEEL_ARGO_MESSAGE_MAX(ARGO_RING_LEN(PAGES))

static uint16_t ping, pong;
static struct keel_argo_addr to_ping, to_pong;
static _Alignas(KEEL_PAGE_SIZE) uint8_t memory[PAGES * KEEL_PAGE_SIZE], message_bytes[LONGEST];
static uint64_t done; /* by it */

static void did(int64_t status)
{
    (void)status;
    if (++done == 1000) /* by when the console is there: it never waits, and would lose the line */
        printf("at work\n");
}

static void flood(void)
{
    did(argo_send(0, to_ping, 0, zeros, BYTES));
    did(argo_send(0, to_pong, 0, zeros, BYTES));
}

static void spam(void)
{
    did(argo_send(0, to_ping, 0, NULL, 0));
    did(argo_send(0, to_pong, 0, NULL, 0));
}

/* As long as the victims' rings take them, and 1 MiB to itself. */
static void longest(void)
{
    static struct argo_ring ring;
    static bool open;
    struct argo_message message;

    if (!open)
        open = argo_ring_register(&ring, PORT_HOSTILE, keel_start()->domain, memory,
                                  ARGO_RING_LEN(PAGES)) == 0;
    did(argo_send(0, to_ping, 0, message_bytes, RING / 2 - 64));
    did(argo_send(0, to_pong, 0, message_bytes, RING / 2 - 64));
    did(argo_send(0, (struct keel_argo_addr){PORT_HOSTILE, keel_start()->domain, 0}, 0,
                  message_bytes, LONGEST));
    while (argo_ring_next(&ring, &message))
        argo_ring_consume(&ring, &message);
    argo_notify();
}

/* A signal to itself with each message, and questions that make it a waiter of the victims. */
static void storm(void)
{
    static struct argo_ring ring;
    static bool open;
    struct argo_message message;
    uint16_t flags;

    if (!open)
        open = argo_ring_register(&ring, PORT_HOSTILE, keel_start()->domain, memory,
                                  ARGO_RING_LEN(1)) == 0;
    did(argo_send(0, (struct keel_argo_addr){PORT_HOSTILE, keel_start()->domain, 0}, 0, NULL, 0));
    while (argo_ring_next(&ring, &message))
        argo_ring_consume(&ring, &message);
    did(argo_notify_space(to_ping, RING / 4, &flags));
    did(argo_notify_space(to_pong, RING / 4, &flags));
}

/* Rings for the victims, as many as the pool has room for, come and go. */
static void rings(void)
{
    struct argo_ring ring;

    for (uint16_t partner = 0; partner < KEEL_DOMAINS_MAX; partner++)
        did(argo_ring_register(&ring, PORT_HOSTILE, partner, memory, ARGO_RING_LEN(1)));
    for (int i = 0; i < 16; i++) {
        did(argo_ring_register(&ring, PORT_HOSTILE, i % 2 ? ping : pong, memory, ARGO_RING_LEN(1)));
        did(argo_ring_unregister(&ring));
    }
}

/* 256 questions about the victims' rings at once. */
static void waits(void)
{
    static struct {
        struct keel_argo_ring_data data;
        struct keel_argo_ring_data_ent ent[KEEL_ARGO_NOTIFY_MAX];
    } query;

    query.data.nent = KEEL_ARGO_NOTIFY_MAX;
    for (uint32_t i = 0; i < KEEL_ARGO_NOTIFY_MAX; i++)
        query.ent[i] = (struct keel_argo_ring_data_ent){.ring = i % 2 ? to_ping : to_pong,
                                                        .space_required = RING / 3};
    did(keel_argo(KEEL_ARGO_NOTIFY, &query, NULL, 0, 0));
}

static void calls(void)
{
    for (int i = 0; i < 64; i++)
        did(keel_null());
    did(keel_yield());
    did(argo_send(0, (struct keel_argo_addr){PORT, pong, 0}, 0, zeros, BYTES)); /* refused */
}

static const struct {
    const char *name;
    void (*act)(void);
} kinds[] = {{"flood", flood}, {"spam", spam},   {"longest", longest}, {"storm", storm},
             {"rings", rings}, {"waits", waits}, {"calls", calls}};

static int hostile(const char *name)
{
    const struct keel_connection *first =
        keel_connection_with("ping", PORT_PUBLIC, KEEL_RIGHT_SEND);
    const struct keel_connection *second =
        keel_connection_with("pong", PORT_PUBLIC, KEEL_RIGHT_SEND);
    uint64_t events = LOOP_FIRST;

    if (first == NULL || second == NULL || loop_begin() < 0)
        return EXIT_FAILURE;
    ping = first->domain;
    pong = second->domain;
    to_ping = (struct keel_argo_addr){PORT_PUBLIC, ping, 0};
    to_pong = (struct keel_argo_addr){PORT_PUBLIC, pong, 0};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        while (strcmp(name, kinds[i].name) == 0)
            kinds[i].act();
    for (;;)
        events = loop_turn(events);
}

/* On a CPU of its own: wakes so often that the emulator, which runs one CPU at a time, goes on to
 * the next. */
#define BEAT_NS 10000u

static void beat(void)
{
    for (;;)
        (void)keel_wait(keel_counter() + clock_ticks(BEAT_NS));
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return EXIT_FAILURE;
    for_enemy = strcmp(argv[1], "for-enemy") == 0;
    for_guest = for_enemy || strcmp(argv[1], "for-guest") == 0;
    if (for_guest || strcmp(argv[1], "ping") == 0 || strcmp(argv[1], "pong") == 0)
        return pair(strcmp(argv[1], "ping") == 0);
    if (strcmp(argv[1], "beat") == 0)
        beat();
    return hostile(argv[1]);
}
