/* SPDX-License-Identifier: Apache-2.0 */
/* Wants all of a CPU for some seconds, and says how much of it there was. */
#include "lib/guest.h"

#define SECONDS 6u

const char guest_name[] = "hog";

/* Rounds of a loop until the counter reaches `end`. */
static uint64_t rounds_until(uint64_t end)
{
    uint64_t rounds = 0;

    while (sysreg_read(cntvct_el0) < end) {
        for (uint32_t i = 0; i < 1000; i++)
            __asm__ volatile("" ::: "memory");
        rounds++;
    }
    return rounds;
}

void guest_main(void)
{
    uint64_t second = sysreg_read(cntfrq_el0), now = sysreg_read(cntvct_el0);

    /* Both of a pair have started when a second is over, and both still run at the end. */
    (void)rounds_until(now + second);
    uint64_t rounds = rounds_until(now + (SECONDS - 2) * second);
    (void)rounds_until(now + SECONDS * second);
    say("%lu rounds", rounds);
    passed();
}
