/* SPDX-License-Identifier: Apache-2.0 */
/* Prints, and switches itself off. */
#include "lib/guest.h"

const char guest_name[] = "hello";

void guest_main(void)
{
    say("EL%lu, CPU %lx", sysreg_read(CurrentEL) >> 2, sysreg_read(mpidr_el1) & 0xFF00FFFFFFul);
    say("PSCI %x", (uint32_t)hvc(PSCI_VERSION, 0, 0, 0) >> 16);
    passed();
}
