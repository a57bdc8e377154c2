/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A devices service that looks at itself: at each exit, whether all that EL0 can see and do is as
 * it was before the guest ran, whatever the guest has in its registers. A read of PROBE + 4 * n
 * makes it try what a service may not do: 1 says that it died of that, 2 that it did not. The
 * argument `all` says that the CPU has the newer parts of PSTATE.
 */
#include "probe.h"
#include "guest.h"

#include <keel/calls.h>
#include <keel/counter.h>
#include <keel/machine.h>
#include <runtime/start.h>
#include <runtime/vault.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PROBE           (KEEL_MACHINE_UART + 0xF00)
#define PROBE_BYTES     0x100u
#define PSCI_VERSION    0x84000000u
#define PSCI_SYSTEM_OFF 0x84000008u
#define CALL_YIELD      4u /* as keel_yield, of keel/calls.h */
#define DIED            1u
#define LIVED           2u

#define READ(name)                                        \
    ({                                                    \
        uint64_t value_;                                  \
        __asm__ volatile("mrs %0, " name : "=r"(value_)); \
        value_;                                           \
    })

/* What must stay as it is. */
struct state {
    uint64_t tls, tls_read_only, ctr, dczid, frequency, dit, ssbs, tco;
};

static VAULT struct {
    bool taken;
    uint64_t failures;
    struct state state; /* of the first life, which began before the guest */
} kept;
static bool all; /* of PSTATE */

static struct state state_read(void)
{
    return (struct state){
        .tls = READ("tpidr_el0"),
        .tls_read_only = READ("tpidrro_el0"),
        .ctr = READ("ctr_el0"), /* SCTLR.UCT */
        .dczid = READ("dczid_el0"),
        .frequency = READ("cntfrq_el0"), /* CNTKCTL */
        .dit = all ? READ("S3_3_C4_C2_5") : 0,
        .ssbs = all ? READ("S3_3_C4_C2_6") : 0,
        .tco = all ? READ("S3_3_C4_C2_7") : 0,
    };
}

static void expect(const char *what, uint64_t now, uint64_t before)
{
    if (now == before)
        return;
    kept.failures++;
    printf("probe: %s is %lx, was %lx\n", what, (unsigned long)now, (unsigned long)before);
}

/* SCTLR.A, and E0E, whose effect a compiler does not expect. */
static uint64_t load_unaligned(void)
{
    static const uint8_t bytes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    uint64_t value;

    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(bytes + 1), "m"(bytes));
    return value;
}

/* SCTLR.DZE. */
static uint64_t zeroed_by_zva(void)
{
    static _Alignas(2048) uint8_t block[2048];
    uint64_t bytes = 4ul << (READ("dczid_el0") & 15), sum = 0;

    memset(block, 0xFF, sizeof block);
    __asm__ volatile("dc zva, %0" ::"r"(block) : "memory");
    for (uint64_t i = 0; i < bytes && i < sizeof block; i++)
        sum += block[i];
    return sum;
}

/* SCTLR.EnIA: PACIA1716, a hint where there is no pointer authentication. */
static uint64_t signed_pointer(uint64_t pointer)
{
    register uint64_t x17 __asm__("x17") = pointer;
    register uint64_t x16 __asm__("x16") = 1;

    __asm__ volatile("hint #8" : "+r"(x17) : "r"(x16));
    return x17;
}

static void check(void)
{
    static uint64_t last;
    struct state now = state_read(), *before = &kept.state;
    uint64_t counter = keel_counter();

    expect("TPIDR_EL0", now.tls, before->tls);
    expect("TPIDRRO_EL0", now.tls_read_only, before->tls_read_only);
    expect("CTR_EL0", now.ctr, before->ctr);
    expect("DCZID_EL0", now.dczid, before->dczid);
    expect("CNTFRQ_EL0", now.frequency, before->frequency);
    expect("DIT", now.dit, before->dit);
    expect("SSBS", now.ssbs, before->ssbs);
    expect("TCO", now.tco, before->tco);
    expect("CNTVCT_EL0 going back", counter < last, false);
    last = counter;
    expect("an unaligned load", load_unaligned(), 0x0807060504030201);
    expect("the sum behind DC ZVA", zeroed_by_zva(), 0);
    expect("a pointer", signed_pointer(0x123456789000), 0x123456789000);
    expect("a vector register", probe_fp_check(), 0);
    expect("a register behind a call", probe_call(CALL_YIELD), 0);
}

