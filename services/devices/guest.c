/* SPDX-License-Identifier: Apache-2.0 */
/* One guest's virtual devices (see guest.h). */
#include "guest.h"

#include "pl011_regs.h"
#include "psci.h"
#include <keel/calls.h>
#include <keel/counter.h>
#include <keel/machine.h>
#include <runtime/clock.h>
#include <runtime/vault.h>
#include <string.h>

/* How often a call is repeated whose state a running vCPU holds; then the guest repeats its access.
 */
#define EAGAIN_MAX 256u

#define VAULT_MAGIC 0x326563697665644bull /* of this layout */

/* Answer of an exit whose call to the kernel may or may not have been made. */
#define INTENDED 0x101u

/* --- changes --------------------------------------------------------------------------------- */

/* The state to come: a copy of the current one, to be changed and committed, or forgotten. */
static struct guest_state *change(struct guest *guest)
{
    struct guest_state *next = &guest->vault->state[guest->vault->current ^ 1];

    *next = *guest->state;
    return next;
}

static void commit(struct guest *guest, struct guest_state *next)
{
    vault_order();
    guest->vault->current ^= 1;
    vault_order();
    guest->state = next;
}

/* The same, by an exit: if it comes again, this is the answer. */
static struct loop_reply commit_answer(struct guest *guest, struct guest_state *next,
                                       keel_peer peer, uint64_t seq, struct loop_reply reply)
{
    next->last = (struct guest_answer){.peer = peer, .seq = seq, .reply = reply};
    commit(guest, next);
    return reply;
}

static bool was_handled(const struct guest *guest, const struct keel_exit *exit)
{
    return guest->state->last.peer == exit->peer && guest->state->last.seq == exit->seq;
}

static void state_init(struct guest_state *state, const struct guest_config *config,
                       uint32_t incarnation)
{
    state->incarnation = incarnation;
    state->last = (struct guest_answer){0};
    vgic_reset(&state->gic, config->vcpus, config->spis);
    pl011_reset(&state->uart);
    pl031_reset(&state->rtc, config->epoch);
}

/* A new life of the guest. Its serial line goes on. */
static void reset(struct guest *guest, uint32_t incarnation)
{
    struct guest_state *next = change(guest);

    state_init(next, &guest->config, incarnation);
    commit(guest, next);
    guest->uart_line = guest->rtc_line = false;
    for (unsigned i = 0; i < KEEL_VCPUS_MAX; i++) {
        guest->held[i] = (struct guest_held){0};
    }
    loop_timer_stop(&guest->alarm);
}

static keel_peer peer(const struct guest *guest, uint16_t edge)
{
    return KEEL_PEER(edge, guest->state->incarnation);
}

/* --- interrupt lines ------------------------------------------------------------------------- */

/* Tells the kernel where a line stands, if it has moved. A guest that is gone needs no telling. */
static void line_update(struct guest *guest, const struct guest_place *place, bool *known, bool now)
{
    if (*known != now && guest->state->incarnation != 0 && place->irq != 0) {
        *known = now;
        (void)keel_irq_raise(peer(guest, guest->config.interrupt_edge), place->irq, now);
    }
}

static void uart_update(struct guest *guest)
{
    line_update(guest, &guest->config.uart, &guest->uart_line, pl011_line(&guest->state->uart));
}

/* --- UART ------------------------------------------------------------------------------------ */

/* A write to a register. False: its byte has no room on the serial line, and nothing was changed.
 */
static bool uart_set(struct guest *guest, keel_peer from, uint64_t seq, uint32_t offset,
                     uint32_t value)
{
    struct guest_state *next = change(guest);
    int out = pl011_write(&next->uart, offset, value);

    if (out >= 0 && !line_put(&guest->line, &next->output, (uint8_t)out)) {
        return false;
    }
    (void)commit_answer(guest, next, from, seq, loop_done(0));
    if (out >= 0) {
        line_end(&guest->line, next->output, (uint8_t)out);
    }
    uart_update(guest);
    return true;
}

/* The serial line has room again, or drops what is written: those who waited go on. */
static void on_room(void *context)
{
    struct guest *guest = context;

    for (unsigned i = 0; i < KEEL_VCPUS_MAX; i++) {
        struct guest_held *held = &guest->held[i];
        if (held->peer != 0) {
            if (!uart_set(guest, held->peer, held->seq, held->offset, held->value)) {
                return;
            }
            (void)keel_reply(held->peer, held->seq, KEEL_REPLY_DONE, 0);
            *held = (struct guest_held){0};
        }
    }
}

