/* SPDX-License-Identifier: Apache-2.0 */
/* What a CPU does in a loop that waits for another one. */
#ifndef ARCH_RELAX_H
#define ARCH_RELAX_H

static inline void cpu_relax(void)
{
}

static inline void cpu_window(void)
{
}

#endif
