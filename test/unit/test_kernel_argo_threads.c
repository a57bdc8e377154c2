/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo on several CPUs, which are threads here: no message is lost, torn, doubled or out of order,
 * and nobody sleeps for ever; and a receiver that scribbles over its ring harms nobody else. Built
 * with ThreadSanitizer as well (and -fno-builtin, so that it sees copies), which then is the litmus
 * test of A10.1 and of lock_try: on what orders the stores to a message before the store to tx_ptr.
 */
#include "argo_world.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#define SENDERS 3u
#if defined(__SANITIZE_THREAD__)
#define ORDER_ONLY true
#define MESSAGES   1000u
#define ROUNDS     500u
#else
#define ORDER_ONLY false
#define MESSAGES   4000u
#define ROUNDS     5000u
#endif
#define RING     64u /* first page */
#define LEN      (17 * PAGE - 64)
#define STUCK_NS 60000000000ull /* a wake-up is lost */

static uint8_t got[LEN];
static bool stop;

/* Message n of a domain: a size of which most are short, and bytes that tell all of it. */
static uint32_t size_of(uint32_t from, uint32_t n)
{
    uint32_t random = (n * 2654435761u) ^ (from * 40503u) ^ (n >> 3);

    return random % 16 == 0 ? random / 16 % 30000 : random / 16 % 300;
}

static uint8_t byte_of(uint32_t from, uint32_t n, uint32_t i)
{
    return (uint8_t)(from * 37 + n * 11 + i * 7 + (i >> 8));
}

static void await(uint32_t domain)
{
    uint64_t begin = time_now();

    while (!took_signal(domain)) {
        sched_yield();
        if (time_now() - begin > STUCK_NS)
            ck_abort_msg("domain %u sleeps for ever", domain);
    }
}

static void *sender(void *argument)
{
    uint32_t from = (uint32_t)(uintptr_t)argument;
    uint8_t *payload = malloc(LEN);

    for (uint32_t n = 0; n < MESSAGES && !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
        uint32_t bytes = size_of(from, n);
        int64_t result;

        for (uint32_t i = 0; i < bytes; i++)
            payload[i] = byte_of(from, n, i);
        world_put(from, ADDR(DATA) + n % 5000, payload, bytes);
        for (;;) {
            result = message_send(from, 0, PORT, n, ADDR(DATA) + n % 5000, bytes);
            if (result != -KEEL_EAGAIN || __atomic_load_n(&stop, __ATOMIC_RELAXED))
                break;
            await(from);
        }
        EXPECT(result == bytes || __atomic_load_n(&stop, __ATOMIC_RELAXED));
    }
    free(payload);
    return NULL;
}

/* Takes any answer that can be right. */
static void *rude_sender(void *argument)
{
    uint32_t from = (uint32_t)(uintptr_t)argument;

    for (uint32_t n = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
        int64_t result = message_send(from, 0, PORT, n, ADDR(DATA), size_of(from, n));

        EXPECT(result == size_of(from, n) || result == -KEEL_EAGAIN ||
               result == -KEEL_ECONNREFUSED);
    }
    return NULL;
}

/* Never waits for an event. */
static void *polling_sender(void *argument)
{
    uint8_t *payload = malloc(LEN);

    (void)argument;
    for (uint32_t n = 0; n < MESSAGES; n++) {
        uint32_t bytes = size_of(1, n);

        for (uint32_t i = 0; i < bytes; i++)
            payload[i] = byte_of(1, n, i);
        world_put(1, ADDR(DATA), payload, bytes);
        while (message_send(1, 0, PORT, n, ADDR(DATA), bytes) == -KEEL_EAGAIN)
            sched_yield();
    }
    free(payload);
    return NULL;
}

static void setup(void)
{
    world_begin(SENDERS + 1);
    world_map(0, RING, 20, 2);
    EXPECT_EQ(ring_register(0, PORT, KEEL_DOMAIN_ANY, LEN, RING, 0), 0);
    world.threads = true;
    stop = false;
}

static void teardown(void)
{
    world.threads = false;
    world_end();
}

