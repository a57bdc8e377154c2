/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for space, and being told: by whom, when, how many, and of what else. */
#include "suite.h"

#define SILENCE_MS 40u    /* in which no signal is to come */
#define SIGNAL_MS  20000u /* in which one is */
#define DELAY_MS   150u   /* of what a partner does once all is quiet, also with those who watch */
#define CROWD_MS   2000u  /* in which all of the crowd have run, also where the host is busy */

/* What the partner does, DELAY_MS from now, and whether the suite is signalled. */
#define ORDERED(to, ...)                                                    \
    (quiet(), ORDER(to, .delay_ms = DELAY_MS, .port = PORT_A, __VA_ARGS__), \
     platform_signalled(SIGNAL_MS))
#define ORDERED_SILENTLY(to, ...)                                           \
    (quiet(), ORDER(to, .delay_ms = DELAY_MS, .port = PORT_A, __VA_ARGS__), \
     !platform_signalled(DELAY_MS + SILENCE_MS))

#define SLOT(n) ((n)*16u - 16u) /* payload of a message of n slots */

/* The partner's ring, of 16 usable slots, with messages of one slot in it. */
static void fill(uint16_t who)
{
    EQ(theirs(who, ID_SUITE, 17 * 16), 0);
    for (uint32_t i = 0; i < 16; i++)
        EQ(message_send(who, i, 0, 0), 0);
}

/* The receiver has to say that there is space; then whoever fits is told, once. */
static void space(void)
{
    for (uint32_t way = 0; way < 2; way++) { /* by sendv, and by notify */
        uint16_t flags;
        uint32_t max;

        suite_about("way", way);
        fill(ID_PARTNER);
        if (way == 0) {
            EQ(message_send(ID_PARTNER, 0, 0, SLOT(4)), -KEEL_EAGAIN);
        } else {
            EQ(query(ID_PARTNER, PORT_A, SLOT(4), &flags, &max), 0);
            EQ(flags, KEEL_ARGO_EXISTS);
        }
        IS(ORDERED_SILENTLY(ID_PARTNER, .what = COMMAND_NOTIFY)); /* nothing was taken */
        IS(ORDERED_SILENTLY(ID_PARTNER, .what = COMMAND_TAKE, .partner = ID_SUITE, .count = 3));
        IS(ORDERED_SILENTLY(ID_PARTNER, .what = COMMAND_NOTIFY)); /* three slots are not four */
        IS(ORDERED_SILENTLY(ID_PARTNER, .what = COMMAND_TAKE, .partner = ID_SUITE, .count = 1));
        IS(ORDERED(ID_PARTNER, .what = COMMAND_NOTIFY));
        IS(ORDERED_SILENTLY(ID_PARTNER, .what = COMMAND_NOTIFY)); /* it does not wait any more */
        EQ(message_send(ID_PARTNER, 1, 1, SLOT(4)), SLOT(4));
        EQ(message_send(ID_PARTNER, 1, 1, 0), -KEEL_EAGAIN);
        EQ(COMMAND(ID_PARTNER, .what = COMMAND_RESET).result, 0);
    }
}

/* Who asks a question says by that, too, that there is space, whatever it is about. */
static void by_questions(void)
{
    fill(ID_PARTNER);
    EQ(message_send(ID_PARTNER, 0, 0, SLOT(4)), -KEEL_EAGAIN);
    EQ(ring_new(PORT_A, ID_PARTNER, 1024, PAGE_RING), 0);
    IS(ORDERED_SILENTLY(ID_PARTNER, .what = COMMAND_TAKE, .partner = ID_SUITE, .count = 4));
    IS(ORDERED(ID_PARTNER, .what = COMMAND_QUERY, .to = {PORT_A, ID_SUITE, 0}, .len = 16));
    EQ(message_send(ID_PARTNER, 1, 1, SLOT(4)), SLOT(4));
}

