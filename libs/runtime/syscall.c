/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is below musl: the Linux calls that a C library in one thread without files needs, answered
 * from the kernel's calls. Everything else is ENOSYS, and musl and its callers cope with that.
 */
#include <argo/argo.h>
#include <errno.h>
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/events.h>
#include <runtime/heap.h>
#include <runtime/stdio.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

long keel_syscall(long nr, long a, long b, long c, long d, long e, long f);

#define SIGNAL_STATUS \
    128 /* exit status of a service that ended itself by a signal: this + signal */

static _Noreturn void leave(uint64_t status)
{
    stdio_end();
    for (;;)
        keel_exit(status);
}

static long write_pieces(int fd, const struct iovec *pieces, int n)
{
    long total = 0;
    if (fd != 1 && fd != 2)
        return -EBADF;
    for (int i = 0; i < n; i++) {
        stdio_write(pieces[i].iov_base, pieces[i].iov_len);
        total += (long)pieces[i].iov_len;
    }
    return total;
}

/* Fills only one piece: a short read, which every caller has to expect. */
static long read_pieces(int fd, const struct iovec *pieces, int n)
{
    if (fd != 0)
        return -EBADF;
    for (int i = 0; i < n; i++)
        if (pieces[i].iov_len != 0)
            return stdio_read(pieces[i].iov_base, pieces[i].iov_len);
    return 0;
}

/* Output is made to look like a terminal of unknown size: then musl sends it line by line. */
static long control(int fd, unsigned long request, void *argument)
{
    if (fd < 0 || fd > 2)
        return -EBADF;
    if (fd == 0 || request != TIOCGWINSZ)
        return -ENOTTY;
    *(struct winsize *)argument = (struct winsize){0};
    return 0;
}

/* There is one clock: the counter, which began when the machine did. */
static long clock_read(struct timespec *time, uint64_t ns)
{
    *time = (struct timespec){.tv_sec = (time_t)(ns / CLOCK_NS_PER_S),
                              .tv_nsec = (long)(ns % CLOCK_NS_PER_S)};
    return 0;
}

/* ns: of the clock above. Events that come meanwhile are kept for whoever waits for them. */
static long sleep_until(uint64_t ns)
{
    uint64_t deadline = clock_ticks(ns) + 1;
    while (keel_counter() < deadline)
        events_wait_for(0, deadline);
    return 0;
}

static long sleep_call(int absolute, const struct timespec *time)
{
    if (time->tv_nsec < 0 || (uint64_t)time->tv_nsec >= CLOCK_NS_PER_S || time->tv_sec < 0)
        return -EINVAL;
    uint64_t ns = (uint64_t)time->tv_sec * CLOCK_NS_PER_S + (uint64_t)time->tv_nsec;
    return sleep_until(absolute ? ns : clock_ns(keel_counter()) + ns);
}

long keel_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
    (void)e;
    (void)f;
    switch (nr) {
    case SYS_mmap:
        return heap_map((size_t)b, (int)c, (int)d);
    case SYS_munmap:
        return heap_unmap((void *)a, (size_t)b);
    case SYS_mprotect:
        return heap_protect((void *)a, (size_t)b, (int)c);
    case SYS_madvise:
        return heap_advise((void *)a, (size_t)b, (int)c);
    case SYS_brk:
        return 0; /* there is none: malloc uses mmap */

    case SYS_writev:
        return write_pieces((int)a, (const struct iovec *)b, (int)c);
    case SYS_write:
        return write_pieces((int)a, &(struct iovec){(void *)b, (size_t)c}, 1);
    case SYS_readv:
        return read_pieces((int)a, (const struct iovec *)b, (int)c);
    case SYS_read:
        return read_pieces((int)a, &(struct iovec){(void *)b, (size_t)c}, 1);
    case SYS_ioctl:
        return control((int)a, (unsigned long)b, (void *)c);
    case SYS_close:
        return a >= 0 && a <= 2 ? 0 : -EBADF;
    case SYS_lseek:
        return a >= 0 && a <= 2 ? -ESPIPE : -EBADF;

    case SYS_clock_gettime:
        return clock_read((struct timespec *)b, clock_ns(keel_counter()));
    case SYS_clock_getres:
        return b == 0 ? 0 : clock_read((struct timespec *)b, clock_ns(1) + 1);
    case SYS_nanosleep:
        return sleep_call(0, (const struct timespec *)a);
    case SYS_clock_nanosleep:
        return sleep_call((b & TIMER_ABSTIME) != 0, (const struct timespec *)c);
    case SYS_sched_yield:
        return (long)keel_yield();

    case SYS_set_tid_address:
    case SYS_gettid:
    case SYS_getpid:
        return 1;
    case SYS_rt_sigaction: /* nobody sends signals; what raises one ends the service */
    case SYS_rt_sigprocmask:
        return 0;
    case SYS_kill:
    case SYS_tkill:
        leave(SIGNAL_STATUS + (uint64_t)b);
    case SYS_tgkill:
        leave(SIGNAL_STATUS + (uint64_t)c);
    case SYS_exit:
    case SYS_exit_group:
        leave((uint64_t)a);

    default: /* getrandom too: there is no source of entropy, and none is made up */
        return -ENOSYS;
    }
}
