/* SPDX-License-Identifier: Apache-2.0 */
/* The bystander as a guest: see bystander.h. It never ends. */
#include "bystander.h"

#include "../guests/lib/guest.h"

const char guest_name[] = "bystander";

static uint64_t words[BYSTANDER_WORDS];

void guest_main(void)
{
    for (uint32_t round = 0;; round++) {
        uint64_t end = counter() + ms(300);

        say("round %u sum %lx", round, bystander_round(words, round));
        while (counter() < end)
            __asm__ volatile("yield");
    }
}
