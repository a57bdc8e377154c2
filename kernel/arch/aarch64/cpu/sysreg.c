/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trapped system registers. Identification registers show a feature only if its field, with this
 * value, is on the list here: what is hidden is also trapped (kernel-rules.md 1). Arm ARM D19.2.
 */
#include "cpu/sysreg.h"

#include "arch/registers.h"
#include "cpu/vcpu.h"
#include "interrupt/vgic.h"

/* The encoding of an MRS or MSR, as in the ISS: op0, op2, op1, CRn, CRm. */
#define ISS_SYSREG_MASK 0x3ffc1eu
#define SYSREG(op0, op1, crn, crm, op2) \
    ((op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (crm) << 1)
#define ISS_READ    1u
#define ISS_RT(iss) ((iss) >> 5 & 31)

/* Of each field what the CPU has, up to what the list has: 0 hides it. 15 stays: it is -1, not
 * there, of fields that are signed. */
static uint64_t shown(uint64_t value, uint64_t list)
{
    uint64_t fields = 0;

    for (uint32_t low = 0; low < 64; low += 4) {
        uint64_t field = ID_FIELD(value, low);

        fields |= (field <= ID_FIELD(list, low) || field == 15 ? field : ID_FIELD(list, low))
                  << low;
    }
    return fields;
}

/* Group 3: op0 3, op1 0, CRn 0, CRm 1..7. Those not named here read as zero: no AArch32, no SVE. */
static uint64_t identification[8][8]; /* by CRm and op2 */

void sysreg_init(void)
{
    /* AArch64 at EL0 and EL1 only, FP/SIMD to FP16, the GIC's system registers to version 4.0,
     * CSV2 (without SCXTNUM), CSV3. */
    identification[4][0] = shown(sysreg_read(id_aa64pfr0_el1), 0x1100000001110011);
    /* Debug to v8.4; breakpoints are counted as they are, and read as zero. No PMU, trace,
     * SPE. */
    identification[5][0] = shown(sysreg_read(id_aa64dfr0_el1), 0x00000000f0f0f009);
    /* AES, SHA1 to SHA3, CRC32, LSE, RDM, SM3, SM4, DotProd, FHM, FlagM, TLBI of ranges: what
     * needs no control of EL2. Not RNDR, TME. */
    identification[6][0] = shown(sysreg_read(id_aa64isar0_el1), 0x0221111110212120);
    /* DPB, JSCVT, FCMA, LRCPC, FRINTTS, SB, BF16, DGH, I8MM. Not pointer authentication, LS64,
     * XS. */
    identification[6][1] = shown(sysreg_read(id_aa64isar1_el1), 0x0011101100211002);
    /* At most 40 bits of addresses; ASIDs, endianness and granules (not of 52 bits). */
    identification[7][0] = shown(sysreg_read(id_aa64mmfr0_el1), 0x0000000000111122);
    /* Access flag and dirty state in hardware (not of tables: TCR2), HPDS, PAN. */
    identification[7][1] = shown(sysreg_read(id_aa64mmfr1_el1), 0x0000000000302002);
    /* CnP, UAO, CCIDX, AT, E0PD. */
    identification[7][2] = shown(sysreg_read(id_aa64mmfr2_el1), 0x1000000100100011);
}

#define ICC_SGI1R_EL1 SYSREG(3u, 0u, 12u, 11u, 5u)
#define ICC_SGI0R_EL1 SYSREG(3u, 0u, 12u, 11u, 7u)
#define ICC_DIR_EL1   SYSREG(3u, 0u, 12u, 11u, 1u)
#define ACTLR_EL1     SYSREG(3u, 0u, 1u, 0u, 1u)
#define OSLSR_EL1     SYSREG(2u, 0u, 1u, 1u, 4u)
#define OSLSR_OSLM    0x8u /* the OS lock is there, and not taken */

bool sysreg_access(struct vcpu *vcpu, uint64_t esr)
{
    uint32_t iss = (uint32_t)esr & 0x1ffffff;
    uint32_t encoding = iss & ISS_SYSREG_MASK;
    uint32_t op0 = iss >> 20 & 3;
    uint32_t rt = ISS_RT(iss);
    uint64_t value = 0;

    if (!(iss & ISS_READ)) {
        uint64_t written = rt == 31 ? 0 : vcpu->registers.x[rt];

        if (encoding == ICC_SGI1R_EL1 || encoding == ICC_SGI0R_EL1) {
            vgic_sgi(vcpu, written, encoding == ICC_SGI1R_EL1);
            return true;
        }
        if (encoding == ICC_DIR_EL1) {
            vgic_deactivate(vcpu, written & 0xffffff);
            return true;
        }
    }
    if ((encoding & ~SYSREG(0u, 0u, 0u, 15u, 7u)) == SYSREG(3u, 0u, 0u, 0u, 0u)) {
        if (!(iss & ISS_READ))
            return false;
        value = identification[encoding >> 1 & 7][encoding >> 17 & 7];
    } else if (encoding == OSLSR_EL1) {
        value = OSLSR_OSLM;
    } else if (op0 == 1) {
        /* DC by set and way: ignored (kernel/README.md). */
        return true;
    } else if (op0 != 2 && encoding != ACTLR_EL1) {
        return false; /* op0 2, debug registers, and ACTLR: zero, writes ignored */
    }
    if ((iss & ISS_READ) && rt != 31)
        vcpu->registers.x[rt] = value;
    return true;
}
