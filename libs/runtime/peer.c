/* SPDX-License-Identifier: Apache-2.0 */
/* The lives of peers; see peer.h. */
#include <runtime/peer.h>

#include <keel/calls.h>
#include <keel/counter.h>
#include <runtime/clock.h>
#include <runtime/loop.h>

static struct life {
    bool known; /* the rest is */
    bool runs;
    uint32_t incarnation;
} lives[KEEL_DOMAINS_MAX];

static struct peer_watch *watches;
static struct peer_ring *rings; /* that are followed */

static void tell(uint16_t domain, enum peer_change change, uint32_t incarnation)
{
    for (struct peer_watch *watch = watches; watch != NULL; watch = watch->next)
        watch->handler(watch->context, domain, change, incarnation);
}

/* What the start block says, until something newer is known. */
static struct life *life_of(uint16_t domain)
{
    struct life *life = &lives[domain % KEEL_DOMAINS_MAX];
    const struct keel_connection *connection;
    for (uint32_t i = 0; !life->known && (connection = keel_connection_at(i)) != NULL; i++)
        if (connection->domain == domain)
            *life = (struct life){true, connection->incarnation != 0, connection->incarnation};
    return life;
}

/* News, or old news: a life is known by its number, and does not begin twice. */
static void learn(uint16_t domain, uint32_t incarnation, bool runs)
{
    struct life *life = life_of(domain), before = *life;
    if (incarnation < before.incarnation)
        return;
    const bool another = incarnation > before.incarnation;
    *life = (struct life){true, runs, incarnation};
    if (before.runs && (another || !runs))
        tell(domain, PEER_DIED, before.incarnation);
    if (runs && (another || !before.runs))
        tell(domain, PEER_RUNS, incarnation);
}

static const struct keel_connection *connection_by_edge(uint32_t edge)
{
    const struct keel_connection *connection;
    for (uint32_t i = 0; (connection = keel_connection_at(i)) != NULL; i++)
        if (connection->edge == edge)
            return connection;
    return NULL;
}

static void on_life(void *context, const struct keel_life *message)
{
    const struct keel_connection *connection = connection_by_edge(KEEL_PEER_EDGE(message->peer));
    (void)context;
    if (connection != NULL)
        learn(connection->domain, KEEL_PEER_INCARNATION(message->peer),
              message->state == KEEL_DOMAIN_RUNNING);
}

/* By an edge with the right to know. */
static int ask(const struct keel_connection *watched)
{
    struct keel_life life;
    const uint32_t before = life_of(watched->domain)->incarnation;
    if (keel_domain_info(KEEL_PEER(watched->edge, before), &life) < 0)
        return -KEEL_EACCES;
    const uint32_t incarnation = KEEL_PEER_INCARNATION(life.peer);
    learn(watched->domain, incarnation, life.state == KEEL_DOMAIN_RUNNING);
    return incarnation > before;
}

static void on_lost(void *context)
{
    const struct keel_connection *connection;
    (void)context;
    for (uint32_t i = 0; (connection = keel_connection_at(i)) != NULL; i++)
        if ((connection->rights & KEEL_RIGHT_WATCH) != 0)
            (void)ask(connection);
}

/* ---- Rings ---- */

/* Asks about as many as fit into one question, from this one on. Returns the first that did not. */
static struct peer_ring *ask_some(struct peer_ring *first)
{
    struct argo_question question = {.nent = 0};
    struct peer_ring *ring, *end = first;
    for (; end != NULL && question.nent < ARGO_ASK_MAX; end = end->next)
        question.ent[question.nent++] = (struct keel_argo_ring_data_ent){
            .ring = {.aport = end->to->port, .domain_id = end->to->domain},
            .space_required = ARGO_ASK_EXISTENCE};
    const int status = argo_ask(&question);
    const struct keel_argo_ring_data_ent *ent = question.ent;
    for (ring = first; ring != end; ring = ring->next, ent++) {
        ring->answered = status >= 0;
        ring->there = status >= 0 ? (ent->flags & KEEL_ARGO_EXISTS) != 0 : ring->there;
        ring->life = ent->life;
    }
    return end;
}

