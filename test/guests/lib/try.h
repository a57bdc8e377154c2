/* SPDX-License-Identifier: Apache-2.0 */
/* One instruction that has to end in an exception: what is caught must name it and the state before
 * it. */
#ifndef TRY_H
#define TRY_H

#include "guest.h"

struct tried {
    uint64_t pc, pstate; /* of the instruction */
    uint32_t serial; /* another set of flags each time; every other one with interrupts enabled */
};
extern struct tried tried;

#define PSTATE_NZCV 0xF0000000ul
#define PSTATE_DAIF 0x3C0ul
#define PSTATE_EL1H 5ul
/* What of it every CPU has, and single step and illegal state. */
#define PSTATE_MASK (PSTATE_NZCV | 3ul << 20 | PSTATE_DAIF | 0x1F)

static inline void try_begin(void)
{
    if (tried.serial & 1) {
        irq_enable();
    }
    tried.pstate = ((uint64_t)tried.serial++ << 28 & PSTATE_NZCV) | sysreg_read(daif) | PSTATE_EL1H;
    catch_begin();
}

/* The instruction finds `value` in x0, and may change x0 to x3 and x30. */
#define TRY(instruction, value)                                                                 \
    do {                                                                                        \
        try_begin();                                                                            \
        __asm__ volatile("mov x0, %[x0]\n adr %[pc], 1f\n msr nzcv, %[flags]\n1: " instruction  \
                         : [pc] "=&r"(tried.pc)                                                 \
                         : [flags] "r"(tried.pstate & PSTATE_NZCV), [x0] "r"((uint64_t)(value)) \
                         : "x0", "x1", "x2", "x3", "x30", "cc", "memory");                      \
    } while (0)

/* One exception of this class was taken at pc, with the state from before, and masks everything. */
static inline void try_check(const char *what, uint32_t class, uint64_t pc)
{
    uint32_t n = catch_end();

    irq_disable();
    expect(n == 1, "%s: %u exceptions", what, n);
    expect(caught.esr >> 26 == class, "%s: ESR %lx", what, caught.esr);
    expect(caught.elr == pc, "%s: ELR %lx, not %lx", what, caught.elr, pc);
    expect((caught.spsr & PSTATE_MASK) == tried.pstate, "%s: SPSR %lx, not %lx", what, caught.spsr,
           tried.pstate);
    expect(caught.daif == PSTATE_DAIF, "%s: DAIF %lx", what, caught.daif);
}

#endif
