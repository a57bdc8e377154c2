/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs without a pause, and says where in a frame it does: it is in a window from the end of a time in which it did not run
 * to the beginning of the next one. Windows in which it says something count only as far as they began. Does not end.
 */
#include "lib/guest.h"

const char guest_name[] = "windows";

#define FRAME_US 1000u
#define GAP_US   50u /* what is shorter is no end of a window */
#define TOLD     100u /* windows */

static uint64_t in_ns(uint64_t ticks)
{
    return ticks * 1000000000 / sysreg_read(cntfrq_el0);
}

void guest_main(void)
{
    const uint64_t hz = sysreg_read(cntfrq_el0), frame = hz * FRAME_US / 1000000;
    uint64_t last = sysreg_read(cntvct_el0), begun = 0, ended = 0, least = frame, most = 0;
    uint32_t windows = 0;

    for (;;) {
        uint64_t now = sysreg_read(cntvct_el0);

        if (now - last > hz * GAP_US / 1000000) {
            begun = now % frame;
            least = begun < least ? begun : least;
            most = begun > most ? begun : most;
            ended = last % frame;
            if (++windows % TOLD == 0) {
                say("%u begin at %lu to %lu ns, the last one ended at %lu", windows, in_ns(least), in_ns(most),
                    in_ns(ended));
                least = frame;
                most = 0;
                now = sysreg_read(cntvct_el0); /* it may be another window already */
            }
        }
        last = now;
    }
}
