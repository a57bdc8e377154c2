/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: each way in which one can end, once, whatever happens when; see request.h. */
#include <runtime/request.h>

#include "service/world.h"
#include "suite.h"

#include <runtime/events.h>
#include <stdlib.h>
#include <string.h>

#define PEER      9u
#define PEER_PORT 70u
#define LIFE      4u
#define EDGE      0u

struct question {
    uint32_t number, other;
};

enum { ASK = KEEL_REQUEST | 1, NEWS = 2 };
KEEL_PAYLOAD(ASK, struct question);

static const struct keel_connection *to;
static struct client client;
static uint64_t answer_room[8];
static unsigned over; /* how often `done` was called */
static int status;
static uint32_t bytes;
static void (*when_done)(struct request *request);

static void on_done(void *context, int how, uint32_t n)
{
    over++;
    status = how;
    bytes = n;
    if (when_done != NULL)
        when_done(context);
}

static struct request request;
static const struct question question = {1, 2};

static unsigned news;
static bool on_news(void *context, const struct message *message)
{
    (void)context;
    (void)message;
    news++;
    return true;
}
static const struct message_type types[] = {{.type = NEWS, .handler = on_news}};

static void setup(void)
{
    to = world_connect("peer", PEER, PEER_PORT, KEEL_RIGHT_SEND | KEEL_RIGHT_WATCH, LIFE);
    client.port.types = types;
    client.port.ntypes = 1;
    ck_assert_int_eq(client_open(&client, to, 4000), 0);
    request = (struct request){.done = on_done,
                               .context = &request,
                               .answer = answer_room,
                               .answer_bytes = 8,
                               .answer_most = sizeof(answer_room)};
    world_run();
}

static uint64_t tag_of(unsigned i)
{
    struct keel_request header;
    ck_assert_uint_lt(i, world.nsent);
    memcpy(&header, world.sent[i].payload, sizeof(header));
    return header.tag;
}

static void answer_tag(uint64_t tag, int32_t how, const void *body, uint32_t n)
{
    uint8_t message[256];
    const struct keel_answer answer = {.tag = tag, .status = how};
    memcpy(message, &answer, sizeof(answer));
    if (n > 0)
        memcpy(message + sizeof(answer), body, n);
    ck_assert(world_deliver(PEER_PORT, PEER, PEER_PORT, KEEL_ANSWER | 1, message,
                            (uint32_t)sizeof(answer) + n));
    world_run();
}

static int ask(struct request *which)
{
    return request_send(which, &client, ASK, &question, world.now + 100);
}

static void check_over(unsigned times, int how)
{
    ck_assert_uint_eq(over, times);
    ck_assert_int_eq(status, how);
    ck_assert(!request_pending(&request));
}

START_TEST(an_answer_ends_it)
{
    uint64_t body[2] = {77, 78};
    ck_assert_int_eq(ask(&request), 0);
    ck_assert(request_pending(&request));
    ck_assert_uint_eq(world.nsent, 1);
    const struct world_message *sent = &world.sent[0];
    ck_assert_uint_eq(sent->type, ASK);
    ck_assert_uint_eq(sent->from.aport, PEER_PORT);
    ck_assert_uint_eq(sent->to.domain_id, PEER);
    ck_assert_uint_eq(sent->to.aport, PEER_PORT);
    ck_assert_uint_eq(sent->bytes, sizeof(struct keel_request) + sizeof(question));
    ck_assert_mem_eq(sent->payload + sizeof(struct keel_request), &question, sizeof(question));
    ck_assert_uint_eq(tag_of(0) >> 32, WORLD_LIFE);
    world_pass(50);
    ck_assert_uint_eq(over, 0);
    answer_tag(tag_of(0), 3, body, sizeof(body));
    check_over(1, 3);
    ck_assert_uint_eq(bytes, sizeof(body));
    ck_assert_mem_eq(answer_room, body, sizeof(body));
    ck_assert_uint_eq(client.promised, 0);
    answer_tag(tag_of(0), 3, body, sizeof(body)); /* once more */
    world_pass(200);
    world_tell(EDGE, LIFE, KEEL_DOMAIN_STOPPED);
    world_run();
    check_over(1, 3);
}
END_TEST

