/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver's view of its Argo ring: finds, reads and consumes messages. No calls, so that it also
 * runs in tests. The kernel writes the headers, senders the payloads: a payload is believed by
 * nobody, and a header that makes no sense empties the ring instead of being followed.
 */
#ifndef ARGO_RING_H
#define ARGO_RING_H

#include <keel/argo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct argo_ring {
    struct keel_argo_ring *shared; /* page-aligned */
    uint32_t len;                  /* of shared->ring */
    uint32_t rx;                   /* what shared->rx_ptr was last set to */
    uint32_t port;
    uint16_t partner;
    uint64_t corrupt; /* how often the ring had to be emptied */
};

/* A message that is still in its ring: valid until it is consumed. */
struct argo_message {
    const struct argo_ring *ring;
    struct keel_argo_addr source; /* domain: said by the kernel; port: checked by it */
    uint32_t type;
    uint32_t bytes; /* of payload */
    uint32_t start; /* of the payload, in ring->shared->ring */
};

/* Copies `bytes` of the payload from `offset`; false, and nothing copied, if it is shorter. */
bool argo_message_read(const struct argo_message *message, uint32_t offset, void *to, size_t bytes);

/* Reads a payload that is exactly one structure: if (!argo_message_take(m, &request)) ... */
#define argo_message_take(message, to) \
    ((message)->bytes == sizeof(*(to)) && argo_message_read(message, 0, to, sizeof(*(to))))

void argo_ring_empty(struct argo_ring *ring, uint32_t tx);

static inline uint32_t argo_slots(uint32_t bytes)
{
    return (bytes + (KEEL_ARGO_SLOT - 1)) & ~(KEEL_ARGO_SLOT - 1);
}

/* The oldest message, if there is one. */
static inline bool argo_ring_next(struct argo_ring *ring, struct argo_message *message)
{
    uint32_t tx = __atomic_load_n(&ring->shared->tx_ptr, __ATOMIC_SEQ_CST); /* keel_argo_signals */
    uint32_t rx = ring->rx;
    if (tx == rx)
        return false;
    const struct keel_argo_message_header *header =
        (const struct keel_argo_message_header *)(const void *)&ring->shared->ring[rx];
    uint32_t len = header->len;
    uint32_t ready = tx > rx ? tx - rx : ring->len - rx + tx;
    if (tx >= ring->len || tx % KEEL_ARGO_SLOT != 0 || len < sizeof(*header) || len > ready) {
        argo_ring_empty(ring, tx);
        return false;
    }
    uint32_t start = rx + (uint32_t)sizeof(*header);
    message->ring = ring;
    message->source = header->source;
    message->type = header->message_type;
    message->bytes = len - (uint32_t)sizeof(*header);
    message->start = start == ring->len ? 0 : start;
    return true;
}

/* The payload where it lies, or NULL if it is shorter or wraps. */
static inline const void *argo_message_view(const struct argo_message *message, uint32_t bytes)
{
    if (message->bytes < bytes || message->start + bytes > message->ring->len)
        return NULL;
    return &message->ring->shared->ring[message->start];
}

/* Frees the slots of the message that argo_ring_next gave. */
static inline void argo_ring_consume(struct argo_ring *ring, const struct argo_message *message)
{
    uint32_t next = message->start + argo_slots(message->bytes);
    if (next >= ring->len)
        next -= ring->len;
    ring->rx = next;
    __atomic_store_n(&ring->shared->rx_ptr, next, __ATOMIC_SEQ_CST);
}

#endif
