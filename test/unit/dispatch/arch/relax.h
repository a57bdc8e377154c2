/* SPDX-License-Identifier: Apache-2.0 */
/* Where the kernel lets interrupts in, other CPUs do something: see test_dispatch_random.c. */
#ifndef ARCH_RELAX_H
#define ARCH_RELAX_H

void window(void);

static inline void cpu_window(void)
{
    window();
}

/* One thread: nobody is waited for. */
void relax(void);

static inline void cpu_relax(void)
{
    relax();
}

#endif
