/* SPDX-License-Identifier: Apache-2.0 */
/* How the kernel reaches RAM: all of it is mapped at its physical address (keel/boot.h). */
#ifndef KERNEL_MEMORY_ADDRESS_H
#define KERNEL_MEMORY_ADDRESS_H

#include "base.h"

static inline void *phys_to_virt(struct paddr pa)
{
    return (void *)pa.v;
}

/* Of an address in RAM, not in the kernel's image or a CPU's area. */
static inline struct paddr virt_to_phys(const void *address)
{
    return PADDR((uint64_t)address);
}

#endif
