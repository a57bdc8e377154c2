/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fair spin lock (ticket), and the annotations with which clang checks its use.
 *
 * Lock order, outermost first. Whoever holds a lock takes only locks further down:
 *   authority (kernel/cpu/authority.c)   the edges, until the seal
 *   domain.lock                          its life; builds, stops, destruction
 *   vcpus (kernel/cpu/domain.c)          which virtual CPUs are in use
 *   space.lock                           its memory; of two, the lower domain id first
 *   argo_domain.lock[]                   its rings, by port
 *   argo_ring.lock                       one ring
 *   vgic_bank.lock                       32 virtual interrupts; never two of these at once
 *   cpu.lock                             one CPU's slots and timers
 *   bucket.lock, frame, VMID and console locks   leaves: nothing is taken under them
 *
 * Those as far as space.lock are the outer locks: no interrupt handler takes them. They can be held for long, so
 * whoever waits for one (lock_take_outer) lets interrupts in, and so may its holder (cpu_window).
 * With any other lock held, nobody does.
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include "arch/relax.h"
#include "base.h"

#if defined(__clang__)
#define THREAD_ANNOTATION(x) __attribute__((x))
#else
#define THREAD_ANNOTATION(x)
#endif
#define CAPABILITY(x) THREAD_ANNOTATION(capability(x))
/* In C, clang before 19 can't resolve the members that fields are guarded by; newer ones can with
 * -fexperimental-late-parse-attributes -DLOCK_GUARDS. */
#if defined(LOCK_GUARDS)
#define GUARDED_BY(x) THREAD_ANNOTATION(guarded_by(x))
#else
#define GUARDED_BY(x)
#endif
#define REQUIRES(...) THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define ACQUIRES(...) THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASES(...) THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define TRY_ACQUIRES(...) THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define NO_LOCK_ANALYSIS THREAD_ANNOTATION(no_thread_safety_analysis)

struct CAPABILITY("lock") lock {
    union {
        struct { uint16_t owner, next; }; /* tickets: that holds the lock; that is drawn next */
        uint32_t both;
    };
};

#define LOCK_TICKET (1u << 16)

static inline void lock_take(struct lock *lock) ACQUIRES(lock) NO_LOCK_ANALYSIS
{
    uint32_t both = __atomic_fetch_add(&lock->both, LOCK_TICKET, __ATOMIC_ACQUIRE);

    while (unlikely((uint16_t)both != both >> 16)) {
        cpu_relax();
        both = (both & ~0xffffu) | __atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE);
    }
}

static inline void lock_take_outer(struct lock *lock) ACQUIRES(lock) NO_LOCK_ANALYSIS
{
    uint32_t both = __atomic_fetch_add(&lock->both, LOCK_TICKET, __ATOMIC_ACQUIRE);

    while (unlikely((uint16_t)both != both >> 16)) {
        cpu_window();
        cpu_relax();
        both = (both & ~0xffffu) | __atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE);
    }
}

static inline bool lock_try(struct lock *lock) TRY_ACQUIRES(true, lock) NO_LOCK_ANALYSIS
{
    uint32_t both = READ_ONCE(lock->both);
    uint32_t expected = both << 16 | both >> 16; /* the same, if nobody has it; else it never is that */

    return __atomic_compare_exchange_n(&lock->both, &expected, expected + LOCK_TICKET, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void lock_release(struct lock *lock) RELEASES(lock) NO_LOCK_ANALYSIS
{
    uint32_t both = READ_ONCE(lock->both);

    __atomic_store_n(&lock->owner, (uint16_t)(both + 1), __ATOMIC_RELEASE);
}

#endif
