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
#include <runtime/start.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_RING_BYTES 0xF000u
#define ANSWER_RING_BYTES 0x2000u
#define INPUT_RETRY_MS    100u
#define WISH_MS           1000u /* then the supervisor's answer is not waited for any more */
#define KEYS_PER_TURN     256u
#define LIST_LINE_MAX     128u /* of the list of domains, the largest numbers included */

static struct mux mux;
static struct pl011 uart;
static struct loop_timer tick_timer, retry_timer;
static const struct keel_connection *supervisor;
static const struct keel_connection *input_way[MUX_CONSOLES_MAX]; /* of those that take input */
static struct {
    enum mux_action action;
    int console;
    uint32_t tag;
    uint64_t until; /* the answer is waited for; 0: none is */
} wish;             /* what was asked of the supervisor last */

static uint64_t now_ms(void)
{
    return clock_ns(keel_counter()) / CLOCK_NS_PER_MS;
}

static void settle(void);

static void on_timer(void *context)
{
    (void)context;
    mux_tick(&mux, now_ms());
    settle();
}

/* Writes what the UART takes. When all is written, senders may go on. */
static void uart_write(void)
{
    const uint8_t *bytes;
    size_t n;
    while ((n = mux_output_peek(&mux, &bytes)) > 0) {
        size_t done = pl011_write(&uart, bytes, n);
        mux_output_taken(&mux, done);
        if (done < n)
            break;
    }
    pl011_want_room(&uart, n > 0);
    if (mux_ready(&mux))
        loop_port_resume(KEEL_PORT_CONSOLE);
}

/* Sends a console its input. What it does not take now waits for space there, or for the timer. */
static bool input_send(int console)
{
    static bool told[MUX_CONSOLES_MAX];
    uint8_t bytes[KEEL_CONSOLE_BYTES_MAX];
    char text[KEEL_NAME_MAX + 64];
    size_t n;
    while ((n = mux_input_peek(&mux, console, bytes, sizeof(bytes))) > 0) {
        int status =
            argo_send_to(input_way[console], KEEL_PORT_CONSOLE, KEEL_CONSOLE_INPUT, bytes, n);
        if (status < 0 && status != -EAGAIN && status != -EBUSY && !told[console]) {
            told[console] = true;
            snprintf(text, sizeof(text), "%s does not listen (%s): keys wait\n",
                     mux.console[console].name, strerror(-status));
            mux_print(&mux, text);
        }
        if (status < 0)
            return false;
        told[console] = false;
        mux_input_taken(&mux, console, n);
    }
    return true;
}

static void inputs_send(void)
{
    bool all = true;
    for (int i = 0; i < mux.consoles; i++)
        all &= input_send(i);
    if (all)
        loop_timer_stop(&retry_timer);
    else if (retry_timer.deadline == 0)
        loop_timer_set(&retry_timer, clock_after_ms(INPUT_RETRY_MS), on_timer, NULL);
}

static void supervisor_ask(uint32_t op, uint32_t domain)
{
    struct keel_supervisor_request request = {.tag = ++wish.tag, .domain = domain};
    char text[128];
    int status = supervisor == NULL
                     ? -EACCES
                     : argo_send_to(supervisor, KEEL_PORT_CONTROL, op, &request, sizeof(request));
    if (status >= 0)
        return;
    wish.until = 0;
    snprintf(text, sizeof(text), "the supervisor does not hear: %s\n", strerror(-status));
    mux_print(&mux, text);
}

/* One at a time: a key that comes before the answer to the last one must not replace it. */
static void wish_take(void)
{
    if (now_ms() < wish.until)
        return;
    enum mux_action action = mux_action(&mux);
    if (action == MUX_NOTHING)
        return;
    wish.action = action;
    wish.until = now_ms() + WISH_MS;
    wish.console = mux.focus;
    /* Which domain a console's name is, only the supervisor knows: its list comes first. */
    supervisor_ask(action == MUX_OFF ? KEEL_SUPERVISOR_OFF : KEEL_SUPERVISOR_LIST, 0);
}

/* After every event: everything moves on that can. */
static void settle(void)
{
    wish_take();
    inputs_send();
    uart_write();
    uint64_t deadline = mux_deadline(&mux);
    if (deadline == UINT64_MAX)
        loop_timer_stop(&tick_timer);
    else
        loop_timer_set(&tick_timer, clock_ticks((deadline + 1) * CLOCK_NS_PER_MS), on_timer, NULL);
}

static void on_uart(void *context, uint32_t bit)
{
    uint8_t keys[KEYS_PER_TURN];
    (void)context;
    (void)bit;
    pl011_acknowledge(&uart);
    mux_keys(&mux, keys, pl011_read(&uart, keys, sizeof(keys)), now_ms());
    settle();
}

static bool on_output(void *context, const struct argo_message *message)
{
    uint8_t bytes[KEEL_CONSOLE_BYTES_MAX];
    uint64_t dropped;
    (void)context;
    if (!mux_ready(&mux))
        return false;
    int console = mux_sender(&mux, message->source.domain_id, message->source.aport);
    size_t n = message->bytes < sizeof(bytes) ? message->bytes : sizeof(bytes);
    if (message->type == KEEL_CONSOLE_OUTPUT && argo_message_read(message, 0, bytes, n)) {
        mux_output(&mux, console, bytes, n, now_ms());
        if (n < message->bytes)
            mux_dropped(&mux, console, message->bytes - n, now_ms());
    } else if (message->type == KEEL_CONSOLE_DROPPED && argo_message_take(message, &dropped)) {
        mux_dropped(&mux, console, dropped, now_ms());
    }
    settle();
    return true;
}

