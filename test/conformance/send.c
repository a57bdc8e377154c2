/* SPDX-License-Identifier: Apache-2.0 */
/* sendv, as the sender sees it: lengths, buffers, addresses, rights, full rings, errors that
 * publish nothing. */
#include "suite.h"

#define MESSAGE_MAX 0xFFFFE0u /* of any message: 16 MiB less two slots */

/* Every length around the slots, and up to the ring's maximum and above; the ring wraps all the
 * time. */
static void sizes(void)
{
    static const uint32_t lens[] = {48, 64, 80, 272, 4096 - 64};

    for (uint32_t l = 0; l < sizeof(lens) / sizeof(lens[0]); l++) {
        uint32_t most = lens[l] - 32;

        EQ(theirs(ID_PARTNER, ID_SUITE, lens[l]), 0);
        for (uint32_t bytes = 0; bytes <= most; bytes += bytes == 67 ? most - 67 - 17 : 1) {
            struct answer answer;

            suite_about("length, bytes", (uint64_t)lens[l] << 32 | bytes);
            EQ(message_send(ID_PARTNER, bytes, bytes, bytes), bytes);
            answer = takes(ID_PARTNER, ID_SUITE, 9, bytes, bytes, bytes);
            EQ(answer.count, 1);
            EQ(answer.wrong, 0);
        }
        for (uint32_t more = 1; more < 18; more += 15)
            EQ(message_send(ID_PARTNER, 0, 1, most + more), -KEEL_EMSGSIZE);
        EQ(takes(ID_PARTNER, ID_SUITE, 9, 0, 0, 0).count, 0);
        EQ(COMMAND(ID_PARTNER, .what = COMMAND_RESET).result, 0);
    }
}

/* The longest message of the longest ring; once more, so that it wraps in the middle; one byte
 * more. */
static void longest(void)
{
    uint32_t most = KEEL_ARGO_RING_MAX - 32;

    EQ(theirs(ID_PARTNER, ID_SUITE, KEEL_ARGO_RING_MAX), 0);
    EQ(message_send(ID_PARTNER, 1, 1, 100), 100);
    EQ(message_send(ID_PARTNER, 2, 2, most), -KEEL_EAGAIN);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 100, 1, 1).wrong, 0);
    for (uint32_t i = 0; i < 2; i++) {
        struct answer answer;

        suite_about("turn", i);
        EQ(message_send(ID_PARTNER, 3, i, most - i), most - i);
        answer = takes(ID_PARTNER, ID_SUITE, 9, most - i, i, 3);
        EQ(answer.count, 1);
        EQ(answer.wrong, 0);
    }
    suite_about("more", 1);
    iov_set(0, addr(PAGE_DATA, 0), most + 1, 0);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 0), -KEEL_EMSGSIZE);
}

/* No message fits any ring above its maximum: single buffers and their sum, at the limits and
 * above. */
static void limits(void)
{
    static const struct {
        uint32_t first, second;
        int64_t result;
    } rows[] = {
        {MESSAGE_MAX, 0, -KEEL_EMSGSIZE}, /* allowed, and more than the ring takes */
        {MESSAGE_MAX + 1, 0, -KEEL_EINVAL},
        {0, MESSAGE_MAX + 1, -KEEL_EINVAL},
        {0xffffffff, 0, -KEEL_EINVAL},
        {0x80000000, 0x80000000, -KEEL_EINVAL},
        {MESSAGE_MAX, 1, -KEEL_EMSGSIZE},
        {MESSAGE_MAX - 1, 1, -KEEL_EMSGSIZE},
        {MESSAGE_MAX, MESSAGE_MAX, -KEEL_EMSGSIZE},
        {500, 492, 992}, /* the ring's maximum */
        {500, 493, -KEEL_EMSGSIZE},
    };

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        suite_about("row", i);
        iov_set(0, addr(PAGE_DATA, 0), rows[i].first, 0);
        iov_set(1, addr(PAGE_DATA, 0), rows[i].second, 0);
        EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 2, 0), rows[i].result);
        (void)takes(ID_PARTNER, ID_SUITE, 9, 0, 0, 0);
    }
    /* Eight of the longest. */
    for (uint32_t i = 0; i < 8; i++)
        iov_set(i, addr(PAGE_DATA, 0), MESSAGE_MAX, 0);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 8, 0), -KEEL_EMSGSIZE);
}

