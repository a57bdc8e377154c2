/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets every register that EL1 may set to what would hurt a service that ran with it (kernel-rules
 * 1), then keeps using its devices, and checks that each register still holds what was written:
 * neither side may see the other's. What a platform does not let EL1 write is left out.
 */
#include "lib/guest.h"

const char guest_name[] = "hostile";

#define ACCESSES 500

/*
 * Each entry: name, and the value to write. Names that the assembler may not know are given by
 * their encoding. MMU and endianness of EL1 itself must stay, or this program could not go on.
 */
#define SCTLR_HOSTILE                                                                            \
    (0x30D00800ul | 1u << 1 /* A */ | 1u << 3 /* SA */ | 1u << 4 /* SA0 */ | 1u << 9 /* UMA */ | \
     1u << 24 /* E0E */) /* M=C=I=0, UCT=DZE=UCI=0, nTWI=nTWE=0, WXN=0 */

#define REGISTERS(X)                                                                    \
    X(tcr_el1, 0x0000007FFFFFFFBFul) /* TBI0/1, EPD0/1, T0SZ=T1SZ=63, all attributes */ \
    X(ttbr0_el1, 0xFFFF00000BADF000ul)                                                  \
    X(ttbr1_el1, 0x123400000BADE000ul)                                                  \
    X(mair_el1, 0xFF00FF0400FF44BBul)                                                   \
    X(amair_el1, 0)                                                                     \
    X(contextidr_el1, 0xDEADBEEF)                                                       \
    X(cpacr_el1, 0)                                                                     \
    X(cntkctl_el1, 0xFC) /* EL0 may not read counters; event stream at its fastest */   \
    X(mdscr_el1, 0xA001) /* MDE, KDE, SS */                                             \
    X(tpidr_el0, 0x1111222233334444ul)                                                  \
    X(tpidrro_el0, 0x5555666677778888ul)                                                \
    X(tpidr_el1, 0x9999AAAABBBBCCCCul)                                                  \
    X(sp_el0, 0xFFFFFFFFFFFFFFF1ul)                                                     \
    X(elr_el1, 0x4141414141414141ul)                                                    \
    X(spsr_el1, 0x60000000)                                                             \
    X(esr_el1, 0x56000000)                                                              \
    X(far_el1, 0x4242424242424242ul)                                                    \
    X(afsr0_el1, 0)                                                                     \
    X(afsr1_el1, 0)                                                                     \
    X(par_el1, 0x0000000012345A80ul)                                                    \
    X(csselr_el1, 2)                                                                    \
    X(cntv_cval_el0, 1)                                                                 \
    X(cntv_ctl_el0, 1) /* has fired, and stays so: interrupts are masked here */        \
    X(dbgbvr0_el1, 0x0000000000400000ul)                                                \
    X(dbgbcr0_el1, 0x1E5) /* EL0, any address matched */                                \
    X(dbgwvr0_el1, 0)                                                                   \
    X(dbgwcr0_el1, 0x1F001FFDul) /* EL0, loads and stores, 2 GiB */                     \
    X(pmuserenr_el0, 0xF)                                                               \
    X(pmcr_el0, 0x1)                                                                    \
    X(pmcntenset_el0, 0x80000001ul)                                                     \
    X(pmintenset_el1, 0x80000001ul)                                                     \
    X(S3_0_C4_C6_0, 0)     /* ICC_PMR_EL1 */                                            \
    X(S3_0_C12_C12_3, 7)   /* ICC_BPR1_EL1 */                                           \
    X(S3_0_C12_C12_4, 2)   /* ICC_CTLR_EL1: EOImode */                                  \
    X(S3_0_C12_C12_7, 1)   /* ICC_IGRPEN1_EL1 */                                        \
    X(S3_0_C12_C9_0, 0xF0) /* ICC_AP1R0_EL1 */                                          \
    X(sctlr_el1, SCTLR_HOSTILE)