/* Input that waits in the ring goes on when half of the FIFO is free. */
static void input_resume(struct guest *guest)
{
    if (guest->input.stopped && guest->state->uart.rx_count <= PL011_FIFO / 2 &&
        pl011_room(&guest->state->uart) > 0) {
        stream_resume(&guest->input);
    }
}

/* As much as the FIFO takes; committed together with the place behind it. */
static size_t on_input(void *context, const struct keel_stream_place *place, const uint8_t *bytes,
                       size_t n)
{
    struct guest *guest = context;
    struct guest_state *next = change(guest);
    size_t taken = 0;

    while (taken < n && pl011_room(&next->uart) > 0) {
        pl011_input(&next->uart, bytes[taken++]);
    }
    if (taken == 0) {
        return 0;
    }
    next->input = (struct keel_stream_place){place->stream, place->position + taken};
    commit(guest, next);
    uart_update(guest);
    return taken;
}

static struct loop_reply uart_write(struct guest *guest, const struct keel_exit *exit,
                                    uint32_t offset)
{
    uint32_t value = (uint32_t)exit->args[1];

    if (!uart_set(guest, exit->peer, exit->seq, offset, value)) {
        guest->held[exit->vcpu] = (struct guest_held){exit->peer, exit->seq, offset, value};
        return loop_later();
    }
    input_resume(guest);
    return loop_done(0);
}

static struct loop_reply uart_read(struct guest *guest, const struct keel_exit *exit,
                                   uint32_t offset)
{
    if (offset != UARTDR) { /* no other read changes anything */
        return loop_done(pl011_read(&guest->state->uart, offset));
    }
    struct guest_state *next = change(guest);
    uint32_t value = pl011_read(&next->uart, offset);

    (void)commit_answer(guest, next, exit->peer, exit->seq, loop_done(value));
    uart_update(guest);
    input_resume(guest);
    return loop_done(value);
}

/* --- RTC ------------------------------------------------------------------------------------- */

static uint64_t rtc_now(void)
{
    return keel_counter() / keel_counter_frequency();
}

/* After anything that may have moved the alarm, and when its time has come. */
static void rtc_update(void *context)
{
    struct guest *guest = context;
    struct guest_state *next = change(guest);
    const struct pl031 *rtc = &next->rtc;

    pl031_advance(&next->rtc, rtc_now());
    commit(guest, next);
    line_update(guest, &guest->config.rtc, &guest->rtc_line, pl031_line(rtc));
    if (rtc->armed) {
        loop_timer_set(&guest->alarm, rtc->alarm * keel_counter_frequency(), rtc_update, guest);
    } else {
        loop_timer_stop(&guest->alarm);
    }
}

static struct loop_reply rtc_access(struct guest *guest, const struct keel_exit *exit,
                                    uint32_t offset)
{
    struct guest_state *next = change(guest);

    if (exit->kind == KEEL_EXIT_READ) {
        uint32_t value = pl031_read(&next->rtc, offset, rtc_now());
        return commit_answer(guest, next, exit->peer, exit->seq, loop_done(value));
    }
    pl031_write(&next->rtc, offset, (uint32_t)exit->args[1], rtc_now());
    (void)commit_answer(guest, next, exit->peer, exit->seq, loop_done(0));
    rtc_update(guest);
    return loop_done(0);
}

/* --- interrupt controller -------------------------------------------------------------------- */

static struct loop_reply refuse(struct guest *guest)
{
    guest->refused++;
    return loop_abort();
}

/* The call that a step asks for, or the nth of them, once. */
static int64_t step_call(keel_peer to, const struct vgic_step *step, unsigned n,
                         struct keel_irq_state *states)
{
    switch (step->action) {
    case VGIC_CONFIGURE:
        return keel_irq_configure(to, keel_irq_word(step->list[n]));
    case VGIC_CONTROL:
        return keel_irq_controller(to, step->value);
    case VGIC_READ:
        return keel_irq_read(to, step->vcpu, step->intid, states, step->n);
    default:
        return -KEEL_EINVAL;
    }
}

