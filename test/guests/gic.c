/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupt controller as a guest uses it: timer, SGIs, a second CPU, software-set SPIs with
 * masks, priorities and routes, and the UART's interrupts. Needs two CPUs, and a line of input.
 */
#include "lib/guest.h"

const char guest_name[] = "gic";

#define ISPENDR    0x0200
#define ICPENDR    0x0280
#define ISACTIVER  0x0300
#define IPRIORITYR 0x0400
#define ICFGR      0x0C00
#define IROUTER    0x6000

#define ISR_I    (1u << 7)
#define TIMER    KEEL_MACHINE_TIMER_IRQ
#define SELF_SGI 3
#define PING_SGI 5
#define PONG_SGI 6
#define OFF_SGI  7
#define ROUNDS   200
#define TICKS    20

static volatile uint32_t ticks, self, pings, pongs, spi_count, spi_cpu, order_count;
static volatile uint32_t order[4];
static volatile uint64_t secondary_context;
static volatile bool secondary_up, secondary_leave;

static uint32_t cpu(void)
{
    return (uint32_t)sysreg_read(mpidr_el1) & 0xFF;
}

/* Sleeps in WFI, which a masked interrupt ends, too: none can slip in between the look and the
 * sleep. */
#define sleep_until(condition)       \
    do {                             \
        irq_disable();               \
        while (!(condition)) {       \
            __asm__ volatile("wfi"); \
            irq_enable();            \
            barrier();               \
            irq_disable();           \
        }                            \
        irq_enable();                \
    } while (0)

static void pause_for(uint64_t n)
{
    uint64_t end = counter() + ms(n);
    while (counter() < end) {
    }
}

/* --- the timer ------------------------------------------------------------------------------- */

static void timer_arm(void)
{
    sysreg_write(cntv_tval_el0, ms(1));
    sysreg_write(cntv_ctl_el0, 1);
}

static void on_timer(uint32_t intid)
{
    (void)intid;
    expect(sysreg_read(cntv_ctl_el0) & 4, "timer interrupt, but it has not fired");
    if (++ticks == TICKS) {
        sysreg_write(cntv_ctl_el0, 2);
    } else {
        timer_arm();
    }
}

static void timer_test(void)
{
    irq_handler[TIMER] = on_timer;
    irq_disable();
    gic_enable_private(0, TIMER, true);
    sysreg_write(cntv_tval_el0, 0);
    sysreg_write(cntv_ctl_el0, 1);
    expect(wait_for(mmio_read(GIC_SGI_FRAME(0) + ISPENDR) >> TIMER & 1), "not seen as pending");
    sysreg_write(cntv_ctl_el0, 2);
    expect(wait_for(!(mmio_read(GIC_SGI_FRAME(0) + ISPENDR) >> TIMER & 1)),
           "level has fallen, but pending stays");
    expect(ticks == 0, "taken with interrupts masked");
    /* The same seen by the CPU: it need not go further than an exit that is answered at once. */
    sysreg_write(cntv_ctl_el0, 1);
    expect(wait_for(sysreg_read(isr_el1) & ISR_I), "the CPU does not see it");
    sysreg_write(cntv_ctl_el0, 2);
    (void)sysreg_read(id_aa64pfr0_el1);
    expect(!(sysreg_read(isr_el1) & ISR_I), "level has fallen, but the CPU sees it after an exit");
    timer_arm();
    irq_enable();
    sleep_until(ticks >= TICKS);
    expect(ticks == TICKS, "%u timer interrupts instead of %u", ticks, TICKS);
    pause_for(5);
    expect(ticks == TICKS, "the timer interrupts though it is off");
    say("timer: %u interrupts", TICKS);
}

/* --- SGIs and the second CPU ----------------------------------------------------------------- */

static void on_self(uint32_t intid)
{
    (void)intid;
    self++;
}

static void on_ping(uint32_t intid)
{
    (void)intid;
    expect(cpu() == 1, "an SGI reached the wrong CPU");
    pings++;
    gic_sgi(0, PONG_SGI);
}

static void on_pong(uint32_t intid)
{
    (void)intid;
    expect(cpu() == 0, "an SGI reached the wrong CPU");
    pongs++;
}

static void on_leave(uint32_t intid)
{
    (void)intid;
    secondary_leave = true;
}

