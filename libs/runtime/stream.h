/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: bytes in order from one domain to another (keel/stream.h), with a buffer on each side. A
 * writer is told how many bytes are taken, and called when there is room again. A reader that takes
 * no more stops the writer. An end, a reset and the death of the other side are told.
 *
 * Who writes:
 *     static uint8_t buffer[8192];
 *     static struct stream_store store;
 *     static struct stream_writer writer = {
 *         .store = &store, .buffer = buffer, .size = sizeof buffer, .from = 7};
 *     ... writer.to = connection;
 *     ... stream_writer_open(&writer, false)
 *     ... taken = stream_write(&writer, bytes, n)
 *
 * Who reads:
 *     static struct stream_reader reader = {
 *         .domain = from->domain, .from = from->port, .take = on_bytes};
 *     ... port_open(&port, 7, from->domain, 8000)
 *     ... stream_reader_add(&reader, &port)
 *
 * Restarts. A writer whose store and buffer are in its vault goes on where its former life died,
 * and so does a reader whose ring (port_open_in) and place are: no byte is lost or doubled. A
 * reader's place has to become true together with what it did with the bytes, so its handlers are
 * told it, and keep it themselves.
 *
 * Nothing here waits or allocates.
 */
#ifndef RUNTIME_STREAM_H
#define RUNTIME_STREAM_H

#include <keel/stream.h>
#include <runtime/peer.h>
#include <runtime/port.h>

/* What happens to a stream besides bytes. */
enum stream_event {
    STREAM_BEGINS,  /* reader: a stream that is new to it; detail: the position where it does */
    STREAM_LOST,    /* reader: detail: bytes that its writer left out */
    STREAM_ENDS,    /* reader: no more bytes come. Perhaps once more in its next life */
    STREAM_RESET,   /* reader: the writer gives up; detail: why */
    STREAM_REFUSED, /* writer: the reader wants no more; detail: why */
    STREAM_DIED, /* the other side; detail: its incarnation. Who keeps nothing in its vault has lost
                  * what it had */
    STREAM_LIVES, /* the other side, again or at last; detail: its incarnation */
};

struct stream_notice {
    enum stream_event event;
    uint64_t detail;
    struct keel_stream_place place; /* reader: where it is behind this */
};
typedef void stream_told_handler(void *context, const struct stream_notice *notice);

/* ---- Writing ---- */

enum stream_state { STREAM_OPEN, STREAM_ENDING, STREAM_RESETTING, STREAM_OVER };

/* What the next life must find: plain data. Each change that matters is one store. */
struct stream_store {
    uint64_t stream;  /* its number; 0: none */
    uint64_t put;     /* bytes that were put into the buffer */
    uint64_t sent;    /* of these; byte n lies in buffer[n % size] until it is */
    uint64_t skipped; /* bytes that were left out; */
    uint64_t told;    /* of these, those that the reader knows of */
    int32_t reason;   /* of a reset */
    uint32_t state;   /* enum stream_state */
};

struct stream_writer {
    const struct keel_connection *to; /* by which it sends */
    uint32_t from;                    /* own port */
    struct stream_store *store;
    uint8_t *buffer;
    uint32_t size;
    uint32_t part_most; /* bytes of a message, from 64; 0: 4096. Becomes less if a ring is small */
    uint32_t linger_ms; /* how long bytes wait for more to go with them; 0: not at all */
    loop_handler *room; /* there is room again, after it was said that there is none. May be NULL */
    stream_told_handler *told; /* may be NULL */
    void *context;
    /* ---- */
    int refusal;    /* why the reader does not take more now: as of argo_send; 0: it does */
    uint64_t since; /* ticks; when that began */
    bool wanted;    /* somebody was told that there is no room */
    struct loop_timer timer;
    struct peer_ring ring;
    struct stream_writer *next, *next_of_port;
};

/*
 * Begins a stream; or, if `old`, goes on with that of a former life. False: what the store said
 * made no sense, and a new stream begins. May be opened again, when it is over or to forget it.
 */
bool stream_writer_open(struct stream_writer *writer, bool old);

/* From now on the port, own and of the number `from`, takes a reader's refusal. */
void stream_writer_hears(struct stream_writer *writer, struct port *port);

/* Puts in as many bytes as there is room for, and returns how many. If not all: `room` will be
 * called. */
size_t stream_write(struct stream_writer *writer, const void *bytes, size_t n);

/* Sends now what lingers. */
void stream_flush(struct stream_writer *writer);

/* Leaves out n bytes. Until the reader can be told so, there is no room for others. */
void stream_skip(struct stream_writer *writer, uint64_t n);

/* No more bytes. Those that were put in arrive, then the end. */
void stream_end(struct stream_writer *writer);

/* What was not sent is forgotten, and the reader told to forget the rest. */
void stream_reset(struct stream_writer *writer, int reason);

/* Begins another stream, when the one before is over: -KEEL_EBUSY if it is not yet. */
must_check int stream_next(struct stream_writer *writer);

/* Bytes that are put in and not sent: */
static inline uint64_t stream_unsent(const struct stream_writer *writer)
{
    return writer->store->put - writer->store->sent;
}

/*
 * For writers with a state in the vault that says where the stream ends, and that has to change
 * together with other things: `put` is theirs. Bytes are placed behind it, as many as there is room
 * for; when the new end is committed, the stream is told. On a restart the store gets it before
 * stream_writer_open.
 */
static inline uint32_t stream_room(const struct stream_writer *writer, uint64_t put)
{
    const struct stream_store *store = writer->store;

    if (store->skipped != store->told || store->state != STREAM_OPEN)
        return 0;
    return writer->size - (uint32_t)(put - store->sent);
}

static inline void stream_place(const struct stream_writer *writer, uint64_t put, uint8_t byte)
{
    writer->buffer[put % writer->size] = byte;
}

void stream_advance(struct stream_writer *writer, uint64_t put);

/* ---- Reading ---- */

/*
 * Bytes, in the ring: take them, and look at each only once. Returns how many were taken; 0: none
 * now, and none will be offered before stream_resume. place: of the first of them.
 */
typedef size_t stream_taker(void *context, const struct keel_stream_place *place,
                            const uint8_t *bytes, size_t n);

struct stream_reader {
    uint16_t domain; /* whose stream, and from which port of its */
    uint32_t from;
    struct keel_stream_place place; /* what comes next; 0, 0: nothing is known */
    stream_taker *take;
    stream_told_handler *told; /* may be NULL */
    void *context;
    /* ---- */
    bool stopped;
    bool over;     /* ended, reset or refused: nothing of it is taken any more */
    bool refusing; /* and its writer has to be told */
    int32_t reason;
    struct peer_ring ring; /* one of the writer's, if this service sends it anything */
    struct port *port;
    struct stream_reader *next, *next_of_port;
};

/* Reads, from now on, what comes from there to the port. A reader that stops holds up what is
 * behind it in the port's ring: who may be slow gets a port, or a partner's ring, of its own. */
void stream_reader_add(struct stream_reader *reader, struct port *port);

/* It takes again. */
void stream_resume(struct stream_reader *reader);

/* It wants no more of this stream; what still comes is thrown away. The writer is told if there is
 * a connection to it. */
void stream_refuse(struct stream_reader *reader, int reason);

#endif
