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
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUX_CONSOLES_MAX 64
#define MUX_LINE_MAX     256u
#define MUX_INPUT_MAX    4096u
#define MUX_HELD_MAX     4096u
#define MUX_OUTPUT_MAX   65536u
#define MUX_CHUNK_MAX    512u /* of output that is given at once */

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

    uint8_t input[MUX_INPUT_MAX]; /* a ring */
    uint32_t input_first, input_used;
    uint64_t input_refused; /* bytes, so far */
    bool refusal_told;
};

enum mux_action { MUX_NOTHING, MUX_LIST, MUX_STOP, MUX_RESTART, MUX_OFF };

struct mux {
    struct mux_console console[MUX_CONSOLES_MAX];
    int consoles;
    int focus;    /* index, or MUX_NONE */
    bool midline; /* the cursor is behind a part of a line of the focused console */
    bool prefix;  /* the key before was MUX_KEY_PREFIX */
    enum mux_action action;

    uint8_t held[MUX_HELD_MAX]; /* lines of others, formatted */
    uint32_t held_used;
    uint64_t held_since;

    uint8_t output[MUX_OUTPUT_MAX]; /* for the terminal; a ring */
    uint32_t output_first, output_used;
    uint64_t output_lost; /* bytes: only if mux_ready was not asked */
};

void mux_init(struct mux *mux);

/* Adds a console; its number for the user is the result + 1. MUX_NONE: no room. */
int mux_add(struct mux *mux, const char *name, uint16_t domain, uint32_t port, bool raw,
            bool takes_input);

/* The console with that name; or the one with that sender, made if it was not there. */
int mux_find(const struct mux *mux, const char *name);
int mux_sender(struct mux *mux, uint16_t domain, uint32_t port);

void mux_focus(struct mux *mux, int console, uint64_t now);

/* Whether there is room for whatever MUX_CHUNK_MAX bytes of output may turn into. Ask first. */
bool mux_ready(const struct mux *mux);
void mux_output(struct mux *mux, int console, const uint8_t *bytes, size_t n, uint64_t now);

/* The sender says that it has dropped so many bytes of output. */
void mux_dropped(struct mux *mux, int console, uint64_t bytes, uint64_t now);

/* Lines of the console itself, '\n' behind each, shown at once. */
void mux_print(struct mux *mux, const char *text);
void mux_help(struct mux *mux);

/* Bytes from the terminal. */
void mux_keys(struct mux *mux, const uint8_t *bytes, size_t n, uint64_t now);

/* What the user asked for, once; it is about the focused console. */
enum mux_action mux_action(struct mux *mux);

/* Input that waits for a console: at most n bytes are copied; taken: so many have been delivered.
 */
size_t mux_input_peek(const struct mux *mux, int console, uint8_t *to, size_t n);
void mux_input_taken(struct mux *mux, int console, size_t n);

/* Output for the terminal: a run of bytes; taken: so many have been written. */
size_t mux_output_peek(const struct mux *mux, const uint8_t **bytes);
void mux_output_taken(struct mux *mux, size_t n);

/* When mux_tick has to be called; UINT64_MAX: never, as things are. */
uint64_t mux_deadline(const struct mux *mux);
void mux_tick(struct mux *mux, uint64_t now);

#endif
