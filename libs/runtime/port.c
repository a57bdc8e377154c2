/* SPDX-License-Identifier: Apache-2.0 */
/* Messages by type; see port.h. */
#include <runtime/port.h>

#include <runtime/start.h>
#include <stdlib.h>

static uint32_t most_of(const struct message_type *type)
{
    return type->most > type->bytes ? type->most : type->bytes;
}

static const struct message_type *type_find(const struct port *port, uint32_t number)
{
    for (uint32_t i = 0; i < port->ntypes; i++)
        if (port->types[i].type == number)
            return &port->types[i];
    return NULL;
}

static bool refuse(const struct message *message, int status)
{
    message->port->refused++;
    message_answer(message, status, NULL, 0);
    return true;
}

/* The payload where it lies, if that is wanted and it is in one piece; else a copy. */
static const void *payload_of(const struct port *port, const struct message_type *type,
                              const struct argo_message *message, uint32_t header)
{
    const uint8_t *here = type->in_place ? argo_message_view(message, message->bytes) : NULL;
    if (here != NULL)
        return here + header;
    (void)argo_message_read(message, header, port->copy, message->bytes - header);
    return port->copy;
}

static bool typed_serve(struct port *port, const struct argo_message *from)
{
    struct message message = {
        .source = from->source, .type = from->type, .bytes = from->bytes, .port = port};
    struct keel_request request;
    uint32_t header = 0;
    if ((from->type & KEEL_MESSAGE_KIND) == KEEL_REQUEST) {
        if (!argo_message_read(from, 0, &request, sizeof(request))) {
            port->refused++; /* there is not even a tag to answer to */
            return true;
        }
        header = sizeof(request);
        message.tag = request.tag;
        message.bytes -= header;
    }
    const struct message_type *type = type_find(port, from->type);
    if (type == NULL)
        return refuse(&message, -KEEL_ENOSYS);
    if (message.bytes < type->bytes || message.bytes > most_of(type))
        return refuse(&message, -KEEL_EMSGSIZE);
    message.payload = payload_of(port, type, from, header);
    return type->handler(port->context, &message);
}

static bool on_message(void *context, const struct argo_message *message)
{
    struct port *port = context;
    uint32_t kind = message->type & KEEL_MESSAGE_KIND;
    if (kind == KEEL_ANSWER && port->on_answer != NULL)
        return port->on_answer(port, message);
    if (kind == KEEL_STREAM && port->on_stream != NULL)
        return port->on_stream(port, message);
    return typed_serve(port, message);
}

/* Room for the longest payload that is copied. */
static int copy_make(struct port *port)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < port->ntypes; i++)
        if (most_of(&port->types[i]) > most)
            most = most_of(&port->types[i]);
    port->copy = most > 0 ? malloc(most) : NULL;
    return most > 0 && port->copy == NULL ? -KEEL_ENOMEM : 0;
}

static int open_end(struct port *port, int status, size_t bytes)
{
    if (status < 0)
        free(port->copy);
    else
        port->ring_bytes = ARGO_RING_LEN(KEEL_ARGO_PAGES((uint32_t)bytes));
    return status;
}

static int open_begin(struct port *port, uint32_t number, uint16_t partner)
{
    port->number = number;
    port->partner = partner;
    return copy_make(port);
}

int port_open(struct port *port, uint32_t number, uint16_t partner, size_t bytes)
{
    int status = open_begin(port, number, partner);
    if (status < 0)
        return status;
    return open_end(port, loop_port(number, partner, bytes, on_message, port), bytes);
}

int port_open_in(struct port *port, uint32_t number, uint16_t partner, void *memory, uint32_t pages)
{
    int status = open_begin(port, number, partner);
    if (status < 0)
        return status;
    return open_end(port, loop_port_in(number, partner, memory, pages, on_message, port),
                    ARGO_RING_LEN(pages));
}

int port_offer(struct port *port, uint32_t number, size_t bytes)
{
    /* Who may ask has to be answered. */
    if (keel_connection_with(NULL, number, KEEL_RIGHT_SEND) == NULL)
        return 0;
    int status = port_open(port, number, KEEL_DOMAIN_ANY, bytes);
    if (status == 0)
        port_pace(port, PORT_PACE);
    return status;
}

void port_resume(struct port *port)
{
    loop_port_resume(port->number);
}

void port_pace(struct port *port, uint64_t ns)
{
    loop_port_pace(port->number, ns);
}

void message_answer(const struct message *message, int status, const void *answer, size_t bytes)
{
    const struct keel_answer header = {.tag = message->tag, .status = status};
    const struct keel_argo_addr to = {.aport = message->source.aport,
                                      .domain_id = message->source.domain_id};
    const struct keel_argo_iov pieces[] = {
        {.iov_hnd = (uintptr_t)&header, .iov_len = sizeof(header)},
        {.iov_hnd = (uintptr_t)answer, .iov_len = (uint32_t)bytes},
    };
    if ((message->type & KEEL_MESSAGE_KIND) != KEEL_REQUEST)
        return;
    if (bytes > KEEL_ARGO_MESSAGE_MAX(KEEL_ARGO_RING_MAX) ||
        argo_sendv(message->port->number, to, KEEL_ANSWER | (message->type & ~KEEL_MESSAGE_KIND),
                   pieces, status < 0 || bytes == 0 ? 1 : 2) < 0)
        message->port->unheard++;
}
