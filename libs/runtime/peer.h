/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lives of peers. A connection (start.h) leads to the same domain in all its lives; calls name
 * the life that they mean. Which one it is, this service knows from its start block, and learns
 * from the kernel: of domains that it watches at once, else when it asks.
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
 * this service may not know (WATCH).
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

#endif
