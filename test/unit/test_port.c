/* SPDX-License-Identifier: Apache-2.0 */
/* Messages by type: sizes, copies, refusals, answers; each line of port.h's contract. */
#include <runtime/port.h>

#include "service/world.h"
#include "suite.h"

#include <keel/edge.h>
#include <stdlib.h>
#include <string.h>

#define PORT      7u
#define PEER      9u
#define PEER_PORT 70u

struct pair {
    uint64_t a, b;
};

enum {
    PAIR = 1,
    TEXT = 2,
    EMPTY = 3,
    VIEW = 4,
    ASK = KEEL_REQUEST | 5,
    ASK_TEXT = KEEL_REQUEST | 6,
};
KEEL_PAYLOAD(PAIR, struct pair);

static struct message got;
static uint8_t payload[256];
static unsigned handled;
static bool busy;                              /* the handler says "not now" */
static void (*within)(const struct message *); /* done by the handler */

static bool on_message(void *context, const struct message *message)
{
    ck_assert_ptr_eq(context, &handled);
    if (busy)
        return false;
    if (within != NULL)
        within(message);
    got = *message;
    ck_assert_uint_le(message->bytes, sizeof(payload));
    if (message->bytes > 0)
        memcpy(payload, message->payload, message->bytes);
    handled++;
    return true;
}

static const struct message_type types[] = {
    {.type = PAIR, .bytes = sizeof(struct pair), .handler = on_message},
    {.type = TEXT, .bytes = 2, .most = 200, .handler = on_message},
    {.type = EMPTY, .handler = on_message},
    {.type = VIEW, .bytes = 1, .most = 64, .in_place = true, .handler = on_message},
    {.type = ASK, .bytes = sizeof(struct pair), .handler = on_message},
    {.type = ASK_TEXT, .most = 100, .handler = on_message},
};
static struct port port;

static void setup(void)
{
    port = (struct port){
        .types = types, .ntypes = sizeof(types) / sizeof(types[0]), .context = &handled};
    ck_assert_int_eq(port_open(&port, PORT, KEEL_DOMAIN_ANY, 4000), 0);
    world_run();
}

static void give(uint32_t type, const void *bytes, uint32_t n)
{
    ck_assert(world_deliver(PORT, PEER, PEER_PORT, type, bytes, n));
}

static void give_request(uint32_t type, uint64_t tag, const void *body, uint32_t n)
{
    uint8_t bytes[512];
    memcpy(bytes, &tag, sizeof(tag));
    if (n > 0)
        memcpy(bytes + sizeof(tag), body, n);
    give(type, bytes, (uint32_t)sizeof(tag) + n);
}

/* The answer that was sent last. */
static void check_answer(uint32_t type, uint64_t tag, int32_t status, const void *body, uint32_t n)
{
    struct keel_answer answer;
    ck_assert_uint_gt(world.nsent, 0);
    const struct world_message *sent = &world.sent[world.nsent - 1];
    ck_assert_uint_eq(sent->from.aport, PORT);
    ck_assert_uint_eq(sent->to.domain_id, PEER);
    ck_assert_uint_eq(sent->to.aport, PEER_PORT);
    ck_assert_uint_eq(sent->type, KEEL_ANSWER | (type & 0xffff));
    ck_assert_uint_eq(sent->bytes, sizeof(answer) + n);
    memcpy(&answer, sent->payload, sizeof(answer));
    ck_assert_uint_eq(answer.tag, tag);
    ck_assert_int_eq(answer.status, status);
    ck_assert_uint_eq(answer.reserved, 0);
    if (n > 0)
        ck_assert_mem_eq(sent->payload + sizeof(answer), body, n);
}

