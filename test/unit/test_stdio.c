/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output with a console that is there, full, absent, or never was: order, bounds, counts;
 * and standard input.
 */
#include <runtime/stdio.h>

#include "service/world.h"
#include "suite.h"

#include <keel/calls.h>
#include <keel/console.h>
#include <runtime/events.h>
#include <runtime/loop.h>
#include <runtime/peer.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONSOLE 9u

static char shown[65536]; /* by the console; "<N>" where N bytes were left out, "|" at another stream */
static char kernel_shown[65536];
static int answer; /* of sends, if negative */
static bool kernel_console;

static void console_make(void)
{
    (void)world_connect("console", CONSOLE, KEEL_PORT_CONSOLE, KEEL_RIGHT_SEND, 1);
}

int64_t keel_console_write(const char *text, uint64_t bytes)
{
    ck_assert_uint_le(bytes, 128);
    if (!kernel_console)
        return -KEEL_EACCES;
    bytes = bytes < 32 ? bytes : 32; /* the kernel takes no more in one go */
    strncat(kernel_shown, text, bytes);
    return (int64_t)bytes;
}

static int hear(const struct world_message *message)
{
    static struct keel_stream_place next;
    struct keel_stream_place place;
    char gap[32];
    ck_assert_uint_eq(message->from.aport, KEEL_PORT_STDIO);
    ck_assert_uint_eq(message->to.domain_id, CONSOLE);
    ck_assert_uint_eq(message->to.aport, KEEL_PORT_CONSOLE);
    ck_assert_uint_le(message->bytes, KEEL_CONSOLE_BYTES_MAX);
    ck_assert_uint_ge(message->bytes, sizeof(place));
    if (answer < 0)
        return answer;
    memcpy(&place, message->payload, sizeof(place));
    ck_assert_uint_eq(message->type, KEEL_STREAM_BYTES);
    if (next.stream != place.stream) {
        ck_assert_uint_eq(place.position, 0);
        strcat(shown, next.stream != 0 ? "|" : "");
    } else if (next.position != place.position) {
        snprintf(gap, sizeof(gap), "<%llu>", (unsigned long long)(place.position - next.position));
        strcat(shown, gap);
    }
    strncat(shown, (const char *)message->payload + sizeof(place), message->bytes - sizeof(place));
    next = place;
    next.position += message->bytes - sizeof(place);
    return (int)message->bytes;
}

static void out(const char *text)
{
    stdio_write(text, strlen(text));
}

/* The loop sleeps n times. */
static void turns(int n)
{
    uint64_t events = LOOP_FIRST;
    while (n-- > 0)
        events = loop_turn(events);
}

static void setup(void)
{
    world.on_send = hear;
    console_make();
    ck_assert_int_eq(loop_begin(), 0);
}

static void setup_alone(void)
{
    world.on_send = hear;
    ck_assert_int_eq(loop_begin(), 0);
}

START_TEST(what_is_written_is_sent_at_once)
{
    char big[1300];
    memset(big, 'x', sizeof(big));
    out("one");
    stdio_write(big, sizeof(big));
    out("two");
    ck_assert_uint_eq(strlen(shown), 3 + sizeof(big) + 3);
    ck_assert_str_eq(shown + 3 + sizeof(big), "two");
}
END_TEST

START_TEST(a_console_that_starts_late_misses_nothing)
{
    answer = -KEEL_ECONNREFUSED;
    out("hello\n");
    turns(5);
    out("world\n");
    ck_assert_str_eq(shown, "");
    answer = 0;
    turns(5);
    ck_assert_str_eq(shown, "hello\nworld\n");
    ck_assert_uint_eq(stdio_dropped(), 0);
    turns(2);
    uint64_t before = world.now;
    turns(3);
    /* No timer any more but that of the look at peers' rings: it sleeps for good. */
    ck_assert_uint_le(world.now, before + PEER_ASK_MS);
}
END_TEST

START_TEST(a_full_console_is_asked_less_and_less)
{
    answer = -KEEL_EAGAIN;
    out("x");
    uint64_t before = world.now;
    turns(60);
    ck_assert_uint_gt(world.now - before, 30000); /* about 1 s a turn in the end */
}
END_TEST

START_TEST(what_is_too_much_is_dropped_and_told)
{
    char line[101];
    memset(line, '.', 99);
    strcpy(line + 99, "\n");
    answer = -KEEL_EAGAIN;
    for (int i = 0; i < 100; i++)
        out(line);
    ck_assert_uint_eq(stdio_dropped(), 10000 - 2048);
    answer = 0;
    out("after\n");
    ck_assert_uint_eq(strlen(shown), 2048 + strlen("<7952>after\n"));
    ck_assert_str_eq(shown + 2048, "<7952>after\n");
    out("more\n");
    ck_assert_str_eq(shown + 2048, "<7952>after\nmore\n"); /* told once */
}
END_TEST

/* Who asks for room first loses nothing, and is told when there is some again, though nobody turns the loop. */
START_TEST(who_asks_for_room_drops_nothing)
{
    char line[101];
    uint32_t lines = 0;

    memset(line, '.', 99);
    strcpy(line + 99, "\n");
    ck_assert_uint_ge(stdio_room(), 2048);
    answer = -KEEL_EAGAIN;
    for (; stdio_room() >= 100 && lines < 100; lines++)
        out(line);
    ck_assert_uint_eq(lines, 20);
    ck_assert_uint_eq(stdio_room(), 48);
    answer = 0;
    ck_assert_uint_eq(stdio_room(), 2048);
    out(line);
    ck_assert_uint_eq(strlen(shown), 2100);
    ck_assert_uint_eq(stdio_dropped(), 0);
}
END_TEST

