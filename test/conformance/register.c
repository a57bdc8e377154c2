/* SPDX-License-Identifier: Apache-2.0 */
/* register_ring and unregister_ring: limits, errors, what is taken over, and the defects A10.2 to 4
 * and 8. */
#include "suite.h"

static void write_register(uint64_t address, uint32_t port, uint32_t partner, uint32_t pad,
                           uint32_t len)
{
    const struct keel_argo_register_ring args = {port, (uint16_t)partner, (uint16_t)pad, len};

    bytes_copy(at(address), &args, sizeof(args));
}

static int64_t reg(uint64_t args, uint64_t gfns, uint64_t pages, uint64_t flags)
{
    return argo(KEEL_ARGO_REGISTER_RING, args, gfns, pages, flags);
}

/* Lengths at the limits and around them, each with as many pages as it needs, one more, one less.
 */
static void lengths(void)
{
    static const struct {
        uint32_t len;
        bool good;
    } rows[] = {
        {0, false},
        {16, false},
        {32, false},
        {47, false},
        {48, true},
        {49, false},
        {56, false},
        {64, true},
        {4096 - 64 - 16, true},
        {4096 - 64, true},
        {4096 - 64 + 1, false},
        {4096 - 64 + 16, true},
        {0x80000000, false},
        {0xfffffff0, false},
        {0xffffffff, false},
    };

    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (uint32_t delta = 0; delta < 3; delta++) { /* one less, right, one more */
            uint64_t pages = (rows[i].len + 64ul + 4095) / 4096 + delta - 1;
            bool good = rows[i].good && delta == 1;

            suite_about("length", rows[i].len);
            if (pages > 4096)
                pages = 4096;
            for (uint32_t page = 0; page < 4; page++)
                ((uint64_t *)at(addr(PAGE_GFNS, 0)))[page] = platform_frame(PAGE_RING + page);
            write_register(addr(PAGE_ARGS, 0), PORT_A, ID_PARTNER, 0, rows[i].len);
            EQ(reg(addr(PAGE_ARGS, 0), addr(PAGE_GFNS, 0), pages, 0), good ? 0 : -KEEL_EINVAL);
            EQ(ring_unregister(PORT_A, ID_PARTNER), good ? 0 : -KEEL_ENOENT);
        }
}

/* The longest ring whose pages are 4,096, and the same around it. A10.4: 16 MiB are documented, and
 * neither the original nor this takes them. */
static void longest(void)
{
    static const struct {
        uint32_t len;
        uint32_t pages;
        int64_t result;
    } rows[] = {
        {0xFFFFC0 - 16, 4096, 0},        {0xFFFFC0, 4096, 0},
        {0xFFFFC0, 4095, -KEEL_EINVAL},  {0xFFFFC0, 4097, -KEEL_EINVAL},
        {0xFFFFD0, 4096, -KEEL_EINVAL},  {0xFFFFD0, 4097, -KEEL_EINVAL},
        {0x1000000, 4096, -KEEL_EINVAL}, {0x1000000, 4097, -KEEL_EINVAL},
    };

    for (uint32_t page = 0; page < 4097; page++)
        ((uint64_t *)at(addr(PAGE_GFNS, 0)))[page] = platform_frame(PAGE_RING + page);
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        suite_about("row", i);
        write_register(addr(PAGE_ARGS, 0), PORT_A, ID_PARTNER, 0, rows[i].len);
        EQ(reg(addr(PAGE_ARGS, 0), addr(PAGE_GFNS, 0), rows[i].pages, 0), rows[i].result);
        EQ(ring_unregister(PORT_A, ID_PARTNER), rows[i].result == 0 ? 0 : -KEEL_ENOENT);
    }
}

static void flags(void)
{
    EQ(ring_new(PORT_A, ID_PARTNER, 1024, PAGE_RING), 0);
    for (uint32_t bit = 0; bit < 64; bit++) {
        suite_about("flag", bit);
        EQ(ring_register(PORT_B, ID_PARTNER, 1024, PAGE_RING + 1, 1ull << bit),
           bit == 0 ? 0 : -KEEL_EINVAL);
    }
    EQ(ring_register(PORT_B, ID_PARTNER, 1024, PAGE_RING + 1, 3), -KEEL_EINVAL);
}

