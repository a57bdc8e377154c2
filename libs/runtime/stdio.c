/* SPDX-License-Identifier: Apache-2.0 */
/* See stdio.h. */
#include <runtime/stdio.h>

#include <argo/argo.h>
#include <errno.h>
#include <keel/calls.h>
#include <keel/console.h>
#include <runtime/events.h>
#include <runtime/start.h>
#include <stdio.h>

#define KERNEL_CONSOLE_BYTES_MAX 128u

static uint64_t dropped;        /* so far */
static uint64_t dropped_untold; /* of these, what the console does not know yet */

static const struct keel_connection *console(void)
{
    static const struct keel_connection *connection;
    if (connection == NULL)
        connection = keel_connection_find("console");
    return connection;
}

static int kernel_console_write(const char *bytes, size_t n)
{
    static bool denied;
    while (n > 0 && !denied) {
        size_t part = n < KERNEL_CONSOLE_BYTES_MAX ? n : KERNEL_CONSOLE_BYTES_MAX;
        denied = keel_console_write(bytes, part) < 0;
        bytes += part;
        n -= part;
    }
    return denied ? -EACCES : 0;
}

static int console_write(const char *bytes, size_t n)
{
    if (dropped_untold != 0 && argo_send_to(console(), KEEL_PORT_STDIO, KEEL_CONSOLE_DROPPED,
                                            &dropped_untold, sizeof(dropped_untold)) >= 0)
        dropped_untold = 0;
    if (dropped_untold != 0)
        return -EAGAIN; /* later output before the note would hide where it is missing */
    return argo_send_to(console(), KEEL_PORT_STDIO, KEEL_CONSOLE_OUTPUT, bytes, n);
}

void stdio_write(const char *bytes, size_t n)
{
    while (n > 0) {
        size_t part = n < KEEL_CONSOLE_BYTES_MAX ? n : KEEL_CONSOLE_BYTES_MAX;
        int status = console() != NULL ? console_write(bytes, part) : -ECONNREFUSED;
        if (status < 0 && status != -EAGAIN && status != -EBUSY)
            status = kernel_console_write(bytes, part);
        if (status < 0) {
            dropped += part;
            dropped_untold += part;
        }
        bytes += part;
        n -= part;
    }
}

uint64_t stdio_dropped(void)
{
    return dropped;
}

/* The ring of KEEL_PORT_STDIO, registered when somebody first reads; NULL: not allowed. */
static struct argo_ring *input(void)
{
    static _Alignas(KEEL_PAGE_SIZE) uint8_t memory[KEEL_PAGE_SIZE];
    static struct argo_ring ring;
    static int status = 1;
    if (status == 1)
        status = console() == NULL ? -EBADF
                                   : argo_ring_register(&ring, KEEL_PORT_STDIO, console()->domain,
                                                        memory, ARGO_RING_LEN(1));
    return status < 0 ? NULL : &ring;
}

long stdio_read(char *to, size_t n)
{
    static uint32_t consumed; /* of the oldest message */
    struct argo_ring *ring = input();
    struct argo_message message;
    if (ring == NULL)
        return -EBADF;
    if (n == 0)
        return 0;
    for (;;) {
        while (argo_ring_next(ring, &message)) {
            size_t part = message.type == KEEL_CONSOLE_INPUT ? message.bytes - consumed : 0;
            if (part > n)
                part = n;
            if (part > 0)
                (void)argo_message_read(&message, consumed, to, part);
            consumed += (uint32_t)part;
            if (part == 0 || consumed == message.bytes) {
                argo_ring_consume(ring, &message);
                argo_notify();
                consumed = 0;
            }
            if (part > 0) {
                /* The bit that was taken says that some ring has something: others look too. */
                events_kept |= EVENT(KEEL_EVENT_ARGO);
                return (long)part;
            }
        }
        events_wait_for(EVENT(KEEL_EVENT_ARGO), 0);
    }
}

/* musl leaves stderr without a buffer; a line at a time is what the console can show as a line. */
__attribute__((constructor)) static void stdio_init(void)
{
    static char buffer[KEEL_CONSOLE_BYTES_MAX];
    (void)setvbuf(stderr, buffer, _IOLBF, sizeof(buffer));
}
