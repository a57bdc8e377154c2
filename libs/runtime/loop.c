/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop; see loop.h. The common path is that of a guest's access: one wake-up, one message
 * in the kernel ring, one handler, one reply_wait. It allocates and formats nothing and looks at
 * nothing else.
 */
#include <runtime/loop.h>

#include <keel/calls.h>
#include <keel/counter.h>
#include <runtime/clock.h>
#include <runtime/events.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES_PER_TURN 32       /* of one ring, before exits and timers are looked at again */
#define TURN_NS           2000000u /* after which each ring has at most one more message's turn, and notices have none */
#define TIMERS_PER_TURN   16
#define INTERRUPT_BITS    32u

/* An exit in the kernel ring, whose length is a multiple of it, so that few wrap around the end. */
struct exit_message {
    struct keel_argo_message_header header;
    struct keel_exit exit;
};
#define KERNEL_RING_PAGES 2u
#define KERNEL_RING_LEN                                                          \
    ((uint32_t)(ARGO_RING_LEN(KERNEL_RING_PAGES) / sizeof(struct exit_message) * \
                sizeof(struct exit_message)))

struct port {
    struct argo_ring ring;
    loop_message_handler *handler;
    void *context;
    bool paused;
    uint64_t pace;       /* ticks, or 0 */
    uint64_t not_before; /* with a pace: it is looked at next */
    struct loop_timer timer;
    struct port *next;
};

struct interrupt {
    loop_interrupt_handler *handler;
    void *context;
};

static struct loop_reply exit_unhandled(void *context, const struct keel_exit *exit)
{
    (void)context;
    (void)exit;
    return loop_abort();
}

static struct {
    struct argo_ring kernel;
    uint64_t deadline; /* the earliest timer's; 0: none */
    loop_exit_handler *exit;
    void *exit_context;
    struct loop_watch *watches;
    struct port *ports;
    struct loop_timer *timers; /* those that are set, in no order */
    struct interrupt interrupts[INTERRUPT_BITS];
    bool in_handler;
} loop = {.exit = exit_unhandled};

void loop_exits(loop_exit_handler *handler, void *context)
{
    loop.exit = handler;
    loop.exit_context = context;
}

void loop_watch(struct loop_watch *watch)
{
    watch->next = loop.watches;
    loop.watches = watch;
}

bool loop_in_handler(void)
{
    return loop.in_handler;
}

int loop_port_in(uint32_t port, uint16_t partner, void *memory, uint32_t pages,
                 loop_message_handler *handler, void *context)
{
    struct port *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return -KEEL_ENOMEM;
    int status = argo_ring_resume(&made->ring, port, partner, memory, ARGO_RING_LEN(pages));
    if (status < 0) {
        free(made);
        return status;
    }
    made->ring.shared->signals = KEEL_ARGO_SIGNALS_WHEN_EMPTY;
    if (made->ring.shared->tx_ptr != made->ring.rx) /* nobody signals what is in it already */
        events_kept |= EVENT(KEEL_EVENT_ARGO);
    made->handler = handler;
    made->context = context;
    made->next = loop.ports;
    loop.ports = made;
    return 0;
}

int loop_port(uint32_t port, uint16_t partner, size_t bytes, loop_message_handler *handler,
              void *context)
{
    if (bytes == 0 || bytes > ARGO_RING_BYTES_MAX - KEEL_PAGE_SIZE)
        return -KEEL_EINVAL;
    uint32_t pages = KEEL_ARGO_PAGES((uint32_t)bytes);
    void *memory = aligned_alloc(KEEL_PAGE_SIZE, pages * KEEL_PAGE_SIZE);
    if (memory == NULL)
        return -KEEL_ENOMEM;
    memset(memory, 0, sizeof(struct keel_argo_ring));
    int status = loop_port_in(port, partner, memory, pages, handler, context);
    if (status < 0)
        free(memory);
    return status;
}

void loop_port_resume(uint32_t port)
{
    for (struct port *p = loop.ports; p != NULL; p = p->next) {
        if (p->ring.port == port && p->paused) {
            p->paused = false;
            events_kept |= EVENT(KEEL_EVENT_ARGO);
        }
    }
}

void loop_port_pace(uint32_t port, uint64_t ns)
{
    for (struct port *p = loop.ports; p != NULL; p = p->next)
        if (p->ring.port == port)
            p->pace = clock_ticks(ns);
}

int loop_interrupts(const struct keel_device *device, loop_interrupt_handler *handler,
                    void *context)
{
    if (device->irq_bit < KEEL_EVENT_IRQ || device->irqs == 0 ||
        device->irq_bit - KEEL_EVENT_IRQ + device->irqs > INTERRUPT_BITS)
        return -KEEL_EINVAL;
    uint64_t bits = 0;
    for (uint32_t i = 0; i < device->irqs; i++) {
        uint32_t bit = device->irq_bit + i;
        loop.interrupts[bit - KEEL_EVENT_IRQ] = (struct interrupt){handler, context};
        bits |= EVENT(bit);
    }
    return (int)keel_irq_done(bits);
}

