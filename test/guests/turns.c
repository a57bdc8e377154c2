/* SPDX-License-Identifier: Apache-2.0 */
/* Two guests that take turns: see test/bench/turns.h. The second one is the one with two CPUs. */
#include "../bench/turns.h"

#include "../bench/mark.h"
#include "lib/guest.h"

const char guest_name[] = "turns";

#define TIMER 27

/* Long, so that marks are few: what is counted is the kernel's part only. */
#define WORK() __asm__ volatile(".rept 200\n nop\n .endr")

static uint64_t now(void)
{
    return sysreg_read(cntvct_el0);
}

/* Interrupts are masked: they end the sleep, and are taken after it. */
static void sleep_begin(uint64_t until)
{
    sysreg_write(cntv_cval_el0, until);
    sysreg_write(cntv_ctl_el0, 1);
    __asm__ volatile("wfi" ::: "memory");
}

static void sleep_end(void)
{
    uint64_t intid;

    while ((intid = sysreg_read(S3_0_C12_C12_0)) >= 1020) /* ICC_IAR1_EL1 */
        __asm__ volatile("wfi" ::: "memory");
    sysreg_write(cntv_ctl_el0, 0);
    sysreg_write(S3_0_C12_C12_1, intid); /* ICC_EOIR1_EL1 */
}

static void work_until(uint64_t until)
{
    while (now() < until)
        WORK();
}

/* The END of its own is behind no work of the kernel's, and counts nothing. */
#define WORK_MARKED(row, phase)           \
    do {                                  \
        work_until(ms((phase).measured)); \
        while (now() < ms((phase).end)) { \
            MARK_BEGIN(row);              \
            WORK();                       \
        }                                 \
        MARK_END(row);                    \
    } while (0)

static void first(void)
{
    sleep_begin(ms(turns_switch.begin));
    sleep_end();
    WORK_MARKED(ROW_SWITCH, turns_switch);
    WORK_MARKED(ROW_WAKE_GUEST, turns_guest);
    WORK_MARKED(ROW_WAKE_SERVICE, turns_service);
}

static void second(void)
{
    const uint64_t hz = sysreg_read(cntfrq_el0), step = hz * TURNS_WAKE_US / 1000000;

    sleep_begin(ms(turns_switch.begin));
    sleep_end();
    while (now() < ms(turns_switch.end)) {
        MARK_END(ROW_SWITCH);
        WORK();
    }
    for (uint64_t next = now() + step; next < ms(turns_guest.end); next += step) {
        sleep_begin(next);
        MARK_END(ROW_WAKE_GUEST);
        sleep_end();
    }
}

void guest_main(void)
{
    gic_init();
    gic_cpu_init(0);
    gic_enable_private(0, TIMER, true);
    if ((int32_t)hvc(PSCI_AFFINITY_INFO, 1, 0, 0) < 0)
        first();
    else
        second();
    passed();
}
