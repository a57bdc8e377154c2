/* SPDX-License-Identifier: Apache-2.0 */
/* Text on the kernel's console, and the end of a kernel that found itself broken. */
#include "base.h"

#include "arch/cpu.h"
#include "cpu/console.h"

#include <stdarg.h>

static void put(char c) REQUIRES(console_lock)
{
    if (c == '\n')
        console_put('\r');
    console_put(c);
}

static void put_number(uint64_t value, uint32_t base) REQUIRES(console_lock)
{
    char digits[20];
    uint32_t n = 0;

    do
        digits[n++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (n)
        put(digits[--n]);
}

static void put_signed(int64_t value) REQUIRES(console_lock)
{
    if (value < 0)
        put('-');
    put_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

static void put_string(const char *string) REQUIRES(console_lock)
{
    while (*string)
        put(*string++);
}

static void vprint(const char *format, va_list args) REQUIRES(console_lock)
{
    for (; *format; format++) {
        bool wide = false;

        if (*format != '%') {
            put(*format);
            continue;
        }
        if (*++format == 'l') {
            wide = true;
            format++;
        }
        switch (*format) {
        case 's':
            put_string(va_arg(args, const char *));
            break;
        case 'c':
            put((char)va_arg(args, int));
            break;
        case 'd':
            put_signed(wide ? va_arg(args, int64_t) : va_arg(args, int32_t));
            break;
        case 'u':
            put_number(wide ? va_arg(args, uint64_t) : va_arg(args, uint32_t), 10);
            break;
        case 'x':
            put_number(wide ? va_arg(args, uint64_t) : va_arg(args, uint32_t), 16);
            break;
        default:
            put(*format);
            break;
        }
    }
}

void print(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    lock_take(&console_lock);
    vprint(format, args);
    lock_release(&console_lock);
    va_end(args);
}

void print_text(const char *text, uint64_t bytes)
{
    lock_take(&console_lock);
    for (uint64_t i = 0; i < bytes; i++)
        put(text[i]);
    lock_release(&console_lock);
}

/* Without the lock: its holder may be what is broken. */
noreturn void check_failed(const char *file, int line, const char *condition) NO_LOCK_ANALYSIS
{
    put_string("\nkernel: CHECK failed: ");
    put_string(file);
    put(':');
    put_number((uint64_t)line, 10);
    put_string(": ");
    put_string(condition);
    put('\n');
    arch_system_off(false);
}
