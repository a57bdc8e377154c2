/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's authority table, to be filled as the builder fills it. */
#ifndef TEST_FUZZ_KERNEL_AUTHORITY_H
#define TEST_FUZZ_KERNEL_AUTHORITY_H

#include <keel/edge.h>
#include <stdbool.h>

/* Empty; the machine has RAM in [ram_lo, ram_hi]. */
void kernel_authority_begin(uint64_t ram_lo, uint64_t ram_hi);
/* What edge_set answers. */
int64_t kernel_authority_set(uint16_t holder, uint32_t index, const struct keel_edge *edge);

#endif
