/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices service without its loop: exits go in, and the test is the kernel, the console and
 * the clock around it.
 */
#include "guest.h"
#include "pl011_regs.h"
#include "pl031_regs.h"

#include <check.h>
#include <keel/calls.h>
#include <keel/counter.h>
#include <keel/machine.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#define HZ          1000000u
#define EDGE        5
#define INCARNATION 3
#define UART        KEEL_MACHINE_UART
#define NO_ANSWER   UINT64_MAX

static struct guest_vault vault;
static struct guest_config config;

/* Numbers of the calls, learned from the generated stubs (see setup). */
static uint64_t last_call;
static uint64_t call_irq_raise, call_irq_configure, call_irq_read, call_reply, call_stop,
    call_start, call_state, call_control;

static struct {
    uint64_t now;
    uint8_t line[256]; /* level of each INTID */
    unsigned raised;   /* calls of irq_raise */
    unsigned busy;     /* how often irq_configure and irq_read say EAGAIN */
    unsigned configured, read;
    uint64_t stopped;    /* reason */
    uint64_t replied[4]; /* seq of `reply` */
    unsigned replies;
    uint64_t started_pc;
    int64_t start_status;
    int console; /* what argo_send_to returns */
    char output[2 * LINE_BYTES];
    size_t printed;
    uint64_t dropped;
    unsigned messages;
    struct loop_timer *timers;
    bool resumed;
    bool reborn;          /* a life may repeat what the one before did */
    uint64_t stream;      /* the line's, */
    uint64_t position;    /* and what comes next of it */
    unsigned calls, last; /* so far; at which the service dies (0: never) */
} world;

static jmp_buf death;

/* Half of the deaths come before what a call does, half behind it. */
static bool dies(void)
{
    return world.last != 0 && ++world.calls == world.last;
}

int64_t keel_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                  uint64_t f, uint64_t *second)
{
    (void)e;
    (void)f;
    (void)second;
    last_call = number;
    if (call_control == 0) { /* learning */
        return 0;
    }
    if (number != call_reply) {
        ck_assert_uint_eq(a, KEEL_PEER(EDGE, INCARNATION));
    }
    if (number == call_irq_raise) {
        ck_assert_uint_lt(b, sizeof(world.line));
        ck_assert(world.line[b] != c || world.reborn); /* only changes are told */
        world.line[b] = (uint8_t)c;
        world.raised++;
        return 0;
    }
    if (number == call_irq_configure || number == call_irq_read || number == call_control) {
        if (world.busy > 0) {
            world.busy--;
            return -KEEL_EAGAIN;
        }
        if (number == call_irq_read) {
            memset((void *)(uintptr_t)d, 1, e * sizeof(struct keel_irq_state));
            world.read++;
        } else {
            world.configured++;
        }
        return 0;
    }
    if (number == call_reply) {
        ck_assert_uint_lt(world.replies, 4);
        world.replied[world.replies++] = b;
        return 0;
    }
    if (number == call_stop) {
        world.stopped = b;
        return 0;
    }
    if (number == call_start) {
        world.started_pc = c;
        return world.start_status;
    }
    if (number == call_state) {
        return b == 0;
    }
    return 0;
}

uint64_t keel_counter(void)
{
    return world.now;
}

uint64_t keel_counter_frequency(void)
{
    return HZ;
}

/* What the console hears of the guest's line, each byte once. */
int argo_sendv_to(const struct keel_connection *connection, uint32_t port, uint32_t type,
                  const struct keel_argo_iov *pieces, size_t pieces_n)
{
    struct keel_stream_place place;
    char text[KEEL_CONSOLE_BYTES_MAX];
    size_t n = 0;
    ck_assert_uint_eq(connection->port, KEEL_PORT_CONSOLE);
    ck_assert_uint_eq(port, KEEL_PORT_GUEST);
    ck_assert_uint_eq(type, KEEL_STREAM_BYTES);
    ck_assert_uint_eq(pieces[0].iov_len, sizeof(place));
    if (world.console < 0) {
        return world.console;
    }
    world.messages++;
    memcpy(&place, (const void *)(uintptr_t)pieces[0].iov_hnd, sizeof(place));
    for (size_t i = 1; i < pieces_n; i++) {
        ck_assert_uint_le(n + pieces[i].iov_len, sizeof(text) - sizeof(place));
        memcpy(text + n, (const void *)(uintptr_t)pieces[i].iov_hnd, pieces[i].iov_len);
        n += pieces[i].iov_len;
    }
    ck_assert(place.stream == world.stream || world.stream == 0);
    world.stream = place.stream;
    if (place.position > world.position) { /* left out */
        world.dropped += place.position - world.position;
        world.position = place.position;
    }
    ck_assert(place.position == world.position || world.reborn);
    if (dies())
        longjmp(death, 1);
    size_t known = world.position - place.position, fresh = n > known ? n - known : 0;
    ck_assert_uint_le(world.printed + fresh, sizeof(world.output));
    memcpy(world.output + world.printed, text + n - fresh, fresh);
    world.printed += fresh;
    world.position += fresh;
    if (dies())
        longjmp(death, 1);
    return (int)n;
}

