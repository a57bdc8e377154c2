/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages by type. For each port of its own, a service says once which types of messages it takes,
 * of which size, and who handles them. Every message is checked against that, and its payload
 * copied out of the ring, before a handler sees it.
 *
 *     static bool on_set(void *context, const struct message *message)
 *     {
 *         const struct sensor_set *set = message->payload;
 *         ...
 *         return true;
 *     }
 *     static const struct message_type types[] = {
 *         {.type = SENSOR_SET, .bytes = sizeof(struct sensor_set), .handler = on_set},
 *     };
 *     static struct port port = {.types = types, .ntypes = 1};
 *     ... port_open(&port, 7, KEEL_DOMAIN_ANY, 4000)
 *     ... message_send(sensor, 7, SENSOR_SET, &set)
 *
 * None of these functions waits; port_open alone allocates. Results: 0 or a value, or a negated
 * error.
 */
#ifndef RUNTIME_PORT_H
#define RUNTIME_PORT_H

#include <keel/message.h>
#include <runtime/loop.h>

/* A message that has come, and who sent it. */
struct message {
    struct keel_argo_addr source; /* domain: said by the kernel; port: checked by it */
    uint32_t type;
    uint32_t bytes;      /* of payload */
    const void *payload; /* aligned for any type; valid until the handler returns */
    struct port *port;   /* that it came to */
    uint64_t tag;        /* of a request, whose header is no part of the payload */
};

/* True: it is done with. False: not now: it stays, and so does what came after it, until
 * port_resume; the ring fills, and senders are told so. */
typedef bool message_handler(void *context, const struct message *message);

/* What a port takes. The payload has exactly `bytes`; or, if `most` is not 0, from `bytes` to
 * `most`. */
struct message_type {
    uint32_t type;
    uint32_t bytes, most;
    bool in_place; /* the payload may lie in the ring, if it is in one piece there: no copy, but
                    * what is there is the receiver's only until it returns */
    message_handler *handler;
};

/*
 * A port; storage of the caller, who says what is above the line and leaves the rest zero. What
 * fits no type is refused: a request by an answer, -KEEL_ENOSYS or -KEEL_EMSGSIZE; anything else is
 * counted.
 */
struct port {
    const struct message_type *types;
    uint32_t ntypes;
    void *context; /* of the handlers */
    /* ---- */
    uint32_t number;
    uint16_t partner;
    uint32_t ring_bytes;
    void *copy;
    uint64_t refused; /* messages, so far */
    uint64_t unheard; /* answers: the asker had no room, or was not there any more */
    /* Who takes answers, and who streams; NULL: nobody. */
    bool (*on_answer)(struct port *port, const struct argo_message *message);
    bool (*on_stream)(struct port *port, const struct argo_message *message);
    struct stream_reader *readers;
    struct stream_writer *writers;
};

/* Opens own port `number` for messages from `partner` (KEEL_DOMAIN_ANY: from all who may), which
 * wait in a ring of `bytes`, rounded up to whole pages. The configuration has to give the service
 * that port. */
must_check int port_open(struct port *port, uint32_t number, uint16_t partner, size_t bytes);

/* The same in memory of the caller, page-aligned, in which messages of a former life are found
 * again (see vault.h). */
must_check int port_open_in(struct port *port, uint32_t number, uint16_t partner, void *memory,
                            uint32_t pages);

/* Opens own port `number` to whoever the configuration lets ask there, with a pace of PORT_PACE; 0, and no port, if that is nobody. */
must_check int port_offer(struct port *port, uint32_t number, size_t bytes);

/* A handler said "not now": it may be now. */
void port_resume(struct port *port);

/* A limit on how often senders can wake this service: see loop_port_pace. For ports that anybody may send to, PORT_PACE: nobody notices
 * its delay, and a flood costs two wake-ups in it. */
#define PORT_PACE 1000000u /* ns */
void port_pace(struct port *port, uint64_t ns);

/*
 * Sends one message to the peer and port of a connection, from own port `from` (0: from none). Its
 * payload is what the header of the service says (KEEL_PAYLOAD). -EAGAIN: no space there now; what
 * has to arrive is a request or a stream, which see to that themselves.
 */
#define message_send(to, from, type, payload)                                       \
    argo_send_to((to), (from), (type), (const keel_payload_of_##type *){(payload)}, \
                 sizeof(keel_payload_of_##type))

/*
 * Answers a request, from its handler or later: then a copy of *message is kept, whose payload is
 * gone. status: negative: an error, and nothing else is sent. Sent once: an asker without room for
 * the answer finds out by its deadline.
 */
void message_answer(const struct message *message, int status, const void *answer, size_t bytes);

#endif