static void timers_reckon(void)
{
    loop.deadline = 0;
    for (struct loop_timer *timer = loop.timers; timer != NULL; timer = timer->next)
        if (loop.deadline == 0 || timer->deadline < loop.deadline)
            loop.deadline = timer->deadline;
}

static void timer_unlink(struct loop_timer *timer)
{
    struct loop_timer **link = &loop.timers;
    while (*link != NULL && *link != timer)
        link = &(*link)->next;
    if (*link == timer)
        *link = timer->next;
    timer->deadline = 0;
}

void loop_timer_set(struct loop_timer *timer, uint64_t deadline, loop_handler *handler,
                    void *context)
{
    timer_unlink(timer);
    *timer = (struct loop_timer){deadline == 0 ? 1 : deadline, handler, context, loop.timers};
    loop.timers = timer;
    timers_reckon();
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer_unlink(timer);
    timers_reckon();
}

static bool timers_due(void)
{
    return loop.deadline != 0 && keel_counter() >= loop.deadline;
}

static struct loop_timer *timer_due(uint64_t now)
{
    struct loop_timer *timer = loop.timers;
    while (timer != NULL && timer->deadline > now)
        timer = timer->next;
    return timer;
}

/* Handlers may set and stop any timer, their own included; a timer in a hurry cannot starve exits.
 */
static void timers_run(void)
{
    uint64_t now = keel_counter();
    struct loop_timer *timer;
    for (int n = 0; n < TIMERS_PER_TURN && (timer = timer_due(now)) != NULL; n++) {
        timer_unlink(timer);
        timer->handler(timer->context);
    }
    timers_reckon();
}

static void port_due(void *context)
{
    (void)context;
    events_kept |= EVENT(KEEL_EVENT_ARGO);
}

static void port_serve(struct port *port, uint64_t turn_end)
{
    struct argo_message message;
    int served = 0;
    /* What waits in the ring keeps it from being empty: until then nobody is signalled for more. */
    if (port->pace != 0 && keel_counter() < port->not_before) {
        if (argo_ring_next(&port->ring, &message))
            loop_timer_set(&port->timer, port->not_before, port_due, NULL);
        return;
    }
    while (!port->paused && argo_ring_next(&port->ring, &message)) {
        if (served == MESSAGES_PER_TURN || (served > 0 && keel_counter() >= turn_end)) {
            events_kept |= EVENT(KEEL_EVENT_ARGO);
            break;
        }
        if (port->handler(port->context, &message)) {
            argo_ring_consume(&port->ring, &message);
            served++;
        } else {
            port->paused = true;
        }
    }
    if (served > 0) {
        if (port->pace != 0)
            port->not_before = keel_counter() + port->pace;
        argo_notify();
    }
}

void loop_port_serve(uint32_t port)
{
    const bool before = loop.in_handler;
    loop.in_handler = true;
    for (struct port *p = loop.ports; p != NULL; p = p->next)
        if (p->ring.port == port)
            port_serve(p, keel_counter() + clock_ticks(TURN_NS));
    loop.in_handler = before;
}

static void space_tell(void)
{
    for (struct loop_watch *watch = loop.watches; watch != NULL; watch = watch->next)
        if (watch->space != NULL)
            watch->space(watch->context);
}

static void lost_tell(void)
{
    for (struct loop_watch *watch = loop.watches; watch != NULL; watch = watch->next)
        if (watch->lost != NULL)
            watch->lost(watch->context);
}

static void life_tell(const struct keel_life *life)
{
    for (struct loop_watch *watch = loop.watches; watch != NULL; watch = watch->next)
        if (watch->life != NULL)
            watch->life(watch->context, life);
}

static void interrupts_serve(uint64_t bits)
{
    for (uint64_t rest = bits; rest != 0; rest &= rest - 1) {
        uint32_t bit = (uint32_t)__builtin_ctzll(rest);
        struct interrupt *interrupt = &loop.interrupts[bit - KEEL_EVENT_IRQ];
        if (interrupt->handler != NULL)
            interrupt->handler(interrupt->context, bit);
    }
    keel_irq_done(bits);
}

/* Everything but the kernel ring. */
static __attribute__((noinline)) void others_serve(uint64_t events)
{
    uint64_t interrupts = events >> KEEL_EVENT_IRQ << KEEL_EVENT_IRQ;
    loop.in_handler = true;
    if (interrupts != 0)
        interrupts_serve(interrupts);
    if ((events & EVENT(KEEL_EVENT_ARGO)) != 0) {
        const uint64_t turn_end = keel_counter() + clock_ticks(TURN_NS);
        for (struct port *port = loop.ports; port != NULL; port = port->next)
            port_serve(port, turn_end);
        space_tell();
    }
    if ((events & EVENT(KEEL_EVENT_LOST)) != 0)
        lost_tell();
    if (timers_due())
        timers_run();
    loop.in_handler = false;
}

struct answer {
    bool due; /* whether there is one */
    keel_peer peer;
    uint64_t seq;
    struct loop_reply reply;
};

