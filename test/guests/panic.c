/* SPDX-License-Identifier: Apache-2.0 */
/* Says that it panicked, each time that it is started. */
#include "lib/guest.h"

const char guest_name[] = "panic";

#define WHY 0xDEADull

static uint64_t now_us(void)
{
    return counter() * 1000 / ms(1);
}

void guest_main(void)
{
    say("begins at %lu us", now_us());
    for (uint64_t end = counter() + ms(20); counter() < end;)
        ;
    say("panics at %lu us", now_us());
    (void)hvc(KEEL_MACHINE_PANIC, WHY, 0, 0);
    expect(false, "the call came back");
}
