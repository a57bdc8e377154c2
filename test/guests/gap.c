/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Works without a pause, checks what comes of it, and says what the longest time was in which it did not run. What
 * it says itself does not count: that is its devices service's time. Does not end.
 */
#include "lib/guest.h"
#include "lib/work.h"

const char guest_name[] = "gap";

void guest_main(void)
{
    const uint64_t hz = sysreg_read(cntfrq_el0);
    uint64_t last, told, longest = 0, latest = 0;
    uint32_t wrong = 0;

    work_begin();
    last = told = sysreg_read(cntvct_el0);
    for (uint32_t round = 1;; round++) {
        uint64_t now;

        wrong += !work_done(round);
        now = sysreg_read(cntvct_el0);
        latest = now - last > latest ? now - last : latest;
        longest = latest > longest ? latest : longest;
        last = now;
        if (now - told < hz / 10)
            continue;
        say("round %u, latest %lu us, longest %lu us, %u wrong", round, latest * 1000000 / hz,
            longest * 1000000 / hz, wrong);
        latest = 0;
        last = told = sysreg_read(cntvct_el0);
    }
}
