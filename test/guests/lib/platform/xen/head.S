/* SPDX-License-Identifier: Apache-2.0 */
/* The header of an arm64 Image, by which Xen knows what to load where: Linux' Documentation/arm64/booting. */
    .section .text.head, "ax"
    b       _start
    .long   0
    .quad   0x80000           /* text offset: guest.ld */
    .quad   stacks_end - 0x40080000
    .quad   0                 /* flags */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0
