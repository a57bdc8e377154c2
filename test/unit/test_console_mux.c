/* SPDX-License-Identifier: Apache-2.0 */
/* Many consoles on one terminal: what is seen, what is held back, where keys go, what is bounded.
 */
#include "mux.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mux mux;
static char seen[2 * MUX_OUTPUT_MAX];

/* 1 linux (a guest), 2 other (a guest), 3 echo (a service without input). Focus: linux. */
static void setup(void)
{
    mux_init(&mux);
    ck_assert_int_eq(mux_add(&mux, "linux", 5, KEEL_PORT_GUEST, true, true), 0);
    ck_assert_int_eq(mux_add(&mux, "other", 6, KEEL_PORT_GUEST, true, true), 1);
    ck_assert_int_eq(mux_add(&mux, "echo", 7, KEEL_PORT_STDIO, false, false), 2);
    mux_focus(&mux, 0, 0);
    mux_output_taken(&mux, SIZE_MAX);
}

/* What the terminal got since the last time. */
static const char *terminal(void)
{
    const uint8_t *bytes;
    size_t used = 0, n;
    while ((n = mux_output_peek(&mux, &bytes)) > 0) {
        memcpy(seen + used, bytes, n);
        used += n;
        mux_output_taken(&mux, n);
    }
    seen[used] = '\0';
    return seen;
}

static void out(int console, const char *text, uint64_t now)
{
    mux_output(&mux, console, (const uint8_t *)text, strlen(text), now);
}

static void keys(const char *text)
{
    mux_keys(&mux, (const uint8_t *)text, strlen(text), 0);
}

static const char *input(int console)
{
    static char text[MUX_INPUT_MAX + 1];
    const struct mux_console *from = &mux.console[console];
    size_t n = 0;
    while (n < from->input_put - from->input_taken) {
        text[n] = (char)mux.input[console][(from->input_taken + n) % MUX_INPUT_MAX];
        n++;
    }
    text[n] = '\0';
    mux_input_taken(&mux, console, n);
    return text;
}

START_TEST(focused_bytes_pass_unchanged)
{
    out(0, "\033[1mroot\r\n\ttop\n# \001", 1);
    ck_assert_str_eq(terminal(), "\033[1mroot\r\n\ttop\n# \001");
}
END_TEST

START_TEST(a_focused_service_gets_carriage_returns)
{
    mux_focus(&mux, 2, 0);
    terminal();
    out(2, "one\ntwo\r\n", 1);
    ck_assert_str_eq(terminal(), "one\r\ntwo\r\n");
}
END_TEST

START_TEST(others_come_in_whole_lines_with_their_name)
{
    out(1, "hel", 1);
    out(2, "one\ntw", 2);
    ck_assert_str_eq(terminal(), "[echo] one\r\n");
    out(1, "lo\r", 3);
    ck_assert_str_eq(terminal(), "");
    out(1, "\n\r\n", 4);
    ck_assert_str_eq(terminal(), "[other] hello\r\n[other] \r\n");
    out(2, "o\n", 5);
    ck_assert_str_eq(terminal(), "[echo] two\r\n");
}
END_TEST

START_TEST(others_move_no_cursor)
{
    out(1, "a\033[2Jb\001\tc\177\n", 1);
    ck_assert_str_eq(terminal(), "[other] a?[2Jb?\tc?\r\n");
    out(1, "10%\r20%\r\n", 1);
    ck_assert_str_eq(terminal(), "[other] 10%\r\n[other] 20%\r\n");
}
END_TEST

START_TEST(others_wait_for_the_focused_line_to_end)
{
    out(0, "half", 100);
    out(2, "news\n", 110);
    out(1, "more\n", 120);
    ck_assert_str_eq(terminal(), "half");
    ck_assert_uint_eq(mux_deadline(&mux), 110 + MUX_HOLD_MS);
    mux_tick(&mux, 110 + MUX_HOLD_MS - 1);
    ck_assert_str_eq(terminal(), "");
    out(0, " whole\r\nnext", 150);
    ck_assert_str_eq(terminal(), " whole\r\n[echo] news\r\n[other] more\r\nnext");
    ck_assert_uint_eq(mux_deadline(&mux), UINT64_MAX);
}
END_TEST

START_TEST(after_a_while_the_focused_line_is_broken_and_drawn_again)
{
    out(0, "login: ", 100);
    out(2, "news\n", 110);
    terminal();
    mux_tick(&mux, 110 + MUX_HOLD_MS);
    ck_assert_str_eq(terminal(), "\\\r\n[echo] news\r\nlogin: ");
    out(0, "root\r\n", 600);
    ck_assert_str_eq(terminal(), "root\r\n");
}
END_TEST

