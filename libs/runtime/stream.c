/* SPDX-License-Identifier: Apache-2.0 */
/* Streams; see stream.h. */
#include <runtime/stream.h>

#include <keel/counter.h>
#include <runtime/retry.h>
#include <runtime/vault.h>

#define PART_MOST  4096u
#define PART_LEAST 64u

static struct stream_writer *writers;
static struct stream_reader *readers;

static loop_handler on_space;
static struct loop_watch watch; /* .space: while some reader has none: others need not be told */

/* Never the same twice, in this life or another. */
static uint64_t number_next(void)
{
    static uint32_t count;
    return (uint64_t)KEEL_PEER_INCARNATION(keel_self()) << 32 | ++count;
}

/* ---- Writing ---- */

static void writer_tell(struct stream_writer *writer, enum stream_event event, uint64_t detail)
{
    const struct stream_notice notice = {.event = event, .detail = detail};
    if (writer->told != NULL)
        writer->told(writer->context, &notice);
}

static int place_send(const struct stream_writer *writer, enum keel_stream_message type,
                      uint64_t position)
{
    const struct keel_stream_place place = {.stream = writer->store->stream, .position = position};
    return argo_send_to(writer->to, writer->from, type, &place, sizeof(place));
}

/* The oldest bytes that are not sent. */
static int part_send(const struct stream_writer *writer, uint32_t *bytes)
{
    const struct stream_store *store = writer->store;
    const struct keel_stream_place place = {.stream = store->stream,
                                            .position = store->sent + store->told};
    uint32_t from = (uint32_t)(store->sent % writer->size);
    uint32_t n = writer->part_most - (uint32_t)sizeof(place), first;
    if (n > store->put - store->sent)
        n = (uint32_t)(store->put - store->sent);
    first = writer->size - from < n ? writer->size - from : n;
    const struct keel_argo_iov pieces[] = {
        {.iov_hnd = (uintptr_t)&place, .iov_len = sizeof(place)},
        {.iov_hnd = (uintptr_t)&writer->buffer[from], .iov_len = first},
        {.iov_hnd = (uintptr_t)writer->buffer, .iov_len = n - first},
    };
    *bytes = n;
    return argo_sendv_to(writer->to, writer->from, KEEL_STREAM_BYTES, pieces, first < n ? 3 : 2);
}

/* One message, if there is something to say; noted behind the sending, with one store: what is sent
 * again because of a death in between is known by its place. False: there is nothing more. */
static bool step(struct stream_writer *writer)
{
    struct stream_store *store = writer->store;
    uint32_t bytes;
    if (store->state == STREAM_RESETTING) {
        const struct keel_stream_reset reset = {.stream = store->stream, .reason = store->reason};
        writer->refusal =
            argo_send_to(writer->to, writer->from, KEEL_STREAM_RESET, &reset, sizeof(reset));
        if (writer->refusal >= 0)
            store->state = STREAM_OVER;
    } else if (store->state == STREAM_OVER) {
        return false;
    } else if (store->sent != store->put) {
        writer->refusal = part_send(writer, &bytes);
        vault_order();
        if (writer->refusal >= 0)
            store->sent += bytes;
        if (writer->refusal == -KEEL_EMSGSIZE && writer->part_most >= 2 * PART_LEAST) {
            writer->part_most /= 2; /* its ring is a small one */
            writer->refusal = 0;
        }
    } else if (store->told != store->skipped) {
        const uint64_t skipped = store->skipped;
        writer->refusal = place_send(writer, KEEL_STREAM_BYTES, store->sent + skipped);
        vault_order();
        if (writer->refusal >= 0)
            store->told = skipped;
    } else if (store->state == STREAM_ENDING) {
        writer->refusal = place_send(writer, KEEL_STREAM_END, store->sent + store->told);
        vault_order();
        if (writer->refusal >= 0)
            store->state = STREAM_OVER;
    } else {
        return false;
    }
    if (writer->refusal > 0)
        writer->refusal = 0;
    return true;
}

