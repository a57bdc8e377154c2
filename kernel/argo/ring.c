/* SPDX-License-Identifier: Apache-2.0 */
/* One Argo ring: positions, bytes and pointers. */
#include "argo/ring.h"

uint64_t ring_consumed(const struct ring *ring)
{
    uint64_t put = __atomic_load_n(&ring->put, __ATOMIC_RELAXED);

    return put - ring_unread_from(ring, (uint32_t)(put % ring->len));
}

void ring_begin(struct ring *ring)
{
    struct keel_argo_ring *header = ring_header(ring);
    uint32_t tx = __atomic_load_n(&header->tx_ptr, __ATOMIC_RELAXED);

    if (tx >= ring->len || tx % KEEL_ARGO_SLOT != 0) {
        ring->tx = 0;
        tx = (ring->len - ring_unread(ring)) % ring->len; /* rx */
    }
    ring->tx = tx;
    ring->put = tx;
    __atomic_store_n(&header->tx_ptr, tx, __ATOMIC_RELEASE);
}

void ring_write(const struct ring *ring, uint32_t offset, const void *from, uint32_t bytes)
{
    uint32_t position = ring->tx + offset;

    while (bytes != 0) {
        if (position >= ring->len)
            position -= ring->len;
        uint8_t *to = ring_at(ring, position);
        uint32_t piece = (uint32_t)(KEEL_PAGE_SIZE - (uintptr_t)to % KEEL_PAGE_SIZE);

        if (piece > ring->len - position)
            piece = ring->len - position;
        if (piece > bytes)
            piece = bytes;
        memcpy(to, from, piece);
        from = (const uint8_t *)from + piece;
        position += piece;
        bytes -= piece;
    }
}

void ring_publish(struct ring *ring, const struct keel_argo_addr *source, uint32_t message_type,
                  uint32_t payload)
{
    const struct keel_argo_message_header header = {
        .len = payload + (uint32_t)sizeof(header),
        .source = *source,
        .message_type = message_type,
    };
    uint32_t need = ring_need(payload);

    __builtin_memcpy(__builtin_assume_aligned(ring_at(ring, ring->tx), KEEL_ARGO_SLOT), &header,
                     sizeof(header));
    ring->tx += need;
    if (ring->tx >= ring->len)
        ring->tx -= ring->len;
    __atomic_store_n(&ring->put, ring->put + need, __ATOMIC_RELAXED);
    /* Argo.md A10.1: everything of the message is before this store for whoever reads tx_ptr. */
    __atomic_store_n(&ring_header(ring)->tx_ptr, ring->tx, __ATOMIC_RELEASE);
}
