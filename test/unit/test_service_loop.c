/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of services on a fake kernel: who is called, what is answered, what is not lost.
 */
#include <runtime/loop.h>

#include <check.h>
#include <keel/calls.h>
#include <keel/counter.h>
#include <runtime/events.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t fake_counter;

uint64_t keel_counter(void)
{
    return fake_counter;
}

uint64_t keel_counter_frequency(void)
{
    return 1000;
}

/* --- the fake kernel: records calls as text, and has the rings that were registered --- */

static char calls[4096];
static struct keel_argo_ring *kernel_ring, *port_ring;
static uint32_t kernel_len, port_len;
static uint64_t next_word;
static int64_t reply_wait_result;

static __attribute__((format(printf, 1, 2))) void record(const char *format, ...)
{
    va_list args;
    size_t used = strlen(calls);
    va_start(args, format);
    vsnprintf(calls + used, sizeof(calls) - used, format, args);
    va_end(args);
}

static uint64_t word_take(void)
{
    uint64_t word = next_word;
    next_word = 0;
    return word;
}

int64_t keel_wait(uint64_t deadline)
{
    record("wait %llu; ", (unsigned long long)deadline);
    return (int64_t)word_take();
}

int64_t keel_reply_wait(keel_peer peer, uint64_t seq, uint64_t action, uint64_t value,
                        uint64_t deadline)
{
    record("reply_wait %llu %llu %llu %llu %llu; ", (unsigned long long)peer,
           (unsigned long long)seq, (unsigned long long)action, (unsigned long long)value,
           (unsigned long long)deadline);
    return reply_wait_result < 0 ? reply_wait_result : (int64_t)word_take();
}

int64_t keel_reply(keel_peer peer, uint64_t seq, uint64_t action, uint64_t value)
{
    record("reply %llu %llu %llu %llu; ", (unsigned long long)peer, (unsigned long long)seq,
           (unsigned long long)action, (unsigned long long)value);
    return 0;
}

int64_t keel_irq_done(uint64_t bits)
{
    record("irq_done %llx; ", (unsigned long long)bits);
    return 0;
}

int64_t keel_argo(uint64_t op, const struct keel_argo_send_addr *arg1,
                  const struct keel_argo_iov *arg2, uint64_t arg3, uint64_t arg4)
{
    const struct keel_argo_register_ring *request = (const void *)arg1;
    (void)arg4;
    if (op == KEEL_ARGO_NOTIFY)
        record("notify; ");
    if (op != KEEL_ARGO_REGISTER_RING)
        return 0;
    const uint64_t *frames = (const void *)arg2;
    ck_assert_uint_eq(arg3, KEEL_ARGO_PAGES(request->len));
    struct keel_argo_ring *ring = (void *)(uintptr_t)(frames[0] << KEEL_PAGE_SHIFT);
    if (request->aport == KEEL_PORT_KERNEL) {
        ck_assert_uint_eq(request->partner_id, KEEL_DOMAIN_KERNEL);
        kernel_ring = ring;
        kernel_len = request->len;
    } else {
        port_ring = ring;
        port_len = request->len;
    }
    return 0;
}

static void append(struct keel_argo_ring *ring, uint32_t len, uint32_t type, const void *payload,
                   uint32_t n)
{
    struct keel_argo_message_header header = {n + 16, {1, 2, 0}, type};
    uint32_t at = ring->tx_ptr;
    memcpy(&ring->ring[at], &header, sizeof(header));
    for (uint32_t i = 0; i < n; i++)
        ring->ring[(at + 16 + i) % len] = ((const uint8_t *)payload)[i];
    ring->tx_ptr = (at + 16 + argo_slots(n)) % len;
}

static void exit_add(uint64_t seq)
{
    struct keel_exit exit = {.peer = 77, .kind = KEEL_EXIT_READ, .size = 4, .seq = seq};
    append(kernel_ring, kernel_len, KEEL_MESSAGE_EXIT, &exit, sizeof(exit));
}

static const char *made(void)
{
    static char copy[sizeof(calls)];
    memcpy(copy, calls, sizeof(copy));
    calls[0] = '\0';
    return copy;
}

/* --- handlers --- */

static struct loop_reply answer_seq(void *context, const struct keel_exit *exit)
{
    (void)context;
    return loop_done(exit->seq * 10);
}

static struct loop_reply answer_never(void *context, const struct keel_exit *exit)
{
    (void)context;
    (void)exit;
    return loop_later();
}

