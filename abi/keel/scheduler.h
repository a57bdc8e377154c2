/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a domain with a SEND edge to a scheduler service's KEEL_SCHEDULER_PORT may ask of it: requests
 * (keel/message.h). Which parameters there are is the policy's; services/scheduler says what they mean.
 */
#ifndef KEEL_SCHEDULER_H
#define KEEL_SCHEDULER_H

#include <keel/message.h>

#define KEEL_SCHEDULER_PORT       1u
#define KEEL_SCHEDULER_NAME_BYTES 32u
#define KEEL_SCHEDULER_ALL        0xffffu

enum keel_scheduler_request_type {
    KEEL_SCHEDULER_PARAMETERS = KEEL_REQUEST | 0x300, /* answer: struct keel_scheduler_parameter[] */
    KEEL_SCHEDULER_GET = KEEL_REQUEST | 0x301,        /* answer: struct keel_scheduler_value */
    KEEL_SCHEDULER_SET = KEEL_REQUEST | 0x302,        /* the same: as it is now */
    KEEL_SCHEDULER_VCPUS = KEEL_REQUEST | 0x303,      /* answer: struct keel_scheduler_vcpu[] */
};

enum keel_scheduler_scope {
    KEEL_SCHEDULER_OF_MACHINE, /* domain and vcpu are KEEL_SCHEDULER_ALL */
    KEEL_SCHEDULER_OF_DOMAIN,  /* vcpu is KEEL_SCHEDULER_ALL */
    KEEL_SCHEDULER_OF_VCPU,    /* vcpu KEEL_SCHEDULER_ALL: SET: all of the domain's; GET: its first */
};

/* Of all of them. */
struct keel_scheduler_request {
    char parameter[KEEL_SCHEDULER_NAME_BYTES]; /* GET, SET; NUL-terminated */
    uint16_t domain;
    uint16_t vcpu;
    uint32_t reserved; /* 0 */
    uint64_t value;    /* SET */
};
KEEL_ABI_SIZE(struct keel_scheduler_request, 48);
KEEL_PAYLOAD(KEEL_SCHEDULER_PARAMETERS, struct keel_scheduler_request);
KEEL_PAYLOAD(KEEL_SCHEDULER_GET, struct keel_scheduler_request);
KEEL_PAYLOAD(KEEL_SCHEDULER_SET, struct keel_scheduler_request);
KEEL_PAYLOAD(KEEL_SCHEDULER_VCPUS, struct keel_scheduler_request);

struct keel_scheduler_parameter {
    char name[KEEL_SCHEDULER_NAME_BYTES];
    uint32_t scope; /* enum keel_scheduler_scope */
    uint32_t reserved;
    uint64_t least, most;
};
KEEL_ABI_SIZE(struct keel_scheduler_parameter, 56);

struct keel_scheduler_value {
    uint64_t value;
    char wrong[192]; /* what is wrong with the request, naming the parameter; empty: it was done */
};
KEEL_ABI_SIZE(struct keel_scheduler_value, 200);

struct keel_scheduler_vcpu {
    uint16_t domain;
    uint16_t vcpu;
    uint16_t state; /* as in struct keel_plan_vcpu */
    uint16_t cpu;   /* where it ran last */
    uint64_t cpus;  /* that its configuration lets it run on */
    uint64_t run_ns;
};
KEEL_ABI_SIZE(struct keel_scheduler_vcpu, 24);

#endif
