/* SPDX-License-Identifier: Apache-2.0 */
/* A devices service that aborts: calls, accesses that it can't make out, and those to one register.
 */
#include "guest.h"

#include <keel/machine.h>
#include <runtime/start.h>

#define REFUSED (KEEL_MACHINE_UART + 0xF00)

static struct loop_reply on_exit(void *context, const struct keel_exit *exit)
{
    bool access = exit->kind == KEEL_EXIT_READ || exit->kind == KEEL_EXIT_WRITE;

    (void)context;
    return access && exit->args[0] == REFUSED ? loop_abort() : guest_exit(exit);
}

int main(void)
{
    loop_exits(on_exit, NULL);
    loop_run();
}