static void pages_wide(void)
{
    write_register(addr(PAGE_ARGS, 0), PORT_A, ID_PARTNER, 0, 1024);
    EQ(reg(addr(PAGE_ARGS, 0), addr(PAGE_GFNS, 0), 1ull << 32 | 1, 0), -KEEL_EINVAL);
    EQ(reg(addr(PAGE_ARGS, 0), addr(PAGE_GFNS, 0), 1ull << 63 | 1, 0), -KEEL_EINVAL);
    EQ(reg(addr(PAGE_ARGS, 0), addr(PAGE_GFNS, 0), 0, 0), -KEEL_EINVAL);
}

/* The structure and the array of frame numbers: where there is nothing, or only a part of them. */
static void arguments(void)
{
    uint64_t whole = addr(PAGE_ARGS, 0), across = addr(PAGE_ARGS, 4096 - 6);
    uint64_t half = addr(PAGE_BEFORE, 4096 - 8);

    ((uint64_t *)at(addr(PAGE_GFNS, 0)))[0] = platform_frame(PAGE_RING);
    ((uint64_t *)at(addr(PAGE_GFNS, 0)))[1] = platform_frame(PAGE_RING + 1);
    write_register(whole, PORT_A, ID_PARTNER, 0, 4096);
    EQ(reg(NOWHERE, addr(PAGE_GFNS, 0), 2, 0), -KEEL_EFAULT);
    EQ(reg(0, addr(PAGE_GFNS, 0), 2, 0), -KEEL_EFAULT);
    bytes_copy(at(half), at(whole), 8);
    EQ(reg(half, addr(PAGE_GFNS, 0), 2, 0), -KEEL_EFAULT);
    EQ(reg(UINT64_MAX - 5, addr(PAGE_GFNS, 0), 2, 0), -KEEL_EFAULT);

    EQ(reg(whole, NOWHERE, 2, 0), -KEEL_EFAULT);
    EQ(reg(whole, 0, 2, 0), -KEEL_EFAULT);
    bytes_copy(at(half), at(addr(PAGE_GFNS, 0)), 8);
    EQ(reg(whole, half, 2, 0), -KEEL_EFAULT);                      /* the second one is nowhere */
    EQ(reg(whole, addr(PAGE_READ, 4096 - 8), 2, 0), -KEEL_EINVAL); /* frame 0: it can be read */
    EQ(ring_unregister(PORT_A, ID_PARTNER), -KEEL_ENOENT); /* nothing is left of all these */

    /* Not aligned, and in two pages each. */
    write_register(across, PORT_A, ID_PARTNER, 0, 4096);
    bytes_copy(at(addr(PAGE_GFNS, 4096 - 11)), at(addr(PAGE_GFNS, 0)), 16);
    EQ(reg(across, addr(PAGE_GFNS, 4096 - 11), 2, 0), 0);
    EQ(ring_unregister(PORT_A, ID_PARTNER), 0);
}

static void pads(void)
{
    write_register(addr(PAGE_ARGS, 0), PORT_A, ID_PARTNER, 0, 1024);
    ((uint64_t *)at(addr(PAGE_GFNS, 0)))[0] = platform_frame(PAGE_RING);
    for (uint32_t bit = 0; bit < 16; bit++) {
        suite_about("bit", bit);
        write_register(addr(PAGE_ARGS, 0), PORT_A, ID_PARTNER, 1u << bit, 1024);
        EQ(reg(addr(PAGE_ARGS, 0), addr(PAGE_GFNS, 0), 1, 0), -KEEL_EINVAL);
    }
}

/* Any id of a domain, alive or not, and its own; nothing else. */
static void partners(void)
{
    static const uint32_t good[] = {0,        1,        ID_PARTNER, ID_GONE, ID_ENDED,
                                    ID_LATER, ID_SUITE, 63,         ANY};
    static const uint32_t bad[] = {64,     65,     0x7FEF, KEEL_DOMAIN_KERNEL,
                                   0x7FF3, 0x7FF5, 0x8000, 0xffff};

    for (uint32_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        suite_about("partner", good[i]);
        EQ(ring_register(PORT_A, good[i], 1024, PAGE_RING, 0), 0);
        EQ(ring_unregister(PORT_A, good[i]), 0);
    }
    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        suite_about("partner", bad[i]);
        EQ(ring_register(PORT_A, bad[i], 1024, PAGE_RING, 0), -KEEL_ESRCH);
    }
}

