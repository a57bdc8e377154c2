/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways into the kernel and out of it. TPIDR_EL2 holds the vCPU that runs; its registers are saved
 * there at once, and the kernel's stack is empty whenever a domain runs.
 */
#include "arch/offsets.h"
#include <keel/arch/boot.h>

/* The image's first page: every CPU comes here, MMU off, x0 = its struct keel_cpu_entry. */
    .section .head.text, "ax"
    .global cpu_entry
cpu_entry:
    b 1f
    .org 64
    .quad 0x6e72654b4c45454b /* struct keel_kernel_header */
    .quad text_bytes
    .quad rodata_bytes
    .quad data_bytes
    .quad bss_bytes
1:
    ldp x1, x2, [x0]        /* page tables, stack */
    ldr x19, [x0, #24]      /* argument */
    ldr x20, [x0, #32]      /* index */
    mov x3, #HCR_EL2_VALUE
    msr hcr_el2, x3
    isb
    ldr x3, =KEEL_EL2_MAIR
    msr mair_el2, x3
    mrs x4, id_aa64mmfr0_el1
    and x4, x4, #7
    ldr x3, =TCR_EL2_VALUE
    orr x3, x3, x4, lsl #16
    msr tcr_el2, x3
    msr ttbr0_el2, x1
    dsb sy
    tlbi alle2
    ic iallu
    dsb nsh
    isb
    ldr x3, =SCTLR_EL2_VALUE
    msr sctlr_el2, x3
    isb
    sub x2, x2, #CPU_BYTES_ASM
    mov sp, x2
    msr tpidr_el2, xzr
    ldr x3, =vectors
    msr vbar_el2, x3
    isb
    mov x0, x19
    mov x1, x20
    ldr x3, =cpu_main
    br x3
    .ltorg

    .text
.macro save
    stp x0, x1, [sp, #-16]!
    mrs x0, tpidr_el2
    stp x2, x3, [x0, #16]
    stp x4, x5, [x0, #32]
    stp x6, x7, [x0, #48]
    stp x8, x9, [x0, #64]
    stp x10, x11, [x0, #80]
    stp x12, x13, [x0, #96]
    stp x14, x15, [x0, #112]
    stp x16, x17, [x0, #128]
    stp x18, x19, [x0, #144]
    stp x20, x21, [x0, #160]
    stp x22, x23, [x0, #176]
    stp x24, x25, [x0, #192]
    stp x26, x27, [x0, #208]
    stp x28, x29, [x0, #224]
    ldp x2, x3, [sp], #16
    stp x2, x3, [x0]
    mrs x2, elr_el2
    mrs x3, spsr_el2
    stp x30, x2, [x0, #240]
    str x3, [x0, #256]
.endm

.macro lower handler
    .balign 128
    save
    mrs x1, esr_el2
    bl \handler
    b leave
.endm

.macro same
    .balign 128
    mrs x0, esr_el2
    mrs x1, elr_el2
    mrs x2, far_el2
    mov x3, x29
    b trap_kernel
.endm

/* What the kernel lets in (cpu_window, devices_wait): on its stack, once, as the handler runs masked. */
.macro window handler
    .balign 128
    b window_\handler
.endm

.macro window_entry handler
window_\handler:
    stp x0, x1, [sp, #-192]!
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x30, [sp, #144]
    mrs x0, elr_el2
    mrs x1, spsr_el2
    stp x0, x1, [sp, #160]
    bl \handler
    ldp x0, x1, [sp, #160]
    msr elr_el2, x0
    msr spsr_el2, x1
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldp x18, x30, [sp, #144]
    ldp x0, x1, [sp], #192
    eret
    dsb nsh
    isb
.endm

    .balign 2048
vectors:
    same
    same
    same
    same
    same
    window trap_window
    same
    window trap_late
    lower trap_sync
    lower trap_irq
    lower trap_irq
    lower trap_serror
    lower trap_sync
    lower trap_irq
    lower trap_irq
    lower trap_serror

    window_entry trap_window
    window_entry trap_late

    /* Out of the kernel; nothing is on its stack. What runs on with nothing else to do needs no more
     * than its registers, if it is a service. */
    .global leave
leave:
    mov x19, sp
    and x19, x19, #~(CPU_AREA_ASM - 1)
    add x19, x19, #(CPU_AREA_ASM - CPU_BYTES_ASM)
1:  ldr x20, [x19, #CPU_CURRENT]
    ldr w2, [x19, #CPU_ATTENTION]
    cbnz w2, 4f
    cbz x20, 4f
    ldr x2, [x19, #CPU_CONTEXT]
    cmp x20, x2
    b.ne 2f
    ldrb w2, [x20, #VCPU_USER]
    cbnz w2, 3f
2:  mov x0, x19
    mov x1, x20
    bl arch_enter
3:  mov x0, x20
    ldp x2, x3, [x0, #248]
    msr elr_el2, x2
    msr spsr_el2, x3
    msr tpidr_el2, x0
    ldp x2, x3, [x0, #16]
    ldp x4, x5, [x0, #32]
    ldp x6, x7, [x0, #48]
    ldp x8, x9, [x0, #64]
    ldp x10, x11, [x0, #80]
    ldp x12, x13, [x0, #96]
    ldp x14, x15, [x0, #112]
    ldp x16, x17, [x0, #128]
    ldp x18, x19, [x0, #144]
    ldp x20, x21, [x0, #160]
    ldp x22, x23, [x0, #176]
    ldp x24, x25, [x0, #192]
    ldp x26, x27, [x0, #208]
    ldp x28, x29, [x0, #224]
    ldr x30, [x0, #240]
    ldp x0, x1, [x0]
    eret
    /* No speculation past the return. */
    dsb nsh
    isb
4:  mov x0, x19
    bl cpu_attend
    b 1b

/* FP/SIMD state: x0 = struct arch_fp. */
    .arch_extension fp
    .arch_extension simd
    .global fp_save
fp_save:
    stp q0, q1, [x0, #0]
    stp q2, q3, [x0, #32]
    stp q4, q5, [x0, #64]
    stp q6, q7, [x0, #96]
    stp q8, q9, [x0, #128]
    stp q10, q11, [x0, #160]
    stp q12, q13, [x0, #192]
    stp q14, q15, [x0, #224]
    stp q16, q17, [x0, #256]
    stp q18, q19, [x0, #288]
    stp q20, q21, [x0, #320]
    stp q22, q23, [x0, #352]
    stp q24, q25, [x0, #384]
    stp q26, q27, [x0, #416]
    stp q28, q29, [x0, #448]
    stp q30, q31, [x0, #480]
    mrs x1, fpcr
    mrs x2, fpsr
    add x0, x0, #512
    stp x1, x2, [x0]
    ret

    .global fp_load
fp_load:
    ldp q0, q1, [x0, #0]
    ldp q2, q3, [x0, #32]
    ldp q4, q5, [x0, #64]
    ldp q6, q7, [x0, #96]
    ldp q8, q9, [x0, #128]
    ldp q10, q11, [x0, #160]
    ldp q12, q13, [x0, #192]
    ldp q14, q15, [x0, #224]
    ldp q16, q17, [x0, #256]
    ldp q18, q19, [x0, #288]
    ldp q20, q21, [x0, #320]
    ldp q22, q23, [x0, #352]
    ldp q24, q25, [x0, #384]
    ldp q26, q27, [x0, #416]
    ldp q28, q29, [x0, #448]
    ldp q30, q31, [x0, #480]
    add x0, x0, #512
    ldp x1, x2, [x0]
    msr fpcr, x1
    msr fpsr, x2
    ret
