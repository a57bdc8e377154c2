/* SPDX-License-Identifier: Apache-2.0 */
/* Who can be reached, by name; and which life of a peer it is. */
#include <runtime/peer.h>

#include "service/world.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

#define DISK   9u
#define OTHER  10u
#define NOBODY 11u

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
    ck_assert_int_eq(peer_refresh(other), -KEEL_EACCES);
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
    tcase_add_test(tests, what_was_lost_is_found_again);
    Suite *suite = suite_create("peer");
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