static bool accepting;
static bool on_message(void *context, const struct argo_message *message)
{
    (void)context;
    if (accepting)
        record("message %u; ", message->type);
    return accepting;
}

static void on_life(void *context, const struct keel_life *life)
{
    (void)context;
    record("life %u; ", life->state);
}

static void on_handler(void *context)
{
    record("%s; ", (const char *)context);
}

static char name_lost[] = "lost", name_space[] = "space", name_one[] = "one", name_two[] = "two";

static void on_interrupt(void *context, uint32_t bit)
{
    (void)context;
    record("interrupt %u; ", bit);
}

static uint64_t again(uint64_t events)
{
    return loop_turn(events);
}

static void setup(void)
{
    ck_assert_int_eq(loop_begin(), 0);
    loop_exits(answer_seq, NULL);
    ck_assert_uint_eq(kernel_len % 80, 0);
}

START_TEST(the_common_path_is_one_call)
{
    next_word = EVENT(KEEL_EVENT_KERNEL);
    uint64_t events = again(LOOP_FIRST);
    ck_assert_str_eq(made(), "wait 0; ");
    for (uint64_t seq = 1; seq < 1000; seq++) { /* around the ring more than once */
        char expected[64];
        exit_add(seq);
        next_word = EVENT(KEEL_EVENT_KERNEL);
        events = again(events);
        snprintf(expected, sizeof(expected), "reply_wait 77 %llu 0 %llu 0; ",
                 (unsigned long long)seq, (unsigned long long)seq * 10);
        ck_assert_str_eq(made(), expected);
        ck_assert_uint_eq(kernel_ring->rx_ptr, kernel_ring->tx_ptr);
    }
}
END_TEST

START_TEST(several_exits_are_all_answered)
{
    exit_add(1);
    exit_add(2);
    exit_add(3);
    (void)again(EVENT(KEEL_EVENT_KERNEL));
    ck_assert_str_eq(made(), "reply 77 1 0 10; reply 77 2 0 20; reply_wait 77 3 0 30 0; ");
}
END_TEST

START_TEST(an_exit_that_wraps_is_read_whole)
{
    kernel_ring->tx_ptr = kernel_ring->rx_ptr = 0;
    for (int i = 0; i < 3; i++) { /* 32 bytes each: the next exit ends behind the ring */
        append(kernel_ring, kernel_len, 99, "0123456789abcdef", 16);
        (void)again(EVENT(KEEL_EVENT_KERNEL));
    }
    made();
    for (uint64_t seq = 1; seq < 300; seq++) {
        exit_add(seq);
        (void)again(EVENT(KEEL_EVENT_KERNEL));
        ck_assert_str_ne(made(), "wait 0; ");
    }
}
END_TEST

START_TEST(a_failed_answer_stops_nothing)
{
    exit_add(1);
    reply_wait_result = -KEEL_ENOENT;
    uint64_t events = again(EVENT(KEEL_EVENT_KERNEL));
    ck_assert_uint_eq(events, LOOP_FIRST);
    exit_add(2);
    reply_wait_result = 0;
    made();
    (void)again(events);
    ck_assert_str_eq(made(), "reply 77 2 0 20; wait 0; "); /* it looked at everything */
}
END_TEST

START_TEST(a_later_answer_is_not_sent)
{
    loop_exits(answer_never, NULL);
    exit_add(1);
    (void)again(EVENT(KEEL_EVENT_KERNEL));
    ck_assert_str_eq(made(), "wait 0; ");
}
END_TEST

START_TEST(life_and_loss_reach_their_handlers)
{
    struct keel_life life = {.state = KEEL_DOMAIN_STOPPED};
    static struct loop_watch watch = {.life = on_life, .lost = on_handler, .context = name_lost};
    loop_watch(&watch);
    append(kernel_ring, kernel_len, KEEL_MESSAGE_LIFE, &life, sizeof(life));
    exit_add(4);
    (void)again(EVENT(KEEL_EVENT_KERNEL) | EVENT(KEEL_EVENT_LOST));
    ck_assert_str_eq(made(), "life 4; reply 77 4 0 40; lost; wait 0; ");
}
END_TEST

/* It takes longer than a turn, and meanwhile the next one ends. */
static void on_death(void *context, const struct keel_life *life)
{
    (void)context;
    record("life; ");
    fake_counter += 50;
    append(kernel_ring, kernel_len, KEEL_MESSAGE_LIFE, life, sizeof(*life));
}

