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

struct pl011 {
    uintptr_t registers; /* mapped as device memory */
    uint64_t errors;     /* characters with errors, overruns included */
};

/* Switches the UART on, with its receive interrupts. */
void pl011_start(struct pl011 *uart, uintptr_t registers);

/* As many bytes as there is room for now; returns how many. */
size_t pl011_write(struct pl011 *uart, const uint8_t *bytes, size_t n);

/* As many as were received, at most n; returns how many. */
size_t pl011_read(struct pl011 *uart, uint8_t *bytes, size_t n);

/* Clears what made the interrupt fire: before reading and writing. */
void pl011_acknowledge(struct pl011 *uart);

/* Whether to interrupt when there is room again. Only after a pl011_write that left bytes over:
 * the interrupt comes when the FIFO drains, not while it is empty (DDI 0183G, 2.8.2). */
void pl011_want_room(struct pl011 *uart, bool wanted);

#endif
