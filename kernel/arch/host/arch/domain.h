/* SPDX-License-Identifier: Apache-2.0 */
/* Domains of the host build have no virtual interrupts. */
#ifndef KERNEL_ARCH_DOMAIN_H
#define KERNEL_ARCH_DOMAIN_H

#include "base.h"

struct arch_domain {
    uint64_t unused;
};

#endif