int argo_send_to(const struct keel_connection *connection, uint32_t port, uint32_t type,
                 const void *bytes, size_t n)
{
    const struct keel_argo_iov piece = {.iov_hnd = (uintptr_t)bytes, .iov_len = (uint32_t)n};
    return argo_sendv_to(connection, port, type, &piece, 1);
}

int argo_send(uint32_t port, struct keel_argo_addr to, uint32_t type, const void *bytes, size_t n)
{
    (void)port;
    (void)to;
    (void)type;
    (void)bytes;
    (void)n;
    ck_abort_msg("nothing is refused");
}

static struct loop_watch *watch;

void loop_watch(struct loop_watch *added)
{
    watch = added;
}

static void space_comes(void)
{
    if (watch->space != NULL)
        watch->space(watch->context);
}

void peer_watch(struct peer_watch *added)
{
    (void)added;
}

void peer_follow(struct peer_ring *ring)
{
    (void)ring;
}

void peer_follow_domain(struct peer_ring *ring, uint16_t domain)
{
    (void)ring;
    (void)domain;
}

static uint32_t lives;

keel_peer keel_self(void)
{
    return KEEL_PEER(0, lives);
}

void loop_timer_stop(struct loop_timer *timer)
{
    struct loop_timer **link = &world.timers;
    while (*link && *link != timer) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = timer->next;
    }
    timer->deadline = 0;
}

void loop_timer_set(struct loop_timer *timer, uint64_t deadline, loop_handler *handler,
                    void *context)
{
    loop_timer_stop(timer);
    *timer = (struct loop_timer){deadline, handler, context, world.timers};
    world.timers = timer;
}

static struct guest guest;

void port_resume(struct port *port)
{
    ck_assert_ptr_eq(port, &guest.port);
    world.resumed = true;
}

static void time_passes(uint64_t ticks)
{
    world.now += ticks;
    for (struct loop_timer *timer = world.timers; timer;) {
        if (timer->deadline <= world.now) {
            loop_timer_stop(timer);
            timer->handler(timer->context);
            timer = world.timers;
        } else {
            timer = timer->next;
        }
    }
}

static struct keel_connection console = {.port = KEEL_PORT_CONSOLE, .rights = KEEL_RIGHT_SEND};
static uint64_t seq;

static uint64_t learn(int64_t status)
{
    (void)status;
    return last_call;
}

static void setup(void)
{
    call_irq_raise = learn(keel_irq_raise(0, 0, 0));
    call_irq_configure = learn(keel_irq_configure(0, 0));
    call_irq_read = learn(keel_irq_read(0, 0, 0, NULL, 0));
    call_reply = learn(keel_reply(0, 0, 0, 0));
    call_stop = learn(keel_domain_stop(0, 0, 0));
    call_start = learn(keel_vcpu_start(0, 0, 0, 0));
    call_state = learn(keel_vcpu_state(0, 0));
    call_control = learn(keel_irq_controller(0, 0));

    config = (struct guest_config){
        .vcpus = 2,
        .spis = 32,
        .uart = {UART, KEEL_MACHINE_UART_IRQ},
        .rtc = {KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_IRQ},
        .epoch = 1000,
        .interrupt_edge = EDGE,
        .vcpu_edge = EDGE,
        .stop_edge = EDGE,
    };
    memset(&world, 0, sizeof(world));
    ck_assert(guest_init(&guest, &config, &console, &vault, false));
}

