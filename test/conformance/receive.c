/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: what the kernel writes to a ring, byte by byte, and what it believes of what it reads
 * there. */
#include "suite.h"

static struct answer sends(uint16_t who, uint32_t len, uint32_t step, uint32_t count, uint32_t seed,
                           uint32_t type)
{
    return COMMAND(who, .what = COMMAND_SEND, .port = PORT_B, .to = {PORT_A, ID_SUITE, 0},
                   .len = len, .step = step, .count = count, .seed = seed, .type = type);
}

/* The header as the wire has it, the contents, the padding, and nothing else. */
static void wire(void)
{
    struct keel_argo_ring *ring = ring_at(PAGE_RING);
    const uint32_t len = 256;

    for (uint32_t bytes = 0; bytes <= 33; bytes++) {
        const uint32_t start = 16 * (bytes % 16), need = 16 + (bytes + 15) / 16 * 16;
        const uint8_t *end = platform_page(PAGE_RING + 1);
        uint32_t untouched = 0;

        suite_about("bytes", bytes);
        bytes_set(ring, 0xA5, 2 * PAGE);
        bytes_set(ring, 0, 64);
        ring->rx_ptr = ring->tx_ptr = start;
        EQ(ring_register(PORT_A, ID_PARTNER, len, PAGE_RING, 0), 0);
        EQ(sends(ID_PARTNER, bytes, 0, 1, bytes, 0x89ABCDEF).result, bytes);

        const uint32_t *word = (const uint32_t *)(const void *)&ring->ring[start];
        const uint16_t *half = (const uint16_t *)(const void *)&ring->ring[start];

        EQ(word[0], 16 + bytes); /* len, these 16 bytes included */
        EQ(word[1], PORT_B);
        EQ(half[4], ID_PARTNER);
        EQ(half[5], 0); /* pad */
        EQ(word[3], 0x89ABCDEF);
        EQ(content_wrong(ring->ring, len, (start + 16) % len, bytes, bytes), 0);
        EQ(ring->rx_ptr, start);
        EQ(ring->tx_ptr, (start + need) % len);
        IS(bytes_are(ring->reserved, 0, sizeof(ring->reserved)));
        EQ(ring->signals, 0);
        for (uint32_t i = 0; i < len; i++) {
            uint32_t from = (i + len - start) % len;

            untouched += from >= need && ring->ring[i] == 0xA5;
        }
        EQ(untouched, len - need);
        IS(bytes_are(&ring->ring[len], 0xA5, PAGE - 64 - len));
        IS(bytes_are(end, 0xA5, PAGE));
        EQ(ring_unregister(PORT_A, ID_PARTNER), 0);
    }
}

/* The shortest ring: 48 bytes, of which two slots can be used. */
static void shortest(void)
{
    struct keel_argo_message_header header;

    EQ(ring_new(PORT_A, ID_PARTNER, 48, PAGE_RING), 0);
    EQ(sends(ID_PARTNER, 17, 0, 1, 0, 0).result, -KEEL_EMSGSIZE);
    for (uint32_t turn = 0; turn < 7; turn++) {
        suite_about("turn", turn);
        EQ(sends(ID_PARTNER, 16, 0, 2, turn, 0).count, 1);
        EQ(ring_take(PAGE_RING, 48, &header, turn), 0);
        EQ(header.len, 32);
        EQ(sends(ID_PARTNER, 0, 0, 3, 0, turn).count, 2);
        for (uint32_t i = 0; i < 2; i++) {
            EQ(ring_take(PAGE_RING, 48, &header, 0), 0);
            EQ(header.len, 16);
            EQ(header.message_type, turn + i);
        }
        EQ(ring_take(PAGE_RING, 48, &header, 0), -1);
        EQ(sends(ID_PARTNER, 1, 0, 1, turn, 0).count, 1); /* moves on by two of three slots */
        EQ(ring_take(PAGE_RING, 48, &header, turn), 0);
    }
}

