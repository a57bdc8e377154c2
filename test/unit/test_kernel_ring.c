/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of one ring, exhaustively: every length up to 512 bytes, every position of
 * reader and writer, every length of message; then what a hostile reader may put into the header.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "argo/ring.h"

#define LEN_MAX 512u
#define PAGE    4096u

/* ck_assert costs a system call, and there are tens of millions. */
#define EXPECT(condition)                   \
    do {                                    \
        if (unlikely(!(condition)))         \
            ck_abort_msg("%s", #condition); \
    } while (0)

static uint8_t *page[8];
static struct ring ring;
static uint8_t payload[PAGE * 8];

static void setup(void)
{
    for (size_t i = 0; i < 8; i++) {
        page[i] = aligned_alloc(PAGE, PAGE);
        memset(page[i], 0xA5, PAGE);
    }
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7 + i / 251 + 1);
}

static void teardown(void)
{
    for (size_t i = 0; i < 8; i++)
        free(page[i]);
}

static struct keel_argo_ring *header(void)
{
    return (struct keel_argo_ring *)(void *)page[0];
}

static void begin(uint32_t len, uint32_t rx, uint32_t tx)
{
    ring = (struct ring){.len = len, .list = {page}};
    header()->rx_ptr = rx;
    header()->tx_ptr = tx;
    ring_begin(&ring);
}

static void publish(uint32_t type, uint32_t bytes)
{
    static const struct keel_argo_addr source = {0x12345678, 9, 0};

    ring_publish(&ring, ring_at(&ring, ring.tx), &source, type, bytes);
}

/* What the ring must hold afterwards, byte by byte in a flat copy. */
static void model_put(uint8_t *flat, uint32_t len, uint32_t tx, uint32_t type, uint32_t bytes)
{
    const struct keel_argo_message_header expected = {bytes + 16, {0x12345678, 9, 0}, type};
    uint32_t first = len - (tx + 16) % len;

    memcpy(flat + tx, &expected, sizeof(expected));
    if (first > bytes)
        first = bytes;
    memcpy(flat + (tx + 16) % len, payload, first);
    memcpy(flat, payload + first, bytes - first);
}

START_TEST(every_position_and_length)
{
    uint8_t flat[LEN_MAX];
    uint64_t messages = 0;

    for (uint32_t len = KEEL_ARGO_RING_MIN; len <= LEN_MAX; len += 16)
        for (uint32_t rx = 0; rx < len; rx += 16)
            for (uint32_t tx = 0; tx < len; tx += 16) {
                uint32_t unread = (tx + len - rx) % len;

                for (uint32_t bytes = 0; bytes <= KEEL_ARGO_MESSAGE_MAX(len); bytes++) {
                    uint32_t need = 16 + (bytes + 15) / 16 * 16;

                    begin(len, rx, tx);
                    EXPECT(ring.tx == tx);
                    EXPECT(ring_unread(&ring) == unread);
                    EXPECT(ring_need(bytes) == need);
                    EXPECT(ring_space(&ring, unread) == (len - 16 - unread));
                    EXPECT(ring_consumed(&ring) == ((uint64_t)tx - unread));
                    if (need > len - 16 - unread)
                        break;
                    memset(header()->ring, 0xA5, len);
                    memset(flat, 0xA5, len);
                    model_put(flat, len, tx, bytes, bytes);
                    /* In three pieces, one of which was written wrongly before. */
                    uint32_t a = bytes / 3, b = bytes / 2;
                    ring_write(&ring, 16, flat, b);
                    ring_write(&ring, 16 + b, payload + b, bytes - b);
                    ring_write(&ring, 16, payload, a);
                    ring_write(&ring, 16 + a, payload + a, b - a);
                    EXPECT(header()->tx_ptr == tx); /* nothing is visible yet */
                    publish(bytes, bytes);
                    EXPECT(memcmp(header()->ring, flat, len) == 0);
                    EXPECT(header()->rx_ptr == rx);
                    EXPECT(header()->tx_ptr == (tx + need) % len);
                    EXPECT(ring.tx == (tx + need) % len);
                    EXPECT(ring_unread(&ring) == unread + need);
                    EXPECT(ring_consumed(&ring) == ((uint64_t)tx - unread));
                    messages++;
                }
            }
    EXPECT(messages > 1000000);
}
END_TEST

/* rx_ptr is rounded up to a slot; beyond the end it is 0. */
static uint32_t model_rx(uint32_t raw, uint32_t len)
{
    uint32_t rx = (raw + 15) & ~15u;

    return rx >= len ? 0 : rx;
}

static const uint32_t hostile[] = {0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff1, 0xffffffff};

