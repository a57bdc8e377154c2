/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority that a configuration means: every edge of every domain, in the order of the
 * kernel's tables. Nothing else exists after the seal.
 */
#ifndef LIBS_CONFIG_AUTHORITY_H
#define LIBS_CONFIG_AUTHORITY_H

#include "config.h"

#include <keel/edge.h>

struct authority_edge {
    struct keel_edge edge;
    uint16_t named;  /* SEND: the domain whose name the connection has (a served console's guest) */
    uint16_t device; /* DEVICE: index in the domain's devices */
    uint32_t source; /* SEND: own port that messages come from */
};

struct authority {
    uint32_t nedges[KEEL_DOMAINS_MAX];
    struct authority_edge edge[KEEL_DOMAINS_MAX][KEEL_EDGES_MAX];
};

/* Derives the whole table. False if it does not fit the kernel's limits or windows overlap; told.
 */
bool authority_derive(struct authority *authority, const struct config *config,
                      struct config_report *report) __attribute__((warn_unused_result));

/* What a service's start block lists: its edges to others, then inlets (domains that only send to
 * it), then, for schedulers and who may audit, all other names. Incarnations are left 0. Returns how
 * many. */
#define AUTHORITY_CONNECTIONS_MAX (2 * KEEL_EDGES_MAX + 2 * KEEL_DOMAINS_MAX)
uint32_t authority_connections(const struct authority *authority, const struct config *config,
                               uint16_t domain,
                               struct keel_connection connection[AUTHORITY_CONNECTIONS_MAX]);

/*
 * The table as text, one line per edge, from wherever it is read: the derived one, or the kernel's.
 * `read` fills in edge `index` of `domain` and returns false if there is none.
 */
struct authority_source {
    bool (*read)(void *context, uint16_t domain, uint16_t index, struct keel_edge *edge);
    void *context;
};
struct authority_sink {
    void (*line)(void *context, const char *line); /* without the newline */
    void *context;
};
void authority_print(const struct config *config, const struct authority_source *source,
                     const struct authority_sink *sink);

/* The names of rights, with commas between them. */
#define AUTHORITY_RIGHTS_TEXT 160
void authority_rights(uint32_t rights, char text[AUTHORITY_RIGHTS_TEXT]);

/* Source: a derived table (context: struct authority). */
bool authority_derived(void *authority, uint16_t domain, uint16_t index, struct keel_edge *edge);

#endif
