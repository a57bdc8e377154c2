/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain: memory, rights, rings, virtual CPUs. The table is static: an id names a domain across all
 * its lives, its edges are kept, and a stale pointer never leads anywhere else.
 */
#ifndef KERNEL_CPU_DOMAIN_H
#define KERNEL_CPU_DOMAIN_H

#include "argo/argo.h"
#include "arch/domain.h"
#include "cpu/authority.h"
#include "cpu/bucket.h"
#include "memory/space.h"
#include <keel/domain.h>
#include <keel/event.h>
#include <keel/refusals.h>

struct vcpu;

struct domain {
    struct lock lock;
    uint16_t id;
    uint8_t kind;                /* enum keel_domain_kind */
    uint8_t flags;               /* enum keel_domain_flags */
    uint8_t vcpus;               /* how many */
    bool starves;                /* under its plan somebody starved, since it was pinged */
    uint8_t irqs;                /* physical interrupts of its DEVICE edges */
    uint32_t state;              /* enum keel_domain_state; atomic */
    uint32_t irqs_armed;         /* bit n: irq[n] was enabled in this life */
    uint16_t irq[KEEL_IRQS_MAX]; /* their numbers */
    uint32_t incarnation;        /* of this life, or the last; 0: never lived */
    uint64_t cpus;               /* physical CPUs that its vCPUs may run on */
    struct vcpu *vcpu[KEEL_VCPUS_MAX]; /* stay until the grace at the end is over */
    uint64_t grace;              /* destroying: when nobody finds its vCPUs any more */
    struct keel_domain_params params; /* of the last life that began before the seal */

    struct space space;
    struct argo_domain argo;
    struct authority authority;  /* its edges, and what others may do to it */
    struct arch_domain arch;     /* AArch64: its virtual interrupts */

    struct bucket reserve;       /* time ahead of every plan; period 0: none */
    uint64_t reserve_due;        /* atomic: from when on; until then the plan decides */

    struct keel_refusals refusals; /* written under the lock */
    uint64_t refusals_before;    /* this life */

    uint32_t stop_reason;        /* enum keel_stop_reason */
    uint64_t stop_detail[4];
};

extern struct domain domains[KEEL_DOMAINS_MAX];

static inline bool domain_runs(const struct domain *domain)
{
    return __atomic_load_n(&domain->state, __ATOMIC_ACQUIRE) == KEEL_DOMAIN_RUNNING;
}

static inline bool domain_exists(const struct domain *domain)
{
    return __atomic_load_n(&domain->state, __ATOMIC_ACQUIRE) != KEEL_DOMAIN_ABSENT;
}

/* NULL: it has none with that index, or is being destroyed. */
static inline struct vcpu *domain_vcpu(const struct domain *domain, uint64_t index)
{
    return index < domain->vcpus ? domain->vcpu[index] : NULL;
}

must_check int64_t domain_create(struct domain *domain, const struct keel_domain_params *params);
must_check int64_t domain_seal(struct domain *domain);
must_check int64_t domain_run(struct domain *domain);

/* Ends a life, from any CPU, for any reason; its watchers are told. Its vCPUs leave their CPUs at
 * their next exit, which an IPI causes. False if it did not run. Bounded. */
bool domain_stop(struct domain *domain, uint32_t reason, const uint64_t detail[4]);

/* One step; -EAGAIN: call again. */
must_check int64_t domain_destroy(struct domain *domain);

/* A call of the domain's, with these arguments, was refused for want of a right. */
__attribute__((cold)) void domain_refused(struct domain *domain, uint32_t call,
                                          const uint64_t args[2]);

void domain_life(struct domain *domain, uint32_t edge, struct keel_life *life);

#endif
