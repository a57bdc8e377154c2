/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices service of a guest that does its worst: accesses of every size to every register,
 * calls with every argument, at every moment, while kernel and console answer as they like. An
 * input is a sequence of events. What must hold: every exit has an answer, every call asks for what
 * the kernel can do, and the work for an event is bounded.
 */
#include "fuzz.h"

#include <devices/guest.h>
#include <keel/calls.h>
#include <keel/console.h>
#include <keel/counter.h>
#include <keel/machine.h>

#define HZ         1000000u
#define EDGE       5
#define CALLS_MAX  1024u /* for one exit: a step is tried 256 times */
#define INPUT_RING 256u

static struct {
    struct input *input; /* decides what kernel and console answer */
    uint64_t now;
    uint64_t stubs[8]; /* numbers of the calls below */
    uint32_t calls;    /* for this event */
    uint32_t vcpus, spis;
    uint32_t incarnation; /* of the guest */
    bool line[2]; /* UART, RTC: levels that the kernel was told */
    struct loop_timer *timers;
    struct {
        keel_peer peer;
        uint64_t seq;
    } waiting[KEEL_VCPUS_MAX]; /* exits without an answer yet; seq 0: none */
} world;

enum { RAISE, CONFIGURE, CONTROL, READ, REPLY, STOP, START, STATE, STUBS };

/* ---- the kernel ---- */

static void check_entry(const struct keel_irq_configure *entry)
{
    uint32_t limit = entry->field == KEEL_IRQ_PRIORITY ? 255
                     : entry->field == KEEL_IRQ_TARGET ? world.vcpus - 1
                                                       : 1;

    must(entry->mask != 0);
    must(entry->bank * 32u + 31 - (uint32_t)__builtin_clz(entry->mask) < 32 + world.spis);
    must(entry->vcpu < world.vcpus && entry->field < KEEL_IRQ_FIELDS && entry->value <= limit);
}

static void check_word(uint64_t word)
{
    struct keel_irq_configure entry;

    memcpy(&entry, &word, sizeof entry);
    check_entry(&entry);
}

static int64_t some_status(void)
{
    static const int64_t answers[] = {0,           0, 0, -KEEL_EAGAIN, -KEEL_EINVAL, -KEEL_ESTALE,
                                      -KEEL_EACCES};

    return answers[input_below(world.input, sizeof answers / sizeof answers[0])];
}

static int64_t read_states(uint64_t vcpu, uint64_t intid, struct keel_irq_state *states, uint64_t n)
{
    int64_t status = some_status();

    must(vcpu < world.vcpus && n >= 1 && n <= KEEL_IRQ_READS_MAX);
    must(intid + n <= 32 + world.spis);
    for (uint64_t i = 0; status == 0 && i < n; i++) {
        uint64_t bits = input_take(world.input, 1);

        states[i] = (struct keel_irq_state){
            .enabled = bits & 1,
            .pending = bits >> 1 & 1,
            .active = bits >> 2 & 1,
            .priority = (uint8_t)(bits & 0xf8),
            .group = bits >> 3 & 1,
            .trigger = bits >> 4 & 1,
            .target = (uint8_t)(bits % world.vcpus),
        };
    }
    return status;
}

static int64_t reply(keel_peer peer, uint64_t seq, uint64_t action)
{
    uint32_t found = 0;

    must(action <= KEEL_REPLY_OFF);
    for (uint32_t i = 0; i < KEEL_VCPUS_MAX; i++)
        if (world.waiting[i].seq == seq && seq) {
            must(world.waiting[i].peer == peer);
            world.waiting[i].seq = 0;
            found++;
        }
    must(found <= 1);
    return found ? 0 : -KEEL_ENOENT;
}

int64_t keel_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                  uint64_t f, uint64_t *second)
{
    uint32_t stub = 0;

    (void)f;
    (void)second;
    if (!world.stubs[STATE]) { /* see learn() */
        for (stub = 0; world.stubs[stub]; stub++)
            ;
        world.stubs[stub] = number;
        return 0;
    }
    must(++world.calls <= CALLS_MAX);
    while (stub < STUBS && world.stubs[stub] != number)
        stub++;
    switch (stub) {
    case RAISE:
        must((b == KEEL_MACHINE_UART_IRQ || b == KEEL_MACHINE_RTC_IRQ) && c <= 1);
        if (KEEL_PEER_INCARNATION(a) != world.incarnation)
            return -KEEL_ESTALE; /* it has not heard yet of the guest's new life */
        must(world.line[b == KEEL_MACHINE_RTC_IRQ] != c); /* only changes are told */
        world.line[b == KEEL_MACHINE_RTC_IRQ] = c;
        return some_status();
    case CONFIGURE:
        check_word(b);
        return some_status();
    case CONTROL:
        must(!(b & ~(uint64_t)(KEEL_IRQ_GROUP0_ENABLED | KEEL_IRQ_GROUP1_ENABLED)));
        return some_status();
    case READ:
        return read_states(b, c, (struct keel_irq_state *)(uintptr_t)d, e);
    case REPLY:
        return reply(a, b, c);
    case STOP:
        must(b == KEEL_STOP_OFF || b == KEEL_STOP_RESET || b == KEEL_STOP_PANIC);
        return some_status();
    case START:
        must(b < world.vcpus);
        return input_below(world.input, 2) ? -KEEL_EEXIST : some_status();
    case STATE:
        must(b < world.vcpus);
        return input_below(world.input, 2);
    default:
        must(stub < STUBS); /* a call that the service has no use for */
        return 0;
    }
}

