// Brings up a bare EL1 for a C program on QEMU's virt machine: flat mapping with caches on (unaligned
// access works), and FP/SIMD trapped unless KEEL_TEST_FP is defined. Every exception ends the test.

.section .text.start, "ax"
.global start
start:
    adrp    x0, vectors
    add     x0, x0, :lo12:vectors
    msr     vbar_el1, x0

    // One table of 1 GiB blocks: devices below 1 GiB, memory from 1 to 4 GiB.
    adrp    x0, table
    add     x0, x0, :lo12:table
    ldr     x1, =0x60000000000401       // device (attribute 0), not executable
    str     x1, [x0]
    ldr     x1, =0x0000000040000705     // normal (attribute 1), inner shareable
    mov     x2, #3
    mov     x3, #0x40000000
1:  str     x1, [x0, #8]!
    add     x1, x1, x3
    subs    x2, x2, #1
    b.ne    1b
    ldr     x0, =0xff00
    msr     mair_el1, x0
    ldr     x0, =0x200803519            // 39-bit addresses, 4 KiB granule, write-back walks
    msr     tcr_el1, x0
    adrp    x0, table
    add     x0, x0, :lo12:table
    msr     ttbr0_el1, x0
#ifdef KEEL_TEST_FP
    mov     x0, #3 << 20
    msr     cpacr_el1, x0
#else
    msr     cpacr_el1, xzr
#endif
    isb
    tlbi    vmalle1
    dsb     sy
    mrs     x0, sctlr_el1
    ldr     x1, =0x1005                 // I, C, M
    orr     x0, x0, x1
    mov     x1, #2                      // A: unaligned access must work
    bic     x0, x0, x1
    msr     sctlr_el1, x0
    isb

    // The stack as the ELF ABI has it; the number of program headers stands in the ELF header.
    adrp    x0, __ehdr_start
    ldrh    w0, [x0, #56]
    adrp    x1, headers
    str     x0, [x1, :lo12:headers]
    adrp    x0, initial_stack
    add     x0, x0, :lo12:initial_stack
    mov     sp, x0
    b       _start

.balign 2048
vectors:
.rept 16
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    b       exception
    .balign 128
.endr
exception:
    adrp    x3, exception_stack_top
    add     x3, x3, :lo12:exception_stack_top
    mov     sp, x3
    b       platform_exception

.bss
.balign 4096
table:
    .skip   4096
    .skip   65536
stack_end:
    .skip   4096
exception_stack_top:

.data
.balign 16
    .skip   65536
initial_stack:
    .quad   1, name, 0                  // argc, argv
    .quad   0                           // envp
    .quad   6, 4096                     // AT_PAGESZ
    .quad   3, __ehdr_start + 64        // AT_PHDR
    .quad   4, 56                       // AT_PHENT
    .quad   5                           // AT_PHNUM
headers:
    .quad   0
    .quad   25, random                  // AT_RANDOM
    .quad   0, 0
random:
    .quad   0x0123456789abcdef, 0xfedcba9876543210
name:
    .asciz  "libc"