START_TEST(a_refusal_ends_it)
{
    ck_assert_int_eq(ask(&request), 0);
    answer_tag(tag_of(0), -KEEL_ENOSYS, NULL, 0);
    check_over(1, -KEEL_ENOSYS);
    ck_assert_uint_eq(bytes, 0);
}
END_TEST

START_TEST(answers_of_a_wrong_size_are_none)
{
    static uint8_t body[80];
    for (uint32_t n = 0; n <= sizeof(body); n++) {
        world.nsent = 0;
        ck_assert_int_eq(ask(&request), 0);
        answer_tag(tag_of(0), 0, body, n);
        check_over(n + 1, n >= 8 && n <= 64 ? 0 : -KEEL_EBADMSG);
        ck_assert_uint_eq(bytes, status == 0 ? n : 0);
    }
}
END_TEST

START_TEST(strange_answers_are_not_believed)
{
    const uint64_t body = 5;
    struct keel_answer answer = {.status = 0};
    ck_assert_int_eq(ask(&request), 0);
    answer_tag(tag_of(0) + 1, 0, &body, 8);            /* of nobody's */
    answer_tag(tag_of(0) - (1ull << 32), 0, &body, 8); /* of a former life */
    answer.tag = tag_of(0);
    ck_assert(world_deliver(PEER_PORT, PEER, PEER_PORT, KEEL_ANSWER | 2, &answer, 16));
    ck_assert(world_deliver(PEER_PORT, PEER, PEER_PORT + 1, KEEL_ANSWER | 1, &answer, 16));
    ck_assert(world_deliver(PEER_PORT, PEER, PEER_PORT, KEEL_ANSWER | 1, &answer, 15));
    world_run();
    ck_assert_uint_eq(over, 0);
    ck_assert_uint_eq(client.port.refused, 2);
    answer_tag(tag_of(0), 0, &body, 8);
    check_over(1, 0);
}
END_TEST

START_TEST(the_deadline_ends_it)
{
    const uint64_t body = 5;
    ck_assert_int_eq(ask(&request), 0);
    world_pass(99);
    ck_assert_uint_eq(over, 0);
    world_pass(1);
    check_over(1, -KEEL_ETIMEDOUT);
    answer_tag(tag_of(0), 0, &body, 8); /* too late */
    check_over(1, -KEEL_ETIMEDOUT);
}
END_TEST

START_TEST(the_peers_death_ends_it)
{
    ck_assert_int_eq(ask(&request), 0);
    world_tell(EDGE, LIFE, KEEL_DOMAIN_STOPPED);
    world_run();
    check_over(1, -KEEL_ESTALE);
    world_tell(EDGE, LIFE + 1, KEEL_DOMAIN_RUNNING);
    world_run();
    ck_assert_uint_eq(world.nsent, 1);
    ck_assert_int_eq(ask(&request), 0); /* the new life has it: what came before is not about it */
    world_tell(EDGE, LIFE, KEEL_DOMAIN_STOPPED);
    world_run();
    ck_assert_uint_eq(over, 1);
    world_tell(EDGE, LIFE + 2, KEEL_DOMAIN_RUNNING); /* both ends at once */
    world_run();
    check_over(2, -KEEL_ESTALE);
}
END_TEST

START_TEST(a_death_ends_all_that_it_took)
{
    static struct request others[3];
    for (unsigned i = 0; i < 3; i++) {
        others[i] = (struct request){.done = on_done};
        ck_assert_int_eq(ask(&others[i]), 0);
    }
    world_tell(EDGE, LIFE, KEEL_DOMAIN_STOPPED);
    world_run();
    check_over(3, -KEEL_ESTALE);
    for (unsigned i = 0; i < 3; i++)
        ck_assert(!request_pending(&others[i]));
}
END_TEST

START_TEST(what_may_be_done_twice_is_sent_again)
{
    const uint64_t body = 6;
    request.again = true;
    ck_assert_int_eq(ask(&request), 0);
    world.send_status = -KEEL_ECONNREFUSED;
    world_tell(EDGE, LIFE, KEEL_DOMAIN_STOPPED);
    world_run();
    ck_assert_uint_eq(over, 0);
    world_tell(EDGE, LIFE + 1, KEEL_DOMAIN_RUNNING);
    world_run();
    world.send_status = 0; /* now it listens */
    world_pass(11);
    ck_assert_uint_eq(world.nsent, 2);
    ck_assert_uint_eq(tag_of(0), tag_of(1));
    ck_assert_mem_eq(world.sent[0].payload, world.sent[1].payload, world.sent[0].bytes);
    answer_tag(tag_of(1), 0, &body, 8);
    check_over(1, 0);
    answer_tag(tag_of(1), 0, &body, 8); /* of the life before, that had it, too */
    check_over(1, 0);
}
END_TEST

