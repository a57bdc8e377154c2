/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exit costs, in counter ticks, averaged over many. Under `-icount shift=0` and with a
 * counter of 1 GHz (-cpu cortex-a72,cntfrq=1000000000) a tick is an instruction, of all exception
 * levels together. Lines: "bench: NAME TICKS". Where the PMU can be had, also "bench: NAME-el1 N":
 * those of them that were executed at EL1, the loop included.
 *
 * Some are marked for test/bench/count.c, which tells where the instructions are executed.
 */
#include "lib/guest.h"

const char guest_name[] = "bench";

#define ROUNDS 1024

static bool pmu;

static void pmu_open(void)
{
    uint64_t version = sysreg_read(id_aa64dfr0_el1) >> 8 & 0xF;

    if (version == 0 || version == 0xF) {
        return;
    }
    catch_begin();
    sysreg_write(pmcr_el0, 0x41);             /* E, LC */
    sysreg_write(pmevtyper0_el0, 0x40000008); /* INST_RETIRED at EL1 */
    sysreg_write(pmcntenset_el0, 1);
    (void)sysreg_read(pmevcntr0_el0);
    pmu = catch_end() == 0;
}

static uint64_t instructions(void)
{
    return pmu ? sysreg_read(pmevcntr0_el0) & UINT32_MAX : 0;
}

/* Row n of test/bench/count.c: what is executed between the two hints. */
#define MARKED(n, statement)                                          \
    do {                                                              \
        __asm__ volatile("hint %0" : : "i"(96 + 2 * (n)) : "memory"); \
        statement;                                                    \
        __asm__ volatile("hint %0" : : "i"(97 + 2 * (n)) : "memory"); \
    } while (0)

static void nothing(void)
{
    __asm__ volatile("" ::: "memory");
}

static void fr_read(void)
{
    MARKED(1, (void)mmio_read(UART_FR));
}

static void gicd_read(void)
{
    MARKED(2, (void)mmio_read(GIC_DIST + 4));
}

static void gicr_enable(void)
{
    MARKED(3, mmio_write(GIC_SGI_FRAME(0) + 0x100, 1));
}

static void psci_version(void)
{
    MARKED(4, (void)hvc(PSCI_VERSION, 0, 0, 0));
}

static void argo_null(void)
{
    register uint64_t x0 __asm__("x0") = 99; /* no such operation */
    register uint64_t x16 __asm__("x16") = 39;

    __asm__ volatile("hvc #0xea1" : "+r"(x0) : "r"(x16) : "memory", "x1", "x2", "x3", "x4");
}

static volatile uint32_t sgis;

static void on_sgi(uint32_t intid)
{
    (void)intid;
    sgis++;
}

static void sgi_self(void)
{
    uint32_t before = sgis;

    gic_sgi(0, 1);
    while (sgis == before) {
    }
}

static uint64_t overhead, overhead_el1;

static void measure(const char *name, void (*function)(void))
{
    catch_begin();
    function();
    if (catch_end() != 0) {
        return; /* not on this platform */
    }
    uint64_t executed = instructions();
    uint64_t start = counter();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        function();
    }
    uint64_t ticks = counter() - start;
    executed = (instructions() - executed) & UINT32_MAX;
    if (function == nothing) {
        overhead = ticks;
        overhead_el1 = executed;
        return;
    }
    say("%s %lu", name, (ticks - overhead) / ROUNDS);
    if (pmu) {
        say("%s-el1 %lu", name, (executed - overhead_el1) / ROUNDS);
    }
}

void guest_main(void)
{
    pmu_open();
    gic_init();
    gic_cpu_init(0);
    irq_handler[1] = on_sgi;
    irq_enable();
    say("ticks per second %lu", sysreg_read(cntfrq_el0));
    measure("nothing", nothing);
    measure("argo-null", argo_null);
    measure("psci-version", psci_version);
    measure("pl011-read", fr_read);
    measure("gicd-read", gicd_read);
    measure("gicr-enable", gicr_enable);
    measure("sgi-self", sgi_self);
    passed();
}
