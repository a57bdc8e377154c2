/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output with a console that is there, full, absent, or never was: order, bounds, counts.
 */
#include <runtime/stdio.h>

#include <argo/argo.h>
#include <check.h>
#include <keel/calls.h>
#include <keel/console.h>
#include <keel/counter.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t now;
static char shown[65536]; /* by the console; "<N>" where it was told of N dropped bytes */
static char kernel_shown[65536];
static int64_t answer; /* of sendv, if negative */
static bool kernel_console, has_console;

uint64_t keel_counter(void)
{
    return now;
}

uint64_t keel_counter_frequency(void)
{
    return 1000; /* a tick is a millisecond */
}

const struct keel_connection *keel_connection_find(const char *name)
{
    static const struct keel_connection console = {
        .domain = 9, .rights = KEEL_RIGHT_SEND, .port = KEEL_PORT_CONSOLE};
    return has_console && strcmp(name, "console") == 0 ? &console : NULL;
}

int64_t keel_console_write(const char *text, uint64_t bytes)
{
    ck_assert_uint_le(bytes, 128);
    if (!kernel_console)
        return -KEEL_EACCES;
    strncat(kernel_shown, text, bytes);
    return 0;
}

int64_t keel_argo(uint64_t op, const struct keel_argo_send_addr *arg1,
                  const struct keel_argo_iov *arg2, uint64_t arg3, uint64_t arg4)
{
    if (op != KEEL_ARGO_SENDV)
        return 0;
    ck_assert_uint_eq(arg1->src.aport, KEEL_PORT_STDIO);
    ck_assert_uint_eq(arg1->dst.domain_id, 9);
    ck_assert_uint_eq(arg3, 1);
    ck_assert_uint_le(arg2->iov_len, KEEL_CONSOLE_BYTES_MAX);
    if (answer < 0)
        return answer;
    const char *bytes = (const char *)(uintptr_t)arg2->iov_hnd;
    if (arg4 == KEEL_CONSOLE_OUTPUT) {
        strncat(shown, bytes, arg2->iov_len);
    } else {
        uint64_t dropped;
        char text[32];
        ck_assert_uint_eq(arg4, KEEL_CONSOLE_DROPPED);
        ck_assert_uint_eq(arg2->iov_len, sizeof(dropped));
        memcpy(&dropped, bytes, sizeof(dropped));
        snprintf(text, sizeof(text), "<%llu>", (unsigned long long)dropped);
        strcat(shown, text);
    }
    return (int64_t)arg2->iov_len;
}

/* The kernel's clock goes on while the service waits. */
int64_t keel_wait(uint64_t deadline)
{
    now = deadline == 0 ? now + 1000 : deadline;
    return 1 << KEEL_EVENT_TIME;
}

int64_t keel_reply_wait(keel_peer peer, uint64_t seq, uint64_t action, uint64_t value,
                        uint64_t deadline)
{
    (void)peer;
    (void)seq;
    (void)action;
    (void)value;
    return keel_wait(deadline);
}

int64_t keel_reply(keel_peer peer, uint64_t seq, uint64_t action, uint64_t value)
{
    (void)peer;
    (void)seq;
    (void)action;
    (void)value;
    return 0;
}

int64_t keel_irq_done(uint64_t bits)
{
    (void)bits;
    return 0;
}

static void out(const char *text)
{
    stdio_write(text, strlen(text));
}

static void turns(int n)
{
    uint64_t events = LOOP_FIRST;
    while (n-- > 0)
        events = loop_turn(events);
}

static void setup(void)
{
    has_console = true;
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
    ck_assert_uint_gt(now, 900); /* no timer any more: it slept for good */
}
END_TEST

START_TEST(a_full_console_is_asked_less_and_less)
{
    answer = -KEEL_EAGAIN;
    out("x");
    uint64_t before = now;
    turns(20);
    ck_assert_uint_gt(now - before, 10000); /* about 1 s a turn in the end */
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

START_TEST(the_builder_falls_back_to_the_kernels_console)
{
    kernel_console = true;
    has_console = false;
    out("early\n");
    has_console = true;
    answer = -KEEL_ECONNREFUSED;
    out("nobody listens\n");
    ck_assert_str_eq(kernel_shown, "early\nnobody listens\n");
    answer = 0;
    out("late\n");
    ck_assert_str_eq(shown, "late\n");
}
END_TEST

START_TEST(without_any_console_nothing_is_tried)
{
    has_console = false;
    out("x");
    out("y");
    turns(1);
    ck_assert_uint_ge(now, 1000); /* no timer */
    ck_assert_str_eq(shown, "");
}
END_TEST

START_TEST(last_words_wait_for_a_moment_only)
{
    answer = -KEEL_EAGAIN;
    out("x");
    uint64_t before = now;
    stdio_end();
    ck_assert_uint_ge(now - before, 50);
    ck_assert_uint_le(now - before, 70);
    answer = 0;
    before = now;
    stdio_end();
    ck_assert_uint_eq(now, before);
    ck_assert_str_eq(shown, "x");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("stdio");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, what_is_written_is_sent_at_once);
    tcase_add_test(tests, a_console_that_starts_late_misses_nothing);
    tcase_add_test(tests, a_full_console_is_asked_less_and_less);
    tcase_add_test(tests, what_is_too_much_is_dropped_and_told);
    tcase_add_test(tests, the_builder_falls_back_to_the_kernels_console);
    tcase_add_test(tests, without_any_console_nothing_is_tried);
    tcase_add_test(tests, last_words_wait_for_a_moment_only);

    Suite *suite = suite_create("stdio");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
