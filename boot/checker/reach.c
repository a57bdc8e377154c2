/* SPDX-License-Identifier: Apache-2.0 */
/* From edges to who can reach whom (see reach.h). */
#include "reach.h"

#include <stdio.h>
#include <string.h>

/* Whoever has one of these over another may act as it. */
#define CONTROL (KEEL_RIGHT_BUILD | KEEL_RIGHT_WRITE | KEEL_RIGHT_REGISTERS | KEEL_RIGHT_VCPU)

/* And with one of these something can be handed to it, which it may pass on. */
#define INPUT \
    (CONTROL | KEEL_RIGHT_SEND | KEEL_RIGHT_SERVE | KEEL_RIGHT_CALLS | KEEL_RIGHT_INTERRUPT)

static bool is_in(uint64_t set, uint16_t domain)
{
    return set >> domain & 1;
}

static void follow(struct reach *reach, uint16_t domain, uint16_t at)
{
    for (uint16_t to = 0; to < reach->domains; to++) {
        if (!(reach->rights[at][to] & CONTROL) || to == domain || is_in(reach->as[domain], to))
            continue;
        reach->as[domain] |= 1ull << to;
        follow(reach, domain, to);
    }
}

void reach_find(struct reach *reach, const struct authority *authority, uint32_t domains)
{
    memset(reach, 0, sizeof *reach);
    reach->domains = domains;
    for (uint16_t id = 0; id < domains; id++)
        for (uint32_t i = 0; i < authority->nedges[id]; i++) {
            const struct keel_edge *edge = &authority->edge[id][i].edge;

            reach->rights[id][edge->target] |= edge->rights;
            if (edge->rights & (KEEL_RIGHT_SERVE | KEEL_RIGHT_CALLS))
                reach->asks[edge->target] |= 1ull << id;
        }
    for (uint16_t id = 0; id < domains; id++)
        follow(reach, id, id);
}

/* Breadth first: the shortest way, of equals the one with the lowest ids. */
bool reach_through(const struct reach *reach, uint16_t from, uint16_t to,
                   uint16_t via[KEEL_DOMAINS_MAX], uint32_t *n)
{
    uint16_t queue[KEEL_DOMAINS_MAX], before[KEEL_DOMAINS_MAX];
    uint32_t first = 0, last = 0;
    uint64_t seen = 1ull << from;

    *n = 0;
    queue[last++] = from;
    while (first < last) {
        uint16_t at = queue[first++];

        if (reach->rights[at][to] || is_in(reach->asks[at], to)) {
            uint16_t way[KEEL_DOMAINS_MAX];
            uint32_t steps = 0;

            for (; at != from; at = before[at])
                way[steps++] = at;
            while (steps)
                via[(*n)++] = way[--steps];
            return true;
        }
        for (uint16_t next = 0; next < reach->domains; next++) {
            if (is_in(seen, next) ||
                !((reach->rights[at][next] & INPUT) || is_in(reach->asks[at], next)))
                continue;
            seen |= 1ull << next;
            before[next] = at;
            queue[last++] = next;
        }
    }
    return false;
}

static void print_edge(const struct config *config, const struct authority_sink *sink,
                       uint16_t from, uint16_t as, uint16_t to, uint32_t rights, bool exits)
{
    char names[AUTHORITY_RIGHTS_TEXT], acting[KEEL_NAME_MAX + 4] = "", line[400];

    authority_rights(rights, names);
    if (as != from)
        snprintf(acting, sizeof acting, " as %s", config->domain[as].name);
    snprintf(line, sizeof line, "%s%s -> %s: %s%s%s", config->domain[from].name, acting,
             config->domain[to].name, names, rights && exits ? "," : "", exits ? "exits" : "");
    sink->line(sink->context, line);
}

static void print_through(const struct reach *reach, const struct config *config,
                          const struct authority_sink *sink, uint16_t from, uint16_t to)
{
    char line[KEEL_DOMAINS_MAX * KEEL_NAME_MAX + 100];
    uint16_t via[KEEL_DOMAINS_MAX];
    uint32_t n;

    if (!reach_through(reach, from, to, via, &n))
        return;
    size_t used = (size_t)snprintf(line, sizeof line, "%s ~> %s: through ",
                                   config->domain[from].name, config->domain[to].name);
    for (uint32_t i = 0; i < n; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s", i ? ", " : "",
                                 config->domain[via[i]].name);
    sink->line(sink->context, line);
}

static void print_from(const struct reach *reach, const struct config *config,
                       const struct authority_sink *sink, uint16_t from)
{
    uint64_t reached = 1ull << from;

    for (uint16_t to = 0; to < reach->domains; to++) {
        bool exits = is_in(reach->asks[from], to);

        if (!reach->rights[from][to] && !exits)
            continue;
        reached |= 1ull << to;
        print_edge(config, sink, from, from, to, reach->rights[from][to], exits);
    }
    for (uint16_t as = 0; as < reach->domains; as++)
        for (uint16_t to = 0; to < reach->domains && is_in(reach->as[from], as); to++) {
            uint32_t more = reach->rights[as][to] & ~reach->rights[from][to];

            if (!more || to == from)
                continue;
            reached |= 1ull << to;
            print_edge(config, sink, from, as, to, more, false);
        }
    for (uint16_t to = 0; to < reach->domains; to++)
        if (!is_in(reached, to))
            print_through(reach, config, sink, from, to);
}

void reach_print(const struct reach *reach, const struct config *config,
                 const struct authority_sink *sink)
{
    for (uint16_t from = 0; from < reach->domains; from++)
        print_from(reach, config, sink, from);
}