START_TEST(a_line_that_was_overwritten_is_drawn_as_it_stands)
{
    out(0, "10%\r20%", 100);
    out(2, "news\n", 110);
    terminal();
    mux_tick(&mux, 1000);
    ck_assert_str_eq(terminal(), "\\\r\n[echo] news\r\n20%");
}
END_TEST

START_TEST(what_is_held_back_is_bounded)
{
    out(0, "half", 100);
    terminal();
    size_t total = 0;
    for (int i = 0; i < 100; i++) {
        out(2, "0123456789012345678901234567890123456789\n", 110);
        total += strlen(terminal());
        ck_assert_uint_le(mux.held_used, MUX_HELD_MAX);
    }
    ck_assert_uint_gt(total, 0); /* broken by the amount: no time has passed */
    out(0, "\n", 110);
    total += strlen(terminal());
    ck_assert_uint_ge(total, 100 * strlen("[echo] 0123456789012345678901234567890123456789\r\n"));
}
END_TEST

START_TEST(an_incomplete_line_of_another_is_shown_after_a_while)
{
    out(1, "login: ", 100);
    ck_assert_uint_eq(mux_deadline(&mux), 100 + MUX_FLUSH_MS);
    mux_tick(&mux, 100 + MUX_FLUSH_MS);
    ck_assert_str_eq(terminal(), "[other] login: \\\r\n");
    ck_assert_uint_eq(mux_deadline(&mux), UINT64_MAX);
    out(1, "root\r\n", 700);
    ck_assert_str_eq(terminal(), "[other] root\r\n");
    out(1, "x", 800);
    mux_tick(&mux, 2000);
    terminal();
    out(1, "\n", 2001);
    ck_assert_str_eq(terminal(), ""); /* all of that line was shown */
}
END_TEST

START_TEST(a_long_line_of_another_is_cut_visibly)
{
    char text[MUX_LINE_MAX + 11];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 2] = '\n';
    text[sizeof(text) - 1] = '\0';
    out(1, text, 1);
    const char *got = terminal();
    ck_assert_uint_eq(strlen(got), 2 * strlen("[other] \r\n") + 1 + MUX_LINE_MAX + 9);
    ck_assert_ptr_nonnull(strstr(got, "x\\\r\n[other] xxxxxxxxx\r\n"));
}
END_TEST

START_TEST(focus_moves_and_shows_the_line_that_was_begun)
{
    out(0, "linux# ", 1);
    out(1, "other# ", 1);
    terminal();
    keys("\0352");
    ck_assert_str_eq(terminal(), "\\\r\n[console] focus: 2 other\r\nother# ");
    keys("x");
    ck_assert_str_eq(input(1), "x");
    out(0, "late\n", 5);
    ck_assert_str_eq(terminal(), "");
    out(1, "x\r\n", 5);
    ck_assert_str_eq(terminal(), "x\r\n[linux] late\r\n");
    keys("\035n");
    ck_assert_int_eq(mux.focus, 2);
    keys("\035n");
    ck_assert_int_eq(mux.focus, 0);
    terminal();
    keys("\0359");
    ck_assert_int_eq(mux.focus, 0);
    ck_assert_ptr_nonnull(strstr(terminal(), "\a"));
}
END_TEST

START_TEST(keys_are_commands_only_behind_the_prefix)
{
    keys("nlkrqh?1\r\003");
    ck_assert_str_eq(input(0), "nlkrqh?1\r\003");
    ck_assert_int_eq(mux_action(&mux), MUX_NOTHING);
    keys("\035\035");
    ck_assert_str_eq(input(0), "\035");
    keys("\035");
    keys("l");
    ck_assert_int_eq(mux_action(&mux), MUX_LIST);
    ck_assert_int_eq(mux_action(&mux), MUX_NOTHING);
    keys("\035k");
    ck_assert_int_eq(mux_action(&mux), MUX_STOP);
    keys("\035r");
    ck_assert_int_eq(mux_action(&mux), MUX_RESTART);
    keys("\035q");
    ck_assert_int_eq(mux_action(&mux), MUX_OFF);
    terminal();
    keys("\035h");
    ck_assert_ptr_nonnull(strstr(terminal(), "q: leave"));
    ck_assert_str_eq(input(0), "");
}
END_TEST

START_TEST(a_second_wish_waits_for_the_first)
{
    keys("\035k\035q");
    ck_assert_int_eq(mux_action(&mux), MUX_STOP);
    ck_assert_int_eq(mux_action(&mux), MUX_NOTHING);
    ck_assert_ptr_nonnull(strstr(terminal(), "\a"));
}
END_TEST

