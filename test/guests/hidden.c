/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the identification registers do not show is not there: its registers are undefined, as on a
 * CPU without the feature. What they do show is there.
 */
#include "lib/guest.h"

const char guest_name[] = "hidden";

#define ID_AA64MMFR3_EL1 S3_0_C0_C7_3

static bool field(uint64_t id, unsigned low, unsigned least)
{
    return (id >> low & 15) >= least && (id >> low & 15) != 15; /* 15: the PMU is not Arm's */
}
#define SHOWN(id, low, least) field(sysreg_read(id), low, least)
#define READ(reg)             (void)sysreg_read(reg)

/* Name, an access, and whether the feature that it belongs to is shown. */
#define REGISTERS(X)                                                        \
    X(ERRIDR_EL1, READ(S3_0_C5_C3_0), SHOWN(id_aa64pfr0_el1, 28, 1))        \
    X(ERRSELR_EL1, READ(S3_0_C5_C3_1), SHOWN(id_aa64pfr0_el1, 28, 1))       \
    X(ZCR_EL1, READ(S3_0_C1_C2_0), SHOWN(id_aa64pfr0_el1, 32, 1))           \
    X(MPAM1_EL1, READ(S3_0_C10_C5_0), SHOWN(id_aa64pfr0_el1, 40, 1))        \
    X(AMCR_EL0, READ(S3_3_C13_C2_0), SHOWN(id_aa64pfr0_el1, 44, 1))         \
    X(SCXTNUM_EL1, READ(S3_0_C13_C0_7), SHOWN(id_aa64pfr0_el1, 56, 2))      \
    X(GMID_EL1, READ(S3_1_C0_C0_4), SHOWN(id_aa64pfr1_el1, 8, 2))           \
    X(RGSR_EL1, READ(S3_0_C1_C0_5), SHOWN(id_aa64pfr1_el1, 8, 2))           \
    X(SMCR_EL1, READ(S3_0_C1_C2_6), SHOWN(id_aa64pfr1_el1, 24, 1))          \
    X(SVCR, READ(S3_3_C4_C2_2), SHOWN(id_aa64pfr1_el1, 24, 1))              \
    X(ALLINT, sysreg_write(S3_0_C4_C3_0, 0), SHOWN(id_aa64pfr1_el1, 36, 1)) \
    X(PMCR_EL0, READ(pmcr_el0), SHOWN(id_aa64dfr0_el1, 8, 1))               \
    X(PMSCR_EL1, READ(S3_0_C9_C9_0), SHOWN(id_aa64dfr0_el1, 32, 1))         \
    X(PMBLIMITR_EL1, READ(S3_0_C9_C10_0), SHOWN(id_aa64dfr0_el1, 32, 1))    \
    X(TRFCR_EL1, READ(S3_0_C1_C2_1), SHOWN(id_aa64dfr0_el1, 40, 1))         \
    X(TRBLIMITR_EL1, READ(S3_0_C9_C11_0), SHOWN(id_aa64dfr0_el1, 44, 1))    \
    X(APIAKEYLO_EL1, READ(S3_0_C2_C1_0),                                    \
      SHOWN(id_aa64isar1_el1, 4, 1) || SHOWN(id_aa64isar1_el1, 8, 1))       \
    X(LORC_EL1, READ(S3_0_C10_C4_3), SHOWN(id_aa64mmfr1_el1, 16, 1))        \
    X(TCR2_EL1, READ(S3_0_C2_C0_3), SHOWN(ID_AA64MMFR3_EL1, 0, 1))          \
    X(SCTLR2_EL1, READ(S3_0_C1_C0_3), SHOWN(ID_AA64MMFR3_EL1, 4, 1))        \
    X(PIR_EL1, READ(S3_0_C10_C2_3), SHOWN(ID_AA64MMFR3_EL1, 8, 1))

static void check(const char *name, bool shown)
{
    uint32_t n = catch_end();

    expect(n == (shown ? 0 : 1), "%s: shown %u, exceptions %u", name, shown, n);
    expect(n == 0 || caught.esr >> 26 == 0, "%s: ESR %lx", name, caught.esr);
}

/* Nothing traps this one, and whether RAS is shown or not, another CPU's is not here. */
#define DISR_EL1 S3_0_C12_C1_1
#define DISR     0x80000001ul

static volatile bool written, seen;

static void disr_write(void)
{
    catch_begin();
    sysreg_write(DISR_EL1, DISR);
    (void)catch_end();
}

static bool disr_is_other(void)
{
    catch_begin();
    uint64_t disr = sysreg_read(DISR_EL1);
    return catch_end() == 0 && disr == DISR;
}

void guest_secondary(uint64_t context)
{
    (void)context;
    disr_write();
    written = true;
    while (!seen) {
    }
    (void)hvc(PSCI_CPU_OFF, 0, 0, 0);
}

/* For who knows what may be shown; ID_AA64*_EL1 and their AArch32 forms. */
static void identification_print(void)
{
#define PRINT(crm, op2) \
    print("identification %u %u: %lx\n", crm, op2, sysreg_read(S3_0_C0_C##crm##_##op2));
#define PRINT_ALL(crm)                                                                  \
    PRINT(crm, 0)                                                                       \
    PRINT(crm, 1) PRINT(crm, 2) PRINT(crm, 3) PRINT(crm, 4) PRINT(crm, 5) PRINT(crm, 6) \
        PRINT(crm, 7)
    PRINT_ALL(1) PRINT_ALL(2) PRINT_ALL(3) PRINT_ALL(4) PRINT_ALL(5) PRINT_ALL(6) PRINT_ALL(7)
}

void guest_main(void)
{
    identification_print();
    sysreg_write(cpacr_el1, 3ul << 24 | 3ul << 20 | 3ul << 16); /* EL1's own traps: none */
#define X(name, access, shown) \
    catch_begin();             \
    access;                    \
    check(#name, shown);
    REGISTERS(X)
#undef X
    say("what is not shown is undefined");

    expect(hvc(PSCI_CPU_ON, 1, (uint64_t)secondary_start, 0) == 0, "no second CPU");
    expect(wait_for(written), "the second CPU does not run");
    expect(!disr_is_other(), "DISR_EL1 is the other CPU's");
    seen = true;
    say("and the rest is this CPU's own");
    passed();
}