static struct loop_reply exit_through(uint32_t edge, uint16_t kind, uint8_t vcpu, uint8_t size,
                                      uint64_t a, uint64_t b)
{
    struct keel_exit exit = {.peer = KEEL_PEER(edge, INCARNATION),
                             .kind = kind,
                             .vcpu = vcpu,
                             .size = size,
                             .seq = ++seq,
                             .args = {a, b, 0xdead, 0xbeef, 0}};
    return guest_exit(&guest, &exit);
}

static struct loop_reply exit_of(uint16_t kind, uint8_t vcpu, uint8_t size, uint64_t a, uint64_t b)
{
    return exit_through(EDGE, kind, vcpu, size, a, b);
}

static uint64_t read_from(uint64_t address, uint8_t size)
{
    struct loop_reply reply = exit_of(KEEL_EXIT_READ, 0, size, address, 0);
    return reply.action == KEEL_REPLY_DONE ? reply.value : NO_ANSWER;
}

static uint64_t write_to(uint64_t address, uint8_t size, uint64_t value)
{
    return exit_of(KEEL_EXIT_WRITE, 0, size, address, value).action;
}

static void print(const char *text)
{
    for (; *text; text++) {
        ck_assert_uint_eq(write_to(UART + UARTDR, 4, (uint8_t)*text), KEEL_REPLY_DONE);
    }
}

START_TEST(finds_each_device)
{
    ck_assert_uint_eq(read_from(UART + UARTFR, 4), UARTFR_TXFE | UARTFR_RXFE);
    ck_assert_uint_eq(read_from(UART + UARTFR, 2), UARTFR_TXFE | UARTFR_RXFE);
    ck_assert_uint_eq(read_from(KEEL_MACHINE_GICD + 4, 4) & 0x1F, 1);
    ck_assert_uint_eq(read_from(KEEL_MACHINE_GICR + 0x20008, 8), 0x100000110);
    ck_assert_uint_eq(read_from(KEEL_MACHINE_RTC + RTCDR, 4), 1000);
    ck_assert_uint_eq(guest.refused, 0);
}
END_TEST

START_TEST(refuses_what_nobody_serves)
{
    static const uint64_t nobody[] = {0,
                                      UART - 4,
                                      UART + 0x2000,
                                      KEEL_MACHINE_GICD + 0x10000,
                                      KEEL_MACHINE_GICR + 0x40000,
                                      KEEL_MACHINE_RTC + 0x1000,
                                      KEEL_MACHINE_RAM,
                                      UINT64_MAX & ~7ul};
    for (unsigned i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++) {
        ck_assert_uint_eq(exit_of(KEEL_EXIT_READ, 0, 4, nobody[i], 0).action, KEEL_REPLY_ABORT);
        ck_assert_uint_eq(write_to(nobody[i], 4, 0), KEEL_REPLY_ABORT);
    }
    ck_assert_uint_eq(read_from(UART, 8), NO_ANSWER);
    ck_assert_uint_eq(read_from(UART + 1, 4), NO_ANSWER);
    ck_assert_uint_eq(read_from(KEEL_MACHINE_GICD, 1), NO_ANSWER);
    ck_assert_uint_eq(exit_of(KEEL_EXIT_OPAQUE, 0, 0, UART, 0).action, KEEL_REPLY_ABORT);
    ck_assert_uint_eq(exit_of(99, 0, 4, UART, 0).action, KEEL_REPLY_ABORT);
}
END_TEST

START_TEST(collects_output)
{
    print("one line\r\n");
    ck_assert_uint_eq(world.messages, 1);
    print("# ");
    ck_assert_uint_eq(world.messages, 1);
    time_passes(HZ / 100);
    ck_assert_uint_eq(world.messages, 2);
    ck_assert_str_eq(world.output, "one line\r\n# ");
    for (unsigned i = 0; i < KEEL_CONSOLE_BYTES_MAX + 1; i++) {
        print("x");
    }
    ck_assert_uint_eq(world.messages, 3);
    time_passes(HZ);
    ck_assert_uint_eq(world.messages, 4);
    ck_assert_ptr_null(world.timers);
}
END_TEST

