/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own console, a character at a time. */
#ifndef KERNEL_CPU_CONSOLE_H
#define KERNEL_CPU_CONSOLE_H

#include "lock.h"

extern struct lock console_lock;

/* False: the UART takes none now. */
must_check bool console_try(char c) REQUIRES(console_lock);
void console_put(char c) REQUIRES(console_lock); /* waits; for the boot and the end only */

#endif
