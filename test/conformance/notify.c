/* SPDX-License-Identifier: Apache-2.0 */
/* notify: its flags, its limits, its errors. What it wakes: wake.c. */
#include "suite.h"

#define ENTRIES_MAX 256u

static void entry_set(uint64_t base, uint32_t i, uint16_t to, uint32_t port, uint32_t space)
{
    const struct keel_argo_ring_data_ent ent = {{port, to, 0}, 0xffff, 0xA5A5, space, 0xA5A5A5A5};

    bytes_copy(at(base + 8 + i * sizeof(ent)), &ent, sizeof(ent));
}

static struct keel_argo_ring_data_ent entry_get(uint64_t base, uint32_t i)
{
    struct keel_argo_ring_data_ent ent;

    bytes_copy(&ent, at(base + 8 + i * sizeof(ent)), sizeof(ent));
    return ent;
}

static int64_t notify(uint64_t base, uint32_t nent)
{
    const struct keel_argo_ring_data data = {nent, 0};

    bytes_copy(at(base), &data, sizeof(data));
    return argo(KEEL_ARGO_NOTIFY, base, 0, 0, 0);
}

static void expect(uint32_t port, uint32_t space, uint32_t flags, uint32_t max)
{
    uint16_t got;
    uint32_t got_max;

    suite_about("space", space);
    EQ(query(ID_PARTNER, port, space, &got, &got_max), 0);
    EQ(got, flags);
    EQ(got_max, max);
}

/* Each flag, with the space that is asked for at the limit, one below and one above. */
static void flags(void)
{
    enum {
        E = KEEL_ARGO_EXISTS,
        S = KEEL_ARGO_SHARED,
        N = KEEL_ARGO_EMPTY,
        F = KEEL_ARGO_SUFFICIENT,
        M = KEEL_ARGO_NOTIFY_EMSGSIZE
    };

    expect(PORT_A, 0, 0, 0); /* there is none */
    EQ(theirs(ID_PARTNER, ID_OTHER, 1024), 0);
    expect(PORT_A, 0, 0, 0); /* it is another's */
    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    expect(PORT_B, 0, 0, 0);
    expect(PORT_A, 0, E | N | F, 992);
    expect(PORT_A, 991, E | N | F, 992);
    expect(PORT_A, 992, E | N | F, 992);
    expect(PORT_A, 993, E | N | M, 992);
    expect(PORT_A, 0x7fffffff, E | N | M, 992);
    expect(PORT_A, 0xffffffff, E | N | M, 992);
    EQ(message_send(ID_PARTNER, 0, 0, 100), 100); /* 128 bytes of 1008 */
    expect(PORT_A, 864 - 1, E | F, 992);
    expect(PORT_A, 864, E | F, 992);
    expect(PORT_A, 864 + 1, E, 992);
    expect(PORT_A, 992, E, 992);
    expect(PORT_A, 993, E | M, 992);
    EQ(message_send(ID_PARTNER, 0, 0, 864), 864); /* full */
    expect(PORT_A, 0, E, 992);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 100, 0, 0).count, 2);
    expect(PORT_A, 992, E | N | F, 992);

    /* One for all: half of it, and the domain's own ring comes first. */
    EQ(COMMAND(ID_PARTNER, .what = COMMAND_REGISTER, .port = PORT_B, .partner = ANY, .len = 1024)
           .result,
       0);
    expect(PORT_B, 0, E | S | N | F, 496);
    expect(PORT_B, 496, E | S | N | F, 496);
    expect(PORT_B, 497, E | S | N | M, 496);
    EQ(COMMAND(ID_OTHER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_B, ID_PARTNER, 0},
               .len = 16, .count = 1)
           .result,
       16);
    expect(PORT_B, 496 - 32, E | S | F, 496);
    expect(PORT_B, 496 - 16, E | S | F, 496); /* 32 and 496 of 1008 bytes */
    EQ(COMMAND(ID_PARTNER, .what = COMMAND_REGISTER, .port = PORT_B, .partner = ID_SUITE, .len = 64)
           .result,
       0);
    expect(PORT_B, 32, E | N | F, 32);
}

