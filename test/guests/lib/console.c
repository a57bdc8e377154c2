/* SPDX-License-Identifier: Apache-2.0 */
/* Printing through the PL011, and the end of a test. */
#include "guest.h"

static void put(char c)
{
    while (mmio_read(UART_FR) & (1u << 5)) { /* TXFF */
    }
    mmio_write(UART, (uint8_t)c);
}

static void put_number(uint64_t value, unsigned base)
{
    char digits[20];
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (n > 0) {
        put(digits[--n]);
    }
}

static void put_string(const char *text)
{
    while (*text) {
        put(*text++);
    }
}

static void put_format(const char *format, va_list arguments)
{
    for (; *format; format++) {
        if (*format == '\n') {
            put('\r');
        }
        if (*format != '%') {
            put(*format);
            continue;
        }
        bool wide = *++format == 'l';
        format += wide;
        switch (*format) {
        case 's':
            put_string(va_arg(arguments, const char *));
            break;
        case 'c':
            put((char)va_arg(arguments, int));
            break;
        case 'u':
        case 'x':
            put_number(wide ? va_arg(arguments, uint64_t) : va_arg(arguments, uint32_t),
                       *format == 'u' ? 10 : 16);
            break;
        default:
            put(*format);
            break;
        }
    }
}

void print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put_format(format, arguments);
    va_end(arguments);
}

void say_list(const char *format, va_list arguments)
{
    print("%s: ", guest_name);
    put_format(format, arguments);
    print("\n");
}

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_list(format, arguments);
    va_end(arguments);
}

void expect(bool condition, const char *format, ...)
{
    va_list arguments;

    if (condition) {
        return;
    }
    irq_disable();
    print("%s: failed: ", guest_name);
    va_start(arguments, format);
    put_format(format, arguments);
    va_end(arguments);
    print("\n");
    guest_off();
}

_Noreturn void passed(void)
{
    say("passed");
    guest_off();
}
