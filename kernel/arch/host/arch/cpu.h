/* SPDX-License-Identifier: Apache-2.0 */
/* Physical CPUs of the host build: the test or simulator says which one it plays. */
#ifndef KERNEL_ARCH_CPU_H
#define KERNEL_ARCH_CPU_H

#include "base.h"

#define CPU_BYTES 4096u

struct cpu;
struct vcpu;

struct arch_cpu {
    struct vcpu *loaded;
    uint64_t timer;
};

struct cpu *cpu_at(uint32_t index);
struct cpu *cpu_this(void);
void arch_kick(uint32_t cpu);
void arch_save(struct cpu *cpu, struct vcpu *vcpu);
void arch_enter(struct cpu *cpu, struct vcpu *vcpu);
void arch_unload(struct cpu *cpu);
void arch_idle(struct cpu *cpu);
void arch_timer_expired(struct vcpu *vcpu);
void arch_timer_set(struct cpu *cpu, uint64_t deadline);

#endif
