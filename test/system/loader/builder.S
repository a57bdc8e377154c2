/* SPDX-License-Identifier: Apache-2.0 */
/* A program to be loaded as the builder: text, read-only data, data with bss; never run. */
    .text
    .globl _start
_start:
    b .
    .asciz "Keel test builder"
    .section .rodata, "a"
    .asciz "constant"
    .data
    .quad 1
    .bss
    .skip 20000
