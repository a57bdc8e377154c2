/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving from a ring in which anything may stand. Exhaustively: every length up to 512 bytes,
 * every position of the reader, every tx_ptr, every length in a header; then while somebody else
 * changes all of it without a pause. What is beyond the ring belongs to the address sanitizer.
 */
#include <argo/ring.h>

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define LEN_MAX 512u

#define EXPECT(condition)                   \
    do {                                    \
        if (!(condition))                   \
            ck_abort_msg("%s", #condition); \
    } while (0)

/* A ring in memory of exactly its size. */
static struct argo_ring ring_of(uint32_t len)
{
    struct argo_ring ring = {.len = len};

    ring.shared = malloc(sizeof(struct keel_argo_ring) + len);
    memset(ring.shared, 0, sizeof(struct keel_argo_ring) + len);
    for (uint32_t i = 0; i < len; i++)
        ring.shared->ring[i] = (uint8_t)(i * 5 + i / 256 + 1);
    return ring;
}

/* Bytes from `start`, around the end. */
static bool are(const struct argo_ring *ring, uint32_t start, const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (bytes[i] != ring->shared->ring[start])
            return false;
        if (++start == ring->len)
            start = 0;
    }
    return true;
}

static uint64_t messages;

static void look(struct argo_ring *ring, uint32_t rx, uint32_t tx, uint32_t len)
{
    const struct keel_argo_message_header header = {len, {0x12345678, 9, 0}, 0x89abcdef};
    bool right = tx < ring->len && tx % 16 == 0;
    uint32_t ready = right ? (tx + ring->len - rx) % ring->len : 0;
    struct argo_message message;
    uint8_t got[LEN_MAX];

    memcpy(&ring->shared->ring[rx], &header, sizeof header);
    ring->rx = ring->shared->rx_ptr = rx;
    ring->shared->tx_ptr = tx;
    ring->corrupt = 0;
    if (!argo_ring_next(ring, &message)) {
        EXPECT(tx == rx || !right || len < 16 || len > ready);
        EXPECT(ring->corrupt == (tx != rx));
        /* All that there was is gone, or, if nobody knows what there was, nothing. */
        EXPECT(ring->rx == (right ? tx : rx));
        EXPECT(ring->shared->rx_ptr == ring->rx);
        EXPECT(ring->shared->tx_ptr == tx);
        return;
    }
    EXPECT(right && len >= 16 && len <= ready);
    EXPECT(ring->corrupt == 0);
    EXPECT(message.bytes == len - 16 && message.start == (rx + 16) % ring->len);
    EXPECT(message.type == 0x89abcdef);
    EXPECT(message.source.aport == 0x12345678 && message.source.domain_id == 9);
    EXPECT(argo_message_read(&message, 0, got, message.bytes));
    EXPECT(are(ring, message.start, got, message.bytes));
    EXPECT(!argo_message_read(&message, 0, got, message.bytes + 1));
    EXPECT(!argo_message_read(&message, message.bytes + 1, got, 0));
    if (message.bytes > 1) {
        EXPECT(argo_message_read(&message, message.bytes - 1, got, 1));
        EXPECT(are(ring, (message.start + message.bytes - 1) % ring->len, got, 1));
    }
    const uint8_t *view = argo_message_view(&message, message.bytes);
    EXPECT((view == NULL) == (message.start + message.bytes > ring->len));
    EXPECT(view == NULL || view == &ring->shared->ring[message.start]);
    argo_ring_consume(ring, &message);
    EXPECT(ring->rx == (rx + (len + 15) / 16 * 16) % ring->len);
    EXPECT(ring->shared->rx_ptr == ring->rx);
    /* It is not beyond what is there. */
    EXPECT((tx + ring->len - ring->rx) % ring->len == ready - (len + 15) / 16 * 16);
    messages++;
}

static const uint32_t odd[] = {0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff1, 0xffffffff};
#define ODD (sizeof odd / sizeof odd[0])

START_TEST(every_position_and_header)
{
    for (uint32_t len = KEEL_ARGO_RING_MIN; len <= LEN_MAX; len += 16) {
        struct argo_ring ring = ring_of(len);

        for (uint32_t rx = 0; rx < len; rx += 16)
            for (uint32_t t = 0; t < len / 16 + 8 + ODD; t++) {
                uint32_t tx = t < len / 16 + 2 ? 16 * t
                              : t < len / 16 + 8
                                  ? 1 + (t * 7 + rx) % len /* in between two slots, mostly */
                                  : odd[t - len / 16 - 8];

                for (uint32_t bytes = 0; bytes < len + 40; bytes++)
                    look(&ring, rx, tx, bytes);
                for (uint32_t i = 0; i < ODD; i++)
                    look(&ring, rx, tx, odd[i]);
            }
        free(ring.shared);
    }
    EXPECT(messages > 1000000);
}
END_TEST

/* ---- at any moment ---- */

static struct argo_ring shared;
static volatile bool ends;

static void *scribbler(void *context)
{
    uint32_t x = 1;

    (void)context;
    while (!ends) {
        x = x * 1664525 + 1013904223;
        uint32_t *word = (uint32_t *)(void *)&shared.shared->ring[(x >> 8) % (shared.len / 4) * 4];

        /* Lengths that make sense, and such that do not; tx_ptr likewise. */
        __atomic_store_n(word, x & 1 ? x >> 4 & 0xff : x, __ATOMIC_RELAXED);
        if ((x >> 28) == 0)
            __atomic_store_n(&shared.shared->tx_ptr,
                             x & 2 ? (x >> 4) % (shared.len / 16) * 16 : x >> 4, __ATOMIC_RELAXED);
    }
    return NULL;
}

START_TEST(at_any_moment)
{
    uint8_t got[LEN_MAX];
    uint64_t found = 0;
    pthread_t thread;

    shared = ring_of(LEN_MAX);
    ends = false;
    EXPECT(pthread_create(&thread, NULL, scribbler, NULL) == 0);
    while (found < 30000 || shared.corrupt < 30000) {
        struct argo_message message;

        EXPECT(shared.rx < shared.len && shared.rx % 16 == 0);
        if (!argo_ring_next(&shared, &message))
            continue;
        found++;
        EXPECT(message.bytes <= shared.len - 32 && message.start < shared.len);
        EXPECT(argo_message_read(&message, 0, got, message.bytes));
        EXPECT(!argo_message_read(&message, message.bytes, got, 1));
        argo_ring_consume(&shared, &message);
    }
    ends = true;
    EXPECT(pthread_join(thread, NULL) == 0);
    free(shared.shared);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("argo_ring_hostile");
    TCase *tests = tcase_create("ring");

    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, every_position_and_header);
    tcase_add_test(tests, at_any_moment);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
