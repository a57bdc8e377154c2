/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: bytes in order and once, back-pressure, ends; and, with writer and reader in one service
 * that sends to itself, deaths at every call. Each line of stream.h's contract.
 */
#include <runtime/stream.h>

#include "service/world.h"
#include "suite.h"

#include <runtime/events.h>
#include <runtime/vault.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PEER      9u
#define PEER_PORT 70u
#define OWN       7u
#define LIFE      4u
#define EDGE      0u
#define SIZE      100u /* of the writer's buffer */
#define PART      64u
#define FIRST     ((uint64_t)WORLD_LIFE << 32 | 1)

static const struct keel_connection *peer;

/* ---- The writer alone ---- */

static uint8_t buffer[SIZE];
static struct stream_store store;
static unsigned rooms;
static char told[512];

static void on_room(void *context)
{
    ck_assert_ptr_eq(context, told);
    rooms++;
}

static void on_told(void *context, const struct stream_notice *notice)
{
    static const char *const names[] = {"begins",  "lost", "ends", "reset",
                                        "refused", "died", "lives"};
    char text[64];
    ck_assert_ptr_eq(context, told);
    snprintf(text, sizeof(text), "%s %lld @%llu; ", names[notice->event], (long long)notice->detail,
             (unsigned long long)notice->place.position);
    strcat(told, text);
}

static const char *said(void)
{
    static char copy[sizeof(told)];
    memcpy(copy, told, sizeof(copy));
    told[0] = '\0';
    return copy;
}

static struct stream_writer writer;
static struct port port;

static void setup(void)
{
    peer = world_connect("peer", PEER, PEER_PORT, KEEL_RIGHT_SEND | KEEL_RIGHT_WATCH, LIFE);
    ck_assert_int_eq(port_open(&port, OWN, KEEL_DOMAIN_ANY, 4000), 0);
    writer = (struct stream_writer){.to = peer,
                                    .from = OWN,
                                    .store = &store,
                                    .buffer = buffer,
                                    .size = SIZE,
                                    .part_most = PART,
                                    .room = on_room,
                                    .told = on_told,
                                    .context = told};
    ck_assert(stream_writer_open(&writer, false));
    stream_writer_hears(&writer, &port);
    world_run();
}

/* What the peer has heard, as a reader would take it. */
static char heard[8192];
static uint64_t heard_to;

static void hear(const struct world_message *message)
{
    struct keel_stream_place place;
    ck_assert_uint_eq(message->from.aport, OWN);
    ck_assert_uint_eq(message->to.domain_id, PEER);
    ck_assert_uint_eq(message->to.aport, PEER_PORT);
    ck_assert_uint_ge(message->bytes, sizeof(place));
    ck_assert_uint_le(message->bytes, PART);
    memcpy(&place, message->payload, sizeof(place));
    ck_assert_uint_eq(place.stream, store.stream);
    if (message->type == KEEL_STREAM_END)
        strcat(heard, "<end>");
    if (message->type == KEEL_STREAM_RESET)
        strcat(heard, "<reset>");
    if (message->type != KEEL_STREAM_BYTES)
        return;
    if (place.position != heard_to)
        snprintf(heard + strlen(heard), 32, "<%lld>", (long long)(place.position - heard_to));
    strncat(heard, (const char *)message->payload + sizeof(place), message->bytes - sizeof(place));
    heard_to = place.position + message->bytes - sizeof(place);
}

static const char *all_heard(void)
{
    for (unsigned i = 0; i < world.nsent; i++)
        hear(&world.sent[i]);
    world.nsent = 0;
    return heard;
}

static size_t write_text(const char *text)
{
    return stream_write(&writer, text, strlen(text));
}

START_TEST(bytes_are_sent_at_once_and_in_order)
{
    ck_assert_uint_eq(write_text("one"), 3);
    ck_assert_uint_eq(world.nsent, 1);
    ck_assert_uint_eq(write_text("two"), 3);
    ck_assert_str_eq(all_heard(), "onetwo");
    char text[1001];
    for (unsigned i = 0; i < 1000; i++)
        text[i] = (char)('a' + i % 26);
    text[1000] = '\0';
    ck_assert_uint_eq(write_text(text), 1000); /* ten times the buffer: the reader takes it all */
    ck_assert_str_eq(all_heard() + 6, text);
    ck_assert_uint_eq(rooms, 0);
    ck_assert_uint_eq(store.stream, FIRST);
    ck_assert_uint_eq(stream_unsent(&writer), 0);
}
END_TEST

