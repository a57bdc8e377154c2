/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of one ring under a reader who changes what he likes at any moment: before each
 * access that the kernel makes to the ring, and in the middle of each copy.
 * Exhaustively: every length up to 512 bytes, every position of reader and writer, every length of
 * message, every moment. ring.c is compiled here, so that its accesses can be told.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

static void moment(void);
static void copy_in_pieces(void *to, const void *from, size_t bytes);

#define __atomic_load_n(from, order)              \
    __extension__({                               \
        __typeof__(+*(from)) loaded_;             \
        moment();                                 \
        __atomic_load((from), &loaded_, (order)); \
        loaded_;                                  \
    })
#define __atomic_store_n(to, value, order)       \
    do {                                         \
        __typeof__(+*(to)) stored_ = (value);    \
        moment();                                \
        __atomic_store((to), &stored_, (order)); \
    } while (0)
#define memcpy                        copy_in_pieces
#define __builtin_memcpy(to, from, n) copy_in_pieces((to), (from), (n))
#include "argo/ring.c"
#undef memcpy
#undef __builtin_memcpy

#include "suite.h"

#define LEN_MAX 512u
#define PAGE    4096u
#define BEFORE  0xA5u /* in the ring, at first; */
#define CHANGED 0x5Au /* what the reader writes */