START_TEST(holds_the_writer_while_the_console_is_full)
{
    world.console = -KEEL_EAGAIN;
    for (unsigned i = 0; i < LINE_BYTES; i++) {
        print(i % 64 == 63 ? "\n" : "a");
    }
    struct loop_reply reply = exit_of(KEEL_EXIT_WRITE, 1, 1, UART, 'b');
    uint64_t held = seq;
    ck_assert_uint_eq(reply.action, LOOP_LATER);
    ck_assert_uint_eq(exit_of(KEEL_EXIT_WRITE, 0, 1, UART, 'c').action, LOOP_LATER);
    space_comes(); /* still none */
    ck_assert_uint_eq(world.replies, 0);
    world.console = 0;
    space_comes();
    ck_assert_uint_eq(world.replies, 2);
    ck_assert(world.replied[0] == held || world.replied[1] == held);
    time_passes(HZ);
    ck_assert_uint_eq(world.printed, LINE_BYTES + 2);
    ck_assert_uint_eq(world.dropped, 0);
}
END_TEST

START_TEST(drops_when_the_console_is_stuck)
{
    world.console = -KEEL_ECONNREFUSED;
    for (unsigned i = 0; i < LINE_BYTES; i++) {
        print("a");
    }
    ck_assert_uint_eq(exit_of(KEEL_EXIT_WRITE, 0, 1, UART, 'b').action, LOOP_LATER);
    for (unsigned i = 0; i < 20; i++) {
        time_passes(HZ / 100);
    }
    ck_assert_uint_eq(world.replies, 1);
    print("cdefg"); /* none is held any more */
    ck_assert_uint_eq(world.printed, 0);
    world.console = 0;
    time_passes(HZ / 10); /* it is tried again in a quarter of the time that it has been away */
    ck_assert_uint_eq(world.printed, LINE_BYTES);
    ck_assert_uint_eq(world.dropped, 6);
    print("h\n");
    ck_assert_uint_eq(world.printed, LINE_BYTES + 2);
    ck_assert_ptr_null(world.timers);
    world.console = -KEEL_ECONNREFUSED; /* once more: and once more it is waited for */
    for (unsigned i = 0; i < LINE_BYTES; i++) {
        print("a");
    }
    ck_assert_uint_eq(exit_of(KEEL_EXIT_WRITE, 0, 1, UART, 'b').action, LOOP_LATER);
    ck_assert_uint_eq(world.dropped, 6);
}
END_TEST

/* A ring that holds one message of input. */
static struct {
    struct keel_argo_ring shared;
    uint8_t bytes[512];
} input_ring;

static struct argo_message input(const struct argo_ring *ring, const char *text, uint32_t type)
{
    static uint64_t position;
    const struct keel_stream_place place = {.stream = 5, .position = position};
    memcpy(input_ring.bytes + 16, &place, sizeof(place));
    memcpy(input_ring.bytes + 32, text, strlen(text));
    position += strlen(text);
    return (struct argo_message){.ring = ring,
                                 .type = type,
                                 .source = {.aport = KEEL_PORT_CONSOLE},
                                 .bytes = 16 + (uint32_t)strlen(text),
                                 .start = 16};
}

static bool give(const struct argo_message *message)
{
    return guest.port.on_stream(&guest.port, message);
}

START_TEST(takes_input_as_fast_as_the_guest_reads)
{
    const char *text = "the quick brown fox jumps over the lazy dog";
    struct argo_ring ring = {.shared = &input_ring.shared, .len = sizeof(input_ring.bytes)};
    struct argo_message message = input(&ring, text, KEEL_STREAM_BYTES);
    char got[64] = {0};
    unsigned n = 0;

    write_to(UART + UARTLCR_H, 4, UARTLCR_H_FEN);
    write_to(UART + UARTIMSC, 4, PL011_INT_RX | PL011_INT_RT);
    ck_assert(!give(&message));
    ck_assert_uint_eq(world.line[KEEL_MACHINE_UART_IRQ], 1);
    while (n < strlen(text)) {
        uint64_t byte = read_from(UART + UARTDR, 4);
        ck_assert_uint_ne(byte, 0);
        got[n++] = (char)byte;
        if (world.resumed) {
            world.resumed = false;
            give(&message);
        }
    }
    ck_assert_str_eq(got, text);
    ck_assert_uint_eq(world.line[KEEL_MACHINE_UART_IRQ], 0);
    ck_assert_uint_eq(world.raised, 2);
    message = input(&ring, "ignored", 0x999);
    ck_assert(give(&message));
    ck_assert(read_from(UART + UARTFR, 4) & UARTFR_RXFE);
}
END_TEST

