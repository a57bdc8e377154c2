/* SPDX-License-Identifier: Apache-2.0 */
/* See mux.h. */
#include "mux.h"

#include <stdio.h>
#include <string.h>

#define BELL      "\a"
#define CONTINUED "\\" /* at the end of a line on the terminal that is not the end of the text */
#define NEWLINE   "\r\n"

/* The longest line of another console: "[name] ", the text, the mark, the newline. */
#define FORMATTED_MAX (KEEL_NAME_MAX + 2 + MUX_LINE_MAX + 1 + 2)

/*
 * What one chunk can turn into: for each of its bytes a line with nothing but its frame, and before
 * them what was dropped, the held lines, a line that was begun, and the focused line drawn again.
 */
#define CHUNK_ROOM (MUX_CHUNK_MAX * (KEEL_NAME_MAX + 6) + MUX_HELD_MAX + 4 * FORMATTED_MAX)
_Static_assert(2 * CHUNK_ROOM < MUX_OUTPUT_MAX, "two chunks fit into the output");

static void emit(struct mux *mux, const void *bytes, size_t n)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < n; i++) {
        if (mux->output_put - mux->output_taken == MUX_OUTPUT_MAX) {
            mux->output_lost += n - i;
            return;
        }
        mux->output[mux->output_put++ % MUX_OUTPUT_MAX] = from[i];
    }
}

static void emit_text(struct mux *mux, const char *text)
{
    emit(mux, text, strlen(text));
}

void mux_init(struct mux *mux)
{
    memset(mux, 0, sizeof(*mux));
    mux->focus = MUX_NONE;
}

/* Of what is behind MUX_KEPT, as much as is in use. */
static size_t kept_bytes(int consoles)
{
    return offsetof(struct mux, console) - MUX_KEPT + (size_t)consoles * sizeof(struct mux_console);
}

