/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual CPUs: see vcpu.h. */
#include "cpu/vcpu.h"

#include "cpu/cpu.h"
#include "cpu/dispatch.h"
#include "cpu/domain.h"

struct vcpu vcpus[VCPUS_TOTAL];

void vcpu_signal(struct vcpu *vcpu, uint64_t events)
{
    __atomic_fetch_or(&vcpu->events, events, __ATOMIC_SEQ_CST);
    if (vcpu_change(vcpu, VCPU_WAITING, VCPU_READY))
        dispatch_wake(vcpu);
}

inline void vcpu_kick(struct vcpu *vcpu)
{
    if (vcpu_change(vcpu, VCPU_WAITING, VCPU_READY)) {
        dispatch_wake(vcpu);
    } else if (__atomic_load_n(&vcpu->state, __ATOMIC_SEQ_CST) == VCPU_RUNNING) {
        uint8_t cpu = READ_ONCE(vcpu->cpu);

        if (cpu_at(cpu) != cpu_this())
            arch_kick(cpu);
    }
}

inline bool vcpu_claimed(struct cpu *cpu, struct vcpu *vcpu, uint64_t events)
{
    WRITE_ONCE(vcpu->cpu, (uint8_t)cpu->index);
    vcpu->waited = 0;
    if (unlikely(!domain_runs(vcpu->domain))) {
        __atomic_store_n(&vcpu->state, VCPU_OFF, __ATOMIC_SEQ_CST);
        return false;
    }
    timer_cancel(&vcpu->timer);
    if (vcpu->waits) {
        vcpu->waits = false;
        if (READ_ONCE(vcpu->events))
            events |= __atomic_exchange_n(&vcpu->events, 0, __ATOMIC_SEQ_CST);
        vcpu->registers.x[0] = events;
    }
    return true;
}

void vcpu_leave(struct cpu *cpu, struct vcpu *vcpu, enum vcpu_state state)
{
    arch_save(cpu, vcpu);
    cpu->current = NULL;
    __atomic_store_n(&vcpu->state, (uint8_t)state, __ATOMIC_SEQ_CST);
}

void vcpu_deadline(struct vcpu *vcpu)
{
    if (vcpu->user)
        vcpu_signal(vcpu, 1ul << KEEL_EVENT_TIME);
    else
        arch_timer_expired(vcpu);
}
