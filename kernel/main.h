/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's start, and what the architecture provides for it. */
#ifndef KERNEL_MAIN_H
#define KERNEL_MAIN_H

#include "base.h"
#include <keel/boot.h>

struct cpu;

/* Every CPU begins here, on its own stack. boot: the boot CPU's; NULL for the others. */
noreturn void cpu_main(const struct keel_boot *boot, uint32_t index);

/* Once, on the boot CPU; then on each CPU. */
void arch_init(const struct keel_boot *boot);
void arch_init_cpu(struct cpu *cpu);

/* Enters what cpu_leave chooses: the end of every way through the kernel (entry.S). */
noreturn void leave(void);

#endif
