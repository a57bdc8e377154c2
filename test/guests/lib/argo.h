/* SPDX-License-Identifier: Apache-2.0 */
/* Argo's hypercall, for guests with their stage 1 on: addresses are virtual. */
#ifndef GUEST_ARGO_H
#define GUEST_ARGO_H

#include <keel/argo.h>

static inline int64_t argo(uint64_t op, const void *arg1, const void *arg2, uint64_t arg3,
                           uint64_t arg4)
{
    register uint64_t x0 __asm__("x0") = op;
    register uint64_t x1 __asm__("x1") = (uintptr_t)arg1;
    register uint64_t x2 __asm__("x2") = (uintptr_t)arg2;
    register uint64_t x3 __asm__("x3") = arg3;
    register uint64_t x4 __asm__("x4") = arg4;
    register uint64_t x16 __asm__("x16") = KEEL_ARGO_HYPERCALL;

    __asm__ volatile("hvc #0xea1"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x16)
                     :
                     : "memory");
    return (int64_t)x0;
}

#endif
