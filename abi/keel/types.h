/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that every side of every boundary agrees on: limits, identities, errors. */
#ifndef KEEL_TYPES_H
#define KEEL_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* A page, the unit of ownership; a block, the largest unit of mapping. */
#define KEEL_PAGE_SHIFT 12
#define KEEL_PAGE_SIZE (1ul << KEEL_PAGE_SHIFT)
#define KEEL_BLOCK_ORDER 9 /* order: log2 of a number of pages; 0 and 9 are mapped as such */
#define KEEL_BLOCK_SIZE (KEEL_PAGE_SIZE << KEEL_BLOCK_ORDER)

#define KEEL_CPUS_MAX 64
#define KEEL_DOMAINS_MAX 64     /* ids 0..63; id 0 is the builder */
#define KEEL_EDGES_MAX 64       /* per domain; an edge is named by its index */
#define KEEL_VCPUS_MAX 16       /* per domain */
#define KEEL_SPIS_MAX 224       /* virtual SPIs per domain: INTID 32..255 */
#define KEEL_ROUTES_MAX 32      /* exit windows per domain */
#define KEEL_IRQS_MAX 31         /* physical interrupts per domain */

#define KEEL_DOMAIN_BUILDER 0u
#define KEEL_DOMAIN_KERNEL 0x7FF2u /* source address of messages from the kernel */
#define KEEL_DOMAIN_ANY 0x7FF4u    /* Argo: any partner */

/*
 * A peer as calls name it: the caller's edge (bits 0..15) and the incarnation of the domain at its
 * end that the caller means (bits 32..63, from 1). An edge to the caller itself works the same way.
 */
typedef uint64_t keel_peer;
#define KEEL_PEER(edge, incarnation) ((uint64_t)(incarnation) << 32 | (uint64_t)(edge))
#define KEEL_PEER_EDGE(peer) ((uint32_t)(peer) & 0xffffu)
#define KEEL_PEER_INCARNATION(peer) ((uint32_t)((peer) >> 32))

/* Errors, returned negated. The values are Xen's and Linux's. */
enum keel_error {
    KEEL_EPERM = 1,
    KEEL_ENOENT = 2,
    KEEL_ESRCH = 3,
    KEEL_EIO = 5,
    KEEL_EAGAIN = 11,
    KEEL_ENOMEM = 12,
    KEEL_EACCES = 13,
    KEEL_EFAULT = 14,
    KEEL_EBUSY = 16,
    KEEL_EEXIST = 17,
    KEEL_EINVAL = 22,
    KEEL_ENOSPC = 28,
    KEEL_ENOSYS = 38,
    KEEL_EBADMSG = 74,
    KEEL_EMSGSIZE = 90,
    KEEL_EOPNOTSUPP = 95,
    KEEL_ETIMEDOUT = 110,
    KEEL_ECONNREFUSED = 111,
    KEEL_ESTALE = 116,
};

#define KEEL_ABI_SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)
#define KEEL_ABI_OFFSET(type, member, offset)                                                      \
    _Static_assert(offsetof(type, member) == (offset), "offset of " #type "." #member)

#endif
