/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain that hammers what it shares with the kernel, the headers of its rings, delays nobody:
 * the kernel makes no atomic update of a domain's memory, which on Armv8.0 is a loop that lasts as
 * long as somebody else writes there. It loads and stores, and how often does not depend on what it
 * finds.
 */
#include "argo_world.h"
#include "suite.h"

#include <pthread.h>

#define DOMAINS 4u
#define LEN     16384u
#define RING    40u /* first page of a ring */

static _Thread_local uint32_t accesses; /* to domains' memory, by this thread */
static uint32_t updates;                /* atomic */
static bool stop;                       /* atomic */

static bool is_a_domains(const volatile void *address)
{
    const uint8_t *page = (const uint8_t *)((uintptr_t)address & ~(uintptr_t)(PAGE - 1));

    for (uint32_t d = 0; d < DOMAINS; d++)
        for (uint32_t n = 0; n < 64; n++)
            if (world.page[d][n] == page)
                return true;
    return false;
}

void atomic_update(const volatile void *address)
{
    if (is_a_domains(address))
        __atomic_fetch_add(&updates, 1, __ATOMIC_RELAXED);
}

void atomic_access(const volatile void *address)
{
    accesses += is_a_domains(address);
}

static void setup(void)
{
    world_begin(DOMAINS);
    updates = accesses = 0;
    stop = false;
}

/* One message, and what is in the header while it comes. */
static int64_t send(uint32_t bytes)
{
    accesses = 0;
    return message_send(1, 0, PORT, 7, ADDR(DATA), bytes);
}

/* Every operation: of a service and of a machine's, short and long, refused, waited for, ended. */
START_TEST(no_atomic_update_of_a_domains_memory)
{
    static uint8_t got[LEN];
    struct keel_argo_message_header header;

    EXPECT_EQ(ring_register(0, PORT, 1, LEN, RING, 0), 0);
    EXPECT_EQ(ring_register(2, PORT2, 1, LEN, RING, 0), 0);
    for (uint32_t bytes = 1; bytes < LEN - 32; bytes += 997) {
        EXPECT_EQ(send(bytes), bytes);
        EXPECT(message_take(0, RING, LEN, &header, got));
    }
    while (send(1000) == 1000)
        ;
    EXPECT_EQ(send(1000), -KEEL_EAGAIN); /* and waits */
    EXPECT_EQ(notify_all(1), 0);
    while (message_take(0, RING, LEN, &header, got))
        ;
    EXPECT_EQ(notify_all(0), 0);
    EXPECT_EQ(message_send(1, 2, PORT2, 7, ADDR(DATA), 64), 64);
    EXPECT(message_send(3, 2, PORT2, 7, ADDR(DATA), 64) < 0);
    EXPECT_EQ(ring_unregister(2, PORT2, 1), 0);
    EXPECT_EQ(updates, 0);
    world_end();
    EXPECT_EQ(updates, 0);
}
END_TEST

/* Whatever the header says, a short message takes no more looks at it. */
START_TEST(the_header_is_not_asked_again)
{
    static const uint32_t values[] = {
        0, 1, 16, 17, LEN - 16, LEN, LEN + 16, INT32_MAX, UINT32_MAX - 15, UINT32_MAX};
    struct keel_argo_ring *ring = (struct keel_argo_ring *)(void *)world.page[0][RING];
    uint32_t most = 0;

    EXPECT_EQ(ring_register(0, PORT, KEEL_DOMAIN_ANY, LEN, RING, 0), 0);
    for (uint32_t rx = 0; rx < ARRAY_LENGTH(values); rx++)
        for (uint32_t tx = 0; tx < ARRAY_LENGTH(values); tx++) {
            ring->rx_ptr = values[rx];
            ring->tx_ptr = values[tx];
            (void)send(64);
            most = accesses > most ? accesses : most;
        }
    EXPECT(most > 0 && most <= 8);
    EXPECT_EQ(updates, 0);
    world_end();
}
END_TEST

static void *hammer(void *argument)
{
    struct keel_argo_ring *ring = argument;

    for (uint32_t i = 0; !(__atomic_load_n)(&stop, __ATOMIC_RELAXED); i++) {
        (void)(__atomic_fetch_add)(&ring->rx_ptr, 16, __ATOMIC_SEQ_CST);
        (void)(__atomic_exchange_n)(&ring->tx_ptr, i, __ATOMIC_SEQ_CST);
        (void)(__atomic_fetch_or)(&ring->rx_ptr, i, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

/* The same while the ring's owner writes there as fast as it can, on two CPUs. */
START_TEST(a_hammered_ring_delays_nobody)
{
    struct keel_argo_ring *ring = (struct keel_argo_ring *)(void *)world.page[0][RING];
    pthread_t thread[2];
    uint32_t most = 0;

    EXPECT_EQ(ring_register(0, PORT, KEEL_DOMAIN_ANY, LEN, RING, 0), 0);
    for (uint32_t i = 0; i < 2; i++)
        EXPECT_EQ(pthread_create(&thread[i], NULL, hammer, ring), 0);
    for (uint32_t i = 0; i < 5000; i++) {
        int64_t result = send(64);

        EXPECT(result == 64 || result < 0);
        most = accesses > most ? accesses : most;
    }
    (__atomic_store_n)(&stop, true, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    EXPECT(most > 0 && most <= 8);
    EXPECT_EQ(updates, 0);
    world_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("atomics");
    TCase *tcase = tcase_create("atomics");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, no_atomic_update_of_a_domains_memory);
    tcase_add_test(tcase, the_header_is_not_asked_again);
    tcase_add_test(tcase, a_hammered_ring_delays_nobody);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
