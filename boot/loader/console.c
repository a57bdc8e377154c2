/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's output. */
#include "console.h"

#include "uart.h"

static struct {
    enum keel_console_kind kind;
    uint64_t pa;
} console;

static volatile uint32_t *reg(uint32_t offset)
{
    return (volatile uint32_t *)(uintptr_t)(console.pa + offset);
}

/* Firmware normally did this already; QEMU starts without firmware. */
void console_open(enum keel_console_kind kind, uint64_t pa)
{
    console.kind = kind;
    console.pa = pa;
    if (kind == KEEL_CONSOLE_PL011 && !(*reg(UARTCR) & CR_UARTEN))
        *reg(UARTCR) = CR_UARTEN | CR_TXE | CR_RXE;
    if (kind == KEEL_CONSOLE_CADENCE && !(*reg(CADENCE_CONTROL) & CADENCE_CONTROL_TXEN))
        *reg(CADENCE_CONTROL) = CADENCE_CONTROL_TXEN | CADENCE_CONTROL_RXEN;
}

static void put(char c)
{
    switch (console.kind) {
    case KEEL_CONSOLE_PL011:
        while (*reg(UARTFR) & FR_TXFF)
            ;
        *reg(UARTDR) = (uint8_t)c;
        break;
    case KEEL_CONSOLE_CADENCE:
        while (*reg(CADENCE_CHANNEL_STS) & CADENCE_CHANNEL_STS_TXFULL)
            ;
        *reg(CADENCE_TX_RX_FIFO) = (uint8_t)c;
        break;
    case KEEL_CONSOLE_NONE:
        break;
    }
}

void console_string(const char *string)
{
    for (; *string; string++) {
        if (*string == '\n')
            put('\r');
        put(*string);
    }
}

static void number(uint64_t value, unsigned int base)
{
    char digits[21];
    char *first = &digits[sizeof(digits) - 1];

    *first = '\0';
    do {
        *--first = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    console_string(first);
}

void console_decimal(uint64_t value)
{
    number(value, 10);
}

void console_hex(uint64_t value)
{
    console_string("0x");
    number(value, 16);
}
