/* SPDX-License-Identifier: Apache-2.0 */
/* Reads payloads out of a ring; see ring.h. */
#include <argo/ring.h>

#include <string.h>

bool argo_message_read(const struct argo_message *message, uint32_t offset, void *to, size_t bytes)
{
    const struct argo_ring *ring = message->ring;
    if (offset > message->bytes || bytes > message->bytes - offset)
        return false;
    if (bytes == 0)
        return true;
    uint32_t from = message->start + offset;
    if (from >= ring->len)
        from -= ring->len;
    size_t first = ring->len - from;
    if (first > bytes)
        first = bytes;
    memcpy(to, &ring->shared->ring[from], first);
    if (first < bytes)
        memcpy((uint8_t *)to + first, ring->shared->ring, bytes - first);
    return true;
}

/* What cannot be parsed is lost, like every loss, visibly: whoever sent it has to ask again. */
void argo_ring_empty(struct argo_ring *ring, uint32_t tx)
{
    ring->corrupt++;
    if (tx >= ring->len || tx % KEEL_ARGO_SLOT != 0)
        return;
    ring->rx = tx;
    __atomic_store_n(&ring->shared->rx_ptr, tx, __ATOMIC_SEQ_CST);
}
