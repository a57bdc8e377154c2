/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest's exits cost: does each thing again and again, marked for test/bench/count.c, which
 * counts. The same program runs under Keel, under Xen and on a bare machine (platform.h).
 * Interrupts are masked unless they are what is measured.
 */
#include "../bench/mark.h"
#include "lib/guest.h"

const char guest_name[] = "bench";

#define GICD_TYPER      0x004
#define GICD_IPRIORITYR 0x400
#define SPI             40
#define SGI             1
#define TIMER           27
#define SLEEP_TICKS     1000
/* When services have begun, and wait. */
#define START_MS 500

extern char bench_vectors[];
extern volatile uint32_t bench_taken; /* interrupts: bench_vectors.S */

static void null_call(void)
{
    platform_null_call();
}

static void psci_version(void)
{
    (void)hvc(PSCI_VERSION, 0, 0, 0);
}

static void id_register(void)
{
    (void)sysreg_read(id_aa64pfr0_el1);
}

static void pl011_read(void)
{
    (void)mmio_read(UART_FR);
}

static void gicd_read(void)
{
    (void)mmio_read(GIC_DIST + GICD_TYPER);
}

static void gicd_priority(void)
{
    mmio_write(GIC_DIST + GICD_IPRIORITYR + SPI, 0xA0A0A0A0u);
}

static void sgi_self(void)
{
    uint32_t before = bench_taken;

    sysreg_write(S3_0_C12_C11_5, SGI << 24 | 1); /* ICC_SGI1R_EL1 */
    while (bench_taken == before) {
    }
}

/* Masked from the look to the sleep: what comes in between ends the sleep, and is taken after it. */
static void wfi_timer(void)
{
    uint32_t before = bench_taken;

    sysreg_write(cntv_tval_el0, SLEEP_TICKS);
    sysreg_write(cntv_ctl_el0, 1);
    while (bench_taken == before) {
        __asm__ volatile("wfi\n\tmsr daifclr, #2\n\tmsr daifset, #2" ::: "memory");
    }
}

/* Sleeps until the other CPU's SGI is there, and takes it. */
static inline void sgi_wait(void)
{
    uint64_t intid;

    while ((intid = sysreg_read(S3_0_C12_C12_0)) >= 1020) { /* ICC_IAR1_EL1 */
        __asm__ volatile("wfi" ::: "memory");
    }
    sysreg_write(S3_0_C12_C12_1, intid); /* ICC_EOIR1_EL1 */
}

static void sgi_wfi(void)
{
    sysreg_write(S3_0_C12_C11_5, SGI << 24 | 2);
    sgi_wait();
}

static volatile bool secondary_ready;

void guest_secondary(uint64_t context)
{
    (void)context;
    gic_cpu_init(1);
    secondary_ready = true;
    for (;;) {
        sgi_wait();
        sysreg_write(S3_0_C12_C11_5, SGI << 24 | 1);
    }
}

/* Whether the platform has it. */
static bool works(void (*function)(void))
{
    catch_begin();
    function();
    return catch_end() == 0;
}

/* A loop of its own for each row, with the thing in it. */
#define MEASURE(row, function)                 \
    do {                                       \
        if (works(function)) {                 \
            for (int i = 0; i < ROUNDS; i++) { \
                MARK_BEGIN(row);               \
                function();                    \
            }                                  \
            MARK_END(row);                     \
        }                                      \
    } while (0)

static void measure_interrupts(void)
{
    uint64_t vectors = sysreg_read(vbar_el1);

    gic_enable_private(0, TIMER, true);
    sysreg_write(vbar_el1, (uintptr_t)bench_vectors);
    irq_enable();
    MEASURE(ROW_SGI_SELF, sgi_self);
    irq_disable();
    MEASURE(ROW_WFI_TIMER, wfi_timer);
    sysreg_write(vbar_el1, vectors);
}

void guest_main(void)
{
    uint64_t start = counter() + ms(START_MS);

    gic_init();
    gic_cpu_init(0);
    gic_enable_private(0, TIMER, true);
    sysreg_write(cntv_cval_el0, start);
    sysreg_write(cntv_ctl_el0, 1);
    while (counter() < start) {
        __asm__ volatile("wfi" ::: "memory");
    }
    sysreg_write(cntv_ctl_el0, 0);

    MEASURE(ROW_NULL_GUEST, null_call);
    MEASURE(ROW_PSCI_VERSION, psci_version);
    MEASURE(ROW_ID_REGISTER, id_register);
    MEASURE(ROW_PL011_READ, pl011_read);
    MEASURE(ROW_GICD_READ, gicd_read);
    MEASURE(ROW_GICD_PRIORITY, gicd_priority);
    measure_interrupts();
    expect(hvc(PSCI_CPU_ON, 1, (uintptr_t)secondary_start, 0) == 0, "CPU_ON");
    while (!secondary_ready) {
    }
    MEASURE(ROW_SGI_WFI, sgi_wfi);
    passed();
}
