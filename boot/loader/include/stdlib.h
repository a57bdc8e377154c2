/* SPDX-License-Identifier: Apache-2.0 */
/* Declared for libfdt's overlay code, which the linker drops: nothing defines it. */
#ifndef LOADER_STDLIB_H
#define LOADER_STDLIB_H

unsigned long strtoul(const char *restrict string, char **restrict end, int base);

#endif
