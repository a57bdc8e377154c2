/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel tells a service: one 64-bit event word, read and cleared by `wait`, and messages
 * in the service's kernel ring (an Argo ring registered at KEEL_PORT_KERNEL with partner
 * KEEL_DOMAIN_KERNEL). Events are level-triggered: a bit says "look", never "how often".
 */
#ifndef KEEL_EVENT_H
#define KEEL_EVENT_H

#include <keel/types.h>

enum keel_event_bit {
    KEEL_EVENT_ARGO = 0,   /* a ring of mine got a message, or a ring that I wait for has space */
    KEEL_EVENT_KERNEL = 1, /* my kernel ring got a message */
    KEEL_EVENT_TIME = 2,   /* the deadline of `wait` has passed */
    KEEL_EVENT_LOST = 3,   /* a message did not fit the kernel ring: take a snapshot */
    KEEL_EVENT_PING = 4,   /* somebody wants to know whether I still take events: nothing to do */
    KEEL_EVENT_IRQ = 32,   /* bits 32..62: physical interrupt n of the DEVICE edges, in their order */
};

#define KEEL_PORT_KERNEL 0xFFFFFF00u /* aport of the kernel ring */

/* message_type of messages in the kernel ring. */
enum keel_message {
    KEEL_MESSAGE_EXIT = 1,  /* struct keel_exit: answer with `reply` or `reply_wait` */
    KEEL_MESSAGE_LIFE = 2,  /* struct keel_life: a domain that I watch */
};

enum keel_exit_kind {
    KEEL_EXIT_READ = 1,  /* args: IPA, 0, pc, ESR */
    KEEL_EXIT_WRITE = 2, /* args: IPA, value, pc, ESR */
    KEEL_EXIT_HVC = 3,   /* args: x0..x3 of the guest; args[4]: the immediate of the instruction */
    KEEL_EXIT_SMC = 4,   /* likewise */
    KEEL_EXIT_OPAQUE = 5 /* an access whose instruction does not tell: args: IPA, 0, pc, ESR */
};

enum keel_exit_flags {
    KEEL_EXIT_REPLAY = 1u << 0, /* was delivered before, to a service that has died */
};

/* A vCPU of a served domain waits for an answer. Payload of KEEL_MESSAGE_EXIT. */
struct keel_exit {
    keel_peer peer;  /* the receiver's edge to the domain, and its incarnation */
    uint16_t kind;   /* enum keel_exit_kind */
    uint8_t vcpu;
    uint8_t size;    /* READ, WRITE: bytes: 1, 2, 4, 8 */
    uint32_t flags;  /* enum keel_exit_flags */
    uint64_t seq;    /* names this exit in the answer */
    uint64_t args[5];
};
KEEL_ABI_SIZE(struct keel_exit, 64);

enum keel_reply {
    KEEL_REPLY_DONE = 0,  /* READ: value; HVC, SMC: x0; the guest goes on behind the instruction */
    KEEL_REPLY_ABORT = 1, /* the guest takes a synchronous external abort (HVC, SMC: undefined) */
    KEEL_REPLY_RETRY = 2, /* the guest executes the instruction again */
    KEEL_REPLY_OFF = 3,   /* the vCPU is off until `vcpu_start` */
    KEEL_REPLY_CONFIGURE = 4, /* WRITE: as DONE, after `irq_configure` with `value`; the edge has INTERRUPT,
                                 too. An error of that is no answer */
};

enum keel_domain_state {
    KEEL_DOMAIN_ABSENT = 0,
    KEEL_DOMAIN_BUILDING = 1,
    KEEL_DOMAIN_SEALED = 2,
    KEEL_DOMAIN_RUNNING = 3,
    KEEL_DOMAIN_STOPPED = 4, /* ended; its memory is still there */
};

enum keel_stop_reason {
    KEEL_STOP_NONE = 0,
    KEEL_STOP_EXIT = 1,   /* a service called `exit`; detail[0]: status */
    KEEL_STOP_FAULT = 2,  /* a service faulted; detail: pc, ESR, FAR, x30 */
    KEEL_STOP_OFF = 3,    /* a guest switched itself off (said by its devices service) */
    KEEL_STOP_RESET = 4,  /* a guest wants to start again (likewise) */
    KEEL_STOP_KILLED = 5, /* by a domain with the right; detail[0]: who */
    KEEL_STOP_PANIC = 6,  /* a guest said that it panicked */
    KEEL_STOP_DEADLINE = 7, /* a service did not do its work in time; detail[0]: enum keel_ping */
    KEEL_STOP_REFUSED = 8,  /* it was refused too often; detail: the last call, its first arguments */
};

/* Answer of `domain_ping`: what the ping before this one has not led to. */
enum keel_ping {
    KEEL_PING_UNTAKEN = 1u << 0,    /* the service has not taken its event word since */
    KEEL_PING_UNANSWERED = 1u << 1, /* an exit that waited for its answer then still does */
    KEEL_PING_STARVES = 1u << 2,    /* under a plan of its somebody starved, and had a turn all the same */
};

/* Payload of KEEL_MESSAGE_LIFE, to holders of WATCH; also the answer of `domain_info`. */
struct keel_life {
    keel_peer peer;    /* the receiver's edge; the incarnation that this is about */
    uint32_t state;    /* enum keel_domain_state */
    uint32_t reason;   /* enum keel_stop_reason */
    uint64_t detail[4];
    uint64_t pages;    /* owned, those of kernel objects included */
    uint64_t run_time; /* of all its vCPUs, counter ticks */
};
KEEL_ABI_SIZE(struct keel_life, 64);

#endif