START_TEST(sent_again_it_keeps_its_deadline)
{
    request.again = true;
    ck_assert_int_eq(ask(&request), 0);
    world.send_status = -KEEL_ECONNREFUSED;
    world_tell(EDGE, LIFE, KEEL_DOMAIN_STOPPED);
    world_pass(99);
    ck_assert_uint_eq(over, 0);
    world_pass(1);
    check_over(1, -KEEL_ESTALE); /* somebody had it */
}
END_TEST

START_TEST(nobody_there_yet_is_waited_for)
{
    world.send_status = -KEEL_ECONNREFUSED;
    ck_assert_int_eq(ask(&request), 0);
    world_pass(30);
    ck_assert_uint_ge(world.sends, 3);
    world.send_status = 0;
    world_pass(20);
    ck_assert_uint_eq(world.nsent, 1);
    answer_tag(tag_of(0), 0, "12345678", 8);
    check_over(1, 0);

    world.send_status = -KEEL_ESRCH;
    ck_assert_int_eq(ask(&request), 0);
    world_pass(100);
    check_over(2, -KEEL_ECONNREFUSED);
    unsigned tried = world.sends;
    world_pass(1000);
    ck_assert_uint_eq(world.sends, tried); /* it is over */

    ck_assert_int_eq(request_send(&request, &client, ASK, &question, world.now + 20000), 0);
    world_pass(10000);
    world_tell(EDGE, LIFE + 1, KEEL_DOMAIN_RUNNING);
    world_run();
    world.send_status = 0; /* it has opened its port */
    world_pass(11);
    ck_assert_uint_eq(world.nsent, 2);
}
END_TEST

START_TEST(a_full_ring_is_waited_for)
{
    world.send_status = -KEEL_EAGAIN;
    ck_assert_int_eq(ask(&request), 0);
    world.send_status = 0;
    world.events = EVENT(KEEL_EVENT_ARGO); /* there is space */
    world_run();
    ck_assert_uint_eq(world.nsent, 1);
    answer_tag(tag_of(0), 0, "12345678", 8);
    check_over(1, 0);
    world.send_status = -KEEL_EBUSY;
    ck_assert_int_eq(ask(&request), 0);
    world_pass(100);
    check_over(2, -KEEL_EAGAIN);
}
END_TEST

START_TEST(what_waits_is_sent_in_order)
{
    static struct request several[5];
    world.send_status = -KEEL_EAGAIN;
    for (unsigned i = 0; i < 5; i++) {
        const struct question numbered = {i, 0};
        several[i] = (struct request){.done = on_done};
        if (i == 3) /* it would go now, but not before the others */
            world.send_status = 0;
        ck_assert_int_eq(request_send(&several[i], &client, ASK, &numbered, 100 + world.now), 0);
    }
    ck_assert_uint_eq(world.nsent, 0);
    world.events = EVENT(KEEL_EVENT_ARGO);
    world_run();
    ck_assert_uint_eq(world.nsent, 5);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_uint_eq(world.sent[i].payload[8], i);
}
END_TEST

START_TEST(what_cannot_be_sent_is_told_at_once)
{
    static uint8_t body[REQUEST_BODY_MAX + 1];
    struct request silent = {.done = NULL};
    ck_assert_int_eq(request_send_bytes(&request, &client, ASK, body, sizeof(body), 100),
                     -KEEL_EMSGSIZE);
    ck_assert_int_eq(request_send(&request, &client, ASK, &question, 0), -KEEL_EINVAL);
    ck_assert_int_eq(ask(&silent), -KEEL_EINVAL);
    world.send_status = -KEEL_EACCES;
    ck_assert_int_eq(ask(&request), -KEEL_EACCES);
    world.send_status = -KEEL_EMSGSIZE; /* the peer's ring is that small */
    ck_assert_int_eq(ask(&request), -KEEL_EMSGSIZE);
    ck_assert(!request_pending(&request));
    world.send_status = 0;
    ck_assert_int_eq(ask(&request), 0);
    ck_assert_int_eq(ask(&request), -KEEL_EBUSY);
    world_pass(1000);
    check_over(1, -KEEL_ETIMEDOUT);
    ck_assert_int_eq(
        request_send_bytes(&request, &client, ASK, body, REQUEST_BODY_MAX, world.now + 100), 0);
}
END_TEST