/* 0 to 8 buffers, of all lengths, at all addresses, with gaps in between; 9, and more. */
static void buffers(void)
{
    static const uint32_t lens[] = {1, 15, 0, 16, 17, 4095, 4097, 333};
    uint32_t total = 0, where = 3;

    EQ(theirs(ID_PARTNER, ID_SUITE, 4 * 4096), 0);
    for (uint32_t n = 0; n <= 8; n++) {
        struct answer answer;

        suite_about("buffers", n);
        EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, n, n), total);
        answer = takes(ID_PARTNER, ID_SUITE, 9, total, 77, n);
        EQ(answer.count, 1);
        EQ(answer.wrong, 0);
        if (n < 8) {
            uint8_t *to = at(addr(PAGE_SMALL, where));

            for (uint32_t i = 0; i < lens[n]; i++)
                to[i] = content(77, total + i);
            iov_set(n, addr(PAGE_SMALL, where), lens[n], 0);
            total += lens[n];
            where += lens[n] + 5;
        }
    }
    iov_set(8, addr(PAGE_SMALL, 0), 1, 0);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 9, 0), -KEEL_EINVAL);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 0xffffffff, 0), -KEEL_EINVAL);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1ull << 32 | 1, 0), -KEEL_EINVAL);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1ull << 63, 0), -KEEL_EINVAL);

    /* Nothing is read where there is nothing to read. */
    iov_set(0, NOWHERE, 0, 0);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 5), 0);
    const struct keel_argo_send_addr args = {{PORT_A, ANY, 0}, {PORT_A, ID_PARTNER, 0}};
    bytes_copy(at(addr(PAGE_ARGS, 0)), &args, sizeof(args));
    EQ(argo(KEEL_ARGO_SENDV, addr(PAGE_ARGS, 0), 0, 0, 6), 0);
    EQ(argo(KEEL_ARGO_SENDV, addr(PAGE_ARGS, 0), NOWHERE, 0, 7), 0);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 0, 0, 5).count, 3);
}

/* The type has 32 bits, and all of them arrive. */
static void types(void)
{
    static const uint32_t values[] = {0, 1, 0x7fffffff, 0x80000000, 0x6447724d, 0xffffffff};

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    for (uint32_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        suite_about("type", values[i]);
        EQ(message_send(ID_PARTNER, values[i], 3, 20), 20);
        EQ(takes(ID_PARTNER, ID_SUITE, 9, 20, 3, values[i]).wrong, 0);
    }
    EQ(message_send(ID_PARTNER, 1ull << 32, 3, 20), -KEEL_EINVAL);
    EQ(message_send(ID_PARTNER, UINT64_MAX, 3, 20), -KEEL_EINVAL);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 0, 0, 0).count, 0);
}

/* Who may be the source: the caller alone, at port 0 or one where it may receive. The header says
 * so. */
static void sources(void)
{
    static const uint32_t good[] = {0, PORT_A, PORT_B, PORT_CLOSED, PORT_CONTROL};
    static const uint32_t bad[] = {2,          PORT_NONE,           0x80000000,
                                   0xffffffff, KEEL_ARGO_HYPERCALL, 0xFFFFFF00};
    static const uint16_t foreign[] = {0,  1,  ID_PARTNER,         ID_GONE, ID_SUITE + 1,
                                       63, 64, KEEL_DOMAIN_KERNEL, 0xffff};

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    content_fill(at(addr(PAGE_SMALL, 0)), 9, 10);
    iov_set(0, addr(PAGE_SMALL, 0), 10, 0);
    for (uint32_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        for (uint32_t self = 0; self < 2; self++) {
            struct answer answer;

            suite_about("port", good[i]);
            EQ(sendv(good[i], self ? ID_SUITE : ANY, ID_PARTNER, PORT_A, 1, 0), 10);
            answer = takes(ID_PARTNER, ID_SUITE, 9, 10, 9, 0);
            EQ(answer.wrong, 0);
            EQ(answer.source_port, good[i]);
        }
    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        suite_about("port", bad[i]);
        EQ(sendv(bad[i], ANY, ID_PARTNER, PORT_A, 1, 0), -KEEL_EACCES);
    }
    for (uint32_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        suite_about("domain", foreign[i]);
        EQ(sendv(PORT_A, foreign[i], ID_PARTNER, PORT_A, 1, 0), -KEEL_EPERM);
    }
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 0, 0, 0).count, 0);
}

/* Where a message may go: ids that are none, ports without an edge, the dead, the unborn, no ring.
 */