/* A domain waits once in a ring, for the most that it asked for. */
static void the_most(void)
{
    fill(ID_PARTNER);
    EQ(message_send(ID_PARTNER, 0, 0, 0), -KEEL_EAGAIN);
    EQ(message_send(ID_PARTNER, 0, 0, SLOT(6)), -KEEL_EAGAIN);
    EQ(message_send(ID_PARTNER, 0, 0, SLOT(2)), -KEEL_EAGAIN);
    (void)takes(ID_PARTNER, ID_SUITE, 5, 0, 0, 0);
    IS(ORDERED_SILENTLY(ID_PARTNER, .what = COMMAND_NOTIFY));
    (void)takes(ID_PARTNER, ID_SUITE, 1, 0, 0, 0);
    IS(ORDERED(ID_PARTNER, .what = COMMAND_NOTIFY));
}

/* Who is refused for ever does not wait. */
static void too_long(void)
{
    uint16_t flags;
    uint32_t max;

    fill(ID_PARTNER);
    EQ(message_send(ID_PARTNER, 0, 0, SLOT(16) + 1), -KEEL_EMSGSIZE);
    EQ(query(ID_PARTNER, PORT_A, SLOT(16) + 1, &flags, &max), 0);
    (void)takes(ID_PARTNER, ID_SUITE, 99, 0, 0, 0);
    IS(ORDERED_SILENTLY(ID_PARTNER, .what = COMMAND_NOTIFY));
}

/* The end of a ring is told to who waits for it; so is its new beginning. A10.9 */
static void ring_gone(void)
{
    fill(ID_PARTNER);
    EQ(message_send(ID_PARTNER, 0, 0, 0), -KEEL_EAGAIN);
    IS(ORDERED(ID_PARTNER, .what = COMMAND_UNREGISTER, .partner = ID_SUITE));
    EQ(message_send(ID_PARTNER, 0, 0, 0), -KEEL_ECONNREFUSED);
    fill(ID_PARTNER);
    EQ(message_send(ID_PARTNER, 0, 0, 0), -KEEL_EAGAIN);
    IS(ORDERED(ID_PARTNER, .what = COMMAND_REGISTER, .partner = ID_SUITE, .len = 17 * 16));
    EQ(message_send(ID_PARTNER, 0, 0, 0), 0);
}

/* So is the end of its owner. It comes back, under the same id, without its rings. A10.9: the
 * suite's own ring for it stays, and takes what its next life sends. */
static void peer_gone(void)
{
    struct keel_argo_message_header header;
    int64_t status = 0;

    EQ(ring_new(PORT_B, ID_OTHER, 1024, PAGE_RING), 0);
    fill(ID_OTHER);
    EQ(message_send(ID_OTHER, 0, 0, 0), -KEEL_EAGAIN);
    IS(ORDERED(ID_OTHER, .what = COMMAND_EXIT));
    status = message_send(ID_OTHER, 0, 0, 0);
    IS(status == -KEEL_ESRCH || status == -KEEL_ECONNREFUSED);
    EQ(COMMAND(ID_OTHER, .what = COMMAND_HELLO).result, 0); /* once it is back */
    EQ(message_send(ID_OTHER, 0, 0, 0), -KEEL_ECONNREFUSED);
    EQ(COMMAND(ID_OTHER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_B, ID_SUITE, 0},
               .len = 30, .seed = 4, .count = 1)
           .result,
       30);
    EQ(ring_take(PAGE_RING, 1024, &header, 4), 0);
    EQ(header.source.domain_id, ID_OTHER);
    EQ(theirs(ID_OTHER, ID_SUITE, 1024), 0);
    EQ(message_send(ID_OTHER, 0, 0, 0), 0);
}

/* What a question says now: whether there is a ring; the owner's life. */
static uint16_t asked(uint16_t who, bool there)
{
    struct keel_argo_ring_data_ent ent;
    uint16_t flags;
    uint32_t max;

    EQ(query(who, PORT_A, 0, &flags, &max), 0);
    EQ(flags & KEEL_ARGO_EXISTS, there);
    bytes_copy(&ent, at(addr(PAGE_QUERY, 0) + sizeof(struct keel_argo_ring_data)), sizeof(ent));
    return ent.life;
}