void mux_begin(const struct mux *mux, struct mux_undo *undo)
{
    memcpy(undo->held, mux->held, mux->held_used);
    memcpy(undo->kept, (const uint8_t *)mux + MUX_KEPT, kept_bytes(mux->consoles));
    __atomic_store_n(&undo->valid, 1, __ATOMIC_RELEASE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void mux_end(struct mux_undo *undo)
{
    __atomic_store_n(&undo->valid, 0, __ATOMIC_RELEASE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static bool makes_sense(const struct mux *mux)
{
    bool sense = mux->consoles >= 0 && mux->consoles <= MUX_CONSOLES_MAX &&
                 mux->focus >= MUX_NONE && mux->focus < mux->consoles &&
                 mux->held_used <= MUX_HELD_MAX && mux->nkeys <= MUX_KEYS_MAX &&
                 mux->output_put - mux->output_taken <= MUX_OUTPUT_MAX;
    for (int i = 0; sense && i < mux->consoles; i++) {
        const struct mux_console *console = &mux->console[i];
        sense = console->name[sizeof(console->name) - 1] == '\0' && console->used <= MUX_LINE_MAX &&
                console->shown <= console->used &&
                console->input_put - console->input_taken <= MUX_INPUT_MAX;
    }
    return sense;
}

bool mux_recover(struct mux *mux, struct mux_undo *undo)
{
    if (undo->valid != 0) {
        int consoles;
        memcpy(&consoles, undo->kept + (offsetof(struct mux, consoles) - MUX_KEPT),
               sizeof(consoles));
        if (consoles < 0 || consoles > MUX_CONSOLES_MAX)
            return false;
        memcpy(mux->held, undo->held, sizeof(mux->held));
        memcpy((uint8_t *)mux + MUX_KEPT, undo->kept, kept_bytes(consoles));
        mux_end(undo);
    }
    return makes_sense(mux);
}

int mux_add(struct mux *mux, const char *name, uint16_t domain, uint32_t port, bool raw,
            bool takes_input)
{
    if (mux->consoles == MUX_CONSOLES_MAX)
        return MUX_NONE;
    struct mux_console *console = &mux->console[mux->consoles];
    snprintf(console->name, sizeof(console->name), "%.*s", KEEL_NAME_MAX - 1, name);
    console->domain = domain;
    console->port = port;
    console->raw = raw;
    console->takes_input = takes_input;
    return mux->consoles++;
}

int mux_find(const struct mux *mux, const char *name)
{
    for (int i = 0; i < mux->consoles; i++)
        if (strcmp(mux->console[i].name, name) == 0)
            return i;
    return MUX_NONE;
}

static struct mux_console *focused(struct mux *mux)
{
    return mux->focus == MUX_NONE ? NULL : &mux->console[mux->focus];
}

/* Ends the focused console's incomplete line on the terminal, to write something else. */
static void line_break(struct mux *mux)
{
    if (mux->midline)
        emit_text(mux, CONTINUED NEWLINE);
    emit(mux, mux->held, mux->held_used);
    mux->held_used = 0;
}

/* Draws it again, so that what follows continues it, and so that no line is torn for good. */
static void line_redraw(struct mux *mux)
{
    const struct mux_console *console = focused(mux);
    if (!mux->midline || console == NULL)
        return;
    emit(mux, console->line, console->used);
    if (console->cr)
        emit_text(mux, "\r");
}

/* A line of the terminal that is not the focused console's. */
static void line_put(struct mux *mux, const char *name, const uint8_t *text, size_t n, bool ends,
                     uint64_t now)
{
    char formatted[FORMATTED_MAX];
    size_t used =
        (size_t)snprintf(formatted, sizeof(formatted), "[%.*s] ", KEEL_NAME_MAX - 1, name);
    for (size_t i = 0; i < n; i++) {
        bool control = (text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f;
        formatted[used++] = control ? '?' : (char)text[i]; /* who has no focus moves no cursor */
    }
    for (const char *tail = ends ? NEWLINE : CONTINUED NEWLINE; *tail != '\0'; tail++)
        formatted[used++] = *tail;
    if (!mux->midline) {
        emit(mux, formatted, used);
        return;
    }
    if (mux->held_used + used > MUX_HELD_MAX) {
        line_break(mux);
        line_redraw(mux);
    }
    if (mux->held_used == 0)
        mux->held_since = now;
    memcpy(&mux->held[mux->held_used], formatted, used);
    mux->held_used += (uint32_t)used;
}

/* Shows what another console has of its line. */
static void line_show(struct mux *mux, struct mux_console *console, bool ends, uint64_t now)
{
    if (console->used > console->shown || (ends && console->shown == 0))
        line_put(mux, console->name, &console->line[console->shown], console->used - console->shown,
                 ends, now);
    console->shown = console->used;
    if (ends)
        console->used = console->shown = 0;
}

static void focused_byte(struct mux *mux, struct mux_console *console, uint8_t byte)
{
    if (byte == '\n' && !console->raw && !console->cr)
        emit_text(mux, "\r");
    emit(mux, &byte, 1);
    mux->midline = byte != '\n';
    if (byte == '\n') {
        console->used = 0;
        line_break(mux);
    } else if (byte != '\r') {
        if (console->cr || console->used == MUX_LINE_MAX)
            console->used = 0; /* it is written over, or has wrapped */
        console->line[console->used++] = byte;
    }
    console->cr = byte == '\r';
    console->shown = console->used;
}

static void other_byte(struct mux *mux, struct mux_console *console, uint8_t byte, uint64_t now)
{
    bool over = console->cr && byte != '\n' && byte != '\r' && console->used > 0;
    console->cr = byte == '\r';
    if (over || byte == '\n')
        line_show(mux, console, true, now);
    if (byte == '\n' || byte == '\r')
        return;
    if (console->used == MUX_LINE_MAX) {
        line_show(mux, console, false, now);
        console->used = console->shown = 0;
    }
    if (console->used == console->shown)
        console->since = now;
    console->line[console->used++] = byte;
}

void mux_output(struct mux *mux, int console, const uint8_t *bytes, size_t n, uint64_t now)
{
    if (console < 0 || console >= mux->consoles)
        return;
    mux_dropped(mux, console, 0, now);
    for (size_t i = 0; i < n; i++) {
        if (console == mux->focus)
            focused_byte(mux, &mux->console[console], bytes[i]);
        else
            other_byte(mux, &mux->console[console], bytes[i], now);
    }
    mux->console[console].place.position += n;
}

void mux_place(struct mux *mux, int console, const struct keel_stream_place *place)
{
    if (console >= 0 && console < mux->consoles)
        mux->console[console].place = *place;
}

void mux_dropped(struct mux *mux, int console, uint64_t bytes, uint64_t now)
{
    char text[MUX_LINE_MAX];
    if (console < 0 || console >= mux->consoles)
        return;
    struct mux_console *from = &mux->console[console];
    from->dropped += bytes;
    if (from->dropped == 0 || !mux_ready(mux))
        return;
    int n = snprintf(text, sizeof(text), "%s dropped %llu bytes of output", from->name,
                     (unsigned long long)from->dropped);
    from->dropped = 0;
    line_put(mux, "console", (const uint8_t *)text, (size_t)n, true, now);
}

void mux_print(struct mux *mux, const char *text)
{
    line_break(mux);
    for (const char *end; *text != '\0'; text = end) {
        size_t n = strcspn(text, "\n");
        end = text + n + (text[n] == '\n');
        emit_text(mux, "[console] ");
        emit(mux, text, n);
        emit_text(mux, NEWLINE);
    }
    line_redraw(mux);
}

void mux_help(struct mux *mux)
{
    mux_print(mux, "keys: Ctrl-] then n or 1-9: focus, l: list, k: stop, r: restart, "
                   "q: leave, h: help, Ctrl-]: send it\n");
}

void mux_focus(struct mux *mux, int console, uint64_t now)
{
    char text[KEEL_NAME_MAX + 32];
    if (console < 0 || console >= mux->consoles)
        return;
    line_break(mux);
    mux->midline = false;
    if (focused(mux) != NULL)
        focused(mux)->since = now;
    mux->focus = console;
    snprintf(text, sizeof(text), "focus: %d %s\n", console + 1, mux->console[console].name);
    mux_print(mux, text);
    mux->console[console].shown = mux->console[console].used;
    mux->midline = mux->console[console].used > 0;
    line_redraw(mux);
}

static void input_refuse(struct mux *mux, struct mux_console *console, const char *why)
{
    char text[KEEL_NAME_MAX + 80];
    emit_text(mux, BELL);
    console->input_refused++;
    if (console->refusal_told)
        return;
    console->refusal_told = true;
    snprintf(text, sizeof(text), "%s %s: keys are dropped\n", console->name, why);
    mux_print(mux, text);
}

static void input_add(struct mux *mux, uint8_t byte)
{
    struct mux_console *console = focused(mux);
    if (console == NULL)
        emit_text(mux, BELL);
    else if (!console->takes_input)
        input_refuse(mux, console, "takes no input");
    else if (console->input_put - console->input_taken == MUX_INPUT_MAX)
        input_refuse(mux, console, "does not read its input");
    else
        mux->input[mux->focus][console->input_put++ % MUX_INPUT_MAX] = byte;
}

static void action_set(struct mux *mux, enum mux_action action)
{
    if (mux->action != MUX_NOTHING ||
        (mux->focus == MUX_NONE && action != MUX_LIST && action != MUX_OFF))
        emit_text(mux, BELL);
    else
        mux->action = action;
}

static void command(struct mux *mux, uint8_t key, uint64_t now)
{
    switch (key) {
    case MUX_KEY_PREFIX:
        input_add(mux, key);
        break;
    case 'n':
        if (mux->consoles > 0)
            mux_focus(mux, (mux->focus + 1) % mux->consoles, now);
        break;
    case 'l':
        action_set(mux, MUX_LIST);
        break;
    case 'k':
        action_set(mux, MUX_STOP);
        break;
    case 'r':
        action_set(mux, MUX_RESTART);
        break;
    case 'q':
        action_set(mux, MUX_OFF);
        break;
    case 'h':
    case '?':
        mux_help(mux);
        break;
    default:
        if (key >= '1' && key <= '9' && key - '1' < mux->consoles) {
            mux_focus(mux, key - '1', now);
        } else {
            emit_text(mux, BELL);
            mux_help(mux);
        }
    }
}

void mux_keys(struct mux *mux, const uint8_t *bytes, size_t n, uint64_t now)
{
    for (size_t i = 0; i < n; i++) {
        if (mux->prefix) {
            mux->prefix = false;
            command(mux, bytes[i], now);
        } else if (bytes[i] == MUX_KEY_PREFIX) {
            mux->prefix = true;
        } else {
            input_add(mux, bytes[i]);
        }
    }
}

void mux_keys_waiting(struct mux *mux, uint64_t now)
{
    mux_keys(mux, mux->keys, mux->nkeys, now);
    mux->nkeys = 0;
}

enum mux_action mux_action(struct mux *mux)
{
    enum mux_action action = mux->action;
    mux->action = MUX_NOTHING;
    return action;
}

void mux_input_taken(struct mux *mux, int console, size_t n)
{
    struct mux_console *from = &mux->console[console];
    uint64_t used = from->input_put - from->input_taken;
    uint64_t part = n < used ? n : used;
    from->input_taken += part;
    if (part > 0 && from->refusal_told) {
        char text[KEEL_NAME_MAX + 64];
        from->refusal_told = false;
        snprintf(text, sizeof(text), "%s reads again; %llu keys were dropped so far\n", from->name,
                 (unsigned long long)from->input_refused);
        mux_print(mux, text);
    }
}

size_t mux_output_peek(const struct mux *mux, const uint8_t **bytes)
{
    size_t first = mux->output_taken % MUX_OUTPUT_MAX, run = MUX_OUTPUT_MAX - first;
    size_t used = (size_t)(mux->output_put - mux->output_taken);
    *bytes = &mux->output[first];
    return run < used ? run : used;
}

void mux_output_taken(struct mux *mux, size_t n)
{
    uint64_t used = mux->output_put - mux->output_taken;
    mux->output_taken += n < used ? n : used;
}

bool mux_ready(const struct mux *mux)
{
    return MUX_OUTPUT_MAX - (mux->output_put - mux->output_taken) >= CHUNK_ROOM;
}

uint64_t mux_deadline(const struct mux *mux)
{
    uint64_t deadline = UINT64_MAX;
    if (mux->held_used > 0)
        deadline = mux->held_since + MUX_HOLD_MS;
    for (int i = 0; i < mux->consoles; i++) {
        const struct mux_console *console = &mux->console[i];
        if (i != mux->focus && console->used > console->shown &&
            console->since + MUX_FLUSH_MS < deadline)
            deadline = console->since + MUX_FLUSH_MS;
    }
    return deadline;
}

void mux_tick(struct mux *mux, uint64_t now)
{
    for (int i = 0; i < mux->consoles; i++) {
        struct mux_console *console = &mux->console[i];
        if (i != mux->focus && console->used > console->shown &&
            now >= console->since + MUX_FLUSH_MS)
            line_show(mux, console, false, now);
    }
    if (mux->held_used > 0 && now >= mux->held_since + MUX_HOLD_MS) {
        line_break(mux);
        line_redraw(mux);
    }
}
