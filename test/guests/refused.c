/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses and calls that its devices service answers with an abort
 * (test/system/services/refuse.c): they end where they began, accesses in an external abort, calls
 * as undefined instructions.
 */
#include "lib/try.h"

const char guest_name[] = "refused";

#define REFUSED (UART + 0xF00)

static void check_access(const char *what)
{
    try_check(what, 0x25, tried.pc);
    expect((caught.esr & 0x3F) == 0x10, "%s: ESR %lx", what, caught.esr);
    expect(caught.far == REFUSED, "%s: FAR %lx", what, caught.far);
    say("%s: external abort", what);
}

static void check_call(const char *what)
{
    try_check(what, 0, tried.pc);
    say("%s: undefined", what);
}

void guest_main(void)
{
    for (unsigned i = 0; i < 2; i++) { /* with other flags */
        TRY("ldr w1, [x0]", REFUSED);
        check_access("read");
        TRY("str w1, [x0]", REFUSED);
        check_access("write");
        TRY("ldp x1, x2, [x0]", REFUSED);
        check_access("pair");
        TRY("hvc #0", PSCI_VERSION);
        check_call("HVC");
        TRY("smc #0", PSCI_VERSION);
        check_call("SMC");
    }
    passed();
}
