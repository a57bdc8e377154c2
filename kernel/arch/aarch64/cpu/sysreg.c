/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trapped system registers. Identification registers show a feature only if its field is on the list
 * here: what is hidden is also trapped (kernel-rules.md 1). Arm ARM D19.2.
 */
#include "cpu/sysreg.h"

#include "arch/registers.h"
#include "cpu/vcpu.h"
#include "interrupt/vgic.h"

/* The encoding of an MRS or MSR, as in the ISS: op0, op2, op1, CRn, CRm. */
#define ISS_SYSREG_MASK 0x3ffc1eu
#define SYSREG(op0, op1, crn, crm, op2)                                                            \
    ((op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (crm) << 1)
#define ISS_READ 1u
#define ISS_RT(iss) ((iss) >> 5 & 31)

#define FIELD(low) (0xful << (low))

/* AArch64 at EL0 and EL1 only, FP/SIMD as it is, the GIC's system registers, CSV2, CSV3. */
static uint64_t pfr0(void)
{
    uint64_t value = sysreg_read(id_aa64pfr0_el1);

    return (value & (FIELD(16) | FIELD(20) | FIELD(24) | FIELD(56) | FIELD(60))) | 0x11;
}

/* Breakpoints are counted as they are, and read as zero; no PMU, no trace, no SPE. */
static uint64_t dfr0(void)
{
    return sysreg_read(id_aa64dfr0_el1) & (FIELD(0) | FIELD(12) | FIELD(20) | FIELD(28));
}

/* Cryptography, CRC, atomics, dot products, flags: what needs no control of EL2. Not RNDR, TME. */
static uint64_t isar0(void)
{
    return sysreg_read(id_aa64isar0_el1) & ~(FIELD(60) | FIELD(24));
}

/* DPB, JSCVT, FCMA, LRCPC, FRINTTS, SB, BF16, DGH, I8MM. Not pointer authentication, LS64, XS. */
static uint64_t isar1(void)
{
    return sysreg_read(id_aa64isar1_el1) & (FIELD(0) | FIELD(12) | FIELD(16) | FIELD(20) |
                                            FIELD(32) | FIELD(36) | FIELD(44) | FIELD(48) | FIELD(52));
}

/* At most 40 bits of addresses; ASIDs, endianness and granules as they are. */
static uint64_t mmfr0(void)
{
    uint64_t value = sysreg_read(id_aa64mmfr0_el1);
    uint64_t range = value & FIELD(0);

    return (value & (FIELD(4) | FIELD(8) | FIELD(12) | FIELD(16) | FIELD(20) | FIELD(24) |
                     FIELD(28))) |
           (range > 2 ? 2 : range);
}

/* Access flag and dirty state in hardware, HPDS, PAN. */
static uint64_t mmfr1(void)
{
    return sysreg_read(id_aa64mmfr1_el1) & (FIELD(0) | FIELD(12) | FIELD(20));
}

/* CnP, UAO, CCIDX, AT, E0PD. */
static uint64_t mmfr2(void)
{
    return sysreg_read(id_aa64mmfr2_el1) &
           (FIELD(0) | FIELD(4) | FIELD(20) | FIELD(32) | FIELD(60));
}

/* Group 3: op0 3, op1 0, CRn 0, CRm 1..7. Those not named here read as zero: no AArch32, no SVE. */
static uint64_t identification(uint32_t encoding)
{
    switch (encoding) {
    case SYSREG(3u, 0u, 0u, 4u, 0u):
        return pfr0();
    case SYSREG(3u, 0u, 0u, 5u, 0u):
        return dfr0();
    case SYSREG(3u, 0u, 0u, 6u, 0u):
        return isar0();
    case SYSREG(3u, 0u, 0u, 6u, 1u):
        return isar1();
    case SYSREG(3u, 0u, 0u, 7u, 0u):
        return mmfr0();
    case SYSREG(3u, 0u, 0u, 7u, 1u):
        return mmfr1();
    case SYSREG(3u, 0u, 0u, 7u, 2u):
        return mmfr2();
    default:
        return 0;
    }
}

#define ICC_SGI1R_EL1 SYSREG(3u, 0u, 12u, 11u, 5u)
#define ICC_SGI0R_EL1 SYSREG(3u, 0u, 12u, 11u, 7u)
#define ICC_DIR_EL1 SYSREG(3u, 0u, 12u, 11u, 1u)
#define ACTLR_EL1 SYSREG(3u, 0u, 1u, 0u, 1u)
#define OSLSR_EL1 SYSREG(2u, 0u, 1u, 1u, 4u)
#define OSLSR_OSLM 0x8u /* the OS lock is there, and not taken */

bool sysreg_access(struct vcpu *vcpu, uint64_t esr)
{
    uint32_t iss = (uint32_t)esr & 0x1ffffff;
    uint32_t encoding = iss & ISS_SYSREG_MASK;
    uint32_t op0 = iss >> 20 & 3;
    uint32_t rt = ISS_RT(iss);
    uint64_t value = 0;

    if (!(iss & ISS_READ)) {
        uint64_t written = rt == 31 ? 0 : vcpu->registers.x[rt];

        switch (encoding) {
        case ICC_SGI1R_EL1:
        case ICC_SGI0R_EL1:
            vgic_sgi(vcpu, written, encoding == ICC_SGI1R_EL1);
            return true;
        case ICC_DIR_EL1:
            vgic_deactivate(vcpu, written & 0xffffff);
            return true;
        default:
            break;
        }
    }
    if ((encoding & ~SYSREG(0u, 0u, 0u, 15u, 7u)) == SYSREG(3u, 0u, 0u, 0u, 0u)) {
        if (!(iss & ISS_READ))
            return false;
        value = identification(encoding);
    } else if (encoding == OSLSR_EL1) {
        value = OSLSR_OSLM;
    } else if (op0 == 1) {
        /* DC by set and way: ignored. Its users have to use ranges; see the README. */
        return true;
    } else if (op0 != 2 && encoding != ACTLR_EL1) {
        return false; /* op0 2, debug registers, and ACTLR: zero, writes ignored */
    }
    if ((iss & ISS_READ) && rt != 31)
        vcpu->registers.x[rt] = value;
    return true;
}
