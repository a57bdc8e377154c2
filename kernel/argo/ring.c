/* SPDX-License-Identifier: Apache-2.0 */
/* One Argo ring: positions, bytes and pointers. */
#include "argo/ring.h"

uint64_t ring_consumed(const struct ring *ring)
{
    uint64_t put = READ_ONCE(ring->put);

    return put - ring_unread_from(ring, (uint32_t)(put % ring->len));
}

void ring_begin(struct ring *ring)
{
    uint32_t tx;

    ring->header = (struct keel_argo_ring *)(void *)ring->list[0][0];
    tx = READ_ONCE(ring->header->tx_ptr);
    if (tx >= ring->len || tx % KEEL_ARGO_SLOT != 0) {
        ring->tx = 0;
        tx = (ring->len - ring_unread(ring)) % ring->len; /* rx */
    }
    ring->tx = tx;
    ring->put = tx;
    __atomic_store_n(&ring->header->tx_ptr, tx, __ATOMIC_RELEASE);
}

void ring_write(const struct ring *ring, uint32_t offset, const void *from, uint32_t bytes)
{
    uint32_t position = ring->tx + offset, piece;

    for (uint32_t done = 0; done < bytes; done += piece) {
        uint8_t *to = ring_piece(ring, position + done, bytes - done, &piece);

        memcpy(to, (const uint8_t *)from + done, piece);
    }
}

bool ring_wants_signal(const struct ring *ring, uint32_t need)
{
    if (READ_ONCE(ring->header->signals) != KEEL_ARGO_SIGNALS_WHEN_EMPTY)
        return true;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* it sees the message, or this sees its rx_ptr */
    return ring_unread(ring) <= need;
}