START_TEST(input_is_bounded_and_its_loss_is_told)
{
    for (size_t i = 0; i < MUX_INPUT_MAX; i++)
        keys(i % 2 ? "b" : "a");
    ck_assert_str_eq(terminal(), "");
    keys("x");
    ck_assert_str_eq(terminal(), "\a[console] linux does not read its input: keys are dropped\r\n");
    keys("yz");
    ck_assert_str_eq(terminal(), "\a\a"); /* told once, but heard each time */
    ck_assert_mem_eq(mux.input[0], "abab", 4);
    mux_input_taken(&mux, 0, 100);
    ck_assert_str_eq(terminal(), "[console] linux reads again; 3 keys were dropped so far\r\n");
    keys("0123");
    const char *text = input(0);
    ck_assert_uint_eq(strlen(text), MUX_INPUT_MAX - 100 + 4);
    ck_assert_str_eq(text + MUX_INPUT_MAX - 100 - 2, "ab0123");
}
END_TEST

START_TEST(a_console_without_input_says_so)
{
    mux_focus(&mux, 2, 0);
    terminal();
    keys("abc");
    ck_assert_str_eq(terminal(), "\a[console] echo takes no input: keys are dropped\r\n\a\a");
    ck_assert_str_eq(input(2), "");
}
END_TEST

START_TEST(dropped_output_is_told)
{
    mux_dropped(&mux, 1, 12345, 1);
    ck_assert_str_eq(terminal(), "[console] other dropped 12345 bytes of output\r\n");
    out(0, "half", 1);
    mux_dropped(&mux, 0, 1, 1);
    out(0, "\r\n", 1);
    ck_assert_str_eq(terminal(), "half\r\n[console] linux dropped 1 bytes of output\r\n");
}
END_TEST

START_TEST(a_long_text_of_the_console_breaks_the_line_once)
{
    out(0, "# ", 1);
    terminal();
    mux_print(&mux, "one\ntwo\n");
    ck_assert_str_eq(terminal(), "\\\r\n[console] one\r\n[console] two\r\n# ");
}
END_TEST

START_TEST(a_ready_mux_loses_nothing)
{
    uint8_t newlines[MUX_CHUNK_MAX];
    memset(newlines, '\n', sizeof(newlines));
    int stranger = mux_add(&mux, "a name as long as a name can be", 1, 2, false, false);
    while (mux_ready(&mux)) {
        out(0, "incomplete", 1);
        mux_output(&mux, stranger, newlines, sizeof(newlines), 1);
    }
    ck_assert_uint_eq(mux.output_lost, 0);
    ck_assert_uint_gt(mux.output_put - mux.output_taken, MUX_CHUNK_MAX);
    terminal();
    ck_assert(mux_ready(&mux));
}
END_TEST

/* The lines that linux and echo print are numbered; whatever else happens, each is seen whole. */
START_TEST(at_random_no_line_is_torn)
{
    static char all[1 << 20];
    size_t used = 0;
    int numbers[3] = {0};
    char line[3][32] = {"", "", ""};
    size_t at[3] = {0};
    uint64_t now = 0;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        int console = rand() % 3;
        if (line[console][at[console]] == '\0') {
            snprintf(line[console], sizeof(line[console]), "%c%06d.\r\n", "xyz"[console],
                     numbers[console]++);
            at[console] = 0;
        }
        size_t n = 1 + (size_t)rand() % strlen(line[console] + at[console]);
        mux_output(&mux, console, (uint8_t *)line[console] + at[console], n, now);
        at[console] += n;
        now += (uint64_t)rand() % 20;
        if (rand() % 3 == 0)
            now += 400;
        if (now >= mux_deadline(&mux))
            mux_tick(&mux, now);
        ck_assert_uint_lt(used + MUX_OUTPUT_MAX, sizeof(all));
        strcpy(all + used, terminal());
        used += strlen(all + used);
    }
    for (int i = 0; i + 2 < numbers[0]; i++) {
        char whole[32];
        snprintf(whole, sizeof(whole), "x%06d.\r\n", i);
        const char *found = strstr(all, whole);
        ck_assert_ptr_nonnull(found);
        ck_assert(found == all || found[-1] == '\n');
    }
    for (const char *next = all; next != NULL && *next != '\0';) {
        ck_assert(next[0] == 'x' || next[0] == '[');
        next = strchr(next, '\n');
        next = next == NULL ? NULL : next + 1;
    }
}
END_TEST

START_TEST(any_events_in_any_order)
{
    uint8_t bytes[MUX_CHUNK_MAX];
    uint64_t now = 0;
    srand(2);
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)rand() % sizeof(bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = rand() % 4 ? (uint8_t)rand() : (uint8_t) "\n\r\035n1lx?"[rand() % 8];
        now += (uint64_t)rand() % 100;
        switch (rand() % 6) {
        case 0:
            mux_keys(&mux, bytes, n, now);
            break;
        case 1:
            mux_tick(&mux, now);
            break;
        case 2:
            mux_dropped(&mux, rand() % 6 - 1, n, now);
            break;
        case 3:
            (void)mux_action(&mux);
            (void)input(rand() % mux.consoles);
            break;
        default:
            if (mux_ready(&mux))
                mux_output(&mux, rand() % 5 - 1, bytes, n, now);
        }
        if (rand() % 4 == 0)
            terminal();
    }
}
END_TEST

