/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual CPUs of the host build have no state but what generic code looks at. */
#ifndef KERNEL_ARCH_VCPU_H
#define KERNEL_ARCH_VCPU_H

#include "base.h"

struct arch_registers {
    uint64_t x[31];
};

struct arch_vcpu {
    uint64_t unused;
};

#endif