START_TEST(an_exact_size_is_exact)
{
    const struct pair pairs[2] = {{1, 2}, {3, 4}};
    give(PAIR, pairs, sizeof(pairs[0]));
    world_run();
    ck_assert_uint_eq(handled, 1);
    ck_assert_mem_eq(payload, pairs, sizeof(pairs[0]));
    ck_assert_uint_eq(got.type, PAIR);
    ck_assert_uint_eq(got.bytes, sizeof(pairs[0]));
    ck_assert_uint_eq(got.source.domain_id, PEER);
    ck_assert_uint_eq(got.source.aport, PEER_PORT);
    ck_assert_ptr_eq(got.port, &port);
    give(PAIR, pairs, sizeof(pairs[0]) - 1);
    give(PAIR, pairs, sizeof(pairs[0]) + 1);
    give(PAIR, pairs, 0);
    give(EMPTY, pairs, 1);
    world_run();
    ck_assert_uint_eq(handled, 1);
    ck_assert_uint_eq(port.refused, 4);
    give(EMPTY, pairs, 0);
    world_run();
    ck_assert_uint_eq(handled, 2);
    ck_assert_uint_eq(world.sends, 0); /* nobody waits for an answer */
}
END_TEST

START_TEST(a_range_of_sizes_has_two_ends)
{
    static uint8_t text[256];
    for (uint32_t n = 0; n <= sizeof(text); n++) {
        const unsigned before = handled;
        const uint64_t refused = port.refused;
        give(TEXT, text, n);
        world_run();
        ck_assert_uint_eq(handled - before, n >= 2 && n <= 200);
        ck_assert_uint_eq(port.refused - refused, n < 2 || n > 200);
    }
}
END_TEST

START_TEST(what_is_unknown_is_counted)
{
    give(99, "x", 1);
    give(KEEL_ANSWER | 5, "0123456789abcdef", 16);
    give(KEEL_STREAM | 1, "0123456789abcdef", 16);
    world_run();
    ck_assert_uint_eq(handled, 0);
    ck_assert_uint_eq(port.refused, 3);
    ck_assert_uint_eq(world.sends, 0);
}
END_TEST

START_TEST(a_request_always_has_an_answer)
{
    const struct pair pair = {5, 6};
    give_request(KEEL_REQUEST | 77, 1001, &pair, sizeof(pair));
    world_run();
    check_answer(77, 1001, -KEEL_ENOSYS, NULL, 0);
    give_request(ASK, 1002, &pair, sizeof(pair) - 1);
    world_run();
    check_answer(ASK, 1002, -KEEL_EMSGSIZE, NULL, 0);
    ck_assert_uint_eq(port.refused, 2);
    ck_assert_uint_eq(handled, 0);
    give(ASK, "1234567", 7); /* without even a tag */
    world_run();
    ck_assert_uint_eq(world.nsent, 2);
    ck_assert_uint_eq(port.refused, 3);
    give_request(ASK, 1003, &pair, sizeof(pair));
    world_run();
    ck_assert_uint_eq(handled, 1);
    ck_assert_uint_eq(got.tag, 1003);
    ck_assert_uint_eq(got.bytes, sizeof(pair)); /* the header is none of its payload */
    ck_assert_mem_eq(payload, &pair, sizeof(pair));
    give_request(ASK_TEXT, 1004, NULL, 0);
    world_run();
    ck_assert_uint_eq(handled, 2);
}
END_TEST

/* What lies in the ring is changed while the handler runs. */
static void ring_spoil(const struct message *message)
{
    uint32_t len;
    struct keel_argo_ring *ring = world_ring(PORT, KEEL_DOMAIN_ANY, &len);
    ck_assert((const uint8_t *)message->payload < (const uint8_t *)ring ||
              (const uint8_t *)message->payload >= ring->ring + len);
    ck_assert_uint_eq((uintptr_t)message->payload % 8, 0);
    memset(ring->ring, 0xee, len);
}

static void ring_keep(const struct message *message)
{
    (void)message;
}

START_TEST(a_payload_is_the_handlers_own_at_every_place_of_the_ring)
{
    uint8_t text[200];
    for (unsigned i = 0; i < 300; i++) { /* around the ring several times, at each slot */
        const uint32_t n = 2 + (i * 37) % 199;
        for (uint32_t k = 0; k < n; k++)
            text[k] = (uint8_t)(i + k);
        within = i % 2 ? ring_spoil : ring_keep;
        give(TEXT, text, n);
        world_run();
        ck_assert_uint_eq(handled, i + 1);
        ck_assert_uint_eq(got.bytes, n);
        ck_assert_mem_eq(payload, text, n);
    }
}
END_TEST

