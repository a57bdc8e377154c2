/* SPDX-License-Identifier: Apache-2.0 */
/* Exits: see exit.h. */
#include "cpu/exit.h"

#include "cpu/dispatch.h"

#define DELIVERIES_MAX 4 /* in one go: the rest at the next `wait` */
#define SEQ_STEP 0x100u /* the low byte of a sequence number is the vCPU's index */

void exit_raise(struct cpu *cpu, struct vcpu *vcpu, const struct route *route)
{
    struct domain *service = route->service;
    struct exit *exit = &vcpu->exit;
    struct vcpu *server;

    if (unlikely(exit->route != route)) {
        exit->route = route;
        exit->service = service;
        exit->message.peer = KEEL_PEER(route->edge, vcpu->domain->incarnation);
        exit->message.vcpu = vcpu->index;
    }
    exit->message.flags = 0;
    exit->message.seq = ((exit->message.seq + SEQ_STEP) & ~(uint64_t)(SEQ_STEP - 1)) | vcpu->index;
    exit->sent = true;
    vcpu_leave(cpu, vcpu, VCPU_BLOCKED);

    if (unlikely(!domain_runs(service))) {
        __atomic_store_n(&exit->sent, false, __ATOMIC_SEQ_CST);
        return;
    }
    server = service->vcpu[0];
    /* From here on the vCPU may already be answered and running elsewhere. */
    if (unlikely(argo_kernel_send(service, KEEL_MESSAGE_EXIT, &exit->message,
                                  sizeof(exit->message)) < 0)) {
        __atomic_store_n(&exit->sent, false, __ATOMIC_SEQ_CST);
        __atomic_store_n(&server->undelivered, true, __ATOMIC_SEQ_CST);
    }
    if (likely((service->cpus >> cpu->index & 1) &&
               vcpu_change(server, VCPU_WAITING, VCPU_RUNNING))) {
        if (unlikely(service->reserve.period))
            dispatch_reserve_counts(service);
        if (likely(vcpu_claimed(cpu, server, 1ul << KEEL_EVENT_KERNEL)))
            cpu->current = server;
    } else {
        trace(KEEL_TRACE_EXIT, vcpu, service->id);
        vcpu_signal(server, 1ul << KEEL_EVENT_KERNEL);
    }
}

inline struct vcpu *exit_find(const struct domain *service, struct domain *peer, uint64_t seq)
{
    struct vcpu *vcpu = domain_vcpu(peer, seq % SEQ_STEP);

    if (!vcpu || __atomic_load_n(&vcpu->state, __ATOMIC_ACQUIRE) != VCPU_BLOCKED ||
        vcpu->exit.service != service || vcpu->exit.message.seq != seq)
        return NULL;
    return vcpu;
}

inline bool exit_answer(struct vcpu *vcpu, uint64_t action, uint64_t value, enum vcpu_state state)
{
    if (unlikely(!vcpu_change(vcpu, VCPU_BLOCKED, VCPU_STARTING)))
        return false;
    if (likely(action == KEEL_REPLY_DONE)) {
        arch_complete(vcpu, value);
    } else if (action == KEEL_REPLY_OFF) {
        state = VCPU_OFF;
    } else {
        arch_retry(vcpu); /* an abort is taken where the instruction is */
        if (action == KEEL_REPLY_ABORT)
            vcpu->takes = exit_is_call(vcpu) ? VCPU_TAKES_UNDEFINED : VCPU_TAKES_ABORT;
    }
    __atomic_store_n(&vcpu->state, (uint8_t)state, __ATOMIC_SEQ_CST);
    return state != VCPU_OFF;
}

/* The next vCPU from *id on that is BLOCKED on the service, or NULL. No lock is held. */
static struct vcpu *next_client(const struct domain *service, uint32_t *id)
{
    while (*id < VCPUS_TOTAL) {
        struct vcpu *vcpu = &vcpus[(*id)++];

        if (*id % 64 == 0)
            cpu_window();
        if (__atomic_load_n(&vcpu->state, __ATOMIC_SEQ_CST) == VCPU_BLOCKED &&
            vcpu->exit.service == service)
            return vcpu;
    }
    return NULL;
}

void exit_deliver(struct domain *service)
{
    struct vcpu *server = service->vcpu[0];
    uint32_t deliveries = 0;
    uint32_t id = 0;
    struct vcpu *vcpu;

    __atomic_store_n(&server->undelivered, false, __ATOMIC_SEQ_CST);
    while ((vcpu = next_client(service, &id))) {
        if (__atomic_load_n(&vcpu->exit.sent, __ATOMIC_SEQ_CST))
            continue;
        vcpu->exit.sent = true;
        if (deliveries == DELIVERIES_MAX ||
            argo_kernel_send(service, KEEL_MESSAGE_EXIT, &vcpu->exit.message,
                             sizeof(vcpu->exit.message)) < 0) {
            vcpu->exit.sent = false;
            __atomic_store_n(&server->undelivered, true, __ATOMIC_SEQ_CST);
            return;
        }
        deliveries++;
        __atomic_fetch_or(&server->events, 1ul << KEEL_EVENT_KERNEL, __ATOMIC_SEQ_CST);
    }
}

bool exit_overdue(const struct domain *service)
{
    bool overdue = false;
    uint32_t id = 0;
    struct vcpu *vcpu;

    while ((vcpu = next_client(service, &id))) {
        uint64_t seq = READ_ONCE(vcpu->exit.message.seq);

        overdue |= vcpu->exit.pinged == seq;
        vcpu->exit.pinged = seq;
    }
    return overdue;
}

void exit_replay(struct domain *service)
{
    uint32_t id = 0;
    struct vcpu *vcpu;

    while ((vcpu = next_client(service, &id))) {
        if (vcpu->exit.sent)
            vcpu->exit.message.flags |= KEEL_EXIT_REPLAY;
        vcpu->exit.sent = false;
    }
    /* They are put into the ring when the service waits. */
    __atomic_store_n(&service->vcpu[0]->undelivered, true, __ATOMIC_SEQ_CST);
}