static void on_timer(void *context)
{
    stream_flush(context);
}

void stream_flush(struct stream_writer *writer)
{
    writer->refusal = 0;
    while (writer->refusal == 0 && step(writer))
        ;
    if (writer->refusal == 0) {
        writer->since = 0;
        if (writer->timer.deadline != 0)
            loop_timer_stop(&writer->timer);
    } else {
        const uint64_t now = keel_counter();
        if (writer->since == 0)
            writer->since = now;
        watch.space = on_space;
        loop_timer_set(&writer->timer, retry_at(writer->since, now), on_timer, writer);
    }
    if (writer->wanted && stream_room(writer, writer->store->put) > 0) {
        writer->wanted = false;
        if (writer->room != NULL)
            writer->room(writer->context);
    }
}

/* What the reader refuses now waits for an event or the timer, and what comes behind it as well. */
static void said(struct stream_writer *writer)
{
    if (writer->refusal != 0)
        return;
    if (writer->linger_ms == 0 || writer->store->state != STREAM_OPEN ||
        stream_unsent(writer) >= writer->part_most - sizeof(struct keel_stream_place))
        stream_flush(writer);
    else if (writer->timer.deadline == 0)
        loop_timer_set(&writer->timer, clock_after_ms(writer->linger_ms), on_timer, writer);
}

void stream_advance(struct stream_writer *writer, uint64_t put)
{
    if (put == writer->store->put)
        return;
    writer->store->put = put;
    said(writer);
}

size_t stream_write(struct stream_writer *writer, const void *bytes, size_t n)
{
    const uint8_t *from = bytes;
    size_t taken = 0;
    while (taken < n) {
        uint64_t put = writer->store->put;
        uint32_t room = stream_room(writer, put);
        if (room == 0 && writer->refusal == 0 && stream_unsent(writer) > 0) {
            stream_flush(writer); /* it lingered */
            room = stream_room(writer, put);
        }
        if (room == 0)
            break;
        const uint64_t end = put + (n - taken < room ? n - taken : room);
        while (put < end)
            stream_place(writer, put++, from[taken++]);
        vault_order();
        stream_advance(writer, end);
    }
    writer->wanted = writer->wanted || taken < n;
    return taken;
}

void stream_skip(struct stream_writer *writer, uint64_t n)
{
    if (writer->store->state != STREAM_OPEN || n == 0)
        return;
    writer->store->skipped += n;
    if (writer->refusal == 0)
        stream_flush(writer);
}

void stream_end(struct stream_writer *writer)
{
    if (writer->store->state != STREAM_OPEN)
        return;
    writer->store->state = STREAM_ENDING;
    said(writer);
}

void stream_reset(struct stream_writer *writer, int reason)
{
    if (writer->store->state >= STREAM_RESETTING)
        return;
    writer->store->reason = reason;
    vault_order();
    writer->store->state = STREAM_RESETTING;
    if (writer->refusal == 0)
        stream_flush(writer);
}

/* A stream is there when it has its number. */
static void store_begin(struct stream_store *store)
{
    store->stream = 0;
    vault_order();
    store->put = store->sent = store->skipped = store->told = 0;
    store->state = STREAM_OPEN;
    vault_order();
    store->stream = number_next();
}

int stream_next(struct stream_writer *writer)
{
    if (writer->store->state != STREAM_OVER)
        return -KEEL_EBUSY;
    store_begin(writer->store);
    return 0;
}

static void on_space(void *context)
{
    (void)context;
    watch.space = NULL; /* unless one is refused once more */
    for (struct stream_writer *writer = writers; writer != NULL; writer = writer->next)
        if (retry_on_space(writer->refusal))
            stream_flush(writer);
}

static void reader_tell(struct stream_reader *reader, enum stream_event event, uint64_t detail)
{
    const struct stream_notice notice = {.event = event, .detail = detail, .place = reader->place};
    if (reader->told != NULL)
        reader->told(reader->context, &notice);
}