static unsigned in_ring;
static void look_where(const struct message *message)
{
    uint32_t len;
    struct keel_argo_ring *ring = world_ring(PORT, KEEL_DOMAIN_ANY, &len);
    in_ring += (const uint8_t *)message->payload >= ring->ring &&
               (const uint8_t *)message->payload < ring->ring + len;
}

START_TEST(in_place_there_is_no_copy_unless_it_wraps)
{
    uint8_t text[64];
    within = look_where;
    for (unsigned i = 0; i < 1000; i++) {
        memset(text, (int)i, sizeof(text));
        give(VIEW, text, sizeof(text));
        world_run();
        ck_assert_uint_eq(handled, i + 1);
        ck_assert_mem_eq(payload, text, sizeof(text));
    }
    ck_assert_uint_gt(in_ring, 950);
    ck_assert_uint_lt(in_ring, 1000);
}
END_TEST

START_TEST(not_now_is_later_and_in_order)
{
    busy = true;
    give(TEXT, "one", 3);
    give(TEXT, "two", 3);
    world_run();
    give(EMPTY, "", 0);
    world_run();
    ck_assert_uint_eq(handled, 0);
    busy = false;
    world_run();
    ck_assert_uint_eq(handled, 0); /* nobody has said that it may be now */
    within = NULL;
    port_resume(&port);
    world_pass(1);
    ck_assert_uint_eq(handled, 3);
    ck_assert_uint_eq(got.type, EMPTY);
}
END_TEST

static struct message kept;
static void keep(const struct message *message)
{
    kept = *message;
}

static void answer(const struct message *message)
{
    message_answer(message, 3, "yes", 3);
}

START_TEST(answers_come_now_or_later)
{
    within = answer;
    give_request(ASK_TEXT, 42, "?", 1);
    world_run();
    check_answer(ASK_TEXT, 42, 3, "yes", 3);
    within = keep;
    give_request(ASK_TEXT, 43, "?", 1);
    give(TEXT, "other", 5);
    world_run();
    ck_assert_uint_eq(world.nsent, 1);
    message_answer(&kept, 0, NULL, 0); /* the text's: nobody asked */
    ck_assert_uint_eq(world.nsent, 1);
    give_request(ASK_TEXT, 44, "?", 1);
    world_run();
    message_answer(&kept, 0, NULL, 0);
    check_answer(ASK_TEXT, 44, 0, NULL, 0);
    message_answer(&kept, -KEEL_EIO, "no", 2); /* a refusal brings nothing else */
    check_answer(ASK_TEXT, 44, -KEEL_EIO, NULL, 0);
}
END_TEST

START_TEST(an_answer_that_nobody_hears_is_counted)
{
    world.send_status = -KEEL_EAGAIN;
    within = answer;
    give_request(ASK_TEXT, 1, "?", 1);
    world_run();
    ck_assert_uint_eq(handled, 1);
    ck_assert_uint_eq(port.unheard, 1);
    world.send_status = -KEEL_ECONNREFUSED;
    give_request(99 | KEEL_REQUEST, 1, "?", 1);
    world_run();
    ck_assert_uint_eq(port.unheard, 2);
}
END_TEST

START_TEST(a_struct_is_sent_by_its_type)
{
    const struct pair pair = {1, 2};
    const struct keel_connection *to = world_connect("peer", PEER, 12, KEEL_RIGHT_SEND, 1);
    const struct keel_connection *deaf = world_connect("deaf", PEER, 12, KEEL_RIGHT_WATCH, 1);
    ck_assert_int_eq(message_send(to, PORT, PAIR, &pair), sizeof(pair));
    ck_assert_uint_eq(world.sent[0].type, PAIR);
    ck_assert_uint_eq(world.sent[0].from.aport, PORT);
    ck_assert_uint_eq(world.sent[0].to.aport, 12);
    ck_assert_uint_eq(world.sent[0].bytes, sizeof(pair));
    ck_assert_mem_eq(world.sent[0].payload, &pair, sizeof(pair));
    ck_assert_int_eq(message_send(deaf, PORT, PAIR, &pair), -KEEL_EACCES);
    world.send_status = -KEEL_EAGAIN;
    ck_assert_int_eq(message_send(to, PORT, PAIR, &pair), -KEEL_EAGAIN);
}
END_TEST

