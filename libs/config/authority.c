/* SPDX-License-Identifier: Apache-2.0 */
/* From a configuration to its edges (see authority.h). The order of the passes is the table's. */
#include "authority.h"

#include <keel/machine.h>
#include <stdio.h>
#include <string.h>

struct derivation {
    struct authority *authority;
    const struct config *config;
    struct config_report *report;
    uint16_t holder; /* whose edges are being added */
};

/* An edge without windows. */
static struct keel_edge edge_to(uint16_t target, uint32_t rights)
{
    return (struct keel_edge){
        .target = target,
        .rights = rights,
        .memory_lo = KEEL_PAGE_SIZE,
        .memory_hi = KEEL_PAGE_SIZE - 1,
        .irq_lo = 1,
        .irq_hi = 0,
    };
}

static struct keel_edge edge_memory(uint16_t target, uint32_t rights, uint64_t address,
                                    uint64_t bytes)
{
    struct keel_edge edge = edge_to(target, rights);

    edge.memory_lo = address;
    edge.memory_hi = address + bytes - 1;
    return edge;
}

static struct authority_edge *add(struct derivation *d, uint16_t holder,
                                  const struct keel_edge *edge)
{
    struct authority *authority = d->authority;
    uint32_t n = authority->nedges[holder];

    if (n == KEEL_EDGES_MAX) {
        char path[128];

        config_path(d->config, holder, path, sizeof path);
        config_error(d->report, path, NULL, "needs more than %d edges, expected fewer relations",
                     KEEL_EDGES_MAX);
        return NULL;
    }
    authority->nedges[holder] = n + 1;
    authority->edge[holder][n].edge = *edge;
    authority->edge[holder][n].named = edge->target;
    return &authority->edge[holder][n];
}

/* The holder may register rings at its own port; once. */
static void add_receive(struct derivation *d, uint16_t holder, uint32_t port)
{
    const struct authority *authority = d->authority;

    for (uint32_t i = 0; i < authority->nedges[holder]; i++)
        if ((authority->edge[holder][i].edge.rights & KEEL_RIGHT_RECEIVE) &&
            authority->edge[holder][i].edge.port == port)
            return;

    struct keel_edge edge = edge_to(holder, KEEL_RIGHT_RECEIVE);
    edge.port = port;
    (void)add(d, holder, &edge);
}

/* Messages from port `source` of one domain to `port` of another; once. */
static void add_send(struct derivation *d, uint16_t from, uint32_t source, uint16_t to,
                     uint32_t port, uint16_t named)
{
    const struct authority *authority = d->authority;

    for (uint32_t i = 0; i < authority->nedges[from]; i++) {
        const struct keel_edge *edge = &authority->edge[from][i].edge;

        if ((edge->rights & KEEL_RIGHT_SEND) && edge->target == to && edge->port == port)
            return;
    }

    struct keel_edge edge = edge_to(to, KEEL_RIGHT_SEND);
    edge.port = port;
    struct authority_edge *added = add(d, from, &edge);
    if (added) {
        added->named = named;
        added->source = source;
    }
}

/* Requests to `port` of the peer, from `own` port, and the answers back to it. */
static void add_channel(struct derivation *d, uint16_t user, uint32_t own, uint16_t peer,
                        uint32_t port, bool answers)
{
    add_receive(d, user, own);
    add_receive(d, peer, port);
    add_send(d, user, own, peer, port, peer);
    if (answers)
        add_send(d, peer, port, user, own, user);
}

/* Edge 0: a service's own memory, and what it may do to the system as a whole. The builder's has
 * its port as well. */
static void add_self(struct derivation *d, uint16_t id)
{
    const struct config *config = d->config;
    const struct config_domain *domain = &config->domain[id];
    struct keel_edge edge = edge_memory(id, KEEL_RIGHT_SELF, 0, 0);

    if (domain->kind == CONFIG_BUILDER) {
        edge.rights |= KEEL_RIGHT_SYSTEM | KEEL_RIGHT_AUDIT | KEEL_RIGHT_RECEIVE;
        edge.port = KEEL_PORT_SUPERVISOR;
        edge.cpus = domain->cpus != config_all_cpus(config) ? domain->cpus : 0;
    }
    if (domain->role == CONFIG_ROLE_SCHEDULER) {
        edge.rights |= KEEL_RIGHT_SCHEDULE;
        edge.cpus = domain->schedules;
    }
    if (domain->kind != CONFIG_GUEST)
        (void)add(d, id, &edge);
}

