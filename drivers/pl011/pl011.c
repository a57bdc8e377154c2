/* SPDX-License-Identifier: Apache-2.0 */
/* See pl011.h. */
#include <pl011/pl011.h>
#include <pl011/registers.h>

#define INTERRUPTS (UARTINT_RX | UARTINT_RT | UARTINT_OE)

static uint32_t get(const struct pl011 *uart, uint32_t offset)
{
    return *(volatile uint32_t *)(uart->registers + offset);
}

static void set(const struct pl011 *uart, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(uart->registers + offset) = value;
}

void pl011_start(struct pl011 *uart, uintptr_t registers)
{
    const uint32_t format = UARTLCR_H_FEN | UARTLCR_H_WLEN;
    const uint32_t on = UARTCR_UARTEN | UARTCR_TXE | UARTCR_RXE;
    *uart = (struct pl011){.registers = registers};
    set(uart, UARTIMSC, 0);
    if ((get(uart, UARTLCR_H) & format) != format) { /* to be changed only while it is off */
        set(uart, UARTCR, 0);
        set(uart, UARTLCR_H, get(uart, UARTLCR_H) | format);
    }
    set(uart, UARTCR, get(uart, UARTCR) | on);
    set(uart, UARTICR, UARTINT_ALL);
    set(uart, UARTIMSC, INTERRUPTS);
}

size_t pl011_room(const struct pl011 *uart)
{
    uint32_t flags = get(uart, UARTFR);
    if ((flags & UARTFR_TXFE) != 0)
        return PL011_FIFO;
    return (flags & UARTFR_TXFF) == 0 ? 1 : 0;
}

void pl011_put(struct pl011 *uart, uint8_t byte)
{
    set(uart, UARTDR, byte);
}

bool pl011_take(const struct pl011 *uart, volatile uint32_t *data)
{
    if ((get(uart, UARTFR) & UARTFR_RXFE) != 0)
        return false;
    *data = get(uart, UARTDR);
    return true;
}

int pl011_byte(struct pl011 *uart, uint32_t data)
{
    if ((data & (UARTDR_FE | UARTDR_PE | UARTDR_BE | UARTDR_OE)) != 0)
        uart->errors++;
    return (data & (UARTDR_FE | UARTDR_PE | UARTDR_BE)) == 0 ? (uint8_t)data : -1;
}

void pl011_acknowledge(struct pl011 *uart)
{
    set(uart, UARTICR, UARTINT_ALL);
}

void pl011_want_room(struct pl011 *uart, bool wanted)
{
    if (wanted == uart->room_wanted)
        return;
    uart->room_wanted = wanted;
    set(uart, UARTIMSC, INTERRUPTS | (wanted ? UARTINT_TX : 0));
}
