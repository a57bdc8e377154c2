/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving from a ring: order, wrapping, and contents that no honest kernel would write. */
#include <argo/ring.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LEN 128u

static _Alignas(64) struct {
    struct keel_argo_ring header;
    uint8_t bytes[LEN];
    uint8_t fence[64];
} memory;
static struct argo_ring ring;

static void setup(void)
{
    memset(&memory, 0, sizeof(memory));
    memset(memory.fence, 0xEE, sizeof(memory.fence));
    ring = (struct argo_ring){.shared = &memory.header, .len = LEN, .port = 7};
}

/* What the kernel does: header, payload that may wrap, then tx_ptr. */
static void append(const char *text, uint32_t type)
{
    uint32_t n = (uint32_t)strlen(text);
    struct keel_argo_message_header header = {n + 16, {.aport = 9, .domain_id = 3}, type};
    uint32_t at = memory.header.tx_ptr;
    memcpy(&memory.bytes[at], &header, 16);
    for (uint32_t i = 0; i < n; i++)
        memory.bytes[(at + 16 + i) % LEN] = (uint8_t)text[i];
    memory.header.tx_ptr = (at + 16 + argo_slots(n)) % LEN;
}

static void expect(const char *text, uint32_t type)
{
    struct argo_message message;
    char got[LEN];
    ck_assert(argo_ring_next(&ring, &message));
    ck_assert_uint_eq(message.type, type);
    ck_assert_uint_eq(message.source.domain_id, 3);
    ck_assert_uint_eq(message.source.aport, 9);
    ck_assert_uint_eq(message.bytes, strlen(text));
    ck_assert(argo_message_read(&message, 0, got, message.bytes));
    ck_assert_mem_eq(got, text, message.bytes);
    const void *view = argo_message_view(&message, message.bytes);
    if (view != NULL)
        ck_assert_mem_eq(view, text, message.bytes);
    argo_ring_consume(&ring, &message);
    ck_assert_uint_eq(memory.header.rx_ptr, ring.rx);
}

START_TEST(messages_come_in_order_and_wrap)
{
    struct argo_message message;
    char text[64] = "";
    for (uint32_t round = 0; round < 200; round++) {
        ck_assert(!argo_ring_next(&ring, &message));
        append(text, round);
        append("b", round + 1000);
        expect(text, round);
        expect("b", round + 1000);
        size_t n = (round * 7) % 50;
        memset(text, 'a' + (int)(round % 26), n);
        text[n] = '\0';
    }
    ck_assert_uint_eq(ring.corrupt, 0);
    for (size_t i = 0; i < sizeof(memory.fence); i++)
        ck_assert_uint_eq(memory.fence[i], 0xEE);
}
END_TEST

START_TEST(header_only_message_at_the_end)
{
    memory.header.tx_ptr = ring.rx = LEN - 16;
    append("", 5);
    ck_assert_uint_eq(memory.header.tx_ptr, 0);
    expect("", 5);
    append("0123456789", 6);
    expect("0123456789", 6);
}
END_TEST

START_TEST(payload_is_read_within_its_bounds_only)
{
    struct argo_message message;
    struct {
        uint8_t bytes[10];
    } exact;
    char got[LEN];
    memory.header.tx_ptr = ring.rx = LEN - 32;
    append("0123456789abcdefABCDEF", 1);
    ck_assert(argo_ring_next(&ring, &message));
    ck_assert_ptr_null(argo_message_view(&message, 22)); /* it wraps */
    ck_assert_ptr_nonnull(argo_message_view(&message, 16));
    ck_assert_ptr_null(argo_message_view(&message, 23));
    ck_assert(argo_message_read(&message, 14, got, 4));
    ck_assert_mem_eq(got, "efAB", 4);
    ck_assert(argo_message_read(&message, 18, got, 4));
    ck_assert_mem_eq(got, "CDEF", 4);
    ck_assert(argo_message_read(&message, 22, got, 0));
    ck_assert(!argo_message_read(&message, 20, got, 3));
    ck_assert(!argo_message_read(&message, 23, got, 0));
    ck_assert(!argo_message_read(&message, 0xFFFFFFFF, got, 1));
    ck_assert(!argo_message_read(&message, 1, got, SIZE_MAX));
    ck_assert(!argo_message_take(&message, &exact));
}
END_TEST

START_TEST(impossible_lengths_empty_the_ring)
{
    static const uint32_t lengths[] = {0, 15, 49, LEN, LEN + 16, 0x7FFFFFFF, 0xFFFFFFFF};
    struct argo_message message;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        setup();
        append("0123456789", 1);
        append("next", 2);
        memcpy(memory.bytes, &lengths[i], sizeof(lengths[i]));
        if (lengths[i] == 49) /* fits in what is there, but then the next one is not a header */
            continue;
        ck_assert(!argo_ring_next(&ring, &message));
        ck_assert_uint_eq(ring.corrupt, 1);
        ck_assert_uint_eq(memory.header.rx_ptr, memory.header.tx_ptr);
        append("again", 3);
        expect("again", 3);
    }
}
END_TEST

START_TEST(impossible_tx_is_never_followed)
{
    static const uint32_t positions[] = {LEN, LEN + 16, 8, 0xFFFFFFF0, 0xFFFFFFFF};
    struct argo_message message;
    for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
        setup();
        append("0123456789", 1);
        memory.header.tx_ptr = positions[i];
        ck_assert(!argo_ring_next(&ring, &message));
        ck_assert_uint_eq(ring.rx, 0);
        ck_assert_uint_eq(ring.corrupt, 1);
    }
}
END_TEST

START_TEST(any_bytes_stay_within_the_ring)
{
    struct argo_message message;
    uint8_t got[LEN];
    srand(1);
    for (int round = 0; round < 100000; round++) {
        for (size_t i = 0; i < LEN; i += 16) {
            uint32_t len = (uint32_t)rand() % (rand() % 2 ? 80 : 0x10000);
            memcpy(&memory.bytes[i], &len, sizeof(len));
        }
        ring.rx = (uint32_t)rand() % (LEN / 16) * 16;
        memory.header.tx_ptr = (uint32_t)rand() % (rand() % 2 ? LEN : 0x1000) & ~0xFu;
        for (int n = 0; n < 20 && argo_ring_next(&ring, &message); n++) {
            ck_assert_uint_le(message.bytes, LEN);
            (void)argo_message_read(&message, 0, got, message.bytes < LEN ? message.bytes : LEN);
            argo_ring_consume(&ring, &message);
            ck_assert_uint_lt(ring.rx, LEN);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("argo_ring");
    TCase *tcase = tcase_create("ring");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, messages_come_in_order_and_wrap);
    tcase_add_test(tcase, header_only_message_at_the_end);
    tcase_add_test(tcase, payload_is_read_within_its_bounds_only);
    tcase_add_test(tcase, impossible_lengths_empty_the_ring);
    tcase_add_test(tcase, impossible_tx_is_never_followed);
    tcase_add_test(tcase, any_bytes_stay_within_the_ring);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
