/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Works for 100 us of each millisecond, and sleeps for the rest: the timer wakes it at times that it knows. Says how often it woke up and how
 * late at most it found itself running, every 250 times. Does not end.
 */
#include "lib/guest.h"

const char guest_name[] = "nap";

#define TIMER     27u
#define PERIOD_US 1000u
#define WORK_US   100u
#define TOLD      250u

static void timer_set(uint64_t at)
{
    sysreg_write(cntv_cval_el0, at);
    sysreg_write(cntv_ctl_el0, 1);
}

static void on_timer(uint32_t intid)
{
    (void)intid;
    sysreg_write(cntv_ctl_el0, 2); /* masked: it is level-triggered */
}

void guest_main(void)
{
    const uint64_t hz = sysreg_read(cntfrq_el0), period = hz * PERIOD_US / 1000000;
    uint64_t next, late = 0;

    gic_init();
    gic_cpu_init(0);
    irq_handler[TIMER] = on_timer;
    gic_enable_private(0, TIMER, true);
    next = counter() + period;
    for (uint32_t n = 1;; n++) {
        uint64_t woken, end;

        irq_disable();
        timer_set(next);
        while (counter() < next) {
            __asm__ volatile("wfi" ::: "memory");
            irq_enable(); /* it is taken here, or at once */
            irq_disable();
        }
        irq_enable();
        woken = counter();
        late = woken - next > late ? woken - next : late;
        end = woken + hz * WORK_US / 1000000;
        while (counter() < end) {
        }
        if (n % TOLD == 0) {
            say("%u naps, at most %lu ns late", n, late * 1000000000 / hz);
            late = 0;
        }
        /* What was missed meanwhile is left out. */
        do
            next += period;
        while (next < counter());
    }
}
