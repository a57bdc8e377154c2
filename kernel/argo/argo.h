/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo: the kernel copies messages into rings that their receivers registered. ABI: keel/argo.h.
 *
 * A ring's pages are pinned while it is registered, so that the kernel may write to them at any time
 * under the ring's lock alone. rx_ptr is the receiver's and is never trusted; tx_ptr has a private
 * copy. Nothing of a message is visible before the store-release of tx_ptr. kernel-rules.md 3.
 */
#ifndef KERNEL_ARGO_ARGO_H
#define KERNEL_ARGO_ARGO_H

#include "lock.h"
#include <keel/argo.h>

#define ARGO_HASH 16

struct domain;
struct vcpu;
struct argo_ring;

/* Part of struct domain. */
struct argo_domain {
    struct lock lock;
    struct argo_ring *ring[ARGO_HASH] GUARDED_BY(lock); /* own rings, by port and partner */
    uint32_t rings GUARDED_BY(lock);
    struct argo_ring *kernel; /* the ring at KEEL_PORT_KERNEL, partner KEEL_DOMAIN_KERNEL; or NULL */
};

/* An operation for the vCPU that runs on this CPU; addresses are those of its own memory (user: IPA).
 * Returns the value for x0. Large messages are copied in bounded steps: -EINTR_RESTART style
 * restarts are the caller's business: ARGO_AGAIN means "take interrupts, then execute the call
 * again"; the progress is kept in the ring. */
must_check int64_t argo_call(struct vcpu *vcpu, uint64_t op, uint64_t arg1, uint64_t arg2,
                             uint64_t arg3, uint64_t arg4);
#define ARGO_AGAIN INT64_MIN

/* A message from the kernel to the domain's kernel ring; sets KEEL_EVENT_KERNEL. Never waits.
 * -ENOENT: no kernel ring; -EAGAIN: no space. len <= 256. */
must_check int64_t argo_kernel_send(struct domain *to, uint32_t message_type, const void *payload,
                                    uint32_t len);

/* The domain is about to die: its rings are unpinned and gone, its waits forgotten. 0, or -EAGAIN if
 * there is more to do. */
must_check int64_t argo_teardown(struct domain *domain);

#endif
