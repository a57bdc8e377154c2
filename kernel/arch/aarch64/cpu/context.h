/* SPDX-License-Identifier: Apache-2.0 */
/* Which vCPU's state is in this CPU's registers: see context.c for the groups. */
#ifndef KERNEL_CPU_CONTEXT_H
#define KERNEL_CPU_CONTEXT_H

#include "arch/vcpu.h"

struct cpu;
struct vcpu;

void context_init_cpu(struct cpu *cpu);

/* The vCPU has used FP/SIMD and trapped: it gets the registers. False if it may not have them. */
bool context_fp_used(struct cpu *cpu, struct vcpu *vcpu);

void fp_save(struct arch_fp *fp);
void fp_load(const struct arch_fp *fp);

#endif