static void destinations(void)
{
    static const uint16_t none[] = {64, 0x7FEF, KEEL_DOMAIN_KERNEL, ANY, 0xffff};
    static const uint32_t ports[] = {0, PORT_CLOSED, PORT_NONE, PORT_A + 0x10000, 0xffffffff};

    iov_set(0, addr(PAGE_SMALL, 0), 1, 0);
    for (uint32_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        suite_about("domain", none[i]);
        EQ(sendv(PORT_A, ANY, none[i], PORT_A, 1, 0), -KEEL_ESRCH);
        EQ(sendv(PORT_A, ANY, none[i], PORT_NONE, 1, 0), -KEEL_ESRCH);
    }
    for (uint32_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        suite_about("port", ports[i]);
        EQ(sendv(PORT_A, ANY, ID_PARTNER, ports[i], 1, 0), -KEEL_EACCES);
        EQ(sendv(PORT_A, ANY, ID_GONE, ports[i], 1, 0), -KEEL_EACCES); /* nothing about its life */
        EQ(sendv(PORT_A, ANY, ID_LATER, ports[i], 1, 0), -KEEL_EACCES);
    }
    suite_about("domain", 63);
    EQ(sendv(PORT_A, ANY, 63, PORT_A, 1, 0), -KEEL_EACCES); /* an id that nobody has */
    EQ(sendv(PORT_A, ANY, ID_SUITE, PORT_A, 1, 0), -KEEL_EACCES);
    EQ(sendv(PORT_A, ANY, ID_GONE, PORT_A, 1, 0), -KEEL_ESRCH);
    EQ(sendv(PORT_A, ANY, ID_ENDED, PORT_A, 1, 0), -KEEL_ECONNREFUSED);
    EQ(sendv(PORT_A, ANY, ID_LATER, PORT_A, 1, 0), -KEEL_ECONNREFUSED);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 0), -KEEL_ECONNREFUSED);
    EQ(theirs(ID_PARTNER, ID_OTHER, 1024), 0); /* a ring, for somebody else */
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 0), -KEEL_ECONNREFUSED);
    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_B, 1, 0), -KEEL_ECONNREFUSED);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 0), 1);
}

static void pads(void)
{
    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    iov_set(0, addr(PAGE_SMALL, 0), 1, 0);
    iov_set(1, addr(PAGE_SMALL, 0), 1, 0);
    for (uint32_t bit = 0; bit < 64; bit++) {
        struct keel_argo_send_addr args = {{PORT_A, ANY, 0}, {PORT_A, ID_PARTNER, 0}};
        uint32_t pad = bit < 16 ? 1u << bit : 0;

        suite_about("bit", bit);
        if (bit < 16)
            args.src.pad = (uint16_t)pad;
        else if (bit < 32)
            args.dst.pad = (uint16_t)(1u << (bit - 16));
        iov_set(1, addr(PAGE_SMALL, 0), 1, bit < 32 ? 0 : 1u << (bit - 32));
        bytes_copy(at(addr(PAGE_ARGS, 0)), &args, sizeof(args));
        EQ(argo(KEEL_ARGO_SENDV, addr(PAGE_ARGS, 0), addr(PAGE_IOVS, 0), 2, 0), -KEEL_EINVAL);
    }
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 0, 0, 0).count, 0);
}

/* Structures that are not there, wholly or in part; and that cross pages, not aligned. */
static void arguments(void)
{
    const struct keel_argo_send_addr args = {{PORT_A, ANY, 0}, {PORT_A, ID_PARTNER, 0}};
    const uint64_t whole = addr(PAGE_ARGS, 0), iovs = addr(PAGE_IOVS, 0);

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    content_fill(at(addr(PAGE_SMALL, 0)), 4, 8);
    iov_set(0, addr(PAGE_SMALL, 0), 8, 0);
    bytes_copy(at(whole), &args, sizeof(args));
    EQ(argo(KEEL_ARGO_SENDV, NOWHERE, iovs, 1, 0), -KEEL_EFAULT);
    EQ(argo(KEEL_ARGO_SENDV, 0, iovs, 1, 0), -KEEL_EFAULT);
    EQ(argo(KEEL_ARGO_SENDV, whole, NOWHERE, 1, 0), -KEEL_EFAULT);
    EQ(argo(KEEL_ARGO_SENDV, whole, 0, 1, 0), -KEEL_EFAULT);
    for (uint32_t part = 1; part < 16; part++) {
        uint64_t half = addr(PAGE_BEFORE, 4096 - part);

        suite_about("bytes that are there", part);
        bytes_copy(at(half), &args, part);
        EQ(argo(KEEL_ARGO_SENDV, half, iovs, 1, 0), -KEEL_EFAULT);
        bytes_copy(at(half), at(iovs), part);
        EQ(argo(KEEL_ARGO_SENDV, whole, half, 1, 0), -KEEL_EFAULT);
    }
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 0, 0, 0).count, 0);
    for (uint32_t part = 0; part <= 16; part++) {
        suite_about("bytes before the border", part);
        bytes_copy(at(addr(PAGE_ARGS, 4096 - part)), &args, sizeof(args));
        EQ(argo(KEEL_ARGO_SENDV, addr(PAGE_ARGS, 4096 - part), iovs, 1, part), 8);
        EQ(takes(ID_PARTNER, ID_SUITE, 9, 8, 4, part).wrong, 0);
        bytes_copy(at(addr(PAGE_IOVS, 4096 - part)), at(iovs), 16);
        EQ(argo(KEEL_ARGO_SENDV, addr(PAGE_ARGS, 4096 - part), addr(PAGE_IOVS, 4096 - part), 1, 0),
           8);
        EQ(takes(ID_PARTNER, ID_SUITE, 9, 8, 4, 0).wrong, 0);
    }
}

