/* SPDX-License-Identifier: Apache-2.0 */
/* See probe.h. */
#define FPCR 0x03000000 /* DN, FZ */
#define FPSR 0x08000001 /* QC, IOC */

    .text
    .arch_extension fp
    .arch_extension simd
    .global probe_fp_fill
probe_fp_fill:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    mov     w1, #(0xc1 + \n)
    dup     v\n\().16b, w1
    .endr
    ldr     x1, =FPCR
    msr     fpcr, x1
    ldr     x1, =FPSR
    msr     fpsr, x1
    ret

    .global probe_fp_check
probe_fp_check:
    mov     x0, #0
    mov     x5, #0x0101010101010101
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    mov     w3, #((0xc1 + \n) & 0xff)
    mul     x3, x3, x5
    umov    x1, v\n\().d[0]
    umov    x2, v\n\().d[1]
    eor     x1, x1, x3
    eor     x2, x2, x3
    orr     x1, x1, x2
    orr     x0, x0, x1
    .endr
    ldr     x2, =FPCR
    mrs     x1, fpcr
    eor     x1, x1, x2
    orr     x0, x0, x1
    ldr     x2, =FPSR
    mrs     x1, fpsr
    eor     x1, x1, x2
    orr     x0, x0, x1
    ret

    .global probe_call
probe_call:
    stp     x29, x30, [sp, #-112]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    stp     x18, x0, [sp, #96]
    mov     x8, x0
    .irp n, 2,3,4,5,6,7,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    movz    x\n, #(0x3c00 + \n), lsl #48
    movk    x\n, #(0xc300 + \n)
    .endr
    svc     #0
    mov     x0, #0
    .irp n, 2,3,4,5,6,7,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    movz    x1, #(0x3c00 + \n), lsl #48
    movk    x1, #(0xc300 + \n)
    cmp     x1, x\n
    cset    x1, ne
    orr     x0, x0, x1, lsl #\n
    .endr
    ldp     x18, x2, [sp, #96]
    cmp     x8, x2
    cset    x1, ne
    orr     x0, x0, x1, lsl #8
    ldp     x27, x28, [sp, #80]
    ldp     x25, x26, [sp, #64]
    ldp     x23, x24, [sp, #48]
    ldp     x21, x22, [sp, #32]
    ldp     x19, x20, [sp, #16]
    ldp     x29, x30, [sp], #112
    ret