START_TEST(a_stream_has_its_place)
{
    static struct mux_undo undo;
    const struct keel_stream_place place = {.stream = 7, .position = 100};
    mux_place(&mux, 0, &place);
    mux_place(&mux, MUX_CONSOLES_MAX, &place);
    out(0, "abc", 0);
    ck_assert_uint_eq(mux.console[0].place.stream, 7);
    ck_assert_uint_eq(mux.console[0].place.position, 103);
    mux_begin(&mux, &undo);
    out(0, "d", 0);
    ck_assert(mux_recover(&mux, &undo)); /* it was not heard */
    ck_assert_uint_eq(mux.console[0].place.position, 103);
}
END_TEST

/* Who drops as much as it likes displaces nobody's output. */
START_TEST(dropped_output_is_told_when_there_is_room)
{
    for (int i = 0; i < 1000; i++)
        mux_dropped(&mux, 1, 10, 0);
    ck_assert(!mux_ready(&mux));
    ck_assert_uint_eq(mux.output_lost, 0);
    ck_assert_uint_gt(mux.console[1].dropped, 0);
    uint64_t left = mux.console[1].dropped;
    char expected[100];
    terminal();
    mux_dropped(&mux, 1, 0, 0);
    snprintf(expected, sizeof(expected), "[console] other dropped %llu bytes of output\r\n",
             (unsigned long long)left);
    ck_assert_str_eq(terminal(), expected);
    mux_dropped(&mux, 1, 0, 0);
    ck_assert_str_eq(terminal(), "");
}
END_TEST

/* Whatever a change has done so far, it has not been done. */
START_TEST(an_unfinished_change_is_undone)
{
    static struct mux_undo undo;
    out(0, "half a l", 0);
    out(1, "held\n", 0);
    ck_assert_str_eq(terminal(), "half a l");
    mux_begin(&mux, &undo);
    out(0, "ost line\nand more", 0);
    out(1, "another\n", 0);
    keys("k");
    ck_assert(mux_recover(&mux, &undo));
    ck_assert_str_eq(input(0), "");
    out(0, "ine\n", 0);
    ck_assert_str_eq(terminal(), "ine\n[other] held\r\n");
    ck_assert(mux_recover(&mux, &undo)); /* nothing is unfinished now */
    mux.focus = mux.consoles;
    ck_assert(!mux_recover(&mux, &undo));
    mux.focus = 0;
    mux.console[1].used = MUX_LINE_MAX + 1;
    ck_assert(!mux_recover(&mux, &undo));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("console_mux");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, focused_bytes_pass_unchanged);
    tcase_add_test(tests, a_focused_service_gets_carriage_returns);
    tcase_add_test(tests, others_come_in_whole_lines_with_their_name);
    tcase_add_test(tests, others_move_no_cursor);
    tcase_add_test(tests, others_wait_for_the_focused_line_to_end);
    tcase_add_test(tests, after_a_while_the_focused_line_is_broken_and_drawn_again);
    tcase_add_test(tests, a_line_that_was_overwritten_is_drawn_as_it_stands);
    tcase_add_test(tests, what_is_held_back_is_bounded);
    tcase_add_test(tests, an_incomplete_line_of_another_is_shown_after_a_while);
    tcase_add_test(tests, a_long_line_of_another_is_cut_visibly);
    tcase_add_test(tests, focus_moves_and_shows_the_line_that_was_begun);
    tcase_add_test(tests, keys_are_commands_only_behind_the_prefix);
    tcase_add_test(tests, a_second_wish_waits_for_the_first);
    tcase_add_test(tests, input_is_bounded_and_its_loss_is_told);
    tcase_add_test(tests, a_console_without_input_says_so);
    tcase_add_test(tests, dropped_output_is_told);
    tcase_add_test(tests, a_long_text_of_the_console_breaks_the_line_once);
    tcase_add_test(tests, a_ready_mux_loses_nothing);
    tcase_add_test(tests, at_random_no_line_is_torn);
    tcase_add_test(tests, any_events_in_any_order);
    tcase_add_test(tests, a_stream_has_its_place);
    tcase_add_test(tests, dropped_output_is_told_when_there_is_room);
    tcase_add_test(tests, an_unfinished_change_is_undone);

    Suite *suite = suite_create("console_mux");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
