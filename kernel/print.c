/* SPDX-License-Identifier: Apache-2.0 */
/* Text on the kernel's console, and the end of a kernel that found itself broken. */
#include "base.h"

#include "cpu/console.h"
#include "cpu/cpu.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"

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

static void put_string(const char *string) REQUIRES(console_lock)
{
    while (*string)
        put(*string++);
}

static void vprint(const char *format, va_list args) REQUIRES(console_lock)
{
    for (; *format; format++) {
        bool wide;

        if (*format != '%') {
            put(*format);
            continue;
        }
        wide = *++format == 'l';
        format += wide;
        if (*format == 's')
            put_string(va_arg(args, const char *));
        else
            put_number(wide ? va_arg(args, uint64_t) : va_arg(args, uint32_t),
                       *format == 'x' ? 16 : 10);
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

uint64_t print_text(const char *text, uint64_t bytes)
{
    uint64_t i;

    if (!lock_try(&console_lock))
        return 0;
    for (i = 0; i < bytes; i++)
        if ((text[i] == '\n' && !console_try('\r')) || !console_try(text[i]))
            break;
    lock_release(&console_lock);
    return i;
}

void print_broken(const char *format, ...) NO_LOCK_ANALYSIS
{
    va_list args;

    va_start(args, format);
    vprint(format, args);
    va_end(args);
}

noreturn void check_failed(const char *file, int line, const char *condition)
{
    const struct cpu *cpu = cpu_this();
    const struct vcpu *vcpu = cpu->current;
    struct keel_registers registers;

    print_broken("\nkernel: CHECK failed: %s:%u: %s\nkernel: on CPU %u", file, line, condition,
                 cpu->index);
    if (vcpu) {
        arch_registers_read(vcpu, &registers);
        print_broken(", which runs domain %u, vCPU %u, pc %lx", vcpu->domain->id, vcpu->index,
                     registers.pc);
    }
    print_broken("\n");
    arch_system_off(true);
}
