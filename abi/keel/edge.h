/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authority: one table of edges per domain, filled by the builder from the configuration and sealed
 * before the first guest runs. An edge says what its holder may do to its target, and within which
 * windows. What no edge grants is denied. Every window's bounds are inclusive; lo > hi is empty.
 */
#ifndef KEEL_EDGE_H
#define KEEL_EDGE_H

#include <keel/types.h>

enum keel_right {
    KEEL_RIGHT_SEND = 1u << 0,       /* send Argo messages to the target's `port` */
    KEEL_RIGHT_RECEIVE = 1u << 1,    /* register rings at own `port` (target: the holder itself) */
    KEEL_RIGHT_READ = 1u << 2,       /* copy from the target's memory, within `memory` */
    KEEL_RIGHT_WRITE = 1u << 3,      /* copy to the target's memory, within `memory` */
    KEEL_RIGHT_SERVE = 1u << 4,      /* answer the target's accesses within `memory` */
    KEEL_RIGHT_CALLS = 1u << 5,      /* answer the target's HVC and SMC calls */
    KEEL_RIGHT_INTERRUPT = 1u << 6,  /* configure, raise and read the target's virtual `irq` */
    KEEL_RIGHT_VCPU = 1u << 7,       /* start the target's vCPUs */
    KEEL_RIGHT_STOP = 1u << 8,       /* end the target's life, with a reason */
    KEEL_RIGHT_DEVICE = 1u << 9,     /* own the device at physical `memory`, `irq` (target: itself) */
    KEEL_RIGHT_SCHEDULE = 1u << 10,  /* commit plans for `cpus` (target: itself) */
    KEEL_RIGHT_WATCH = 1u << 11,     /* be told of the target's start and death */
    KEEL_RIGHT_BUILD = 1u << 12,     /* create, fill and run the target; destroy it once it stopped */
    KEEL_RIGHT_SELF = 1u << 13,      /* manage own memory: map, unmap, protect (target: itself) */
    KEEL_RIGHT_AUDIT = 1u << 14,     /* read the authority table, counters and traces */
    KEEL_RIGHT_SYSTEM = 1u << 15,    /* write to the kernel's console, switch the machine off */
    KEEL_RIGHT_REGISTERS = 1u << 16, /* read and write the target's vCPU registers */
};
#define KEEL_RIGHTS_ALL 0x1ffffu

enum keel_edge_flags {
    KEEL_EDGE_IRQ_EDGE = 1u << 0, /* the device's interrupts are edge-triggered; else level */
};

struct keel_edge {
    uint16_t target; /* domain id */
    uint16_t flags;  /* enum keel_edge_flags */
    uint32_t rights; /* enum keel_right; 0: no edge */
    uint64_t memory_lo, memory_hi; /* IPA of the target; physical for DEVICE; page-aligned window */
    uint32_t irq_lo, irq_hi;       /* INTIDs */
    uint32_t port;                 /* Argo port */
    uint32_t reserved;             /* 0 */
    uint64_t cpus;                 /* bit n: physical CPU n; with SCHEDULE; the builder's own: where it runs */
};
KEEL_ABI_SIZE(struct keel_edge, 48);
KEEL_ABI_OFFSET(struct keel_edge, memory_lo, 8);
KEEL_ABI_OFFSET(struct keel_edge, irq_lo, 24);
KEEL_ABI_OFFSET(struct keel_edge, cpus, 40);

#endif
