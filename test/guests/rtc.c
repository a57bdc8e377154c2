/* SPDX-License-Identifier: Apache-2.0 */
/* Drives a PL031: time goes on, and an alarm interrupts. The device may be virtual or passed
 * through. */
#include "lib/guest.h"

const char guest_name[] = "rtc";

#define RTC  KEEL_MACHINE_RTC
#define DR   0x00
#define MR   0x04
#define IMSC 0x10
#define RIS  0x14
#define MIS  0x18
#define ICR  0x1C

static volatile uint32_t alarms;

static void on_alarm(uint32_t intid)
{
    (void)intid;
    expect(mmio_read(RTC + MIS) == 1, "interrupt without a cause");
    mmio_write(RTC + ICR, 1);
    alarms++;
}

void guest_main(void)
{
    uint32_t id = 0;
    for (uint64_t i = 0; i < 4; i++) {
        id |= (mmio_read(RTC + 0xFE0 + 4 * i) & 0xFF) << (8 * i);
    }
    expect((id & 0xFFFFF) == 0x41031, "no PL031: ID %x", id);
    say("PL031");

    gic_init();
    gic_cpu_init(0);
    irq_handler[KEEL_MACHINE_RTC_IRQ] = on_alarm;
    gic_enable(KEEL_MACHINE_RTC_IRQ, true);
    mmio_write(RTC + ICR, 1);
    mmio_write(RTC + IMSC, 1);
    irq_enable();
    for (uint32_t i = 1; i <= 3; i++) {
        uint32_t now = mmio_read(RTC + DR);
        mmio_write(RTC + MR, now + 1);
        expect(wait_for(alarms == i), "no alarm (RIS %x)", mmio_read(RTC + RIS));
        expect(mmio_read(RTC + DR) >= now + 1, "the alarm came early");
        say("alarm %u", i);
    }
    mmio_write(RTC + IMSC, 0);
    mmio_write(RTC + MR, mmio_read(RTC + DR));
    expect(wait_for(mmio_read(RTC + RIS) == 1), "no alarm");
    expect(alarms == 3, "a masked alarm interrupted");
    passed();
}
