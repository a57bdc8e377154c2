/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver of the PL011 UART, driven by interrupts. Speed and format stay as the firmware set them.
 * Nothing here waits.
 */
#ifndef PL011_PL011_H
#define PL011_PL011_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PL011_FIFO 16u /* bytes, of every revision at least */

struct pl011 {
    uintptr_t registers; /* mapped as device memory */
    uint64_t errors;     /* characters with errors, overruns included */
    bool room_wanted;
};

/* Switches the UART on, with its receive interrupts. */
void pl011_start(struct pl011 *uart, uintptr_t registers);

/* How many bytes may be put now: PL011_FIFO if the FIFO is empty, else one or none. */
size_t pl011_room(const struct pl011 *uart);
void pl011_put(struct pl011 *uart, uint8_t byte);

/* Takes the character that was received first; false: there is none. *data is what the UART said of
 * it: nothing comes between reading it there, which removes it, and storing it here. */
bool pl011_take(const struct pl011 *uart, volatile uint32_t *data);

/* The byte of it; negative: it was received wrongly. */
int pl011_byte(struct pl011 *uart, uint32_t data);

/* Clears what made the interrupt fire: before reading and writing. */
void pl011_acknowledge(struct pl011 *uart);

/* Whether to interrupt when there is room again. Only when there is none, or PL011_FIFO bytes were
 * put: the interrupt comes when the FIFO drains to its half, not below (DDI 0183G, 2.8.2). */
void pl011_want_room(struct pl011 *uart, bool wanted);

#endif
