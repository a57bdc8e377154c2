/* SPDX-License-Identifier: Apache-2.0 */
/* What a domain is made from. */
#ifndef KEEL_DOMAIN_H
#define KEEL_DOMAIN_H

#include <keel/types.h>

enum keel_domain_kind {
    KEEL_DOMAIN_USER = 1,    /* a service: runs at EL0 right under the kernel; addresses are IPAs */
    KEEL_DOMAIN_MACHINE = 2, /* a guest: EL1 and EL0, stage 1 of its own, vGIC and virtual timer */
};

enum keel_domain_flags {
    KEEL_DOMAIN_FP = 1u << 0, /* USER: may use FP/SIMD; a machine always may */
    KEEL_DOMAIN_LIMITS_FALL = 1u << 1, /* hard limits end with a plan's lease, and do not count for whoever starves */
};

#define KEEL_PATIENCE_MS 50u

struct keel_domain_params {
    uint32_t kind;  /* enum keel_domain_kind */
    uint32_t flags; /* enum keel_domain_flags */
    uint32_t vcpus; /* 1..KEEL_VCPUS_MAX; USER: 1 */
    uint32_t spis;  /* MACHINE: 0..KEEL_SPIS_MAX */
    uint64_t cpus;  /* physical CPUs that its vCPUs may run on */
    uint32_t reserve_budget; /* ns per reserve_period on each of its CPUs, ahead of every plan */
    uint32_t reserve_period; /* ns; 0: no reserve */
    uint32_t refusals_max;   /* in one life, then it ends: KEEL_STOP_REFUSED; 0: no limit */
    uint32_t reserve_delay;  /* ns: so long after it wakes up the plan decides when it runs, and only then the reserve */
    uint8_t patience;        /* in KEEL_PATIENCE_MS: READY and not run for so long, a vCPU has a turn
                                whatever the plan says; 0: never */
    uint8_t reserved[7];     /* 0 */
    char name[16];  /* NUL-terminated; for messages only */
};
KEEL_ABI_SIZE(struct keel_domain_params, 64);

/* Registers that the builder (before the domain runs) and holders of REGISTERS see. */
struct keel_registers {
    uint64_t x[31];
    uint64_t sp;     /* SP_EL0 */
    uint64_t pc;
    uint64_t pstate; /* set: ignored, but for the condition flags */
};
KEEL_ABI_SIZE(struct keel_registers, 272);

/* One step of `copy`: between the caller's memory and the peer's. */
struct keel_copy {
    uint64_t here;  /* address in the caller's memory */
    uint64_t there; /* IPA in the peer's memory */
    uint64_t bytes;
};
KEEL_ABI_SIZE(struct keel_copy, 24);
#define KEEL_COPIES_MAX 16

#endif
