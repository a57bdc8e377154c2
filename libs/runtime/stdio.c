/* SPDX-License-Identifier: Apache-2.0 */
/* See stdio.h. */
#include <runtime/stdio.h>

#include <argo/argo.h>
#include <errno.h>
#include <keel/calls.h>
#include <keel/console.h>
#include <runtime/clock.h>
#include <runtime/events.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <string.h>

#define KERNEL_CONSOLE_BYTES_MAX 128u
#define KEPT_MAX                 2048u
#define RETRY_MS                 10u /* at first; then twice as long each time, up to: */
#define RETRY_MAX_MS             1000u
#define LAST_WORDS_MS            50u

/* Output that the console cannot take now: it has no space, or has not started yet. */
static char kept[KEPT_MAX];
static size_t kept_used;
static struct loop_timer retry;

static uint64_t dropped;        /* so far: what did not fit there either */
static uint64_t dropped_untold; /* of these, what the console does not know yet */

static const struct keel_connection *console(void)
{
    static const struct keel_connection *connection;
    if (connection == NULL)
        connection = keel_connection_find("console");
    return connection;
}

static bool denied; /* the kernel's own console is not for this service */

static bool kernel_write(const char *bytes, size_t n)
{
    while (n > 0 && !denied) {
        size_t part = n < KERNEL_CONSOLE_BYTES_MAX ? n : KERNEL_CONSOLE_BYTES_MAX;
        denied = keel_console_write(bytes, part) < 0;
        bytes += part;
        n -= part;
    }
    return !denied;
}

/* One message; false: not now. */
static bool console_write(const char *bytes, size_t n)
{
    if (console() == NULL)
        return kernel_write(bytes, n);
    int status = argo_send_to(console(), KEEL_PORT_STDIO, KEEL_CONSOLE_OUTPUT, bytes, n);
    if (status < 0 && status != -EAGAIN && status != -EBUSY)
        return kernel_write(bytes, n);
    return status >= 0;
}

/* What was kept, then how much was dropped behind it. */
static void flush(void)
{
    size_t done = 0;
    while (done < kept_used) {
        size_t part = kept_used - done;
        if (part > KEEL_CONSOLE_BYTES_MAX)
            part = KEEL_CONSOLE_BYTES_MAX;
        if (!console_write(kept + done, part))
            break;
        done += part;
    }
    memmove(kept, kept + done, kept_used - done);
    kept_used -= done;
    if (kept_used == 0 && dropped_untold != 0 && console() != NULL &&
        argo_send_to(console(), KEEL_PORT_STDIO, KEEL_CONSOLE_DROPPED, &dropped_untold,
                     sizeof(dropped_untold)) >= 0)
        dropped_untold = 0;
}

static void on_retry(void *context);

static void retry_later(void)
{
    static uint64_t ms;
    static size_t before;
    ms = kept_used < before || ms == 0 ? RETRY_MS : 2 * ms;
    if (ms > RETRY_MAX_MS)
        ms = RETRY_MAX_MS;
    before = kept_used;
    loop_timer_set(&retry, clock_after_ms(ms), on_retry, NULL);
}

static void on_retry(void *context)
{
    (void)context;
    flush();
    if (kept_used > 0 || dropped_untold != 0)
        retry_later();
}

void stdio_write(const char *bytes, size_t n)
{
    flush();
    while (n > 0 && kept_used == 0 && dropped_untold == 0) {
        size_t part = n < KEEL_CONSOLE_BYTES_MAX ? n : KEEL_CONSOLE_BYTES_MAX;
        if (!console_write(bytes, part))
            break;
        bytes += part;
        n -= part;
    }
    if (n == 0)
        return;
    /* Behind a gap nothing is kept: the note about it comes first. */
    size_t room = dropped_untold != 0 || (console() == NULL && denied) ? 0 : KEPT_MAX - kept_used;
    size_t part = n < room ? n : room;
    memcpy(kept + kept_used, bytes, part);
    kept_used += part;
    dropped += n - part;
    dropped_untold += n - part;
    if (retry.deadline == 0 && console() != NULL)
        retry_later();
}

void stdio_end(void)
{
    uint64_t deadline = clock_after_ms(LAST_WORDS_MS);
    for (flush(); kept_used > 0 && keel_counter() < deadline; flush())
        (void)events_wait_for(0, clock_after_ms(RETRY_MS));
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
