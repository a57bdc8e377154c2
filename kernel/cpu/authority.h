/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authority: every right is an edge in its holder's table. What a hot path needs of others' edges is
 * kept at the target when an edge is set: who serves which window, who may send to which port.
 * Written by the builder before the seal, read-only after it.
 */
#ifndef KERNEL_CPU_AUTHORITY_H
#define KERNEL_CPU_AUTHORITY_H

#include "base.h"
#include <keel/edge.h>

#define AUTHORITY_PORTS_MAX 16 /* ports that a domain provides */

struct domain;

/* Exits in [lo, hi] go to a service. */
struct route {
    uint64_t lo, hi;
    struct domain *service;
    uint16_t edge; /* of the service, to the domain */
};

/* A port that the domain may receive at, and who may send to it. */
struct authority_port {
    uint32_t port;
    bool receives;    /* the domain has RECEIVE for it */
    uint64_t senders; /* bit n: domain n */
};

struct authority {
    struct authority_port port[AUTHORITY_PORTS_MAX];
    uint32_t ports;
    uint32_t self;            /* rights of edges to itself, together */
    uint64_t self_cpus;       /* CPUs of its SCHEDULE edges */
    struct route route[KEEL_ROUTES_MAX];
    uint32_t routes;
    struct route calls;       /* who answers HVC and SMC; lo 0: nobody, 1: somebody */
    uint64_t watchers;        /* bit n: domain n holds WATCH */
    struct keel_edge edge[KEEL_EDGES_MAX];
};

bool authority_is_sealed(void);

/* The peer of a call: its domain, if the caller's edge grants one of `rights` and the incarnation is
 * right. -EACCES; -ESTALE: `target` and `edge` are filled in all the same. */
must_check int64_t authority_peer(const struct domain *caller, keel_peer peer, uint32_t rights,
                                  struct domain **target, const struct keel_edge **edge);

must_check int64_t authority_edge_set(struct domain *holder, uint64_t index,
                                      const struct keel_edge *edge);
must_check int64_t authority_seal(void);

/* Whether `count` numbers from `first` on, at least one, all lie within an edge's window. */
static inline bool window_has(uint64_t lo, uint64_t hi, uint64_t first, uint64_t count)
{
    return first >= lo && first <= hi && count - 1 <= hi - first;
}

/* Who serves an access to ipa by the domain, or NULL. */
const struct route *authority_route(const struct domain *domain, uint64_t ipa);

/* The entry of a port that the domain provides, or NULL. */
static inline const struct authority_port *authority_port(const struct authority *authority,
                                                          uint32_t port)
{
    for (uint32_t i = 0; i < authority->ports; i++)
        if (authority->port[i].port == port)
            return &authority->port[i];
    return NULL;
}

/* Whether [pa, pa + bytes) lies within one DEVICE edge of the domain. */
bool authority_device(const struct domain *domain, uint64_t pa, uint64_t bytes);

#endif
