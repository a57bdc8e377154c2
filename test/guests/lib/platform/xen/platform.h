/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as Xen's dom0less guests see it: xen/include/public/arch-arm.h. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdint.h>

#define PLATFORM_RAM         0x40000000ul /* GUEST_RAM0_BASE */
#define PLATFORM_UART        0x22000000ul /* GUEST_PL011_BASE */
#define PLATFORM_GICD        0x03001000ul /* GUEST_GICV3_GICD_BASE */
#define PLATFORM_GICR        0x03020000ul /* GUEST_GICV3_GICR0_BASE */
#define PLATFORM_GICR_STRIDE 0x20000ul
#define PLATFORM_TIMER_IRQ   27u /* GUEST_TIMER_VIRT_PPI */

/* An error that Argo's sendv found late has 32 bits there: what is to be compared is which it is. */
static inline int64_t platform_argo_result(int64_t result)
{
    return result > INT32_MAX && result <= UINT32_MAX ? (int32_t)result : result;
}

/* The id of the n-th guest: dom0less, without a dom0. */
#define PLATFORM_GUEST(n) (1u + (n))

/* xen_version with XENVER_version. */
static inline void platform_null_call(void)
{
    register uint64_t x0 __asm__("x0") = 0;
    register uint64_t x1 __asm__("x1") = 0;
    register uint64_t x16 __asm__("x16") = 17;

    __asm__ volatile("hvc #0xea1" : "+r"(x0), "+r"(x1) : "r"(x16) : "memory", "x2", "x3", "x4");
}

#endif
