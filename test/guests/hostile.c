/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets every register that EL1 may set to what would hurt a service that ran with it (kernel-rules
 * 1), then keeps using its devices, and checks that each register still holds what was written:
 * neither side may see the other's. What a platform does not let EL1 write is left out.
 */
#include "lib/guest.h"

#ifndef ALLOWS_FIRST
#define ALLOWS_FIRST false
const char guest_name[] = "hostile";
#endif

#define ACCESSES 250 /* with each set */

/*
 * A devices service of a test's (test/system/services/probe.c) tries what a service may not do,
 * with this guest's registers: 1 says that it died of number n. Others answer 0: they try nothing.
 */
#define PROBE(n) mmio_read(UART + 0xF00 + 4 * (n))
#define DIED     1u

/*
 * Each entry: name, and the values to write: of the set that forbids, and of the one that allows,
 * which hurt in different ways, and differ in each register. Names that the assembler may not know
 * are given by their encoding. MMU and endianness of EL1 itself must stay, or this program could
 * not go on.
 */
#define SCTLR_FORBIDS                                                        \
    (0x30D00800ul | 1u << 1 /* A */ | 1u << 3 /* SA */ | 1u << 4 /* SA0 */ | \
     1u << 24 /* E0E */) /* M=C=I=0, UCT=DZE=UCI=0, nTWI=nTWE=0, WXN=0 */
#define SCTLR_ALLOWS                                                                            \
    (0x30C00800ul /* TSCXT=0 */ | 1u << 9 /* UMA */ | 1u << 14 /* DZE */ | 1u << 15 /* UCT */ | \
     1u << 16 /* nTWI */ | 1u << 18 /* nTWE */ | 1u << 24 /* E0E */ | 1u << 26 /* UCI */ |      \
     1u << 13 /* EnDB */ | 1u << 27 /* EnDA */ | 1u << 30 /* EnIB */ | 1ul << 31 /* EnIA */ |   \
     3ul << 38 /* TCF0 */ | 1ul << 42 /* ATA0 */ | 1ul << 44 /* DSSBS */ | 1ul << 60 /* EnTP2 */)

#define REGISTERS(X)                                                                             \
    X(tcr_el1, 0x0000001F00BF00BFul, 0x000000668099809Ful) /* TBI0/1 in the second */            \
    X(ttbr0_el1, 0xFFFF00000BADF000ul, 0x0001000040000000ul)                                     \
    X(ttbr1_el1, 0x123400000BADE000ul, 0x0002000040001000ul)                                     \
    X(mair_el1, 0xFF00FF0400FF44BBul, 0x00FF00FF44BB0400ul)                                      \
    X(amair_el1, 0, ~0ul)                                                                        \
    X(contextidr_el1, 0xDEADBEEF, 0x21524110)                                                    \
    X(cpacr_el1, 0, 0x03330000)  /* all of FP, SVE, SME */                                       \
    X(cntkctl_el1, 0xFC, 0x303)  /* EL0 may read no counter, event stream; may use all timers */ \
    X(mdscr_el1, 0xA001, 0x9000) /* MDE, KDE, SS; MDE, TDCC */                                   \
    X(tpidr_el0, 0x1111222233334444ul, 0x4444333322221111ul)                                     \
    X(tpidrro_el0, 0x5555666677778888ul, 0x8888777766665555ul)                                   \
    X(tpidr_el1, 0x9999AAAABBBBCCCCul, 0xCCCCBBBBAAAA9999ul)                                     \
    X(sp_el0, 0xFFFFFFFFFFFFFFF1ul, 0x0000000000000002ul)                                        \
    X(elr_el1, 0x4141414141414141ul, 0x4343434343434343ul)                                       \
    X(spsr_el1, 0x60000000, 0x90000000)                                                          \
    X(esr_el1, 0x56000000, 0x82000000)                                                           \
    X(far_el1, 0x4242424242424242ul, 0x4444444444444444ul)                                       \
    X(afsr0_el1, 0, ~0u)                                                                         \
    X(afsr1_el1, 0, ~0u)                                                                         \
    X(par_el1, 0x0000000012345A80ul, 0x0000000054321A80ul)                                       \
    X(csselr_el1, 2, 1)                                                                          \
    X(cntp_cval_el0, 1, 2)                                                                       \
    X(cntp_ctl_el0, 2, 0)                                                                        \
    X(cntv_cval_el0, 1, 2)                                                                       \
    X(cntv_ctl_el0, 1, 3) /* has fired, and stays so: interrupts are masked here; masked */      \
    X(dbgbvr0_el1, 0x0000000000400000ul, 0x0000000000800000ul)                                   \
    X(dbgbcr0_el1, 0x1E5, 0x1E7) /* EL0, any address matched */                                  \
    X(dbgwvr0_el1, 0, 0x80000000)                                                                \
    X(dbgwcr0_el1, 0x1F001FFDul, 0x1F001FFFul) /* EL0, loads and stores, 2 GiB */                \
    X(pmuserenr_el0, 0xF, 0)                                                                     \
    X(pmcr_el0, 0x1, 0)                                                                          \
    X(pmcntenset_el0, 0x80000001ul, 0x80000003ul)                                                \
    X(pmintenset_el1, 0x80000001ul, 0x80000003ul)                                                \
    X(S3_0_C4_C6_0, 0, 0xF0)         /* ICC_PMR_EL1 */                                           \
    X(S3_0_C12_C12_3, 7, 3)          /* ICC_BPR1_EL1 */                                          \
    X(S3_0_C12_C12_4, 2, 0)          /* ICC_CTLR_EL1: EOImode */                                 \
    X(S3_0_C12_C12_7, 1, 0)          /* ICC_IGRPEN1_EL1 */                                       \
    X(S3_0_C12_C9_0, 0xF0, 0x0F)     /* ICC_AP1R0_EL1 */                                         \
    X(S3_0_C4_C2_3, 0, 1u << 22)     /* PSTATE.PAN */                                            \
    X(S3_0_C4_C2_4, 0, 1u << 23)     /* PSTATE.UAO */                                            \
    X(S3_3_C4_C2_5, 0, 1u << 24)     /* PSTATE.DIT */                                            \
    X(S3_3_C4_C2_6, 0, 1u << 12)     /* PSTATE.SSBS */                                           \
    X(S3_3_C4_C2_7, 0, 1u << 25)     /* PSTATE.TCO */                                            \
    X(S3_3_C13_C0_5, 0x1234, 0x4321) /* TPIDR2_EL0 */                                            \
    X(S3_0_C2_C1_0, 0x1234, 0x4321)  /* APIAKeyLo_EL1 */                                         \
    X(sctlr_el1, SCTLR_FORBIDS, SCTLR_ALLOWS)

