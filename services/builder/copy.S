/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void copy_lines(void *to, const void *from, uint64_t bytes): a multiple of 512. With FP/SIMD
 * registers, which the kernel gives to the builder, 64 bytes are two instructions.
 */
    .arch_extension fp
    .arch_extension simd

    .section .text.copy_lines, "ax"
    .global copy_lines
    .type copy_lines, %function
copy_lines:
    cbz x2, 2f
1:  ld1 {v0.16b-v3.16b}, [x1], #64
    ld1 {v4.16b-v7.16b}, [x1], #64
    ld1 {v16.16b-v19.16b}, [x1], #64
    ld1 {v20.16b-v23.16b}, [x1], #64
    st1 {v0.16b-v3.16b}, [x0], #64
    st1 {v4.16b-v7.16b}, [x0], #64
    st1 {v16.16b-v19.16b}, [x0], #64
    st1 {v20.16b-v23.16b}, [x0], #64
    ld1 {v0.16b-v3.16b}, [x1], #64
    ld1 {v4.16b-v7.16b}, [x1], #64
    ld1 {v16.16b-v19.16b}, [x1], #64
    ld1 {v20.16b-v23.16b}, [x1], #64
    st1 {v0.16b-v3.16b}, [x0], #64
    st1 {v4.16b-v7.16b}, [x0], #64
    st1 {v16.16b-v19.16b}, [x0], #64
    st1 {v20.16b-v23.16b}, [x0], #64
    subs x2, x2, #512
    b.ne 1b
2:  ret
    .size copy_lines, . - copy_lines
    .section .note.GNU-stack, "", %progbits