START_TEST(alarms_in_time)
{
    write_to(KEEL_MACHINE_RTC + RTCIMSC, 4, 1);
    write_to(KEEL_MACHINE_RTC + RTCMR, 4, 1003);
    time_passes(HZ * 2);
    ck_assert_uint_eq(world.line[KEEL_MACHINE_RTC_IRQ], 0);
    time_passes(HZ);
    ck_assert_uint_eq(world.line[KEEL_MACHINE_RTC_IRQ], 1);
    ck_assert_uint_eq(read_from(KEEL_MACHINE_RTC + RTCDR, 4), 1003);
    write_to(KEEL_MACHINE_RTC + RTCICR, 4, 1);
    ck_assert_uint_eq(world.line[KEEL_MACHINE_RTC_IRQ], 0);
    ck_assert_ptr_null(world.timers);
}
END_TEST

/* Through an edge that serves, and has no interrupts. */
static uint64_t write_elsewhere(uint64_t address, uint64_t value)
{
    return exit_through(EDGE + 1, KEEL_EXIT_WRITE, 0, 4, address, value).action;
}

START_TEST(configures_until_it_is_done)
{
    world.busy = 3;
    ck_assert_uint_eq(write_elsewhere(KEEL_MACHINE_GICR + 0x10100, 1), KEEL_REPLY_DONE);
    ck_assert_uint_eq(world.configured, 1);
    world.busy = 2;
    ck_assert_uint_eq(read_from(KEEL_MACHINE_GICD + 0x204, 4), UINT32_MAX);
    ck_assert_uint_eq(world.read, 1);
    world.busy = 1000000; /* not for ever: the guest does it again */
    ck_assert_uint_eq(write_elsewhere(KEEL_MACHINE_GICR + 0x10100, 1), KEEL_REPLY_RETRY);
    world.busy = 2;
    ck_assert_uint_eq(write_to(KEEL_MACHINE_GICD, 4, 3), KEEL_REPLY_DONE);
}
END_TEST

/* One change goes with the answer; several are calls, each until it is done. */
START_TEST(configures_with_the_answer)
{
    const struct keel_irq_configure priority = {
        .mask = 0xf00, .bank = 1, .field = KEEL_IRQ_PRIORITY, .value = 0xa0};
    struct loop_reply reply =
        exit_of(KEEL_EXIT_WRITE, 0, 4, KEEL_MACHINE_GICD + 0x400 + 40, 0xa0a0a0a0);

    ck_assert_uint_eq(reply.action, KEEL_REPLY_CONFIGURE);
    ck_assert_uint_eq(reply.value, keel_irq_word(priority));
    ck_assert_uint_eq(world.configured, 0);
    world.busy = 5;
    ck_assert_uint_eq(write_to(KEEL_MACHINE_GICD + 0x400 + 40, 4, 0xa0b0a0b0), KEEL_REPLY_DONE);
    ck_assert_uint_eq(world.configured, 4);
}
END_TEST

START_TEST(calls)
{
    ck_assert_uint_eq(exit_of(KEEL_EXIT_HVC, 0, 0, 0x84000000, 0).value, 0x10001);
    ck_assert_uint_eq(exit_of(KEEL_EXIT_SMC, 0, 0, 0x12345678, 0).value, (uint64_t)-1);
    ck_assert_uint_eq(exit_of(KEEL_EXIT_HVC, 0, 0, 0xC4000003, 1).value, 0);
    ck_assert_uint_eq(world.started_pc, 0xdead);
    world.start_status = -KEEL_EEXIST;
    ck_assert_uint_eq(exit_of(KEEL_EXIT_HVC, 0, 0, 0xC4000003, 1).value, (uint64_t)-4);
    struct keel_exit affinity = {.peer = KEEL_PEER(EDGE, INCARNATION),
                                 .kind = KEEL_EXIT_HVC,
                                 .args = {0xC4000004, 0, 0, 0, 0}};
    ck_assert_uint_eq(guest_exit(&guest, &affinity).value, 0); /* on */
    affinity.args[1] = 1;
    ck_assert_uint_eq(guest_exit(&guest, &affinity).value, 1); /* off */
    ck_assert_uint_eq(exit_of(KEEL_EXIT_HVC, 1, 0, 0x84000002, 0).action, KEEL_REPLY_OFF);
    print("bye");
    ck_assert_uint_eq(exit_of(KEEL_EXIT_HVC, 0, 0, 0x84000009, 0).action, LOOP_LATER);
    ck_assert_uint_eq(world.stopped, KEEL_STOP_RESET);
    ck_assert_str_eq(world.output, "bye");
    exit_of(KEEL_EXIT_HVC, 0, 0, 0x84000008, 0);
    ck_assert_uint_eq(world.stopped, KEEL_STOP_OFF);
    exit_of(KEEL_EXIT_HVC, 0, 0, KEEL_MACHINE_PANIC, 7);
    ck_assert_uint_eq(world.stopped, KEEL_STOP_PANIC);
}
END_TEST