/* Who asked about a ring is told when it comes, is replaced and goes, also if nothing was to be sent; and
 * that its owner is another than it was. Once: who does not ask again is not told. */
static void comes_and_goes(void)
{
    uint16_t life = asked(ID_OTHER, false);

    IS(life != 0);
    IS(ORDERED(ID_OTHER, .what = COMMAND_REGISTER, .partner = ID_SUITE, .len = 1024));
    EQ(asked(ID_OTHER, true), life);
    IS(ORDERED(ID_OTHER, .what = COMMAND_REGISTER, .partner = ID_SUITE, .len = 1024));
    IS(ORDERED_SILENTLY(ID_OTHER, .what = COMMAND_UNREGISTER, .partner = ID_SUITE));
    EQ(asked(ID_OTHER, false), life);
    IS(ORDERED(ID_OTHER, .what = COMMAND_REGISTER, .partner = ID_SUITE, .len = 1024));
    EQ(asked(ID_OTHER, true), life);
    IS(ORDERED(ID_OTHER, .what = COMMAND_EXIT));
    EQ(COMMAND(ID_OTHER, .what = COMMAND_HELLO).result, 0); /* once it is back */
    EQ(asked(ID_OTHER, false), life + 1);
}

/* The suite as the one who makes space: a sender that waits goes on, whatever its ring is. */
static void makes_space(void)
{
    struct keel_argo_message_header header;

    for (uint32_t any = 0; any < 2; any++) {
        const uint32_t len = 1024;
        uint32_t n = 0;

        suite_about("any", any);
        EQ(ring_new(PORT_A, any ? ANY : ID_OTHER, len, PAGE_RING), 0);
        EQ(COMMAND(ID_OTHER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_SUITE, 0},
                   .len = 100, .count = 99)
               .result,
           -KEEL_EAGAIN);
        EQ(COMMAND(ID_OTHER, .what = COMMAND_SEND_WAIT, .port = PORT_A, .to = {PORT_A, ID_SUITE, 0},
                   .len = 300, .seed = 7, .type = 77)
               .result,
           -KEEL_EAGAIN);
        while (ring_take(PAGE_RING, len, &header, n) == 0) {
            EQ(header.len, 116);
            n++;
        }
        IS(n > 2);
        EQ(argo(KEEL_ARGO_NOTIFY, 0, 0, 0, 0), 0);
        /* It may have looked by itself before: a signal can come of what was before, too. */
        for (uint32_t i = 0; i < 20 && ring_at(PAGE_RING)->tx_ptr == ring_at(PAGE_RING)->rx_ptr;
             i++)
            (void)platform_signalled(SIGNAL_MS / 20);
        EQ(ring_take(PAGE_RING, len, &header, 7), 0);
        EQ(header.message_type, 77);
        EQ(ring_unregister(PORT_A, any ? ANY : ID_OTHER), 0);
    }
}

static int64_t crowd_sends(uint32_t i, uint32_t bytes)
{
    return COMMAND((uint16_t)(ID_CROWD + i), .what = COMMAND_SEND, .port = PORT_CONTROL,
                   .to = {PORT_A, ID_PARTNER, 0}, .len = bytes, .count = 1)
        .result;
}

/* 31, 32 and 33 domains that wait for space in one ring: the last one is EBUSY, and does not wait.
 * So is the suite. What fits then is told to all who do. */