/* Ports that the configuration does not give: for nobody. The kernel's is for its own messages
 * alone. */
static void ports(void)
{
    static const uint32_t bad[] = {
        0, 2, PORT_NONE, PORT_A + 0x10000, 0x80000000 | PORT_A, 0xffffffff, 0xFFFFFF00};

    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        suite_about("port", bad[i]);
        EQ(ring_register(bad[i], ID_PARTNER, 1024, PAGE_RING, 0), -KEEL_EACCES);
        EQ(ring_register(bad[i], ANY, 1024, PAGE_RING, 0), -KEEL_EACCES);
    }
    EQ(ring_register(PORT_CLOSED, ANY, 1024, PAGE_RING, 0),
       0); /* that nobody may send there is no matter */
}

/* FAIL_EXIST, another length, and again with the same. */
static void exists(void)
{
    EQ(ring_register(PORT_A, ID_PARTNER, 1024, PAGE_RING, KEEL_ARGO_FAIL_EXIST), 0);
    EQ(ring_register(PORT_A, ID_PARTNER, 1024, PAGE_RING, KEEL_ARGO_FAIL_EXIST), -KEEL_EEXIST);
    EQ(ring_register(PORT_A, ID_PARTNER, 1024 + 16, PAGE_RING, 0), -KEEL_EEXIST);
    EQ(ring_register(PORT_A, ID_PARTNER, 1024 - 16, PAGE_RING, 0), -KEEL_EEXIST);
    EQ(ring_register(PORT_A, ID_PARTNER, 1024 - 16, PAGE_RING, KEEL_ARGO_FAIL_EXIST), -KEEL_EEXIST);
    EQ(ring_register(PORT_A, ID_PARTNER, 1024, PAGE_RING, 0), 0);
    /* Another partner or port is another ring. */
    EQ(ring_register(PORT_A, ID_OTHER, 2048, PAGE_RING + 1, KEEL_ARGO_FAIL_EXIST), 0);
    EQ(ring_register(PORT_A, ANY, 512, PAGE_RING + 2, KEEL_ARGO_FAIL_EXIST), 0);
    EQ(ring_register(PORT_B, ID_PARTNER, 256, PAGE_RING + 3, KEEL_ARGO_FAIL_EXIST), 0);
    EQ(ring_unregister(PORT_A, ANY), 0);
    EQ(ring_register(PORT_A, ID_PARTNER, 1024, PAGE_RING, KEEL_ARGO_FAIL_EXIST), -KEEL_EEXIST);
}

/* Frames that are no writable memory of the caller's: alone, and as the last of several. Nothing is
 * registered, and nothing that was there before is lost. */
static void frames(void)
{
    uint64_t bad;

    for (uint32_t i = 0; platform_bad_frame(i, &bad); i++) {
        suite_about("frame", bad);
        write_register(addr(PAGE_ARGS, 0), PORT_A, ID_PARTNER, 0, 1024);
        ((uint64_t *)at(addr(PAGE_GFNS, 0)))[0] = bad;
        EQ(reg(addr(PAGE_ARGS, 0), addr(PAGE_GFNS, 0), 1, 0), -KEEL_EINVAL);
        EQ(ring_register(PORT_A, ID_PARTNER, 40 * 4096 - 64, PAGE_RING, 0), 0);
        write_register(addr(PAGE_ARGS, 0), PORT_A, ID_PARTNER, 0, 40 * 4096 - 64);
        ((uint64_t *)at(addr(PAGE_GFNS, 0)))[39] = bad;
        EQ(reg(addr(PAGE_ARGS, 0), addr(PAGE_GFNS, 0), 40, 0), -KEEL_EINVAL);
        EQ(COMMAND(ID_PARTNER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_SUITE, 0},
                   .len = 7, .count = 1)
               .result,
           7);
        EQ(ring_unregister(PORT_A, ID_PARTNER), 0);
    }
}

/* The key of number i of many rings: their partners and ports do not matter. */
static uint32_t nth_port(uint32_t i)
{
    return i < 60 ? PORT_A : i < 120 ? PORT_B : PORT_CLOSED;
}

