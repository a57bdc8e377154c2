/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's start, and what the architecture provides for it. */
#ifndef KERNEL_MAIN_H
#define KERNEL_MAIN_H

#include "base.h"
#include <keel/boot.h>

struct cpu;

/* The first condition of keel/boot.h that does not hold, or NULL. *voice is set if those of the
 * console and of PSCI do: the others can be told. */
must_check const char *boot_check(const struct keel_boot *boot, bool *voice);

/* Every CPU begins here, on its own stack. boot: the boot CPU's; NULL for the others. */
noreturn void cpu_main(const struct keel_boot *boot, uint32_t index);

/* Once, on the boot CPU: console and PSCI, then the rest; then on each CPU. */
void arch_init_voice(const struct keel_boot *boot);
void arch_init(const struct keel_boot *boot);
void arch_init_cpu(struct cpu *cpu);

/* Out of the kernel, to what runs now: the end of every way through the kernel (entry.S). */
noreturn void leave(void);

#endif