START_TEST(deaths_without_end_do_not_hold_up_messages_and_timers)
{
    struct keel_life life = {.state = KEEL_DOMAIN_STOPPED};
    static struct loop_watch watch = {.life = on_death};
    static struct loop_timer timer;
    uint64_t events = EVENT(KEEL_EVENT_KERNEL) | EVENT(KEEL_EVENT_ARGO);

    accepting = true;
    loop_watch(&watch);
    ck_assert_int_eq(loop_port(5, KEEL_DOMAIN_ANY, 8000, on_message, NULL), 0);
    append(port_ring, port_len, 1, "", 0);
    append(kernel_ring, kernel_len, KEEL_MESSAGE_LIFE, &life, sizeof(life));
    loop_timer_set(&timer, fake_counter + 70, on_handler, name_one);
    events = again(events);
    ck_assert_str_eq(made(), "life; message 1; notify; wait 1; ");
    ck_assert_uint_eq(events, EVENT(KEEL_EVENT_KERNEL));
    events = again(events);
    ck_assert_str_eq(made(), "life; one; wait 1; ");
    ck_assert_uint_eq(events, EVENT(KEEL_EVENT_KERNEL));
}
END_TEST

START_TEST(messages_are_handled_and_space_is_told)
{
    accepting = true;
    ck_assert_int_eq(loop_port(5, KEEL_DOMAIN_ANY, 8000, on_message, NULL), 0);
    static struct loop_watch watch = {.space = on_handler, .context = name_space};
    loop_watch(&watch);
    append(port_ring, port_len, 1, "x", 1);
    append(port_ring, port_len, 2, "", 0);
    exit_add(1);
    (void)again(EVENT(KEEL_EVENT_ARGO) | EVENT(KEEL_EVENT_KERNEL));
    ck_assert_str_eq(made(), "reply 77 1 0 10; message 1; message 2; notify; space; wait 0; ");
}
END_TEST

START_TEST(a_flood_of_messages_does_not_hold_up_exits)
{
    accepting = true;
    ck_assert_int_eq(loop_port(5, KEEL_DOMAIN_ANY, 8000, on_message, NULL), 0);
    for (int i = 0; i < 100; i++)
        append(port_ring, port_len, 7, "", 0);
    next_word = EVENT(KEEL_EVENT_KERNEL); /* an exit comes meanwhile */
    exit_add(1);
    uint64_t events = again(EVENT(KEEL_EVENT_ARGO));
    ck_assert_uint_eq(events, EVENT(KEEL_EVENT_ARGO) | EVENT(KEEL_EVENT_KERNEL));
    ck_assert_ptr_nonnull(strstr(made(), "notify; wait 1; ")); /* the word is taken, without waiting */
    events = again(events);
    ck_assert_ptr_eq(strstr(calls, "reply 77 1 0 10; "), calls);
    while (port_ring->rx_ptr != port_ring->tx_ptr)
        events = again(events);
}
END_TEST

START_TEST(a_refused_message_stays_until_resumed)
{
    accepting = false;
    ck_assert_int_eq(loop_port(5, KEEL_DOMAIN_ANY, 100, on_message, NULL), 0);
    append(port_ring, port_len, 1, "x", 1);
    (void)again(EVENT(KEEL_EVENT_ARGO));
    accepting = true;
    (void)again(EVENT(KEEL_EVENT_ARGO));
    ck_assert_str_eq(made(), "wait 0; wait 0; ");
    loop_port_resume(5);
    uint64_t events = again(EVENT(KEEL_EVENT_TIME));
    ck_assert_uint_eq(events, EVENT(KEEL_EVENT_ARGO));
    (void)again(events);
    ck_assert_str_eq(made(), "wait 1; message 1; notify; wait 0; ");
}
END_TEST

/* 1000 ticks a second: a pace of 100 ms is 100 ticks. */
START_TEST(a_port_has_a_pace)
{
    accepting = true;
    fake_counter = 5000;
    ck_assert_int_eq(loop_port(5, KEEL_DOMAIN_ANY, 200, on_message, NULL), 0);
    loop_port_pace(5, 100000000);
    append(port_ring, port_len, 1, "a", 1);
    (void)again(EVENT(KEEL_EVENT_ARGO)); /* the first one at once */
    ck_assert_str_eq(made(), "message 1; notify; wait 0; ");
    fake_counter += 10;
    (void)again(EVENT(KEEL_EVENT_ARGO)); /* nothing there: nothing to be woken for */
    ck_assert_str_eq(made(), "wait 0; ");
    append(port_ring, port_len, 2, "b", 1);
    (void)again(EVENT(KEEL_EVENT_ARGO));
    ck_assert_str_eq(made(), "wait 5100; ");
    append(port_ring, port_len, 3, "c", 1);
    fake_counter = 5099;
    (void)again(EVENT(KEEL_EVENT_ARGO));
    ck_assert_str_eq(made(), "wait 5100; ");
    fake_counter = 5100;
    uint64_t events = again(EVENT(KEEL_EVENT_TIME));
    ck_assert_uint_eq(events, EVENT(KEEL_EVENT_ARGO));
    (void)again(events);
    ck_assert_str_eq(made(), "wait 1; message 2; message 3; notify; wait 0; ");
}
END_TEST

