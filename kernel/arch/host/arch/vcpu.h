/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual CPUs of the host build: what generic code looks at, and what a guest's virtual CPU
 * interface and timer remember. */
#ifndef KERNEL_ARCH_VCPU_H
#define KERNEL_ARCH_VCPU_H

#include "interrupt/gic.h"

#define HOST_ACKED_MAX 8

struct arch_registers {
    uint64_t x[31];
    uint64_t sp, pc;
};

struct arch_vcpu {
    struct vgic_vcpu vgic;
    uint8_t mask;  /* interrupts of a lower priority are not signalled */
    uint8_t acked; /* how many were acknowledged and not ended */
    uint16_t ack[HOST_ACKED_MAX];
    uint8_t running[HOST_ACKED_MAX + 1]; /* their priorities, behind that of idleness */
    bool timer_on; /* the virtual timer */
    uint64_t timer_at;
    bool again; /* the last call is to be executed again */
};

#endif