START_TEST(a_full_reader_stops_the_writer)
{
    char text[SIZE + 51];
    memset(text, 'x', SIZE + 50);
    text[SIZE + 50] = '\0';
    world.send_status = -KEEL_EAGAIN;
    ck_assert_uint_eq(write_text(text), SIZE);
    ck_assert_int_eq(writer.refusal, -KEEL_EAGAIN);
    ck_assert_uint_eq(write_text("y"), 0);
    unsigned tried = world.sends;
    ck_assert_uint_eq(write_text("y"), 0);
    ck_assert_uint_eq(world.sends, tried); /* it does not ask each time */
    ck_assert_uint_eq(rooms, 0);
    world.send_status = 0;
    world.events = EVENT(KEEL_EVENT_ARGO);
    world_run();
    ck_assert_uint_eq(rooms, 1);
    ck_assert_int_eq(writer.refusal, 0);
    ck_assert_uint_eq(write_text("y"), 1);
    ck_assert_uint_eq(rooms, 1); /* it was told once */
    all_heard();
    ck_assert_uint_eq(strlen(heard), SIZE + 1);
}
END_TEST

START_TEST(a_reader_that_is_not_there_is_tried_less_and_less)
{
    world.send_status = -KEEL_ECONNREFUSED;
    ck_assert_uint_eq(write_text("x"), 1);
    world.events = EVENT(KEEL_EVENT_ARGO);
    unsigned tried = world.sends;
    world_run();
    ck_assert_uint_eq(world.sends, tried); /* space elsewhere is no reason */
    world_pass(100);
    ck_assert_uint_ge(world.sends, tried + 6);
    ck_assert_uint_le(world.sends, tried + 11);
    world_pass(60000);
    ck_assert_uint_le(world.sends, tried + 100);
    world.send_status = 0;
    world_pass(1000);
    ck_assert_str_eq(all_heard(), "x");
    tried = world.sends;
    world_pass(5000);
    ck_assert_uint_eq(world.sends, tried);
}
END_TEST

START_TEST(a_new_life_of_the_reader_is_tried_at_once)
{
    world.send_status = -KEEL_ECONNREFUSED;
    ck_assert_uint_eq(write_text("x"), 1);
    world_pass(10000);
    unsigned tried = world.sends;
    world_tell(EDGE, LIFE + 1, KEEL_DOMAIN_RUNNING);
    world_run();
    ck_assert_uint_gt(world.sends, tried);
    world.send_status = 0; /* it has opened its port */
    world_pass(11);
    ck_assert_str_eq(all_heard(), "x");
    ck_assert_str_eq(said(), "died 4 @0; lives 5 @0; ");
}
END_TEST

START_TEST(bytes_linger_for_company)
{
    writer.linger_ms = 2;
    ck_assert_uint_eq(write_text("a"), 1);
    ck_assert_uint_eq(write_text("b"), 1);
    ck_assert_uint_eq(world.nsent, 0);
    world_pass(2);
    ck_assert_uint_eq(world.nsent, 1);
    ck_assert_uint_eq(write_text("c"), 1);
    stream_flush(&writer);
    ck_assert_uint_eq(world.nsent, 2);
    for (unsigned i = 0; i < PART - 16; i++)
        ck_assert_uint_eq(write_text("d"), 1);
    ck_assert_uint_eq(world.nsent, 3); /* a message is full */
    writer.part_most = 4096;
    char text[SIZE + 2];
    memset(text, 'e', SIZE + 1);
    text[SIZE + 1] = '\0';
    ck_assert_uint_eq(write_text(text), SIZE + 1); /* or the buffer */
    stream_end(&writer);                           /* an end does not linger */
    ck_assert_uint_eq(stream_unsent(&writer), 0);
    ck_assert_uint_eq(world.sent[world.nsent - 1].type, KEEL_STREAM_END);
}
END_TEST

START_TEST(what_is_left_out_is_told_in_its_place)
{
    world.send_status = -KEEL_EAGAIN;
    ck_assert_uint_eq(write_text("ab"), 2);
    stream_skip(&writer, 3);
    ck_assert_uint_eq(write_text("c"), 0); /* behind the gap nothing has room */
    stream_skip(&writer, 4);
    world.send_status = 0;
    world.events = EVENT(KEEL_EVENT_ARGO);
    world_run();
    ck_assert_uint_eq(rooms, 1);
    ck_assert_str_eq(all_heard(), "ab<7>");
    ck_assert_uint_eq(write_text("de"), 2);
    stream_skip(&writer, 1);
    ck_assert_str_eq(all_heard(), "ab<7>de<1>");
    ck_assert_uint_eq(write_text("f"), 1);
    ck_assert_str_eq(all_heard(), "ab<7>de<1>f");
}
END_TEST

