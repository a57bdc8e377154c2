/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder's entry, in place of musl's: nobody has built an address space for the builder. The
 * kernel enters with x0 = address of struct keel_boot, x1 = how many of its CPUs run, and sp = the top
 * of an empty stack.
 */
.section .text._start, "ax"
.global _start
_start:
    mov x29, xzr
    mov x30, xzr
    b begin
