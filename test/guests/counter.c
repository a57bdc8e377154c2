/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes and reads once in each device, and calls, round after round, and says what it got: a
 * devices service that counts there is seen, and an access that never gets to it would be missed.
 */
#include "lib/guest.h"

const char guest_name[] = "counter";

#define ROUNDS     5
#define GICD_TYPER 4
#define GICR_TYPER 8

static int64_t smc(uint64_t function)
{
    register uint64_t x0 __asm__("x0") = function;

    __asm__ volatile("smc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
    return (int64_t)x0;
}

/* A register that may be read, and written without effect. */
static uint32_t access(uint64_t address)
{
    mmio_write(address, 0);
    return mmio_read(address);
}

void guest_main(void)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        say("UART %u", access(UART + 0xF00));
        say("RTC %u", access(KEEL_MACHINE_RTC + 0xF00));
        say("GICD %u", access(GIC_DIST + GICD_TYPER));
        say("GICR %u", access(GIC_REDIST(0) + GICR_TYPER));
        say("HVC %u", (uint32_t)hvc(PSCI_VERSION, 0, 0, 0));
        say("SMC %u", (uint32_t)smc(PSCI_VERSION));
    }
    passed();
}
