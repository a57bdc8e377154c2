/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own console: polled output to the UART that the loader named. */
#include "cpu/console.h"

#include "main.h"

#define POLLS_MAX 4096 /* then the character is lost: a UART that does not drain stops nobody */

/* The register that says when it takes no more, in which bit; the register that takes a character. */
static const struct {
    uint32_t status, full, data;
} uarts[] = {
    [KEEL_CONSOLE_PL011] = {0x18, 1u << 5, 0x00},   /* FR.TXFF, DR */
    [KEEL_CONSOLE_CADENCE] = {0x2c, 1u << 4, 0x30}, /* SR.TXFULL, FIFO */
};
struct lock console_lock;

static volatile uint32_t *reg(uint32_t offset)
{
    return (volatile uint32_t *)(platform.console_pa + offset);
}

bool console_try(char c)
{
    uint32_t kind = platform.console_kind;

    if (kind == KEEL_CONSOLE_NONE)
        return true;
    if (*reg(uarts[kind].status) & uarts[kind].full)
        return false;
    *reg(uarts[kind].data) = (uint8_t)c;
    return true;
}

void console_put(char c)
{
    for (uint32_t polls = 0; !console_try(c) && polls < POLLS_MAX; polls++)
        ;
}
