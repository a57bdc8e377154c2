/* SPDX-License-Identifier: Apache-2.0 */
/* A CPU's first instructions, as a kernel's are: MMU off, x0 = struct keel_cpu_entry. */
#include <keel/arch/boot.h>

    .section .head, "ax"
    .globl entry
entry:
    b 1f
    .balign 64
    .ascii "KEELKern"
    .quad text_bytes
    .quad rodata_bytes
    .quad data_bytes
    .quad bss_bytes
1:  ldp x1, x2, [x0]
    mov sp, x2
    msr ttbr0_el2, x1
    ldr x1, =KEEL_EL2_MAIR
    msr mair_el2, x1
    mrs x2, id_aa64mmfr0_el1
    and x2, x2, #7
    ldr x1, =(1 << 31 | 1 << 23 | 3 << 12 | 1 << 10 | 1 << 8 | KEEL_EL2_T0SZ)
    orr x1, x1, x2, lsl #16
    msr tcr_el2, x1
    ldr x5, =vectors
    msr vbar_el2, x5
    ldp x2, x3, [x0, #16]
    ldr x4, [x0, #32]
    tlbi alle2
    dsb sy
    isb
    ldr x1, =0x30c5183d /* RES1, I, SA, C, A off, M, no WXN */
    orr x1, x1, #(1 << 19) /* WXN */
    ldr x5, =high
    msr sctlr_el2, x1
    isb
    br x5
    .ltorg

    .text
high:
    mov x0, x2
    mov x1, x3
    mov x2, x4
    b kernel_main

/* uint64_t translate_read(uint64_t va), translate_write(): PAR_EL1 of AT S1E2R, AT S1E2W */
    .globl translate_read, translate_write
translate_read:
    at s1e2r, x0
    isb
    mrs x0, par_el1
    ret
translate_write:
    at s1e2w, x0
    isb
    mrs x0, par_el1
    ret

/* uint64_t smc(uint64_t function, uint64_t, uint64_t, uint64_t) */
    .globl smc
smc:
    smc #0
    ret

    .balign 0x800
vectors:
    .rept 16
    .balign 0x80
    mrs x0, esr_el2
    mrs x1, elr_el2
    mrs x2, far_el2
    b kernel_exception
    .endr
