/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load of all kinds, a kind on each of four CPUs; 16 such guests are what policies are measured under (test/bench/policies.py):
 * one wakes up 1,000 times a second for a little; one 100 times, for more, and wakes the third; that thinks for some
 * milliseconds, now and then, and sleeps else; one works without a pause. They begin when they are started, each guest at a
 * time of its own, and say after two seconds how often they woke up.
 */
#include "lib/guest.h"

const char guest_name[] = "load";

#define TIMER   27
#define SGI     1
#define TELL_MS 1810u /* of the counter */
#define CPUS    4u

/* Some 500 instructions in a block: a plugin looks at each block. */
#define WORK() __asm__ volatile(".rept 500\n nop\n .endr")

static volatile uint32_t woken[CPUS], there;

static uint64_t us(uint64_t n)
{
    return sysreg_read(cntfrq_el0) * n / 1000000;
}

static uint64_t now(void)
{
    return sysreg_read(cntvct_el0);
}

/* Interrupts are masked: they end the sleep, and are taken after it. */
static uint64_t sleep(void)
{
    uint64_t intid;

    while ((intid = sysreg_read(S3_0_C12_C12_0)) >= 1020) /* ICC_IAR1_EL1 */
        __asm__ volatile("wfi" ::: "memory");
    if (intid == TIMER)
        sysreg_write(cntv_ctl_el0, 0);
    sysreg_write(S3_0_C12_C12_1, intid); /* ICC_EOIR1_EL1 */
    return intid;
}

static void sleep_until(uint64_t when)
{
    sysreg_write(cntv_cval_el0, when);
    sysreg_write(cntv_ctl_el0, 1);
    while (sleep() != TIMER) {
    }
}

static void work(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        WORK();
}

/* `wakes`: also CPU 2, each time. */
_Noreturn static void periodic(uint32_t cpu, uint64_t period, uint32_t n, bool wakes)
{
    for (uint64_t next = now() + period;; next += period) {
        sleep_until(next);
        work(n);
        if (wakes)
            gic_sgi(2, SGI);
        woken[cpu]++;
    }
}

/* Busy or asleep for 5 to 80 ms of work or of sleep, as a policy sees it; only awake for a moment where it is woken meanwhile. */
_Noreturn static void thinks(void)
{
    uint64_t x = now() | 1;

    for (;;) {
        x ^= x << 13; /* xorshift64: Marsaglia, Journal of Statistical Software 8(14), 2003 */
        x ^= x >> 7;
        x ^= x << 17;
        for (uint64_t until = now() + us(5000 + x % 75000); now() < until;)
            WORK();
        for (uint32_t i = 0; i < 1 + x / 75000 % 8; i++) {
            while (sleep() != SGI) {
            }
            woken[2]++;
        }
    }
}

void guest_secondary(uint64_t cpu)
{
    gic_cpu_init((uint32_t)cpu);
    gic_enable_private((uint32_t)cpu, TIMER, true);
    there++;
    if (cpu == 1)
        periodic(1, us(10000), 100, true);
    if (cpu == 2)
        thinks();
    for (;;)
        work(1);
}

void guest_main(void)
{
    gic_init();
    gic_cpu_init(0);
    gic_enable_private(0, TIMER, true);
    for (uint64_t cpu = 1; cpu < CPUS; cpu++) {
        expect(hvc(PSCI_CPU_ON, cpu, (uintptr_t)secondary_start, cpu) == 0, "CPU_ON");
        while (there < cpu)
            sleep_until(now() + us(200));
    }
    for (uint64_t next = now(); now() < ms(TELL_MS); next += us(1000)) {
        sleep_until(next);
        work(6);
        woken[0]++;
    }
    say("woke up %u, %u and %u times", woken[0], woken[1], woken[2]);
    for (;;)
        sleep_until(now() + ms(1000));
}
