/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console service: owns the UART and gives every domain a console of its own on it. What
 * appears where is mux.c's business; this file moves bytes between the UART, Argo and mux.c, and
 * takes the user's wishes to the supervisor.
 *
 * Arguments: focus=NAME (default: the first guest), device=NAME (default: the first one).
 */
#include "mux.h"

#include <errno.h>
#include <keel/calls.h>
#include <keel/console.h>
#include <keel/supervisor.h>
#include <pl011/pl011.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/request.h>
#include <runtime/retry.h>
#include <runtime/start.h>
#include <runtime/stream.h>
#include <runtime/vault.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_RING_PAGES 16u
#define ANSWER_RING_BYTES 0x4000u
#define WRITE_NS          1000000u /* before other events are looked at: a UART may be slow to reach */
#define DEAF_MS           1000u    /* that a console takes no keys until that is told */
#define WISH_MS           5000u    /* the supervisor may be about to build a guest */
#define LIST_LINE_MAX     256u     /* of the list of domains, the largest numbers included */

#define VAULT_MAGIC 0x3365646f736e6f63ull /* of this layout */

#define NOTHING_TAKEN UINT32_MAX

/* What the next life must find. */
static struct {
    uint64_t magic;
    uint32_t taken;    /* from the UART, or NOTHING_TAKEN */
    uint32_t taken_as; /* which of mux.keys it is to be */
    struct mux mux;
    struct mux_undo undo;
    struct stream_store input[MUX_CONSOLES_MAX]; /* of keys; their bytes are the mux's */
} vault VAULT;
static _Alignas(KEEL_PAGE_SIZE) uint8_t output_ring[OUTPUT_RING_PAGES * KEEL_PAGE_SIZE] VAULT;
static struct mux *const mux = &vault.mux;

static struct pl011 uart;
static struct loop_timer tick_timer;
static struct client supervisor;

/* Of each console: both ways, as far as they exist. */
static struct port port;
static struct stream_reader output[MUX_CONSOLES_MAX];
static struct stream_writer input[MUX_CONSOLES_MAX];
static bool deaf[MUX_CONSOLES_MAX]; /* it takes no keys, which was said */

/* What the user wants of the supervisor: which domain that is about, its list says. */
static struct {
    enum mux_action action;
    int console;
} wish;
static struct keel_supervisor_entry entries[KEEL_DOMAINS_MAX];
static request_handler on_list, on_done;
static struct request list = {
    .done = on_list, .answer = entries, .answer_most = sizeof(entries), .again = true};
static struct request act = {.done = on_done};

static uint64_t now_ms(void)
{
    return clock_ns(keel_counter()) / CLOCK_NS_PER_MS;
}

static void settle(void);

/* Lines of the console's own. */
static void say(const char *text)
{
    mux_begin(mux, &vault.undo);
    mux_print(mux, text);
    mux_end(&vault.undo);
}

static void on_timer(void *context)
{
    (void)context;
    mux_begin(mux, &vault.undo);
    mux_tick(mux, now_ms());
    mux_end(&vault.undo);
    settle();
}

/* Writes what the UART takes; it interrupts when it takes more. When all is written, senders may go
 * on. Each byte counts as written when it is: a death right between is the one case in which a byte
 * is written twice. */
static void uart_write(void)
{
    const uint64_t until = keel_counter() + clock_ticks(WRITE_NS);
    const uint8_t *bytes;
    size_t n, room, written;
    while ((n = mux_output_peek(mux, &bytes)) > 0 && (room = pl011_room(&uart)) > 0) {
        for (written = 0; written < room && written < n; written++) {
            pl011_put(&uart, bytes[written]);
            vault_order();
            mux_output_taken(mux, 1);
            vault_order();
        }
        if (written == PL011_FIFO && keel_counter() >= until)
            break;
    }
    pl011_want_room(&uart, mux_output_peek(mux, &bytes) > 0);
    for (int i = 0; i < mux->consoles && mux_ready(mux); i++) {
        if (mux->console[i].dropped > 0) {
            mux_begin(mux, &vault.undo);
            mux_dropped(mux, i, 0, now_ms());
            mux_end(&vault.undo);
        }
        stream_resume(&output[i]);
    }
}

