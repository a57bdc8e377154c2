/* SPDX-License-Identifier: Apache-2.0 */
/* The AArch64 part of a physical CPU, and what generic code asks of the architecture. */
#ifndef KERNEL_ARCH_CPU_H
#define KERNEL_ARCH_CPU_H

#include "arch/registers.h"
#include <keel/boot.h>

#define CPU_BYTES 0x14000u /* at the top of the CPU's area; the stack ends below */

struct cpu;
struct vcpu;
struct domain;
struct keel_registers;

struct arch_cpu {
    struct vcpu *context; /* whose light state (stage 2, controls, thread registers) is installed */
    struct vcpu *loaded;  /* machine whose EL1 state and list registers are in the registers */
    struct vcpu *fp;      /* whose FP/SIMD state is in the registers */
    bool fp_allowed;      /* CPTR_EL2 lets FP/SIMD be used */
    bool neutral;         /* EL1 controls are the constants, not the loaded machine's */
    struct {
        struct domain *domain; /* whose device answered with an error: cpu->late */
        uint32_t incarnation;
        uint64_t pc, esr;
    } late;
};

static inline struct cpu *cpu_at(uint32_t index)
{
    return (struct cpu *)(KEEL_CPU_VA(index) + KEEL_CPU_AREA - CPU_BYTES);
}

/* The stack of each CPU lies in an area of its own, aligned to its size. */
static inline struct cpu *cpu_this(void)
{
    uint64_t sp;

    __asm__("mov %0, sp" : "=r"(sp));
    return (struct cpu *)((sp & ~(KEEL_CPU_AREA - 1)) + KEEL_CPU_AREA - CPU_BYTES);
}

/* Makes another CPU pass through the kernel and choose again. */
void arch_kick(uint32_t cpu);

/* Before a vCPU that ran here gets any state but RUNNING: its light state goes to memory. */
void arch_save(struct cpu *cpu, struct vcpu *vcpu);

/* Makes the CPU ready to run the vCPU: called with cpu->current, last before leaving. */
void arch_enter(struct cpu *cpu, struct vcpu *vcpu);

/* A machine's EL1 state leaves this CPU for memory: any CPU may claim the vCPU then. */
void arch_unload(struct cpu *cpu);

/* Ends the domain of which `late` tells. No lock is held. */
void arch_attend(struct cpu *cpu);

/* Waits for an interrupt and handles those that are there. */
void arch_idle(struct cpu *cpu);

/* A vCPU's first registers: it is all zeros. */
void arch_vcpu_init(struct vcpu *vcpu);
void arch_vcpu_start(struct vcpu *vcpu, uint64_t pc, uint64_t x0);

/* The machine gets what it waited for: a value for a read or call; steps over the instruction. */
void arch_complete(struct vcpu *vcpu, uint64_t value);
void arch_retry(struct vcpu *vcpu);

/* The virtual timer's interrupt may have come while the vCPU was not loaded. */
void arch_timer_expired(struct vcpu *vcpu);

void arch_registers_read(const struct vcpu *vcpu, struct keel_registers *registers);
void arch_registers_write(struct vcpu *vcpu, const struct keel_registers *registers);
/* The service executes its call once more. */
void arch_call_again(struct vcpu *vcpu);

/* Sets the hardware's deadline, counter ticks. */
void arch_timer_set(struct cpu *cpu, uint64_t deadline);

/* Starts the other CPUs; each calls cpu_main. How many there are, this one included. */
uint32_t arch_cpus_start(void);
noreturn void arch_system_off(bool reset);
void arch_domain_init(struct domain *domain, uint32_t spis);

#endif
