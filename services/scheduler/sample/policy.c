/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sample policy: to be copied and changed. README.md goes with it, from the first line to a running system.
 *
 * Its rule, in a sentence: who used less than `light` percent of a CPU since the last look goes before those who
 * used more (feedback: Corbato, Merwin-Daggett, Daley, AFIPS 1962). Among themselves they share equally.
 */
#include <policy.h>

#include <string.h>

/* 1. What it remembers. There is one instance in a program, so this may be static. Sizes are fixed:
 * a service has no memory to spare, and nothing here may fail. */

#define LOOK_NS       20000000ull /* look 50 times a second */
#define SLICE_NS      1000000u    /* equals take turns of 1 ms */
#define LIGHT_PERCENT 10u

enum { RANK_LIGHT, RANK_HEAVY, RANKS }; /* lower runs first */

struct known {
    struct keel_plan_vcpu vcpu; /* as of the last look */
    uint8_t rank;
};

static struct {
    uint64_t light; /* percent of a CPU */
    uint64_t last;  /* when it looked */
    uint32_t n;
    struct known known[POLICY_VCPUS_MAX];
} sample;

static void begin(void)
{
    memset(&sample, 0, sizeof sample);
    sample.light = LIGHT_PERCENT;
}

/* 2. Parameters: `light=N` in the service's `args`, `set light=N` in a workload of the simulator or on the console.
 * One of a domain (POLICY_OF_DOMAIN) would be written `light.NAME=N`, and come with its id. What is out of
 * range does not come here; what else is wrong with a value, you may say (instead of NULL). */

static const struct policy_parameter parameters[] = {
    {.name = "light", .scope = POLICY_OF_MACHINE, .least = 0, .most = 100},
};

static const char *set(uint32_t parameter, struct policy_whom whom, uint64_t value)
{
    (void)parameter; /* there is one */
    (void)whom;
    sample.light = value;
    return NULL;
}

static uint64_t get(uint32_t parameter, struct policy_whom whom)
{
    (void)parameter;
    (void)whom;
    return sample.light;
}

/* 3. Looking: what changed, and whose plans that concerns. A vCPU is known by its domain, its index, and the
 * life (incarnation) of the domain: the same id in another life is somebody else. */

static const struct known *find(const struct keel_plan_vcpu *vcpu, const struct known *known,
                                uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (known[i].vcpu.domain == vcpu->domain && known[i].vcpu.vcpu == vcpu->vcpu &&
            known[i].vcpu.incarnation == vcpu->incarnation)
            return &known[i];
    return NULL;
}

/* The rule. */
static uint8_t rank_of(const struct keel_plan_vcpu *vcpu, const struct known *before,
                       uint64_t passed)
{
    if (!before || !passed)
        return RANK_LIGHT; /* nothing is known of it: let it show what it does */
    return (vcpu->run_time - before->vcpu.run_time) * 100 < sample.light * passed ? RANK_LIGHT
                                                                                  : RANK_HEAVY;
}

static uint64_t look(const struct policy_snapshot *snapshot)
{
    static struct known before[POLICY_VCPUS_MAX];
    uint32_t n = snapshot->n < POLICY_VCPUS_MAX ? snapshot->n : POLICY_VCPUS_MAX;
    uint64_t passed = snapshot->now - sample.last, changed = 0;

    memcpy(before, sample.known, sizeof before);
    for (uint32_t i = 0; i < n; i++) {
        const struct keel_plan_vcpu *vcpu = &snapshot->vcpu[i];
        const struct known *old = find(vcpu, before, sample.n);
        uint8_t rank = rank_of(vcpu, old, passed);

        if (!old || old->rank != rank || old->vcpu.cpus != vcpu->cpus)
            changed |= vcpu->cpus;
        sample.known[i] = (struct known){.vcpu = *vcpu, .rank = rank};
    }
    if (n < sample.n) /* somebody went, who may have been on any list */
        changed = policy_cpus(snapshot);
    sample.n = n;
    sample.last = snapshot->now;
    return changed; /* bit n: the plan of CPU n is to be committed. A commit is not free: none without need */
}

/* 4. Planning: the list of one CPU. The kernel wants it in the order of ranks. Who is not on it, or does not
 * fit, runs when nobody on it can. Buckets (abi/keel/plan.h) would limit who may have how much. */

static bool plan(uint16_t cpu, uint32_t part, struct policy_plan *to)
{
    (void)part; /* more than 16 buckets would come in parts */
    to->plan.slice = SLICE_NS;
    for (uint8_t rank = 0; rank < RANKS; rank++)
        for (uint32_t i = 0; i < sample.n && to->plan.nslots < KEEL_SLOTS_MAX; i++) {
            const struct known *known = &sample.known[i];

            if (known->rank != rank || !(known->vcpu.cpus >> cpu & 1))
                continue;
            to->slot[to->plan.nslots++] = (struct keel_plan_slot){
                .domain = known->vcpu.domain,
                .vcpu = known->vcpu.vcpu,
                .bucket = KEEL_BUCKET_NONE,
                .rank = rank,
            };
        }
    return false;
}

/* 5. Its name, as in meson.build. */

const struct policy policy_sample = {
    .name = "sample",
    .parameter = parameters,
    .parameters = sizeof parameters / sizeof parameters[0],
    .look_ns = LOOK_NS,
    .begin = begin,
    .set = set,
    .get = get,
    .look = look,
    .plan = plan,
};
