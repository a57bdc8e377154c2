/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a domain with a SEND edge to the builder's KEEL_PORT_SUPERVISOR may ask. One request, one
 * answer of the same `op` and `tag`, sent to KEEL_PORT_CONTROL of the asker.
 */
#ifndef KEEL_SUPERVISOR_H
#define KEEL_SUPERVISOR_H

#include <keel/types.h>

enum keel_supervisor_op {
    KEEL_SUPERVISOR_LIST = 0x200,    /* answer: one entry per domain */
    KEEL_SUPERVISOR_STOP = 0x201,    /* ends a domain; it is not started again */
    KEEL_SUPERVISOR_RESTART = 0x202, /* ends it if it runs, and starts it */
    KEEL_SUPERVISOR_OFF = 0x203,     /* switches the machine off */
};

struct keel_supervisor_request {
    uint32_t tag;
    uint32_t domain;
};
KEEL_ABI_SIZE(struct keel_supervisor_request, 8);

struct keel_supervisor_entry {
    uint16_t domain;
    uint8_t kind;  /* enum keel_domain_kind */
    uint8_t state; /* enum keel_domain_state */
    uint32_t incarnation;
    uint32_t reason; /* of the last death: enum keel_stop_reason */
    uint32_t restarts;
    uint64_t pages;
    char name[32];
};
KEEL_ABI_SIZE(struct keel_supervisor_entry, 56);

struct keel_supervisor_answer {
    uint32_t tag;
    int32_t status;
    uint32_t nentries;
    uint32_t reserved;
    struct keel_supervisor_entry entry[];
};
KEEL_ABI_SIZE(struct keel_supervisor_answer, 16);

#endif