/* An answer that was refused: the interrupts were to be configured first, which takes until vCPUs
 * elsewhere have been through the kernel. If it can't be done, the guest did what it may not do. If
 * nobody waits for the answer any more, it does not matter. */
static __attribute__((noinline)) void answer_again(struct answer answer)
{
    int64_t status = -KEEL_EAGAIN;
    if (answer.reply.action != KEEL_REPLY_CONFIGURE)
        return;
    while (status == -KEEL_EAGAIN)
        status = keel_reply(answer.peer, answer.seq, answer.reply.action, answer.reply.value);
    if (status < 0)
        keel_reply(answer.peer, answer.seq, KEEL_REPLY_ABORT, 0);
}

static inline void answer_send(struct answer answer)
{
    if (answer.due &&
        keel_reply(answer.peer, answer.seq, answer.reply.action, answer.reply.value) < 0)
        answer_again(answer);
}

/* Whatever the kernel says that is not an exit, and an exit that wraps around the end of the ring.
 * False: nothing that could be read. */
static __attribute__((noinline)) bool notice_serve(void)
{
    struct argo_message message;
    struct keel_life life;
    struct keel_exit exit;
    if (!argo_ring_next(&loop.kernel, &message))
        return false;
    if (message.type == KEEL_MESSAGE_EXIT && argo_message_take(&message, &exit)) {
        struct loop_reply reply = loop.exit(loop.exit_context, &exit);
        answer_send((struct answer){reply.action != LOOP_LATER, exit.peer, exit.seq, reply});
    } else if (message.type == KEEL_MESSAGE_LIFE && argo_message_take(&message, &life)) {
        loop.in_handler = true;
        life_tell(&life);
        loop.in_handler = false;
    }
    argo_ring_consume(&loop.kernel, &message);
    return true;
}

/* The kernel ring, until it is empty, or until notices have taken a turn's time: to build a domain anew
 * after its death takes long enough for others to die. Each answer but the last is sent. An exit is handled
 * where it lies: only the kernel writes to this ring, and not there before rx_ptr is moved. */
static inline __attribute__((always_inline)) struct answer kernel_serve(void)
{
    struct keel_argo_ring *ring = loop.kernel.shared;
    struct answer answer = {.due = false};
    uint64_t turn_end = 0;
    uint32_t rx;
    while ((rx = loop.kernel.rx) != __atomic_load_n(&ring->tx_ptr, __ATOMIC_ACQUIRE)) {
        const struct exit_message *message = (const void *)&ring->ring[rx];
        answer_send(answer);
        answer.due = false;
        if (__builtin_expect(rx > KERNEL_RING_LEN - sizeof(*message) ||
                                 message->header.message_type != KEEL_MESSAGE_EXIT ||
                                 message->header.len != sizeof(*message),
                             false)) {
            if (turn_end == 0)
                turn_end = keel_counter() + clock_ticks(TURN_NS);
            if (!notice_serve())
                break;
            if (keel_counter() < turn_end)
                continue;
            events_kept |= EVENT(KEEL_EVENT_KERNEL);
            break;
        }
        answer.peer = message->exit.peer;
        answer.seq = message->exit.seq;
        answer.reply = loop.exit(loop.exit_context, &message->exit);
        answer.due = answer.reply.action != LOOP_LATER;
        rx += (uint32_t)sizeof(*message);
        loop.kernel.rx = rx == KERNEL_RING_LEN ? 0 : rx;
        __atomic_store_n(&ring->rx_ptr, loop.kernel.rx, __ATOMIC_RELEASE);
    }
    return answer;
}

static inline __attribute__((always_inline)) uint64_t turn(uint64_t events)
{
    struct answer answer = {.due = false};
    if ((events & EVENT(KEEL_EVENT_KERNEL)) != 0)
        answer = kernel_serve();
    if ((events & ~EVENT(KEEL_EVENT_KERNEL)) != 0 || timers_due()) {
        answer_send(answer);
        answer.due = false;
        others_serve(events);
    }
    if (events_kept != 0) {
        answer_send(answer);
        events = events_wait(loop.deadline);
    } else if (answer.due) {
        events = (uint64_t)keel_reply_wait(answer.peer, answer.seq, answer.reply.action,
                                           answer.reply.value, loop.deadline);
        if (__builtin_expect(events_failed(events), false))
            answer_again(answer);
    } else {
        events = (uint64_t)keel_wait(loop.deadline);
    }
    /* An answer that nobody waits for any more is no reason to stop. */
    return events_failed(events) ? LOOP_FIRST : events;
}

uint64_t loop_turn(uint64_t events)
{
    return turn(events);
}

int loop_begin(void)
{
    static _Alignas(KEEL_PAGE_SIZE) uint8_t memory[KERNEL_RING_PAGES * KEEL_PAGE_SIZE];
    return argo_ring_register(&loop.kernel, KEEL_PORT_KERNEL, KEEL_DOMAIN_KERNEL, memory,
                              KERNEL_RING_LEN);
}

void loop_run(void)
{
    uint64_t events = LOOP_FIRST;
    if (loop_begin() < 0)
        abort();
    for (;;)
        events = turn(events);
}
