/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uint64_t suite_call(uint64_t number, const uint64_t x[6], uint64_t result[2]): a call with all
 * registers set; returns a word that is 0 if the kernel has kept all but x0 and x1.
 */
    .text
    .global suite_call
    .type suite_call, %function
suite_call:
    stp     x19, x20, [sp, #-128]!
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    stp     x1, x2, [sp, #96]
    str     x0, [sp, #112]
    mov     x8, x0
    ldp     x2, x3, [x1, #16]
    ldp     x4, x5, [x1, #32]
    ldp     x0, x1, [x1]
    .irp n, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    movz    x\n, #0x5a00 + \n, lsl #32
    .endr
    svc     #0
    stp     x0, x1, [sp, #-16]!
    mov     x0, #0
    .irp n, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    movz    x1, #0x5a00 + \n, lsl #32
    eor     x1, x1, x\n
    orr     x0, x0, x1
    .endr
    ldp     x9, x10, [sp, #112]
    ldr     x11, [sp, #128]
    eor     x8, x8, x11
    orr     x0, x0, x8
    ldp     x11, x12, [x9, #16]
    eor     x2, x2, x11
    eor     x3, x3, x12
    ldp     x11, x12, [x9, #32]
    eor     x4, x4, x11
    eor     x5, x5, x12
    orr     x0, x0, x2
    orr     x0, x0, x3
    orr     x0, x0, x4
    orr     x0, x0, x5
    ldp     x11, x12, [sp], #16
    stp     x11, x12, [x10]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     x19, x20, [sp], #128
    ret

    .section .note.GNU-stack, "", %progbits
