/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who can reach whom, and by what: the edges of a system's authority, and what follows from them.
 *
 * A domain that may write another's memory or registers, start its vCPUs where it likes, or build
 * it, can make it do whatever it may do: it may act as that domain, and as those that one may act
 * as. Everybody else is reached only as far as those between lend themselves to it.
 */
#ifndef CHECKER_REACH_H
#define CHECKER_REACH_H

#include <config/authority.h>

struct reach {
    uint32_t domains;
    uint32_t rights[KEEL_DOMAINS_MAX][KEEL_DOMAINS_MAX]; /* of all edges from one to the other */
    uint64_t asks[KEEL_DOMAINS_MAX]; /* bit t: t answers its accesses or its calls */
    uint64_t as[KEEL_DOMAINS_MAX];   /* bit t: it may act as t */
};

void reach_find(struct reach *reach, const struct authority *authority, uint32_t domains);

/* Whether `from` reaches `to` at least through others; via: who is between, nearest to `from`
 * first. */
bool reach_through(const struct reach *reach, uint16_t from, uint16_t to,
                   uint16_t via[KEEL_DOMAINS_MAX], uint32_t *n);

/* All of it, a line each:
 *     A -> B: RIGHTS          by A's own edges; "exits": B answers A's accesses or calls
 *     A as X -> B: RIGHTS     because A may act as X, which has the edges
 *     A ~> B: through X, Y    only if X and Y pass it on
 */
void reach_print(const struct reach *reach, const struct config *config,
                 const struct authority_sink *sink);

#endif