struct entry {
    const char *name;
    bool present;
    uint64_t value; /* as read back right after it was written */
};

enum {
#define X(name, value) INDEX_##name,
    REGISTERS(X)
#undef X
        COUNT
};

static struct entry entries[COUNT];

/* Registers that run on by themselves, or that reading other registers changes. */
static bool comparable(int index)
{
    return index != INDEX_esr_el1 && index != INDEX_far_el1 && index != INDEX_elr_el1 &&
           index != INDEX_spsr_el1;
}

/*
 * An access may be refused (debug, PMU): then it traps, and says nothing. The handler overwrites
 * ELR, SPSR, ESR and FAR, so these are written last of all, by values_arm.
 */
static void values_write(void)
{
#define X(reg, to)                                   \
    {                                                \
        struct entry *entry = &entries[INDEX_##reg]; \
        catch_begin();                               \
        sysreg_write(reg, to);                       \
        entry->value = sysreg_read(reg);             \
        entry->name = #reg;                          \
        entry->present = catch_end() == 0;           \
    }
    REGISTERS(X)
#undef X
}

static void values_check(const char *when)
{
#define X(reg, to)                                                                \
    if (entries[INDEX_##reg].present && comparable(INDEX_##reg)) {                \
        uint64_t now = sysreg_read(reg);                                          \
        expect(now == entries[INDEX_##reg].value, "%s: %s was %lx, is %lx", when, \
               entries[INDEX_##reg].name, entries[INDEX_##reg].value, now);       \
    }
    REGISTERS(X)
#undef X
}

/* Those that only exceptions touch, around one access without any. */
static void exception_registers_check(void)
{
    uint64_t before[4], after[4];

    sysreg_write(elr_el1, 0x4141414141414141ul);
    sysreg_write(spsr_el1, 0x60000000);
    sysreg_write(esr_el1, 0x56000000);
    sysreg_write(far_el1, 0x4242424242424242ul);
    before[0] = sysreg_read(elr_el1);
    before[1] = sysreg_read(spsr_el1);
    before[2] = sysreg_read(esr_el1);
    before[3] = sysreg_read(far_el1);
    (void)mmio_read(UART_FR);
    after[0] = sysreg_read(elr_el1);
    after[1] = sysreg_read(spsr_el1);
    after[2] = sysreg_read(esr_el1);
    after[3] = sysreg_read(far_el1);
    for (int i = 0; i < 4; i++) {
        expect(before[i] == after[i], "exception register %u: %lx, %lx", i, before[i], after[i]);
    }
}

/* Reads a device register with all other registers full of patterns; returns a mask of what
 * changed. */
uint64_t access_with_patterns(uint64_t address, uint64_t flags);
uint64_t access_with_fp(uint64_t address);

void guest_main(void)
{
    say("sets what it may");
    /* FP registers, while CPACR still opens them. */
    sysreg_write(cpacr_el1, 3ul << 20);
    for (int i = 0; i < 20; i++) {
        expect(access_with_fp(UART_FR) == 0, "FP registers changed in an access");
    }
    say("FP registers hold");

    sysreg_write(S3_0_C12_C12_5, 1); /* ICC_SRE_EL1, which ICC_* need */
    values_write();
    exception_registers_check();
    for (int i = 0; i < ACCESSES; i++) {
        (void)mmio_read(UART_FR);
        mmio_write(UART_ICR, 0);
        (void)mmio_read(GIC_DIST + 4);
        (void)mmio_read(KEEL_MACHINE_RTC);
        (void)hvc(PSCI_VERSION, 0, 0, 0);
        if (i % 16 == 0) {
            values_check("after accesses");
        }
        uint64_t changed = access_with_patterns(UART_FR, (uint64_t)i << 28);
        expect(changed == 0, "registers %lx changed in an access", changed);
        exception_registers_check();
    }
    values_check("at the end");
    say("registers hold");
    passed();
}
