/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts with as little as it takes: what is measured is what lies below. */
    .section .text
    .balign 2048
    .global bench_vectors
bench_vectors:
    .rept 5
    .balign 128
    b       other_entry
    .endr
    .balign 128 /* 0x280: IRQ at the current level */
    b       irq
    .rept 10
    .balign 128
    b       other_entry
    .endr

irq:
    stp     x0, x1, [sp, #-32]!
    str     x2, [sp, #16]
    mrs     x0, S3_0_C12_C12_0 /* ICC_IAR1_EL1 */
    cmp     w0, #27
    b.ne    1f
    msr     cntv_ctl_el0, xzr
    isb
1:  adrp    x1, bench_taken
    ldr     w2, [x1, :lo12:bench_taken]
    add     w2, w2, #1
    str     w2, [x1, :lo12:bench_taken]
    msr     S3_0_C12_C12_1, x0 /* ICC_EOIR1_EL1 */
    isb
    ldr     x2, [sp, #16]
    ldp     x0, x1, [sp], #32
    eret

    .bss
    .balign 4
    .global bench_taken
bench_taken:
    .skip   4
