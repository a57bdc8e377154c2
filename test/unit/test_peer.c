/* SPDX-License-Identifier: Apache-2.0 */
/* Who can be reached, by name; and which life of a peer it is. */
#include <argo/argo.h>
#include <runtime/peer.h>

#include "service/world.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

#define DISK   9u
#define OTHER  10u
#define NOBODY 11u
#define LONG   12u

static const struct keel_connection *disk, *disk_watch, *other;
static char told[256];

static void on_peer(void *context, uint16_t domain, enum peer_change change, uint32_t incarnation)
{
    char text[48];
    ck_assert_ptr_eq(context, told);
    snprintf(text, sizeof(text), "%u %s %u; ", domain, change == PEER_DIED ? "died" : "runs",
             incarnation);
    strcat(told, text);
}

static const char *said(void)
{
    static char copy[sizeof(told)];
    world_run();
    memcpy(copy, told, sizeof(copy));
    told[0] = '\0';
    return copy;
}

static void setup(void)
{
    static struct peer_watch watch = {.handler = on_peer, .context = told};
    (void)world_connect("none", 20, 0, 0, 0);
    disk = world_connect("disk", DISK, 5, KEEL_RIGHT_SEND, 4);
    disk_watch = world_connect("disk", DISK, 0, KEEL_RIGHT_WATCH | KEEL_RIGHT_STOP, 4);
    other = world_connect("other", OTHER, 5, KEEL_RIGHT_SEND, 2);
    (void)world_connect("other", OTHER, 6, KEEL_RIGHT_SEND, 2);
    (void)world_connect("late", NOBODY, 6, KEEL_RIGHT_SEND | KEEL_RIGHT_WATCH, 0);
    world_run();
    peer_watch(&watch);
}

START_TEST(peers_are_found_by_name_port_and_right)
{
    ck_assert_ptr_eq(keel_connection_with("disk", 0, 0), disk);
    ck_assert_ptr_eq(keel_connection_with("disk", 0, KEEL_RIGHT_STOP), disk_watch);
    ck_assert_ptr_eq(keel_connection_with("disk", 5, KEEL_RIGHT_SEND), disk);
    ck_assert_ptr_null(keel_connection_with("disk", 6, 0));
    ck_assert_ptr_null(keel_connection_with("disk", 5, KEEL_RIGHT_SEND | KEEL_RIGHT_STOP));
    ck_assert_ptr_eq(keel_connection_with("other", 6, KEEL_RIGHT_SEND), other + 1);
    ck_assert_ptr_eq(keel_connection_with(NULL, 6, KEEL_RIGHT_SEND), other + 1);
    ck_assert_ptr_eq(keel_connection_with(NULL, 0, KEEL_RIGHT_WATCH), disk_watch);
    ck_assert_ptr_null(keel_connection_with("dis", 0, 0));
    ck_assert_ptr_eq(keel_connection_find("other"), other);
    ck_assert_ptr_eq(keel_connection_of(OTHER, 6), other + 1);
    unsigned n = 0;
    while (keel_connection_at(n) != NULL)
        n++;
    ck_assert_uint_eq(n, world.nconnections);
}
END_TEST

START_TEST(a_connection_names_the_current_life)
{
    ck_assert_uint_eq(keel_connection_peer(disk), KEEL_PEER(1, 4));
    world_tell(2, 4, KEEL_DOMAIN_STOPPED);
    ck_assert_str_eq(said(), "9 died 4; ");
    ck_assert_uint_eq(keel_connection_peer(disk), KEEL_PEER(1, 4));
    world_tell(2, 5, KEEL_DOMAIN_RUNNING);
    ck_assert_str_eq(said(), "9 runs 5; ");
    ck_assert_uint_eq(keel_connection_peer(disk), KEEL_PEER(1, 5));
    ck_assert_uint_eq(keel_connection_peer(disk_watch), KEEL_PEER(2, 5));
    ck_assert_uint_eq(keel_connection_peer(other), KEEL_PEER(3, 2));
    ck_assert_uint_eq(peer_incarnation(DISK), 5);
    ck_assert_uint_eq(peer_incarnation(NOBODY), 0);
    ck_assert_uint_eq(peer_incarnation(63), 0);
}
END_TEST