START_TEST(nothing_is_lost)
{
    struct keel_argo_message_header header;
    uint32_t next[SENDERS + 1] = {0}, total = 0;
    pthread_t thread[SENDERS];

    for (uintptr_t i = 0; i < SENDERS; i++)
        pthread_create(&thread[i], NULL, sender, (void *)(i + 1));
    while (total < SENDERS * MESSAGES) {
        uint32_t batch = 0;

        await(0);
        while (message_take(0, RING, LEN, &header, got)) {
            uint32_t from = header.source.domain_id;

            EXPECT(from >= 1 && from <= SENDERS);
            EXPECT_EQ(header.message_type, next[from]);
            EXPECT_EQ(header.len, 16 + size_of(from, next[from]));
            for (uint32_t i = 0; i < header.len - 16; i++)
                EXPECT(got[i] == byte_of(from, next[from], i));
            next[from]++;
            total++;
            if (++batch % 16 == 0)
                EXPECT_EQ(notify_all(0), 0);
        }
        EXPECT_EQ(notify_all(0), 0);
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        pthread_join(thread[i], NULL);
    EXPECT(!message_take(0, RING, LEN, &header, got));
}
END_TEST

/* A10.1: nothing but tx_ptr orders what a receiver that polls it sees. */
START_TEST(a10_1_order_of_stores)
{
    struct keel_argo_message_header header;
    pthread_t thread;

    pthread_create(&thread, NULL, polling_sender, NULL);
    for (uint32_t n = 0; n < MESSAGES; n++) {
        while (!message_take(0, RING, LEN, &header, got))
            sched_yield();
        EXPECT_EQ(header.message_type, n);
        EXPECT_EQ(header.len, 16 + size_of(1, n));
        for (uint32_t i = 0; i < header.len - 16; i++)
            EXPECT(got[i] == byte_of(1, n, i));
    }
    pthread_join(thread, NULL);
}
END_TEST

/* The receiver writes anything anywhere in its pages, all the time. */
START_TEST(hostile_receiver)
{
    struct keel_argo_ring *ring = (struct keel_argo_ring *)(void *)world.page[0][RING];
    pthread_t thread[SENDERS];
    uint64_t begin = time_now();
    uint32_t random = 1;

    for (uintptr_t i = 0; i < SENDERS; i++)
        pthread_create(&thread[i], NULL, sender, (void *)(i + 1));
    while (time_now() - begin < 2000000000u) {
        random = random * 1664525 + 1013904223;
        __atomic_store_n(&ring->rx_ptr, random % 3 ? random % LEN : random, __ATOMIC_RELAXED);
        __atomic_store_n(&ring->tx_ptr, ~random, __ATOMIC_RELAXED);
        __atomic_store_n(&world.page[0][RING + random % 17][random / 17 % PAGE], (uint8_t)random,
                         __ATOMIC_RELAXED);
        if (random % 64 == 0)
            EXPECT_EQ(notify_all(0), 0);
        for (uint32_t d = 1; d <= SENDERS; d++) /* nobody sleeps in this test */
            vcpu_signal(world_vcpu(d), 1ul << KEEL_EVENT_ARGO);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (uint32_t d = 1; d <= SENDERS; d++)
        vcpu_signal(world_vcpu(d), 1ul << KEEL_EVENT_ARGO);
    for (uint32_t i = 0; i < SENDERS; i++)
        pthread_join(thread[i], NULL);
}
END_TEST

/* Rings come and go, and are registered elsewhere, while others send to them. */
START_TEST(rings_that_come_and_go)
{
    pthread_t thread[SENDERS];
    struct holdings before = holdings(0);

    EXPECT_EQ(ring_unregister(0, PORT, KEEL_DOMAIN_ANY), 0);
    before.pins = 0;
    before.pool++;
    before.rings--;
    for (uintptr_t i = 0; i < SENDERS; i++)
        pthread_create(&thread[i], NULL, rude_sender, (void *)(i + 1));
    for (uint32_t round = 0; round < ROUNDS; round++) {
        EXPECT_EQ(ring_register(0, PORT, KEEL_DOMAIN_ANY, LEN, RING, 0), 0);
        if (round % 4)
            sched_yield();
        if (round % 2)
            EXPECT_EQ(ring_register(0, PORT, KEEL_DOMAIN_ANY, LEN, RING + 1, 0), 0);
        EXPECT_EQ(ring_unregister(0, PORT, KEEL_DOMAIN_ANY), 0);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < SENDERS; i++)
        pthread_join(thread[i], NULL);
    EXPECT(same_holdings(before, holdings(0)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernel_argo_threads");
    TCase *tests = tcase_create("threads");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, nothing_is_lost);
    tcase_add_test(tests, a10_1_order_of_stores);
    if (!ORDER_ONLY)
        tcase_add_test(tests, hostile_receiver); /* races on purpose */
    tcase_add_test(tests, rings_that_come_and_go);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
