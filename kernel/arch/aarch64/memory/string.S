/* SPDX-License-Identifier: Apache-2.0 */
/* memcpy, memmove, memset, memcmp on general registers. Only memcpy is made for speed. */

    .macro function name
    .globl \name
    .type \name, %function
    .balign 16
\name:
    .endm

    .text

/* Right for overlapping ranges if `to` is the lower one: every turn reads before it writes. */
function memcpy
    mov x3, x0
copy_up:
    subs x2, x2, #64
    b.lo 2f
1:  ldp x4, x5, [x1]
    ldp x6, x7, [x1, #16]
    ldp x8, x9, [x1, #32]
    ldp x10, x11, [x1, #48]
    add x1, x1, #64
    stp x4, x5, [x3]
    stp x6, x7, [x3, #16]
    stp x8, x9, [x3, #32]
    stp x10, x11, [x3, #48]
    add x3, x3, #64
    subs x2, x2, #64
    b.hs 1b
2:  tbz x2, #5, 3f
    ldp x4, x5, [x1], #16
    ldp x6, x7, [x1], #16
    stp x4, x5, [x3], #16
    stp x6, x7, [x3], #16
3:  tbz x2, #4, 4f
    ldp x4, x5, [x1], #16
    stp x4, x5, [x3], #16
4:  tbz x2, #3, 5f
    ldr x4, [x1], #8
    str x4, [x3], #8
5:  tst x2, #7
    b.eq 8f
    tbz x2, #2, 6f
    ldr w4, [x1], #4
    str w4, [x3], #4
6:  tbz x2, #1, 7f
    ldrh w4, [x1], #2
    strh w4, [x3], #2
7:  tbz x2, #0, 8f
    ldrb w4, [x1]
    strb w4, [x3]
8:  ret
    .size memcpy, . - memcpy

function memmove
    mov x3, x0
    sub x4, x0, x1
    cmp x4, x2
    b.hs copy_up
1:  subs x2, x2, #1
    b.lo 2f
    ldrb w4, [x1, x2]
    strb w4, [x3, x2]
    b 1b
2:  ret
    .size memmove, . - memmove

function memset
    mov x3, x0
    and x1, x1, #0xff
    mov x4, #0x0101010101010101
    mul x1, x1, x4
    subs x2, x2, #32
    b.lo 2f
1:  stp x1, x1, [x3], #16
    stp x1, x1, [x3], #16
    subs x2, x2, #32
    b.hs 1b
2:  ands x2, x2, #31
    b.eq 4f
3:  strb w1, [x3], #1
    subs x2, x2, #1
    b.ne 3b
4:  ret
    .size memset, . - memset

function memcmp
    cbz x2, 2f
1:  ldrb w3, [x0], #1
    ldrb w4, [x1], #1
    subs w3, w3, w4
    b.ne 3f
    subs x2, x2, #1
    b.ne 1b
2:  mov w3, #0
3:  mov w0, w3
    ret
    .size memcmp, . - memcmp

    .section .note.GNU-stack, "", %progbits
