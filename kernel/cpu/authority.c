/* SPDX-License-Identifier: Apache-2.0 */
/* The authority table: see authority.h. */
#include "cpu/authority.h"

#include "cpu/cpu.h"
#include "cpu/domain.h"
#include "interrupt/irq.h"

static bool sealed; /* atomic; written under the lock */
static struct lock authority_lock;

/* All DEVICE edges of all domains: no two of them meet. */
#define DEVICE_EDGES_MAX 128
static const struct keel_edge *device_edge[DEVICE_EDGES_MAX] GUARDED_BY(authority_lock);
static uint32_t device_edges GUARDED_BY(authority_lock);

/* What the builder keeps over everybody else at the seal; and over itself. */
#define BUILDER_KEEPS                                                                              \
    (KEEL_RIGHT_BUILD | KEEL_RIGHT_STOP | KEEL_RIGHT_WATCH | KEEL_RIGHT_SEND | KEEL_RIGHT_READ)
#define BUILDER_KEEPS_SELF                                                                         \
    (KEEL_RIGHT_SELF | KEEL_RIGHT_AUDIT | KEEL_RIGHT_SYSTEM | KEEL_RIGHT_RECEIVE)

/* Rights whose edges are also kept at the target, or in a list: they are never taken back. */
#define KEPT_ELSEWHERE                                                                             \
    (KEEL_RIGHT_SEND | KEEL_RIGHT_RECEIVE | KEEL_RIGHT_SERVE | KEEL_RIGHT_CALLS | KEEL_RIGHT_DEVICE)

/* Rights that make sense only on the holder itself. */
#define SELF_ONLY                                                                                  \
    (KEEL_RIGHT_RECEIVE | KEEL_RIGHT_DEVICE | KEEL_RIGHT_SCHEDULE | KEEL_RIGHT_SELF |              \
     KEEL_RIGHT_AUDIT | KEEL_RIGHT_SYSTEM)

int64_t authority_peer(const struct domain *caller, keel_peer peer, uint32_t rights,
                       struct domain **target, const struct keel_edge **edge)
{
    uint32_t index = KEEL_PEER_EDGE(peer);

    if (unlikely(index >= KEEL_EDGES_MAX))
        return -KEEL_EACCES;
    *edge = &caller->authority.edge[index];
    if (unlikely(!((*edge)->rights & rights)))
        return -KEEL_EACCES;
    *target = &domains[(*edge)->target];
    return likely((*target)->incarnation == KEEL_PEER_INCARNATION(peer)) ? 0 : -KEEL_ESTALE;
}

const struct route *authority_route(const struct domain *domain, uint64_t ipa)
{
    const struct authority *authority = &domain->authority;

    for (uint32_t i = 0; i < authority->routes; i++)
        if (ipa - authority->route[i].lo <= authority->route[i].hi - authority->route[i].lo)
            return &authority->route[i];
    return NULL;
}

bool authority_device(const struct domain *domain, uint64_t pa, uint64_t bytes)
{
    for (uint32_t i = 0; i < KEEL_EDGES_MAX; i++) {
        const struct keel_edge *edge = &domain->authority.edge[i];

        if ((edge->rights & KEEL_RIGHT_DEVICE) &&
            window_has(edge->memory_lo, edge->memory_hi, pa, bytes))
            return true;
    }
    return false;
}

static struct authority_port *port_make(struct authority *authority, uint32_t port)
{
    const struct authority_port *found = authority_port(authority, port);
    struct authority_port *entry =
        &authority->port[found ? found - authority->port : authority->ports];

    if (!found) {
        *entry = (struct authority_port){.port = port};
        __atomic_store_n(&authority->ports, authority->ports + 1, __ATOMIC_RELEASE);
    }
    return entry;
}

static bool ranges_meet(uint64_t lo, uint64_t hi, uint64_t lo2, uint64_t hi2)
{
    return lo <= hi && lo2 <= hi2 && lo <= hi2 && lo2 <= hi;
}

/* No two domains own a page or an interrupt of a device, and none has RAM or what the kernel uses. */
static bool device_free(const struct keel_edge *edge) REQUIRES(authority_lock)
{
    if (edge->memory_lo <= edge->memory_hi &&
        (((edge->memory_lo | (edge->memory_hi + 1)) & (KEEL_PAGE_SIZE - 1)) ||
         kernel_owns(edge->memory_lo, edge->memory_hi)))
        return false;
    if (edge->irq_lo <= edge->irq_hi &&
        (!irqs_valid(edge->irq_lo, edge->irq_hi) ||
         edge->irq_hi - edge->irq_lo >= KEEL_IRQS_MAX + 0u - domains[edge->target].irqs))
        return false;
    for (uint32_t i = 0; i < device_edges; i++)
        if (ranges_meet(edge->memory_lo, edge->memory_hi, device_edge[i]->memory_lo,
                        device_edge[i]->memory_hi) ||
            ranges_meet(edge->irq_lo, edge->irq_hi, device_edge[i]->irq_lo, device_edge[i]->irq_hi))
            return false;
    return true;
}

