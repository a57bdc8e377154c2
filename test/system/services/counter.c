/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A devices service that is not Keel's: it answers each read and each call with the number of
 * accesses to that device, and of such calls, so far.
 */
#include "guest.h"

#include <keel/machine.h>
#include <runtime/start.h>

#define PSCI_VERSION 0x84000000u
#define UART_COUNTER (KEEL_MACHINE_UART + 0xF00)

static struct place {
    uint64_t address, size;
    uint64_t count;
} places[] = {
    {UART_COUNTER, 4, 0}, /* the rest of it is the guest's output */
    {KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_SIZE, 0},
    {KEEL_MACHINE_GICD, KEEL_MACHINE_GICD_SIZE, 0},
    {KEEL_MACHINE_GICR, KEEL_MACHINE_GICR_STRIDE, 0},
};

static struct loop_reply on_exit(void *context, const struct keel_exit *exit)
{
    static uint64_t hvcs, smcs;

    (void)context;
    if (exit->kind == KEEL_EXIT_HVC && exit->args[0] == PSCI_VERSION)
        return loop_done(++hvcs);
    if (exit->kind == KEEL_EXIT_SMC)
        return loop_done(++smcs);
    if (exit->kind == KEEL_EXIT_READ || exit->kind == KEEL_EXIT_WRITE)
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
            if (exit->args[0] - places[i].address < places[i].size)
                return loop_done(++places[i].count);
    return guest_exit(exit);
}

int main(void)
{
    loop_exits(on_exit, NULL);
    loop_run();
}
