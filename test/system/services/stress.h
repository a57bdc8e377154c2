/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What argo_stress.py's senders and receivers agree on. A message's type says its sender's life and
 * its number, from 0 in each life for each receiver; its length and number say its content. So a
 * message without a payload can be told from any other, and every byte of one with a payload.
 */
#ifndef TEST_STRESS_H
#define TEST_STRESS_H

#include <keel/argo.h>
#include <stdbool.h>

#define PORT_STRESS 7u /* receivers' */
#define PORT_STOP   9u /* of senders, where receivers say that they have enough */
#define SINKS       2u

/* Ids, in the order of the nodes in argo_stress.py, for a guest, which is not told. */
enum { ID_SHARED = 2, ID_OWN = 3, ID_FICKLE = 4 };

#define NUMBER_BITS 21u
#define NUMBER_MASK ((1u << NUMBER_BITS) - 1)
#define LIVES       2046u /* and numbers above: */
#define LIFE_TELLS  2047u /* no message that counts, but one of these: */
enum { TELL_TABLE, TELL_FAREWELL };
#define STRESS_TYPE(life, number) ((uint32_t)(life) << NUMBER_BITS | (number))

/* TELL_TABLE: uint32_t accepted[life + 1]: how many messages of each life the kernel took. */
/* TELL_FAREWELL: of the life that sends it, up to now at least: */
struct farewell {
    uint32_t life, accepted;
};

/* Content repeats, so that a long message can be sent from a short buffer. */
#define PERIOD 0x10000u /* bytes */

static inline uint64_t stress_word(uint32_t seed, uint64_t at)
{
    uint64_t x = (at % PERIOD / 8 + 1) * 0x9E3779B97F4A7C15ull + seed * 0xD1B54A32D192ED03ull;

    return x ^ x >> 29;
}

static inline uint32_t stress_seed(uint16_t domain, uint32_t type, uint32_t bytes)
{
    return (domain * 31u + type) * 31u + bytes;
}

/* bytes: rounded up to words, for which there is room. */
static inline void stress_fill(uint64_t *to, uint32_t seed, uint32_t bytes)
{
    for (uint32_t at = 0; at < bytes; at += 8)
        to[at / 8] = stress_word(seed, at);
}

/* ---- What senders choose ---- */

static inline uint32_t stress_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 33);
}

/* Mostly short ones, often around the 4 KiB that the kernel copies in a step, sometimes the longest
 * that the ring takes. */
static inline uint32_t stress_size(uint64_t *random, uint32_t most)
{
    uint32_t kind = stress_random(random) % 8192, bytes;

    if (kind == 0)
        return most;
    bytes = stress_random(random) % (kind < 8      ? 0x10001u
                                     : kind < 128  ? 0x4001u
                                     : kind < 800  ? 4200u
                                     : kind < 3200 ? 513u
                                                   : 65u);
    return bytes < most ? bytes : most;
}

/* The message in the buffer, of `room` bytes and a multiple of PERIOD, cut into pieces at random.
 */
static inline uint32_t stress_cut(uint64_t *random, uintptr_t buffer, uint32_t room, uint32_t bytes,
                                  struct keel_argo_iov *iov)
{
    uint32_t n = 0, from = 0;

    while (bytes > room) {
        iov[n++] = (struct keel_argo_iov){buffer, room, 0};
        bytes -= room;
    }
    while (bytes > 0 && n < KEEL_ARGO_IOVS_MAX - 1 && stress_random(random) % 4 == 0) {
        uint32_t piece = stress_random(random) % bytes;

        iov[n++] = (struct keel_argo_iov){buffer + from, piece, 0};
        from += piece;
        bytes -= piece;
    }
    iov[n++] = (struct keel_argo_iov){buffer + from, bytes, 0};
    return n;
}

#endif
