/* SPDX-License-Identifier: Apache-2.0 */
/* How a service enters the kernel. */
#ifndef KEEL_ARCH_CALL_H
#define KEEL_ARCH_CALL_H

#include <keel/types.h>

static inline int64_t keel_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                                uint64_t e, uint64_t f, uint64_t *second)
{
    register uint64_t x0 __asm__("x0") = a;
    register uint64_t x1 __asm__("x1") = b;
    register uint64_t x2 __asm__("x2") = c;
    register uint64_t x3 __asm__("x3") = d;
    register uint64_t x4 __asm__("x4") = e;
    register uint64_t x5 __asm__("x5") = f;
    register uint64_t x8 __asm__("x8") = number;

    __asm__ volatile("svc #0"
                     : "+r"(x0), "+r"(x1)
                     : "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x8)
                     : "memory");
    if (second)
        *second = x1;
    return (int64_t)x0;
}

#endif