/* By a call, or several. */
static __attribute__((noinline)) struct loop_reply step_make(struct guest *guest,
                                                             const struct vgic_step *step)
{
    keel_peer to = peer(guest, guest->config.interrupt_edge);
    struct keel_irq_state states[KEEL_IRQ_READS_MAX];
    unsigned calls = step->action == VGIC_CONFIGURE ? step->n : 1, n = 0;
    int64_t status = -KEEL_EAGAIN;

    for (unsigned i = 0; i < EAGAIN_MAX && n < calls; i++) {
        status = step_call(to, step, n, states);
        n += status == 0;
        if (status != 0 && status != -KEEL_EAGAIN) {
            break;
        }
    }
    if (status == 0) {
        return loop_done(step->action == VGIC_READ ? vgic_value(step, states) : 0);
    }
    return status == -KEEL_EAGAIN ? loop_retry() : refuse(guest);
}

/* A change of one kind, through the edge that has the interrupts, goes with the answer. */
static struct loop_reply step_take(struct guest *guest, const struct keel_exit *exit,
                                   const struct vgic_step *step)
{
    if (step->action == VGIC_DONE) {
        return loop_done(step->value);
    }
    if (step->action == VGIC_CONFIGURE && step->n == 1 &&
        KEEL_PEER_EDGE(exit->peer) == guest->config.interrupt_edge) {
        return loop_configure(step->list[0]);
    }
    return step_make(guest, step);
}

static struct loop_reply distributor(struct guest *guest, const struct keel_exit *exit,
                                     uint64_t offset)
{
    struct vgic_step step;

    if (exit->kind == KEEL_EXIT_READ) {
        vgic_distributor_read(&guest->state->gic, offset, exit->size, &step);
    } else {
        vgic_distributor_write(&guest->state->gic, offset, exit->size, exit->args[1], &step);
    }
    return step_take(guest, exit, &step);
}

static struct loop_reply redistributor(struct guest *guest, const struct keel_exit *exit,
                                       uint64_t offset)
{
    struct vgic_step step;

    if (exit->kind == KEEL_EXIT_READ) {
        vgic_redistributor_read(&guest->state->gic, offset, exit->size, &step);
    } else {
        vgic_redistributor_write(&guest->state->gic, offset, exit->size, exit->args[1], &step);
    }
    return step_take(guest, exit, &step);
}

/* --- calls ----------------------------------------------------------------------------------- */

/* Ends the guest's life. Nobody waits for an answer then, unless the kernel did not do it. */
static struct loop_reply stop(struct guest *guest, enum keel_stop_reason reason, uint64_t detail)
{
    line_flush(&guest->line);
    if (keel_domain_stop(peer(guest, guest->config.stop_edge), reason, detail) < 0) {
        return loop_done((uint64_t)PSCI_INTERNAL_FAILURE);
    }
    return loop_later();
}

/* CPU_ON, which can't be done twice: it is noted before it is done. */
static struct loop_reply cpu_on(struct guest *guest, const struct keel_exit *exit,
                                const struct psci_step *step)
{
    keel_peer to = peer(guest, guest->config.vcpu_edge);
    bool again = was_handled(guest, exit);

    if (!again) {
        if (keel_vcpu_state(to, step->vcpu) == 1) {
            return loop_done((uint64_t)PSCI_ALREADY_ON);
        }
        (void)commit_answer(guest, change(guest), exit->peer, exit->seq,
                            (struct loop_reply){INTENDED, 0});
    }
    int64_t status = keel_vcpu_start(to, step->vcpu, step->pc, step->x0);
    if (again && status == -KEEL_EEXIST) {
        status = 0; /* the former life did it */
    }
    return loop_done((uint64_t)psci_on_status(status));
}

static struct loop_reply call(struct guest *guest, const struct keel_exit *exit)
{
    keel_peer to = peer(guest, guest->config.vcpu_edge);
    struct psci_step step;

    psci_decode(exit->args, guest->config.vcpus, &step);
    switch (step.action) {
    case PSCI_ANSWER:
        return loop_done((uint64_t)step.value);
    case PSCI_ON:
        return cpu_on(guest, exit, &step);
    case PSCI_OFF:
        return loop_off();
    case PSCI_AFFINITY:
        return loop_done(keel_vcpu_state(to, step.vcpu) == 1 ? 0 : 1);
    case PSCI_STOP:
        return stop(guest, KEEL_STOP_OFF, 0);
    case PSCI_RESET:
        return stop(guest, KEEL_STOP_RESET, 0);
    case PSCI_PANIC:
        return stop(guest, KEEL_STOP_PANIC, (uint64_t)step.value);
    }
    return loop_done((uint64_t)PSCI_NOT_SUPPORTED);
}

