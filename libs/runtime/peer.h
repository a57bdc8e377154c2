/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lives of peers. A connection (start.h) leads to the same domain in all its lives; calls name
 * the life that they mean. Which one it is, this service knows from its start block, and learns
 * from the kernel: of domains that it watches, from what it is told of them; of others, from what Argo
 * says of the rings that it sends to: each has its owner's life. Who has none of these left has died, as
 * far as can be known.
 */
#ifndef RUNTIME_PEER_H
#define RUNTIME_PEER_H

#include <runtime/start.h>
#include <stdbool.h>

/* The life of a domain that is known last; 0: none yet. */
uint32_t peer_incarnation(uint16_t domain);

/*
 * Asks the kernel, after a call has returned -KEEL_ESTALE. 1: there is a new life, and
 * keel_connection_peer names it from now on. 0: it is still the one that is known. -KEEL_EACCES:
 * this service may not know: it may neither WATCH it nor SEND by this connection.
 */
int peer_refresh(const struct keel_connection *connection);

/* Called by the loop when a life has begun or ended, for each once. Storage of the caller, that
 * stays. */
enum peer_change { PEER_DIED, PEER_RUNS };
typedef void peer_handler(void *context, uint16_t domain, enum peer_change change,
                          uint32_t incarnation);
struct peer_watch {
    peer_handler *handler;
    void *context;
    struct peer_watch *next;
};
void peer_watch(struct peer_watch *watch);

/*
 * A ring of a peer, that of a connection to send by: from now on the peer's life is learnt from it,
 * too, and `changed` is called by the loop when it has come or gone (NULL: not). It is looked at
 * when the kernel says that there was a change somewhere, at most every PEER_ASK_MS. Storage of
 * the caller, that stays. It is asked for at once, so that who watches may be told of what has become
 * known by that.
 */
#define PEER_ASK_MS 5u
typedef void peer_ring_handler(void *context, bool there);
struct peer_ring {
    const struct keel_connection *to;
    peer_ring_handler *changed;
    void *context;
    /* ---- */
    bool there, known; /* the answer, and what was made of the one before */
    uint16_t life;     /* of its owner: the lower half; */
    bool answered;     /* if there was an answer */
    struct peer_ring *next;
};
void peer_follow(struct peer_ring *ring);

/* The same of any ring of that domain that this service may send to, for its owner's life alone. */
void peer_follow_domain(struct peer_ring *ring, uint16_t domain);

#endif
