/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's power interface (Arm DEN 0022): the kernel is its client. */
#ifndef KERNEL_CPU_PSCI_H
#define KERNEL_CPU_PSCI_H

#include "base.h"

must_check int64_t psci_cpu_on(uint64_t mpidr, struct paddr entry, uint64_t context);
noreturn void psci_system_off(bool reset);

#endif