START_TEST(the_builder_falls_back_to_the_kernels_console)
{
    kernel_console = true;
    world.now = 1; /* there is a time before */
    out("early\n");
    console_make();
    answer = -KEEL_ECONNREFUSED;
    out("nobody listens\n");
    turns(2); /* it may be about to come back */
    ck_assert_str_eq(kernel_shown, "early\n");
    world.now += 200;
    out("nor now\n");
    ck_assert_str_eq(kernel_shown, "early\nnobody listens\nnor now\n");
    out("never\n");
    ck_assert_str_eq(kernel_shown, "early\nnobody listens\nnor now\nnever\n");
    answer = 0;
    out("late\n");
    ck_assert_str_eq(shown, "late\n");
    ck_assert_uint_eq(stdio_dropped(), 0);
    answer = -KEEL_ECONNREFUSED;
    out("lost");
    world.now += 300;
    out("once more\n");
    answer = 0;
    out("back\n");
    ck_assert_str_eq(shown, "late\n|back\n"); /* it does not hear that it has missed something */
    ck_assert_str_eq(kernel_shown + strlen("early\nnobody listens\nnor now\nnever\n"),
                     "lostonce more\n");
    answer = -KEEL_EAGAIN; /* it is there, and busy */
    out("kept");
    world.now += 1000;
    out(" for it");
    answer = 0;
    turns(3);
    ck_assert_str_eq(shown, "late\n|back\nkept for it");
    ck_assert_uint_eq(stdio_dropped(), 0);
}
END_TEST

START_TEST(who_may_not_use_the_kernels_console_waits)
{
    answer = -KEEL_ECONNREFUSED;
    out("one ");
    world.now += 1000;
    out("two ");
    out("three");
    answer = 0;
    turns(10);
    ck_assert_str_eq(shown, "one two three");
    ck_assert_str_eq(kernel_shown, "");
}
END_TEST

START_TEST(without_any_console_nothing_is_tried)
{
    out("x");
    out("y");
    turns(1);
    ck_assert_uint_eq(world.now, 0); /* no timer */
    ck_assert_str_eq(shown, "");
    ck_assert_uint_eq(stdio_dropped(), 2);
    char byte;
    ck_assert_int_lt(stdio_read(&byte, 1), 0);
}
END_TEST

START_TEST(last_words_wait_for_a_moment_only)
{
    answer = -KEEL_EAGAIN;
    out("x");
    uint64_t before = world.now;
    stdio_end();
    ck_assert_uint_ge(world.now - before, 50);
    ck_assert_uint_le(world.now - before, 70);
    answer = 0;
    before = world.now;
    stdio_end();
    ck_assert_uint_eq(world.now, before);
    ck_assert_str_eq(shown, "x");
}
END_TEST

static void keys(uint64_t position, const char *text)
{
    uint8_t message[64];
    const struct keel_stream_place place = {.stream = 5, .position = position};
    memcpy(message, &place, sizeof(place));
    memcpy(message + sizeof(place), text, strlen(text));
    ck_assert(world_deliver(KEEL_PORT_STDIO, CONSOLE, KEEL_PORT_CONSOLE, KEEL_STREAM_BYTES, message,
                            (uint32_t)(sizeof(place) + strlen(text))));
}

static void keys_in_a_while(void)
{
    static int waits;
    world.events |= EVENT(40); /* somebody else's */
    if (++waits == 5)
        keys(0, "one\n");
}

START_TEST(input_is_waited_for)
{
    char text[8] = "";
    world.on_wait = keys_in_a_while;
    ck_assert_int_eq(stdio_read(text, 2), 2);
    ck_assert_mem_eq(text, "on", 2);
    ck_assert_uint_eq(events_kept, EVENT(40) | EVENT(KEEL_EVENT_ARGO));
    ck_assert_int_eq(stdio_read(text, sizeof(text)), 2);
    ck_assert_mem_eq(text, "e\n", 2);
    keys(0, "one\ntwo"); /* said again by a console that has died */
    turns(3);             /* nobody reads */
    ck_assert_int_eq(stdio_read(text, 0), 0);
    ck_assert_int_eq(stdio_read(text, sizeof(text)), 3);
    ck_assert_mem_eq(text, "two", 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stdio");
    TCase *tests = tcase_create("console");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, what_is_written_is_sent_at_once);
    tcase_add_test(tests, a_console_that_starts_late_misses_nothing);
    tcase_add_test(tests, a_full_console_is_asked_less_and_less);
    tcase_add_test(tests, what_is_too_much_is_dropped_and_told);
    tcase_add_test(tests, who_asks_for_room_drops_nothing);
    tcase_add_test(tests, who_may_not_use_the_kernels_console_waits);
    tcase_add_test(tests, last_words_wait_for_a_moment_only);
    tcase_add_test(tests, input_is_waited_for);
    suite_add_tcase(suite, tests);

    tests = tcase_create("alone");
    tcase_add_checked_fixture(tests, setup_alone, NULL);
    tcase_add_test(tests, the_builder_falls_back_to_the_kernels_console);
    tcase_add_test(tests, without_any_console_nothing_is_tried);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
