/* SPDX-License-Identifier: Apache-2.0 */
/* System registers that a machine does not get as they are. */
#ifndef KERNEL_CPU_SYSREG_H
#define KERNEL_CPU_SYSREG_H

#include "base.h"

struct vcpu;

/* Once, on the boot CPU: the others have what it has. */
void sysreg_init(void);

/* Answers a trapped MRS or MSR. False: undefined for the machine. */
must_check bool sysreg_access(struct vcpu *vcpu, uint64_t esr);

#endif
