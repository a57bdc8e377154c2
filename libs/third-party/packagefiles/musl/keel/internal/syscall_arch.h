/*
 * musl's system-call layer for Keel, in place of arch/ARCH/syscall_arch.h: there is no Linux below
 * a service, so every call goes to one function of the runtime, which answers what it knows and
 * returns -ENOSYS for the rest. Functions, not macros: internal/syscall.h redefines the names.
 */

#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)

/* Number and arguments are those of Linux on this architecture; the result is a value or -errno. */
long keel_syscall(long nr, long a, long b, long c, long d, long e, long f);

static inline long __syscall0(long n)
{
	return keel_syscall(n, 0, 0, 0, 0, 0, 0);
}

static inline long __syscall1(long n, long a)
{
	return keel_syscall(n, a, 0, 0, 0, 0, 0);
}

static inline long __syscall2(long n, long a, long b)
{
	return keel_syscall(n, a, b, 0, 0, 0, 0);
}

static inline long __syscall3(long n, long a, long b, long c)
{
	return keel_syscall(n, a, b, c, 0, 0, 0);
}

static inline long __syscall4(long n, long a, long b, long c, long d)
{
	return keel_syscall(n, a, b, c, d, 0, 0);
}

static inline long __syscall5(long n, long a, long b, long c, long d, long e)
{
	return keel_syscall(n, a, b, c, d, e, 0);
}

static inline long __syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	return keel_syscall(n, a, b, c, d, e, f);
}

#define IPC_64 0