START_TEST(an_end_comes_behind_all_bytes)
{
    world.send_status = -KEEL_EAGAIN;
    ck_assert_uint_eq(write_text("abc"), 3);
    stream_end(&writer);
    ck_assert_uint_eq(write_text("d"), 0);
    stream_skip(&writer, 5); /* neither */
    ck_assert_int_eq(stream_next(&writer), -KEEL_EBUSY);
    world.send_status = 0;
    world_pass(20);
    ck_assert_str_eq(all_heard(), "abc<end>");
    ck_assert_int_eq(stream_next(&writer), 0);
    ck_assert_uint_eq(store.stream, FIRST + 1);
    heard_to = 0;
    ck_assert_uint_eq(write_text("new"), 3);
    ck_assert_str_eq(all_heard(), "abc<end>new");
    stream_end(&writer);
    stream_end(&writer);
    ck_assert_str_eq(all_heard(), "abc<end>new<end>");
}
END_TEST

START_TEST(a_reset_forgets_what_was_not_sent)
{
    struct keel_stream_reset reset;
    world.send_status = -KEEL_EAGAIN;
    ck_assert_uint_eq(write_text("abc"), 3);
    stream_reset(&writer, -KEEL_EIO);
    ck_assert_uint_eq(write_text("d"), 0);
    world.send_status = 0;
    world_pass(20);
    ck_assert_uint_eq(world.nsent, 1);
    memcpy(&reset, world.sent[0].payload, sizeof(reset));
    ck_assert_int_eq(reset.reason, -KEEL_EIO);
    ck_assert_str_eq(all_heard(), "<reset>");
    ck_assert_int_eq(stream_next(&writer), 0);
    stream_reset(&writer, 0);
    stream_reset(&writer, 1);
    stream_end(&writer);
    world_pass(20);
    ck_assert_str_eq(all_heard(), "<reset><reset>");
}
END_TEST

START_TEST(a_reader_may_refuse)
{
    struct keel_stream_reset refuse = {.stream = FIRST - 1, .reason = -KEEL_ENOSPC};
    world.send_status = -KEEL_EAGAIN;
    ck_assert_uint_eq(write_text("abc"), 3);
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, KEEL_STREAM_REFUSE, &refuse, sizeof(refuse)));
    world_run();
    ck_assert_str_eq(said(), ""); /* of another stream */
    refuse.stream = FIRST;
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, KEEL_STREAM_REFUSE, &refuse, sizeof(refuse)));
    refuse.stream = FIRST + 1;
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, KEEL_STREAM_REFUSE, &refuse, sizeof(refuse)));
    ck_assert(world_deliver(OWN, PEER, PEER_PORT + 1, KEEL_STREAM_REFUSE, &refuse, sizeof(refuse)));
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, KEEL_STREAM_REFUSE, &refuse, 15));
    world_run();
    ck_assert_str_eq(said(), "refused -28 @0; ");
    ck_assert_uint_eq(port.refused, 2);
    ck_assert_uint_eq(write_text("d"), 0);
    world.send_status = 0;
    world_pass(1000);
    ck_assert_str_eq(all_heard(), "");
    ck_assert_int_eq(stream_next(&writer), 0);
    ck_assert_uint_eq(write_text("d"), 1);
    ck_assert_str_eq(all_heard(), "d");
}
END_TEST

static int takes_little(const struct world_message *message)
{
    if (message->bytes > 40)
        return -KEEL_EMSGSIZE;
    hear(message);
    return (int)message->bytes;
}

START_TEST(a_small_ring_gets_small_parts)
{
    static struct stream_writer small;
    world.on_send = takes_little;
    small = (struct stream_writer){
        .to = peer, .from = OWN, .store = &store, .buffer = buffer, .size = SIZE};
    ck_assert(stream_writer_open(&small, false));
    writer.part_most = 39;
    ck_assert_uint_eq(write_text("what does not fit in one piece goes in two"), 42);
    ck_assert_str_eq(heard, "what does not fit in one piece goes in two");
    small.part_most = 200;
    char text[81];
    memset(text, 'x', 80);
    text[80] = '\0';
    ck_assert_uint_eq(stream_write(&small, text, 80), 80);
    ck_assert_int_eq(small.refusal, -KEEL_EMSGSIZE); /* less than 64 is not tried */
    ck_assert_uint_lt(small.part_most, 128);
}
END_TEST