/* The builder after the seal: edge n leads to domain n. Of services, it reads the vaults. */
static void add_builder(struct derivation *d)
{
    for (uint16_t id = 1; id < d->config->ndomains; id++) {
        struct keel_edge edge = edge_to(id, KEEL_RIGHT_BUILD | KEEL_RIGHT_STOP | KEEL_RIGHT_WATCH);

        if (d->config->domain[id].kind != CONFIG_GUEST)
            edge =
                edge_memory(id, edge.rights | KEEL_RIGHT_READ, KEEL_VAULT_VA, KEEL_VAULT_BYTES_MAX);
        (void)add(d, KEEL_DOMAIN_BUILDER, &edge);
    }
}

/* One edge per range of registers; interrupts go with the first of them, or have their own. Each
 * edge has one range of consecutive interrupts of the same trigger. */
static void add_device(struct derivation *d, uint16_t id, const struct config_device *device)
{
    uint32_t region = 0, irq = 0;

    while (region < device->nregions || irq < device->nirqs) {
        struct keel_edge edge = edge_to(id, KEEL_RIGHT_DEVICE);

        if (region < device->nregions) {
            edge.memory_lo = device->region[region].address;
            edge.memory_hi = edge.memory_lo + device->region[region].bytes - 1;
            region++;
        }
        if (irq < device->nirqs) {
            const struct config_irq *first = &device->irq[irq];
            uint32_t n = 1;

            while (irq + n < device->nirqs && first[n].intid == first->intid + n &&
                   first[n].edge == first->edge)
                n++;
            edge.irq_lo = first->intid;
            edge.irq_hi = first->intid + n - 1;
            edge.flags = first->edge ? KEEL_EDGE_IRQ_EDGE : 0;
            irq += n;
        }
        struct authority_edge *added = add(d, id, &edge);
        if (added)
            added->device = (uint16_t)(device - d->config->domain[id].devices);
    }
}

/* What the devices service of a guest may do to it. The first edge serves the distributor and holds
 * everything that has no window. */
static void add_emulation(struct derivation *d, uint16_t id)
{
    const uint32_t rights = KEEL_RIGHT_SERVE | KEEL_RIGHT_CALLS | KEEL_RIGHT_INTERRUPT |
                            KEEL_RIGHT_VCPU | KEEL_RIGHT_STOP | KEEL_RIGHT_WATCH;
    uint16_t target = d->config->domain[id].pair;
    const struct config_domain *guest = &d->config->domain[target];
    struct keel_edge edge = edge_memory(target, rights, KEEL_MACHINE_GICD, KEEL_MACHINE_GICD_SIZE);

    edge.irq_lo = 0;
    edge.irq_hi = 32 + guest->spis - 1;
    (void)add(d, id, &edge);
    edge = edge_memory(target, KEEL_RIGHT_SERVE, KEEL_MACHINE_GICR,
                       guest->vcpus * KEEL_MACHINE_GICR_STRIDE);
    (void)add(d, id, &edge);
    edge = edge_memory(target, KEEL_RIGHT_SERVE, KEEL_MACHINE_UART, KEEL_MACHINE_UART_SIZE);
    if (!config_has_device_at(guest, KEEL_MACHINE_UART, KEEL_MACHINE_UART_SIZE))
        (void)add(d, id, &edge);
    edge = edge_memory(target, KEEL_RIGHT_SERVE, KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_SIZE);
    if (!config_has_device_at(guest, KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_SIZE))
        (void)add(d, id, &edge);
}

/* Output of services, and of guests through their emulation; input back; the console's requests to
 * the builder. */
static void add_console(struct derivation *d, uint16_t id)
{
    const struct config *config = d->config;
    const struct config_domain *domain = &config->domain[id];
    uint16_t console = config->console;

    if (console == CONFIG_NONE)
        return;
    if (id == console) {
        if (domain->console)
            add_channel(d, id, KEEL_PORT_CONTROL, KEEL_DOMAIN_BUILDER, KEEL_PORT_SUPERVISOR, true);
        return;
    }
    if (domain->kind == CONFIG_BUILDER) {
        add_receive(d, id, KEEL_PORT_STDIO);
        add_receive(d, console, KEEL_PORT_CONSOLE);
        add_send(d, id, KEEL_PORT_STDIO, console, KEEL_PORT_CONSOLE, console);
        return;
    }
    if (domain->kind != CONFIG_GUEST && domain->console)
        add_channel(d, id, KEEL_PORT_STDIO, console, KEEL_PORT_CONSOLE, true);
    if (domain->kind == CONFIG_EMULATION && config->domain[domain->pair].console) {
        add_receive(d, id, KEEL_PORT_GUEST);
        add_receive(d, console, KEEL_PORT_CONSOLE);
        add_send(d, id, KEEL_PORT_GUEST, console, KEEL_PORT_CONSOLE, console);
        add_send(d, console, KEEL_PORT_CONSOLE, id, KEEL_PORT_GUEST, domain->pair);
    }
}