START_TEST(each_change_is_told_once)
{
    world_tell(2, 4, KEEL_DOMAIN_RUNNING); /* as it was */
    ck_assert_str_eq(said(), "");
    world_tell(2, 6, KEEL_DOMAIN_RUNNING); /* the ends of 4 and 5 were lost */
    ck_assert_str_eq(said(), "9 died 4; 9 runs 6; ");
    world_tell(2, 5, KEEL_DOMAIN_STOPPED); /* old news */
    world_tell(2, 6, KEEL_DOMAIN_RUNNING);
    ck_assert_str_eq(said(), "");
    world_tell(2, 6, KEEL_DOMAIN_STOPPED);
    world_tell(2, 6, KEEL_DOMAIN_STOPPED);
    ck_assert_str_eq(said(), "9 died 6; ");
    world_tell(5, 1, KEEL_DOMAIN_RUNNING); /* its first life */
    ck_assert_str_eq(said(), "11 runs 1; ");
    world_tell(40, 1, KEEL_DOMAIN_RUNNING); /* an edge that has no name */
    ck_assert_str_eq(said(), "");
}
END_TEST

START_TEST(the_kernel_is_asked)
{
    world.life[DISK] = (struct keel_life){.peer = KEEL_PEER(2, 4), .state = KEEL_DOMAIN_RUNNING};
    ck_assert_int_eq(peer_refresh(disk), 0);
    ck_assert_str_eq(told, "");
    world.life[DISK] = (struct keel_life){.peer = KEEL_PEER(2, 5), .state = KEEL_DOMAIN_BUILDING};
    ck_assert_int_eq(peer_refresh(disk), 1); /* by the other edge, which may watch */
    ck_assert_str_eq(said(), "9 died 4; ");
    ck_assert_uint_eq(keel_connection_peer(disk), KEEL_PEER(1, 5));
    world.life[DISK].state = KEEL_DOMAIN_RUNNING;
    ck_assert_int_eq(peer_refresh(disk), 0);
    ck_assert_str_eq(said(), "9 runs 5; ");
    ck_assert_int_eq(peer_refresh(&world.connection[0]), -KEEL_EACCES); /* it may do nothing */
}
END_TEST

/* ---- Peers that may not be watched: what Argo says of their rings ---- */

static struct peer_ring first, second;
static char rings[1024];

static void on_ring(void *context, bool there)
{
    strcat(rings, context == &first ? "first" : "second");
    strcat(rings, there ? " came; " : " went; ");
}

static const char *changed(void)
{
    static char copy[sizeof(rings)];
    memcpy(copy, rings, sizeof(copy));
    rings[0] = '\0';
    return copy;
}

/* Argo's signal, when it has been silent for a while. */
static const char *signalled(void)
{
    world_pass(PEER_ASK_MS);
    world.events |= 1 << KEEL_EVENT_ARGO;
    return said();
}

static void follow(void)
{
    first = (struct peer_ring){.to = other, .changed = on_ring, .context = &first};
    second = (struct peer_ring){.to = other + 1, .changed = on_ring, .context = &second};
    world.owner[OTHER] = 2;
    world.there[other->edge] = true;
    peer_follow(&first);
    peer_follow(&second);
    ck_assert_str_eq(changed(), "first came; ");
    ck_assert_str_eq(said(), "");
}

START_TEST(a_ring_tells_whose_life_it_is)
{
    follow();
    world.there[other->edge] = false;
    world.owner[OTHER] = 3;
    ck_assert_str_eq(signalled(), "10 died 2; ");
    ck_assert_str_eq(changed(), "first went; ");
    ck_assert_uint_eq(keel_connection_peer(other), KEEL_PEER(3, 3));
    world.there[other->edge] = true;
    ck_assert_str_eq(signalled(), "10 runs 3; ");
    ck_assert_str_eq(changed(), "first came; ");
    world.owner[OTHER] = 5; /* all of that between two looks */
    ck_assert_str_eq(signalled(), "10 died 3; 10 runs 5; ");
    ck_assert_str_eq(changed(), "");
    ck_assert_str_eq(signalled(), "");
}
END_TEST

START_TEST(who_has_no_ring_left_is_dead)
{
    follow();
    world.there[other->edge + 1] = true;
    ck_assert_str_eq(signalled(), "");
    ck_assert_str_eq(changed(), "second came; ");
    world.there[other->edge] = false;
    ck_assert_str_eq(signalled(), "");
    ck_assert_str_eq(changed(), "first went; ");
    world.there[other->edge + 1] = false;
    ck_assert_str_eq(signalled(), "10 died 2; ");
    ck_assert_str_eq(changed(), "second went; ");
    world.there[other->edge] = true; /* it had none for a while, and lives */
    ck_assert_str_eq(signalled(), "10 runs 2; ");
    ck_assert_str_eq(changed(), "first came; ");
}
END_TEST

START_TEST(of_who_is_watched_the_kernel_tells)
{
    first = (struct peer_ring){.to = disk, .changed = on_ring, .context = &first};
    world.owner[DISK] = 4;
    world.there[disk->edge] = true;
    peer_follow(&first);
    world.there[disk->edge] = false;
    ck_assert_str_eq(signalled(), ""); /* it has closed its port */
    ck_assert_str_eq(changed(), "first came; first went; ");
    world.there[disk->edge] = true;
    world.owner[DISK] = 5;
    ck_assert_str_eq(signalled(),
                     "9 died 4; 9 runs 5; "); /* before the kernel's message is read, */
    world_tell(2, 4, KEEL_DOMAIN_STOPPED);
    world_tell(2, 5, KEEL_DOMAIN_RUNNING);
    ck_assert_str_eq(said(), ""); /* which is no news then */
}
END_TEST