static int64_t nth_register(uint32_t i, uint32_t page, uint32_t len, uint64_t flag)
{
    return ring_register(nth_port(i), i % 60, len, page, flag);
}

/* One page may be part of 65,535 rings: the suite's longest ones, of that page alone. */
static void pins(void)
{
    uint32_t i;

    write_register(addr(PAGE_ARGS, 0), PORT_A, 0, 0, 0xFFFFC0);
    for (uint32_t page = 0; page < 4096; page++)
        ((uint64_t *)at(addr(PAGE_GFNS, 0)))[page] = platform_frame(PAGE_RING);
    for (i = 0; i < 16; i++) {
        suite_about("ring", i);
        write_register(addr(PAGE_ARGS, 0), PORT_A, i, 0, 0xFFFFC0 - (i == 15 ? 4096 : 0));
        EQ(reg(addr(PAGE_ARGS, 0), addr(PAGE_GFNS, 0), i == 15 ? 4095 : 4096, 0), 0);
    }
    EQ(ring_register(PORT_A, 16, 64, PAGE_RING, 0), -KEEL_EINVAL);
    EQ(ring_register(PORT_A, 16, 64, PAGE_RING + 1, 0), 0);
    EQ(ring_unregister(PORT_A, 0), 0);
    EQ(ring_register(PORT_A, 17, 64, PAGE_RING, 0), 0);
    for (i = 1; i < 16; i++)
        EQ(ring_unregister(PORT_A, i), 0);
}

/* 127 and 128 rings, one of which the answers have; A10.8: what others register for the suite is
 * not among them. At the limit: what is there can be registered again, and the order of checks. */
static void rings_128(void)
{
    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    EQ(theirs(ID_OTHER, ID_SUITE, 1024), 0);
    for (uint32_t i = 0; i < 127; i++) {
        suite_about("ring", i);
        EQ(nth_register(i, PAGE_RING, 64, 0), 0);
    }
    suite_about("at the limit", 128);
    EQ(nth_register(127, PAGE_RING, 64, 0), -KEEL_ENOSPC);
    EQ(nth_register(5, PAGE_RING, 64, 0), 0);
    EQ(nth_register(5, PAGE_RING, 64, KEEL_ARGO_FAIL_EXIST), -KEEL_EEXIST);
    EQ(nth_register(5, PAGE_RING, 80, 0), -KEEL_EEXIST);
    EQ(ring_register(PORT_A, 64, 64, PAGE_RING, 0), -KEEL_ESRCH);
    EQ(ring_register(PORT_NONE, 127 % 60, 64, PAGE_RING, 0), -KEEL_EACCES);
    write_register(addr(PAGE_ARGS, 0), PORT_CLOSED, 40, 0, 64);
    EQ(reg(addr(PAGE_ARGS, 0), NOWHERE, 1, 0), -KEEL_ENOSPC);
    EQ(ring_unregister(nth_port(5), 5), 0);
    EQ(nth_register(127, PAGE_RING, 64, 0), 0);
    EQ(nth_register(5, PAGE_RING, 64, 0), -KEEL_ENOSPC);
}

/* A10.2, A10.3: a ring that is registered 300 times is one ring, and goes at once. */
static void again_and_again(void)
{
    for (uint32_t i = 0; i < 300; i++) {
        suite_about("time", i);
        EQ(ring_register(PORT_A, ID_PARTNER, 1024, PAGE_RING + i % 2, 0), 0);
    }
    EQ(ring_unregister(PORT_A, ID_PARTNER), 0);
    EQ(ring_unregister(PORT_A, ID_PARTNER), -KEEL_ENOENT);
    EQ(COMMAND(ID_PARTNER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_SUITE, 0},
               .count = 1)
           .result,
       -KEEL_ECONNREFUSED);
    for (uint32_t i = 0; i < 127; i++) {
        suite_about("ring", i);
        EQ(nth_register(i, PAGE_RING, 64, 0), 0);
    }
    EQ(nth_register(127, PAGE_RING, 64, 0), -KEEL_ENOSPC);
}

