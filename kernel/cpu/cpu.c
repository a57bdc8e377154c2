/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps a CPU in the kernel: see cpu.h. */
#include "cpu/cpu.h"

#include "cpu/dispatch.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"

uint32_t cpus_online;
uint32_t traces;

void cpu_kick(uint32_t index)
{
    struct cpu *cpu = cpu_at(index);

    __atomic_store_n(&cpu->resched, true, __ATOMIC_SEQ_CST);
    if (cpu != cpu_this())
        arch_kick(index);
}

static uint64_t graces; /* atomic: how many have begun */

uint64_t cpus_grace_begin(void)
{
    return __atomic_add_fetch(&graces, 1, __ATOMIC_SEQ_CST);
}

bool cpus_grace_over(uint64_t grace)
{
    bool over = true;

    for (uint32_t i = 0; i < cpus_online; i++)
        if (cpu_at(i) != cpu_this() &&
            __atomic_load_n(&cpu_at(i)->grace, __ATOMIC_ACQUIRE) < grace) {
            cpu_kick(i);
            over = false;
        }
    return over;
}

void cpu_kick_timer(struct cpu *cpu)
{
    __atomic_store_n(&cpu->rearm, true, __ATOMIC_SEQ_CST);
    if (cpu != cpu_this())
        arch_kick(cpu->index);
}

void cpu_arm(struct cpu *cpu)
{
    uint64_t deadline = READ_ONCE(cpu->timers_due);

    /* If a choice is due, the end of the turn may be over, and the choice comes here again. */
    if (!READ_ONCE(cpu->resched)) {
        if (cpu->current && cpu->slice_end < deadline)
            deadline = cpu->slice_end;
        if (cpu->next_refill < deadline)
            deadline = cpu->next_refill;
    }
    if (deadline < cpu->armed) {
        cpu->armed = deadline;
        arch_timer_set(cpu, deadline);
    }
}

void cpu_alarm(struct cpu *cpu)
{
    uint64_t now;

    cpu->armed = TIME_NEVER;
    arch_timer_set(cpu, TIME_NEVER);
    timers_run(cpu);
    now = time_now();
    if (now >= cpu->slice_end || now >= cpu->next_refill)
        WRITE_ONCE(cpu->resched, true); /* and the choice sets the timer */
    else
        cpu_arm(cpu);
}

static uint16_t who(const struct vcpu *vcpu)
{
    if (!vcpu)
        return KEEL_TRACE_NOBODY;
    return KEEL_TRACE_WHO(vcpu->domain->id, vcpu->domain->incarnation, vcpu->index);
}

not_inline void trace_write(enum keel_trace_kind kind, const struct vcpu *vcpu, uint16_t detail)
{
    struct cpu *cpu = cpu_this();
    uint64_t next = cpu->trace_next;

    cpu->trace[next % TRACE_RECORDS] =
        (struct keel_trace){time_now(), who(vcpu), who(cpu->owner), (uint16_t)kind, detail};
    __atomic_store_n(&cpu->trace_next, next + 1, __ATOMIC_RELEASE);
}

void trace_run(const struct cpu *cpu)
{
    if (cpu->arch.context != cpu->current)
        trace_write(KEEL_TRACE_RUN, cpu->current, cpu->turn_rank);
}

void cpu_attend(struct cpu *cpu)
{
    if (unlikely(cpu->late)) {
        cpu->late = false;
        arch_attend(cpu);
    } else if (!cpu->current || __atomic_load_n(&cpu->resched, __ATOMIC_SEQ_CST)) {
        cpu_window(); /* the step of a call, and the choice of what is next, each masked alone */
        __atomic_store_n(&cpu->grace, __atomic_load_n(&graces, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
        dispatch(cpu);
        if (!cpu->current && !__atomic_load_n(&cpu->resched, __ATOMIC_SEQ_CST)) {
            trace(KEEL_TRACE_RUN, NULL, 0);
            arch_idle(cpu);
        }
    } else if (__atomic_exchange_n(&cpu->rearm, false, __ATOMIC_SEQ_CST)) {
        cpu_arm(cpu);
    }
}