/* Buffers that can't be read, at the begin, in the middle, at the end, of short messages and of
 * long ones, whose first pages have been copied by then: nothing is published, and the next message
 * is whole. */
static void faults(void)
{
    static const uint32_t lens[] = {1, 16, 100, 4096, 3 * 4096};
    const uint32_t len = 16 * 4096;
    struct answer answer;

    EQ(theirs(ID_PARTNER, ID_SUITE, len), 0);
    for (uint32_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        for (uint32_t where = 0; where < 3; where++) {
            suite_about("length, place", (uint64_t)lens[i] << 32 | where);
            for (uint32_t n = 0; n < 3; n++)
                iov_set(n, addr(PAGE_DATA, 0), lens[i], 0);
            iov_set(where, NOWHERE, lens[i], 0);
            EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 3, 0), -KEEL_EFAULT);
            iov_set(where, addr(PAGE_HOLE, 4096) - 1, lens[i], 0);
            EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 3, 0), -KEEL_EFAULT);
            iov_set(where, NOWHERE - lens[i] + 1, lens[i], 0); /* its last byte */
            EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 3, 0), -KEEL_EFAULT);
        }
    iov_set(0, UINT64_MAX - 7, 16, 0);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 0), -KEEL_EFAULT);
    iov_set(0, UINT64_MAX, 1, 0);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 0), -KEEL_EFAULT);
    iov_set(0, 0, 1, 0);
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 0), -KEEL_EFAULT);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 0, 0, 0).count, 0);
    EQ(message_send(ID_PARTNER, 1, 2, len - 32), len - 32);
    answer = takes(ID_PARTNER, ID_SUITE, 9, len - 32, 2, 1);
    EQ(answer.count, 1);
    EQ(answer.wrong, 0);
    iov_set(0, addr(PAGE_READ, 0), 4096, 0); /* to be read is enough */
    EQ(sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, 0), 4096);
}

/* A ring holds what its slots hold, less one; what does not fit now is EAGAIN, what never would is
 * not. */
static void full(void)
{
    const uint32_t slots = 16; /* that can be used: 17 in all */

    EQ(theirs(ID_PARTNER, ID_SUITE, (slots + 1) * 16), 0);
    for (uint32_t turn = 0; turn < 20; turn++) { /* from every position */
        struct answer answer;

        suite_about("turn", turn);
        for (uint32_t i = 0; i < slots; i++)
            EQ(message_send(ID_PARTNER, i, 0, 0), 0);
        EQ(message_send(ID_PARTNER, 0, 0, 0), -KEEL_EAGAIN);
        EQ(message_send(ID_PARTNER, 0, 0, 1), -KEEL_EAGAIN);
        EQ(message_send(ID_PARTNER, 0, 0, (slots - 1) * 16), -KEEL_EAGAIN);
        EQ(message_send(ID_PARTNER, 0, 0, (slots - 1) * 16 + 1), -KEEL_EMSGSIZE);
        answer = takes(ID_PARTNER, ID_SUITE, 3, 0, 0, 0);
        EQ(answer.count, 3);
        EQ(answer.wrong, 0);
        /* Three slots: a message of two and a header, and no byte more. */
        EQ(message_send(ID_PARTNER, 0, 9, 33), -KEEL_EAGAIN);
        EQ(message_send(ID_PARTNER, 99, 9, 32), 32);
        EQ(message_send(ID_PARTNER, 0, 0, 0), -KEEL_EAGAIN);
        answer = takes(ID_PARTNER, ID_SUITE, slots - 3, 0, 0, 3);
        EQ(answer.count, slots - 3);
        EQ(answer.wrong, 0);
        answer = takes(ID_PARTNER, ID_SUITE, 9, 32, 9, 99);
        EQ(answer.count, 1);
        EQ(answer.wrong, 0);
        EQ(answer.rx, answer.tx);
    }
}

