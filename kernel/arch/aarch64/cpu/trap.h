/* SPDX-License-Identifier: Apache-2.0 */
/* What entry.S calls. The vCPU is the one that was interrupted; its registers are in memory. */
#ifndef KERNEL_CPU_TRAP_H
#define KERNEL_CPU_TRAP_H

#include "arch/offsets.h"
#include "base.h"

struct vcpu;

void trap_sync(struct vcpu *vcpu, uint64_t esr);
/* An HVC with Argo's number. What a function keeps, from x20 on, is not in memory. */
void trap_argo(struct vcpu *vcpu);
/* Handles the physical interrupt that is pending, if any: another one comes after the return. Also of the
 * kernel, where it lets them in: cpu_window. */
void trap_irq(void);
void trap_serror(void); /* also of the kernel: devices_wait */
noreturn void trap_kernel(uint64_t esr, uint64_t pc, uint64_t far, uint64_t frame);

#endif
