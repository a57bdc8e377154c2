/* SPDX-License-Identifier: Apache-2.0 */
/* Works without a pause, and says how far it is: what share of a CPU it has. */
#include "lib/guest.h"

const char guest_name[] = "spin";

#define UNIT  200000u /* loops: 400,000 instructions */
#define UNITS 100000u

void guest_main(void)
{
    for (uint32_t unit = 1; unit <= UNITS; unit++) {
        uint64_t n = UNIT;

        __asm__ volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(n) : : "cc");
        if (unit % 25 == 0) {
            say("%u", unit);
        }
    }
    passed();
}