START_TEST(hostile_reader)
{
    for (uint32_t len = KEEL_ARGO_RING_MIN; len <= LEN_MAX; len += 16)
        for (uint32_t tx = 0; tx < len; tx += 16)
            for (uint32_t i = 0; i < len + 40 + ARRAY_LENGTH(hostile); i++) {
                uint32_t raw = i < len + 40 ? i : hostile[i - len - 40];
                uint32_t rx = model_rx(raw, len);

                begin(len, 0, tx);
                header()->rx_ptr = raw;
                header()->tx_ptr = ~raw; /* never read again */
                uint32_t unread = ring_unread(&ring);
                EXPECT(unread == ((tx + len - rx) % len));
                EXPECT(unread < len);
                EXPECT(unread % 16 == 0);
                if (ring_space(&ring, unread) >= 16) {
                    memset(header()->ring, 0xA5, len + 64);
                    publish(1, 0);
                    EXPECT(header()->tx_ptr == ((tx + 16) % len));
                    EXPECT(header()->ring[len] == 0xA5);
                }
            }
}
END_TEST

START_TEST(takes_over_the_header)
{
    for (uint32_t len = KEEL_ARGO_RING_MIN; len <= 256; len += 16)
        for (uint32_t i = 0; i < len + 40 + ARRAY_LENGTH(hostile); i++)
            for (uint32_t j = 0; j < len + 40 + ARRAY_LENGTH(hostile); j++) {
                uint32_t tx = i < len + 40 ? i : hostile[i - len - 40];
                uint32_t rx = j < len + 40 ? j : hostile[j - len - 40];

                begin(len, rx, tx);
                EXPECT(ring.tx == (tx < len && tx % 16 == 0 ? tx : model_rx(rx, len)));
                EXPECT(header()->tx_ptr == ring.tx);
                EXPECT(header()->rx_ptr == rx);
            }
}
END_TEST

/* Pages that do not follow each other, and messages over one, two and three of their borders. */
START_TEST(scattered_pages)
{
    static const uint32_t lens[] = {4096 - 64, 4096, 3 * 4096 - 64 - 16, 3 * 4096, 4 * 4096 - 48};
    uint8_t *flat = malloc(8 * PAGE);
    uint8_t *seen = malloc(8 * PAGE);

    for (size_t l = 0; l < ARRAY_LENGTH(lens); l++) {
        uint32_t len = lens[l];

        for (uint32_t tx = 0; tx<len; tx += tx % 4096> 3960 && tx % 4096 < 4090 ? 16 : 48) {
            static const uint32_t sizes[] = {0, 1, 15, 16, 17, 64, 255, 4095, 4096, 4097, 9000};

            for (size_t s = 0; s <= ARRAY_LENGTH(sizes); s++) {
                uint32_t bytes = s < ARRAY_LENGTH(sizes) ? sizes[s] : len - 32;
                uint32_t cut = bytes / 2;

                if (bytes > len - 32)
                    continue;
                for (size_t i = 0; i < 8; i++)
                    memset(page[i], 0xA5, PAGE);
                memset(flat, 0xA5, 8 * PAGE);
                begin(len, tx, tx);
                model_put(flat, len, tx, 5, bytes);
                ring_write(&ring, 16 + cut, payload + cut, bytes - cut);
                ring_write(&ring, 16, payload, cut);
                publish(5, bytes);
                for (size_t i = 0; i < 7; i++) {
                    memcpy(seen + i * PAGE, page[i] + 64, PAGE - 64);
                    memcpy(seen + (i + 1) * PAGE - 64, page[i + 1], 64);
                }
                EXPECT(memcmp(seen, flat, 7 * PAGE) == 0);
            }
        }
    }
    free(flat);
    free(seen);
}
END_TEST

/* The second list of pages, which only long rings have. */
START_TEST(long_rings)
{
    uint8_t **list[2] = {calloc(RING_LIST, sizeof(*list[0])), calloc(RING_LIST, sizeof(*list[0]))};
    uint32_t len = 516 * PAGE;
    uint32_t tx = RING_LIST * PAGE - 64 - 32;

    list[0][0] = page[0];
    list[0][RING_LIST - 1] = page[1];
    list[1][0] = page[2];
    ring = (struct ring){.len = len, .list = {list[0], list[1]}};
    header()->rx_ptr = header()->tx_ptr = tx;
    ring_begin(&ring);
    ring_write(&ring, 16, payload, 100);
    publish(1, 100);
    EXPECT(memcmp(page[1] + PAGE - 16, payload, 16) == 0);
    EXPECT(memcmp(page[2], payload + 16, 84) == 0);
    EXPECT(header()->tx_ptr == (tx + 128));
    free(list[0]);
    free(list[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernel_ring");
    TCase *tests = tcase_create("ring");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, every_position_and_length);
    tcase_add_test(tests, hostile_reader);
    tcase_add_test(tests, takes_over_the_header);
    tcase_add_test(tests, scattered_pages);
    tcase_add_test(tests, long_rings);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