START_TEST(a_new_life_finds_reset_devices)
{
    write_to(UART + UARTIMSC, 4, 0x7FF);
    write_to(KEEL_MACHINE_RTC + RTCLR, 4, 7);
    print("x");
    ck_assert_uint_eq(world.line[KEEL_MACHINE_UART_IRQ], 1);
    struct keel_exit exit = {.peer = KEEL_PEER(EDGE, INCARNATION + 1),
                             .kind = KEEL_EXIT_READ,
                             .size = 4,
                             .args = {UART + UARTIMSC, 0, 0, 0, 0}};
    ck_assert_uint_eq(guest_exit(&guest, &exit).value, 0);
    exit.args[0] = KEEL_MACHINE_RTC + RTCDR;
    ck_assert_uint_eq(guest_exit(&guest, &exit).value, 1000);
    ck_assert_uint_eq(world.raised, 1); /* the old life's line is the kernel's business */
}
END_TEST

/* Another instance; what was its memory is forgotten, and with it who is in whose list. */
static void reborn(void)
{
    world.reborn = true;
    world.timers = NULL;
    world.last = 0;
    lives++;
    ck_assert(guest_init(&guest, &config, &console, &vault, true));
}

START_TEST(a_new_instance_goes_on)
{
    write_to(UART + UARTLCR_H, 4, UARTLCR_H_FEN);
    write_to(UART + UARTIMSC, 4, PL011_INT_RX | PL011_INT_RT);
    write_to(UART + UARTIBRD, 4, 13);
    write_to(KEEL_MACHINE_RTC + RTCIMSC, 4, 1);
    write_to(KEEL_MACHINE_RTC + RTCMR, 4, 1003);
    struct argo_ring ring = {.shared = &input_ring.shared, .len = sizeof(input_ring.bytes)};
    struct argo_message message = input(&ring, "ab", KEEL_STREAM_BYTES);
    ck_assert(give(&message));
    print("not sent");
    struct loop_reply first = exit_of(KEEL_EXIT_READ, 1, 4, UART + UARTDR, 0);
    ck_assert_uint_eq(first.value, 'a');
    vault.line.stream.put -=
        3; /* as if it had died when these bytes were the guest's, and not the line's */
    reborn();
    /* The answer may not have arrived; the message may not have been consumed. */
    struct keel_exit replay = {.peer = KEEL_PEER(EDGE, INCARNATION),
                               .kind = KEEL_EXIT_READ,
                               .vcpu = 1,
                               .size = 4,
                               .seq = seq,
                               .flags = KEEL_EXIT_REPLAY,
                               .args = {UART + UARTDR}};
    ck_assert_uint_eq(guest_exit(&guest, &replay).value, 'a');
    ck_assert(give(&message));
    ck_assert_uint_eq(read_from(UART + UARTDR, 4), 'b');
    ck_assert(read_from(UART + UARTFR, 4) & UARTFR_RXFE);
    ck_assert_uint_eq(read_from(UART + UARTIBRD, 4), 13);
    ck_assert_str_eq(world.output, "not sent");
    time_passes(HZ * 4);
    ck_assert_uint_eq(world.line[KEEL_MACHINE_RTC_IRQ], 1);
    /* An exit that came again without having been handled is handled. */
    replay.seq = ++seq;
    replay.args[0] = UART + UARTIBRD;
    ck_assert_uint_eq(guest_exit(&guest, &replay).value, 13);
}
END_TEST