START_TEST(a_later_refusal_for_good_ends_it)
{
    world.send_status = -KEEL_EAGAIN;
    ck_assert_int_eq(ask(&request), 0);
    world.send_status = -KEEL_EMSGSIZE;
    world_pass(20);
    check_over(1, -KEEL_EMSGSIZE);
}
END_TEST

START_TEST(no_more_than_have_room_for_their_answers)
{
    static struct request many[100];
    unsigned n = 0;
    for (; n < 100; n++) {
        many[n] = (struct request){.done = on_done, .answer = answer_room, .answer_most = 64};
        int result = ask(&many[n]);
        if (result == -KEEL_EBUSY)
            break;
        ck_assert_int_eq(result, 0);
        if (n == 50)
            world.nsent = 0;
    }
    ck_assert_uint_eq(n, (client.port.ring_bytes - 16) / 96);
    /* All of them answer before one is looked at. */
    uint8_t message[80] = {0};
    for (unsigned i = 0; i < n; i++) {
        memcpy(message, &many[i].tag, 8);
        ck_assert(world_deliver(PEER_PORT, PEER, PEER_PORT, KEEL_ANSWER | 1, message, 80));
    }
    world_run();
    ck_assert_uint_eq(over, n);
    ck_assert_int_eq(ask(&many[n]), 0);
}
END_TEST

START_TEST(data_go_behind_the_body)
{
    static const uint8_t data[] = "data that is not copied";
    request.data = data;
    request.data_bytes = sizeof(data);
    ck_assert_int_eq(ask(&request), 0);
    ck_assert_uint_eq(world.sent[0].bytes, 8 + sizeof(question) + sizeof(data));
    ck_assert_mem_eq(world.sent[0].payload + 8 + sizeof(question), data, sizeof(data));
}
END_TEST

START_TEST(cancelled_it_is_never_over)
{
    static struct request other = {.done = on_done};
    ck_assert_int_eq(ask(&request), 0);
    ck_assert_int_eq(ask(&other), 0);
    request_cancel(&request);
    ck_assert(!request_pending(&request));
    answer_tag(tag_of(0), 0, "12345678", 8);
    ck_assert_uint_eq(over, 0);
    world_pass(1000);
    ck_assert_uint_eq(over, 1); /* the other's deadline */
    request_cancel(&request);
    ck_assert_uint_eq(client.promised, 0);
}
END_TEST

static void once_more(struct request *which)
{
    if (over < 3)
        ck_assert_int_eq(ask(which), 0);
}

START_TEST(its_handler_may_send_it_anew)
{
    when_done = once_more;
    ck_assert_int_eq(ask(&request), 0);
    answer_tag(tag_of(0), 0, "12345678", 8);
    ck_assert_uint_eq(over, 1);
    ck_assert(request_pending(&request));
    ck_assert_uint_ne(tag_of(0), tag_of(1));
    world_tell(EDGE, LIFE, KEEL_DOMAIN_STOPPED);
    world_run();
    ck_assert_uint_eq(over, 2);
    ck_assert(request_pending(&request)); /* not lost with those before */
    world_pass(100);
    ck_assert_uint_eq(over, 3);
    ck_assert(!request_pending(&request));
}
END_TEST

START_TEST(what_the_peer_sends_unasked_is_handled)
{
    ck_assert(world_deliver(PEER_PORT, PEER, PEER_PORT, NEWS, "", 0));
    world_run();
    ck_assert_uint_eq(news, 1);
}
END_TEST

