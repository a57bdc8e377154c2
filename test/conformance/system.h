/* SPDX-License-Identifier: Apache-2.0 */
/* What run.py's system is: who has which id, who may send where; and how the suite commands its
 * partners. */
#ifndef CONFORMANCE_SYSTEM_H
#define CONFORMANCE_SYSTEM_H

#include <keel/argo.h>

/* Ids follow the order of the nodes in the system. */
enum {
    ID_PARTNER = 2, /* does what the suite tells it; has as much memory as the suite */
    ID_OTHER,       /* likewise, with little memory; begins anew when it has ended */
    ID_GONE,        /* was stopped on request: it does not exist */
    ID_ENDED,       /* has ended by itself, and is left so: it exists */
    ID_LATER,       /* was made, and never begins */
    ID_CROWD,       /* the first of CROWD more of the partner's kind */
};
#define CROWD    33u
#define ID_SUITE (ID_CROWD + CROWD)

/* The suite, its partner and the other provide all of these. */
#define PORT_CONTROL 1u  /* commands, and answers */
#define PORT_A       40u /* they may send here to each other; the crowd may to all of them */
#define PORT_B       41u /* they may send here to each other */
#define PORT_CLOSED  42u /* nobody may send here */
#define PORT_NONE    43u /* nobody provides this one */

enum command_what {
    COMMAND_HELLO = 1,
    COMMAND_SEND,       /* `count` messages from own `port` to `to`, or until one fails */
    COMMAND_SEND_WAIT,  /* one message; without space: later, with each signal, until it is taken */
    COMMAND_REGISTER,   /* a ring of `len` bytes at `port` for `partner`; type: the flags */
    COMMAND_UNREGISTER, /* and forgets what it held */
    COMMAND_TAKE,       /* at most `count` messages of that ring; tells nobody */
    COMMAND_NOTIFY,     /* tells those who wait */
    COMMAND_QUERY,      /* asks for `len` bytes of space in the ring of `to` */
    COMMAND_WATCH, /* begins to count signals that nothing came with; ends with the next command */
    COMMAND_WATCHED, /* how many they were */
    COMMAND_RESET,   /* no rings but that for commands */
    COMMAND_EXIT,    /* its life */
};

struct command {
    uint32_t what;
    uint32_t serial;   /* of the answer; 0: it is to give none */
    uint32_t delay_ms; /* before it begins */
    uint32_t port;
    uint16_t partner;
    uint16_t hops; /* not for the one that gets it: it hands it on to the next id, with one less */
    struct keel_argo_addr to;
    uint32_t len;  /* SEND, TAKE: bytes of the first message; */
    uint32_t step; /* each has so many more than the one before */
    uint32_t type; /* of the first message; the next ones count up; and so do */
    uint32_t seed; /* seeds of their contents */
    uint32_t count;
    uint32_t expected; /* TAKE: the sender */
};
KEEL_ABI_SIZE(struct command, 52);

struct answer {
    uint32_t serial;
    uint32_t count;  /* messages that were sent, or taken; signals */
    int64_t result;  /* of the last operation */
    uint32_t wrong;  /* TAKE: bytes and fields that are not what the command says */
    uint32_t rx, tx; /* TAKE: what the ring's header says, afterwards */
    uint16_t flags;  /* QUERY */
    uint16_t pad;
    uint32_t max;         /* QUERY */
    uint32_t source_port; /* TAKE: of the last message */
};
KEEL_ABI_SIZE(struct answer, 40);

/* Byte `at` of a message's contents; a word's worth at once where there are many. */
static inline uint64_t content_word(uint32_t seed, uint64_t word)
{
    uint64_t x = (word + 1) * 0x9E3779B97F4A7C15ull + seed * 0xD1B54A32D192ED03ull;

    return x ^ x >> 29;
}

static inline uint8_t content(uint32_t seed, uint64_t at)
{
    return (uint8_t)(content_word(seed, at / 8) >> at % 8 * 8);
}

static inline void content_fill(volatile uint8_t *to, uint32_t seed, uint32_t bytes)
{
    uint64_t word = 0;

    for (uint32_t at = 0; at < bytes; at++) {
        word = at % 8 == 0 ? content_word(seed, at / 8) : word >> 8;
        to[at] = (uint8_t)word;
    }
}

/* How many bytes of a message that begins at `start` of a ring are wrong. */
static inline uint32_t content_wrong(const volatile uint8_t *ring, uint32_t len, uint32_t start,
                                     uint32_t seed, uint32_t bytes)
{
    uint32_t wrong = 0;
    uint64_t word = 0;

    for (uint32_t at = 0; at < bytes; at++) {
        word = at % 8 == 0 ? content_word(seed, at / 8) : word >> 8;
        wrong += ring[start] != (uint8_t)word;
        if (++start == len)
            start = 0;
    }
    return wrong;
}

#endif
