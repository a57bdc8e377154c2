/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image's header and first instructions, and what C can't say. Protocol: Linux,
 * Documentation/arch/arm64/booting.rst: MMU off, x0 = device tree.
 */

#define SCTLR_EL2_MMU_OFF 0x30c51830 /* RES1, I; little-endian, no alignment check */
#define HCR_EL2_RW        (1 << 31)  /* EL1 is AArch64; above all not E2H or TGE */
#define DAIF_ALL          0xf

    .section .head, "ax"
    .globl image_header
image_header:
    b loader_entry
    .long 0
    .quad 0                       /* text_offset */
    .quad 0                       /* image_size: boot/loader/image.py */
    .quad (1 << 1) | (1 << 3)     /* flags: little-endian, 4 KiB pages, anywhere in memory */
    .quad 0
    .quad 0
    .quad 0
    .ascii "ARM\x64"
    .long 0

loader_entry:
    msr daifset, #DAIF_ALL
    mov x19, x0
    mrs x20, CurrentEL
    lsr x20, x20, #2
    cmp x20, #2
    b.ne 1f
    mov x1, #HCR_EL2_RW
    msr hcr_el2, x1
    ldr x1, =SCTLR_EL2_MMU_OFF
    msr sctlr_el2, x1
    adr x1, vectors
    msr vbar_el2, x1
1:  isb
    /* What caches hold of the image is written back, so that it can't be later, over our data. */
    adrp x0, loader_start
    ldr x1, [x0, #16]
    bl cache_flush
    adrp x1, loader_stack
    add x1, x1, :lo12:loader_stack
    mov sp, x1
    mov x29, xzr
    mov x0, x19
    mov x1, x20
    bl loader_main

    .text
/* void cache_flush(uint64_t pa, uint64_t bytes): cleans and invalidates to the point of coherency. */
    .globl cache_flush
cache_flush:
    mrs x2, ctr_el0
    ubfx x2, x2, #16, #4          /* DminLine: log2 of words */
    mov x3, #4
    lsl x2, x3, x2
    sub x3, x2, #1
    add x1, x0, x1
    bic x0, x0, x3
    lsl x3, x2, #3                /* eight lines at a time, then one */
    b 2f
1:  .rept 8
    dc civac, x0
    add x0, x0, x2
    .endr
2:  sub x4, x1, x0
    cmp x4, x3
    b.ge 1b
3:  cmp x0, x1
    b.hs 4f
    dc civac, x0
    add x0, x0, x2
    b 3b
4:  dsb sy
    ret

/* void cpu_enter(uint64_t entry, uint64_t argument): to the kernel, for good. */
    .globl cpu_enter
cpu_enter:
    mov x9, x0
    mov x0, x1
    mov x1, xzr
    mov x2, xzr
    mov x3, xzr
    ic ialluis
    dsb sy
    isb
    br x9

/* void psci_smc(uint64_t function), void psci_hvc(uint64_t function): calls without arguments. */
    .globl psci_smc
psci_smc:
    smc #0
    ret

    .globl psci_hvc
psci_hvc:
    hvc #0
    ret

/* uint64_t cpu_mpidr(void) */
    .globl cpu_mpidr
cpu_mpidr:
    mrs x0, mpidr_el1
    ret

/* Any exception at EL2: the loader expects none. */
exception:
    adrp x1, loader_stack
    add x1, x1, :lo12:loader_stack
    mov sp, x1
    mrs x0, esr_el2
    mrs x1, elr_el2
    mrs x2, far_el2
    bl loader_exception

    .balign 0x800
vectors:
    .rept 16
    .balign 0x80
    b exception
    .endr