START_TEST(a_cpu_is_switched_on_once)
{
    struct keel_exit on = {.peer = KEEL_PEER(EDGE, INCARNATION),
                           .kind = KEEL_EXIT_HVC,
                           .seq = ++seq,
                           .args = {0xC4000003, 1, 0xdead}};
    ck_assert_uint_eq(guest_exit(&guest, &on).value, 0);
    reborn();
    world.start_status = -KEEL_EEXIST; /* it is on since the former life */
    on.flags = KEEL_EXIT_REPLAY;
    ck_assert_uint_eq(guest_exit(&guest, &on).value, 0);
}
END_TEST

/* Whatever call the service dies before or behind, what the guest wrote appears once. */
START_TEST(no_byte_is_lost_or_doubled)
{
    static const char text[] = "a line\nanother one\nand the rest, which takes its time";
    static volatile unsigned last;
    for (last = 1; last < 20; last++) {
        memset(&world, 0, sizeof(world));
        ck_assert(guest_init(&guest, &config, &console, &vault, false));
        static volatile unsigned i;
        struct keel_exit exit;
        world.last = last;
        for (i = 0; i < sizeof(text) - 1; i++) {
            exit = (struct keel_exit){.peer = KEEL_PEER(EDGE, INCARNATION),
                                      .kind = KEEL_EXIT_WRITE,
                                      .size = 4,
                                      .seq = ++seq,
                                      .args = {UART + UARTDR, (uint8_t)text[i]}};
            if (setjmp(death) == 0) {
                (void)guest_exit(&guest, &exit);
            } else {
                reborn();
                exit.flags = KEEL_EXIT_REPLAY;
                exit.args[0] = UART + UARTDR;
                (void)guest_exit(&guest, &exit);
            }
        }
        if (setjmp(death) != 0)
            reborn();
        time_passes(HZ);
        ck_assert_str_eq(world.output, text);
    }
}
END_TEST

START_TEST(a_vault_of_nonsense_is_refused)
{
    print("x");
    vault.state[vault.current].uart.rx_head = PL011_FIFO;
    world.position = 0;
    ck_assert(!guest_init(&guest, &config, &console, &vault, true));
    ck_assert_uint_eq(read_from(UART + UARTFR, 4), UARTFR_TXFE | UARTFR_RXFE);
    vault.current = 7;
    ck_assert(!guest_init(&guest, &config, &console, &vault, true));
    vault.line.stream.sent = 1;
    ck_assert(!guest_init(&guest, &config, &console, &vault, true));
}
END_TEST

/* Any access of any size anywhere near the devices: an answer, and a bounded number of calls. */
START_TEST(survives_any_exit)
{
    srand(1);
    for (unsigned i = 0; i < 100000; i++) {
        static const uint64_t base[] = {UART, KEEL_MACHINE_RTC, KEEL_MACHINE_GICD,
                                        KEEL_MACHINE_GICR};
        uint64_t value = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
        uint64_t address = base[i & 3] + ((uint64_t)rand() & (i & 3 ? 0x41FFF : 0x10FF));
        struct loop_reply reply = exit_of((uint16_t)(1 + (value & 1)), (uint8_t)(value >> 8 & 15),
                                          (uint8_t)(1u << (value >> 1 & 3)), address, value);
        ck_assert(reply.action <= KEEL_REPLY_CONFIGURE);
        if (world.printed > 2048) {
            world.printed = 0;
        }
        if ((value & 0xFFFF) == 0) {
            time_passes(value >> 40);
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("devices");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, finds_each_device);
    tcase_add_test(tests, refuses_what_nobody_serves);
    tcase_add_test(tests, collects_output);
    tcase_add_test(tests, holds_the_writer_while_the_console_is_full);
    tcase_add_test(tests, drops_when_the_console_is_stuck);
    tcase_add_test(tests, takes_input_as_fast_as_the_guest_reads);
    tcase_add_test(tests, alarms_in_time);
    tcase_add_test(tests, configures_until_it_is_done);
    tcase_add_test(tests, configures_with_the_answer);
    tcase_add_test(tests, calls);
    tcase_add_test(tests, a_new_life_finds_reset_devices);
    tcase_add_test(tests, a_new_instance_goes_on);
    tcase_add_test(tests, a_cpu_is_switched_on_once);
    tcase_add_test(tests, no_byte_is_lost_or_doubled);
    tcase_add_test(tests, a_vault_of_nonsense_is_refused);
    tcase_add_test(tests, survives_any_exit);

    Suite *suite = suite_create("devices");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
