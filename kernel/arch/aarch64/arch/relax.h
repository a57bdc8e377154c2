/* SPDX-License-Identifier: Apache-2.0 */
/* What a CPU does in a loop that waits for another one. */
#ifndef ARCH_RELAX_H
#define ARCH_RELAX_H

static inline void cpu_relax(void)
{
#if defined(__aarch64__) /* unit tests of this folder's files run on the machine that builds */
    /* To hardware threads of the same core, and to an emulator that runs one CPU at a time. */
    __asm__ volatile("yield" ::: "memory");
#endif
}

#endif