/* The numbers of the calls are those of the generated stubs. */
static void learn(void)
{
    (void)!keel_irq_raise(0, 0, 0);
    (void)!keel_irq_configure(0, 0);
    (void)!keel_irq_controller(0, 0);
    (void)!keel_irq_read(0, 0, 0, NULL, 0);
    (void)!keel_reply(0, 0, 0, 0);
    (void)!keel_domain_stop(0, 0, 0);
    (void)!keel_vcpu_start(0, 0, 0, 0);
    (void)!keel_vcpu_state(0, 0);
}

/* ---- clock, console, loop ---- */

uint64_t keel_counter(void)
{
    return world.now;
}

uint64_t keel_counter_frequency(void)
{
    return HZ;
}

int argo_sendv_to(const struct keel_connection *connection, uint32_t port, uint32_t type,
                  const struct keel_argo_iov *pieces, size_t npieces)
{
    static volatile uint8_t seen;
    uint32_t n = 0;

    (void)connection;
    must(port == KEEL_PORT_GUEST && type == KEEL_STREAM_BYTES && npieces <= 3);
    must(++world.calls <= CALLS_MAX);
    for (size_t i = 0; i < npieces; n += pieces[i++].iov_len)
        for (uint32_t k = 0; k < pieces[i].iov_len; k++)
            seen = ((const uint8_t *)(uintptr_t)pieces[i].iov_hnd)[k];
    (void)seen;
    must(n >= sizeof(struct keel_stream_place) && n <= KEEL_CONSOLE_BYTES_MAX);
    return input_below(world.input, 3) ? (int)n : -KEEL_EAGAIN;
}

int argo_send_to(const struct keel_connection *connection, uint32_t port, uint32_t type,
                 const void *bytes, size_t n)
{
    const struct keel_argo_iov piece = {.iov_hnd = (uintptr_t)bytes, .iov_len = (uint32_t)n};

    return argo_sendv_to(connection, port, type, &piece, 1);
}

int argo_send(uint32_t port, struct keel_argo_addr to, uint32_t type, const void *bytes, size_t n)
{
    (void)port, (void)to, (void)type, (void)bytes, (void)n;
    must(!"refuses input");
    return 0;
}

static struct loop_watch *watch;

