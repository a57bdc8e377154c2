/* SPDX-License-Identifier: Apache-2.0 */
/* See stdio.h. */
#include <runtime/stdio.h>

#include <errno.h>
#include <keel/calls.h>
#include <keel/console.h>
#include <runtime/clock.h>
#include <runtime/events.h>
#include <runtime/retry.h>
#include <runtime/start.h>
#include <runtime/stream.h>
#include <stdio.h>
#include <string.h>

#define KERNEL_CONSOLE_BYTES_MAX    128u
#define KERNEL_CONSOLE_REFUSALS_MAX 100000u /* seconds, on any UART */
#define KEPT_MAX                    2048u   /* bytes that the console can't take now */
#define INPUT_RING_BYTES            4000u
#define LAST_WORDS_MS               50u
#define LAST_LOOK_MS                10u
#define REFUSED_MS                  200u /* that a console which dies is waited for; then there is none */

static uint8_t kept[KEPT_MAX];
static struct stream_store store;
static struct stream_writer out = {.from = KEEL_PORT_STDIO,
                                   .store = &store,
                                   .buffer = kept,
                                   .size = KEPT_MAX,
                                   .part_most = KEEL_CONSOLE_BYTES_MAX};

static uint64_t dropped; /* so far */
static bool denied;      /* the kernel's own console is not for this service */

static const struct keel_connection *console(void)
{
    static const struct keel_connection *connection;
    if (connection == NULL)
        connection = keel_connection_find("console");
    return connection;
}

/* The rest is lost if the UART does not take it for so long. */
static bool kernel_write(const uint8_t *bytes, size_t n)
{
    for (uint32_t refusals = 0; n > 0 && !denied && refusals < KERNEL_CONSOLE_REFUSALS_MAX;) {
        size_t part = n < KERNEL_CONSOLE_BYTES_MAX ? n : KERNEL_CONSOLE_BYTES_MAX;
        int64_t taken = keel_console_write((const char *)bytes, part);
        denied = taken < 0;
        refusals = taken == 0 ? refusals + 1 : 0;
        bytes += denied ? 0 : taken;
        n -= denied ? 0 : (size_t)taken;
    }
    return !denied;
}

/* What was kept for a console that does not come is the kernel's to show. When there is one, it
 * does not hear of that: another stream begins. */
static bool kept_show(void)
{
    while (stream_unsent(&out) > 0) {
        const uint64_t from = store.sent % KEPT_MAX, unsent = stream_unsent(&out);
        const uint64_t n = KEPT_MAX - from < unsent ? KEPT_MAX - from : unsent;
        if (!kernel_write(&kept[from], n))
            return false;
        store.sent += n;
    }
    (void)stream_writer_open(&out, false);
    return true;
}

/* To the console, in order, behind what was kept; how many bytes are taken. */
static size_t console_write(const uint8_t *bytes, size_t n)
{
    static bool
        forsaken; /* there was no console when it was tried last, and had not been for long */
    if (store.stream == 0) {
        out.to = console();
        (void)stream_writer_open(&out, false);
    } else if (out.refusal != 0) {
        stream_flush(&out); /* nobody may be in the loop, who is told that it may go on */
    }
    size_t taken = stream_write(&out, bytes, n);
    if (!retry_on_life(out.refusal))
        forsaken = false;
    else if (keel_counter() - out.since >= clock_ticks(REFUSED_MS * CLOCK_NS_PER_MS))
        forsaken = true;
    if (forsaken && !denied && kept_show() && kernel_write(bytes + taken, n - taken))
        taken = n;
    return taken;
}

void stdio_write(const char *bytes, size_t n)
{
    const uint8_t *from = (const uint8_t *)bytes;
    if (console() == NULL) {
        dropped += kernel_write(from, n) ? 0 : n;
        return;
    }
    size_t taken = console_write(from, n);
    dropped += n - taken;
    stream_skip(&out, n - taken);
}

size_t stdio_room(void)
{
    if (console() == NULL || store.stream == 0)
        return KEPT_MAX;
    if (out.refusal != 0)
        stream_flush(&out);
    return stream_room(&out, store.put);
}

void stdio_end(void)
{
    const uint64_t deadline = clock_after_ms(LAST_WORDS_MS);
    while (store.stream != 0 && stream_unsent(&out) > 0 && keel_counter() < deadline) {
        stream_flush(&out);
        if (stream_unsent(&out) > 0)
            (void)events_wait_for(0, clock_after_ms(LAST_LOOK_MS));
    }
}

uint64_t stdio_dropped(void)
{
    return dropped;
}

/* Input: taken out of the ring when somebody reads. */

static struct {
    char *to;
    size_t n, got;
} reading;

static size_t on_input(void *context, const struct keel_stream_place *place, const uint8_t *bytes,
                       size_t n)
{
    (void)context;
    (void)place;
    if (n > reading.n - reading.got)
        n = reading.n - reading.got;
    if (n > 0)
        memcpy(reading.to + reading.got, bytes, n);
    reading.got += n;
    return n;
}

static struct port port;
static struct stream_reader in = {.take = on_input};

/* Its port is opened when somebody first reads. */
static int input_open(void)
{
    static int status = 1;
    if (status != 1)
        return status;
    if (console() == NULL)
        return status = -EBADF;
    in.domain = console()->domain;
    in.from = console()->port;
    stream_reader_add(&in, &port);
    return status = port_open(&port, KEEL_PORT_STDIO, console()->domain, INPUT_RING_BYTES);
}

long stdio_read(char *to, size_t n)
{
    if (input_open() < 0)
        return -EBADF;
    reading.to = to;
    reading.n = n;
    reading.got = 0;
    while (n > 0) {
        stream_resume(&in);
        loop_port_serve(KEEL_PORT_STDIO);
        if (reading.got > 0)
            break;
        (void)events_wait_for(EVENT(KEEL_EVENT_ARGO), 0);
    }
    /* The bit that was taken says that some ring has something: others look too. */
    if (n > 0)
        events_kept |= EVENT(KEEL_EVENT_ARGO);
    reading.n = reading.got;
    return (long)reading.got;
}

/* musl leaves stderr without a buffer; a line at a time is what the console can show as a line. */
__attribute__((constructor)) static void stdio_init(void)
{
    static char buffer[KEEL_CONSOLE_BYTES_MAX];
    (void)setvbuf(stderr, buffer, _IOLBF, sizeof(buffer));
}