START_TEST(a_store_of_nonsense_is_a_new_stream)
{
    static struct stream_writer again;
    static const struct stream_store nonsense[] = {
        {.stream = 5, .put = 1, .sent = 2},
        {.stream = 5, .put = SIZE + 1},
        {.stream = 5, .skipped = 1, .told = 2},
        {.stream = 5, .state = STREAM_OVER + 1},
        {.stream = 0, .put = 1},
    };
    for (unsigned i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        struct stream_store *bad = malloc(sizeof(*bad));
        struct stream_writer *one = malloc(sizeof(*one));
        *bad = nonsense[i];
        again = writer;
        *one = again;
        one->store = bad;
        ck_assert(!stream_writer_open(one, true));
        ck_assert_uint_eq(bad->put, 0);
        ck_assert_uint_ne(bad->stream, 5);
        ck_assert_uint_ne(bad->stream, store.stream);
    }
}
END_TEST

/* ---- The reader alone ---- */

static struct stream_reader reader;
static char got[8192];
static size_t got_bytes, takes; /* at most, altogether */
static size_t at_once;

static size_t on_bytes(void *context, const struct keel_stream_place *place, const uint8_t *bytes,
                       size_t n)
{
    size_t part = n < at_once ? n : at_once;
    ck_assert_ptr_eq(context, told);
    ck_assert_uint_gt(n, 0);
    part = part < takes - got_bytes ? part : takes - got_bytes;
    ck_assert_uint_eq(place->position, reader.place.position);
    memcpy(got + got_bytes, bytes, part);
    got_bytes += part;
    got[got_bytes] = '\0';
    return part;
}

static void reader_setup(void)
{
    setup();
    takes = sizeof(got) - 1;
    at_once = sizeof(got);
    reader = (struct stream_reader){
        .domain = PEER, .from = PEER_PORT, .take = on_bytes, .told = on_told, .context = told};
    stream_reader_add(&reader, &port);
}

static void give(uint64_t stream, uint64_t position, const char *text)
{
    uint8_t message[512];
    const struct keel_stream_place place = {stream, position};
    memcpy(message, &place, sizeof(place));
    memcpy(message + sizeof(place), text, strlen(text));
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, KEEL_STREAM_BYTES, message,
                            (uint32_t)(sizeof(place) + strlen(text))));
    world_run();
}

static void give_place(uint32_t type, uint64_t stream, uint64_t position)
{
    const struct keel_stream_place place = {stream, position};
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, type, &place, sizeof(place)));
    world_run();
}

START_TEST(each_byte_is_taken_once)
{
    give(5, 0, "abc");
    ck_assert_str_eq(said(), "begins 0 @0; ");
    give(5, 0, "abc"); /* again */
    give(5, 1, "bcde");
    give(5, 1, "bc");
    give(5, 5, "");
    give(5, 5, "f");
    ck_assert_str_eq(got, "abcdef");
    ck_assert_str_eq(said(), "");
    ck_assert_uint_eq(reader.place.stream, 5);
    ck_assert_uint_eq(reader.place.position, 6);
}
END_TEST

START_TEST(what_was_left_out_is_told)
{
    give(5, 0, "abc");
    give(5, 10, "d");
    give(5, 15, "");
    give(5, 15, "");
    ck_assert_str_eq(said(), "begins 0 @0; lost 7 @10; lost 4 @15; ");
    give(5, 15, "e");
    ck_assert_str_eq(got, "abcde");
}
END_TEST

START_TEST(another_stream_begins_where_it_says)
{
    give(5, 0, "abc");
    give(6, 100, "def");
    give(6, 103, "g");
    ck_assert_str_eq(said(), "begins 0 @0; begins 100 @100; ");
    ck_assert_str_eq(got, "abcdefg");
}
END_TEST

START_TEST(a_known_place_is_gone_on_from)
{
    reader.place = (struct keel_stream_place){5, 2}; /* of the life before */
    give(5, 0, "abc");
    ck_assert_str_eq(got, "c");
    ck_assert_str_eq(said(), "");
}
END_TEST