struct entry {
    const char *name;
    bool present;
    uint64_t value; /* as read back right after it was written */
};

enum {
#define X(name, forbids, allows) INDEX_##name,
    REGISTERS(X)
#undef X
        COUNT
};

static struct entry entries[COUNT];

/* An access may be refused (debug, PMU): then it traps, and says nothing. */
static void values_write(bool allow)
{
#define X(reg, forbids, allows)                      \
    {                                                \
        struct entry *entry = &entries[INDEX_##reg]; \
        catch_begin();                               \
        sysreg_write(reg, allow ? allows : forbids); \
        entry->value = sysreg_read(reg);             \
        entry->name = #reg;                          \
        entry->present = catch_end() == 0;           \
    }
    REGISTERS(X)
#undef X
}

static void values_check(const char *when)
{
#define X(reg, forbids, allows)                                                   \
    if (entries[INDEX_##reg].present) {                                           \
        uint64_t now = sysreg_read(reg);                                          \
        expect(now == entries[INDEX_##reg].value, "%s: %s was %lx, is %lx", when, \
               entries[INDEX_##reg].name, entries[INDEX_##reg].value, now);       \
    }
    REGISTERS(X)
#undef X
}

#define VECTORS_FORBIDS 0xFFFFFFFFFFFFF800ul
#define VECTORS_ALLOWS  0x0000000000000800ul

/* What exceptions change, or need: the last to be written, and from then on there are none. */
static void exception_registers_write(bool allow)
{
#define X(reg) sysreg_write(reg, entries[INDEX_##reg].value);
    X(elr_el1)
    X(spsr_el1)
    X(esr_el1)
    X(far_el1)
#undef X
    sysreg_write(vbar_el1, allow ? VECTORS_ALLOWS : VECTORS_FORBIDS);
}

/* Reads a device register with all other registers full of patterns; returns a mask of what
 * changed. */
uint64_t access_with_patterns(uint64_t address, uint64_t flags);
uint64_t access_with_fp(uint64_t address);

/* An Argo call with an address, which is translated: AT is the kernel's, PAR_EL1 is this guest's.
 */
static void argo_send(void)
{
    static uint64_t buffer[8];

    /* For where there is no Argo. */
    catch_begin();
    register uint64_t x0 __asm__("x0") = 3; /* sendv */
    register uint64_t x1 __asm__("x1") = (uint64_t)buffer;
    register uint64_t x2 __asm__("x2") = (uint64_t)buffer;
    register uint64_t x3 __asm__("x3") = 1;
    register uint64_t x4 __asm__("x4") = 0;
    register uint64_t x16 __asm__("x16") = 39;

    __asm__ volatile("hvc #0xea1"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x16)::"memory");
    (void)catch_end();
}

/* What the service tries and must not be able to do, until it knows no more. */
static void services_check(void)
{
    uint32_t answer;

    for (uint32_t n = 0; (answer = PROBE(n)) != 0; n++)
        expect(answer == DIED, "a service could do number %u", n);
}

static void set_check(bool allow)
{
    uint64_t vectors = sysreg_read(vbar_el1), hostile;

    values_write(allow);
    argo_send();
    exception_registers_write(allow);
    hostile = sysreg_read(vbar_el1);
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
    }
    services_check();
    values_check("at the end");
    expect(sysreg_read(vbar_el1) == hostile, "vbar_el1 is %lx", sysreg_read(vbar_el1));
    sysreg_write(vbar_el1, vectors);
}

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
    set_check(ALLOWS_FIRST);
    set_check(!ALLOWS_FIRST);
    say("registers hold");
    passed();
}
