/* SPDX-License-Identifier: Apache-2.0 */
/* Not part of the module: compares its view of the ABI with Keel's own, when the machine that builds compiles this. */
#include "abi.h"
#include <keel/argo.h>

#define SAME(a, b) _Static_assert((a) == (b), #a " is " #b)
#define SAME_AT(ours, our, theirs, their) SAME(__builtin_offsetof(ours, our), offsetof(theirs, their))

SAME(ARGO_HYPERCALL, KEEL_ARGO_HYPERCALL);
SAME(0xea1, KEEL_ARGO_HVC); /* in ring.c's instruction */
SAME((int)ARGO_REGISTER_RING, (int)KEEL_ARGO_REGISTER_RING);
SAME((int)ARGO_UNREGISTER_RING, (int)KEEL_ARGO_UNREGISTER_RING);
SAME((int)ARGO_SENDV, (int)KEEL_ARGO_SENDV);
SAME((int)ARGO_NOTIFY, (int)KEEL_ARGO_NOTIFY);
SAME(ARGO_SLOT, KEEL_ARGO_SLOT);
SAME(ARGO_RINGS_MAX, KEEL_ARGO_RINGS_MAX);

SAME(sizeof(struct argo_addr), sizeof(struct keel_argo_addr));
SAME_AT(struct argo_addr, domain_id, struct keel_argo_addr, domain_id);
SAME(sizeof(struct argo_send_addr), sizeof(struct keel_argo_send_addr));
SAME(sizeof(struct argo_iov), sizeof(struct keel_argo_iov));
SAME_AT(struct argo_iov, iov_len, struct keel_argo_iov, iov_len);
SAME(sizeof(struct argo_register_ring), sizeof(struct keel_argo_register_ring));
SAME_AT(struct argo_register_ring, len, struct keel_argo_register_ring, len);
SAME(sizeof(struct argo_unregister_ring), sizeof(struct keel_argo_unregister_ring));
SAME(sizeof(struct argo_shared_ring), sizeof(struct keel_argo_ring));
SAME_AT(struct argo_shared_ring, tx_ptr, struct keel_argo_ring, tx_ptr);
SAME(sizeof(struct argo_message_header), sizeof(struct keel_argo_message_header));
SAME_AT(struct argo_message_header, source, struct keel_argo_message_header, source);
SAME_AT(struct argo_message_header, message_type, struct keel_argo_message_header, message_type);
SAME(sizeof(struct argo_ring_data), sizeof(struct keel_argo_ring_data));
SAME(sizeof(struct argo_ring_data_ent), sizeof(struct keel_argo_ring_data_ent));
SAME_AT(struct argo_ring_data_ent, flags, struct keel_argo_ring_data_ent, flags);
SAME_AT(struct argo_ring_data_ent, life, struct keel_argo_ring_data_ent, life);
SAME_AT(struct argo_ring_data_ent, space_required, struct keel_argo_ring_data_ent, space_required);

SAME(ARGO_RING_EXISTS, (int)KEEL_ARGO_EXISTS);
SAME(ARGO_RING_SHARED, (int)KEEL_ARGO_SHARED);
SAME(ARGO_RING_EMPTY, (int)KEEL_ARGO_EMPTY);
SAME(ARGO_RING_SUFFICIENT, (int)KEEL_ARGO_SUFFICIENT);
SAME(ARGO_RING_EMSGSIZE, (int)KEEL_ARGO_NOTIFY_EMSGSIZE);
SAME(ARGO_RING_EBUSY, (int)KEEL_ARGO_NOTIFY_EBUSY);