/* The ring for the sender comes before the one for all; each has its own order. */
static void partner_before_wildcard(void)
{
    EQ(theirs(ID_PARTNER, ANY, 1024), 0);
    EQ(message_send(ID_PARTNER, 1, 1, 8), 8);
    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    EQ(message_send(ID_PARTNER, 2, 2, 8), 8);
    EQ(COMMAND(ID_OTHER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_PARTNER, 0},
               .len = 8, .count = 1)
           .result,
       8);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 8, 2, 2).count, 1);
    EQ(takes(ID_PARTNER, ANY, 1, 8, 1, 1).wrong, 0);
    EQ(COMMAND(ID_PARTNER, .what = COMMAND_TAKE, .port = PORT_A, .partner = ANY, .count = 9,
               .len = 8, .expected = ID_OTHER)
           .wrong,
       0);
    EQ(COMMAND(ID_PARTNER, .what = COMMAND_UNREGISTER, .port = PORT_A, .partner = ID_SUITE).result,
       0);
    EQ(message_send(ID_PARTNER, 3, 3, 8), 8);
    EQ(takes(ID_PARTNER, ANY, 9, 8, 3, 3).wrong, 0);
}

/* A10.7: half of a wildcard ring, rounded up to a slot, is one sender's: in one message or in many.
 */
static void wildcard_half(void)
{
    static const uint32_t lens[] = {96, 1024, 1040}; /* an even and an odd number of slots */

    for (uint32_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        uint32_t half = (lens[i] / 2 + 15) / 16 * 16, n = 0;

        suite_about("length", lens[i]);
        EQ(theirs(ID_PARTNER, ANY, lens[i]), 0);
        EQ(message_send(ID_PARTNER, 0, 1, half - 16 + 1), -KEEL_EMSGSIZE);
        for (uint32_t turn = 0; turn < 3; turn++) {
            EQ(message_send(ID_PARTNER, 1, 1, half - 16), half - 16);
            EQ(message_send(ID_PARTNER, 2, 2, 0), -KEEL_EAGAIN);
            /* Another one has the rest, less the slot that stays free. */
            EQ(COMMAND(ID_OTHER, .what = COMMAND_SEND, .port = PORT_A,
                       .to = {PORT_A, ID_PARTNER, 0}, .len = lens[i] - 16 - half - 16, .count = 1)
                   .result,
               lens[i] - 16 - half - 16);
            EQ(takes(ID_PARTNER, ANY, 1, half - 16, 1, 1).wrong, 0);
            EQ(takes(ID_PARTNER, ANY, 9, 0, 0, 0).count, 1);
        }
        while (message_send(ID_PARTNER, 0, 0, 0) == 0)
            n++;
        EQ(n, half / 16);
        EQ(takes(ID_PARTNER, ANY, 999, 0, 0, 0).count, n);
        EQ(COMMAND(ID_PARTNER, .what = COMMAND_RESET).result, 0);
    }
}

/* And no message in it is longer than 64 KiB. */
static void wildcard_longest(void)
{
    struct answer answer;

    EQ(theirs(ID_PARTNER, ANY, 0x40000), 0);
    EQ(message_send(ID_PARTNER, 0, 1, 0x10001), -KEEL_EMSGSIZE);
    EQ(message_send(ID_PARTNER, 7, 1, 0x10000), 0x10000);
    answer = takes(ID_PARTNER, ANY, 9, 0x10000, 1, 7);
    EQ(answer.count, 1);
    EQ(answer.wrong, 0);
    /* A ring for the sender alone has no such limit. */
    EQ(theirs(ID_PARTNER, ID_SUITE, 0x40000), 0);
    EQ(message_send(ID_PARTNER, 7, 1, 0x20000), 0x20000);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 0x20000, 1, 7).wrong, 0);
}

const struct test send_tests[] = {
    {"send-sizes", sizes},
    {"send-longest", longest},
    {"send-limits", limits},
    {"send-buffers", buffers},
    {"send-types", types},
    {"send-sources", sources},
    {"send-destinations", destinations},
    {"send-pads", pads},
    {"send-arguments", arguments},
    {"send-faults", faults},
    {"send-full", full},
    {"send-partner-first", partner_before_wildcard},
    {"send-wildcard-half", wildcard_half},
    {"send-wildcard-longest", wildcard_longest},
    {NULL, NULL},
};