/* The kernel has so many pages for the suite's rings; all come back. */
static void memory(void)
{
    uint32_t most[2];

    for (uint32_t turn = 0; turn < 2; turn++) {
        uint32_t i = 0;
        int64_t status = 0;

        /* Rings that need ten pages of the kernel's each. */
        while (i < 127 && (status = nth_register(i, PAGE_RING, 0xFFFFC0, 0)) == 0)
            i++;
        suite_about("rings", i);
        EQ(status, -KEEL_ENOMEM);
        IS(i > 4);
        /* Before the frame numbers, behind what exists. */
        write_register(addr(PAGE_ARGS, 0), PORT_CLOSED, 40, 0, 0xFFFFC0);
        EQ(reg(addr(PAGE_ARGS, 0), NOWHERE, 4096, 0), -KEEL_ENOMEM);
        EQ(nth_register(0, PAGE_RING, 0xFFFFC0, KEEL_ARGO_FAIL_EXIST), -KEEL_EEXIST);
        most[turn] = i;
        while (i-- > 0)
            EQ(ring_unregister(nth_port(i), i % 60), 0);
    }
    suite_about("rings", most[0]);
    EQ(most[0], most[1]);
}

/* Which tx_ptr is taken over: one that is in the ring and at a slot; else what rx_ptr says. */
static void adopts(void)
{
    static const uint32_t values[] = {0,   1,          15,         16,         17,        32,
                                      111, 112,        113,        127,        128,       129,
                                      144, 0x7fffffff, 0xfffffff0, 0xfffffff1, 0xffffffff};
    const uint32_t len = 128;
    struct keel_argo_ring *ring = ring_at(PAGE_RING);

    for (uint32_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        for (uint32_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
            uint32_t rx = (values[j] + 15) & ~15u;
            uint32_t tx = values[i];

            if (rx >= len)
                rx = 0;
            if (tx >= len || tx % 16)
                tx = rx;
            suite_about("tx, rx", (uint64_t)values[i] << 32 | values[j]);
            bytes_set(ring, 0, 64 + len);
            ring->rx_ptr = values[j];
            ring->tx_ptr = values[i];
            EQ(ring_register(PORT_A, ID_PARTNER, len, PAGE_RING, 0), 0);
            EQ(ring->tx_ptr, tx);
            EQ(ring->rx_ptr, values[j]);
            if (j % 4 == i % 4) { /* and that is where the next message is */
                uint32_t free = len - 16 - (tx + len - rx) % len;

                ring->tx_ptr = 0xdeadbeef; /* it is not read again */
                EQ(COMMAND(ID_PARTNER, .what = COMMAND_SEND, .port = PORT_A,
                           .to = {PORT_A, ID_SUITE, 0}, .len = 16, .seed = i, .count = 1)
                       .result,
                   free >= 32 ? 16 : -KEEL_EAGAIN);
                if (free >= 32) {
                    EQ(ring->tx_ptr, (tx + 32) % len);
                    EQ(content_wrong(ring->ring, len, (tx + 16) % len, i, 16), 0);
                }
            }
            EQ(ring_unregister(PORT_A, ID_PARTNER), 0);
        }
}

/* Messages that are unread stay, whether it is registered again over itself or after its end. */
static void resumes(void)
{
    struct keel_argo_message_header header;

    for (uint32_t turn = 0; turn < 2; turn++) {
        suite_about("turn", turn);
        EQ(ring_new(PORT_A, ID_PARTNER, 1024, PAGE_RING), 0);
        EQ(COMMAND(ID_PARTNER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_SUITE, 0},
                   .len = 40, .seed = 5, .count = 3)
               .count,
           3);
        EQ(ring_take(PAGE_RING, 1024, &header, 5), 0);
        if (turn == 1)
            EQ(ring_unregister(PORT_A, ID_PARTNER), 0);
        EQ(ring_register(PORT_A, ID_PARTNER, 1024, PAGE_RING, 0), 0);
        EQ(COMMAND(ID_PARTNER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_SUITE, 0},
                   .len = 40, .seed = 8, .count = 1)
               .count,
           1);
        for (uint32_t seed = 6; seed < 9; seed++)
            EQ(ring_take(PAGE_RING, 1024, &header, seed), 0);
        EQ(ring_take(PAGE_RING, 1024, &header, 9), -1);
        /* Elsewhere: what comes now comes there. */
        bytes_set(ring_at(PAGE_RING + 1), 0, 64);
        EQ(ring_register(PORT_A, ID_PARTNER, 1024, PAGE_RING + 1, 0), 0);
        EQ(COMMAND(ID_PARTNER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_SUITE, 0},
                   .len = 40, .seed = 10, .count = 1)
               .count,
           1);
        EQ(ring_take(PAGE_RING, 1024, &header, 10), -1);
        EQ(ring_take(PAGE_RING + 1, 1024, &header, 10), 0);
    }
}

