/* SPDX-License-Identifier: Apache-2.0 */
/* What a domain with a SEND edge to the builder's KEEL_PORT_SUPERVISOR may ask of it: requests
 * (keel/message.h), whose answers come to the asker's KEEL_PORT_CONTROL. */
#ifndef KEEL_SUPERVISOR_H
#define KEEL_SUPERVISOR_H

#include <keel/message.h>

enum keel_supervisor_request_type {
    KEEL_SUPERVISOR_LIST = KEEL_REQUEST | 0x200,    /* answer: struct keel_supervisor_entry[] */
    KEEL_SUPERVISOR_STOP = KEEL_REQUEST | 0x201,    /* ends a domain; it is not started again */
    /* Ends it if it runs, and starts it. A scheduler takes the place of the one that runs. */
    KEEL_SUPERVISOR_RESTART = KEEL_REQUEST | 0x202,
    KEEL_SUPERVISOR_OFF = KEEL_REQUEST | 0x203,     /* switches the machine off */
};

/* Of all of them. */
struct keel_supervisor_request {
    uint32_t domain; /* STOP, RESTART: which one */
    uint32_t reserved;
};
KEEL_ABI_SIZE(struct keel_supervisor_request, 8);
KEEL_PAYLOAD(KEEL_SUPERVISOR_LIST, struct keel_supervisor_request);
KEEL_PAYLOAD(KEEL_SUPERVISOR_STOP, struct keel_supervisor_request);
KEEL_PAYLOAD(KEEL_SUPERVISOR_RESTART, struct keel_supervisor_request);
KEEL_PAYLOAD(KEEL_SUPERVISOR_OFF, struct keel_supervisor_request);

struct keel_supervisor_entry {
    uint16_t domain;
    uint8_t kind;  /* enum keel_domain_kind */
    uint8_t state; /* enum keel_domain_state */
    uint32_t incarnation;
    uint32_t reason; /* of the last death: enum keel_stop_reason */
    uint32_t restarts;
    uint64_t pages;
    uint64_t refusals; /* of its calls, since boot, for want of a right */
    char name[32];
    uint32_t died_ms; /* since boot, when it died last; 0: never */
    char death[68];   /* of what, in words; NUL-terminated */
};
KEEL_ABI_SIZE(struct keel_supervisor_entry, 136);

#endif