static void waiters(void)
{
    uint16_t flags;
    uint32_t max;

    EQ(theirs(ID_PARTNER, ANY, 1024), 0); /* 63 slots can be used; the half is 32 */
    EQ(message_send(ID_PARTNER, 0, 0, SLOT(32)), SLOT(32));
    EQ(COMMAND(ID_OTHER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_PARTNER, 0},
               .len = SLOT(31), .count = 1)
           .result,
       SLOT(31));
    for (uint32_t i = 0; i < KEEL_ARGO_WAITERS_MAX; i++) {
        suite_about("waiter", i);
        EQ(crowd_sends(i, 0), -KEEL_EAGAIN);
    }
    suite_about("one more", 32);
    EQ(crowd_sends(32, 0), -KEEL_EBUSY);
    EQ(crowd_sends(0, 0), -KEEL_EAGAIN); /* it waits already */
    EQ(crowd_sends(32, 0), -KEEL_EBUSY);
    EQ(message_send(ID_PARTNER, 0, 0, 0), -KEEL_EBUSY);
    EQ(query(ID_PARTNER, PORT_A, 16, &flags, &max), 0);
    EQ(flags, KEEL_ARGO_EXISTS | KEEL_ARGO_SHARED | KEEL_ARGO_NOTIFY_EBUSY);
    EQ(max, SLOT(32));
    /* The order of checks: before EBUSY what never fits, behind it the buffers. */
    EQ(message_send(ID_PARTNER, 0, 0, SLOT(32) + 1), -KEEL_EMSGSIZE);
    iov_set(0, NOWHERE, 1, 0);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 0), -KEEL_EBUSY);

    for (uint32_t i = 0; i < CROWD; i++)
        EQ(COMMAND((uint16_t)(ID_CROWD + i), .what = COMMAND_WATCH).result, 0);
    quiet();
    EQ(COMMAND(ID_PARTNER, .what = COMMAND_TAKE, .port = PORT_A, .partner = ANY, .count = 99).count,
       2);
    IS(ORDERED_SILENTLY(ID_PARTNER, .what = COMMAND_NOTIFY)); /* the suite did not wait */
    IS(!platform_signalled(CROWD_MS));
    for (uint32_t i = 0; i < CROWD; i++) {
        suite_about("waiter", i);
        EQ(COMMAND((uint16_t)(ID_CROWD + i), .what = COMMAND_WATCHED).count,
           i < KEEL_ARGO_WAITERS_MAX);
    }
    for (uint32_t i = 0; i < CROWD; i++) {
        suite_about("sender", i);
        EQ(crowd_sends(i, 0), 0);
    }
    EQ(message_send(ID_PARTNER, 0, 0, 0), 0);
}

/* Of those who wait, only those are told whose messages fit. */
static void who_fits(void)
{
    static const uint32_t slots[] = {4, 11, 5, 15};
    enum { N = 4 };

    EQ(theirs(ID_PARTNER, ANY, 1024), 0); /* 63 slots, of which 60 are used: */
    for (uint32_t i = 0; i < 8; i++)
        EQ(message_send(ID_PARTNER, 0, 0, SLOT(4)), SLOT(4));
    EQ(COMMAND(ID_OTHER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_PARTNER, 0},
               .len = SLOT(4), .count = 8)
           .count,
       7);
    for (uint32_t i = 0; i < N; i++) {
        suite_about("waiter", i);
        EQ(crowd_sends(i, SLOT(slots[i])), -KEEL_EAGAIN);
        EQ(COMMAND((uint16_t)(ID_CROWD + i), .what = COMMAND_WATCH).result, 0);
    }
    for (uint32_t free = 3; free <= 15; free += 4) {
        IS(ORDERED_SILENTLY(ID_PARTNER, .what = COMMAND_NOTIFY));
        IS(!platform_signalled(CROWD_MS / 4));
        for (uint32_t i = 0; i < N; i++) {
            suite_about("free, waiter", (uint64_t)free << 32 | i);
            EQ(COMMAND((uint16_t)(ID_CROWD + i), .what = COMMAND_WATCHED).count, slots[i] <= free);
        }
        EQ(takes(ID_PARTNER, ANY, 1, SLOT(4), 0, 0).count, 1);
    }
}

const struct test wake_tests[] = {
    {"wake-by-questions", by_questions},
    {"wake-space", space},
    {"wake-the-most", the_most},
    {"wake-too-long", too_long},
    {"wake-ring-gone", ring_gone},
    {"wake-peer-gone", peer_gone},
    {"wake-makes-space", makes_space},
    {"wake-waiters", waiters},
    {"wake-who-fits", who_fits},
    {"wake-comes-and-goes", comes_and_goes},
    {NULL, NULL},
};
