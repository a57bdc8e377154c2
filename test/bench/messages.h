/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of several sizes, there and back, between `first` and `second`: the same for services
 * (messages.c) and guests (../guests/messages.c), who say how Argo is called and how to wait.
 * Marked for count.c: the send call, until the other has found the message in its ring, and until
 * the answer is there.
 */
#ifndef BENCH_MESSAGES_H
#define BENCH_MESSAGES_H

#include "mark.h"

#include <argo/ring.h>

#define PORT       7u
#define RING_PAGES 260u
#define RING_LEN   (RING_PAGES * 4096u - 64u)
#define LONGEST    0x100000u
#define LAST       1u /* type of the message that ends it */

/* By who includes this. */
static int64_t argo(uint64_t op, const void *arg1, const void *arg2, uint64_t arg3, uint64_t arg4);
static void rest(void); /* until a signal comes */

static _Alignas(4096) uint8_t ring_memory[RING_PAGES * 4096u];
static _Alignas(4096) uint8_t content[LONGEST];
static struct argo_ring ring;

static int64_t messages_begin(uint16_t partner)
{
    static uint64_t frame[RING_PAGES];
    static struct keel_argo_register_ring args;

    args = (struct keel_argo_register_ring){PORT, partner, 0, RING_LEN};
    ring.shared = (void *)ring_memory;
    ring.len = RING_LEN;
    for (uint32_t i = 0; i < RING_PAGES; i++)
        frame[i] = ((uintptr_t)ring_memory >> 12) + i;
    return argo(KEEL_ARGO_REGISTER_RING, &args, frame, RING_PAGES, 0);
}

static inline int64_t message_send(uint16_t to, uint32_t type, uint32_t bytes)
{
    const struct keel_argo_send_addr addr = {{PORT, KEEL_DOMAIN_ANY, 0}, {PORT, to, 0}};
    const struct keel_argo_iov iov = {(uintptr_t)content, bytes, 0};

    return argo(KEEL_ARGO_SENDV, &addr, &iov, 1, type);
}

static inline void message_await(struct argo_message *message)
{
    while (!argo_ring_next(&ring, message))
        rest();
}

static inline void message_done(const struct argo_message *message)
{
    argo_ring_consume(&ring, message);
    (void)argo(KEEL_ARGO_NOTIFY, NULL, NULL, 0, 0);
}

/* Sizes, and how often each: it has to be more than the warm-ups. */
#define MESSAGES_SIZES(X) \
    X(0, 0u, 120)         \
    X(64, 64u, 120)       \
    X(1K, 0x400u, 120)    \
    X(4K, 0x1000u, 80)    \
    X(64K, 0x10000u, 40)  \
    X(1M, 0x100000u, 25)

/* False: something went wrong. */
static bool messages_first(uint16_t to)
{
    struct argo_message message;
    bool fine = true;
    int64_t sent;

#define ROUND(name, size, times)                \
    for (int i = 0; i < (times) && fine; i++) { \
        MARK_BEGIN(ROW_ROUND_##name);           \
        MARK_BEGIN(ROW_ONE_WAY_##name);         \
        MARK_BEGIN(ROW_SEND_##name);            \
        sent = message_send(to, 0, size);       \
        MARK_END(ROW_SEND_##name);              \
        fine = sent == (int64_t)(size);         \
        if (fine)                               \
            message_await(&message);            \
        MARK_END(ROW_ROUND_##name);             \
        fine = fine && message.bytes == (size); \
        if (fine)                               \
            message_done(&message);             \
    }
    MESSAGES_SIZES(ROUND)
#undef ROUND
    return message_send(to, LAST, 0) == 0 && fine;
}

static void messages_second(void)
{
    struct argo_message message;
    bool last = false;

    while (!last) {
        message_await(&message);
        switch (message.bytes) {
#define ARRIVED(name, size, times)    \
    case size:                        \
        MARK_END(ROW_ONE_WAY_##name); \
        break;
            MESSAGES_SIZES(ARRIVED)
#undef ARRIVED
        default:
            break;
        }
        const uint16_t from = message.source.domain_id;
        const uint32_t bytes = message.bytes;

        last = message.type == LAST;
        message_done(&message);
        if (!last)
            last = message_send(from, 0, bytes) < 0;
    }
}

#endif
