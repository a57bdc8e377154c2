/* SPDX-License-Identifier: Apache-2.0 */
/* See guest.h. */
#include "guest.h"

#include <keel/calls.h>
#include <keel/machine.h>
#include <stdio.h>

#define UART_DR         KEEL_MACHINE_UART
#define PSCI_SYSTEM_OFF 0x84000008u

struct loop_reply guest_exit(const struct keel_exit *exit)
{
    if (exit->kind == KEEL_EXIT_READ)
        return loop_done(0);
    if (exit->kind == KEEL_EXIT_WRITE) {
        if (exit->args[0] == UART_DR)
            putchar((int)(exit->args[1] & 0x7f));
        return loop_done(0);
    }
    if (exit->kind != KEEL_EXIT_HVC || exit->args[0] != PSCI_SYSTEM_OFF)
        return loop_abort();
    fflush(stdout);
    (void)keel_domain_stop(exit->peer, KEEL_STOP_OFF, 0);
    return loop_later();
}
