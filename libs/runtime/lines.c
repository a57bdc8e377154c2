/* SPDX-License-Identifier: Apache-2.0 */
/* See lines.h. */
#include <runtime/lines.h>

#include <keel/console.h>
#include <runtime/start.h>
#include <runtime/stream.h>
#include <stdio.h>

#define LINE_MAX_BYTES   160u
#define INPUT_RING_BYTES 4000u
#define BACKSPACE        0x08
#define DELETE           0x7f

static lines_handler *the_handler;

static size_t on_keys(void *context, const struct keel_stream_place *place, const uint8_t *bytes,
                      size_t n)
{
    static char line[LINE_MAX_BYTES];
    static size_t used;

    (void)context;
    (void)place;
    for (size_t i = 0; i < n; i++) {
        uint8_t key = bytes[i];

        if (key == '\r' || key == '\n') {
            printf("\n");
            line[used] = '\0';
            used = 0;
            the_handler(line);
        } else if ((key == BACKSPACE || key == DELETE) && used > 0) {
            used--;
            printf("\b \b");
        } else if (key >= ' ' && key < DELETE && used + 1 < sizeof line) {
            line[used++] = (char)key;
            printf("%c", key);
        }
    }
    fflush(stdout);
    return n;
}

void lines_listen(lines_handler *handler)
{
    static struct port port;
    static struct stream_reader reader = {.take = on_keys};
    const struct keel_connection *console = keel_connection_find("console");

    if (!console)
        return;
    the_handler = handler;
    reader.domain = console->domain;
    reader.from = console->port;
    stream_reader_add(&reader, &port);
    if (port_open(&port, KEEL_PORT_STDIO, console->domain, INPUT_RING_BYTES) < 0)
        printf("no port for what is typed\n");
}
