/* SPDX-License-Identifier: Apache-2.0 */
/* What pair_client.c and pair_server.c say to each other; what has to be seen is in ../pair.py. */
#ifndef PAIR_H
#define PAIR_H

#include <keel/message.h>
#include <runtime/stream.h>
#include <runtime/vault.h>

#define PORT_ASK   7u /* requests */
#define PORT_THERE 8u /* a stream from the client to the server, */
#define PORT_BACK  9u /* and what it heard back */
#define RING_PAGES 2u
#define BUFFER     3000u /* of each writer */

enum {
    PAIR_NOTE = KEEL_REQUEST | 1,  /* struct note; answer: struct noted. Not to be done twice */
    PAIR_LATER = KEEL_REQUEST | 2, /* the same, answered some time later */
    PAIR_LOOK = KEEL_REQUEST | 3,  /* struct note; answer: struct noted. As often as one likes */
};

struct note {
    uint32_t number; /* below NOTES */
};
struct noted {
    uint32_t number, times; /* how often it was noted so far */
};
KEEL_PAYLOAD(PAIR_NOTE, struct note);
KEEL_PAYLOAD(PAIR_LATER, struct note);
KEEL_PAYLOAD(PAIR_LOOK, struct note);

#define NOTES 100000u

/* The byte of the stream at that position. */
static inline uint8_t pair_byte(uint64_t position)
{
    return (uint8_t)(position * 7 + position / 256 + position / 65536);
}

/* What was heard, and of the server what of that it has said: changes as one, and is in the vault. */
struct pair_state {
    struct keel_stream_place place;
    uint64_t put; /* into the stream back */
    uint64_t wrong, lost;
};
struct pair_states {
    uint64_t current;
    struct pair_state state[2];
};

static inline const struct pair_state *pair_state(const struct pair_states *states)
{
    return &states->state[states->current & 1];
}

static inline struct pair_state *pair_change(struct pair_states *states)
{
    struct pair_state *next = &states->state[states->current ^ 1];
    *next = states->state[states->current];
    return next;
}

static inline void pair_commit(struct pair_states *states)
{
    vault_order();
    states->current ^= 1;
    vault_order();
}

static inline void pair_told(struct pair_states *states, const struct stream_notice *notice)
{
    struct pair_state *next = pair_change(states);
    if (notice->event == STREAM_BEGINS || notice->event == STREAM_LOST)
        next->place = notice->place;
    if (notice->event == STREAM_LOST)
        next->lost += notice->detail;
    pair_commit(states);
}

#endif