/* The largest message that is told is the largest that is taken. */
static void max_message(void)
{
    static const uint32_t lens[] = {48, 64, 4096, 0x30000, KEEL_ARGO_RING_MAX};

    for (uint32_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        for (uint32_t any = 0; any < 2; any++) {
            uint32_t max;
            uint16_t got;

            EQ(theirs(ID_PARTNER, any ? ANY : ID_SUITE, lens[i]), 0);
            EQ(query(ID_PARTNER, PORT_A, 0, &got, &max), 0);
            suite_about("maximum", max);
            iov_set(0, addr(PAGE_DATA, 0), max + 1, 0);
            EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 0), -KEEL_EMSGSIZE);
            iov_set(0, addr(PAGE_DATA, 0), max, 0);
            EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 0), max);
            EQ(COMMAND(ID_PARTNER, .what = COMMAND_RESET).result, 0);
        }
}

/* What there is of domains that do not run, or are none: nothing. */
static void nobody(void)
{
    static const uint16_t ids[] = {ID_GONE, ID_ENDED, ID_LATER, 64, KEEL_DOMAIN_KERNEL,
                                   ANY,     0xffff};

    for (uint32_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        uint16_t got;
        uint32_t max;

        suite_about("domain", ids[i]);
        EQ(query(ids[i], PORT_A, 16, &got, &max), 0);
        EQ(got, 0);
        EQ(max, 0);
    }
}

/* 0, 1, 255, 256 entries, whose answers are right in the last one, too; 257 and more are EACCES. */
static void entries(void)
{
    static const uint32_t counts[] = {0, 1, 2, 7, 8, 9, 255, 256};
    uint64_t base = addr(PAGE_QUERY, 4); /* entries cross pages */

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    for (uint32_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        for (uint32_t n = 0; n <= ENTRIES_MAX; n++)
            entry_set(base, n, ID_PARTNER, n % 3 ? PORT_A : PORT_B, n * 5);
        EQ(notify(base, counts[i]), 0);
        for (uint32_t n = 0; n <= ENTRIES_MAX; n++) {
            struct keel_argo_ring_data_ent ent = entry_get(base, n);
            bool asked = n < counts[i], there = n % 3 != 0;
            uint32_t right =
                !asked   ? 0xffff
                : !there ? 0
                         : KEEL_ARGO_EXISTS | KEEL_ARGO_EMPTY |
                               (n * 5 <= 992 ? KEEL_ARGO_SUFFICIENT : KEEL_ARGO_NOTIFY_EMSGSIZE);

            suite_about("entries, entry", (uint64_t)counts[i] << 32 | n);
            EQ(ent.flags, right);
            EQ(ent.max_message_size, !asked ? 0xA5A5A5A5 : there ? 992u : 0u);
            EQ(ent.space_required, n * 5);
            EQ(ent.ring.domain_id, ID_PARTNER);
        }
    }
    suite_about("too many", 257);
    EQ(notify(base, 257), -KEEL_EACCES);
    EQ(notify(base, 0x80000000), -KEEL_EACCES);
    EQ(notify(base, 0xffffffff), -KEEL_EACCES);
    EQ(entry_get(base, 256).flags, 0xffff);
}

/* An entry without an edge ends it: entries before it are filled in, it and those behind it are
 * not. */
static void denied(void)
{
    uint64_t base = addr(PAGE_QUERY, 0);

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    for (uint32_t bad = 0; bad < 20; bad += 3) {
        suite_about("entry", bad);
        for (uint32_t n = 0; n < 20; n++)
            entry_set(base, n, ID_PARTNER, n == bad ? PORT_CLOSED : PORT_A, 1);
        EQ(notify(base, 20), -KEEL_EACCES);
        for (uint32_t n = 0; n < 20; n++)
            EQ(entry_get(base, n).flags,
               n < bad ? KEEL_ARGO_EXISTS | KEEL_ARGO_EMPTY | KEEL_ARGO_SUFFICIENT : 0xffff);
    }
    entry_set(base, 0, 63, PORT_A, 1); /* an id that nobody has */
    EQ(notify(base, 1), -KEEL_EACCES);
    entry_set(base, 0, ID_GONE, PORT_CLOSED, 1);
    EQ(notify(base, 1), -KEEL_EACCES);
}

