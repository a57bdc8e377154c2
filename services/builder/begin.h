/* SPDX-License-Identifier: Apache-2.0 */
/* How the builder comes to be a service like others, before the C library runs. */
#ifndef BUILDER_BEGIN_H
#define BUILDER_BEGIN_H

#include <keel/boot.h>
#include <keel/start.h>

/* The builder's own address space, besides what keel/boot.h says. */
#define BUILDER_WINDOW_VA 0x2000000000ull /* one block: memory on its way to a domain */
#define BUILDER_HEAP_VA   0x2040000000ull

/* The builder's name for itself in calls. */
#define BUILDER_SELF KEEL_PEER(0, 1)

_Noreturn void begin(const struct keel_boot *boot, uint64_t cpus);

/* The structure that the builder was entered with, and how many CPUs run: the first of those in it. */
const struct keel_boot *begin_boot(void);
uint32_t begin_cpus(void);

/* The builder's stdio goes to the kernel's console; from now on, to this one. */
void begin_console(const struct keel_connection *console);

#endif
