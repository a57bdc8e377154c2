/* SPDX-License-Identifier: Apache-2.0 */
/* CPUs without memory, interrupts and guests: see bare.h. */
#include "cpu/bare.h"

#include "cpu/dispatch.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"

struct bare bare;

struct cpu *cpu_at(uint32_t index)
{
    CHECK(index < KEEL_CPUS_MAX);
    return &bare.cpu[index].cpu;
}

struct cpu *cpu_this(void)
{
    return cpu_at(bare.here);
}

void arch_kick(uint32_t cpu)
{
    bare.kicked |= 1ul << cpu;
}

void arch_save(struct cpu *cpu, struct vcpu *vcpu)
{
    (void)cpu;
    (void)vcpu;
}

void arch_unload(struct cpu *cpu)
{
    CHECK(cpu == cpu_this() && cpu->arch.loaded->loaded_on == cpu->index);
    cpu->arch.loaded->loaded_on = CPU_NONE;
    cpu->arch.loaded = NULL;
}

/* A machine's registers stay on the CPU until another machine runs there. */
void arch_enter(struct cpu *cpu, struct vcpu *vcpu)
{
    trace(KEEL_TRACE_RUN, vcpu, cpu->turn_rank);
    if (vcpu->user || cpu->arch.loaded == vcpu)
        return;
    if (cpu->arch.loaded)
        arch_unload(cpu);
    CHECK(vcpu->loaded_on == CPU_NONE);
    cpu->arch.loaded = vcpu;
    vcpu->loaded_on = cpu->index;
}

void arch_attend(struct cpu *cpu)
{
    (void)cpu;
}

void arch_idle(struct cpu *cpu)
{
    (void)cpu;
    bare.idle = true;
}

/* A machine's virtual timer: all that matters of its interrupt here. */
void arch_timer_expired(struct vcpu *vcpu)
{
    vcpu_kick(vcpu);
}

void arch_timer_set(struct cpu *cpu, uint64_t deadline)
{
    cpu->arch.timer = deadline;
}

uint64_t time_now(void)
{
    return bare.now;
}

uint64_t time_from_ns(uint64_t ns)
{
    return ns;
}

void bare_begin(uint32_t cpus, uint64_t now)
{
    memset(&bare, 0, sizeof(bare));
    memset(domains, 0, sizeof(domains));
    memset(vcpus, 0, sizeof(vcpus));
    bare.now = now;
    cpus_online = cpus;
    cpus_idle = 0;
    for (uint32_t i = 0; i < cpus; i++) {
        struct cpu *cpu = cpu_at(i);

        cpu->index = i;
        cpu->online = true;
        cpu->arch.timer = TIME_NEVER;
        dispatch_init(cpu);
    }
}

void bare_pass(uint32_t index)
{
    struct cpu *cpu = cpu_at(index);

    bare.here = index;
    bare.kicked &= ~(1ul << index);
    if (bare.now >= cpu->arch.timer)
        cpu_alarm(cpu);
    bare.idle = false;
    while (!bare.idle && (!cpu->current || READ_ONCE(cpu->attention)))
        cpu_attend(cpu);
    if (cpu->current)
        arch_enter(cpu, cpu->current);
}
