/* SPDX-License-Identifier: Apache-2.0 */
/* A broken invariant and the console, on the host. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base.h"

void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: CHECK(%s) failed\n", file, line, condition);
    abort();
}

uint64_t print_text(const char *text, uint64_t bytes)
{
    (void)text; /* of a service: nobody is there to read it */
    return bytes;
}

void print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}
