/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as Keel's guests see it, which is QEMU's bare virt machine, too. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <keel/machine.h>
#include <stdint.h>

#define PLATFORM_RAM         KEEL_MACHINE_RAM
#define PLATFORM_UART        KEEL_MACHINE_UART
#define PLATFORM_GICD        KEEL_MACHINE_GICD
#define PLATFORM_GICR        KEEL_MACHINE_GICR
#define PLATFORM_GICR_STRIDE KEEL_MACHINE_GICR_STRIDE
#define PLATFORM_TIMER_IRQ   KEEL_MACHINE_TIMER_IRQ

static inline int64_t platform_argo_result(int64_t result)
{
    return result;
}

/* The id of the n-th guest, in systems where they are behind a console and a scheduler: each has its devices behind it. */
#define PLATFORM_GUEST(n) (3u + 2u * (n))

/* A call that the hypervisor answers with nothing done: an Argo operation that there is not. */
static inline void platform_null_call(void)
{
    register uint64_t x0 __asm__("x0") = 99;
    register uint64_t x16 __asm__("x16") = 39;

    __asm__ volatile("hvc #0xea1" : "+r"(x0) : "r"(x16) : "memory", "x1", "x2", "x3", "x4");
}

#endif