START_TEST(interrupts_are_handled_and_then_done)
{
    struct keel_device device = {.irq_bit = 33, .irqs = 2};
    ck_assert_int_eq(loop_interrupts(&device, on_interrupt, NULL), 0);
    ck_assert_str_eq(made(), "irq_done 600000000; ");
    (void)again(EVENT(34) | EVENT(63));
    ck_assert_str_eq(made(), "interrupt 34; irq_done 8000000400000000; wait 0; ");
    device.irq_bit = 0xffffffff;
    ck_assert_int_lt(loop_interrupts(&device, on_interrupt, NULL), 0);
    device = (struct keel_device){.irq_bit = 63, .irqs = 2};
    ck_assert_int_lt(loop_interrupts(&device, on_interrupt, NULL), 0);
}
END_TEST

START_TEST(timers_run_when_due_even_while_exits_come)
{
    static struct loop_timer one, two;
    fake_counter = 100;
    loop_timer_set(&one, 200, on_handler, name_one);
    loop_timer_set(&two, 150, on_handler, name_two);
    exit_add(1);
    (void)again(EVENT(KEEL_EVENT_KERNEL));
    ck_assert_str_eq(made(), "reply_wait 77 1 0 10 150; ");
    fake_counter = 160;
    exit_add(2);
    (void)again(EVENT(KEEL_EVENT_KERNEL));
    ck_assert_str_eq(made(), "reply 77 2 0 20; two; wait 200; ");
    loop_timer_set(&one, 300, on_handler, name_one);
    fake_counter = 200;
    (void)again(EVENT(KEEL_EVENT_TIME));
    ck_assert_str_eq(made(), "wait 300; ");
    loop_timer_stop(&one);
    loop_timer_stop(&two);
    fake_counter = 1000;
    (void)again(EVENT(KEEL_EVENT_TIME));
    ck_assert_str_eq(made(), "wait 0; ");
}
END_TEST

START_TEST(a_sleep_keeps_the_events_of_others)
{
    fake_counter = 100;
    next_word = EVENT(KEEL_EVENT_KERNEL);
    ck_assert_uint_eq(events_wait_for(EVENT(KEEL_EVENT_KERNEL), 0), EVENT(KEEL_EVENT_KERNEL));
    events_kept = EVENT(KEEL_EVENT_ARGO) | EVENT(40);
    ck_assert_uint_eq(events_wait_for(EVENT(KEEL_EVENT_KERNEL), 50), 0);
    made();
    exit_add(1);
    uint64_t events = again(EVENT(KEEL_EVENT_KERNEL));
    ck_assert_str_eq(made(), "reply 77 1 0 10; wait 1; ");
    ck_assert_uint_eq(events, EVENT(KEEL_EVENT_ARGO) | EVENT(40));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("service_loop");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, the_common_path_is_one_call);
    tcase_add_test(tests, several_exits_are_all_answered);
    tcase_add_test(tests, an_exit_that_wraps_is_read_whole);
    tcase_add_test(tests, a_failed_answer_stops_nothing);
    tcase_add_test(tests, a_later_answer_is_not_sent);
    tcase_add_test(tests, life_and_loss_reach_their_handlers);
    tcase_add_test(tests, deaths_without_end_do_not_hold_up_messages_and_timers);
    tcase_add_test(tests, messages_are_handled_and_space_is_told);
    tcase_add_test(tests, a_flood_of_messages_does_not_hold_up_exits);
    tcase_add_test(tests, a_refused_message_stays_until_resumed);
    tcase_add_test(tests, a_port_has_a_pace);
    tcase_add_test(tests, interrupts_are_handled_and_then_done);
    tcase_add_test(tests, timers_run_when_due_even_while_exits_come);
    tcase_add_test(tests, a_sleep_keeps_the_events_of_others);

    Suite *suite = suite_create("service_loop");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
