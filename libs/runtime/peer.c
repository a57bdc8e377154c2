/* SPDX-License-Identifier: Apache-2.0 */
/* The lives of peers; see peer.h. */
#include <runtime/peer.h>

#include <keel/calls.h>
#include <runtime/loop.h>

static struct life {
    bool known; /* the rest is */
    bool runs;
    uint32_t incarnation;
} lives[KEEL_DOMAINS_MAX];

static struct peer_watch *watches;

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

static void begin(void)
{
    static struct loop_watch watch = {.life = on_life, .lost = on_lost};
    static bool begun;
    if (!begun)
        loop_watch(&watch);
    begun = true;
}

uint32_t peer_incarnation(uint16_t domain)
{
    begin();
    return life_of(domain)->incarnation;
}

int peer_refresh(const struct keel_connection *connection)
{
    const struct keel_connection *watched;
    begin();
    for (uint32_t i = 0; (watched = keel_connection_at(i)) != NULL; i++)
        if (watched->domain == connection->domain &&
            (watched->rights & (KEEL_RIGHT_WATCH | KEEL_RIGHT_BUILD)) != 0)
            return ask(watched);
    return -KEEL_EACCES;
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