START_TEST(a_client_needs_a_connection)
{
    static struct client other;
    ck_assert_int_eq(client_open(&other, NULL, 4000), -KEEL_EACCES);
    ck_assert_int_eq(client_open(&other, world_connect("x", 5, 5, KEEL_RIGHT_WATCH, 1), 4000),
                     -KEEL_EACCES);
    const struct keel_connection *builder =
        world_connect("builder", 0, KEEL_PORT_SUPERVISOR, KEEL_RIGHT_SEND, 1);
    ck_assert_int_eq(client_open(&other, builder, 4000), 0);
    ck_assert_ptr_nonnull(world_ring(KEEL_PORT_CONTROL, 0, NULL));
}
END_TEST

/* ---- A peer that may not be watched ---- */

static void setup_unwatched(void)
{
    to = world_connect("peer", PEER, PEER_PORT, KEEL_RIGHT_SEND, LIFE);
    world.owner[PEER] = LIFE;
    world.there[EDGE] = true;
    ck_assert_int_eq(client_open(&client, to, 4000), 0);
    request = (struct request){.done = on_done,
                               .context = &request,
                               .answer = answer_room,
                               .answer_most = sizeof(answer_room)};
    world_run();
}

/* Argo's signal, some time after what was last. */
static void signalled(bool there, uint16_t life)
{
    world.there[EDGE] = there;
    world.owner[PEER] = life;
    world_pass(PEER_ASK_MS);
    world.events |= EVENT(KEEL_EVENT_ARGO);
    world_run();
}

START_TEST(unwatched_its_ring_tells_of_the_death)
{
    ck_assert_int_eq(request_send(&request, &client, ASK, &question, world.now + 20000), 0);
    signalled(true, LIFE); /* some message to somebody */
    ck_assert_uint_eq(over, 0);
    signalled(false, LIFE);
    check_over(1, -KEEL_ESTALE);
    signalled(true, LIFE + 1);
    ck_assert_int_eq(request_send(&request, &client, ASK, &question, world.now + 20000), 0);
    signalled(true, LIFE + 2); /* between two looks it has begun again */
    check_over(2, -KEEL_ESTALE);
    signalled(false, LIFE + 2);
    ck_assert_uint_eq(over, 2);
}
END_TEST

/* The peer lives all the time, and has a ring; this one comes and goes. */
START_TEST(unwatched_it_goes_with_the_ring)
{
    static struct client late;
    const struct keel_connection *other =
        world_connect("peer", PEER, PEER_PORT + 1, KEEL_RIGHT_SEND, LIFE);
    ck_assert_int_eq(client_open(&late, other, 4000), 0);
    world.send_status = -KEEL_ECONNREFUSED;
    ck_assert_int_eq(request_send(&request, &late, ASK, &question, world.now + 20000), 0);
    world_pass(10000); /* it is tried about once in a second */
    world.send_status = 0;
    const uint64_t before = world.now;
    world.there[other->edge] = true;
    signalled(true, LIFE);
    ck_assert_uint_eq(world.nsent, 1);
    ck_assert_uint_le(world.now, before + PEER_ASK_MS);
    ck_assert_uint_eq(over, 0);
    world.there[other->edge] = false;
    signalled(true, LIFE);
    check_over(1, -KEEL_ESTALE);
}
END_TEST

START_TEST(unwatched_it_may_be_sent_again)
{
    request.again = true;
    ck_assert_int_eq(request_send(&request, &client, ASK, &question, world.now + 20000), 0);
    world.send_status = -KEEL_ECONNREFUSED;
    signalled(false, LIFE);
    world.send_status = 0;
    signalled(true, LIFE + 1);
    ck_assert_uint_eq(world.nsent, 2);
    signalled(true, LIFE + 2);
    ck_assert_uint_eq(world.nsent, 3);
    answer_tag(tag_of(2), 5, NULL, 0);
    check_over(1, 5);
}
END_TEST

static void ring_goes(void)
{
    if (++world.now > 20)
        world.there[EDGE] = false;
}

START_TEST(unwatched_waiting_ends_with_the_peer)
{
    struct request waits = {.answer = NULL};
    world.on_wait = ring_goes;
    ck_assert_int_eq(request_wait(&waits, &client, ASK, &question, world.now + 1000), -KEEL_ESTALE);
    ck_assert_uint_lt(world.now, 100);
}
END_TEST

/* ---- request_wait ---- */

