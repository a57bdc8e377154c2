/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "world.h"

#include <argo/ring.h>
#include <check.h>
#include <keel/calls.h>
#include <keel/counter.h>
#include <runtime/events.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <string.h>

#define RINGS_MAX 16u

struct world world;

static struct registered {
    struct keel_argo_ring *shared;
    uint32_t len, port;
    uint16_t partner;
} rings[RINGS_MAX];

static struct keel_start start = {
    .version = KEEL_START_VERSION, .domain = WORLD_SELF, .incarnation = WORLD_LIFE, .name = "self"};

const struct keel_start *keel_start(void)
{
    start.nconnections = world.nconnections;
    start.connections = (uintptr_t)world.connection;
    return &start;
}

uint64_t keel_counter(void)
{
    return world.now;
}

uint64_t keel_counter_frequency(void)
{
    return 1000;
}

static void call(void)
{
    world.calls++;
    if (world.on_call != NULL)
        world.on_call();
}

const struct keel_connection *world_connect(const char *name, uint16_t domain, uint32_t port,
                                            uint32_t rights, uint32_t incarnation)
{
    struct keel_connection *connection = &world.connection[world.nconnections];
    *connection = (struct keel_connection){.domain = domain,
                                           .edge = (uint16_t)world.nconnections++,
                                           .rights = rights,
                                           .port = port,
                                           .incarnation = incarnation};
    strncpy(connection->name, name, KEEL_NAME_MAX - 1);
    return connection;
}

/* ---- Rings ---- */

static struct registered *find(uint32_t port, uint16_t partner)
{
    for (unsigned i = 0; i < RINGS_MAX; i++)
        if (rings[i].shared != NULL && rings[i].port == port && rings[i].partner == partner)
            return &rings[i];
    return NULL;
}

struct keel_argo_ring *world_ring(uint32_t port, uint16_t partner, uint32_t *len)
{
    const struct registered *ring = find(port, partner);
    if (ring != NULL && len != NULL)
        *len = ring->len;
    return ring != NULL ? ring->shared : NULL;
}

static int64_t ring_register(const struct keel_argo_register_ring *request, const uint64_t *frames)
{
    unsigned i = 0;
    while (rings[i].shared != NULL)
        ck_assert_uint_lt(++i, RINGS_MAX);
    rings[i] = (struct registered){(void *)(uintptr_t)(frames[0] << KEEL_PAGE_SHIFT), request->len,
                                   request->aport, request->partner_id};
    return 0;
}

static bool append(struct registered *ring, const struct keel_argo_message_header *header,
                   const void *payload)
{
    uint32_t at = ring->shared->tx_ptr, rx = ring->shared->rx_ptr;
    uint32_t used = at >= rx ? at - rx : ring->len - rx + at;
    uint32_t n = header->len - (uint32_t)sizeof(*header);
    if (16 + argo_slots(n) + KEEL_ARGO_SLOT > ring->len - used)
        return false;
    memcpy(&ring->shared->ring[at], header, sizeof(*header));
    for (uint32_t i = 0; i < n; i++)
        ring->shared->ring[(at + 16 + i) % ring->len] = ((const uint8_t *)payload)[i];
    ring->shared->tx_ptr = (at + 16 + argo_slots(n)) % ring->len;
    return true;
}

bool world_deliver(uint32_t port, uint16_t domain, uint32_t from, uint32_t type,
                   const void *payload, uint32_t bytes)
{
    const struct keel_argo_message_header header = {
        bytes + 16, {.aport = from, .domain_id = domain}, type};
    struct registered *ring = find(port, domain);
    if (ring == NULL)
        ring = find(port, KEEL_DOMAIN_ANY);
    if (ring == NULL || !append(ring, &header, payload))
        return false;
    world.events |=
        domain == KEEL_DOMAIN_KERNEL ? EVENT(KEEL_EVENT_KERNEL) : EVENT(KEEL_EVENT_ARGO);
    return true;
}

void world_tell(uint32_t edge, uint32_t incarnation, uint32_t state)
{
    const struct keel_life life = {.peer = KEEL_PEER(edge, incarnation), .state = state};
    ck_assert(world_deliver(KEEL_PORT_KERNEL, KEEL_DOMAIN_KERNEL, KEEL_PORT_KERNEL,
                            KEEL_MESSAGE_LIFE, &life, sizeof(life)));
}