#define EXPECT(condition)                   \
    do {                                    \
        if (unlikely(!(condition)))         \
            ck_abort_msg("%s", #condition); \
    } while (0)

static _Alignas(PAGE) uint8_t page[PAGE];
static uint8_t *pages[] = {page};
static uint8_t payload[LEN_MAX];
static struct ring ring;

static struct keel_argo_ring *header(void)
{
    return (struct keel_argo_ring *)(void *)page;
}

/* ---- the reader ---- */

static uint32_t moments;    /* that there were */
static uint32_t chosen;     /* the one at which he acts */
static uint32_t raw_rx;     /* what rx_ptr becomes */
static uint32_t changed_tx; /* and tx_ptr */

static void moment(void)
{
    if (moments++ != chosen)
        return;
    memset(header()->ring, CHANGED, ring.len);
    __atomic_store(&header()->rx_ptr, &raw_rx, __ATOMIC_RELAXED);
    __atomic_store(&header()->tx_ptr, &changed_tx, __ATOMIC_RELAXED);
}

static void copy_in_pieces(void *to, const void *from, size_t bytes)
{
    moment();
    memcpy(to, from, bytes / 2);
    moment();
    memcpy((uint8_t *)to + bytes / 2, (const uint8_t *)from + bytes / 2, bytes - bytes / 2);
}

/* Each of these in turn, and all positions. */
static uint32_t next_raw(uint32_t len)
{
    static const uint32_t odd[] = {0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff1, 0xffffffff};
    static uint32_t turn;
    uint32_t i = turn++ % (len / 16 + 2 + (uint32_t)ARRAY_LENGTH(odd));

    if (i < len / 16 + 2)
        return 16 * i + (turn % 3 == 0 ? turn % 16 : 0);
    return odd[i - len / 16 - 2];
}

static uint32_t model_rx(uint32_t raw, uint32_t len)
{
    uint32_t rx = (raw + 15) & ~15u;

    return rx >= len ? 0 : rx;
}

/* ---- the kernel ---- */

/* A send: looks for space, writes, publishes. False: no space. */
static bool send(uint32_t bytes, uint32_t *unread)
{
    static const struct keel_argo_addr source = {0x12345678, 9, 0};

    *unread = ring_unread(&ring);
    if (ring_need(bytes) > ring_space(&ring, *unread))
        return false;
    ring_write(&ring, 16, payload, bytes / 2);
    ring_write(&ring, 16 + bytes / 2, payload + bytes / 2, bytes - bytes / 2);
    ring_publish(&ring, ring_at(&ring, ring.tx), &source, bytes, bytes);
    return true;
}

/* `written` bytes at `start` are a message, or what the reader put over it; no other is the
 * kernel's. */
static void check_bytes(uint32_t len, uint32_t start, uint32_t written, uint32_t bytes,
                        uint8_t other)
{
    static uint8_t changed[LEN_MAX], before[LEN_MAX + 64];
    static uint8_t zero[sizeof(header()->reserved)];
    const struct keel_argo_message_header head = {bytes + 16, {0x12345678, 9, 0}, bytes};
    const uint8_t *outside = other == CHANGED ? changed : before, *at = header()->ring;
    uint32_t end = start + written;
    uint8_t message[16 + LEN_MAX];

    memset(changed, CHANGED, sizeof changed);
    memset(before, BEFORE, sizeof before);
    memcpy(message, &head, sizeof head);
    memcpy(message + 16, payload, bytes);
    for (uint32_t i = 0, place = start; i < written; i++) {
        EXPECT(at[place] == message[i] || (other == CHANGED && at[place] == CHANGED));
        if (++place == len)
            place = 0;
    }
    if (end <= len) {
        EXPECT(memcmp(at, outside, start) == 0);
        EXPECT(memcmp(at + end, outside, len - end) == 0);
    } else {
        EXPECT(memcmp(at + end - len, outside, len - written) == 0);
    }
    EXPECT(memcmp(at + len, before, 64) == 0);
    EXPECT(memcmp(header()->reserved, zero, sizeof zero) == 0);
}

static uint64_t cases;

/* One message, the reader acting at one moment. False: there are no more moments. */
static bool one(uint32_t len, uint32_t rx, uint32_t tx, uint32_t bytes)
{
    uint32_t need = ring_need(bytes), before = (tx + len - rx) % len, start = tx, unread, seen;
    bool sent;

    memset(header()->ring, BEFORE, len + 64);
    ring = (struct ring){.len = len, .tx = tx, .header = header(), .put = tx, .list = {pages}};
    header()->rx_ptr = rx;
    header()->tx_ptr = tx;
    raw_rx = next_raw(len);
    changed_tx = raw_rx * 3;
    moments = 0;
    sent = send(bytes, &unread);
    seen = moments;
    cases++;

    /* One look at rx_ptr decides, whichever of the two it saw. */
    EXPECT(unread == before || (chosen == 0 && unread == (tx + len - model_rx(raw_rx, len)) % len));
    EXPECT(sent == (need <= len - 16 - unread));
    if (sent)
        tx = (tx + need) % len;
    EXPECT(ring.tx == tx);
    if (sent)
        EXPECT(header()->tx_ptr == tx);
    check_bytes(len, start, sent ? 16 + bytes : 0, bytes, seen > chosen ? CHANGED : BEFORE);

    /* And what is decided next follows from what rx_ptr says then. */
    if (seen > chosen)
        EXPECT(ring_unread(&ring) == (tx + len - model_rx(raw_rx, len)) % len);
    return seen > chosen;
}

START_TEST(at_any_moment)
{
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7 + i / 251 + 1);
    memset(page, 0, sizeof page);
    for (uint32_t len = KEEL_ARGO_RING_MIN + 16 * (uint32_t)_i; len <= LEN_MAX; len += 16 * 4)
        for (uint32_t rx = 0; rx < len; rx += 16)
            for (uint32_t tx = 0; tx < len; tx += 16)
                for (uint32_t bytes = 0; bytes <= KEEL_ARGO_MESSAGE_MAX(len); bytes++) {
                    for (chosen = 0; one(len, rx, tx, bytes); chosen++)
                        continue;
                    if (16 + (bytes + 15) / 16 * 16 > len - 16 - (tx + len - rx) % len)
                        break; /* there is no space for longer ones, unless he makes some */
                }
    EXPECT(cases > 1000000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernel_ring_moments");
    TCase *tests = tcase_create("ring");

    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, at_any_moment, 0, 4);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