static void add_uses(struct derivation *d, uint16_t id)
{
    const struct config_domain *domain = &d->config->domain[id];

    for (uint32_t i = 0; i < domain->nprovides; i++)
        add_receive(d, id, domain->provides[i]);
    for (uint32_t i = 0; i < domain->nuses; i++) {
        const struct config_use *use = &domain->uses[i];
        bool builder = use->peer == KEEL_DOMAIN_BUILDER;

        add_channel(d, id, builder ? KEEL_PORT_CONTROL : use->port, use->peer, use->port,
                    !use->one_way);
    }
}

static void add_rights(struct derivation *d, uint16_t id)
{
    const struct config_domain *domain = &d->config->domain[id];
    const uint32_t with_cpus = KEEL_RIGHT_SCHEDULE;

    for (uint32_t i = 0; i < domain->nrights; i++) {
        const struct config_right *right = &domain->rights[i];
        struct keel_edge edge = edge_to(right->target, right->rights);

        edge.memory_lo = right->memory_lo;
        edge.memory_hi = right->memory_hi;
        edge.irq_lo = right->irq_lo;
        edge.irq_hi = right->irq_hi;
        edge.cpus = right->rights & with_cpus ? right->cpus : 0;
        (void)add(d, id, &edge);
    }
}

/* One served window: whose edge it is. */
struct route {
    uint16_t holder;
    const struct keel_edge *edge;
};

static uint64_t later_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool meet(const struct keel_edge *a, const struct keel_edge *b)
{
    return a->memory_lo <= b->memory_hi && b->memory_lo <= a->memory_hi;
}

/* Of two services that answer for the target, the one whose rights the configuration states: what
 * its devices service has, it has by itself. */
static uint16_t stated(const struct config *config, uint16_t target, uint16_t one, uint16_t other)
{
    return config->domain[target].pair == other ? one : other;
}

/* Accesses of a domain go to one service: no two windows of SERVE edges to it overlap. */
static void check_routes(struct derivation *d, uint16_t target)
{
    struct route route[KEEL_ROUTES_MAX];
    uint32_t routes = 0;
    char path[128];

    for (uint16_t id = 1; id < d->config->ndomains; id++)
        for (uint32_t i = 0; i < d->authority->nedges[id]; i++) {
            const struct keel_edge *edge = &d->authority->edge[id][i].edge;

            if (edge->target != target || !(edge->rights & KEEL_RIGHT_SERVE))
                continue;
            for (uint32_t r = 0; r < routes; r++) {
                if (!meet(edge, route[r].edge))
                    continue;
                uint64_t lo = later_of(edge->memory_lo, route[r].edge->memory_lo);
                uint16_t blamed = stated(d->config, target, route[r].holder, id);
                config_right_path(d->config, blamed, target, path, sizeof path);
                config_error(d->report, path, "memory",
                             "0x%llx of \"%s\" is served by \"%s\" too, expected one service for "
                             "each address",
                             (unsigned long long)lo, d->config->domain[target].name,
                             d->config->domain[blamed == id ? route[r].holder : id].name);
            }
            if (routes == KEEL_ROUTES_MAX) {
                config_path(d->config, target, path, sizeof path);
                config_error(d->report, path, NULL,
                             "has too many served windows, expected at most %d", KEEL_ROUTES_MAX);
                return;
            }
            route[routes++] = (struct route){.holder = id, .edge = edge};
        }
}

static void check_calls(struct derivation *d, uint16_t target)
{
    uint16_t first = CONFIG_NONE, blamed;
    char path[128];

    for (uint16_t id = 1; id < d->config->ndomains; id++)
        for (uint32_t i = 0; i < d->authority->nedges[id]; i++) {
            const struct keel_edge *edge = &d->authority->edge[id][i].edge;

            if (edge->target != target || !(edge->rights & KEEL_RIGHT_CALLS))
                continue;
            if (first == CONFIG_NONE) {
                first = id;
                continue;
            }
            blamed = stated(d->config, target, first, id);
            config_right_path(d->config, blamed, target, path, sizeof path);
            config_error(d->report, path, "allow",
                         "calls of \"%s\" are answered by \"%s\" too, expected one service",
                         d->config->domain[target].name,
                         d->config->domain[blamed == id ? first : id].name);
        }
}

#define DEVICE_EDGES_MAX 128 /* of all domains; the kernel's limit */

static void check_device_edges(struct derivation *d)
{
    uint32_t edges = 0;
    char path[128];

    for (uint16_t id = 1; id < d->config->ndomains; id++)
        for (uint32_t i = 0; i < d->authority->nedges[id]; i++)
            if ((d->authority->edge[id][i].edge.rights & KEEL_RIGHT_DEVICE) &&
                ++edges == DEVICE_EDGES_MAX + 1) {
                config_path(d->config, id, path, sizeof path);
                config_error(d->report, path, "devices",
                             "brings the ranges of registers and interrupts above %d, expected "
                             "fewer in all",
                             DEVICE_EDGES_MAX);
            }
}