/* The longest ring, and its longest message; the second one wraps. */
static void longest(void)
{
    const uint32_t len = KEEL_ARGO_RING_MAX, most = len - 32;
    struct keel_argo_message_header header;

    EQ(ring_new(PORT_A, ID_PARTNER, len, PAGE_RING), 0);
    EQ(sends(ID_PARTNER, most + 1, 0, 1, 0, 0).result, -KEEL_EMSGSIZE);
    for (uint32_t turn = 0; turn < 2; turn++) {
        suite_about("turn", turn);
        EQ(sends(ID_PARTNER, most - turn, 0, 2, turn, 0).count, 1);
        EQ(ring_take(PAGE_RING, len, &header, turn), 0);
        EQ(header.len, most - turn + 16);
        EQ(ring_take(PAGE_RING, len, &header, 0), -1);
    }
}

/* rx_ptr is rounded up to a slot; behind the end it is 0. How much fits follows from that, and
 * nothing else happens whatever it is. */
static void hostile_rx(void)
{
    static const uint32_t values[] = {
        0,   1,   15,  16,  17,         100,        127,        239,        240,       241,
        255, 256, 257, 272, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff1, 0xffffffff};
    struct keel_argo_ring *ring = ring_at(PAGE_RING);
    const uint32_t len = 256;

    for (uint32_t t = 0; t < len; t += 80)
        for (uint32_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            uint32_t rx = (values[i] + 15) & ~15u, unread, space;

            if (rx >= len)
                rx = 0;
            unread = (t + len - rx) % len;
            space = len - 16 - unread;
            suite_about("tx, rx", (uint64_t)t << 32 | values[i]);
            bytes_set(ring, 0xA5, PAGE);
            bytes_set(ring, 0, 64);
            ring->rx_ptr = ring->tx_ptr = t;
            EQ(ring_register(PORT_A, ID_PARTNER, len, PAGE_RING, 0), 0);
            ring->rx_ptr = values[i];
            ring->tx_ptr = values[i]; /* never read again */
            EQ(sends(ID_PARTNER, space, 0, 1, 3, 0).result,
               space > len - 32 ? -KEEL_EMSGSIZE : -KEEL_EAGAIN);
            EQ(ring->tx_ptr, values[i]);
            if (space >= 16) {
                EQ(sends(ID_PARTNER, space - 16, 0, 1, 3, 0).result, space - 16);
                EQ(ring->tx_ptr, (t + space) % len);
                EQ(content_wrong(ring->ring, len, (t + 16) % len, 3, space - 16), 0);
            }
            EQ(ring->rx_ptr, values[i]);
            IS(bytes_are(&ring->ring[len], 0xA5, PAGE - 64 - len));
            EQ(ring_unregister(PORT_A, ID_PARTNER), 0);
        }
}

/* What else the receiver scribbles: over its messages, its tx_ptr, its header. The next message is
 * right. */
static void hostile_content(void)
{
    struct keel_argo_ring *ring = ring_at(PAGE_RING);
    const uint32_t len = 512;
    uint32_t tx = 0;

    EQ(ring_new(PORT_A, ID_PARTNER, len, PAGE_RING), 0);
    for (uint32_t turn = 0; turn < 40; turn++) {
        suite_about("turn", turn);
        bytes_set(ring->ring, (uint8_t)(0xF0 + turn), len);
        ring->tx_ptr = turn * 0x01010101u;
        __atomic_store_n(&ring->rx_ptr, tx, __ATOMIC_RELEASE);
        EQ(sends(ID_PARTNER, turn * 3, 0, 1, turn, turn).result, turn * 3);
        EQ(content_wrong(ring->ring, len, (tx + 16) % len, turn, turn * 3), 0);
        tx = (tx + 16 + (turn * 3 + 15) / 16 * 16) % len;
        EQ(ring->tx_ptr, tx);
    }
}

