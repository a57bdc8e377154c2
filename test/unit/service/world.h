/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel and the peers, for unit tests of what services stand on: rings, messages, time, lives.
 * A test says what becomes of a send, puts messages into rings, and looks at what was sent.
 */
#ifndef TEST_UNIT_SERVICE_WORLD_H
#define TEST_UNIT_SERVICE_WORLD_H

#include <keel/argo.h>
#include <keel/event.h>
#include <keel/start.h>
#include <stdbool.h>

#define WORLD_SELF      3u /* this service's domain, */
#define WORLD_LIFE      7u /* and its incarnation */
#define WORLD_SENT_MAX  64u
#define WORLD_BYTES_MAX 4096u

struct world_message {
    struct keel_argo_addr from, to;
    uint32_t type, bytes;
    uint8_t payload[WORLD_BYTES_MAX];
};

struct world {
    uint64_t now; /* a tick is a millisecond */
    /* Of a send: a negated error, or 0: it is kept in sent[]. */
    int send_status;
    unsigned sends; /* tried */
    struct world_message sent[WORLD_SENT_MAX];
    unsigned nsent;
    int (*on_send)(const struct world_message *message); /* instead of the two above */
    void (*on_wait)(void);                               /* what happens while the service waits */
    unsigned calls;                                      /* of the kernel, so far */
    void (*on_call)(void);                               /* before and behind each */
    uint64_t events;                                     /* for the next wait */
    struct keel_life life[KEEL_DOMAINS_MAX];             /* by domain, as domain_info says it */
    struct keel_connection connection[8];
    unsigned nconnections;
    /* What Argo answers about rings that connections lead to, and their owners. */
    bool there[8];
    uint16_t owner[KEEL_DOMAINS_MAX];
    unsigned asks; /* questions so far */
};
extern struct world world;

/* A connection of this service's; `index` is its edge. */
const struct keel_connection *world_connect(const char *name, uint16_t domain, uint32_t port,
                                            uint32_t rights, uint32_t incarnation);

/* A message into own ring of `port`. False: there is no such ring, or it has no room. */
bool world_deliver(uint32_t port, uint16_t domain, uint32_t from, uint32_t type,
                   const void *payload, uint32_t bytes);

/* The ring of `port` for that partner; NULL: none was registered. */
struct keel_argo_ring *world_ring(uint32_t port, uint16_t partner, uint32_t *len);

/* A message of the kernel's about a life. */
void world_tell(uint32_t edge, uint32_t incarnation, uint32_t state);

/* The service's loop goes round: with the events that there are, as often as there are any. */
void world_run(void);

/* Time passes; timers run when they are due. */
void world_pass(uint64_t ms);

#endif
