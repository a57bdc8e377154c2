/* SPDX-License-Identifier: Apache-2.0 */
/* Device accesses with every register full of a pattern; see hostile.c. */

    .text

/* x0: address of a device register, x1: NZCV. Returns a mask of the registers that changed. */
    .global access_with_patterns
access_with_patterns:
    stp     x29, x30, [sp, #-112]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    str     x18, [sp, #96]
    and     x1, x1, #0xf0000000
    msr     nzcv, x1
    .irp n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    movz    x\n, #(0x5a00 + \n), lsl #48
    movk    x\n, #(0xa500 + \n)
    .endr
    ldr     w0, [x0]
    mrs     x0, nzcv
    eor     x0, x0, x1              /* bits 31..28: flags */
    .irp n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    movz    x1, #(0x5a00 + \n), lsl #48
    movk    x1, #(0xa500 + \n)
    cmp     x1, x\n
    cset    x1, ne
    orr     x0, x0, x1, lsl #(\n + 32)
    .endr
    ldr     x18, [sp, #96]
    ldp     x27, x28, [sp, #80]
    ldp     x25, x26, [sp, #64]
    ldp     x23, x24, [sp, #48]
    ldp     x21, x22, [sp, #32]
    ldp     x19, x20, [sp, #16]
    ldp     x29, x30, [sp], #112
    ret

    .arch_extension fp
    .arch_extension simd
/* x0: address of a device register. Returns a mask of the vector registers that changed. */
    .global access_with_fp
access_with_fp:
    mov     w2, #0x11
    msr     fpcr, xzr
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    add     w3, w2, #\n
    dup     v\n\().16b, w3
    .endr
    mov     x4, #0x08000000
    msr     fpsr, x4
    ldr     w1, [x0]
    mov     x0, #0
    mrs     x1, fpsr
    cmp     x1, x4
    cset    x0, ne
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    add     w3, w2, #\n
    mov     x5, #0x0101010101010101
    and     x3, x3, #0xff
    mul     x3, x3, x5
    umov    x1, v\n\().d[0]
    umov    x4, v\n\().d[1]
    eor     x1, x1, x3
    eor     x4, x4, x3
    orr     x1, x1, x4
    cmp     x1, #0
    cset    x1, ne
    orr     x0, x0, x1, lsl #(\n + 1)
    .endr
    ret
