/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many consoles on one terminal. The focused console's bytes pass through as they are; the others'
 * come in whole lines behind "[name] ", never inside a line of the focused one unless that line has
 * stayed incomplete for MUX_HOLD_MS or MUX_HELD_MAX bytes wait: then it is broken with a visible
 * `\` and drawn again below. Keys go to the focused console, except those behind the prefix Ctrl-].
 *
 * No input or output of its own and no clock: bytes go in and out by these functions, `now` is in
 * milliseconds and only has to grow. Everything is bounded, and what is dropped is counted and
 * shown.
 */
#ifndef CONSOLE_MUX_H
#define CONSOLE_MUX_H

#include <keel/start.h>
#include <keel/stream.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUX_CONSOLES_MAX 64
#define MUX_LINE_MAX     256u
#define MUX_INPUT_MAX    4096u
#define MUX_HELD_MAX     4096u
#define MUX_OUTPUT_MAX   65536u
#define MUX_CHUNK_MAX    512u /* of output that is given at once */
#define MUX_KEYS_MAX     256u

#define MUX_HOLD_MS  300u /* that others' lines wait for the focused line to end */
#define MUX_FLUSH_MS 500u /* that an incomplete line of another console waits for its end */

#define MUX_KEY_PREFIX 0x1du /* Ctrl-] */
#define MUX_NONE       (-1)

struct mux_console {
    char name[KEEL_NAME_MAX];
    uint16_t domain; /* who sends its output, and from which port */
    uint32_t port;
    bool raw;         /* a guest's serial line: no newline is touched */
    bool takes_input; /* somebody is there to whom input can be sent */

    uint8_t line[MUX_LINE_MAX]; /* since the last newline */
    uint32_t used;
    uint32_t shown; /* of these, already on the terminal */
    uint64_t since; /* when the first byte came that is not shown */
    bool cr;        /* the byte before was a carriage return */

    uint64_t input_put, input_taken; /* bytes of its input, since ever */
    uint64_t input_refused;          /* bytes, so far */
    bool refusal_told;

    struct keel_stream_place place; /* of its output: what comes next */
    uint64_t dropped;               /* bytes of it, which is not shown yet */
};

enum mux_action { MUX_NOTHING, MUX_LIST, MUX_STOP, MUX_RESTART, MUX_OFF };

/*
 * Plain data that another instance can go on with. The rings only grow behind what is in them, and
 * what is taken from the output is one store: so an unfinished change is undone by putting back
 * what is behind MUX_KEPT, as far as there are consoles, and what was held.
 */
struct mux {
    uint8_t output[MUX_OUTPUT_MAX];                 /* for the terminal; a ring */
    uint8_t input[MUX_CONSOLES_MAX][MUX_INPUT_MAX]; /* rings */
    uint8_t held[MUX_HELD_MAX];                     /* lines of others, formatted */
    uint8_t keys[MUX_KEYS_MAX];
    uint64_t output_taken; /* bytes, since ever */

    uint64_t output_put;
    uint64_t output_lost; /* bytes: only if mux_ready was not asked */
    uint32_t nkeys;       /* read, and not looked at */
    uint32_t held_used;
    uint64_t held_since;
    int consoles;
    int focus;    /* index, or MUX_NONE */
    bool midline; /* the cursor is behind a part of a line of the focused console */
    bool prefix;  /* the key before was MUX_KEY_PREFIX */
    enum mux_action action;
    struct mux_console console[MUX_CONSOLES_MAX];
};
#define MUX_KEPT offsetof(struct mux, output_put)

/* What it was before a change; plain data, too. */
struct mux_undo {
    uint64_t valid; /* 1: the change is unfinished */
    uint8_t held[MUX_HELD_MAX];
    uint8_t kept[sizeof(struct mux) - MUX_KEPT];
};

void mux_init(struct mux *mux);

/* Around every change but mux_output_taken and a key more: it happens as a whole or not at all. */
void mux_begin(const struct mux *mux, struct mux_undo *undo);
void mux_end(struct mux_undo *undo);

/* Undoes what was begun and not ended. Whether what remains makes sense. */
bool mux_recover(struct mux *mux, struct mux_undo *undo);

/* Adds a console; its number for the user is the result + 1. MUX_NONE: no room. */
int mux_add(struct mux *mux, const char *name, uint16_t domain, uint32_t port, bool raw,
            bool takes_input);

/* The console with that name. */
int mux_find(const struct mux *mux, const char *name);

void mux_focus(struct mux *mux, int console, uint64_t now);

/* Whether there is room for whatever MUX_CHUNK_MAX bytes of output may turn into. Ask first. */
bool mux_ready(const struct mux *mux);
void mux_output(struct mux *mux, int console, const uint8_t *bytes, size_t n, uint64_t now);

/* Its output is another stream, or goes on elsewhere in it. Behind bytes it goes on by itself. */
void mux_place(struct mux *mux, int console, const struct keel_stream_place *place);

/* The sender has dropped so many bytes of output: that is shown, at the latest when there is room
 * for it and this is called again (with 0). */
void mux_dropped(struct mux *mux, int console, uint64_t bytes, uint64_t now);

/* Lines of the console itself, '\n' behind each, shown at once. */
void mux_print(struct mux *mux, const char *text);
void mux_help(struct mux *mux);

/* Bytes from the terminal. */
void mux_keys(struct mux *mux, const uint8_t *bytes, size_t n, uint64_t now);

/* The same, of those in mux->keys. */
void mux_keys_waiting(struct mux *mux, uint64_t now);

/* What the user asked for, once; it is about the focused console. */
enum mux_action mux_action(struct mux *mux);

/* So many bytes of a console's input have been delivered. */
void mux_input_taken(struct mux *mux, int console, size_t n);

/* Output for the terminal: a run of bytes; taken: so many have been written. */
size_t mux_output_peek(const struct mux *mux, const uint8_t **bytes);
void mux_output_taken(struct mux *mux, size_t n);

/* When mux_tick has to be called; UINT64_MAX: never, as things are. */
uint64_t mux_deadline(const struct mux *mux);
void mux_tick(struct mux *mux, uint64_t now);

#endif