static void unregister(void)
{
    const struct keel_argo_unregister_ring bad = {PORT_A, ID_PARTNER, 1};
    uint64_t half = addr(PAGE_BEFORE, 4096 - 4);

    EQ(ring_new(PORT_A, ID_PARTNER, 1024, PAGE_RING), 0);
    EQ(ring_unregister(PORT_A, ID_OTHER), -KEEL_ENOENT);
    EQ(ring_unregister(PORT_A, ANY), -KEEL_ENOENT);
    EQ(ring_unregister(PORT_B, ID_PARTNER), -KEEL_ENOENT);
    EQ(ring_unregister(PORT_NONE, ID_PARTNER), -KEEL_ENOENT);
    EQ(ring_unregister(PORT_A, 0xffff), -KEEL_ENOENT);
    bytes_copy(at(addr(PAGE_ARGS, 0)), &bad, sizeof(bad));
    EQ(argo(KEEL_ARGO_UNREGISTER_RING, addr(PAGE_ARGS, 0), 0, 0, 0), -KEEL_EINVAL);
    EQ(argo(KEEL_ARGO_UNREGISTER_RING, NOWHERE, 0, 0, 0), -KEEL_EFAULT);
    EQ(argo(KEEL_ARGO_UNREGISTER_RING, 0, 0, 0, 0), -KEEL_EFAULT);
    EQ(argo(KEEL_ARGO_UNREGISTER_RING, half, 0, 0, 0), -KEEL_EFAULT);
    for (uint32_t i = 0; i < 3; i++) {
        EQ(argo(KEEL_ARGO_UNREGISTER_RING, addr(PAGE_ARGS, 0), i == 0, i == 1, i == 2),
           -KEEL_EINVAL);
        EQ(argo(KEEL_ARGO_UNREGISTER_RING, addr(PAGE_ARGS, 0), i == 0 ? 1ull << 40 : 0,
                i == 1 ? 1ull << 32 : 0, i == 2 ? 1ull << 63 : 0),
           -KEEL_EINVAL);
    }
    EQ(COMMAND(ID_PARTNER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_SUITE, 0},
               .len = 1, .count = 1)
           .result,
       1);
    EQ(ring_unregister(PORT_A, ID_PARTNER), 0);
    EQ(ring_unregister(PORT_A, ID_PARTNER), -KEEL_ENOENT);
    EQ(COMMAND(ID_PARTNER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_SUITE, 0},
               .len = 1, .count = 1)
           .result,
       -KEEL_ECONNREFUSED);
}

static void operations(void)
{
    static const uint64_t unknown[] = {0, 5, 6, 7, 8, 9, 0xffffffff, 1ull << 32, UINT64_MAX};

    for (uint32_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        suite_about("operation", unknown[i]);
        EQ(argo(unknown[i], addr(PAGE_ARGS, 0), addr(PAGE_ARGS, 0), 0, 0), -KEEL_EOPNOTSUPP);
        EQ(argo(unknown[i], 0, 0, 0xffffffff, 0xffffffff), -KEEL_EOPNOTSUPP);
        EQ(argo(unknown[i], 0, 0, 1ull << 32, 0), -KEEL_EINVAL);
        EQ(argo(unknown[i], 0, 0, 0, 1ull << 32), -KEEL_EINVAL);
    }
}

const struct test register_tests[] = {
    {"register-lengths", lengths},
    {"register-longest", longest},
    {"register-flags", flags},
    {"register-pages", pages_wide},
    {"register-arguments", arguments},
    {"register-pads", pads},
    {"register-partners", partners},
    {"register-ports", ports},
    {"register-exists", exists},
    {"register-frames", frames},
    {"register-pins", pins},
    {"register-128", rings_128},
    {"register-memory", memory},
    {"register-adopts", adopts},
    {"register-resumes", resumes},
    {"unregister", unregister},
    {"operations", operations},
    {"register-again", again_and_again},
    {NULL, NULL},
};