START_TEST(messages_of_a_former_life_are_found)
{
    static _Alignas(KEEL_PAGE_SIZE) uint8_t memory[2 * KEEL_PAGE_SIZE];
    static struct port again;
    struct keel_argo_ring *ring = (struct keel_argo_ring *)(void *)memory;
    const struct keel_argo_message_header header = {
        16 + sizeof(struct pair), {.aport = PEER_PORT, .domain_id = PEER}, PAIR};
    const struct pair pair = {8, 9};
    memcpy(ring->ring, &header, sizeof(header));
    memcpy(ring->ring + sizeof(header), &pair, sizeof(pair));
    ring->tx_ptr = header.len;
    again = (struct port){.types = types, .ntypes = 1, .context = &handled};
    ck_assert_int_eq(port_open_in(&again, 20, PEER, memory, 2), 0);
    world.events = 1 << KEEL_EVENT_ARGO; /* as each life begins */
    world_run();
    ck_assert_uint_eq(handled, 1);
    ck_assert_mem_eq(payload, &pair, sizeof(pair));
    ck_assert_uint_eq(again.ring_bytes, 2 * KEEL_PAGE_SIZE - 64);
}
END_TEST

START_TEST(a_port_that_is_none_is_refused)
{
    static struct port other;
    static uint8_t crooked[KEEL_PAGE_SIZE + 8];
    ck_assert_int_eq(port_open(&other, 8, KEEL_DOMAIN_ANY, 0), -KEEL_EINVAL);
    ck_assert_int_eq(port_open(&other, 8, KEEL_DOMAIN_ANY, 1u << 30), -KEEL_EINVAL);
    ck_assert_int_eq(
        port_open_in(&other, 8, KEEL_DOMAIN_ANY, crooked + ((uintptr_t)crooked % 16 ? 0 : 1), 1),
        -KEEL_EINVAL);
}
END_TEST

/* Any message of any size and type: handled within its bounds, answered, or counted. */
START_TEST(any_message_at_random)
{
    static uint8_t bytes[512];
    srand(1);
    within = NULL;
    for (unsigned i = 0; i < 20000; i++) {
        static const uint32_t some[] = {PAIR,
                                        TEXT,
                                        EMPTY,
                                        VIEW,
                                        ASK,
                                        99,
                                        ASK_TEXT,
                                        KEEL_ANSWER | 5,
                                        KEEL_STREAM | 2,
                                        0,
                                        ~0u,
                                        KEEL_REQUEST,
                                        KEEL_REQUEST | 99};
        const uint32_t type = some[(unsigned)rand() % (sizeof(some) / sizeof(some[0]))];
        const uint32_t n = (uint32_t)rand() % (rand() % 4 ? 40u : (uint32_t)sizeof(bytes));
        const uint64_t before = handled + port.refused;
        for (unsigned k = 0; k < 24; k++)
            bytes[k] = (uint8_t)rand();
        world.nsent = 0;
        give(type, bytes, n);
        world_run();
        ck_assert_uint_eq(handled + port.refused, before + 1);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("port");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_exact_size_is_exact);
    tcase_add_test(tests, a_range_of_sizes_has_two_ends);
    tcase_add_test(tests, what_is_unknown_is_counted);
    tcase_add_test(tests, a_request_always_has_an_answer);
    tcase_add_test(tests, a_payload_is_the_handlers_own_at_every_place_of_the_ring);
    tcase_add_test(tests, in_place_there_is_no_copy_unless_it_wraps);
    tcase_add_test(tests, not_now_is_later_and_in_order);
    tcase_add_test(tests, answers_come_now_or_later);
    tcase_add_test(tests, an_answer_that_nobody_hears_is_counted);
    tcase_add_test(tests, a_struct_is_sent_by_its_type);
    tcase_add_test(tests, messages_of_a_former_life_are_found);
    tcase_add_test(tests, a_port_that_is_none_is_refused);
    tcase_add_test(tests, any_message_at_random);
    Suite *suite = suite_create("port");
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
