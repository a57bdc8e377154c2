/* SPDX-License-Identifier: Apache-2.0 */
/* One guest's virtual devices (see guest.h). */
#include "guest.h"

#include "pl011_regs.h"
#include "psci.h"
#include <keel/calls.h>
#include <keel/counter.h>
#include <keel/machine.h>
#include <runtime/clock.h>

/* How often a call is repeated whose state a running vCPU holds; then the guest repeats its access.
 */
#define EAGAIN_MAX 256u

static void reset(struct guest *guest, uint32_t incarnation)
{
    guest->state = (struct guest_state){.incarnation = incarnation};
    vgic_reset(&guest->state.gic, guest->config.vcpus, guest->config.spis);
    pl011_reset(&guest->state.uart);
    pl031_reset(&guest->state.rtc, guest->config.epoch);
    for (unsigned i = 0; i < KEEL_VCPUS_MAX; i++) {
        guest->held[i] = (struct guest_held){0};
    }
    loop_timer_stop(&guest->alarm);
}

static keel_peer peer(const struct guest *guest, uint16_t edge)
{
    return KEEL_PEER(edge, guest->state.incarnation);
}

/* --- interrupt lines ------------------------------------------------------------------------- */

/* Tells the kernel where a line stands, if it has moved. A guest that is gone needs no telling. */
static void line_update(struct guest *guest, const struct guest_place *place, bool *known, bool now)
{
    if (*known != now) {
        *known = now;
        (void)keel_irq_raise(peer(guest, guest->config.interrupt_edge), place->irq, now);
    }
}

static void uart_update(struct guest *guest)
{
    struct guest_state *state = &guest->state;

    line_update(guest, &guest->config.uart, &state->uart_line, pl011_line(&state->uart));
}

/* --- UART ------------------------------------------------------------------------------------ */