START_TEST(who_stops_keeps_the_rest_in_the_ring)
{
    static const char text[] = "the quick brown fox";
    takes = 4;
    at_once = 3;
    give(5, 0, text);
    give_place(KEEL_STREAM_END, 5, sizeof(text) - 1);
    ck_assert_str_eq(got, "the ");
    ck_assert_uint_eq(reader.place.position, 4);
    takes = 10;
    world.events = EVENT(KEEL_EVENT_ARGO);
    world_run();
    port_resume(&port); /* by somebody else */
    world_pass(1);
    ck_assert_str_eq(got, "the ");
    stream_resume(&reader);
    world_pass(1);
    ck_assert_str_eq(got, "the quick ");
    takes = 100;
    stream_resume(&reader);
    world_pass(1);
    ck_assert_str_eq(got, text);
    ck_assert_str_eq(said(), "begins 0 @0; ends 0 @19; ");
}
END_TEST

START_TEST(a_part_that_wraps_comes_in_two_pieces)
{
    char text[201], all[sizeof(got)] = "";
    uint64_t position = 0;
    for (unsigned i = 0; i < 60; i++) {
        unsigned n = 60 + (i * 31) % 140;
        for (unsigned k = 0; k < n; k++)
            text[k] = (char)('a' + (i + k) % 26);
        text[n] = '\0';
        if (strlen(all) + n >= sizeof(all) - 1)
            break;
        strcat(all, text);
        give(5, position, text);
        position += n;
    }
    ck_assert_uint_gt(position, 6000);
    ck_assert_str_eq(got, all);
}
END_TEST

START_TEST(an_end_is_the_end)
{
    give(5, 0, "abc");
    give_place(KEEL_STREAM_END, 5, 5);
    give_place(KEEL_STREAM_END, 5, 5);
    give(5, 3, "de");
    ck_assert_str_eq(said(), "begins 0 @0; lost 2 @5; ends 0 @5; ");
    give(6, 0, "new");
    ck_assert_str_eq(got, "abcnew");
    give_place(KEEL_STREAM_END, 7, 9); /* an end is all that is heard of it */
    ck_assert_str_eq(said(), "begins 0 @0; begins 9 @9; ends 0 @9; ");
}
END_TEST

START_TEST(a_reset_is_told)
{
    struct keel_stream_reset reset = {.stream = 5, .reason = -KEEL_EIO};
    give(5, 0, "abc");
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, KEEL_STREAM_RESET, &reset, sizeof(reset)));
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, KEEL_STREAM_RESET, &reset, sizeof(reset)));
    give(5, 3, "d");
    ck_assert_str_eq(said(), "begins 0 @0; reset -5 @3; ");
    ck_assert_str_eq(got, "abc");
    reset.stream = 0;
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, KEEL_STREAM_RESET, &reset, sizeof(reset)));
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, KEEL_STREAM_RESET, &reset, 8));
    world_run();
    ck_assert_uint_eq(port.refused, 2);
}
END_TEST

START_TEST(the_writers_death_is_told)
{
    give(5, 0, "abc");
    (void)said();
    world_tell(EDGE, LIFE, KEEL_DOMAIN_STOPPED);
    world_tell(EDGE, LIFE + 1, KEEL_DOMAIN_RUNNING);
    world_run();
    /* To the writer of this service to it, and to the reader of its. */
    ck_assert_str_eq(said(), "died 4 @3; died 4 @0; lives 5 @3; lives 5 @0; ");
    give(5, 2, "cde"); /* its vault has outlived it */
    ck_assert_str_eq(got, "abcde");
}
END_TEST

/* ---- A peer that may not be watched: what Argo says of its ring ---- */

static void unwatched_setup(void)
{
    world.owner[PEER] = LIFE;
    world.there[EDGE] = true;
    reader_setup();
    world.connection[EDGE].rights = KEEL_RIGHT_SEND; /* WATCH is not looked at before */
    (void)said();
}

static void signalled(bool there, uint16_t life)
{
    world.there[EDGE] = there;
    world.owner[PEER] = life;
    world_pass(PEER_ASK_MS);
    world.events |= EVENT(KEEL_EVENT_ARGO);
    world_run();
}

START_TEST(unwatched_the_other_sides_death_is_told)
{
    signalled(false, LIFE);
    ck_assert_str_eq(said(), "died 4 @0; died 4 @0; ");
    signalled(true, LIFE + 1);
    ck_assert_str_eq(said(), "lives 5 @0; lives 5 @0; ");
    signalled(true, LIFE + 3);
    ck_assert_str_eq(said(), "died 5 @0; died 5 @0; lives 7 @0; lives 7 @0; ");
}
END_TEST