static void on_peer(void *context, uint16_t domain, enum peer_change change, uint32_t incarnation)
{
    const enum stream_event event = change == PEER_DIED ? STREAM_DIED : STREAM_LIVES;
    (void)context;
    for (struct stream_reader *reader = readers; reader != NULL; reader = reader->next)
        if (reader->domain == domain)
            reader_tell(reader, event, incarnation);
    for (struct stream_writer *writer = writers; writer != NULL; writer = writer->next) {
        if (writer->to->domain != domain)
            continue;
        writer_tell(writer, event, incarnation);
        writer->since = 0; /* it will listen soon: that is worth looking often */
        if (writer->refusal != 0)
            stream_flush(writer);
    }
}

static void on_ring(void *context, bool there)
{
    struct stream_writer *writer = context;
    (void)there;
    writer->since = 0;
    if (writer->refusal != 0)
        stream_flush(writer);
}

static void begin(void)
{
    static struct peer_watch peers = {.handler = on_peer};
    static bool begun;
    if (begun)
        return;
    begun = true;
    loop_watch(&watch);
    peer_watch(&peers);
}

static bool makes_sense(const struct stream_writer *writer)
{
    const struct stream_store *store = writer->store;
    return store->stream != 0 && store->put - store->sent <= writer->size &&
           store->told <= store->skipped && store->state <= STREAM_OVER;
}

bool stream_writer_open(struct stream_writer *writer, bool old)
{
    const bool again = old && makes_sense(writer);
    struct stream_writer *known = writers;
    begin();
    if (writer->part_most == 0)
        writer->part_most = PART_MOST;
    while (known != NULL && known != writer)
        known = known->next;
    if (known == NULL) {
        writer->next = writers;
        writers = writer;
        writer->ring = (struct peer_ring){.to = writer->to, .changed = on_ring, .context = writer};
        peer_follow(&writer->ring);
    }
    if (again) {
        stream_flush(writer);
    } else {
        writer->refusal = 0;
        writer->since = 0;
        writer->wanted = false;
        loop_timer_stop(&writer->timer);
        store_begin(writer->store);
    }
    return again || !old;
}

/* ---- Reading ---- */

/* What came before, if anything, is over. */
static void stream_new(struct stream_reader *reader, uint64_t stream, uint64_t position)
{
    reader->place = (struct keel_stream_place){.stream = stream, .position = position};
    reader->over = reader->refusing = false;
    reader_tell(reader, STREAM_BEGINS, position);
}

static void lost(struct stream_reader *reader, uint64_t position)
{
    if (position <= reader->place.position)
        return;
    const uint64_t bytes = position - reader->place.position;
    reader->place.position = position;
    reader_tell(reader, STREAM_LOST, bytes);
}

static void refusal_send(struct stream_reader *reader)
{
    const struct keel_argo_addr to = {.aport = reader->from, .domain_id = reader->domain};
    const struct keel_stream_reset refuse = {.stream = reader->place.stream,
                                             .reason = reader->reason};
    int status = argo_send(reader->port->number, to, KEEL_STREAM_REFUSE, &refuse, sizeof(refuse));
    reader->refusing = retry_on_space(status);
}

/* The part's bytes from `skip` on, in one or two pieces. False: the reader stops. */
static bool offer(struct stream_reader *reader, const struct argo_message *message, uint64_t skip)
{
    const uint32_t header = sizeof(struct keel_stream_place);
    const struct argo_ring *ring = message->ring;
    while (skip < message->bytes - header) {
        uint32_t from = message->start + header + (uint32_t)skip;
        from -= from >= ring->len ? ring->len : 0;
        size_t n = message->bytes - header - (size_t)skip;
        n = n < ring->len - from ? n : ring->len - from;
        size_t taken = reader->take(reader->context, &reader->place, &ring->shared->ring[from], n);
        if (reader->over) /* it has refused the rest */
            return true;
        taken = taken < n ? taken : n;
        reader->stopped = taken == 0;
        if (reader->stopped)
            return false;
        skip += taken;
        reader->place.position += taken;
    }
    return true;
}

