/* SPDX-License-Identifier: Apache-2.0 */
/* What a CPU does where it has to wait, or where others have waited for it long enough. */
#ifndef ARCH_RELAX_H
#define ARCH_RELAX_H

static inline void cpu_relax(void)
{
#if defined(__aarch64__) /* unit tests of this folder's files run on the machine that builds */
    /* To hardware threads of the same core, and to an emulator that runs one CPU at a time. */
    __asm__ volatile("yield" ::: "memory");
#endif
}

/* The kernel runs with interrupts masked; here those that are pending are taken (trap_irq).
 * Nothing may be held or half done that a handler needs: the rule is in lock.h. */
static inline void cpu_window(void)
{
#if defined(__aarch64__) && !__STDC_HOSTED__
    __asm__ volatile("msr daifclr, #2\n\tisb\n\tmsr daifset, #2" ::: "memory");
#endif
}

#endif