#define PORTS_MAX 16 /* that one domain receives at; the kernel's limit */

static void check_ports(struct derivation *d, uint16_t id)
{
    uint32_t ports = 0;
    char path[128];

    for (uint32_t i = 0; i < d->authority->nedges[id]; i++)
        ports += (d->authority->edge[id][i].edge.rights & KEEL_RIGHT_RECEIVE) != 0;
    if (ports <= PORTS_MAX)
        return;
    config_path(d->config, id, path, sizeof path);
    config_error(d->report, path, NULL, "receives at %u ports, expected at most %d", ports,
                 PORTS_MAX);
}

bool authority_derive(struct authority *authority, const struct config *config,
                      struct config_report *report)
{
    struct derivation d = {.authority = authority, .config = config, .report = report};
    unsigned errors = report->errors;
    uint16_t n = (uint16_t)config->ndomains;

    memset(authority, 0, sizeof *authority);
    for (uint16_t id = 0; id < n; id++)
        add_self(&d, id);
    add_builder(&d);
    for (uint16_t id = 1; id < n; id++) {
        for (uint32_t i = 0; i < config->domain[id].ndevices; i++)
            add_device(&d, id, &config->domain[id].devices[i]);
        if (config->domain[id].kind == CONFIG_EMULATION)
            add_emulation(&d, id);
    }
    for (uint16_t id = 0; id < n; id++)
        add_console(&d, id);
    for (uint16_t id = 1; id < n; id++)
        add_uses(&d, id);
    for (uint16_t id = 1; id < n; id++)
        add_rights(&d, id);
    for (uint16_t id = 1; id < n; id++) {
        check_routes(&d, id);
        check_calls(&d, id);
    }
    check_device_edges(&d);
    for (uint16_t id = 0; id < n; id++)
        check_ports(&d, id);
    return report->errors == errors;
}

/* Connections. */

static struct keel_connection connection_to(const struct config *config, uint16_t named,
                                            uint16_t domain)
{
    struct keel_connection connection = {.domain = domain, .edge = 0xffff};

    memcpy(connection.name, config->domain[named].name, sizeof connection.name);
    return connection;
}

/* Whether the domain has an edge by which it answers messages from that port of the peer. */
static bool answers(const struct authority *authority, uint16_t domain, uint16_t peer,
                    uint32_t port)
{
    for (uint32_t i = 0; i < authority->nedges[domain]; i++) {
        const struct keel_edge *edge = &authority->edge[domain][i].edge;

        if ((edge->rights & KEEL_RIGHT_SEND) && edge->target == peer && edge->port == port)
            return true;
    }
    return false;
}

/* Schedulers know who may run on the CPUs that they plan, and who reads the table and traces knows all. */
static bool knows_name(const struct authority *authority, const struct config *config,
                       uint16_t domain, uint16_t other)
{
    bool named = config->domain[domain].role == CONFIG_ROLE_SCHEDULER &&
                 (config->domain[domain].schedules & config->domain[other].cpus);

    for (uint32_t i = 0; i < authority->nedges[domain] && domain != KEEL_DOMAIN_BUILDER; i++)
        named |= (authority->edge[domain][i].edge.rights & KEEL_RIGHT_AUDIT) != 0;
    return named && domain != other;
}

uint32_t authority_connections(const struct authority *authority, const struct config *config,
                               uint16_t domain,
                               struct keel_connection connection[AUTHORITY_CONNECTIONS_MAX])
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < authority->nedges[domain]; i++) {
        const struct authority_edge *edge = &authority->edge[domain][i];

        if (edge->edge.target == domain)
            continue;
        connection[n] = connection_to(config, edge->named, edge->edge.target);
        if (edge->edge.port == KEEL_PORT_CONSOLE)
            strcpy(connection[n].name,
                   "console"); /* whatever the service with that role is called */
        connection[n].edge = (uint16_t)i;
        connection[n].rights = edge->edge.rights;
        connection[n++].port = edge->edge.port;
    }
    for (uint16_t id = 0; id < config->ndomains; id++)
        for (uint32_t i = 0; i < authority->nedges[id] && id != domain; i++) {
            const struct authority_edge *edge = &authority->edge[id][i];

            if (!(edge->edge.rights & KEEL_RIGHT_SEND) || edge->edge.target != domain ||
                answers(authority, domain, id, edge->source) || n == AUTHORITY_CONNECTIONS_MAX)
                continue;
            connection[n] = connection_to(config, id, id);
            connection[n++].port = edge->source;
        }
    for (uint16_t id = 1; id < config->ndomains; id++)
        if (knows_name(authority, config, domain, id) && n < AUTHORITY_CONNECTIONS_MAX)
            connection[n++] = connection_to(config, id, id);
    return n;
}