static int64_t edge_check(struct domain *holder, uint64_t index, const struct keel_edge *edge)
    REQUIRES(authority_lock)
{
    if (index >= KEEL_EDGES_MAX || edge->target >= KEEL_DOMAINS_MAX || edge->reserved ||
        (edge->flags & ~(uint32_t)KEEL_EDGE_IRQ_EDGE) || (edge->rights & ~KEEL_RIGHTS_ALL) ||
        (edge->cpus && !(edge->cpus & ~0ul >> (64 - cpus_online))))
        return -KEEL_EINVAL;
    if ((edge->rights & SELF_ONLY) && edge->target != holder->id)
        return -KEEL_EINVAL;
    /* Set once; but what the kernel gave the builder, the builder may extend. */
    if (holder->authority.edge[index].rights &&
        (holder->id != KEEL_DOMAIN_BUILDER || (holder->authority.edge[index].rights & KEPT_ELSEWHERE)))
        return -KEEL_EEXIST;

    struct domain *target = &domains[edge->target];

    if ((edge->rights & KEEL_RIGHT_SERVE) && edge->memory_lo <= edge->memory_hi) {
        for (uint32_t i = 0; i < target->authority.routes; i++)
            if (ranges_meet(edge->memory_lo, edge->memory_hi, target->authority.route[i].lo,
                            target->authority.route[i].hi))
                return -KEEL_EEXIST;
        if (target->authority.routes == KEEL_ROUTES_MAX)
            return -KEEL_ENOSPC;
    }
    if ((edge->rights & KEEL_RIGHT_CALLS) && target->authority.calls.lo)
        return -KEEL_EEXIST;
    if ((edge->rights & (KEEL_RIGHT_SEND | KEEL_RIGHT_RECEIVE)) &&
        !authority_port(&target->authority, edge->port) &&
        target->authority.ports == AUTHORITY_PORTS_MAX)
        return -KEEL_ENOSPC;
    if (edge->rights & KEEL_RIGHT_DEVICE) {
        if (device_edges == DEVICE_EDGES_MAX)
            return -KEEL_ENOSPC;
        if (!device_free(edge))
            return -KEEL_EINVAL;
    }
    return 0;
}

static void edge_act(struct domain *holder, uint64_t index, const struct keel_edge *edge)
    REQUIRES(authority_lock)
{
    struct domain *target = &domains[edge->target];
    struct authority *authority = &target->authority;

    holder->authority.edge[index] = *edge;
    if (edge->target == holder->id) {
        authority->self |= edge->rights;
        if (edge->rights & KEEL_RIGHT_SCHEDULE)
            authority->self_cpus |= edge->cpus;
        if (holder->id == KEEL_DOMAIN_BUILDER && edge->cpus)
            holder->cpus = edge->cpus; /* it was started before anybody knew of groups */
    }
    if ((edge->rights & KEEL_RIGHT_SERVE) && edge->memory_lo <= edge->memory_hi)
        authority->route[authority->routes++] = (struct route){
            .lo = edge->memory_lo,
            .hi = edge->memory_hi,
            .service = holder,
            .edge = (uint16_t)index,
        };
    if (edge->rights & KEEL_RIGHT_CALLS)
        authority->calls = (struct route){.lo = 1, .service = holder, .edge = (uint16_t)index};
    if (edge->rights & KEEL_RIGHT_SEND)
        port_make(authority, edge->port)->senders |= 1ul << holder->id;
    if (edge->rights & KEEL_RIGHT_RECEIVE)
        port_make(authority, edge->port)->receives = true;
    if (edge->rights & KEEL_RIGHT_WATCH)
        authority->watchers |= 1ul << holder->id;
    if (edge->rights & KEEL_RIGHT_DEVICE)
        device_edge[device_edges++] = &holder->authority.edge[index];
    if ((edge->rights & KEEL_RIGHT_DEVICE) && edge->irq_lo <= edge->irq_hi)
        irqs_own(holder, edge->irq_lo, edge->irq_hi, edge->flags & KEEL_EDGE_IRQ_EDGE);
}

int64_t authority_edge_set(struct domain *holder, uint64_t index, const struct keel_edge *edge)
{
    int64_t status;

    lock_take_outer(&authority_lock);
    status = sealed ? -KEEL_EBUSY : edge_check(holder, index, edge);
    if (status == 0)
        edge_act(holder, index, edge);
    lock_release(&authority_lock);
    return status;
}

bool authority_is_sealed(void)
{
    return __atomic_load_n(&sealed, __ATOMIC_ACQUIRE);
}

int64_t authority_seal(void)
{
    struct authority *builder = &domains[KEEL_DOMAIN_BUILDER].authority;

    lock_take_outer(&authority_lock);
    if (sealed) {
        lock_release(&authority_lock);
        return -KEEL_EBUSY;
    }
    for (uint32_t i = 0; i < KEEL_EDGES_MAX; i++)
        builder->edge[i].rights &= builder->edge[i].target == KEEL_DOMAIN_BUILDER
                                       ? BUILDER_KEEPS_SELF
                                       : BUILDER_KEEPS;
    builder->self &= BUILDER_KEEPS_SELF;
    __atomic_store_n(&sealed, true, __ATOMIC_RELEASE);
    lock_release(&authority_lock);
    return 0;
}