START_TEST(unwatched_bytes_go_when_the_ring_comes)
{
    static struct peer_ring other; /* it lives all the time, and has another ring */
    other.to = world_connect("peer", PEER, PEER_PORT + 1, KEEL_RIGHT_SEND, LIFE);
    world.there[other.to->edge] = true;
    peer_follow(&other);
    world.send_status = -KEEL_ECONNREFUSED;
    ck_assert_uint_eq(write_text("x"), 1);
    signalled(false, LIFE);
    world_pass(10000); /* it is tried about once in a second */
    ck_assert_str_eq(all_heard(), "");
    world.send_status = 0;
    signalled(true, LIFE);
    ck_assert_str_eq(all_heard(), "x");
    ck_assert_str_eq(said(), "");
}
END_TEST

START_TEST(refused_it_is_thrown_away)
{
    struct keel_stream_reset refuse;
    give(5, 0, "abc");
    world.send_status = -KEEL_EAGAIN;
    stream_refuse(&reader, -KEEL_ENOSPC);
    stream_refuse(&reader, -KEEL_ENOSPC);
    ck_assert_uint_eq(world.sends, 1);
    world.send_status = 0;
    give(5, 3, "def");
    ck_assert_uint_eq(world.nsent, 1); /* it is told by and by */
    ck_assert_uint_eq(world.sent[0].type, KEEL_STREAM_REFUSE);
    ck_assert_uint_eq(world.sent[0].to.aport, PEER_PORT);
    memcpy(&refuse, world.sent[0].payload, sizeof(refuse));
    ck_assert_uint_eq(refuse.stream, 5);
    ck_assert_int_eq(refuse.reason, -KEEL_ENOSPC);
    give(5, 6, "ghi");
    ck_assert_uint_eq(world.nsent, 1);
    ck_assert_str_eq(got, "abc");
    give(6, 0, "new");
    ck_assert_str_eq(got, "abcnew");
}
END_TEST

static size_t refuses(void *context, const struct keel_stream_place *place, const uint8_t *bytes,
                      size_t n)
{
    (void)context;
    (void)place;
    (void)bytes;
    (void)n;
    stream_refuse(&reader, -KEEL_EBUSY);
    return 0;
}

START_TEST(it_may_be_refused_while_it_is_taken)
{
    reader.take = refuses;
    give(5, 0, "abc");
    give(5, 3, "def");
    ck_assert_uint_eq(world.nsent, 1);
    reader.take = on_bytes;
    give(6, 0, "x");
    ck_assert_str_eq(got, "x");
}
END_TEST

START_TEST(a_stopped_reader_may_refuse)
{
    takes = 0;
    give(5, 0, "abc");
    stream_refuse(&reader, 0);
    takes = 100;
    world_pass(1);
    give(6, 0, "x");
    ck_assert_str_eq(got, "x");
}
END_TEST

START_TEST(strangers_are_not_read)
{
    const struct keel_stream_place place = {5, 0};
    ck_assert(world_deliver(OWN, PEER, PEER_PORT + 1, KEEL_STREAM_BYTES, &place, sizeof(place)));
    ck_assert(world_deliver(OWN, PEER + 1, PEER_PORT, KEEL_STREAM_BYTES, &place, sizeof(place)));
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, KEEL_STREAM | 99, &place, sizeof(place)));
    ck_assert(world_deliver(OWN, PEER, PEER_PORT, KEEL_STREAM_BYTES, &place, 15));
    give_place(KEEL_STREAM_BYTES, 0, 0);
    ck_assert_uint_eq(port.refused, 5);
    ck_assert_str_eq(said(), "");
}
END_TEST

START_TEST(any_parts_at_random)
{
    srand(1);
    for (unsigned i = 0; i < 20000; i++) {
        static const uint32_t kinds[] = {KEEL_STREAM_BYTES, KEEL_STREAM_BYTES, KEEL_STREAM_BYTES,
                                         KEEL_STREAM_END,   KEEL_STREAM_RESET, KEEL_STREAM_REFUSE};
        uint8_t message[128];
        struct keel_stream_place place = {(uint64_t)rand() % 4,
                                          rand() % 8 ? (uint64_t)rand() % 100 : UINT64_MAX - 20};
        memset(message, rand(), sizeof(message));
        memcpy(message, &place, sizeof(place));
        takes = sizeof(got) - 1;
        at_once = (size_t)rand() % 20;
        got_bytes = 0;
        told[0] = '\0';
        world.nsent = 0;
        (void)world_deliver(OWN, PEER, PEER_PORT, kinds[(unsigned)rand() % 6], message,
                            (uint32_t)rand() % sizeof(message));
        if (rand() % 16 == 0)
            stream_refuse(&reader, -1);
        world_run();
        stream_resume(&reader);
    }
}
END_TEST

