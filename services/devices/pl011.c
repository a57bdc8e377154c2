/* SPDX-License-Identifier: Apache-2.0 */
/* PL011 model (see pl011.h). May not call anything. */
#include "pl011.h"
#include "pl011_regs.h"

/* Part 0x011 by Arm (0x41), revision 1 (16-byte FIFOs), then the PrimeCell magic: as QEMU's. */
static const uint8_t pl011_ids[8] = {0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

void pl011_reset(struct pl011 *uart)
{
    *uart = (struct pl011){.cr = UARTCR_RESET, .ifls = UARTIFLS_RESET};
}

static unsigned depth(const struct pl011 *uart)
{
    return (uart->lcr_h & UARTLCR_H_FEN) ? PL011_FIFO : 1;
}

unsigned pl011_room(const struct pl011 *uart)
{
    unsigned all = depth(uart);
    return uart->rx_count < all ? all - uart->rx_count : 0;
}

void pl011_input(struct pl011 *uart, uint8_t byte)
{
    if (pl011_room(uart) == 0) {
        uart->rsr |= UARTRSR_OE;
        uart->ris |= PL011_INT_OE;
        return;
    }
    uart->rx[(uart->rx_head + uart->rx_count) % PL011_FIFO] = byte;
    uart->rx_count++;
    /*
     * The device interrupts at a FIFO level (IFLS), and after a pause of 32 bit times below it. No
     * time passes on this line: every byte is followed by the pause, so both come at once.
     */
    uart->ris |= PL011_INT_RX | PL011_INT_RT;
}

static uint32_t data_read(struct pl011 *uart)
{
    uint32_t data = uart->rx[uart->rx_head];

    if (uart->rx_count == 0) {
        return 0;
    }
    uart->rx_head = (uint8_t)((uart->rx_head + 1) % PL011_FIFO);
    uart->rx_count--;
    if (uart->rx_count == 0) {
        uart->ris &= (uint16_t) ~(PL011_INT_RX | PL011_INT_RT);
    }
    return data;
}

static uint32_t flags_read(const struct pl011 *uart)
{
    return UARTFR_TXFE | (uart->rx_count == 0 ? UARTFR_RXFE : 0) |
           (pl011_room(uart) == 0 ? UARTFR_RXFF : 0);
}

uint32_t pl011_read(struct pl011 *uart, uint32_t offset)
{
    switch (offset) {
    case UARTDR:
        return data_read(uart);
    case UARTRSR:
        return uart->rsr;
    case UARTFR:
        return flags_read(uart);
    case UARTILPR:
        return uart->ilpr;
    case UARTIBRD:
        return uart->ibrd;
    case UARTFBRD:
        return uart->fbrd;
    case UARTLCR_H:
        return uart->lcr_h;
    case UARTCR:
        return uart->cr;
    case UARTIFLS:
        return uart->ifls;
    case UARTIMSC:
        return uart->imsc;
    case UARTRIS:
        return uart->ris;
    case UARTMIS:
        return uart->ris & uart->imsc;
    case UARTDMACR:
        return uart->dmacr;
    default:
        return offset >= UARTID && (offset & 3) == 0 ? pl011_ids[(offset - UARTID) / 4 % 8] : 0;
    }
}

static int data_write(struct pl011 *uart, uint8_t byte)
{
    uart->ris |= PL011_INT_TX; /* the transmit FIFO has emptied past its level, at once */
    if (uart->cr & UARTCR_LBE) {
        pl011_input(uart, byte);
        return -1;
    }
    return byte;
}

/* FIFOs are flushed when they are switched off or on. */
static void line_control_write(struct pl011 *uart, uint32_t value)
{
    if ((value ^ uart->lcr_h) & UARTLCR_H_FEN) {
        uart->rx_head = 0;
        uart->rx_count = 0;
        uart->ris &= (uint16_t) ~(PL011_INT_RX | PL011_INT_RT);
    }
    uart->lcr_h = value & 0xFF;
}

int pl011_write(struct pl011 *uart, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case UARTDR:
        return data_write(uart, (uint8_t)value);
    case UARTRSR:
        uart->rsr = 0;
        break;
    case UARTILPR:
        uart->ilpr = value & 0xFF;
        break;
    case UARTIBRD:
        uart->ibrd = value & 0xFFFF;
        break;
    case UARTFBRD:
        uart->fbrd = value & 0x3F;
        break;
    case UARTLCR_H:
        line_control_write(uart, value);
        break;
    case UARTCR:
        uart->cr = value & 0xFF87;
        break;
    case UARTIFLS:
        uart->ifls = value & 0x3F;
        break;
    case UARTIMSC:
        uart->imsc = value & 0x7FF;
        break;
    case UARTICR:
        uart->ris &= (uint16_t)~value;
        break;
    case UARTDMACR:
        uart->dmacr = value & 7;
        break;
    default:
        break;
    }
    return -1;
}
