/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for entry.S; cpu/start.c asserts that they are right. */
#ifndef KERNEL_ARCH_OFFSETS_H
#define KERNEL_ARCH_OFFSETS_H

#define CPU_BYTES_ASM 0x14000
#define CPU_AREA_ASM 0x20000
#define CPU_CURRENT 0
#define CPU_ATTENTION 16
#define CPU_CONTEXT 24
/* A word, of which the last byte is `takes`; what is between, machines do not have. */
#define VCPU_USER 1304
#define VCPU_DIRTY 680
#define VCPU_LINE 488
/* The virtual timer's interrupt, physical and virtual: PPI 11, as SBSA has it; checked at boot. */
#define KEEL_TIMER_VIRTUAL 27
/* HVC #KEEL_ARGO_HVC, and x16 with it */
#define ESR_ARGO 0x5a000ea1
#define ARGO_HYPERCALL 39
/* RW; above all not E2H, whatever the firmware left. */
#define HCR_EL2_VALUE 0x80000000
/* RES1 (31, 23), 4 KiB granule, inner-shareable write-back walks, 48 bits; PS is filled in. */
#define TCR_EL2_VALUE 0x80803510
/* RES1, I, C, SA, M; writable memory is never executable (WXN). */
#define SCTLR_EL2_VALUE 0x30cd183d

#endif
