/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of a bare-metal guest at EL1, MMU off, and its exception vectors. */

#define STACK_BYTES 0x10000
#define FRAME_BYTES 288 /* struct frame: x0..x30, ELR, SPSR, ESR, FAR, and padding */

    .section .text.start, "ax"
    .global _start
_start:
    adr     x1, bss_start
    adrp    x2, bss_end
    add     x2, x2, :lo12:bss_end
1:  cmp     x1, x2
    b.hs    2f
    str     xzr, [x1], #8
    b       1b
2:  mov     x0, #0
    bl      cpu_prepare
    bl      guest_main
    b       guest_off

/* PSCI CPU_ON enters here; x0: what the caller gave. */
    .global secondary_start
secondary_start:
    mov     x19, x0
    mrs     x0, mpidr_el1
    and     x0, x0, #3
    bl      cpu_prepare
    mov     x0, x19
    bl      guest_secondary
3:  wfi
    b       3b

/* Stack and vectors of CPU x0. */
cpu_prepare:
    adrp    x1, stacks_end
    add     x1, x1, :lo12:stacks_end
    mov     x2, #STACK_BYTES
    msub    x1, x0, x2, x1
    msr     spsel, #1
    mov     sp, x1
    adrp    x1, vectors
    add     x1, x1, :lo12:vectors
    msr     vbar_el1, x1
    isb
    ret

.macro enter handler
    sub     sp, sp, #FRAME_BYTES
    stp     x0, x1, [sp, #0]
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x1, elr_el1
    stp     x30, x1, [sp, #240]
    mrs     x1, spsr_el1
    mrs     x2, esr_el1
    stp     x1, x2, [sp, #256]
    mrs     x1, far_el1
    str     x1, [sp, #272]
    mov     x0, sp
    bl      \handler
    b       leave
.endm

leave:
    ldr     x1, [sp, #256]
    msr     spsr_el1, x1
    ldp     x30, x1, [sp, #240]
    msr     elr_el1, x1
    ldp     x28, x29, [sp, #224]
    ldp     x26, x27, [sp, #208]
    ldp     x24, x25, [sp, #192]
    ldp     x22, x23, [sp, #176]
    ldp     x20, x21, [sp, #160]
    ldp     x18, x19, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp, #0]
    add     sp, sp, #FRAME_BYTES
    eret

sync_entry:
    enter   frame_sync
irq_entry:
    enter   frame_irq
    .global other_entry
other_entry:
    enter   frame_other

.macro vector to
    .balign 128
    b       \to
.endm

    .balign 2048
vectors:
    .rept 4
    vector  other_entry
    .endr
    vector  sync_entry
    vector  irq_entry
    .rept 10
    vector  other_entry
    .endr
