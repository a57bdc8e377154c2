/* What musl and start.S need below a test program: output, an end, memory. Nothing else answers. */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>

long keel_syscall(long nr, long a, long b, long c, long d, long e, long f);
void platform_exception(uint64_t esr, uint64_t elr, uint64_t far);

static volatile uint32_t *const uart = (volatile uint32_t *)0x09000000; /* PL011 of QEMU's virt */

static void put(const char *text, size_t length)
{
    while (length--) {
        *uart = (unsigned char)*text++;
    }
}

/* Ends QEMU with a status: semihosting SYS_EXIT_EXTENDED with ADP_Stopped_ApplicationExit. */
static _Noreturn void leave(uint64_t status)
{
    uint64_t block[2] = {0x20026, status};
    register uint64_t x0 __asm__("x0") = 0x20;
    register uint64_t *x1 __asm__("x1") = block;

    for (;;) {
        __asm__ volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
    }
}

static void put_hex(const char *name, uint64_t value)
{
    put(name, 5);
    for (int shift = 60; shift >= 0; shift -= 4) {
        put(&"0123456789abcdef"[value >> shift & 15], 1);
    }
}

void platform_exception(uint64_t esr, uint64_t elr, uint64_t far)
{
    static const char fp[] = "\nBail out! an FP/SIMD instruction was executed";
    static const char other[] = "\nBail out! exception";

    if (esr >> 26 == 7) {
        put(fp, sizeof(fp) - 1);
    } else {
        put(other, sizeof(other) - 1);
    }
    put_hex(" esr ", esr);
    put_hex(" elr ", elr);
    put_hex(" far ", far);
    put("\n", 1);
    leave(2);
}

/* Anonymous memory, never given back: the tests are short. */
static long memory_map(size_t length)
{
    static _Alignas(4096) unsigned char pool[4 << 20];
    static size_t used;
    size_t bytes = (length + 4095) & ~(size_t)4095;

    if (bytes < length || bytes > sizeof(pool) - used) {
        return -ENOMEM;
    }
    used += bytes;
    return (long)(uintptr_t)&pool[used - bytes];
}

long keel_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
    (void)a;
    (void)d;
    (void)e;
    (void)f;
    switch (nr) {
    case SYS_writev: {
        const struct iovec *part = (const struct iovec *)(uintptr_t)b;
        long total = 0;

        for (long i = 0; i < c; i++) {
            put(part[i].iov_base, part[i].iov_len);
            total += (long)part[i].iov_len;
        }
        return total;
    }
    case SYS_mmap:
        return memory_map((size_t)b);
    case SYS_munmap:
    case SYS_mprotect:
    case SYS_madvise:
    case SYS_brk:
        return 0;
    case SYS_set_tid_address:
        return 1;
    case SYS_exit:
    case SYS_exit_group:
        leave((uint64_t)a);
    default:
        return -ENOSYS;
    }
}
