/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hostile suite: makes every call of the kernel with every class of argument, from the call
 * table (call_grammar.h), and judges each answer by what the table's contract and the caller's
 * configured edges say. Whoever runs it fills in what the configuration says and calls suite_begin.
 *
 * Calls whose permitted effect would end the run, or hurt a domain that has to go on, are not made
 * where the table permits them; where it does not, they are.
 */
#ifndef HOSTILE_SUITE_H
#define HOSTILE_SUITE_H

#include <keel/edge.h>
#include <stdbool.h>
#include <stdint.h>

struct suite_edge {
    uint32_t rights; /* 0: no edge */
    uint16_t target;
    uint64_t memory_lo, memory_hi;
    uint32_t irq_lo, irq_hi;
};

struct suite {
    uint64_t random; /* the seed, at first */
    uint16_t domain; /* own id */
    struct suite_edge edge[KEEL_EDGES_MAX];
    uint32_t incarnation[KEEL_DOMAINS_MAX]; /* of those that do not change; 0: may change */
    uint32_t seen[KEEL_DOMAINS_MAX];        /* of the others: what was last heard */
    uint64_t targets;                       /* bit n: domain n is there to be hurt */
    bool sealed_builder;                    /* the caller is the builder */
    uint16_t console;                       /* domain that gets less than its share of messages */

    uint64_t seq; /* of the last exit that waits for an answer; 0: none yet */

    uint64_t calls, permitted, wrong;
    uint64_t succeeded; /* bit n: call n has done what it does */
};

/* Takes its memory. False, and told: there is none. */
bool suite_begin(struct suite *suite);

/* Makes n calls. What is wrong is told, the first few in words. */
void suite_run(struct suite *suite, uint32_t n);

#endif
