/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: a message to a peer, its answer, and a deadline. What was sent is over once, by exactly
 * one of: its answer, its deadline, the death of the peer, or request_cancel.
 *
 *     static struct keel_supervisor_entry entries[KEEL_DOMAINS_MAX];
 *     static void on_list(void *context, int status, uint32_t bytes) { ... }
 *     static struct request list = {
 *         .done = on_list, .answer = entries, .answer_most = sizeof entries};
 *     static struct client supervisor;
 *     ... client_open(&supervisor, connection, 0x4000)
 *     ... request_send(&list, &supervisor, KEEL_SUPERVISOR_LIST, &about, clock_after_ms(1000))
 *
 * How it ends, as a status:
 *   0 or more           the peer's; the answer is where the request says
 *   negative            the peer's refusal (enum keel_error), or:
 *   -KEEL_EBADMSG       an answer of another size than said
 *   -KEEL_ETIMEDOUT     the deadline: the peer has the request, and may yet do it
 *   -KEEL_ECONNREFUSED  the deadline: the peer was not there all the time, and does not have it
 *   -KEEL_EAGAIN        the deadline: the peer had no room all the time, and does not have it
 *   -KEEL_ESTALE        the peer that had it is dead, or its ring is gone; it may or may not have done it
 *
 * A request that the peer has no room for, or that comes while there is no peer, is sent as soon as
 * it can be. One that may be done twice (`again`) is sent again to the next life of a peer that
 * died with it.
 *
 * Nothing is allocated, and nothing waits, except in client_open and request_wait: as many requests
 * can be on their way as there are structures, and as answers fit into the client's ring.
 */
#ifndef RUNTIME_REQUEST_H
#define RUNTIME_REQUEST_H

#include <runtime/peer.h>
#include <runtime/port.h>

#define REQUEST_BODY_MAX 128u

/* This service as the client of one peer: where answers come. Storage of the caller; port.types may
 * be set, for what the peer sends unasked. */
struct client {
    struct port port;
    /* ---- */
    const struct keel_connection *to;
    struct request *requests; /* in the order in which they were made */
    uint32_t promised;        /* bytes of the ring, to their answers */
    uint64_t since;           /* when the peer began to take nothing; 0: it takes what is sent */
    struct loop_timer retry;
    struct peer_ring ring;
    struct client *next;
};

/*
 * Opens the port of own to which answers of the connection's peer come: the one with the number of
 * the peer's, or KEEL_PORT_CONTROL if that is the builder. bytes: of its ring. -KEEL_EACCES: `to`
 * is NULL, or no connection to send by.
 */
must_check int client_open(struct client *client, const struct keel_connection *to, size_t bytes);

/* bytes: of the answer. Called by the loop, never by request_send. It may send the request anew. */
typedef void request_handler(void *context, int status, uint32_t bytes);

struct request {
    request_handler *done; /* not called for request_wait */
    void *context;
    void *answer;                       /* where it goes */
    uint32_t answer_bytes, answer_most; /* its size, as in struct message_type */
    bool again;                         /* may be done twice */
    const void *data; /* sent behind the body, and not copied: stays until it is over */
    uint32_t data_bytes;
    /* ---- */
    uint8_t state; /* 0: none is on its way */
    bool waited;   /* by request_wait */
    bool sent;     /* to some life of the peer */
    int refusal;   /* why it was not sent when it was tried last */
    int status;
    uint32_t got; /* bytes of answer */
    uint32_t type;
    uint32_t body_bytes;
    uint32_t promised; /* bytes of the ring */
    uint64_t tag;
    uint64_t deadline;
    struct loop_timer timer;
    struct client *client;
    struct request *next;
    uint8_t body[REQUEST_BODY_MAX];
};

/*
 * Sends a request with a body that is what the header of the service says (KEEL_PAYLOAD). deadline:
 * ticks, not 0. An error means that nothing was sent and `done` is not called: -KEEL_EBUSY: it is
 * on its way already, or the client's ring has no room for one more answer; -KEEL_EACCES;
 * -KEEL_EMSGSIZE; -KEEL_EINVAL.
 */
#define request_send(request, client, type, body, deadline)                                   \
    request_send_bytes((request), (client), (type), (const keel_payload_of_##type *){(body)}, \
                       sizeof(keel_payload_of_##type), (deadline))

/* The same with any body of at most REQUEST_BODY_MAX bytes, which is copied. */
must_check int request_send_bytes(struct request *request, struct client *client, uint32_t type,
                                  const void *body, size_t bytes, uint64_t deadline);

/*
 * Sends it and waits until it is over; returns how it ended, or why it was not sent. For programs
 * that are just starting, and simple ones: in a handler it is refused (-KEEL_EPERM), where
 * everybody who waits for this service would wait for the peer, too. Meanwhile only the client's
 * port is handled; events of others are kept for the loop.
 */
#define request_wait(request, client, type, body, deadline)                                   \
    request_wait_bytes((request), (client), (type), (const keel_payload_of_##type *){(body)}, \
                       sizeof(keel_payload_of_##type), (deadline))
must_check int request_wait_bytes(struct request *request, struct client *client, uint32_t type,
                                  const void *body, size_t bytes, uint64_t deadline);

/* It is over, and `done` is not called. What the peer does with it is its own affair. */
void request_cancel(struct request *request);

static inline bool request_pending(const struct request *request)
{
    return request->state != 0;
}

#endif