static const char *state_name(uint32_t state)
{
    static const char *const names[] = {"absent", "building", "sealed", "running", "stopped"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static void list_print(const struct keel_supervisor_entry *entries, uint32_t n)
{
    static char text[KEEL_DOMAINS_MAX * LIST_LINE_MAX];
    size_t used = 0;
    for (uint32_t i = 0; i < n && used + LIST_LINE_MAX <= sizeof(text); i++) {
        const struct keel_supervisor_entry *entry = &entries[i];
        int console = mux_find(&mux, entry->name);
        char number[8] = "-";
        if (console != MUX_NONE)
            snprintf(number, sizeof(number), "%d%s", console + 1, console == mux.focus ? "*" : "");
        used += (size_t)snprintf(text + used, LIST_LINE_MAX,
                                 "%3s %-20.31s %-8s life %u, domain %u, %u restarts, %llu KiB\n",
                                 number, entry->name, state_name(entry->state), entry->incarnation,
                                 entry->domain, entry->restarts,
                                 (unsigned long long)entry->pages * (KEEL_PAGE_SIZE / 1024));
    }
    mux_print(&mux, text);
}

/* The list that was asked for in order to know which domain the user means. */
static void list_use(const struct keel_supervisor_entry *entries, uint32_t n)
{
    const char *name = mux.console[wish.console].name;
    char text[KEEL_NAME_MAX + 64];
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(entries[i].name, name) != 0)
            continue;
        supervisor_ask(wish.action == MUX_STOP ? KEEL_SUPERVISOR_STOP : KEEL_SUPERVISOR_RESTART,
                       entries[i].domain);
        return;
    }
    snprintf(text, sizeof(text), "the supervisor knows no domain %s\n", name);
    mux_print(&mux, text);
}

/* The entries of a list, as many as there are; names end. */
static uint32_t list_read(const struct argo_message *message, uint32_t n,
                          struct keel_supervisor_entry entries[KEEL_DOMAINS_MAX])
{
    const uint32_t header = sizeof(struct keel_supervisor_answer);
    if (n > KEEL_DOMAINS_MAX)
        n = KEEL_DOMAINS_MAX;
    if (!argo_message_read(message, header, entries, n * sizeof(entries[0])))
        return 0;
    for (uint32_t i = 0; i < n; i++)
        entries[i].name[sizeof(entries[i].name) - 1] = '\0';
    return n;
}

static void refusal_print(int32_t status)
{
    char text[128];
    snprintf(text, sizeof(text), "the supervisor refuses: %s\n", strerror(-status));
    mux_print(&mux, text);
}

static bool on_answer(void *context, const struct argo_message *message)
{
    static struct keel_supervisor_entry entries[KEEL_DOMAINS_MAX];
    struct keel_supervisor_answer answer;
    (void)context;
    if (!argo_message_read(message, 0, &answer, sizeof(answer)) || answer.tag != wish.tag)
        return true;
    wish.until = 0;
    if (answer.status < 0) {
        refusal_print(answer.status);
    } else if (message->type == KEEL_SUPERVISOR_LIST) {
        uint32_t n = list_read(message, answer.nentries, entries);
        if (wish.action == MUX_LIST)
            list_print(entries, n);
        else
            list_use(entries, n);
    }
    settle();
    return true;
}

static void on_space(void *context)
{
    (void)context;
    settle();
}

/* Guests' lines come first, so that they get the low numbers. */
static void consoles_add(uint32_t port)
{
    const struct keel_connection *connection;
    for (uint32_t i = 0; (connection = keel_connection_at(i)) != NULL; i++) {
        if (connection->port == KEEL_PORT_SUPERVISOR && (connection->rights & KEEL_RIGHT_SEND) != 0)
            supervisor = connection;
        if (connection->port != port)
            continue;
        int console = MUX_NONE;
        for (int k = 0; k < mux.consoles; k++) /* its two directions may be two connections */
            if (mux.console[k].domain == connection->domain && mux.console[k].port == port)
                console = k;
        if (console == MUX_NONE)
            console = mux_add(&mux, connection->name, connection->domain, port,
                              port == KEEL_PORT_GUEST, false);
        if (console != MUX_NONE && (connection->rights & KEEL_RIGHT_SEND) != 0) {
            mux.console[console].takes_input = true;
            input_way[console] = connection;
        }
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
    mux_init(&mux);
    consoles_add(KEEL_PORT_GUEST);
    consoles_add(KEEL_PORT_STDIO);
    pl011_start(&uart, device->address);
    mux_help(&mux);
    name = argument(argv, "focus");
    if (name != NULL && mux_find(&mux, name) == MUX_NONE)
        mux_print(&mux, "there is no console with the name given by focus=\n");
    int focus = name != NULL ? mux_find(&mux, name) : MUX_NONE;
    mux_focus(&mux, focus != MUX_NONE ? focus : 0, now_ms());

    if (loop_port(KEEL_PORT_CONSOLE, KEEL_DOMAIN_ANY, OUTPUT_RING_BYTES, on_output, NULL) < 0)
        mux_print(&mux, "no port for output: only the kernel is heard here\n");
    if (supervisor != NULL &&
        loop_port(KEEL_PORT_CONTROL, supervisor->domain, ANSWER_RING_BYTES, on_answer, NULL) < 0)
        mux_print(&mux, "no port for the supervisor's answers\n");
    if (loop_interrupts(device, on_uart, NULL) < 0)
        mux_print(&mux, "no interrupt: keys are not read\n");
    loop_space(on_space, NULL);
    settle();
    loop_run();
}
