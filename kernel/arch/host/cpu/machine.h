/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole machine on the host: the kernel's own start, its CPUs, which one test drives in turn, and
 * a clock that the test moves. What a vCPU does between two entries into the kernel is the test's.
 */
#ifndef KERNEL_CPU_MACHINE_H
#define KERNEL_CPU_MACHINE_H

#include "base.h"
#include <keel/boot.h>

#define HOST_CPUS 3u

struct vcpu;

extern uint64_t host_now; /* ns, which are ticks */

/* The kernel starts on all CPUs. The builder is ready then. */
void host_boot(const struct keel_boot *boot);

/* Kernel code runs on this CPU from now on. */
void host_on(uint32_t cpu);

/* The end of every way through the kernel. False: there is nothing to run, the CPU waits. */
bool host_leave(void);

/* Takes the interrupts that are pending on this CPU. */
void host_interrupts(void);

/* The machine's virtual timer. */
void host_timer(struct vcpu *vcpu, bool on, uint64_t at);

/* Instead of switching the machine off. Does not return. */
extern void (*host_off)(bool reset);

#endif