START_TEST(a_life_goes_on_behind_16_bits)
{
    other = world_connect("other", LONG, 7, KEEL_RIGHT_SEND, 0x1fffe);
    first = (struct peer_ring){.to = other};
    world.owner[LONG] = 0xfffd; /* old news */
    world.there[other->edge] = true;
    peer_follow(&first);
    ck_assert_str_eq(said(), "");
    ck_assert_uint_eq(peer_incarnation(LONG), 0x1fffe);
    world.owner[LONG] = 1;
    char expected[48];
    snprintf(expected, sizeof(expected), "12 died %u; 12 runs %u; ", 0x1fffe, 0x20001);
    ck_assert_str_eq(signalled(), expected);
    ck_assert_uint_eq(peer_incarnation(LONG), 0x20001);
}
END_TEST

START_TEST(many_signals_are_few_questions)
{
    follow();
    (void)signalled();
    const unsigned asks = world.asks;
    for (int i = 0; i < 100; i++) {
        world.events |= 1 << KEEL_EVENT_ARGO;
        world_run();
    }
    ck_assert_uint_eq(world.asks, asks);
    world.there[other->edge] = false;
    world_pass(PEER_ASK_MS - 1);
    ck_assert_uint_eq(world.asks, asks);
    world_pass(1); /* and yet nothing is missed */
    ck_assert_uint_eq(world.asks, asks + 1);
    ck_assert_str_eq(said(), "10 died 2; ");
    world_pass(1000);
    ck_assert_uint_eq(world.asks, asks + 1); /* nothing happens: nobody asks */
}
END_TEST

START_TEST(more_rings_than_fit_a_question)
{
    static struct peer_ring many[2 * ARGO_ASK_MAX + 1];
    follow();
    for (unsigned i = 0; i < 2 * ARGO_ASK_MAX + 1; i++) {
        many[i] = (struct peer_ring){.to = other, .changed = on_ring, .context = &second};
        peer_follow(&many[i]);
    }
    (void)changed();
    world.there[other->edge] = false;
    ck_assert_str_eq(signalled(), "10 died 2; ");
    ck_assert_uint_eq(strlen(changed()),
                      strlen("first went; ") + strlen("second went; ") * (2 * ARGO_ASK_MAX + 1));
    peer_follow(&many[0]); /* again */
    ck_assert_str_eq(signalled(), "");
}
END_TEST

START_TEST(argo_is_asked_by_who_may_send)
{
    world.owner[OTHER] = 2;
    world.there[other->edge] = true;
    ck_assert_int_eq(peer_refresh(other), 0);
    world.owner[OTHER] = 4;
    ck_assert_int_eq(peer_refresh(other), 1);
    ck_assert_uint_eq(keel_connection_peer(other), KEEL_PEER(3, 4));
    ck_assert_str_eq(said(), "10 died 2; 10 runs 4; ");
    ck_assert_int_eq(peer_refresh(other), 0);
}
END_TEST

START_TEST(what_was_lost_is_found_again)
{
    world.life[DISK] = (struct keel_life){.peer = KEEL_PEER(2, 9), .state = KEEL_DOMAIN_RUNNING};
    world.life[NOBODY] = (struct keel_life){.peer = KEEL_PEER(5, 1), .state = KEEL_DOMAIN_STOPPED};
    world.events = 1 << KEEL_EVENT_LOST;
    ck_assert_str_eq(said(), "9 died 4; 9 runs 9; ");
    ck_assert_uint_eq(peer_incarnation(NOBODY), 1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("peer");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, peers_are_found_by_name_port_and_right);
    tcase_add_test(tests, a_connection_names_the_current_life);
    tcase_add_test(tests, each_change_is_told_once);
    tcase_add_test(tests, the_kernel_is_asked);
    tcase_add_test(tests, a_ring_tells_whose_life_it_is);
    tcase_add_test(tests, who_has_no_ring_left_is_dead);
    tcase_add_test(tests, of_who_is_watched_the_kernel_tells);
    tcase_add_test(tests, a_life_goes_on_behind_16_bits);
    tcase_add_test(tests, many_signals_are_few_questions);
    tcase_add_test(tests, more_rings_than_fit_a_question);
    tcase_add_test(tests, argo_is_asked_by_who_may_send);
    tcase_add_test(tests, what_was_lost_is_found_again);
    Suite *suite = suite_create("peer");
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