void loop_watch(struct loop_watch *added)
{
    watch = added;
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

keel_peer keel_self(void)
{
    return KEEL_PEER(0, 1);
}

void loop_timer_stop(struct loop_timer *timer)
{
    struct loop_timer **link = &world.timers;

    while (*link && *link != timer)
        link = &(*link)->next;
    if (*link)
        *link = timer->next;
    timer->deadline = 0;
}

void loop_timer_set(struct loop_timer *timer, uint64_t deadline, loop_handler *handler,
                    void *context)
{
    loop_timer_stop(timer);
    *timer = (struct loop_timer){deadline, handler, context, world.timers};
    world.timers = timer;
}

void port_resume(struct port *port)
{
    must(port->on_stream != NULL);
}

static void time_passes(uint64_t ticks)
{
    uint32_t fired = 0;

    world.now += ticks;
    for (struct loop_timer *timer = world.timers; timer;)
        if (timer->deadline <= world.now) {
            must(++fired <= 64);
            loop_timer_stop(timer);
            timer->handler(timer->context);
            timer = world.timers;
        } else {
            timer = timer->next;
        }
}

/* ---- the guest ---- */

static struct guest guest;

static uint64_t some_address(struct input *input)
{
    static const uint64_t base[] = {
        KEEL_MACHINE_UART,           KEEL_MACHINE_RTC,
        KEEL_MACHINE_GICD,           KEEL_MACHINE_GICR,
        KEEL_MACHINE_GICR + 0x10000, KEEL_MACHINE_GICR + KEEL_MACHINE_GICR_STRIDE};
    uint32_t which = input_below(input, 8);

    if (which == 7)
        return input_take(input, 8);
    return which == 6 ? KEEL_MACHINE_GICD + input_take(input, 3)
                      : base[which] + (input_take(input, 2) & 0xffff);
}

static void an_exit(struct input *input, uint32_t incarnation, uint64_t seq)
{
    uint32_t kind = input_below(input, 8);
    struct keel_exit exit = {
        .peer = KEEL_PEER(EDGE, incarnation),
        .vcpu = (uint8_t)input_below(input, world.vcpus),
        .seq = seq,
    };
    struct loop_reply answer;

    if (world.waiting[exit.vcpu].seq)
        return; /* it is blocked */
    if (kind < 6) {
        exit.kind = kind < 3 ? KEEL_EXIT_READ : KEEL_EXIT_WRITE;
        exit.size = (uint8_t)(1u << input_below(input, 4));
        exit.args[0] = some_address(input);
        exit.args[1] = kind < 3 ? 0 : input_take(input, 8) & (UINT64_MAX >> (64 - 8 * exit.size));
    } else if (kind == 6) {
        exit.kind = input_below(input, 2) ? KEEL_EXIT_HVC : KEEL_EXIT_SMC;
        exit.size = 8;
        exit.args[0] = input_take(input, 1) | input_take(input, 1) << 24 |
                       (uint64_t)(input_take(input, 1) ? 0 : input_take(input, 4)) << 32;
        for (uint32_t i = 1; i < 4; i++)
            exit.args[i] = input_take(input, input_below(input, 2) ? 8 : 1);
    } else {
        exit.kind = (uint16_t)input_take(input, 2);
        exit.args[0] = some_address(input);
    }
    answer = guest_exit(&guest, &exit);
    if (answer.action == LOOP_LATER) {
        world.waiting[exit.vcpu].peer = exit.peer;
        world.waiting[exit.vcpu].seq = seq;
        return;
    }
    must(answer.action <= KEEL_REPLY_CONFIGURE);
    if (answer.action == KEEL_REPLY_CONFIGURE) {
        must(exit.kind == KEEL_EXIT_WRITE);
        check_word(answer.value);
    }
    must(exit.kind != KEEL_EXIT_READ ||
         answer.value <= UINT64_MAX >> (64 - 8 * (exit.size < 4 ? 4 : exit.size)));
}

static void some_input(struct input *input)
{
    static _Alignas(16) uint8_t memory[sizeof(struct keel_argo_ring) + INPUT_RING];
    struct keel_argo_ring *shared = (struct keel_argo_ring *)(void *)memory;
    const struct argo_ring ring = {.shared = shared, .len = INPUT_RING};
    uint32_t n = input_below(input, 64);
    struct argo_message message = {
        .ring = &ring,
        .source = {.aport = KEEL_PORT_CONSOLE},
        .type = KEEL_STREAM | (input_below(input, 4) ? KEEL_STREAM_BYTES : input_below(input, 8)),
        .bytes = n,
        .start = 16 * input_below(input, 16),
    };

    for (uint32_t i = 0; i < n; i++)
        shared->ring[(message.start + i) % INPUT_RING] = (uint8_t)input_take(input, 1);
    (void)guest.port.on_stream(&guest.port, &message);
}

static void begin(struct input *input)
{
    static struct guest_vault vault;
    static const struct keel_connection console = {.port = KEEL_PORT_CONSOLE};
    uint64_t stubs[STUBS];
    struct guest_config config = {
        .vcpus = 1 + input_below(input, KEEL_VCPUS_MAX),
        .spis = 32 * input_below(input, KEEL_SPIS_MAX / 32 + 1),
        .uart = {KEEL_MACHINE_UART, KEEL_MACHINE_UART_IRQ},
        .rtc = {KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_IRQ},
        .interrupt_edge = EDGE,
        .vcpu_edge = EDGE,
        .stop_edge = EDGE,
    };

    memcpy(stubs, world.stubs, sizeof stubs);
    memset(&world, 0, sizeof world);
    memcpy(world.stubs, stubs, sizeof stubs);
    world.input = input;
    world.vcpus = config.vcpus;
    world.spis = config.spis;
    if (!world.stubs[STATE])
        learn();
    must(guest_init(&guest, &config, &console, &vault, false));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};

    begin(&input);
    world.incarnation = 1;
    for (uint64_t seq = 1; input.left; seq++) {
        world.calls = 0;
        switch (input_below(&input, 16)) {
        case 0:
            time_passes(input_take(&input, 2));
            break;
        case 1:
            time_passes(input_take(&input, 4));
            break;
        case 2:
            some_input(&input);
            break;
        case 3:
            if (watch->space)
                watch->space(watch->context);
            break;
        case 4: /* another life: nobody of the last one waits, and the kernel's lines are low */
            world.incarnation++;
            memset(world.waiting, 0, sizeof world.waiting);
            memset(world.line, 0, sizeof world.line);
            break;
        default:
            an_exit(&input, world.incarnation, seq);
            break;
        }
    }
    return 0;
}