/* ---- Both, and deaths ----
 *
 * One process is a life: it writes to itself, as if from the peer. What is shared memory here is
 * the vault. It ends at any of its calls of the kernel; the next one goes on.
 */

#define TOTAL 3000u
#define RING  3u /* pages */

struct shared {
    _Alignas(KEEL_PAGE_SIZE) uint8_t ring[RING * KEEL_PAGE_SIZE];
    struct stream_store store;
    uint8_t buffer[SIZE];
    uint32_t lives;
    bool over; /* the end was told */
    /* What the reader has: it changes as one. */
    uint64_t current;
    struct {
        struct keel_stream_place place;
        uint64_t lost;
        uint32_t bytes;
    } state[2];
    uint8_t text[TOTAL];
};

static struct shared *vault;
static unsigned last_call; /* at which this life ends */

static void die_somewhere(void)
{
    if (world.calls == last_call)
        _exit(9);
}

static uint8_t byte_at(uint64_t position)
{
    return (uint8_t)(position * 7 + position / 256);
}

static size_t take_bytes(void *context, const struct keel_stream_place *place, const uint8_t *bytes,
                         size_t n)
{
    const uint64_t now = vault->current, next = now ^ 1;
    const size_t part = n < 1 + (size_t)rand() % 90 ? n : 1 + (size_t)rand() % 20;
    (void)context;
    if (rand() % 5 == 0)
        return 0;
    if (part > n)
        return 0;
    vault->state[next] = vault->state[now];
    if (vault->state[next].bytes + part > TOTAL)
        _exit(3);
    memcpy(vault->text + vault->state[next].bytes, bytes, part);
    vault->state[next].bytes += (uint32_t)part;
    vault->state[next].place = *place;
    vault->state[next].place.position += part;
    vault_order();
    vault->current = next;
    vault_order();
    return part;
}

static void take_notice(void *context, const struct stream_notice *notice)
{
    const uint64_t now = vault->current, next = now ^ 1;
    (void)context;
    if (notice->event == STREAM_ENDS)
        vault->over = true;
    if (notice->event != STREAM_LOST && notice->event != STREAM_BEGINS)
        return;
    vault->state[next] = vault->state[now];
    vault->state[next].place = notice->place;
    if (notice->event == STREAM_LOST)
        vault->state[next].lost += notice->detail;
    vault_order();
    vault->current = next;
    vault_order();
}

static int send_to_self(const struct world_message *message)
{
    if (rand() % 10 == 0)
        return rand() % 2 ? -KEEL_EAGAIN : -KEEL_ECONNREFUSED;
    return world_deliver(OWN, PEER, PEER_PORT, message->type, message->payload, message->bytes)
               ? (int)message->bytes
               : -KEEL_EAGAIN;
}

/* One life. It ends with 0 when all has arrived. */
static _Noreturn void live(void)
{
    const bool old = vault->lives++ > 0;
    static struct stream_reader self;
    static struct stream_writer out;
    static struct port own;
    uint8_t bytes[200];

    srand(vault->lives);
    world.on_call = die_somewhere;
    world.on_send = send_to_self;
    self = (struct stream_reader){.domain = PEER,
                                  .from = PEER_PORT,
                                  .place = vault->state[vault->current].place,
                                  .take = take_bytes,
                                  .told = take_notice};
    out =
        (struct stream_writer){.to = world_connect("peer", PEER, PEER_PORT, KEEL_RIGHT_SEND, LIFE),
                               .from = OWN,
                               .store = &vault->store,
                               .buffer = vault->buffer,
                               .size = SIZE,
                               .part_most = PART};
    if (port_open_in(&own, OWN, KEEL_DOMAIN_ANY, vault->ring, RING) < 0)
        _exit(2);
    stream_reader_add(&self, &own);
    if (!stream_writer_open(&out, old && vault->store.stream != 0))
        _exit(2);
    world.events = EVENT(KEEL_EVENT_ARGO);
    for (unsigned round = 0; round < 100000 && !vault->over; round++) {
        const uint64_t put = vault->store.put;
        size_t n = (size_t)rand() % sizeof(bytes);
        n = n < TOTAL - put ? n : TOTAL - (size_t)put;
        for (size_t i = 0; i < n; i++)
            bytes[i] = byte_at(put + i);
        (void)stream_write(&out, bytes, n);
        if (vault->store.put == TOTAL)
            stream_end(&out);
        stream_resume(&self);
        world_pass(1 + (uint64_t)rand() % 5);
    }
    _exit(vault->over ? 0 : 4);
}