static int64_t send(const struct keel_argo_send_addr *addr, const struct keel_argo_iov *pieces,
                    uint64_t n, uint32_t type)
{
    static struct world_message message;
    message = (struct world_message){.from = addr->src, .to = addr->dst, .type = type};
    ck_assert_uint_eq(addr->src.pad | addr->dst.pad, 0);
    ck_assert_uint_le(n, KEEL_ARGO_IOVS_MAX);
    world.sends++;
    for (uint64_t i = 0; i < n; i++) {
        ck_assert_uint_eq(pieces[i].pad, 0);
        ck_assert_uint_le(message.bytes + pieces[i].iov_len, WORLD_BYTES_MAX);
        if (pieces[i].iov_len != 0)
            memcpy(message.payload + message.bytes, (const void *)(uintptr_t)pieces[i].iov_hnd,
                   pieces[i].iov_len);
        message.bytes += pieces[i].iov_len;
    }
    if (world.on_send != NULL)
        return world.on_send(&message);
    if (world.send_status < 0)
        return world.send_status;
    ck_assert_uint_lt(world.nsent, WORLD_SENT_MAX);
    world.sent[world.nsent++] = message;
    return message.bytes;
}

/* About no space: who only wants to know whether there is a ring must not wait for any. */
static int64_t answer(struct argo_question *question)
{
    world.asks++;
    ck_assert_uint_le(question->nent, ARGO_ASK_MAX);
    ck_assert_uint_eq(question->pad, 0);
    for (uint32_t i = 0; i < question->nent; i++) {
        struct keel_argo_ring_data_ent *ent = &question->ent[i];
        const struct keel_connection *to = keel_connection_of(ent->ring.domain_id, ent->ring.aport);
        if (to == NULL || (to->rights & KEEL_RIGHT_SEND) == 0)
            return -KEEL_EACCES;
        ck_assert_uint_eq(ent->space_required, ARGO_ASK_EXISTENCE);
        ent->flags = world.there[to->edge] ? KEEL_ARGO_EXISTS | KEEL_ARGO_NOTIFY_EMSGSIZE : 0;
        ent->life = world.owner[to->domain];
    }
    return 0;
}

/* ---- Calls ---- */

int64_t keel_argo(uint64_t op, const struct keel_argo_send_addr *arg1,
                  const struct keel_argo_iov *arg2, uint64_t arg3, uint64_t arg4)
{
    int64_t result = 0;
    call();
    if (op == KEEL_ARGO_REGISTER_RING)
        result = ring_register((const void *)arg1, (const void *)arg2);
    else if (op == KEEL_ARGO_SENDV)
        result = send(arg1, arg2, arg3, (uint32_t)arg4);
    else if (op == KEEL_ARGO_NOTIFY && arg1 != NULL)
        result = answer((void *)(uintptr_t)arg1);
    call();
    return result;
}

int64_t keel_wait(uint64_t deadline)
{
    call();
    if (world.on_wait != NULL)
        world.on_wait();
    if (world.events == 0 && deadline > world.now)
        world.now = deadline;
    uint64_t events = world.events;
    world.events = 0;
    return (int64_t)(events != 0 ? events : EVENT(KEEL_EVENT_TIME));
}

int64_t keel_domain_info(keel_peer peer, struct keel_life *life)
{
    call();
    const struct keel_connection *connection = &world.connection[KEEL_PEER_EDGE(peer)];
    if ((connection->rights & (KEEL_RIGHT_WATCH | KEEL_RIGHT_BUILD)) == 0)
        return -KEEL_EACCES;
    *life = world.life[connection->domain];
    return 0;
}

int64_t keel_reply_wait(keel_peer peer, uint64_t seq, uint64_t action, uint64_t value,
                        uint64_t deadline)
{
    (void)peer;
    (void)seq;
    (void)action;
    (void)value;
    return keel_wait(deadline);
}

int64_t keel_reply(keel_peer peer, uint64_t seq, uint64_t action, uint64_t value)
{
    (void)peer;
    (void)seq;
    (void)action;
    (void)value;
    return 0;
}

int64_t keel_irq_done(uint64_t bits)
{
    (void)bits;
    return 0;
}

/* ---- The loop ---- */

static bool begun;

static void turn(void)
{
    uint64_t events = world.events;
    if (!begun)
        ck_assert_int_eq(loop_begin(), 0);
    begun = true;
    world.events = 0;
    /* Its wait at the end must not take what the next turn is for. */
    const uint64_t now = world.now;
    world.events = loop_turn(events) & ~EVENT(KEEL_EVENT_TIME);
    world.now = now;
}

void world_run(void)
{
    do
        turn();
    while (world.events != 0);
}

void world_pass(uint64_t ms)
{
    for (; ms > 0; ms--) {
        world.now++;
        turn();
    }
    world_run();
}
