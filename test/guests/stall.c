/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uses its devices without a pause, checks what they answer, and says what the longest time between
 * two answers was: what somebody who kills their service costs the guest. Does not end.
 */
#include "lib/guest.h"

const char guest_name[] = "stall";

#define UARTIBRD 0x24u
#define UARTFBRD 0x28u
#define RTCDR    0u
#define GICD_TYPER 4u

void guest_main(void)
{
    const uint64_t hz = sysreg_read(cntfrq_el0);
    const uint32_t typer = mmio_read(GIC_DIST + GICD_TYPER);
    uint64_t last = sysreg_read(cntvct_el0), told = last, longest = 0;
    uint32_t wrong = 0, seconds = mmio_read(KEEL_MACHINE_RTC + RTCDR);

    for (uint32_t i = 1;; i++) {
        mmio_write(KEEL_MACHINE_UART + UARTIBRD, i & 0xffff);
        mmio_write(KEEL_MACHINE_UART + UARTFBRD, i & 0x3f);
        wrong += mmio_read(KEEL_MACHINE_UART + UARTIBRD) != (i & 0xffff);
        wrong += mmio_read(KEEL_MACHINE_UART + UARTFBRD) != (i & 0x3f);
        wrong += mmio_read(GIC_DIST + GICD_TYPER) != typer;

        uint32_t later = mmio_read(KEEL_MACHINE_RTC + RTCDR);
        wrong += later - seconds > 60;
        seconds = later;

        uint64_t now = sysreg_read(cntvct_el0);
        if (now - last > longest)
            longest = now - last;
        if (now - told > hz / 4) {
            told = now;
            say("round %u, longest %lu us, %u wrong", i, longest * 1000000 / hz, wrong);
        }
        last = sysreg_read(cntvct_el0);
    }
}