/* What has become of a console's input. Called again when the reader was tried again. */
static void input_look(int console)
{
    const struct stream_writer *writer = &input[console];
    const uint64_t sent = vault.input[console].sent - mux->console[console].input_taken;
    char text[KEEL_NAME_MAX + 64];
    if (sent > 0) {
        mux_begin(mux, &vault.undo);
        mux_input_taken(mux, console, sent);
        mux_end(&vault.undo);
    }
    input[console].wanted = stream_unsent(writer) > 0;
    if (writer->refusal == 0) {
        deaf[console] = false;
    } else if (!deaf[console] && !retry_on_space(writer->refusal) &&
               keel_counter() - writer->since > clock_ticks(DEAF_MS * CLOCK_NS_PER_MS)) {
        deaf[console] = true;
        snprintf(text, sizeof(text), "%s does not listen (%s): keys wait\n",
                 mux->console[console].name, strerror(-writer->refusal));
        say(text);
    }
}

static void on_input_tried(void *context)
{
    input_look((int)((struct stream_writer *)context - input));
    settle();
}

static void inputs_send(void)
{
    for (int i = 0; i < mux->consoles; i++) {
        if (input[i].to == NULL || mux->console[i].input_put == vault.input[i].put)
            continue;
        stream_advance(&input[i], mux->console[i].input_put);
        input_look(i);
    }
}

static void not_asked(int status)
{
    char text[128];
    snprintf(text, sizeof(text), "the supervisor does not hear: %s\n", strerror(-status));
    say(text);
}

/* One at a time: a key that comes before the answer to the last one must not replace it. */
static void wish_take(void)
{
    static const struct keel_supervisor_request nobody;
    int status;
    if (mux->action == MUX_NOTHING || request_pending(&list) || request_pending(&act))
        return;
    mux_begin(mux, &vault.undo);
    wish.action = mux_action(mux);
    mux_end(&vault.undo);
    wish.console = mux->focus;
    if (supervisor.to == NULL)
        status = -EACCES;
    else if (wish.action == MUX_OFF)
        status =
            request_send(&act, &supervisor, KEEL_SUPERVISOR_OFF, &nobody, clock_after_ms(WISH_MS));
    else
        status = request_send(&list, &supervisor, KEEL_SUPERVISOR_LIST, &nobody,
                              clock_after_ms(WISH_MS));
    if (status < 0)
        not_asked(status);
}

/* After every event: everything moves on that can. */
static void settle(void)
{
    wish_take();
    inputs_send();
    uart_write();
    uint64_t deadline = mux_deadline(mux);
    if (deadline == UINT64_MAX)
        loop_timer_stop(&tick_timer);
    else
        loop_timer_set(&tick_timer, clock_ticks((deadline + 1) * CLOCK_NS_PER_MS), on_timer, NULL);
}

static void keys_use(void)
{
    mux_begin(mux, &vault.undo);
    mux_keys_waiting(mux, now_ms());
    mux_end(&vault.undo);
}

/* What was taken from the UART, perhaps by the last life, becomes a key, if it is not one yet. */
static void key_note(void)
{
    if (vault.taken == NOTHING_TAKEN)
        return;
    const int byte = pl011_byte(&uart, vault.taken);
    if (byte >= 0 && mux->nkeys == vault.taken_as && mux->nkeys < MUX_KEYS_MAX) {
        mux->keys[mux->nkeys] = (uint8_t)byte;
        vault_order();
        mux->nkeys++;
    }
    vault_order();
    vault.taken = NOTHING_TAKEN;
}

static bool key_take(void)
{
    vault.taken_as = mux->nkeys;
    vault_order();
    return mux->nkeys < MUX_KEYS_MAX && pl011_take(&uart, &vault.taken);
}

/* Takes all that the UART has received: what is left there need not interrupt again. */
static void keys_read(void)
{
    bool full;
    do {
        while (key_take())
            key_note();
        full = mux->nkeys == MUX_KEYS_MAX;
        keys_use();
    } while (full);
}

static void on_uart(void *context, uint32_t bit)
{
    (void)context;
    (void)bit;
    pl011_acknowledge(&uart);
    keys_read();
    settle();
}

