/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's serial line to the console service: output, a stream. It neither waits for the console nor
 * loses anything to a short jam: a byte that does not fit is refused, and its writer held, for at most
 * LINE_STUCK_MS; then bytes are left out, until the console takes some again.
 */
#ifndef DEVICES_LINE_H
#define DEVICES_LINE_H

#include <keel/console.h>
#include <runtime/stream.h>

#define LINE_FLUSH_MS 2u /* after the first byte of an unfinished line */
#define LINE_STUCK_MS 100u
#define LINE_BYTES    8192u /* what a guest says while the console is being started again */

/* What the next life must find; plain data. */
struct line_store {
    struct stream_store stream;
    uint8_t bytes[LINE_BYTES];
};

struct line {
    struct stream_writer writer; /* to: NULL: output goes nowhere */
    loop_handler *on_room;       /* output fits again, or is left out from now on */
    void *context;
    bool stuck;  /* for so long that output is left out */
    bool waited; /* somebody waits for on_room */
    struct loop_timer patience;
};

/* old: the store is of a former life, and was checked; put: where its stream ends. */
void line_init(struct line *line, struct line_store *store, bool old, uint64_t put,
               const struct keel_connection *console, loop_handler *on_room, void *context);

/*
 * A byte of output, in two steps, between which the caller commits that it has been put: line_put
 * places it behind the stream and moves *put, a copy of where that ends, unless it is left out;
 * line_end makes it the stream's. False: no room; on_room will be called.
 */
must_check bool line_put(struct line *line, uint64_t *put, uint8_t byte);
void line_end(struct line *line, uint64_t put, uint8_t byte);

/* Sends what was collected, if the console takes it. */
void line_flush(struct line *line);

#endif
