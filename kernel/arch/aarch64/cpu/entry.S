/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways into the kernel and out of it. TPIDR_EL2 holds the vCPU that runs; its registers are saved
 * there at once (but see `call`), and the kernel's stack is empty whenever a domain runs.
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
/* stp or ldp of registers `from`, from + 1 up to `last`, last + 1, each at its number times `bytes`. */
    .altmacro
.macro pair op, kind, n, next, base, offset
    \op \kind\n, \kind\next, [\base, #\offset]
.endm
.macro pairs op, kind, from, last, base, bytes
    pair \op, \kind, %(\from), %(\from + 1), \base, %(\from * \bytes)
    .if \from < \last
    pairs \op, \kind, %(\from + 2), \last, \base, \bytes
    .endif
.endm

/* x0: the vCPU, x1: ESR. What a function keeps, from x20 on, is left. */
.macro save
    stp x0, x1, [sp, #-16]!
    mrs x0, tpidr_el2
    pairs stp, x, 2, 18, x0, 8
    ldp x2, x3, [sp], #16
    stp x2, x3, [x0]
    mrs x2, elr_el2
    mrs x3, spsr_el2
    stp x30, x2, [x0, #240]
    str x3, [x0, #256]
    mrs x1, esr_el2
.endm

.macro lower handler
    .balign 128
    save
    .ifc \handler, trap_sync
    tbnz w1, #27, call /* HVC, SMC, FP/SIMD, and what is rare */
    .endif
    pairs stp, x, 20, 28, x0, 8
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
    stp x0, x1, [sp, #-192]!
    pairs stp, x, 2, 16, sp, 8
    stp x18, x30, [sp, #144]
    mrs x0, elr_el2
    mrs x1, spsr_el2
    stp x0, x1, [sp, #160]
    bl \handler
    ldp x0, x1, [sp, #160]
    msr elr_el2, x0
    msr spsr_el2, x1
    pairs ldp, x, 2, 16, sp, 8
    ldp x18, x30, [sp, #144]
    ldp x0, x1, [sp], #192
    eret
    dsb nsh
    isb
.endm

    .balign 2048
vectors:
    .rept 5
    same
    .endr
    window trap_irq
    same
    window trap_serror
    .rept 2 /* of AArch64; of AArch32, which there is not */
    lower trap_sync
    lower trap_irq
    lower trap_irq
    lower trap_serror
    .endr
    .org vectors + 2048 /* each entry has fitted its 128 bytes */

    /* Out of the kernel; nothing is on its stack. What runs on with nothing else to do needs no more
     * than its registers: a service, or a machine for which arch_enter would do nothing. */
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
    ldr w2, [x20, #VCPU_USER]
    tbnz w2, #0, 3f
    cbnz w2, 2f
    ldr w2, [x20, #VCPU_LINE]
    tbnz w2, #KEEL_TIMER_VIRTUAL, 2f
    add x2, x20, #VCPU_DIRTY
    ldar w2, [x2]
    cbz w2, 3f
2:  adrp x2, traces
    ldr w2, [x2, #:lo12:traces]
    cbnz w2, 5f
6:  mov x0, x19
    mov x1, x20
    bl arch_enter
3:  mov x0, x20
    msr tpidr_el2, x0
    pairs ldp, x, 20, 28, x0, 8
7:  ldp x2, x3, [x0, #248]
    msr elr_el2, x2
    msr spsr_el2, x3
    pairs ldp, x, 2, 18, x0, 8
    ldr x30, [x0, #240]
    ldp x0, x1, [x0]
    eret
    /* No speculation past the return. */
    dsb nsh
    isb
4:  mov x0, x19
    bl cpu_attend
    b 1b
5:  mov x0, x19
    bl trace_run
    b 6b

    /* Argo's operations mostly go back at once: what a function keeps needs no saving then. */
call:
    mov w2, #(ESR_ARGO & 0xffff)
    movk w2, #(ESR_ARGO >> 16), lsl #16
    cmp w1, w2
    b.ne 9f
    cmp x16, #ARGO_HYPERCALL
    b.ne 9f
    bl trap_argo
    mrs x0, tpidr_el2
    mov x1, sp
    and x1, x1, #~(CPU_AREA_ASM - 1)
    add x1, x1, #(CPU_AREA_ASM - CPU_BYTES_ASM)
    ldr w2, [x1, #CPU_ATTENTION]
    cbnz w2, 8f
    ldr w2, [x0, #VCPU_LINE] /* arch_enter would do nothing, as above */
    tbnz w2, #KEEL_TIMER_VIRTUAL, 8f
    add x2, x0, #VCPU_DIRTY
    ldar w2, [x2]
    cbz w2, 7b
8:  pairs stp, x, 20, 28, x0, 8
    b leave
9:  pairs stp, x, 20, 28, x0, 8
    bl trap_sync
    b leave

/* A call of the firmware (SMC Calling Convention), of which it keeps as much as a function. */
    .global firmware_call
firmware_call:
    smc #0
    ret

/* FP/SIMD state: x0 = struct arch_fp. */
    .arch_extension fp
    .arch_extension simd
    .global fp_save
fp_save:
    mrs x1, fpcr
    mrs x2, fpsr
    stp x1, x2, [x0], #16
    pairs stp, q, 0, 30, x0, 16
    ret

    .global fp_load
fp_load:
    ldp x1, x2, [x0], #16
    pairs ldp, q, 0, 30, x0, 16
    msr fpcr, x1
    msr fpsr, x2
    ret
