/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's serial line (see line.h). Calls Argo and timers only. */
#include "line.h"

#include <runtime/clock.h>

void line_init(struct line *line, const struct keel_connection *console, loop_handler *on_room,
               void *context)
{
    *line = (struct line){.console = console, .on_room = on_room, .context = context};
}

/* Whether the console took a message. */
static bool send(struct line *line, uint32_t type, const void *bytes, size_t n)
{
    return argo_send_to(line->console, KEEL_PORT_GUEST, type, bytes, n) >= 0;
}

static void on_flush(void *context)
{
    line_flush(context);
}

/* Output was refused for too long: whoever waits goes on, and loses its bytes. */
static void on_patience(void *context)
{
    struct line *line = context;

    line->stuck = true;
    line_retry(line);
}

void line_flush(struct line *line)
{
    if (line->count > 0 && send(line, KEEL_CONSOLE_OUTPUT, line->bytes, line->count)) {
        line->count = 0;
        line->stuck = false;
    }
    if (line->count == 0 && line->dropped > 0 &&
        send(line, KEEL_CONSOLE_DROPPED, &line->dropped, sizeof(line->dropped))) {
        line->dropped = 0;
    }
    line->full = line->count > 0;
    if (line->full || line->dropped > 0) {
        /* Space may come with an event; a console that starts anew says nothing. */
        loop_timer_set(&line->flush, clock_after_ms(LINE_RETRY_MS), on_flush, line);
    } else if (line->flush.deadline != 0) {
        loop_timer_stop(&line->flush);
    }
    if (line->waited && (!line->full || line->stuck)) {
        line->waited = false;
        loop_timer_stop(&line->patience);
        line->on_room(line->context);
    }
}

void line_retry(struct line *line)
{
    if (line->full || line->dropped > 0 || line->waited) {
        line_flush(line);
    }
}

bool line_put(struct line *line, uint8_t byte)
{
    if (!line->console) {
        return true;
    }
    if (line->count == sizeof(line->bytes)) {
        if (!line->full) {
            line_flush(line);
        }
        if (line->stuck && line->full) {
            line->dropped++;
            return true;
        }
        if (line->full) {
            if (!line->waited) {
                line->waited = true;
                loop_timer_set(&line->patience, clock_after_ms(LINE_STUCK_MS), on_patience, line);
            }
            return false;
        }
    }
    line->bytes[line->count++] = byte;
    if (byte == '\n' && !line->full) {
        line_flush(line);
    } else if (line->flush.deadline == 0) {
        loop_timer_set(&line->flush, clock_after_ms(LINE_FLUSH_MS), on_flush, line);
    }
    return true;
}
