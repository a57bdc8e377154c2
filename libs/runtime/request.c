/* SPDX-License-Identifier: Apache-2.0 */
/* Requests; see request.h. */
#include <runtime/request.h>

#include <keel/counter.h>
#include <runtime/events.h>
#include <runtime/retry.h>
#include <string.h>

#define WAIT_LOOK_MS 10u /* request_wait: until it looks again what the loop would be told */

/* IDLE: over, or never sent. QUEUED: the peer does not have it (any more). LOST: it died with it.
 */
enum { IDLE, QUEUED, SENT, LOST };

static struct client *clients;

static loop_handler on_space;
static struct loop_watch watch; /* .space: while some peer has none: others need not be told */

/* Of the client's ring, for an answer of that size. */
static uint32_t room_for(const struct request *request)
{
    const uint32_t most =
        request->answer_most > request->answer_bytes ? request->answer_most : request->answer_bytes;
    return (uint32_t)sizeof(struct keel_argo_message_header) +
           argo_slots((uint32_t)sizeof(struct keel_answer) + most);
}

/* It is nobody's any more, and may be sent again. */
static void leave(struct request *request)
{
    struct client *client = request->client;
    struct request **link = &client->requests;
    while (*link != NULL && *link != request)
        link = &(*link)->next;
    if (*link == request)
        *link = request->next;
    client->promised -= request->promised;
    loop_timer_stop(&request->timer);
    request->state = IDLE;
}

static void finish(struct request *request, int status, uint32_t bytes)
{
    leave(request);
    request->status = status;
    request->got = bytes;
    if (!request->waited)
        request->done(request->context, status, bytes);
}

/* Result as of argo_send; it was sent, or has to wait, or never will be. */
static int attempt(struct request *request)
{
    const struct keel_request header = {.tag = request->tag};
    const struct keel_argo_iov pieces[] = {
        {.iov_hnd = (uintptr_t)&header, .iov_len = sizeof(header)},
        {.iov_hnd = (uintptr_t)request->body, .iov_len = request->body_bytes},
        {.iov_hnd = (uintptr_t)request->data, .iov_len = request->data_bytes},
    };
    const struct keel_connection *to = request->client->to;
    int status = argo_sendv_to(to, request->client->port.number, request->type, pieces,
                               request->data_bytes != 0 ? 3 : 2);
    if (status >= 0) {
        request->state = SENT;
        request->sent = true;
    }
    request->refusal = status < 0 ? status : 0;
    return status;
}

static struct request *first_in(const struct client *client, int state)
{
    struct request *request = client->requests;
    while (request != NULL && request->state != state)
        request = request->next;
    return request;
}

static void queue_send(struct client *client);

static void on_retry(void *context)
{
    queue_send(context);
}

/* What was refused waits for an event, or for the time to try again. */
static void retry_later(struct client *client)
{
    const uint64_t now = keel_counter();
    if (client->since == 0)
        client->since = now;
    watch.space = on_space;
    loop_timer_set(&client->retry, retry_at(client->since, now), on_retry, client);
}

static bool passes(int refusal)
{
    return retry_on_space(refusal) || retry_on_life(refusal);
}

/* Sends what waits, in its order, as far as the peer takes it. */
static void queue_send(struct client *client)
{
    struct request *request;
    while ((request = first_in(client, QUEUED)) != NULL) {
        int status = attempt(request);
        if (status < 0 && passes(status)) {
            retry_later(client);
            return;
        }
        client->since = 0;
        if (status < 0)
            finish(request, status, 0);
    }
    loop_timer_stop(&client->retry);
}

static void on_space(void *context)
{
    (void)context;
    watch.space = NULL; /* unless one is refused once more */
    for (struct client *client = clients; client != NULL; client = client->next) {
        const struct request *first = first_in(client, QUEUED);
        if (first != NULL && retry_on_space(first->refusal))
            queue_send(client);
    }
}

/* Its peer has died. Handlers may send others meanwhile, which are none of the lost ones. */
static void lose(struct client *client)
{
    struct request *request;
    for (request = client->requests; request != NULL; request = request->next)
        if (request->state == SENT)
            request->state = request->again ? QUEUED : LOST;
    while ((request = first_in(client, LOST)) != NULL)
        finish(request, -KEEL_ESTALE, 0);
}

static void on_peer(void *context, uint16_t domain, enum peer_change change, uint32_t incarnation)
{
    (void)context;
    (void)incarnation;
    for (struct client *client = clients; client != NULL; client = client->next) {
        if (client->to->domain != domain)
            continue;
        if (change == PEER_DIED)
            lose(client);
        client->since = 0; /* it will be there soon, or at least that is the time to look */
        queue_send(client);
    }
}

static void on_ring(void *context, bool there)
{
    struct client *client = context;
    if (!there)
        lose(client);
    client->since = 0;
    queue_send(client);
}

static void on_deadline(void *context)
{
    struct request *request = context;
    int status = -KEEL_ETIMEDOUT;
    if (request->state == QUEUED && request->sent)
        status = -KEEL_ESTALE;
    else if (request->state == QUEUED)
        status = retry_on_life(first_in(request->client, QUEUED)->refusal) ? -KEEL_ECONNREFUSED
                                                                           : -KEEL_EAGAIN;
    finish(request, status, 0);
}

