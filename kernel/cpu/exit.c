/* SPDX-License-Identifier: Apache-2.0 */
/* Exits: see exit.h. */
#include "cpu/exit.h"

#include "cpu/dispatch.h"

static uint64_t blocked[VCPUS_TOTAL / 64]; /* atomic: vCPUs that may be BLOCKED; a hint */

#define DELIVERIES_MAX 4 /* in one go: the rest at the next `wait` */
#define SEQ_STEP 0x100u /* the low byte of a sequence number is the vCPU's index */

void exit_raise(struct cpu *cpu, struct vcpu *vcpu, const struct route *route)
{
    struct domain *service = &domains[route->service];
    struct vcpu *server = service->vcpu[0];
    struct exit *exit = &vcpu->exit;
    uint8_t waiting = VCPU_WAITING;

    exit->service = route->service;
    exit->message.peer = KEEL_PEER(route->edge, vcpu->domain->incarnation);
    exit->message.vcpu = vcpu->index;
    exit->message.flags = 0;
    exit->message.seq = ((exit->message.seq + SEQ_STEP) & ~(uint64_t)(SEQ_STEP - 1)) | vcpu->index;
    exit->sent = true;
    arch_save(cpu, vcpu);
    cpu->current = NULL;
    __atomic_fetch_or(&blocked[vcpu->id / 64], 1ul << (vcpu->id % 64), __ATOMIC_RELAXED);
    __atomic_store_n(&vcpu->state, VCPU_BLOCKED, __ATOMIC_SEQ_CST);

    if (unlikely(!domain_runs(service))) {
        __atomic_store_n(&exit->sent, false, __ATOMIC_SEQ_CST);
        return;
    }
    /* From here on the vCPU may already be answered and running elsewhere. */
    if (unlikely(argo_kernel_send(service, KEEL_MESSAGE_EXIT, &exit->message,
                                  sizeof(exit->message)) < 0)) {
        __atomic_store_n(&exit->sent, false, __ATOMIC_SEQ_CST);
        __atomic_store_n(&server->undelivered, true, __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_or(&server->events, 1ul << KEEL_EVENT_KERNEL, __ATOMIC_SEQ_CST);
    if ((service->cpus >> cpu->index & 1) &&
        __atomic_compare_exchange_n(&server->state, &waiting, VCPU_RUNNING, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED)) {
        if (likely(vcpu_claimed(cpu, server)))
            cpu->current = server;
    } else {
        vcpu_signal(server, 1ul << KEEL_EVENT_KERNEL);
    }
}

struct vcpu *exit_find(const struct domain *service, struct domain *peer, uint64_t seq)
{
    uint32_t index = seq % SEQ_STEP;
    struct vcpu *vcpu = index < peer->vcpus ? peer->vcpu[index] : NULL;

    if (!vcpu || __atomic_load_n(&vcpu->state, __ATOMIC_ACQUIRE) != VCPU_BLOCKED ||
        vcpu->exit.service != service->id || vcpu->exit.message.seq != seq)
        return NULL;
    return vcpu;
}

void exit_answer(struct vcpu *vcpu, uint64_t action, uint64_t value)
{
    uint8_t state = VCPU_BLOCKED;
    uint8_t next = VCPU_READY;

    switch (action) {
    case KEEL_REPLY_DONE:
        arch_complete(vcpu, value);
        break;
    case KEEL_REPLY_RETRY:
        arch_retry(vcpu);
        break;
    case KEEL_REPLY_ABORT:
        if (vcpu->exit.message.kind == KEEL_EXIT_HVC || vcpu->exit.message.kind == KEEL_EXIT_SMC)
            vcpu->undefined = true;
        else
            vcpu->abort = true;
        break;
    default:
        next = VCPU_OFF;
        break;
    }
    __atomic_fetch_and(&blocked[vcpu->id / 64], ~(1ul << (vcpu->id % 64)), __ATOMIC_RELAXED);
    __atomic_compare_exchange_n(&vcpu->state, &state, next, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_RELAXED);
}

/* The next vCPU from *id on that is BLOCKED on the service, or NULL. */
static struct vcpu *next_client(const struct domain *service, uint32_t *id)
{
    while (*id < VCPUS_TOTAL) {
        uint64_t bits = __atomic_load_n(&blocked[*id / 64], __ATOMIC_SEQ_CST) >> (*id % 64);

        if (!bits) {
            *id = (*id / 64 + 1) * 64;
            continue;
        }
        *id += (uint32_t)__builtin_ctzl(bits);

        struct vcpu *vcpu = &vcpus[(*id)++];

        if (__atomic_load_n(&vcpu->state, __ATOMIC_SEQ_CST) == VCPU_BLOCKED &&
            vcpu->exit.service == service->id)
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