/* What a service may not do. A new one: a number behind the last. */

#define TICKS_WFI (keel_counter_frequency() / 2000) /* what is trapped returns at once */

/* SCTLR.nTWI: one that is not trapped waits for the end of the slice, each time. */
static void wait_for_interrupt(void)
{
    for (int i = 0; i < 20; i++) {
        uint64_t begin = keel_counter();

        __asm__ volatile("wfi" ::: "memory");
        if (keel_counter() - begin < TICKS_WFI)
            __builtin_trap();
    }
}

static bool forbidden(uint32_t n)
{
    uint64_t here = (uint64_t)(uintptr_t)&kept, value = 0;

    switch (n) {
    case 0: /* TCR.TBI0 */
        __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(here | 0x5Aul << 56));
        return true;
    case 1: /* SCTLR.UMA */
        __asm__ volatile("msr daifset, #2");
        return true;
    case 2: /* SCTLR.UCI */
        __asm__ volatile("dc cvau, %0" ::"r"(here));
        return true;
    case 3: /* CNTKCTL.EL0PCTEN */
        (void)READ("cntpct_el0");
        return true;
    case 4: /* CNTKCTL.EL0VTEN */
        (void)READ("cntv_ctl_el0");
        return true;
    case 5: /* CNTKCTL.EL0PTEN */
        (void)READ("cntp_ctl_el0");
        return true;
    case 6: /* PMUSERENR; MDCR.TPM */
        (void)READ("pmccntr_el0");
        return true;
    case 7: /* MDSCR.TDCC; MDCR.TDA */
        (void)READ("mdccsr_el0");
        return true;
    case 8: /* CPACR.ZEN, CPTR.TZ: RDVL x0, #1 */
        __asm__ volatile(".inst 0x04bf5020" ::: "x0");
        return true;
    case 9: /* CPACR.SMEN, CPTR.TSM: RDSVL x0, #1 */
        __asm__ volatile(".inst 0x04bf5820" ::: "x0");
        return true;
    case 10: /* SCTLR.EnTP2: TPIDR2_EL0 */
        (void)READ("S3_3_C13_C0_5");
        return true;
    case 11: /* SCTLR.TSCXT, HCR.EnSCXT: SCXTNUM_EL0 */
        (void)READ("S3_3_C13_C0_7");
        return true;
    case 12: /* AMUSERENR, CPTR.TAM: AMEVCNTR00_EL0 */
        (void)READ("S3_3_C13_C4_0");
        return true;
    case 13:
        wait_for_interrupt();
        return true;
    default:
        return false;
    }
}

static struct loop_reply on_exit(void *context, const struct keel_exit *exit)
{
    uint64_t n = (exit->args[0] - PROBE) / 4;

    (void)context;
    check();
    if (exit->kind == KEEL_EXIT_READ && exit->args[0] - PROBE < PROBE_BYTES) {
        if (exit->flags & KEEL_EXIT_REPLAY)
            return loop_done(DIED);
        fflush(stdout);
        return loop_done(forbidden((uint32_t)n) ? LIVED : 0);
    }
    if (exit->kind == KEEL_EXIT_HVC && exit->args[0] == PSCI_VERSION)
        return loop_done(0);
    if (exit->kind == KEEL_EXIT_HVC && exit->args[0] == PSCI_SYSTEM_OFF && kept.failures == 0)
        puts("probe: all is as it was");
    return guest_exit(exit);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        all = all || strcmp(argv[i], "all") == 0;
    if (!kept.taken)
        kept.state = state_read();
    vault_order();
    kept.taken = true;
    probe_fp_fill();
    loop_exits(on_exit, NULL);
    loop_run();
}
