/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo: the kernel copies messages into rings that their receivers registered. ABI: keel/argo.h.
 *
 * A ring's pages are pinned while it is registered, so that the kernel may write to them at any
 * time under the ring's lock alone. rx_ptr is the receiver's and is never trusted; tx_ptr has a
 * private copy. Nothing of a message is visible before the store-release of tx_ptr.
 * kernel-rules.md 3.
 *
 * Errors, in the order in which they are looked for (argo.md A6; "-" comes from Keel alone):
 *
 *   all         EINVAL        arg3 or arg4 above 32 bits; an argument that must be 0
 *               EOPNOTSUPP    unknown operation
 *   register    EINVAL        unknown flag; more than 4,096 pages
 *               EFAULT        arg1
 *               EINVAL        pad; length below 48, above KEEL_ARGO_RING_MAX, not in slots; pages
 *                             do not match it
 *               ESRCH         the partner is no domain's id. A partner that does not live now is
 *                             fine: ids outlive their domains, and so do rings for them
 *               EACCES        - no RECEIVE for the port. The kernel's ring needs no right
 *               EEXIST        FAIL_EXIST and it exists; or it exists with another length
 *               ENOSPC        128 rings, and this would be one more
 *               ENOMEM        the domain's pool is too small: a page, and 1 in 512 for long rings
 *               EFAULT        the array of frame numbers
 *               EINVAL        a page that is not own writable RAM, or that has too many pins
 *   unregister  EFAULT, EINVAL (pad), ENOENT
 *   sendv       EFAULT        the addresses
 *               EINVAL        more than 8 buffers
 *               EFAULT        the array of buffers
 *               EINVAL        pad of an address
 *               EPERM         the source is another domain
 *               EACCES        - the source port: neither 0, nor one that the sender has
 *                             RECEIVE for
 *               ESRCH         the destination is no domain's id
 *               EACCES        - no edge to the destination's port. Before anything about its life
 *               ESRCH         the destination does not exist now
 *               ECONNREFUSED  it does not run; no ring for the sender
 *               EINVAL        pad of a buffer; a buffer above 16 MiB - 32
 *               EMSGSIZE      all of them above 16 MiB - 32; above what the ring takes at most
 *               EBUSY         no space, and 32 domains wait already
 *               EAGAIN        no space; the caller waits
 *               EFAULT        a buffer. Nothing was published
 *   notify      EFAULT        arg1
 *               EACCES        more than 256 entries
 *               EFAULT        an entry
 *               EACCES        - an entry for a port without edge: entries before it are filled in
 *
 * ENODEV, ENOSYS (Argo is always there), EPERM and ECONNREFUSED of register (rights are EACCES,
 * every domain has Argo), EAGAIN of register (no paging) can't occur.
 *
 * At most half of a wildcard ring (rounded up to a slot) is one sender's, and no message in it is
 * longer than 64 KiB. What a sender has unread there is counted in two generations: never too
 * little, exact whenever the ring was read to its end.
 */
#ifndef KERNEL_ARGO_ARGO_H
#define KERNEL_ARGO_ARGO_H

#include "lock.h"
#include <keel/argo.h>

#define ARGO_LOCKS 16
#define ARGO_HASH  64 /* a set of them is a word */

struct domain;
struct vcpu;
struct argo_ring;

/* How far an operation has come that is executed again: part of struct vcpu, used by it alone. */
struct argo_step {
    uint64_t arg1;
    uint32_t op;   /* 0: none, and next is 0 */
    uint32_t next; /* notify: chains of rings, then entries done; sendv: 1: a part was copied */
    uint64_t wake; /* domains to be signalled when all locks are released; else empty */
};

/* Part of struct domain. All zero at first. */
struct argo_domain {
    /* By port: who sends to another one need not wait. What follows is under the lock of a ring's port; it is
     * changed with the space's lock held as well. */
    struct lock lock[ARGO_LOCKS];
    struct argo_ring *ring[ARGO_HASH]; /* own rings in service, by port and partner */
    struct argo_ring *kernel;          /* at KEEL_PORT_KERNEL for KEEL_DOMAIN_KERNEL; or NULL */

    uint64_t waiting; /* atomic: bit n: there may be waiters in chain n */
    /* Under the space's lock: */
    struct argo_ring *changing; /* rings that begin or end: nobody else sees them */
    uint32_t rings;             /* all of them */
    uint64_t askers; /* atomic: domains that asked about these rings since one last came or went */
    uint64_t allowed[2]; /* the struct keel_argo_send_addr of a message that was, */
    struct domain *to;   /* and where it went; NULL: none yet */
};

/* The first checks, of the arguments alone: 0, or the error. */
must_check static inline int64_t argo_check(uint64_t op, uint64_t arg3, uint64_t arg4)
{
    if ((arg3 | arg4) >> 32)
        return -KEEL_EINVAL;
    if (likely(op == KEEL_ARGO_SENDV)) {
        __asm__ volatile(""); /* what follows knows it */
        return 0;
    }
    return op - 1 < KEEL_ARGO_NOTIFY ? 0 : -KEEL_EOPNOTSUPP;
}

/* An operation that has passed argo_check: x0 to x4 of the vCPU, which runs on this CPU; addresses are those of
 * its own memory (a service's: IPA). Returns the value for x0; or ARGO_AGAIN: take interrupts, then execute the call again with
 * the same arguments (rewind the PC). Progress is kept here; an operation that is given up costs
 * nobody anything. No argo, space or vCPU lock may be held. */
must_check int64_t argo_call_machine(struct vcpu *vcpu);
must_check int64_t argo_call_service(struct vcpu *vcpu);
#define ARGO_AGAIN INT64_MIN

/* A message from the kernel to the domain's kernel ring. Never waits for the receiver; does not
 * signal: that is the caller's. 0; -ENOENT: no kernel ring; -EAGAIN: no space. len <= 256. */
must_check int64_t argo_kernel_send(struct domain *to, uint32_t message_type, const void *payload,
                                    uint32_t len);

/* The domain is dead and none of its vCPUs runs: a step of taking its rings away. Who waited for
 * space in them is woken. 0: none left; -EAGAIN: there is more to do. The domain's own waits in
 * other rings stay, at most one a ring, and mean nothing: they end in a signal to nobody. */
must_check int64_t argo_teardown(struct domain *domain);

#endif
