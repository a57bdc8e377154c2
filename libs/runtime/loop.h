/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop that a service is: say once who handles what, then loop_run(). Handlers run one
 * after the other on the service's only thread, and should be quick: while one runs, the guests
 * that the service serves wait. None of these functions waits or allocates, except loop_port.
 *
 *     static struct loop_reply on_exit(void *context, const struct keel_exit *exit)
 *     {
 *         return exit->kind == KEEL_EXIT_READ ? loop_done(42) : loop_abort();
 *     }
 *     int main(void)
 *     {
 *         loop_exits(on_exit, NULL);
 *         loop_run();
 *     }
 */
#ifndef RUNTIME_LOOP_H
#define RUNTIME_LOOP_H

#include <argo/argo.h>
#include <keel/event.h>
#include <keel/interrupt.h>
#include <must_check.h>

/* The answer to an exit; x0 and x1, so that it costs nothing. */
struct loop_reply {
    uint64_t action; /* enum keel_reply, or LOOP_LATER */
    uint64_t value;
};
#define LOOP_LATER 0x100u /* the handler kept a copy, and will call keel_reply itself */

static inline struct loop_reply loop_done(uint64_t value)
{
    return (struct loop_reply){KEEL_REPLY_DONE, value};
}

/* Of a write through an edge that has INTERRUPT, too: once the interrupts are what the entry says. */
static inline struct loop_reply loop_configure(struct keel_irq_configure entry)
{
    return (struct loop_reply){KEEL_REPLY_CONFIGURE, keel_irq_word(entry)};
}

static inline struct loop_reply loop_abort(void)
{
    return (struct loop_reply){KEEL_REPLY_ABORT, 0};
}

static inline struct loop_reply loop_retry(void)
{
    return (struct loop_reply){KEEL_REPLY_RETRY, 0};
}

static inline struct loop_reply loop_off(void)
{
    return (struct loop_reply){KEEL_REPLY_OFF, 0};
}

static inline struct loop_reply loop_later(void)
{
    return (struct loop_reply){LOOP_LATER, 0};
}

/*
 * Exits of the domains that this service serves. *exit lies in the ring: it is valid until the
 * handler returns. An exit nobody handles is answered with an abort.
 */
typedef struct loop_reply loop_exit_handler(void *context, const struct keel_exit *exit);
void loop_exits(loop_exit_handler *handler, void *context);

/*
 * What may be of interest to several parts of a service, each of which has a place in the loop's
 * list: storage of its own, that stays. Handlers that are NULL are not called.
 */
typedef void loop_handler(void *context);
typedef void loop_life_handler(void *context, const struct keel_life *life);
struct loop_watch {
    loop_life_handler *life; /* a domain that this service watches starts or has died */
    loop_handler *lost;      /* something from the kernel did not fit its ring: look at everything */
    loop_handler *space;     /* a ring that was full when we sent may have space: try again */
    void *context;
    struct loop_watch *next; /* the loop's */
};
void loop_watch(struct loop_watch *watch);

/*
 * A message. True: it is done with. False: not now: it stays, and so does what came after it, until
 * loop_port_resume; the ring fills, and senders are told so.
 */
typedef bool loop_message_handler(void *context, const struct argo_message *message);

/*
 * Messages to own `port` from `partner` (KEEL_DOMAIN_ANY: from all who may) in a ring of `bytes`,
 * rounded up to whole pages. Returns 0 or a negated error.
 */
must_check int loop_port(uint32_t port, uint16_t partner, size_t bytes,
                         loop_message_handler *handler, void *context);
void loop_port_resume(uint32_t port);

/* What has come to the port is looked at no more often than each `ns`, and a turn's worth of it then; 0, as it begins: always.
 * Whoever sends all the time wakes the service twice in that time at most, and waits for space as its ring fills. */
void loop_port_pace(uint32_t port, uint64_t ns);

/* Handles what there is for one port now. For those who wait outside handlers. */
void loop_port_serve(uint32_t port);

/* The same in memory of the caller, page-aligned, in which messages of a former life are found again
 * (see vault.h). */
must_check int loop_port_in(uint32_t port, uint16_t partner, void *memory, uint32_t pages,
                            loop_message_handler *handler, void *context);

/*
 * Interrupts of a device: the handler is called once per interrupt that fired, with its bit in the
 * event word; when it returns, the interrupt may fire again. Arms it, too.
 */
typedef void loop_interrupt_handler(void *context, uint32_t bit);
must_check int loop_interrupts(const struct keel_device *device, loop_interrupt_handler *handler,
                               void *context);

/* A timer: storage of the caller, zero at first. Setting it again moves it. deadline: ticks. */
struct loop_timer {
    uint64_t deadline; /* 0: not set */
    loop_handler *handler;
    void *context;
    struct loop_timer *next;
};
void loop_timer_set(struct loop_timer *timer, uint64_t deadline, loop_handler *handler,
                    void *context);
void loop_timer_stop(struct loop_timer *timer);

_Noreturn void loop_run(void);

/* Whether a handler runs, other than one of exits: who waits then makes everybody wait. */
bool loop_in_handler(void);

/*
 * What loop_run does, for programs that must do something in between: begin once, then turn with
 * LOOP_FIRST and from then on with what the turn before returned. A turn waits at its end.
 */
#define LOOP_FIRST (1ull << KEEL_EVENT_KERNEL | 1ull << KEEL_EVENT_ARGO)
must_check int loop_begin(void);
must_check uint64_t loop_turn(uint64_t events);

#endif
