/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo: Xen's interdomain messages (hypercall 39), bit for bit. Written from the facts of the ABI:
 * every slot is 16 bytes, a header never wraps, a payload may; rx_ptr == tx_ptr means empty, so one
 * slot always stays free. A guest calls with HVC #0xEA1, x16 = 39, guest virtual addresses; a
 * service with the call `argo`.
 */
#ifndef KEEL_ARGO_H
#define KEEL_ARGO_H

#include <keel/types.h>

#define KEEL_ARGO_HYPERCALL 39
#define KEEL_ARGO_HVC 0xEA1

enum keel_argo_op {
    KEEL_ARGO_REGISTER_RING = 1,
    KEEL_ARGO_UNREGISTER_RING = 2,
    KEEL_ARGO_SENDV = 3,
    KEEL_ARGO_NOTIFY = 4,
};

#define KEEL_ARGO_SLOT 16u
#define KEEL_ARGO_IOVS_MAX 8u
#define KEEL_ARGO_RING_MIN 48u        /* bytes; a multiple of 16 */
#define KEEL_ARGO_RING_MAX 0xFFFFC0u  /* the largest whose pages fit in 4,096, header included */
#define KEEL_ARGO_RINGS_MAX 128u      /* per domain */
#define KEEL_ARGO_NOTIFY_MAX 256u     /* entries of one notify */
#define KEEL_ARGO_WAITERS_MAX 32u     /* per ring */
#define KEEL_ARGO_PAGES(len) (((len) + 64u + 4095u) >> 12)
#define KEEL_ARGO_MESSAGE_MAX(len) ((len) - 32u) /* payload, for a ring of len bytes */

#define KEEL_ARGO_FAIL_EXIST 1u /* register: flag */

struct keel_argo_addr {
    uint32_t aport;
    uint16_t domain_id;
    uint16_t pad; /* 0 */
};
KEEL_ABI_SIZE(struct keel_argo_addr, 8);

struct keel_argo_send_addr {
    struct keel_argo_addr src;
    struct keel_argo_addr dst;
};
KEEL_ABI_SIZE(struct keel_argo_send_addr, 16);

struct keel_argo_iov {
    uint64_t iov_hnd; /* address of the bytes */
    uint32_t iov_len;
    uint32_t pad; /* 0 */
};
KEEL_ABI_SIZE(struct keel_argo_iov, 16);

struct keel_argo_register_ring {
    uint32_t aport;
    uint16_t partner_id;
    uint16_t pad; /* 0 */
    uint32_t len; /* without the 64-byte header */
};
KEEL_ABI_SIZE(struct keel_argo_register_ring, 12);

struct keel_argo_unregister_ring {
    uint32_t aport;
    uint16_t partner_id;
    uint16_t pad; /* 0 */
};
KEEL_ABI_SIZE(struct keel_argo_unregister_ring, 8);

/* Which messages the receiver is signalled for. Keel's own: in Xen these bytes are reserved; any other
 * value is ALWAYS. Who asks for fewer looks at tx_ptr once more after each change of rx_ptr, both
 * sequentially consistent: then no message is overlooked, and however many are sent, there are no more
 * signals than the receiver has found its ring empty. */
enum keel_argo_signals {
    KEEL_ARGO_SIGNALS_ALWAYS = 0,
    KEEL_ARGO_SIGNALS_WHEN_EMPTY = 1, /* for a message when all before it have been received */
};

struct keel_argo_ring {
    uint32_t rx_ptr; /* written by the receiver */
    uint32_t tx_ptr; /* written by the kernel, store-release, after everything before it */
    uint32_t signals; /* written by the receiver: enum keel_argo_signals */
    uint8_t reserved[52];
    uint8_t ring[];
};
KEEL_ABI_SIZE(struct keel_argo_ring, 64);

struct keel_argo_message_header {
    uint32_t len; /* these 16 bytes included */
    struct keel_argo_addr source;
    uint32_t message_type;
};
KEEL_ABI_SIZE(struct keel_argo_message_header, 16);
KEEL_ABI_OFFSET(struct keel_argo_message_header, message_type, 12);

/*
 * A question about another's ring, and its answer. Who asks is told once, as for space (a service: the
 * event ARGO; a guest: its Argo interrupt), when a ring of that domain comes, is replaced or goes,
 * whoever takes it away and however: it asks again. The answers say which ring: EXISTS gone, it has
 * ended; `life` another, its owner has begun again; SUFFICIENT, there is space. Nothing is lost, as
 * being told says "look", and to ask is to be told the next time.
 */
struct keel_argo_ring_data_ent {
    struct keel_argo_addr ring;
    uint16_t flags; /* out: enum keel_argo_notify_flags */
    uint16_t life;  /* out: the low 16 bits of the owner's incarnation (Xen: padding) */
    uint32_t space_required;   /* in */
    uint32_t max_message_size; /* out */
};
KEEL_ABI_SIZE(struct keel_argo_ring_data_ent, 20);

struct keel_argo_ring_data {
    uint32_t nent;
    uint32_t pad;
    struct keel_argo_ring_data_ent ent[];
};
KEEL_ABI_SIZE(struct keel_argo_ring_data, 8);

enum keel_argo_notify_flags {
    KEEL_ARGO_EXISTS = 1,
    KEEL_ARGO_SHARED = 2, /* wildcard ring */
    KEEL_ARGO_EMPTY = 4,
    KEEL_ARGO_SUFFICIENT = 8,
    KEEL_ARGO_NOTIFY_EMSGSIZE = 16,
    KEEL_ARGO_NOTIFY_EBUSY = 32,
};

#endif
