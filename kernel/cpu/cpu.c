/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving the kernel: see cpu.h. */
#include "cpu/cpu.h"

#include "cpu/dispatch.h"
#include "cpu/vcpu.h"

uint32_t cpus_online;

void cpu_kick(uint32_t index)
{
    struct cpu *cpu = cpu_at(index);

    __atomic_store_n(&cpu->resched, true, __ATOMIC_SEQ_CST);
    if (cpu != cpu_this())
        gic_kick(index);
}

void cpu_kick_timer(struct cpu *cpu)
{
    __atomic_store_n(&cpu->rearm, true, __ATOMIC_SEQ_CST);
    if (cpu != cpu_this())
        gic_kick(cpu->index);
}

void cpu_arm(struct cpu *cpu)
{
    uint64_t deadline = timers_next(cpu);

    if (cpu->current && cpu->slice_end < deadline)
        deadline = cpu->slice_end;
    if (cpu->next_refill < deadline)
        deadline = cpu->next_refill;
    arch_timer_set(cpu, deadline);
}

struct vcpu *cpu_leave(void)
{
    struct cpu *cpu = cpu_this();

    for (;;) {
        if (unlikely(__atomic_load_n(&cpu->resched, __ATOMIC_SEQ_CST) || !cpu->current))
            dispatch(cpu);
        if (likely(cpu->current && !__atomic_load_n(&cpu->resched, __ATOMIC_SEQ_CST)))
            break;
        if (!cpu->current)
            arch_idle(cpu);
    }
    if (unlikely(__atomic_exchange_n(&cpu->rearm, false, __ATOMIC_SEQ_CST)))
        cpu_arm(cpu);
    arch_enter(cpu, cpu->current);
    return cpu->current;
}
