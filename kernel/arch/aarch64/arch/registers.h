/* SPDX-License-Identifier: Apache-2.0 */
/* System registers and their fields, by the names of the Arm Architecture Reference Manual. */
#ifndef KERNEL_ARCH_REGISTERS_H
#define KERNEL_ARCH_REGISTERS_H

#ifndef __ASSEMBLER__
#include "base.h"

/* One more level, so that names become encodings before they become text. */
#define sysreg_read(name) sysreg_read_as(name)
#define sysreg_write(name, value) sysreg_write_as(name, value)
#define sysreg_read_as(name)                                                                       \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("mrs %0, " #name : "=r"(value_));                                         \
        value_;                                                                                    \
    })
#define sysreg_write_as(name, value)                                                               \
    __asm__ volatile("msr " #name ", %x0" ::"rZ"((uint64_t)(value)))
#define isb() __asm__ volatile("isb" ::: "memory")
#define dsb(scope) __asm__ volatile("dsb " #scope ::: "memory")
#endif

/* HCR_EL2 */
#define HCR_VM (1ul << 0)
#define HCR_FMO (1ul << 3)
#define HCR_IMO (1ul << 4)
#define HCR_AMO (1ul << 5)
#define HCR_FB (1ul << 9)
#define HCR_BSU_IS (1ul << 10)
#define HCR_DC (1ul << 12)
#define HCR_TWI (1ul << 13)
#define HCR_TID3 (1ul << 18)
#define HCR_TSC (1ul << 19)
#define HCR_TIDCP (1ul << 20)
#define HCR_TACR (1ul << 21)
#define HCR_TSW (1ul << 22)
#define HCR_TGE (1ul << 27)
#define HCR_RW (1ul << 31)
#define HCR_TLOR (1ul << 35)
#define HCR_TERR (1ul << 36)
#define HCR_TID5 (1ul << 58)

/* HCRX_EL2 */
#define HCRX_TALLINT (1ul << 6)

/* CPTR_EL2 (E2H = 0) */
#define CPTR_RES1 0x32fful
#define CPTR_TZ (1ul << 8)
#define CPTR_TFP (1ul << 10)
#define CPTR_TSM (1ul << 12)
#define CPTR_TTA (1ul << 20)
#define CPTR_TAM (1ul << 30)

/* MDCR_EL2 */
#define MDCR_TPMCR (1ul << 5)
#define MDCR_TPM (1ul << 6)
#define MDCR_TDA (1ul << 9)
#define MDCR_TDOSA (1ul << 10)
#define MDCR_TDRA (1ul << 11)
#define MDCR_TPMS (1ul << 14)
#define MDCR_TTRF (1ul << 19)
#define PMCR_N(pmcr) ((pmcr) >> 11 & 31)

/* MPAM2_EL2 */
#define MPAM2_TRAPMPAM0EL1 (1ul << 48)
#define MPAM2_TRAPMPAM1EL1 (1ul << 49)

/* Names that are newer than the assembler */
#define HCRX_EL2 S3_4_C1_C2_2
#define HFGRTR_EL2 S3_4_C1_C1_4
#define HFGWTR_EL2 S3_4_C1_C1_5
#define HFGITR_EL2 S3_4_C1_C1_6
#define HDFGRTR_EL2 S3_4_C3_C1_4
#define HDFGWTR_EL2 S3_4_C3_C1_5
#define HAFGRTR_EL2 S3_4_C3_C1_6
#define HDFGRTR2_EL2 S3_4_C3_C1_0
#define HDFGWTR2_EL2 S3_4_C3_C1_1
#define HFGRTR2_EL2 S3_4_C3_C1_2
#define HFGWTR2_EL2 S3_4_C3_C1_3
#define HFGITR2_EL2 S3_4_C3_C1_7

/* ID_AA64*_EL1: fields of 4 bits */
#define ID_FIELD(value, low) ((value) >> (low) & 15)
#define ID_AA64DFR0_PMUVER 8
#define ID_AA64MMFR0_FGT 56
#define ID_AA64MMFR1_HCX 40
#define ID_AA64PFR0_RAS 28
#define ID_AA64PFR0_MPAM 40
#define ID_AA64PFR0_AMU 44
#define ID_AA64PFR1_MPAM_FRAC 16

/* SCTLR_EL1 */
#define SCTLR_M (1ul << 0)
#define SCTLR_C (1ul << 2)
#define SCTLR_SA0 (1ul << 4)
#define SCTLR_I (1ul << 12)
#define SCTLR_DZE (1ul << 14)
#define SCTLR_UCT (1ul << 15)
#define SCTLR_SPAN (1ul << 23)
#define SCTLR_DSSBS (1ul << 44)
#define SCTLR_EL1_RES1 0x30d00800ul

/* TCR_EL1 */
#define TCR_T0SZ16 16ul
#define TCR_EPD0 (1ul << 7)
#define TCR_EPD1 (1ul << 23)
#define TCR_T1SZ16 (16ul << 16)

#define CPACR_FPEN (3ul << 20)
#define CNTKCTL_EL0VCTEN (1ul << 1)
#define CNTHCTL_EL1PCTEN (1ul << 0)
#define CNT_ENABLE (1ul << 0)
#define CNT_IMASK (1ul << 1)
#define CNT_ISTATUS (1ul << 2)

/* SPSR_EL2 */
#define SPSR_EL1H 0x5ul
#define SPSR_DAIF 0x3c0ul
#define SPSR_NRW (1ul << 4)
#define SPSR_SSBS (1ul << 12)
#define SPSR_PAN (1ul << 22)
#define SPSR_DIT (1ul << 24)
#define SPSR_TCO (1ul << 25)
#define SPSR_NZCV 0xf0000000ul

/* ESR_ELx */
#define ESR_EC(esr) ((uint32_t)((esr) >> 26) & 0x3f)
#define ESR_IL (1ul << 25)
#define ISS_WNR (1u << 6) /* of a data abort: a write */
#define EC_WFX 0x01
#define EC_FP 0x07
#define EC_SVC64 0x15
#define EC_HVC64 0x16
#define EC_SMC64 0x17
#define EC_SYSREG 0x18
#define EC_IABORT_LOW 0x20
#define EC_DABORT_LOW 0x24

#endif