/* Two senders into one ring for all: each one's messages in their order, each with its name. */
static void two_senders(void)
{
    struct keel_argo_message_header header;
    uint32_t next[2] = {0, 0}, taken = 0;

    EQ(ring_new(PORT_A, ANY, 4096 - 64, PAGE_RING), 0);
    for (uint32_t turn = 0; turn < 5; turn++) {
        suite_about("turn", turn);
        ORDER(ID_PARTNER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_SUITE, 0},
              .len = 9, .step = 1, .count = 20, .seed = 50, .type = turn * 20);
        EQ(COMMAND(ID_OTHER, .what = COMMAND_SEND, .port = PORT_A, .to = {PORT_A, ID_SUITE, 0},
                   .len = 9, .step = 1, .count = 20, .seed = 50, .type = turn * 20)
               .count,
           20);
        EQ(COMMAND(ID_PARTNER, .what = COMMAND_HELLO).result, 0); /* it is done as well */
        for (;;) {
            struct keel_argo_ring *ring = ring_at(PAGE_RING);
            const uint32_t rx = ring->rx_ptr;
            const uint32_t type = *(const uint32_t *)(const void *)&ring->ring[rx + 12];
            const int64_t wrong = ring_take(PAGE_RING, 4096 - 64, &header, 50 + type % 20);

            if (wrong < 0)
                break;
            EQ(wrong, 0);
            IS(header.source.domain_id == ID_PARTNER || header.source.domain_id == ID_OTHER);
            EQ(header.message_type, next[header.source.domain_id == ID_OTHER]++);
            taken++;
        }
    }
    EQ(taken, 200);
}

/* A message that comes signals its receiver, each time that it has taken the signal before. */
static void signals(void)
{
    struct keel_argo_message_header header;

    EQ(ring_new(PORT_A, ID_PARTNER, 1024, PAGE_RING), 0);
    for (uint32_t turn = 0; turn < 5; turn++) {
        suite_about("turn", turn);
        quiet();
        ORDER(ID_PARTNER, .what = COMMAND_SEND, .delay_ms = 60, .port = PORT_A,
              .to = {PORT_A, ID_SUITE, 0}, .count = 1, .type = turn);
        IS(platform_signalled(10000));
        EQ(ring_take(PAGE_RING, 1024, &header, 0), 0);
        EQ(header.message_type, turn);
    }
}

/* Keel's own: who asks for it is signalled for a message only when all before it are taken. */
static void signals_when_empty(void)
{
    struct keel_argo_message_header header;

    EQ(ring_new(PORT_A, ID_PARTNER, 1024, PAGE_RING), 0);
    ring_at(PAGE_RING)->signals = KEEL_ARGO_SIGNALS_WHEN_EMPTY;
    for (uint32_t turn = 0; turn < 3; turn++) {
        suite_about("turn", turn);
        quiet();
        ORDER(ID_PARTNER, .what = COMMAND_SEND, .delay_ms = 60, .port = PORT_A,
              .to = {PORT_A, ID_SUITE, 0}, .count = 1, .type = 1);
        IS(platform_signalled(10000));
        quiet();
        ORDER(ID_PARTNER, .what = COMMAND_SEND, .delay_ms = 60, .port = PORT_A,
              .to = {PORT_A, ID_SUITE, 0}, .count = 3, .type = 2);
        IS(!platform_signalled(200));
        for (uint32_t i = 0; i < 4; i++) {
            EQ(ring_take(PAGE_RING, 1024, &header, 0), 0);
            EQ(header.message_type, 1 + i);
        }
    }
}

const struct test receive_tests[] = {
    {"receive-wire", wire},
    {"receive-shortest", shortest},
    {"receive-longest", longest},
    {"receive-hostile-rx", hostile_rx},
    {"receive-hostile-content", hostile_content},
    {"receive-two-senders", two_senders},
    {"receive-signals", signals},
    {"receive-signals-when-empty", signals_when_empty},
    {NULL, NULL},
};
