/* SPDX-License-Identifier: Apache-2.0 */
/* The host's physical memory is an array. */
#ifndef KERNEL_MEMORY_ADDRESS_H
#define KERNEL_MEMORY_ADDRESS_H

#include "base.h"

#define HOST_RAM_PA    0x40000000ul
#define HOST_RAM_BYTES (16ul << 20)

extern char host_ram[HOST_RAM_BYTES];

static inline void *phys_to_virt(struct paddr pa)
{
    CHECK(pa.v - HOST_RAM_PA < HOST_RAM_BYTES);
    return &host_ram[pa.v - HOST_RAM_PA];
}

static inline struct paddr virt_to_phys(const void *address)
{
    uint64_t offset = (uint64_t)((const char *)address - host_ram);

    CHECK(offset < HOST_RAM_BYTES);
    return PADDR(HOST_RAM_PA + offset);
}

#endif