/* The serial line has room again, or drops what is written: those who waited go on. */
static void on_room(void *context)
{
    struct guest *guest = context;

    for (unsigned i = 0; i < KEEL_VCPUS_MAX; i++) {
        struct guest_held *held = &guest->held[i];
        if (held->peer != 0) {
            if (!line_put(&guest->line, held->byte)) {
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
    if (guest->line.waiting && guest->state.uart.rx_count <= PL011_FIFO / 2 &&
        pl011_room(&guest->state.uart) > 0) {
        guest->line.waiting = false;
        loop_port_resume(KEEL_PORT_GUEST);
    }
}

bool guest_input(void *context, const struct argo_message *message)
{
    struct guest *guest = context;
    struct line *line = &guest->line;
    uint8_t byte;

    while (message->type == KEEL_CONSOLE_INPUT && pl011_room(&guest->state.uart) > 0 &&
           argo_message_read(message, line->taken, &byte, 1)) {
        pl011_input(&guest->state.uart, byte);
        line->taken++;
    }
    uart_update(guest);
    line->waiting = message->type == KEEL_CONSOLE_INPUT && line->taken < message->bytes;
    if (!line->waiting) {
        line->taken = 0;
    }
    return !line->waiting;
}

void guest_space(void *context)
{
    struct guest *guest = context;

    line_retry(&guest->line);
}

static struct loop_reply uart_write(struct guest *guest, const struct keel_exit *exit,
                                    uint32_t offset)
{
    int out = pl011_write(&guest->state.uart, offset, (uint32_t)exit->args[1]);

    uart_update(guest);
    input_resume(guest);
    if (out >= 0 && !line_put(&guest->line, (uint8_t)out)) {
        guest->held[exit->vcpu] = (struct guest_held){exit->peer, exit->seq, (uint8_t)out};
        return loop_later();
    }
    return loop_done(0);
}

static struct loop_reply uart_read(struct guest *guest, uint32_t offset)
{
    uint32_t value = pl011_read(&guest->state.uart, offset);

    if (offset == UARTDR) { /* no other read changes anything */
        uart_update(guest);
        input_resume(guest);
    }
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
    struct pl031 *rtc = &guest->state.rtc;

    pl031_advance(rtc, rtc_now());
    line_update(guest, &guest->config.rtc, &guest->state.rtc_line, pl031_line(rtc));
    if (rtc->armed) {
        loop_timer_set(&guest->alarm, rtc->alarm * keel_counter_frequency(), rtc_update, guest);
    } else {
        loop_timer_stop(&guest->alarm);
    }
}

static struct loop_reply rtc_access(struct guest *guest, const struct keel_exit *exit,
                                    uint32_t offset)
{
    if (exit->kind == KEEL_EXIT_READ) {
        return loop_done(pl031_read(&guest->state.rtc, offset, rtc_now()));
    }
    pl031_write(&guest->state.rtc, offset, (uint32_t)exit->args[1], rtc_now());
    rtc_update(guest);
    return loop_done(0);
}

/* --- interrupt controller -------------------------------------------------------------------- */

static struct loop_reply refuse(struct guest *guest)
{
    guest->refused++;
    return loop_abort();
}

/* The call that a step asks for, once. */
static int64_t step_call(keel_peer to, const struct vgic_step *step, struct keel_irq_state *states)
{
    switch (step->action) {
    case VGIC_CONFIGURE:
        return keel_irq_configure(to, step->list, step->n);
    case VGIC_CONTROL:
        return keel_irq_controller(to, step->value);
    case VGIC_READ:
        return keel_irq_read(to, step->vcpu, step->intid, states, step->n);
    default:
        return -KEEL_EINVAL;
    }
}

static struct loop_reply step_take(struct guest *guest, const struct vgic_step *step)
{
    keel_peer to = peer(guest, guest->config.interrupt_edge);
    struct keel_irq_state states[KEEL_IRQ_READS_MAX];
    int64_t status = -KEEL_EAGAIN;

    if (step->action == VGIC_DONE) {
        return loop_done(step->value);
    }
    for (unsigned i = 0; i < EAGAIN_MAX && status == -KEEL_EAGAIN; i++) {
        status = step_call(to, step, states);
    }
    if (status == 0) {
        return loop_done(step->action == VGIC_READ ? vgic_value(step, states) : 0);
    }
    return status == -KEEL_EAGAIN ? loop_retry() : refuse(guest);
}

static struct loop_reply distributor(struct guest *guest, const struct keel_exit *exit,
                                     uint64_t offset)
{
    struct vgic_step step;

    if (exit->kind == KEEL_EXIT_READ) {
        vgic_distributor_read(&guest->state.gic, offset, exit->size, &step);
    } else {
        vgic_distributor_write(&guest->state.gic, offset, exit->size, exit->args[1], &step);
    }
    return step_take(guest, &step);
}

static struct loop_reply redistributor(struct guest *guest, const struct keel_exit *exit,
                                       uint64_t offset)
{
    struct vgic_step step;

    if (exit->kind == KEEL_EXIT_READ) {
        vgic_redistributor_read(&guest->state.gic, offset, exit->size, &step);
    } else {
        vgic_redistributor_write(&guest->state.gic, offset, exit->size, exit->args[1], &step);
    }
    return step_take(guest, &step);
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

static struct loop_reply call(struct guest *guest, const struct keel_exit *exit)
{
    keel_peer to = peer(guest, guest->config.vcpu_edge);
    struct psci_step step;

    psci_decode(exit->args, guest->config.vcpus, &step);
    switch (step.action) {
    case PSCI_ANSWER:
        return loop_done((uint64_t)step.value);
    case PSCI_ON:
        return loop_done(
            (uint64_t)psci_on_status(keel_vcpu_start(to, step.vcpu, step.pc, step.x0)));
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
        return exit->kind == KEEL_EXIT_READ ? uart_read(guest, offset)
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

    if (KEEL_PEER_INCARNATION(exit->peer) != guest->state.incarnation) {
        reset(guest, KEEL_PEER_INCARNATION(exit->peer));
        input_resume(guest);
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

void guest_init(struct guest *guest, const struct guest_config *config,
                const struct keel_connection *console)
{
    *guest = (struct guest){.config = *config};
    line_init(&guest->line, console, on_room, guest);
    reset(guest, 0);
}
