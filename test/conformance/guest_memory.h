/* SPDX-License-Identifier: Apache-2.0 */
/* What guest.c and guest_tests.c share: where the suite's memory is, for itself and for the
 * machine. */
#ifndef CONFORMANCE_GUEST_MEMORY_H
#define CONFORMANCE_GUEST_MEMORY_H

#include "suite_platform.h"

#define MEMORY_VA  0x8000000000ull
#define MEMORY_IPA 0x42000000ull

static inline uint64_t addr_of_page(uint32_t page)
{
    return MEMORY_VA + (uint64_t)page * PAGE;
}

#endif
