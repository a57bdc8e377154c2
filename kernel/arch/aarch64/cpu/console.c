/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own console: polled output to the UART that the loader named. */
#include "cpu/console.h"

#include "main.h"

#define PL011_DR 0x00
#define PL011_FR 0x18
#define PL011_FR_TXFF (1u << 5)
#define CADENCE_SR 0x2c
#define CADENCE_SR_TXFULL (1u << 4)
#define CADENCE_FIFO 0x30
#define POLLS_MAX 4096 /* then the character is lost: a UART that does not drain stops nobody */

struct lock console_lock;

static volatile uint32_t *reg(uint32_t offset)
{
    return (volatile uint32_t *)(platform.console_pa + offset);
}

bool console_try(char c)
{
    switch (platform.console_kind) {
    case KEEL_CONSOLE_PL011:
        if (*reg(PL011_FR) & PL011_FR_TXFF)
            return false;
        *reg(PL011_DR) = (uint8_t)c;
        return true;
    case KEEL_CONSOLE_CADENCE:
        if (*reg(CADENCE_SR) & CADENCE_SR_TXFULL)
            return false;
        *reg(CADENCE_FIFO) = (uint8_t)c;
        return true;
    default:
        return true;
    }
}

void console_put(char c)
{
    for (uint32_t polls = 0; !console_try(c) && polls < POLLS_MAX; polls++)
        ;
}
