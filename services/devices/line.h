/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's serial line to the console service: collects output into messages, and hands input
 * out byte by byte. Output waits neither for the console nor loses anything to a short jam: a byte
 * that does not fit is refused, and its writer held, for at most LINE_STUCK_MS; then bytes are
 * dropped, counted and told, until the console takes some again.
 */
#ifndef DEVICES_LINE_H
#define DEVICES_LINE_H

#include <keel/console.h>
#include <runtime/loop.h>
#include <stdbool.h>
#include <stdint.h>

#define LINE_FLUSH_MS 2u  /* after the first byte of an unfinished line */
#define LINE_RETRY_MS 10u /* when the console did not take a message */
#define LINE_STUCK_MS 100u

struct line {
    const struct keel_connection *console; /* NULL: output goes nowhere */
    loop_handler *on_room;                 /* output fits again, or is dropped from now on */
    void *context;
    uint16_t count;
    bool full;      /* the last message was refused */
    bool stuck;     /* for so long that output is dropped */
    bool waited;    /* somebody waits for on_room */
    bool waiting;   /* the ring holds input that the guest has no room for */
    uint32_t taken; /* bytes of the oldest input message that the guest has */
    uint64_t dropped;
    struct loop_timer flush, patience;
    uint8_t bytes[KEEL_CONSOLE_BYTES_MAX];
};

void line_init(struct line *line, const struct keel_connection *console, loop_handler *on_room,
               void *context);

/* A byte of output. False: no room; on_room will be called. */
must_check bool line_put(struct line *line, uint8_t byte);

/* Sends what was collected, if the console takes it. */
void line_flush(struct line *line);

/* The ring may have space again. */
void line_retry(struct line *line);

#endif