static void answer_in_a_while(void)
{
    static uint64_t since;
    if (since == 0)
        since = world.now;
    world.events |= EVENT(KEEL_EVENT_KERNEL) | EVENT(40); /* others' business */
    if (world.now++ < since + 30)
        return;
    const struct keel_answer answer = {.tag = tag_of(world.nsent - 1), .status = 9};
    ck_assert(world_deliver(PEER_PORT, PEER, PEER_PORT, KEEL_ANSWER | 1, &answer, 16));
    world.on_wait = NULL;
}

START_TEST(waiting_keeps_what_is_others)
{
    struct request waits = {.answer = NULL};
    world.life[PEER] =
        (struct keel_life){.peer = KEEL_PEER(EDGE, LIFE), .state = KEEL_DOMAIN_RUNNING};
    world.on_wait = answer_in_a_while;
    ck_assert_int_eq(request_wait(&waits, &client, ASK, &question, world.now + 100), 9);
    ck_assert(!request_pending(&waits));
    ck_assert_uint_eq(over, 0);
    ck_assert_uint_eq(events_kept, EVENT(KEEL_EVENT_KERNEL) | EVENT(40) | EVENT(KEEL_EVENT_ARGO));
}
END_TEST

static void time_goes(void)
{
    world.now += 3;
}

START_TEST(waiting_has_a_deadline)
{
    struct request waits = {.answer = NULL};
    const uint64_t before = world.now;
    world.life[PEER] =
        (struct keel_life){.peer = KEEL_PEER(EDGE, LIFE), .state = KEEL_DOMAIN_RUNNING};
    world.on_wait = time_goes;
    ck_assert_int_eq(request_wait(&waits, &client, ASK, &question, before + 100), -KEEL_ETIMEDOUT);
    ck_assert_uint_ge(world.now, before + 100);
    ck_assert_uint_le(world.now, before + 110);
    world.send_status = -KEEL_ECONNREFUSED;
    ck_assert_int_eq(request_wait(&waits, &client, ASK, &question, world.now + 100),
                     -KEEL_ECONNREFUSED);
    world.send_status = -KEEL_EACCES;
    ck_assert_int_eq(request_wait(&waits, &client, ASK, &question, world.now + 100), -KEEL_EACCES);
}
END_TEST

static void peer_dies(void)
{
    if (++world.now > 20)
        world.life[PEER].state = KEEL_DOMAIN_STOPPED;
}

START_TEST(waiting_ends_with_the_peer)
{
    struct request waits = {.answer = NULL};
    world.life[PEER] =
        (struct keel_life){.peer = KEEL_PEER(EDGE, LIFE), .state = KEEL_DOMAIN_RUNNING};
    world.on_wait = peer_dies;
    ck_assert_int_eq(request_wait(&waits, &client, ASK, &question, world.now + 1000), -KEEL_ESTALE);
    ck_assert_uint_lt(world.now, 100);
}
END_TEST

static int tried_within;
static void try_to_wait(struct request *which)
{
    (void)which;
    struct request waits = {.answer = NULL};
    tried_within = request_wait(&waits, &client, ASK, &question, world.now + 100);
}

START_TEST(in_a_handler_nobody_waits)
{
    when_done = try_to_wait;
    ck_assert_int_eq(ask(&request), 0);
    answer_tag(tag_of(0), 0, "12345678", 8);
    check_over(1, 0);
    ck_assert_int_eq(tried_within, -KEEL_EPERM);
}
END_TEST

/* ---- Everything at every moment ---- */

#define MANY 8u
static struct request many[MANY];
static unsigned sent_of[MANY], over_of[MANY];

static void on_one_done(void *context, int how, uint32_t n)
{
    struct request *which = context;
    (void)n;
    ck_assert(how <= 0);
    ck_assert(!request_pending(which));
    over_of[which - many]++;
    if (rand() % 4 == 0 && ask(which) == 0)
        sent_of[which - many]++;
}

static int send_somehow(const struct world_message *message)
{
    static const int results[] = {
        0, 0, 0, -KEEL_EAGAIN, -KEEL_ECONNREFUSED, -KEEL_EBUSY, -KEEL_EMSGSIZE};
    int result = results[(unsigned)rand() % (sizeof(results) / sizeof(results[0]))];
    if (result == 0 && world.nsent < WORLD_SENT_MAX)
        world.sent[world.nsent++] = *message;
    return result;
}

