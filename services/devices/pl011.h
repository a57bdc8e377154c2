/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PL011 UART that a guest sees (Arm DDI 0183, chapter 3). Registers and FIFO only: no I/O. What
 * is written to DR leaves at once; what arrives waits in the 16-deep FIFO, or with the sender.
 */
#ifndef DEVICES_PL011_H
#define DEVICES_PL011_H

#include <stdbool.h>
#include <stdint.h>

#define PL011_FIFO 16

enum pl011_interrupt {
    PL011_INT_RX = 1u << 4,
    PL011_INT_TX = 1u << 5,
    PL011_INT_RT = 1u << 6,
    PL011_INT_OE = 1u << 10,
};

/* All there is to the device; plain data that can be moved to another instance. */
struct pl011 {
    uint16_t cr, lcr_h, ibrd, fbrd, ilpr, ifls, imsc, ris, dmacr, rsr;
    uint8_t rx_head, rx_count;
    uint8_t rx[PL011_FIFO];
};

void pl011_reset(struct pl011 *uart);

/* An aligned access of 1, 2 or 4 bytes at `offset` (0..0xfff) in the register page. */
uint32_t pl011_read(struct pl011 *uart, uint32_t offset);
/* Returns the byte that goes out on the line, or -1. */
int pl011_write(struct pl011 *uart, uint32_t offset, uint32_t value);

/* How many bytes of input it takes now; and input, at most that many. */
unsigned pl011_room(const struct pl011 *uart);
void pl011_input(struct pl011 *uart, uint8_t byte);

/* The interrupt line. */
static inline bool pl011_line(const struct pl011 *uart)
{
    return (uart->ris & uart->imsc) != 0;
}

#endif
