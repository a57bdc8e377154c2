/* SPDX-License-Identifier: Apache-2.0 */
/* Works without a pause, and checks what comes of it. Says so seldom that this takes no time. Does not end. */
#include "lib/guest.h"
#include "lib/work.h"

const char guest_name[] = "toil";

void guest_main(void)
{
    const uint64_t hz = sysreg_read(cntfrq_el0);
    uint64_t told = sysreg_read(cntvct_el0);
    uint32_t wrong = 0;

    work_begin();
    for (uint32_t round = 1;; round++) {
        wrong += !work_done(round);
        if (sysreg_read(cntvct_el0) - told < 2 * hz)
            continue;
        say("round %u, %u wrong", round, wrong);
        told = sysreg_read(cntvct_el0);
    }
}
