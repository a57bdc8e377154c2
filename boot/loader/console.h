/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's output: polled, on a UART that the firmware has set up. */
#ifndef LOADER_CONSOLE_H
#define LOADER_CONSOLE_H

#include <keel/boot.h>
#include <stdint.h>

/* Until it is called, and for KEEL_CONSOLE_NONE, output goes nowhere. */
void console_open(enum keel_console_kind kind, uint64_t pa);

void console_string(const char *string);
void console_decimal(uint64_t value);
void console_hex(uint64_t value);

#endif