/* By which this service has any of these rights. */
static const struct keel_connection *connection_with(uint16_t domain, uint32_t rights)
{
    const struct keel_connection *connection;
    for (uint32_t i = 0; (connection = keel_connection_at(i)) != NULL; i++)
        if (connection->domain == domain && (connection->rights & rights) != 0)
            return connection;
    return NULL;
}

static bool any_there(uint16_t domain)
{
    for (const struct peer_ring *ring = rings; ring != NULL; ring = ring->next)
        if (ring->to->domain == domain && ring->there)
            return true;
    return false;
}

/* Of the life in an answer, as far as it goes; the one that is known, if that is as new. */
static uint32_t life_in(const struct peer_ring *ring)
{
    const uint32_t known = life_of(ring->to->domain)->incarnation;
    const uint16_t ahead = (uint16_t)(ring->life - known);
    return known + (ahead <= INT16_MAX ? ahead : 0);
}

static void digest(struct peer_ring *ring)
{
    const uint16_t domain = ring->to->domain;
    const struct life *life = life_of(domain);
    const uint32_t incarnation = life_in(ring);
    const bool changed = ring->there != ring->known;
    ring->known = ring->there;
    if (incarnation > life->incarnation || (changed && ring->there))
        learn(domain, incarnation, any_there(domain));
    else if (changed && !any_there(domain) && connection_with(domain, KEEL_RIGHT_WATCH) == NULL)
        learn(domain, incarnation, false);
    if (changed && ring->changed != NULL)
        ring->changed(ring->context, ring->there);
}

static uint64_t ask_next; /* ticks; not before */

static void ask_all(void)
{
    struct peer_ring *ring = rings;
    ask_next = clock_after_ms(PEER_ASK_MS);
    while (ring != NULL)
        ring = ask_some(ring);
    for (ring = rings; ring != NULL; ring = ring->next)
        if (ring->answered)
            digest(ring);
}

static void on_ask(void *context)
{
    (void)context;
    ask_all();
}

/* A message has come to this service, or there is space somewhere, or a ring has changed: who is told
 * does not know which. */
static void on_argo(void *context)
{
    static struct loop_timer later;
    (void)context;
    if (keel_counter() >= ask_next)
        ask_all();
    else if (later.deadline == 0)
        loop_timer_set(&later, ask_next, on_ask, NULL);
}

/* ---- */

static struct loop_watch events = {.life = on_life, .lost = on_lost};

static void begin(void)
{
    static bool begun;
    if (!begun)
        loop_watch(&events);
    begun = true;
}

uint32_t peer_incarnation(uint16_t domain)
{
    begin();
    return life_of(domain)->incarnation;
}

/* By one connection; rings that are followed are looked at all together. */
static int ask_argo(const struct keel_connection *connection)
{
    struct peer_ring ring = {.to = connection};
    const uint32_t before = life_of(connection->domain)->incarnation;
    (void)ask_some(&ring);
    if (!ring.answered)
        return -KEEL_EACCES;
    ask_all();
    if (life_in(&ring) > life_of(connection->domain)->incarnation)
        learn(connection->domain, life_in(&ring), ring.there);
    return life_of(connection->domain)->incarnation > before;
}

int peer_refresh(const struct keel_connection *connection)
{
    const struct keel_connection *by =
        connection_with(connection->domain, KEEL_RIGHT_WATCH | KEEL_RIGHT_BUILD);
    begin();
    if (by != NULL)
        return ask(by);
    return (connection->rights & KEEL_RIGHT_SEND) != 0 ? ask_argo(connection) : -KEEL_EACCES;
}

void peer_follow(struct peer_ring *ring)
{
    struct peer_ring *known = rings;
    begin();
    while (known != NULL && known != ring)
        known = known->next;
    if (known != NULL || (ring->to->rights & KEEL_RIGHT_SEND) == 0)
        return;
    ring->next = rings;
    rings = ring;
    events.space = on_argo;
    ask_all();
}

void peer_follow_domain(struct peer_ring *ring, uint16_t domain)
{
    *ring = (struct peer_ring){.to = connection_with(domain, KEEL_RIGHT_SEND)};
    if (ring->to != NULL)
        peer_follow(ring);
}

void peer_watch(struct peer_watch *watch)
{
    begin();
    watch->next = watches;
    watches = watch;
}

keel_peer keel_connection_peer(const struct keel_connection *connection)
{
    return KEEL_PEER(connection->edge, peer_incarnation(connection->domain));
}
