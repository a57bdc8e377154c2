/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's start, and what the architecture provides for it. */
#ifndef KERNEL_MAIN_H
#define KERNEL_MAIN_H

#include "base.h"
#include <keel/boot.h>

struct cpu;

/* What the loader handed over, checked; as it does not change any more, nobody keeps parts of it. All
 * zeros until the console and PSCI can be used. */
extern struct keel_boot platform;

/* The first condition of keel/boot.h that does not hold, or NULL. *voice is set if those of the
 * console and of PSCI do: the others can be told. */
must_check const char *boot_check(const struct keel_boot *boot, bool *voice);

/* Every CPU begins here, on its own stack. boot: the boot CPU's; NULL for the others. */
noreturn void cpu_main(const struct keel_boot *boot, uint32_t index);

/* Once, on the boot CPU; then on each CPU. */
void arch_init(void);
void arch_init_cpu(struct cpu *cpu);

/* Out of the kernel, to what runs now: the end of every way through the kernel (entry.S). */
noreturn void leave(void);

#endif
