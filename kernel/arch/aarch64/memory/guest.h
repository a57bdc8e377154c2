/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of the machine whose vCPU runs on this CPU, and is in the kernel because of its own call. */
#ifndef KERNEL_MEMORY_GUEST_H
#define KERNEL_MEMORY_GUEST_H

#include "base.h"

/* To which page a virtual address of EL1 leads now, by the machine's own tables and by stage 2, which the lock
 * of its space keeps as it is. False: nowhere, not with that access, or not to memory that it uses
 * through caches: the kernel does, and would see other bytes. */
must_check bool guest_translate(uint64_t address, bool write, struct paddr *pa);

#endif