static struct request *request_of(const struct client *client, const struct argo_message *message,
                                  uint64_t tag)
{
    struct request *request = client->requests;
    while (request != NULL &&
           (request->tag != tag || (request->type ^ message->type) & ~KEEL_MESSAGE_KIND))
        request = request->next;
    return request;
}

/* One that nobody waits for any more is nothing to mind. */
static bool on_answer(struct port *port, const struct argo_message *message)
{
    struct client *client = (struct client *)(void *)port;
    struct keel_answer answer;
    if (message->source.aport != client->to->port ||
        !argo_message_read(message, 0, &answer, sizeof(answer))) {
        port->refused++;
        return true;
    }
    struct request *request = request_of(client, message, answer.tag);
    if (request == NULL)
        return true;
    uint32_t bytes = message->bytes - (uint32_t)sizeof(answer);
    uint32_t most =
        request->answer_most > request->answer_bytes ? request->answer_most : request->answer_bytes;
    if (answer.status < 0)
        finish(request, answer.status, 0);
    else if (bytes < request->answer_bytes || bytes > most ||
             !argo_message_read(message, sizeof(answer), request->answer, bytes))
        finish(request, -KEEL_EBADMSG, 0);
    else
        finish(request, answer.status, bytes);
    return true;
}

int client_open(struct client *client, const struct keel_connection *to, size_t bytes)
{
    static struct peer_watch peers = {.handler = on_peer};
    if (to == NULL || (to->rights & KEEL_RIGHT_SEND) == 0)
        return -KEEL_EACCES;
    uint32_t number = to->port == KEEL_PORT_SUPERVISOR ? KEEL_PORT_CONTROL : to->port;
    int status = port_open(&client->port, number, to->domain, bytes);
    if (status < 0)
        return status;
    if (clients == NULL) {
        loop_watch(&watch);
        peer_watch(&peers);
    }
    client->port.on_answer = on_answer;
    client->to = to;
    client->next = clients;
    clients = client;
    client->ring = (struct peer_ring){.to = to, .changed = on_ring, .context = client};
    peer_follow(&client->ring);
    return 0;
}

static int check(const struct request *request, const struct client *client, size_t bytes,
                 uint64_t deadline)
{
    if (deadline == 0 || (request->done == NULL && !request->waited))
        return -KEEL_EINVAL;
    if (bytes > REQUEST_BODY_MAX)
        return -KEEL_EMSGSIZE;
    if (request->state != IDLE ||
        client->promised + room_for(request) > client->port.ring_bytes - KEEL_ARGO_SLOT)
        return -KEEL_EBUSY;
    return 0;
}

int request_send_bytes(struct request *request, struct client *client, uint32_t type,
                       const void *body, size_t bytes, uint64_t deadline)
{
    static uint32_t count;
    int status = check(request, client, bytes, deadline);
    if (status < 0)
        return status;
    request->client = client;
    request->type = type;
    request->tag = (uint64_t)KEEL_PEER_INCARNATION(keel_self()) << 32 | ++count;
    request->deadline = deadline;
    request->body_bytes = (uint32_t)bytes;
    request->sent = false;
    if (bytes > 0)
        memcpy(request->body, body, bytes);
    /* Behind those that wait already. */
    status = first_in(client, QUEUED) != NULL ? -KEEL_EAGAIN : attempt(request);
    if (status < 0 && !passes(status))
        return status;
    if (status < 0) {
        request->state = QUEUED;
        retry_later(client);
    }
    struct request **link = &client->requests;
    while (*link != NULL)
        link = &(*link)->next;
    *link = request;
    request->next = NULL;
    request->promised = room_for(request);
    client->promised += request->promised;
    loop_timer_set(&request->timer, deadline, on_deadline, request);
    return 0;
}

/* The loop does not run: its timers and what the kernel tells it are looked at here, as far as they
 * concern this request. */
static void wait_step(struct request *request)
{
    struct client *client = request->client;
    const uint64_t now = keel_counter(), look = clock_after_ms(WAIT_LOOK_MS);
    loop_port_serve(client->port.number);
    if (request->state != IDLE)
        (void)peer_refresh(client->to);
    if (request->state == QUEUED)
        queue_send(client);
    if (request->state == IDLE)
        return;
    if (now >= request->deadline)
        on_deadline(request);
    else
        (void)events_wait_for(EVENT(KEEL_EVENT_ARGO),
                              look < request->deadline ? look : request->deadline);
}

int request_wait_bytes(struct request *request, struct client *client, uint32_t type,
                       const void *body, size_t bytes, uint64_t deadline)
{
    if (loop_in_handler())
        return -KEEL_EPERM;
    request->waited = request->state == IDLE;
    int status = request_send_bytes(request, client, type, body, bytes, deadline);
    if (status >= 0) {
        while (request->state != IDLE)
            wait_step(request);
        events_kept |=
            EVENT(KEEL_EVENT_ARGO); /* what was taken may have been about other rings, too */
        status = request->status;
    }
    request->waited = false;
    return status;
}

void request_cancel(struct request *request)
{
    if (request->state != IDLE)
        leave(request);
}
