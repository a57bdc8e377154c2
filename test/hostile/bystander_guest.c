/* SPDX-License-Identifier: Apache-2.0 */
/* The bystander as a guest: see bystander.h. It never ends. */
#include "bystander.h"

#include "../guests/lib/guest.h"

const char guest_name[] = "bystander";

static uint64_t words[BYSTANDER_WORDS];

/* By the timer's interrupt, which is never taken. */
static void sleep_until(uint64_t end)
{
    sysreg_write(cntv_cval_el0, end);
    sysreg_write(cntv_ctl_el0, 1);
    while (counter() < end)
        __asm__ volatile("wfi");
    sysreg_write(cntv_ctl_el0, 0);
}

void guest_main(void)
{
    gic_init();
    gic_cpu_init(0);
    gic_enable_private(0, KEEL_MACHINE_TIMER_IRQ, true);
    for (uint32_t round = 0;; round++) {
        uint64_t end = counter() + ms(300);

        say("round %u sum %lx", round, bystander_round(words, round));
        sleep_until(end);
    }
}