void guest_secondary(uint64_t context)
{
    gic_cpu_init(1);
    secondary_context = context;
    barrier();
    secondary_up = true;
    irq_enable();
    sleep_until(secondary_leave);
    irq_disable();
    secondary_leave = false;
    hvc(PSCI_CPU_OFF, 0, 0, 0);
    expect(false, "CPU_OFF returned");
}

static void cpu_on(uint64_t context)
{
    secondary_up = false;
    barrier();
    expect(hvc(PSCI_AFFINITY_INFO, 1, 0, 0) == 1, "CPU 1 is not off");
    int64_t status = hvc(PSCI_CPU_ON, 1, (uint64_t)secondary_start, context);
    expect(status == 0, "CPU_ON: %lx", (uint64_t)status);
    expect(wait_for(secondary_up), "CPU 1 does not come");
    expect(secondary_context == context, "CPU 1 got context %lx", secondary_context);
    expect(hvc(PSCI_AFFINITY_INFO, 1, 0, 0) == 0, "CPU 1 is not on");
    expect(hvc(PSCI_CPU_ON, 1, (uint64_t)secondary_start, 0) == -4, "CPU 1 was started twice");
}

static void cpu_off(void)
{
    gic_sgi(1, OFF_SGI);
    expect(wait_for(hvc(PSCI_AFFINITY_INFO, 1, 0, 0) == 1), "CPU 1 does not go off");
}

static void sgi_test(void)
{
    irq_handler[SELF_SGI] = on_self;
    irq_handler[PING_SGI] = on_ping;
    irq_handler[PONG_SGI] = on_pong;
    irq_handler[OFF_SGI] = on_leave;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        gic_sgi(0, SELF_SGI);
        expect(wait_for(self == i), "an SGI to itself is lost");
    }
    say("SGI to itself: %u", ROUNDS);

    expect(hvc(PSCI_CPU_ON, 0x100, (uint64_t)secondary_start, 0) == -2, "CPU 0x100 was started");
    cpu_on(0x1234567812345678);
    say("CPU 1 is on");
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        gic_sgi(1, PING_SGI);
        expect(wait_for(pongs == i), "%u pings, %u pongs of %u", pings, pongs, i);
    }
    expect(pings == ROUNDS, "%u pings instead of %u", pings, ROUNDS);
    say("SGI to CPU 1 and back: %u", ROUNDS);
}

/* --- SPIs, set by software ------------------------------------------------------------------- */

#define SPI_A 40
#define SPI_B 41

static void spi_pend(uint32_t intid, bool set)
{
    mmio_write(GIC_DIST + (set ? ISPENDR : ICPENDR) + intid / 32 * 4, 1u << intid % 32);
    gic_wait();
}

static bool spi_bit(uint32_t bank, uint32_t intid)
{
    return mmio_read(GIC_DIST + bank + intid / 32 * 4) >> intid % 32 & 1;
}

static void on_spi(uint32_t intid)
{
    spi_cpu = cpu();
    if (spi_cpu == 0) {
        expect(spi_bit(ISACTIVER, intid), "an interrupt in its handler is not active");
    }
    if (order_count < 4) {
        order[order_count++] = intid;
    }
    spi_count++;
}

static void spi_taken(uint32_t n, uint32_t by, const char *what)
{
    expect(wait_for(spi_count == n), "%s: %u interrupts instead of %u", what, spi_count, n);
    pause_for(2);
    expect(spi_count == n, "%s: %u interrupts instead of %u", what, spi_count, n);
    expect(n == 0 || spi_cpu == by, "%s: taken by CPU %u", what, spi_cpu);
    spi_count = 0;
}