static size_t on_output(void *context, const struct keel_stream_place *place, const uint8_t *bytes,
                        size_t n)
{
    const int console = (int)((struct stream_reader *)context - output);
    (void)place; /* it is the mux's own */
    if (!mux_ready(mux))
        return 0;
    if (n > MUX_CHUNK_MAX)
        n = MUX_CHUNK_MAX;
    mux_begin(mux, &vault.undo);
    mux_output(mux, console, bytes, n, now_ms());
    mux_end(&vault.undo);
    settle();
    return n;
}

static void on_output_told(void *context, const struct stream_notice *notice)
{
    const int console = (int)((struct stream_reader *)context - output);
    mux_begin(mux, &vault.undo);
    mux_place(mux, console, &notice->place);
    if (notice->event == STREAM_LOST)
        mux_dropped(mux, console, notice->detail, now_ms());
    mux_end(&vault.undo);
    settle();
}

static const char *state_name(uint32_t state)
{
    static const char *const names[] = {"absent", "building", "sealed", "running", "stopped"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static void list_print(uint32_t n)
{
    static char text[KEEL_DOMAINS_MAX * LIST_LINE_MAX];
    size_t used = 0;
    for (uint32_t i = 0; i < n && used + 2 * LIST_LINE_MAX <= sizeof(text); i++) {
        const struct keel_supervisor_entry *entry = &entries[i];
        int console = mux_find(mux, entry->name);
        char number[16] = "-";
        if (console != MUX_NONE)
            snprintf(number, sizeof(number), "%d%s", console + 1, console == mux->focus ? "*" : "");
        used += (size_t)snprintf(
            text + used, LIST_LINE_MAX,
            "%3s %-20.31s %-8s life %u, domain %u, %u restarts, %llu KiB, %llu refusals\n", number,
            entry->name, state_name(entry->state), entry->incarnation, entry->domain,
            entry->restarts, (unsigned long long)entry->pages * (KEEL_PAGE_SIZE / 1024),
            (unsigned long long)entry->refusals);
        if (entry->died_ms != 0)
            used += (size_t)snprintf(text + used, LIST_LINE_MAX, "    at %u.%03u s %s\n",
                                     entry->died_ms / 1000, entry->died_ms % 1000, entry->death);
    }
    say(text);
}

/* The list that was asked for in order to know which domain the user means. */
static void list_use(uint32_t n)
{
    const char *name = mux->console[wish.console].name;
    char text[KEEL_NAME_MAX + 64];
    uint32_t i = 0;
    while (i < n && strcmp(entries[i].name, name) != 0)
        i++;
    if (i == n) {
        snprintf(text, sizeof(text), "the supervisor knows no domain %s\n", name);
        say(text);
        return;
    }
    const struct keel_supervisor_request about = {.domain = entries[i].domain};
    int status = wish.action == MUX_STOP ? request_send(&act, &supervisor, KEEL_SUPERVISOR_STOP,
                                                        &about, clock_after_ms(WISH_MS))
                                         : request_send(&act, &supervisor, KEEL_SUPERVISOR_RESTART,
                                                        &about, clock_after_ms(WISH_MS));
    if (status < 0)
        not_asked(status);
}

static void on_done(void *context, int status, uint32_t bytes)
{
    char text[128];
    (void)context;
    (void)bytes;
    if (status < 0) {
        snprintf(text, sizeof(text), "the supervisor refuses: %s\n", strerror(-status));
        say(text);
    }
    settle();
}

/* Names end, whoever wrote them. */
static void on_list(void *context, int status, uint32_t bytes)
{
    const uint32_t n = bytes / (uint32_t)sizeof(entries[0]);
    for (uint32_t i = 0; i < n; i++) {
        entries[i].name[sizeof(entries[i].name) - 1] = '\0';
        entries[i].death[sizeof(entries[i].death) - 1] = '\0';
    }
    if (status >= 0 && wish.action == MUX_LIST)
        list_print(n);
    else if (status >= 0)
        list_use(n);
    on_done(context, status, bytes);
}

static void consoles_add(uint32_t from)
{
    const struct keel_connection *connection;
    for (uint32_t i = 0; (connection = keel_connection_at(i)) != NULL; i++) {
        if (connection->port != from)
            continue;
        int console = MUX_NONE;
        for (int k = 0; k < mux->consoles; k++) /* its two directions may be two connections */
            if (mux->console[k].domain == connection->domain && mux->console[k].port == from)
                console = k;
        if (console == MUX_NONE)
            console = mux_add(mux, connection->name, connection->domain, from,
                              from == KEEL_PORT_GUEST, false);
        if (console != MUX_NONE && (connection->rights & KEEL_RIGHT_SEND) != 0) {
            mux->console[console].takes_input = true;
            input[console].to = connection;
        }
    }
}

/* Guests' lines come first, so that they get the low numbers. */
static void consoles_find(void)
{
    mux_begin(mux, &vault.undo);
    consoles_add(KEEL_PORT_GUEST);
    consoles_add(KEEL_PORT_STDIO);
    mux_end(&vault.undo);
}

/* The first life, or one whose vault makes no sense: that is said, too. */
static void begin(const char *focused)
{
    memset(&vault, 0, sizeof(vault));
    memset(output_ring, 0, sizeof(struct keel_argo_ring));
    mux_init(mux);
    consoles_find();
    mux_help(mux);
    int focus = focused != NULL ? mux_find(mux, focused) : 0;
    if (focus == MUX_NONE)
        mux_print(mux, "there is no console with the name given by focus=\n");
    if (vault_is_old())
        mux_print(mux, "the vault of the life before makes no sense: begun anew\n");
    mux_focus(mux, focus != MUX_NONE ? focus : 0, now_ms());
    vault.taken = NOTHING_TAKEN;
    vault_order();
    vault.magic = VAULT_MAGIC;
}

/* Their streams, as the life before left them. Keys that came when it died may not be the stream's
 * yet. */
static void streams_begin(bool again)
{
    for (int i = 0; i < mux->consoles; i++) {
        output[i] = (struct stream_reader){.domain = mux->console[i].domain,
                                           .from = mux->console[i].port,
                                           .place = mux->console[i].place,
                                           .take = on_output,
                                           .told = on_output_told,
                                           .context = &output[i]};
        stream_reader_add(&output[i], &port);
        if (input[i].to == NULL)
            continue;
        input[i] = (struct stream_writer){.to = input[i].to,
                                          .from = KEEL_PORT_CONSOLE,
                                          .store = &vault.input[i],
                                          .buffer = mux->input[i],
                                          .size = MUX_INPUT_MAX,
                                          .part_most = KEEL_CONSOLE_BYTES_MAX,
                                          .room = on_input_tried,
                                          .context = &input[i]};
        (void)stream_writer_open(&input[i], again);
        input_look(i);
    }
}

/* The value of an argument NAME=VALUE, or NULL. */
static const char *argument(char **argv, const char *name)
{
    size_t n = strlen(name);
    for (; *argv != NULL; argv++)
        if (strncmp(*argv, name, n) == 0 && (*argv)[n] == '=')
            return *argv + n + 1;
    return NULL;
}

int main(int argc, char **argv)
{
    const char *name = argument(argv, "device");
    const struct keel_device *device = name != NULL ? keel_device_find(name) : keel_device_at(0);
    (void)argc;
    if (device == NULL)
        return 1;
    pl011_start(&uart, device->address);
    bool again = vault_is_old() && vault.magic == VAULT_MAGIC && mux_recover(mux, &vault.undo);
    if (again) {
        key_note();
        consoles_find();
    } else {
        begin(argument(argv, "focus"));
    }
    streams_begin(again);

    if (port_open_in(&port, KEEL_PORT_CONSOLE, KEEL_DOMAIN_ANY, output_ring, OUTPUT_RING_PAGES) < 0)
        say("no port for output: only the kernel is heard here\n");
    port_pace(&port, PORT_PACE);
    const struct keel_connection *builder =
        keel_connection_with(NULL, KEEL_PORT_SUPERVISOR, KEEL_RIGHT_SEND);
    if (builder != NULL && client_open(&supervisor, builder, ANSWER_RING_BYTES) < 0)
        say("no port for the supervisor's answers\n");
    if (loop_interrupts(device, on_uart, NULL) < 0)
        say("no interrupt: keys are not read\n");
    keys_read(); /* what came meanwhile does not interrupt any more */
    settle();
    loop_run();
}
