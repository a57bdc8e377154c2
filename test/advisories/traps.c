/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers that reach beyond a guest, tried at EL1 one by one: performance monitors, activity
 * monitors, profiling and trace are undefined, whatever the CPU has; debug registers are there, as
 * the architecture wants, and hold nothing.
 */
#include "lib/guest.h"

const char guest_name[] = "traps";

#define PATTERN 0x5a5a5a5a5a5a5a5aul

static uint32_t tried;

static void is_undefined(const char *name, const char *what)
{
    uint32_t n = catch_end();

    expect(n == 1 && caught.esr >> 26 == 0, "%s of %s: %u exceptions, ESR %lx", what, name, n,
           caught.esr);
    tried++;
}

#define UNDEFINED_READ(name) \
    catch_begin();           \
    (void)sysreg_read(name); \
    is_undefined(#name, "read");

#define UNDEFINED(name)          \
    UNDEFINED_READ(name)         \
    catch_begin();               \
    sysreg_write(name, PATTERN); \
    is_undefined(#name, "write");

/* What is written is not there afterwards. */
#define HOLDS_NOTHING(name)                                                            \
    do {                                                                               \
        catch_begin();                                                                 \
        sysreg_write(name, PATTERN);                                                   \
        uint64_t value = sysreg_read(name);                                            \
        uint32_t n = catch_end();                                                      \
        expect(n == 0 && value == 0, #name ": %u exceptions, reads as %lx", n, value); \
        tried++;                                                                       \
    } while (0);

#define MONITORS(X)   \
    X(pmcr_el0)       \
    X(pmcntenset_el0) \
    X(pmcntenclr_el0) \
    X(pmovsclr_el0)   \
    X(pmovsset_el0)   \
    X(pmselr_el0)     \
    X(pmccntr_el0)    \
    X(pmxevtyper_el0) \
    X(pmxevcntr_el0)  \
    X(pmuserenr_el0)  \
    X(pmintenset_el1) \
    X(pmintenclr_el1) \
    X(pmevcntr0_el0)  \
    X(pmevcntr5_el0)  \
    X(pmevtyper0_el0) \
    X(pmevtyper5_el0) \
    X(pmccfiltr_el0)

#define ACTIVITY(X)                     \
    X(S3_3_C13_C2_0)  /* AMCR */        \
    X(S3_3_C13_C2_3)  /* AMUSERENR */   \
    X(S3_3_C13_C2_4)  /* AMCNTENCLR0 */ \
    X(S3_3_C13_C2_5)  /* AMCNTENSET0 */ \
    X(S3_3_C13_C4_0)  /* AMEVCNTR00 */  \
    X(S3_3_C13_C4_3)  /* AMEVCNTR03 */  \
    X(S3_3_C13_C12_0) /* AMEVCNTR10 */  \
    X(S3_3_C13_C14_0) /* AMEVTYPER10 */

#define PROFILING(X)                 \
    X(S3_0_C9_C9_0)  /* PMSCR */     \
    X(S3_0_C9_C10_0) /* PMBLIMITR */ \
    X(S3_0_C9_C10_1) /* PMBPTR */    \
    X(S3_0_C9_C11_0) /* TRBLIMITR */ \
    X(S3_0_C1_C2_1)  /* TRFCR */

#define DEBUG(X)   \
    X(mdscr_el1)   \
    X(mdccint_el1) \
    X(dbgbvr0_el1) \
    X(dbgbcr0_el1) \
    X(dbgbvr5_el1) \
    X(dbgbcr5_el1) \
    X(dbgwvr0_el1) \
    X(dbgwcr0_el1) \
    X(dbgwvr3_el1) \
    X(dbgwcr3_el1) \
    X(osdlr_el1)

void guest_main(void)
{
    MONITORS(UNDEFINED)
    UNDEFINED_READ(pmceid0_el0)
    say("performance monitors: %u accesses, all undefined", tried);
    tried = 0;
    ACTIVITY(UNDEFINED)
    UNDEFINED_READ(S3_3_C13_C2_1) /* AMCFGR */
    say("activity monitors: %u accesses, all undefined", tried);
    tried = 0;
    PROFILING(UNDEFINED)
    say("profiling and trace: %u accesses, all undefined", tried);
    tried = 0;
    DEBUG(HOLDS_NOTHING)
    say("debug: %u registers, all hold nothing", tried);
    passed();
}