static void spi_test(void)
{
    irq_handler[SPI_A] = on_spi;
    irq_handler[SPI_B] = on_spi;
    /* Edge-triggered, so that a level from nobody does not matter. */
    mmio_write(GIC_DIST + ICFGR + SPI_A / 16 * 4, 2u << SPI_A % 16 * 2 | 2u << SPI_B % 16 * 2);
    mmio_write64(GIC_DIST + IROUTER + 8 * SPI_A, 0);
    mmio_write64(GIC_DIST + IROUTER + 8 * SPI_B, 0);
    gic_enable(SPI_A, true);
    spi_pend(SPI_A, true);
    spi_taken(1, 0, "pended");

    gic_enable(SPI_A, false);
    spi_pend(SPI_A, true);
    spi_taken(0, 0, "disabled");
    expect(spi_bit(ISPENDR, SPI_A), "pending is lost while disabled");
    gic_enable(SPI_A, true);
    spi_taken(1, 0, "enabled again");

    irq_disable();
    spi_pend(SPI_A, true);
    expect(spi_bit(ISPENDR, SPI_A), "pended, but not seen so");
    spi_pend(SPI_A, false);
    expect(!spi_bit(ISPENDR, SPI_A), "cleared, but not seen so");
    irq_enable();
    spi_taken(0, 0, "cleared");
    say("SPI: enable, pend, clear");

    gic_enable(SPI_B, true);
    mmio_write(GIC_DIST + IPRIORITYR + SPI_A / 4 * 4, 0xA0A040A0u);
    irq_disable();
    order_count = 0;
    spi_pend(SPI_A, true);
    spi_pend(SPI_B, true);
    irq_enable();
    spi_taken(2, 0, "two at once");
    expect(order[0] == SPI_B && order[1] == SPI_A, "order: %u, %u", order[0], order[1]);
    say("SPI: priorities");

    mmio_write64(GIC_DIST + IROUTER + 8 * SPI_A, 1);
    expect(mmio_read64(GIC_DIST + IROUTER + 8 * SPI_A) == 1, "the route does not hold");
    gic_wait();
    for (uint32_t i = 0; i < 50; i++) {
        spi_pend(SPI_A, true);
        expect(wait_for(spi_count == i + 1), "an interrupt to CPU 1 is lost");
    }
    spi_taken(50, 1, "routed to CPU 1");
    mmio_write64(GIC_DIST + IROUTER + 8 * SPI_A, 0);
    gic_wait();
    spi_pend(SPI_A, true);
    spi_taken(1, 0, "routed back");
    say("SPI: routes");
}

/* --- the UART -------------------------------------------------------------------------------- */

static char text[32];
static volatile uint32_t length;
static volatile bool complete;

static void on_uart(uint32_t intid)
{
    (void)intid;
    expect(mmio_read(UART_MIS) & 0x50, "UART interrupt without a cause");
    while (!(mmio_read(UART_FR) & 0x10)) {
        char c = (char)mmio_read(UART);
        if (c == '\r' || c == '\n') {
            complete = length > 0;
        } else if (length < sizeof(text) - 1 && !complete) {
            text[length++] = c;
        }
    }
    mmio_write(UART_ICR, 0x50);
}

static volatile uint32_t sent;

static void on_sent(uint32_t intid)
{
    (void)intid;
    mmio_write(UART_ICR, 0x20);
    sent++;
}

static void uart_test(void)
{
    irq_handler[KEEL_MACHINE_UART_IRQ] = on_sent;
    mmio_write(UART_ICR, 0x7FF);
    mmio_write(UART_IMSC, 0x20);
    gic_enable(KEEL_MACHINE_UART_IRQ, true);
    pause_for(1);
    uint32_t before = sent;
    print(".");
    expect(wait_for(sent > before), "no transmit interrupt");
    mmio_write(UART_IMSC, 0);
    print("\n");

    irq_handler[KEEL_MACHINE_UART_IRQ] = on_uart;
    mmio_write(UART + 0x2C, 0x70); /* LCR_H: 8 bits, FIFOs */
    mmio_write(UART + 0x30, 0x301);
    mmio_write(UART_ICR, 0x7FF);
    mmio_write(UART_IMSC, 0x50);
    say("type a line");
    sleep_until(complete);
    mmio_write(UART_IMSC, 0);
    say("got \"%s\"", text);
}

void guest_main(void)
{
    uint32_t typer = mmio_read(GIC_DIST + 4);

    expect((mmio_read(GIC_DIST + 0xFFE8) & 0xF0) == 0x30, "not a GICv3");
    expect((typer & 0x1F) >= 1, "no SPIs");
    expect(mmio_read64(GIC_REDIST(0) + 8) >> 32 == 0, "redistributor 0 is not CPU 0's");
    expect(mmio_read64(GIC_REDIST(1) + 8) >> 32 == 1, "redistributor 1 is not CPU 1's");
    expect(mmio_read64(GIC_REDIST(1) + 8) & 0x10, "redistributor 1 is not the last");
    gic_init();
    gic_cpu_init(0);
    irq_enable();
    say("GICv3");

    timer_test();
    sgi_test();
    spi_test();
    cpu_off();
    cpu_on(42);
    gic_sgi(1, PING_SGI);
    expect(wait_for(pongs == ROUNDS + 1), "CPU 1 is deaf after it was off");
    cpu_off();
    say("CPU 1 went off, came back, and is off");
    uart_test();
    passed();
}