static int life(unsigned dies_at)
{
    int how;
    pid_t child = fork();
    if (child == 0) {
        last_call = dies_at;
        live();
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &how, 0), child);
    ck_assert(WIFEXITED(how));
    return WEXITSTATUS(how);
}

static void vault_make(void)
{
    vault = mmap(NULL, sizeof(*vault), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(vault, MAP_FAILED);
}

static void check_arrived(void)
{
    ck_assert_uint_eq(vault->state[vault->current].bytes, TOTAL);
    ck_assert_uint_eq(vault->state[vault->current].lost, 0);
    for (unsigned i = 0; i < TOTAL; i++)
        ck_assert_uint_eq(vault->text[i], byte_at(i));
}

START_TEST(a_death_at_any_call_loses_and_doubles_nothing)
{
    unsigned dead = 0;
    for (unsigned at = 1; at < 400; at += 1 + at / 40) {
        memset(vault, 0, sizeof(*vault));
        int how = life(at);
        dead += how == 9;
        ck_assert(how == 9 || how == 0);
        if (how == 9)
            ck_assert_int_eq(life(0), 0);
        check_arrived();
    }
    ck_assert_uint_gt(dead, 80);
}
END_TEST

START_TEST(nor_do_many_deaths)
{
    srand(7);
    for (unsigned i = 0; i < 5; i++) {
        unsigned lives = 0;
        int how = 9;
        memset(vault, 0, sizeof(*vault));
        while (how == 9 && lives++ < 200)
            how = life(4 + (unsigned)rand() % 60);
        ck_assert(how == 9 || how == 0);
        if (how == 9)
            ck_assert_int_eq(life(0), 0);
        ck_assert_uint_gt(lives, 3);
        check_arrived();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tests = tcase_create("writer");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, bytes_are_sent_at_once_and_in_order);
    tcase_add_test(tests, a_full_reader_stops_the_writer);
    tcase_add_test(tests, a_reader_that_is_not_there_is_tried_less_and_less);
    tcase_add_test(tests, a_new_life_of_the_reader_is_tried_at_once);
    tcase_add_test(tests, bytes_linger_for_company);
    tcase_add_test(tests, what_is_left_out_is_told_in_its_place);
    tcase_add_test(tests, an_end_comes_behind_all_bytes);
    tcase_add_test(tests, a_reset_forgets_what_was_not_sent);
    tcase_add_test(tests, a_reader_may_refuse);
    tcase_add_test(tests, a_small_ring_gets_small_parts);
    tcase_add_test(tests, a_store_of_nonsense_is_a_new_stream);
    suite_add_tcase(suite, tests);

    tests = tcase_create("unwatched");
    tcase_add_checked_fixture(tests, unwatched_setup, NULL);
    tcase_add_test(tests, unwatched_the_other_sides_death_is_told);
    tcase_add_test(tests, unwatched_bytes_go_when_the_ring_comes);
    suite_add_tcase(suite, tests);

    tests = tcase_create("reader");
    tcase_add_checked_fixture(tests, reader_setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, each_byte_is_taken_once);
    tcase_add_test(tests, what_was_left_out_is_told);
    tcase_add_test(tests, another_stream_begins_where_it_says);
    tcase_add_test(tests, a_known_place_is_gone_on_from);
    tcase_add_test(tests, who_stops_keeps_the_rest_in_the_ring);
    tcase_add_test(tests, a_part_that_wraps_comes_in_two_pieces);
    tcase_add_test(tests, an_end_is_the_end);
    tcase_add_test(tests, a_reset_is_told);
    tcase_add_test(tests, the_writers_death_is_told);
    tcase_add_test(tests, refused_it_is_thrown_away);
    tcase_add_test(tests, it_may_be_refused_while_it_is_taken);
    tcase_add_test(tests, a_stopped_reader_may_refuse);
    tcase_add_test(tests, strangers_are_not_read);
    tcase_add_test(tests, any_parts_at_random);
    suite_add_tcase(suite, tests);

    tests = tcase_create("restart");
    tcase_add_checked_fixture(tests, vault_make, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_death_at_any_call_loses_and_doubles_nothing);
    tcase_add_test(tests, nor_do_many_deaths);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
