/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bare CPUs on the host: of arch/ as much as the dispatcher, buckets, timers and vCPU states need, for what
 * tests them and for the scheduler's simulator. Who uses it moves the clock, lets CPUs enter the kernel, and
 * provides domains[] (or cpu/domain.c). A tick is a nanosecond; the kernel's work takes none.
 */
#ifndef KERNEL_CPU_BARE_H
#define KERNEL_CPU_BARE_H

#include "cpu/cpu.h"

struct bare {
    union {
        struct cpu cpu;
        char bytes[CPU_BYTES];
    } cpu[KEEL_CPUS_MAX];
    uint64_t now;
    uint64_t kicked; /* CPUs with an interrupt pending that another one caused */
    uint32_t here;   /* where kernel code runs */
    bool idle;       /* there, with nothing to do */
};
extern struct bare bare;

/* So many CPUs, which run nothing and have no plan; no vCPUs and no domains. */
void bare_begin(uint32_t cpus, uint64_t now);

/* One way of a CPU through the kernel, as an interrupt causes it; the timer's is taken if it is due. */
void bare_pass(uint32_t cpu);

#endif
