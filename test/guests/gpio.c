/* SPDX-License-Identifier: Apache-2.0 */
/* Drives QEMU's PL061 itself, registers and interrupt: a device that is passed through to the
 * guest. */
#include "lib/guest.h"

const char guest_name[] = "gpio";

#define GPIO     0x09030000ul
#define GPIO_IRQ 39 /* INTID: SPI 7 */

#define DATA 0x000 /* address bits 2..9 select the pins */
#define DIR  0x400
#define IS   0x404 /* 1: level */
#define IEV  0x40C /* 0: low */
#define IE   0x410
#define RIS  0x414

static volatile uint32_t interrupts;

/* A pin that is low keeps the line high: the handler masks it. */
static void on_pin(uint32_t intid)
{
    (void)intid;
    mmio_write(GPIO + IE, 0);
    interrupts++;
}

void guest_main(void)
{
    uint32_t id = 0;
    for (uint64_t i = 0; i < 4; i++) {
        id |= (mmio_read(GPIO + 0xFE0 + 4 * i) & 0xFF) << (8 * i);
    }
    expect((id & 0xFFFFF) == 0x41061, "no PL061: ID %x", id);
    say("PL061");

    mmio_write(GPIO + DIR, 0xF0);
    expect(mmio_read(GPIO + DIR) == 0xF0, "DIR does not hold");
    mmio_write(GPIO + DATA + (0x50 << 2), 0xFF);
    expect(mmio_read(GPIO + DATA + (0xF0 << 2)) == 0x50, "DATA does not hold");
    say("outputs set");

    gic_init();
    gic_cpu_init(0);
    irq_handler[GPIO_IRQ] = on_pin;
    gic_enable(GPIO_IRQ, true);
    mmio_write(GPIO + IE, 0);
    mmio_write(GPIO + IS, 1);
    mmio_write(GPIO + IEV, 0);
    expect(mmio_read(GPIO + RIS) & 1, "pin 0 is not low");
    irq_enable();
    for (uint32_t i = 1; i <= 10; i++) {
        mmio_write(GPIO + IE, 1);
        expect(wait_for(interrupts == i), "interrupt %u is missing", i);
    }
    uint64_t end = counter() + ms(20);
    while (counter() < end) {
    }
    expect(interrupts == 10, "%u interrupts instead of 10", interrupts);
    say("10 interrupts");
    passed();
}
