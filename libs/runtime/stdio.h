/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard input and output, over Argo to the console service; for the builder, and before there is
 * a console, by `console_write`. Output never waits: what does not fit is dropped, counted and
 * told.
 */
#ifndef RUNTIME_STDIO_H
#define RUNTIME_STDIO_H

#include <stddef.h>
#include <stdint.h>

void stdio_write(const char *bytes, size_t n);

/* The service ends: gives the console 50 ms to take the last words. */
void stdio_end(void);

/* Waits for input, without losing events of others. -EBADF: this service gets none. */
long stdio_read(char *to, size_t n);

/* Bytes that can be written now without being dropped; who has more writes the rest later. */
size_t stdio_room(void);

/* Bytes of output that were dropped so far. */
uint64_t stdio_dropped(void);

#endif
