/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The equal policy: every vCPU has a slot of the same rank on each CPU that it may run on, and they
 * share it equally. With weights, each CPU's time is divided among the guests by buckets: a guest of weight w
 * gets w of the sum per period before anybody gets what is left over; services go first, without
 * a limit. What does not fit (more than 64 vCPUs on a CPU, 16 weighted guests) is left to the kernel's
 * background.
 */
#include <policy.h>

#include <keel/domain.h>
#include <string.h>

#define RANK_SERVICE 0
#define RANK_GUEST   1
#define PERIOD_NS    10000000ull
#define WEIGHT_MAX   1000

static struct {
    bool weighted;                                /* any weight was given */
    bool changed;                                 /* a weight, since the last look */
    uint32_t weight[KEEL_DOMAINS_MAX];            /* 0: not given, counts as 1 */
    struct keel_plan_vcpu vcpu[POLICY_VCPUS_MAX]; /* as of the last look */
    uint32_t n;
} equal;

/* The guests on a CPU, each once. */
struct sharers {
    uint32_t count;
    uint64_t weights; /* together */
    uint16_t domain[POLICY_BUCKETS_MAX];
};

static bool runs_on(const struct keel_plan_vcpu *vcpu, uint16_t cpu)
{
    return vcpu->cpus >> cpu & 1;
}

static uint32_t weight_of(uint16_t domain)
{
    uint32_t weight = domain < KEEL_DOMAINS_MAX ? equal.weight[domain] : 0;

    return weight ? weight : 1;
}

static int sharer_find(const struct sharers *sharers, uint16_t domain)
{
    for (uint32_t i = 0; i < sharers->count; i++)
        if (sharers->domain[i] == domain)
            return (int)i;
    return -1;
}

static void sharers_collect(uint16_t cpu, struct sharers *sharers)
{
    *sharers = (struct sharers){.count = 0};
    for (uint32_t i = 0; i < equal.n && equal.weighted; i++) {
        const struct keel_plan_vcpu *vcpu = &equal.vcpu[i];

        if (vcpu->kind != KEEL_DOMAIN_MACHINE || !runs_on(vcpu, cpu) ||
            sharer_find(sharers, vcpu->domain) >= 0 || sharers->count == POLICY_BUCKETS_MAX)
            continue;
        sharers->domain[sharers->count++] = vcpu->domain;
        sharers->weights += weight_of(vcpu->domain);
    }
}

/* Each CPU has buckets of its own, so that a share is a share of every CPU. */
static uint16_t bucket_index(uint16_t cpu, uint32_t sharer)
{
    return (uint16_t)((cpu * POLICY_BUCKETS_MAX + sharer) % KEEL_BUCKETS_MAX);
}

static struct keel_plan_bucket bucket_of(const struct sharers *sharers, uint16_t cpu,
                                         uint32_t sharer)
{
    return (struct keel_plan_bucket){
        .index = bucket_index(cpu, sharer),
        .budget = PERIOD_NS * weight_of(sharers->domain[sharer]) / sharers->weights,
        .period = PERIOD_NS,
    };
}

static struct keel_plan_slot slot_of(const struct sharers *sharers,
                                     const struct keel_plan_vcpu *vcpu, uint16_t cpu)
{
    int sharer = sharer_find(sharers, vcpu->domain);
    bool guest = vcpu->kind == KEEL_DOMAIN_MACHINE;

    return (struct keel_plan_slot){
        .domain = vcpu->domain,
        .vcpu = vcpu->vcpu,
        .bucket = guest && sharer >= 0 ? bucket_index(cpu, (uint32_t)sharer) : KEEL_BUCKET_NONE,
        .rank = equal.weighted && guest ? RANK_GUEST : RANK_SERVICE,
    };
}

static void begin(void)
{
    memset(&equal, 0, sizeof equal);
}

static const struct policy_parameter parameters[] = {
    {.name = "weight", .scope = POLICY_OF_DOMAIN, .least = 1, .most = WEIGHT_MAX},
};

static const char *set(uint32_t parameter, struct policy_whom whom, uint64_t value)
{
    (void)parameter; /* there is one */
    equal.weight[whom.domain] = (uint32_t)value;
    equal.weighted = equal.changed = true;
    return NULL;
}

static uint64_t get(uint32_t parameter, struct policy_whom whom)
{
    (void)parameter;
    return weight_of(whom.domain);
}

static uint64_t look(const struct policy_snapshot *snapshot)
{
    uint32_t n = snapshot->n < POLICY_VCPUS_MAX ? snapshot->n : POLICY_VCPUS_MAX;
    bool same = !equal.changed && policy_same(snapshot->vcpu, n, equal.vcpu, equal.n);

    memcpy(equal.vcpu, snapshot->vcpu, n * sizeof snapshot->vcpu[0]);
    equal.n = n;
    equal.changed = false;
    return same ? 0 : policy_cpus(snapshot);
}

static bool plan(uint16_t cpu, uint32_t part, struct policy_plan *to)
{
    struct sharers sharers;

    (void)part; /* there is one */
    sharers_collect(cpu, &sharers);
    for (uint32_t i = 0; i < sharers.count; i++)
        to->bucket[to->plan.nbuckets++] = bucket_of(&sharers, cpu, i);
    /* The kernel wants the list in the order of ranks. */
    for (uint8_t rank = RANK_SERVICE; rank <= RANK_GUEST; rank++)
        for (uint32_t i = 0; i < equal.n && to->plan.nslots < KEEL_SLOTS_MAX; i++) {
            struct keel_plan_slot slot = slot_of(&sharers, &equal.vcpu[i], cpu);

            if (slot.rank == rank && runs_on(&equal.vcpu[i], cpu))
                to->slot[to->plan.nslots++] = slot;
        }
    return false;
}

const struct policy policy_equal = {
    .name = "equal",
    .parameter = parameters,
    .parameters = sizeof parameters / sizeof parameters[0],
    .look_ns = 20000000, /* until the kernel tells of new and dead vCPUs */
    .begin = begin,
    .set = set,
    .get = get,
    .look = look,
    .plan = plan,
};
