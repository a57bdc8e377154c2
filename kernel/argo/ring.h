/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Argo ring in its receiver's memory: Xen's layout over a list of pages that are contiguous for
 * the receiver only. Pure code: no locks, no rights, no waiting; argo.c has them. What it reads
 * from the ring (rx_ptr) is hostile; it reads it once and any value is safe.
 *
 * Positions are offsets into ring[], a multiple of 16 below `len`. Writing a message is ring_write
 * at offsets behind tx, as often as needed and again from the start at will; then ring_publish.
 */
#ifndef KERNEL_ARGO_RING_H
#define KERNEL_ARGO_RING_H

#include "base.h"
#include <keel/argo.h>

#define RING_LIST  512u /* pages in one list */
#define RING_LISTS ((KEEL_ARGO_PAGES(KEEL_ARGO_RING_MAX) + RING_LIST - 1) / RING_LIST)

struct ring {
    uint32_t len;                  /* bytes of ring[] */
    uint32_t tx;                   /* private: tx_ptr is only ever written */
    struct keel_argo_ring *header; /* begin of page 0 */
    uint64_t put;                  /* tx at the start plus all bytes ever published; atomic */
    uint8_t **list[RING_LISTS];    /* page n is list[n / RING_LIST][n % RING_LIST] */
    bool flat;                     /* for the kernel, too, they are contiguous */
};

/* Bytes of a message in the ring, header and padding included. payload <= KEEL_ARGO_RING_MAX */
static inline uint32_t ring_need(uint32_t payload)
{
    return (uint32_t)sizeof(struct keel_argo_message_header) +
           ((payload + KEEL_ARGO_SLOT - 1) & ~(KEEL_ARGO_SLOT - 1));
}

static inline uint8_t *ring_at(const struct ring *ring, uint32_t position)
{
    uint32_t byte = position + (uint32_t)sizeof(struct keel_argo_ring);
    uint32_t page = byte / (uint32_t)KEEL_PAGE_SIZE;

    if (likely(ring->flat))
        return (uint8_t *)ring->header + byte;

    uint8_t *at = ring->list[page / RING_LIST][page % RING_LIST] + byte % KEEL_PAGE_SIZE;

    __asm__("" : "+r"(at)); /* one register: not in two parts, to be added again */
    return at;
}

/* Whether the place of a message at tx, which begins `at`, is in one piece. */
static inline bool ring_is_whole(const struct ring *ring, const uint8_t *at, uint32_t need)
{
    return need <= ring->len - ring->tx &&
           (likely(ring->flat) || need <= KEEL_PAGE_SIZE - (uintptr_t)at % KEEL_PAGE_SIZE);
}

/* From a position below 2 * len on, what lies side by side: where, and how much of `most`. */
static inline uint8_t *ring_piece(const struct ring *ring, uint32_t position, uint32_t most,
                                  uint32_t *bytes)
{
    uint32_t from = position < ring->len ? position : position - ring->len;
    uint8_t *at = ring_at(ring, from);

    *bytes = (uint32_t)min(most, ring->len - from);
    if (unlikely(!ring->flat))
        *bytes = (uint32_t)min(*bytes, KEEL_PAGE_SIZE - (uintptr_t)at % KEEL_PAGE_SIZE);
    return at;
}

/* Bytes between a valid tx and what rx_ptr says now: a multiple of 16 below len. */
static inline uint32_t ring_unread_from(const struct ring *ring, uint32_t tx)
{
    uint32_t rx = __atomic_load_n(&ring->header->rx_ptr, __ATOMIC_ACQUIRE);

    rx = (rx + KEEL_ARGO_SLOT - 1) & ~(KEEL_ARGO_SLOT - 1);
    if (unlikely(rx >= ring->len))
        rx = 0;
    return tx - rx + (tx < rx ? ring->len : 0);
}

static inline uint32_t ring_unread(const struct ring *ring)
{
    return ring_unread_from(ring, ring->tx);
}

/* Bytes free for messages: one slot is never used, as rx == tx means empty. */
static inline uint32_t ring_space(const struct ring *ring, uint32_t unread)
{
    return ring->len - KEEL_ARGO_SLOT - unread;
}

/* Bytes ever consumed; grows if the receiver is honest. Also without the lock that guards the ring.
 */
uint64_t ring_consumed(const struct ring *ring);

/* Once len and list are set: takes over what the ring's header says, if it makes sense. */
void ring_begin(struct ring *ring);

/* Writes bytes at tx + offset; offset + bytes <= ring_space. */
void ring_write(const struct ring *ring, uint32_t offset, const void *from, uint32_t bytes);

/* Writes the header, which belongs `at` the place of tx, and shows the message, of which `payload`
 * bytes are behind it already. */
static inline void ring_publish(struct ring *ring, uint8_t *at, const struct keel_argo_addr *source,
                                uint32_t message_type, uint32_t payload)
{
    const struct keel_argo_message_header header = {
        .len = payload + (uint32_t)sizeof(header),
        .source = *source,
        .message_type = message_type,
    };
    uint32_t need = ring_need(payload);
    uint32_t tx = ring->tx + need;

    if (tx >= ring->len)
        tx -= ring->len;
    ring->tx = tx;
    WRITE_ONCE(ring->put, ring->put + need);
    __builtin_memcpy(at, &header, sizeof(header));
    /* Argo.md A10.1: everything of the message is before this store for whoever reads tx_ptr. */
    __atomic_store_n(&ring->header->tx_ptr, tx, __ATOMIC_RELEASE);
}

/* Whether the receiver wants a signal for the message of `need` bytes that was the last to be
 * published, into a ring that was not empty. */
bool ring_wants_signal(const struct ring *ring, uint32_t need);

#endif
