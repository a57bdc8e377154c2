/* SPDX-License-Identifier: Apache-2.0 */
/* Argo's operations by the call `argo`; see argo.h. */
#include <argo/argo.h>

#include <keel/calls.h>
#include <string.h>

/* One call has four shapes: the pointers are what each operation takes there. */
static int operation(uint64_t op, const void *arg1, const void *arg2, uint64_t arg3, uint64_t arg4)
{
    return (int)keel_argo(op, arg1, arg2, arg3, arg4);
}

int argo_ring_resume(struct argo_ring *ring, uint32_t port, uint16_t partner, void *memory,
                     uint32_t len)
{
    struct keel_argo_ring *shared = memory;
    uint64_t frames[KEEL_ARGO_PAGES(ARGO_RING_BYTES_MAX)];
    if (len < KEEL_ARGO_RING_MIN || len > ARGO_RING_BYTES_MAX || len % KEEL_ARGO_SLOT != 0 ||
        (uintptr_t)memory % KEEL_PAGE_SIZE != 0)
        return -KEEL_EINVAL;
    uint32_t pages = KEEL_ARGO_PAGES(len);
    for (uint32_t i = 0; i < pages; i++)
        frames[i] = ((uintptr_t)memory >> KEEL_PAGE_SHIFT) + i;
    if (shared->rx_ptr >= len || shared->rx_ptr % KEEL_ARGO_SLOT != 0 || shared->tx_ptr >= len ||
        shared->tx_ptr % KEEL_ARGO_SLOT != 0)
        memset(memory, 0, sizeof(struct keel_argo_ring));
    *ring = (struct argo_ring){
        .shared = memory, .len = len, .rx = shared->rx_ptr, .port = port, .partner = partner};
    struct keel_argo_register_ring request = {.aport = port, .partner_id = partner, .len = len};
    return operation(KEEL_ARGO_REGISTER_RING, &request, frames, pages, 0);
}

int argo_ring_register(struct argo_ring *ring, uint32_t port, uint16_t partner, void *memory,
                       uint32_t len)
{
    memset(memory, 0, sizeof(struct keel_argo_ring));
    return argo_ring_resume(ring, port, partner, memory, len);
}

int argo_ring_unregister(struct argo_ring *ring)
{
    struct keel_argo_unregister_ring request = {.aport = ring->port, .partner_id = ring->partner};
    return operation(KEEL_ARGO_UNREGISTER_RING, &request, NULL, 0, 0);
}

int argo_sendv(uint32_t port, struct keel_argo_addr to, uint32_t type,
               const struct keel_argo_iov *pieces, size_t n)
{
    struct keel_argo_send_addr address = {
        .src = {.aport = port, .domain_id = KEEL_DOMAIN_ANY},
        .dst = to,
    };
    return operation(KEEL_ARGO_SENDV, &address, pieces, n, type);
}

/* The kernel only reads what these have on their stacks, so there is nothing for a guard to find. */
#define NO_GUARD __attribute__((no_stack_protector))

NO_GUARD int argo_send(uint32_t port, struct keel_argo_addr to, uint32_t type, const void *bytes, size_t n)
{
    if (n > KEEL_ARGO_MESSAGE_MAX(KEEL_ARGO_RING_MAX))
        return -KEEL_EMSGSIZE;
    struct keel_argo_iov piece = {.iov_hnd = (uintptr_t)bytes, .iov_len = (uint32_t)n};
    return argo_sendv(port, to, type, &piece, 1);
}

NO_GUARD int argo_send_to(const struct keel_connection *connection, uint32_t port, uint32_t type,
                 const void *bytes, size_t n)
{
    if ((connection->rights & KEEL_RIGHT_SEND) == 0)
        return -KEEL_EACCES;
    struct keel_argo_addr to = {.aport = connection->port, .domain_id = connection->domain};
    return argo_send(port, to, type, bytes, n);
}

int argo_sendv_to(const struct keel_connection *connection, uint32_t port, uint32_t type,
                  const struct keel_argo_iov *pieces, size_t n)
{
    if ((connection->rights & KEEL_RIGHT_SEND) == 0)
        return -KEEL_EACCES;
    struct keel_argo_addr to = {.aport = connection->port, .domain_id = connection->domain};
    return argo_sendv(port, to, type, pieces, n);
}

void argo_notify(void)
{
    (void)operation(KEEL_ARGO_NOTIFY, NULL, NULL, 0, 0);
}

int argo_ask(struct argo_question *question)
{
    return operation(KEEL_ARGO_NOTIFY, question, NULL, 0, 0);
}

int argo_notify_space(struct keel_argo_addr to, uint32_t bytes, uint16_t *flags)
{
    struct argo_question question = {.nent = 1,
                                     .ent[0] = {.ring = to, .space_required = bytes}};
    int status = argo_ask(&question);
    *flags = question.ent[0].flags;
    return status;
}
