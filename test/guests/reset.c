/* SPDX-License-Identifier: Apache-2.0 */
/* Says hello and starts again, for ever; its memory is as at the first time. */
#include "lib/guest.h"

const char guest_name[] = "reset";

static volatile uint32_t lives;

void guest_main(void)
{
    say("alive, %u lives in memory", lives);
    lives++;
    for (uint64_t end = counter() + ms(100); counter() < end;)
        ;
    (void)hvc(PSCI_SYSTEM_RESET, 0, 0, 0);
    expect(false, "SYSTEM_RESET came back");
}
