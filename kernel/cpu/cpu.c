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
        if (unlikely(__atomic_load_n(&cpu->resched, __ATOMIC_SEQ_CST) || !cpu->current)) {
            __atomic_store_n(&cpu->grace, __atomic_load_n(&graces, __ATOMIC_ACQUIRE),
                             __ATOMIC_RELEASE);
            dispatch(cpu);
        }
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
