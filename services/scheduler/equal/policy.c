/* SPDX-License-Identifier: Apache-2.0 */
/* Equal or weighted slots (see policy.h). */
#include "policy.h"

#include <keel/domain.h>
#include <string.h>

#define RANK_SERVICE 0
#define RANK_GUEST   1

static bool runs_on(const struct keel_plan_vcpu *vcpu, uint16_t cpu)
{
    return vcpu->cpus >> cpu & 1;
}

static uint32_t weight_of(const struct policy *policy, uint16_t domain)
{
    uint32_t weight = domain < KEEL_DOMAINS_MAX ? policy->weight[domain] : 0;

    return weight ? weight : 1;
}

/* The guests on a CPU, each once. */
struct sharers {
    uint32_t count;
    uint64_t weights; /* together */
    uint16_t domain[POLICY_BUCKETS_MAX];
};

static int sharer_find(const struct sharers *sharers, uint16_t domain)
{
    for (uint32_t i = 0; i < sharers->count; i++)
        if (sharers->domain[i] == domain)
            return (int)i;
    return -1;
}

static void sharers_collect(const struct policy *policy, const struct keel_plan_vcpu *vcpus,
                            uint32_t n, uint16_t cpu, struct sharers *sharers)
{
    *sharers = (struct sharers){.count = 0};
    for (uint32_t i = 0; i < n && policy->weighted; i++) {
        if (vcpus[i].kind != KEEL_DOMAIN_MACHINE || !runs_on(&vcpus[i], cpu) ||
            sharer_find(sharers, vcpus[i].domain) >= 0 || sharers->count == POLICY_BUCKETS_MAX)
            continue;
        sharers->domain[sharers->count++] = vcpus[i].domain;
        sharers->weights += weight_of(policy, vcpus[i].domain);
    }
}

/* Each CPU has buckets of its own, so that a share is a share of every CPU. */
static uint16_t bucket_index(uint16_t cpu, uint32_t sharer)
{
    return (uint16_t)((cpu * POLICY_BUCKETS_MAX + sharer) % KEEL_BUCKETS_MAX);
}

static struct keel_plan_bucket bucket_of(const struct policy *policy, const struct sharers *sharers,
                                         uint16_t cpu, uint32_t sharer)
{
    uint64_t weight = weight_of(policy, sharers->domain[sharer]);

    return (struct keel_plan_bucket){
        .index = bucket_index(cpu, sharer),
        .budget = POLICY_PERIOD_NS * weight / sharers->weights,
        .period = POLICY_PERIOD_NS,
    };
}

static struct keel_plan_slot slot_of(const struct policy *policy, const struct sharers *sharers,
                                     const struct keel_plan_vcpu *vcpu, uint16_t cpu)
{
    int sharer = sharer_find(sharers, vcpu->domain);
    bool guest = vcpu->kind == KEEL_DOMAIN_MACHINE;

    return (struct keel_plan_slot){
        .domain = vcpu->domain,
        .vcpu = vcpu->vcpu,
        .bucket = guest && sharer >= 0 ? bucket_index(cpu, (uint32_t)sharer) : KEEL_BUCKET_NONE,
        .rank = policy->weighted && guest ? RANK_GUEST : RANK_SERVICE,
    };
}

uint32_t policy_plan(const struct policy *policy, const struct keel_plan_vcpu *vcpus, uint32_t n,
                     uint16_t cpu, uint32_t epoch, struct policy_plan *to)
{
    uint8_t *at = (uint8_t *)to->space;
    struct sharers sharers;
    uint16_t slots = 0;

    sharers_collect(policy, vcpus, n, cpu, &sharers);
    for (uint32_t i = 0; i < sharers.count; i++, at += sizeof(struct keel_plan_bucket)) {
        struct keel_plan_bucket bucket = bucket_of(policy, &sharers, cpu, i);

        memcpy(at, &bucket, sizeof bucket);
    }
    /* The kernel wants the list in the order of ranks. */
    for (uint8_t rank = RANK_SERVICE; rank <= RANK_GUEST; rank++)
        for (uint32_t i = 0; i < n && slots < KEEL_SLOTS_MAX; i++) {
            struct keel_plan_slot slot = slot_of(policy, &sharers, &vcpus[i], cpu);

            if (slot.rank != rank || !runs_on(&vcpus[i], cpu))
                continue;
            memcpy(at, &slot, sizeof slot);
            at += sizeof slot;
            slots++;
        }
    to->plan = (struct keel_plan){
        .epoch = epoch,
        .cpu = cpu,
        .nbuckets = (uint16_t)sharers.count,
        .nslots = slots,
        .lease = POLICY_LEASE_NS,
    };
    return (uint32_t)(at - (uint8_t *)to);
}

bool policy_same(const struct keel_plan_vcpu *a, uint32_t na, const struct keel_plan_vcpu *b,
                 uint32_t nb)
{
    if (na != nb)
        return false;
    for (uint32_t i = 0; i < na; i++)
        if (a[i].domain != b[i].domain || a[i].vcpu != b[i].vcpu ||
            a[i].incarnation != b[i].incarnation || a[i].cpus != b[i].cpus)
            return false;
    return true;
}
