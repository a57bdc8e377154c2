/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's serial line (see line.h). Calls the stream and timers only. */
#include "line.h"

#include <runtime/clock.h>

/* The stream takes bytes again: who waits goes on. */
static void on_stream_room(void *context)
{
    struct line *line = context;

    line->stuck = false;
    if (line->waited) {
        line->waited = false;
        loop_timer_stop(&line->patience);
        line->on_room(line->context);
    }
}

/* Output was refused for too long: whoever waits goes on, and loses its bytes. */
static void on_patience(void *context)
{
    struct line *line = context;

    line->stuck = true;
    line->waited = false;
    line->on_room(line->context);
}

void line_init(struct line *line, struct line_store *store, bool old, uint64_t put,
               const struct keel_connection *console, loop_handler *on_room, void *context)
{
    *line = (struct line){
        .writer = {.to = console,
                   .from = KEEL_PORT_GUEST,
                   .store = &store->stream,
                   .buffer = store->bytes,
                   .size = LINE_BYTES,
                   .part_most = KEEL_CONSOLE_BYTES_MAX,
                   .linger_ms = LINE_FLUSH_MS,
                   .room = on_stream_room,
                   .context = line},
        .on_room = on_room,
        .context = context};
    if (!console) {
        return;
    }
    if (old) {
        store->stream.put = put;
    }
    (void)stream_writer_open(&line->writer, old);
}

void line_flush(struct line *line)
{
    if (line->writer.to) {
        stream_flush(&line->writer);
    }
}

/* No room: what was not tried since is tried now. */
static __attribute__((noinline)) bool line_full(struct line *line, uint64_t put)
{
    if (line->writer.refusal == 0) {
        stream_flush(&line->writer);
    }
    return stream_room(&line->writer, put) == 0;
}

bool line_put(struct line *line, uint64_t *put, uint8_t byte)
{
    if (!line->writer.to) {
        return true;
    }
    if (stream_room(&line->writer, *put) == 0 && line_full(line, *put)) {
        line->writer.wanted = true;
        if (line->stuck) {
            stream_skip(&line->writer, 1);
            return true;
        }
        if (!line->waited) {
            line->waited = true;
            loop_timer_set(&line->patience, clock_after_ms(LINE_STUCK_MS), on_patience, line);
        }
        return false;
    }
    stream_place(&line->writer, (*put)++, byte);
    return true;
}

void line_end(struct line *line, uint64_t put, uint8_t byte)
{
    if (!line->writer.to) {
        return;
    }
    stream_advance(&line->writer, put);
    if (byte == '\n' && line->writer.refusal == 0 && stream_unsent(&line->writer) > 0) {
        stream_flush(&line->writer);
    }
}
