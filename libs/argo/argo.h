/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo's operations for services: own rings, sending, and telling the kernel what was consumed.
 * Nothing here waits. Results: 0 or a value, or a negated error of enum keel_error.
 */
#ifndef ARGO_ARGO_H
#define ARGO_ARGO_H

#include <argo/ring.h>
#include <keel/start.h>
#include <must_check.h>

#define ARGO_RING_BYTES_MAX 0x100000u

/* The ring length that fills `pages` pages with the header. */
#define ARGO_RING_LEN(pages) ((uint32_t)((pages)*KEEL_PAGE_SIZE - sizeof(struct keel_argo_ring)))

/*
 * Registers own memory as the ring of `port` for messages from `partner` (KEEL_DOMAIN_ANY: from
 * all). memory: page-aligned, KEEL_ARGO_PAGES(len) pages, used by nothing else from now on.
 */
must_check int argo_ring_register(struct argo_ring *ring, uint32_t port, uint16_t partner,
                                  void *memory, uint32_t len);
/* The same with memory that was such a ring in a former life: what is unread in it stays, if its
 * pointers make sense. */
must_check int argo_ring_resume(struct argo_ring *ring, uint32_t port, uint16_t partner,
                                void *memory, uint32_t len);
must_check int argo_ring_unregister(struct argo_ring *ring);

/*
 * Sends one message from own `port`. EAGAIN: no space now; KEEL_EVENT_ARGO will come when there is.
 * EBUSY: no space, and too many wait already: try again later. ECONNREFUSED: nobody has that ring.
 */
must_check int argo_send(uint32_t port, struct keel_argo_addr to, uint32_t type, const void *bytes,
                         size_t n);

/* The same from n pieces, n <= KEEL_ARGO_IOVS_MAX. */
must_check int argo_sendv(uint32_t port, struct keel_argo_addr to, uint32_t type,
                          const struct keel_argo_iov *pieces, size_t n);

/* To the peer and port of a connection with KEEL_RIGHT_SEND. */
must_check int argo_send_to(const struct keel_connection *connection, uint32_t port, uint32_t type,
                            const void *bytes, size_t n);
must_check int argo_sendv_to(const struct keel_connection *connection, uint32_t port, uint32_t type,
                             const struct keel_argo_iov *pieces, size_t n);

/* Wakes the senders that wait for space in own rings: call it after consuming. */
void argo_notify(void);

/* Asks about rings of others, nent of them (keel/argo.h): KEEL_EVENT_ARGO will come when one of
 * these domains' rings comes or goes, or when there is the space that was asked for. ARGO_ASK_EXISTENCE
 * as the space: not to be told of that. */
#define ARGO_ASK_MAX       16u
#define ARGO_ASK_EXISTENCE UINT32_MAX
struct argo_question { /* struct keel_argo_ring_data, with room */
    uint32_t nent, pad;
    struct keel_argo_ring_data_ent ent[ARGO_ASK_MAX];
};
KEEL_ABI_OFFSET(struct argo_question, ent, sizeof(struct keel_argo_ring_data));
must_check int argo_ask(struct argo_question *question);

/* Asks about the ring of `to`: KEEL_EVENT_ARGO will come when it has `bytes` free. flags: the
 * answer. */
must_check int argo_notify_space(struct keel_argo_addr to, uint32_t bytes, uint16_t *flags);

#endif