static void arguments(void)
{
    uint64_t base = addr(PAGE_QUERY, 0), half = addr(PAGE_BEFORE, 4096 - 4);

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    EQ(argo(KEEL_ARGO_NOTIFY, 0, 0, 0, 0), 0); /* nothing is asked */
    for (uint32_t i = 0; i < 3; i++) {
        EQ(argo(KEEL_ARGO_NOTIFY, 0, i == 0, i == 1, i == 2), -KEEL_EINVAL);
        EQ(argo(KEEL_ARGO_NOTIFY, 0, i == 0 ? 1ull << 40 : 0, i == 1 ? 1ull << 32 : 0,
                i == 2 ? 1ull << 63 : 0),
           -KEEL_EINVAL);
    }
    EQ(argo(KEEL_ARGO_NOTIFY, NOWHERE, 0, 0, 0), -KEEL_EFAULT);
    bytes_set(at(half), 0, 4);
    EQ(argo(KEEL_ARGO_NOTIFY, half, 0, 0, 0), -KEEL_EFAULT);
    EQ(argo(KEEL_ARGO_NOTIFY, UINT64_MAX - 3, 0, 0, 0), -KEEL_EFAULT);
    /* Its entries: the first one nowhere; the second one in part. */
    base = addr(PAGE_BEFORE, 4096 - 8);
    EQ(notify(base, 1), -KEEL_EFAULT);
    EQ(notify(base, 0), 0);
    base = addr(PAGE_BEFORE, 4096 - 8 - 20 - 12);
    entry_set(base, 0, ID_PARTNER, PORT_A, 1);
    EQ(notify(base, 2), -KEEL_EFAULT);
    EQ(notify(base, 1), 0);
    EQ(entry_get(base, 0).flags, KEEL_ARGO_EXISTS | KEEL_ARGO_EMPTY | KEEL_ARGO_SUFFICIENT);
    /* Where answers can't be written: without entries there are none. */
    EQ(argo(KEEL_ARGO_NOTIFY, addr(PAGE_READ, 2048), 0, 0, 0), 0);
    EQ(notify(addr(PAGE_READ, 0) - 8, 1), -KEEL_EFAULT);
}

/* What nothing is said about in a question does not matter, and an answer is right all the same. */
static void pads(void)
{
    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    for (uint32_t bit = 0; bit < 64; bit++) {
        const struct {
            struct keel_argo_ring_data data;
            struct keel_argo_ring_data_ent ent;
        } args = {{1, bit < 32 ? 1u << bit : 0},
                  {{PORT_A, ID_PARTNER, bit >= 32 && bit < 48 ? (uint16_t)(1u << (bit - 32)) : 0},
                   0,
                   bit >= 48 ? (uint16_t)(1u << (bit - 48)) : 0,
                   992,
                   0}};

        suite_about("bit", bit);
        bytes_copy(at(addr(PAGE_QUERY, 0)), &args, sizeof(args));
        EQ(argo(KEEL_ARGO_NOTIFY, addr(PAGE_QUERY, 0), 0, 0, 0), 0);
        EQ(entry_get(addr(PAGE_QUERY, 0), 0).flags,
           KEEL_ARGO_EXISTS | KEEL_ARGO_EMPTY | KEEL_ARGO_SUFFICIENT);
    }
}

const struct test notify_tests[] = {
    {"notify-flags", flags},   {"notify-max", max_message},
    {"notify-nobody", nobody}, {"notify-entries", entries},
    {"notify-denied", denied}, {"notify-arguments", arguments},
    {"notify-pads", pads},     {NULL, NULL},
};
