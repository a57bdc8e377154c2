/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A devices service that is not Keel's: the UART's register at 0xF00, which a PL011 does not have,
 * counts how often it is read. What the guest prints goes to this service's own console.
 */
#include <keel/calls.h>
#include <keel/machine.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>

#define COUNTER         (KEEL_MACHINE_UART + 0xF00)
#define UART_DR         KEEL_MACHINE_UART
#define PSCI_SYSTEM_OFF 0x84000008u

static uint64_t count;

static struct loop_reply on_exit(void *context, const struct keel_exit *exit)
{
    (void)context;
    if (exit->kind == KEEL_EXIT_HVC && exit->args[0] == PSCI_SYSTEM_OFF) {
        fflush(stdout);
        (void)keel_domain_stop(exit->peer, KEEL_STOP_OFF, 0);
        return loop_later();
    }
    if (exit->kind == KEEL_EXIT_READ)
        return loop_done(exit->args[0] == COUNTER ? ++count : 0);
    if (exit->kind == KEEL_EXIT_WRITE && exit->args[0] == UART_DR)
        putchar((int)(exit->args[1] & 0x7f));
    return exit->kind == KEEL_EXIT_WRITE ? loop_done(0) : loop_abort();
}

int main(void)
{
    loop_exits(on_exit, NULL);
    loop_run();
}