static void answer_one(void)
{
    const unsigned i = world.nsent > 0 ? (unsigned)rand() % world.nsent : 0;
    uint8_t message[24] = {0};
    if (world.nsent == 0)
        return;
    memcpy(message, world.sent[i].payload, 8);
    world.sent[i] = world.sent[--world.nsent];
    (void)world_deliver(PEER_PORT, PEER, PEER_PORT, KEEL_ANSWER | 1, message, rand() % 2 ? 24 : 16);
}

START_TEST(any_events_in_any_order)
{
    uint32_t life = LIFE;
    srand(1);
    world.on_send = send_somehow;
    for (unsigned i = 0; i < MANY; i++)
        many[i] = (struct request){.done = on_one_done,
                                   .context = &many[i],
                                   .answer = answer_room,
                                   .answer_bytes = 8,
                                   .again = i % 2};
    for (unsigned round = 0; round < 20000; round++) {
        const unsigned i = (unsigned)rand() % MANY;
        switch (rand() % 7) {
        case 0:
        case 1:
            sent_of[i] += ask(&many[i]) == 0;
            break;
        case 2:
        case 3:
            answer_one();
            break;
        case 4:
            world_pass((unsigned)rand() % 30);
            break;
        case 5:
            if (rand() % 4 == 0) {
                world_tell(EDGE, life, KEEL_DOMAIN_STOPPED);
                if (rand() % 2)
                    world_run();
                world_tell(EDGE, ++life, KEEL_DOMAIN_RUNNING);
            }
            break;
        default:
            if (rand() % 8 == 0 && request_pending(&many[i])) {
                request_cancel(&many[i]);
                sent_of[i]--;
            }
            world_run();
        }
    }
    world.on_send = NULL;
    world.nsent = 0;
    world_pass(100);
    for (unsigned i = 0; i < MANY; i++)
        if (request_pending(&many[i])) {
            request_cancel(&many[i]);
            sent_of[i]--;
        }
    for (unsigned i = 0; i < MANY; i++) {
        ck_assert_uint_gt(over_of[i], 100);
        ck_assert_uint_eq(over_of[i], sent_of[i]);
    }
    ck_assert_uint_eq(client.promised, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("request");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_answer_ends_it);
    tcase_add_test(tests, a_refusal_ends_it);
    tcase_add_test(tests, answers_of_a_wrong_size_are_none);
    tcase_add_test(tests, strange_answers_are_not_believed);
    tcase_add_test(tests, the_deadline_ends_it);
    tcase_add_test(tests, the_peers_death_ends_it);
    tcase_add_test(tests, a_death_ends_all_that_it_took);
    tcase_add_test(tests, what_may_be_done_twice_is_sent_again);
    tcase_add_test(tests, sent_again_it_keeps_its_deadline);
    tcase_add_test(tests, nobody_there_yet_is_waited_for);
    tcase_add_test(tests, a_full_ring_is_waited_for);
    tcase_add_test(tests, what_waits_is_sent_in_order);
    tcase_add_test(tests, what_cannot_be_sent_is_told_at_once);
    tcase_add_test(tests, a_later_refusal_for_good_ends_it);
    tcase_add_test(tests, no_more_than_have_room_for_their_answers);
    tcase_add_test(tests, data_go_behind_the_body);
    tcase_add_test(tests, cancelled_it_is_never_over);
    tcase_add_test(tests, its_handler_may_send_it_anew);
    tcase_add_test(tests, what_the_peer_sends_unasked_is_handled);
    tcase_add_test(tests, a_client_needs_a_connection);
    tcase_add_test(tests, waiting_keeps_what_is_others);
    tcase_add_test(tests, waiting_has_a_deadline);
    tcase_add_test(tests, waiting_ends_with_the_peer);
    tcase_add_test(tests, in_a_handler_nobody_waits);
    tcase_add_test(tests, any_events_in_any_order);
    Suite *suite = suite_create("request");
    suite_add_tcase(suite, tests);

    tests = tcase_create("unwatched");
    tcase_add_checked_fixture(tests, setup_unwatched, NULL);
    tcase_add_test(tests, unwatched_its_ring_tells_of_the_death);
    tcase_add_test(tests, unwatched_it_goes_with_the_ring);
    tcase_add_test(tests, unwatched_it_may_be_sent_again);
    tcase_add_test(tests, unwatched_waiting_ends_with_the_peer);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
