/* SPDX-License-Identifier: Apache-2.0 */
/* What a CPU does in a loop that waits for another one. */
#ifndef ARCH_RELAX_H
#define ARCH_RELAX_H

#include <sched.h>

/* Others may have to run first: there are more threads than CPUs. */
static inline void cpu_relax(void)
{
    sched_yield();
}

static inline void cpu_window(void)
{
}

#endif
