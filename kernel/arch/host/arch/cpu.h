/* SPDX-License-Identifier: Apache-2.0 */
/* Physical CPUs of the host build. Who tests a part of the kernel by itself provides what that part
 * needs; cpu/machine.c is a whole machine. */
#ifndef KERNEL_ARCH_CPU_H
#define KERNEL_ARCH_CPU_H

#include "base.h"
#include <keel/boot.h>

#define CPU_BYTES 0x14000u

struct cpu;
struct vcpu;
struct domain;
struct keel_registers;

struct arch_cpu {
    struct vcpu *context; /* that runs, or ran last and was not saved since */
    struct vcpu *loaded;  /* machine whose EL1 state is here */
    uint64_t timer;       /* deadline, or TIME_NEVER */
    uint64_t ttbr;        /* translation base under which `context` runs */
};

struct cpu *cpu_at(uint32_t index);
struct cpu *cpu_this(void);
void arch_kick(uint32_t cpu);
void arch_save(struct cpu *cpu, struct vcpu *vcpu);
void arch_enter(struct cpu *cpu, struct vcpu *vcpu);
void arch_unload(struct cpu *cpu);
void arch_attend(struct cpu *cpu);
void arch_idle(struct cpu *cpu);
void arch_vcpu_init(struct vcpu *vcpu);
void arch_vcpu_start(struct vcpu *vcpu, uint64_t pc, uint64_t x0);
void arch_complete(struct vcpu *vcpu, uint64_t value);
void arch_retry(struct vcpu *vcpu);
void arch_timer_expired(struct vcpu *vcpu);
void arch_registers_read(const struct vcpu *vcpu, struct keel_registers *registers);
void arch_registers_write(struct vcpu *vcpu, const struct keel_registers *registers);
void arch_call_again(struct vcpu *vcpu);
void arch_timer_set(struct cpu *cpu, uint64_t deadline);
uint32_t arch_cpus_start(void);
noreturn void arch_system_off(bool reset);
void arch_domain_init(struct domain *domain, uint32_t spis);

#endif