/* --- dispatch -------------------------------------------------------------------------------- */

/* The devices whose registers are words; the interrupt controller knows its sizes itself. */
static bool word_access(const struct keel_exit *exit)
{
    return exit->size <= 4 && (exit->args[0] & (exit->size - 1u)) == 0;
}

static struct loop_reply access(struct guest *guest, const struct keel_exit *exit)
{
    const struct guest_config *config = &guest->config;
    uint64_t address = exit->args[0];

    if (address - config->uart.address < KEEL_MACHINE_UART_SIZE && config->uart.irq != 0) {
        uint32_t offset = (uint32_t)(address - config->uart.address);
        if (!word_access(exit)) {
            return refuse(guest);
        }
        return exit->kind == KEEL_EXIT_READ ? uart_read(guest, exit, offset)
                                            : uart_write(guest, exit, offset);
    }
    if (address - KEEL_MACHINE_GICD < KEEL_MACHINE_GICD_SIZE) {
        return distributor(guest, exit, address - KEEL_MACHINE_GICD);
    }
    if (address - KEEL_MACHINE_GICR < KEEL_MACHINE_GICR_STRIDE * config->vcpus) {
        return redistributor(guest, exit, address - KEEL_MACHINE_GICR);
    }
    if (address - config->rtc.address < KEEL_MACHINE_RTC_SIZE && config->rtc.irq != 0 &&
        word_access(exit)) {
        return rtc_access(guest, exit, (uint32_t)(address - config->rtc.address));
    }
    return refuse(guest);
}

struct loop_reply guest_exit(void *context, const struct keel_exit *exit)
{
    struct guest *guest = context;

    if (KEEL_PEER_INCARNATION(exit->peer) != guest->state->incarnation) {
        reset(guest, KEEL_PEER_INCARNATION(exit->peer));
        input_resume(guest);
    }
    if ((exit->flags & KEEL_EXIT_REPLAY) && was_handled(guest, exit) &&
        guest->state->last.reply.action != INTENDED) {
        return guest->state->last.reply;
    }
    switch (exit->kind) {
    case KEEL_EXIT_READ:
    case KEEL_EXIT_WRITE:
        return access(guest, exit);
    case KEEL_EXIT_HVC:
    case KEEL_EXIT_SMC:
        return call(guest, exit);
    default:
        return refuse(guest);
    }
}

/* --- the vault ------------------------------------------------------------------------------- */

static bool vault_fits(const struct guest_vault *vault, const struct guest_config *config)
{
    const struct guest_state *state = &vault->state[vault->current & 1];

    return vault->magic == VAULT_MAGIC && vault->current <= 1 &&
           state->gic.vcpus == config->vcpus && state->gic.spis == config->spis &&
           state->uart.rx_head < PL011_FIFO && state->uart.rx_count <= PL011_FIFO &&
           state->output - vault->line.stream.sent <= LINE_BYTES;
}

bool guest_init(struct guest *guest, const struct guest_config *config,
                const struct keel_connection *console, struct guest_vault *vault, bool old)
{
    bool fits = old && vault_fits(vault, config);

    if (!fits) {
        memset(vault, 0, sizeof(*vault));
        state_init(&vault->state[0], config, 0);
        vault_order();
        vault->magic = VAULT_MAGIC;
    }
    *guest =
        (struct guest){.config = *config, .vault = vault, .state = &vault->state[vault->current]};
    line_init(&guest->line, &vault->line, fits, guest->state->output, console, on_room, guest);
    if (console) {
        guest->input = (struct stream_reader){.domain = console->domain,
                                              .from = console->port,
                                              .place = guest->state->input,
                                              .take = on_input,
                                              .context = guest};
        stream_reader_add(&guest->input, &guest->port);
    }
    if (fits) {
        /* What the former life may not have come to. */
        guest->uart_line = !pl011_line(&guest->state->uart);
        guest->rtc_line = !pl031_line(&guest->state->rtc);
        uart_update(guest);
        rtc_update(guest);
    }
    return fits || !old;
}
