/* SPDX-License-Identifier: Apache-2.0 */
/* The AArch64 part of a domain. */
#ifndef KERNEL_ARCH_DOMAIN_H
#define KERNEL_ARCH_DOMAIN_H

#include "interrupt/vgic.h"

struct arch_domain {
    struct vgic vgic; /* machines */
};

#endif
