/* SPDX-License-Identifier: Apache-2.0 */
/* The AArch64 part of a virtual CPU. Offsets of arch_registers are known to cpu/entry.S. */
#ifndef KERNEL_ARCH_VCPU_H
#define KERNEL_ARCH_VCPU_H

#include "interrupt/gic.h"

struct arch_registers {
    uint64_t x[31];
    uint64_t pc;     /* ELR_EL2 */
    uint64_t pstate; /* SPSR_EL2 */
    uint64_t sp_el0;
    uint64_t tpidr_el0, tpidrro_el0;
};

/* EL1 state of a machine; stays in the CPU while a service runs on the machine's time, but for the
 * first group. kernel-rules.md 1. */
struct arch_el1 {
    uint64_t tcr, sctlr, cpacr, cntkctl, mdscr;
    uint64_t ttbr0, ttbr1, mair, amair, vbar, esr, far, afsr0, afsr1, elr, spsr, sp, contextidr;
    uint64_t tpidr, par, csselr;
    uint64_t cntv_ctl, cntv_cval;
};

struct arch_fp {
    uint64_t fpcr, fpsr;
    __uint128_t v[32];
};

struct arch_vcpu {
    struct arch_el1 el1;
    struct vgic_vcpu vgic;
    struct gic_state gic;
    uint64_t fault_far, fault_esr; /* of the access that is served, or ends in an external abort */
    const struct route *recent;    /* where the last one that was served went, or NULL */
    struct arch_fp fp;
};

#endif