/* In order: what is new, what is missing, what is known. */
static bool place_take(struct stream_reader *reader, const struct argo_message *message)
{
    struct keel_stream_place place;
    if (!argo_message_read(message, 0, &place, sizeof(place)) || place.stream == 0) {
        reader->port->refused++;
        return true;
    }
    if (place.stream != reader->place.stream)
        stream_new(reader, place.stream, place.position);
    if (reader->over) {
        if (reader->refusing)
            refusal_send(reader);
        return true;
    }
    lost(reader, place.position);
    if (message->type == KEEL_STREAM_END && !reader->over) {
        reader->over = true;
        reader_tell(reader, STREAM_ENDS, 0);
    }
    return reader->over || offer(reader, message, reader->place.position - place.position);
}

static bool reset_take(struct stream_reader *reader, const struct argo_message *message)
{
    struct keel_stream_reset reset;
    if (!argo_message_take(message, &reset) || reset.stream == 0) {
        reader->port->refused++;
        return true;
    }
    if (reset.stream != reader->place.stream)
        stream_new(reader, reset.stream, 0);
    if (!reader->over) {
        reader->over = true;
        reader_tell(reader, STREAM_RESET, (uint64_t)(int64_t)reset.reason);
    }
    return true;
}

/* A reader's refusal of the stream that is being written; of another, it is old news. */
static bool refuse_take(struct port *port, const struct argo_message *message)
{
    struct keel_stream_reset refuse;
    struct stream_writer *writer = port->writers;
    while (writer != NULL && (writer->to->domain != message->source.domain_id ||
                              writer->to->port != message->source.aport))
        writer = writer->next_of_port;
    if (writer == NULL || !argo_message_take(message, &refuse)) {
        port->refused++;
        return true;
    }
    if (refuse.stream == writer->store->stream && writer->store->state != STREAM_OVER) {
        writer->store->state = STREAM_OVER;
        stream_flush(writer);
        writer_tell(writer, STREAM_REFUSED, (uint64_t)(int64_t)refuse.reason);
    }
    return true;
}

static bool on_stream(struct port *port, const struct argo_message *message)
{
    struct stream_reader *reader = port->readers;
    if (message->type == KEEL_STREAM_REFUSE)
        return refuse_take(port, message);
    while (reader != NULL &&
           (reader->domain != message->source.domain_id || reader->from != message->source.aport))
        reader = reader->next_of_port;
    if (reader != NULL && reader->stopped)
        return false;
    if (reader != NULL && (message->type == KEEL_STREAM_BYTES || message->type == KEEL_STREAM_END))
        return place_take(reader, message);
    if (reader != NULL && message->type == KEEL_STREAM_RESET)
        return reset_take(reader, message);
    port->refused++;
    return true;
}

void stream_writer_hears(struct stream_writer *writer, struct port *port)
{
    port->on_stream = on_stream;
    writer->next_of_port = port->writers;
    port->writers = writer;
}

void stream_reader_add(struct stream_reader *reader, struct port *port)
{
    struct stream_reader *known = readers;
    begin();
    port->on_stream = on_stream;
    reader->port = port;
    reader->next_of_port = port->readers;
    port->readers = reader;
    while (known != NULL && known != reader)
        known = known->next;
    if (known != NULL)
        return;
    reader->next = readers;
    readers = reader;
    peer_follow_domain(&reader->ring, reader->domain);
}

void stream_resume(struct stream_reader *reader)
{
    if (!reader->stopped)
        return;
    reader->stopped = false;
    port_resume(reader->port);
}

void stream_refuse(struct stream_reader *reader, int reason)
{
    if (reader->place.stream == 0 || reader->over)
        return;
    reader->over = true;
    reader->reason = reason;
    refusal_send(reader);
    stream_resume(reader);
}
