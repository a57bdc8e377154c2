/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The null policy: each vCPU of a guest has a CPU of its own, as long as it lives, and nothing is ever decided
 * again. Services go first on each of theirs. A guest's vCPU for which there is no CPU left waits until one is
 * free. On the CPUs of others, guests have an empty bucket with a hard limit, so that the kernel's
 * background does not run them there.
 */
#include <policy.h>

#include <keel/domain.h>
#include <string.h>

#define LOOK_NS   20000000ull
#define NOTHING   0 /* the bucket that is always empty */
#define PERIOD_NS 10000000000ull
#define CPU_NONE  (-1)
#define VCPU_NONE (-1)

enum { RANK_SERVICE, RANK_GUEST, RANK_OTHERS };

static struct {
    uint32_t n;
    struct keel_plan_vcpu vcpu[POLICY_VCPUS_MAX]; /* as of the last look */
    int cpu[POLICY_VCPUS_MAX];                    /* that it has */
    int holder[KEEL_CPUS_MAX];                    /* of the CPU */
} null;

static void begin(void)
{
    memset(&null, 0, sizeof null);
}

static bool wants_cpu(const struct keel_plan_vcpu *vcpu)
{
    return vcpu->kind == KEEL_DOMAIN_MACHINE && vcpu->state != 0;
}

static void give(int i, int cpu)
{
    null.cpu[i] = cpu;
    null.holder[cpu] = i;
}

/* A CPU for vCPU i: a free one, or one whose holder can go elsewhere. (Augmenting paths: Kuhn, Naval Research
 * Logistics 2, 1955.) `seen`: CPUs that were tried. */
static bool find_cpu(int i, uint64_t *seen)
{
    for (uint64_t cpus = null.vcpu[i].cpus & ~*seen; cpus; cpus &= cpus - 1) {
        int cpu = __builtin_ctzll(cpus);

        if (null.holder[cpu] == VCPU_NONE) {
            give(i, cpu);
            return true;
        }
    }
    for (uint64_t cpus = null.vcpu[i].cpus & ~*seen; cpus; cpus &= cpus - 1) {
        int cpu = __builtin_ctzll(cpus);

        if (*seen >> cpu & 1)
            continue;
        *seen |= 1ull << cpu;
        if (find_cpu(null.holder[cpu], seen)) {
            give(i, cpu);
            return true;
        }
    }
    return false;
}

/* Those who had a CPU keep it. */
static void keep(const struct keel_plan_vcpu *before, const int *cpu, uint32_t n)
{
    for (uint32_t i = 0; i < null.n; i++) {
        null.cpu[i] = CPU_NONE;
        for (uint32_t j = 0; j < n && wants_cpu(&null.vcpu[i]); j++)
            if (cpu[j] != CPU_NONE && policy_same(&before[j], 1, &null.vcpu[i], 1))
                give((int)i, cpu[j]);
    }
}

/* Whether the same ones want a CPU. */
static bool unchanged(const struct policy_snapshot *snapshot, uint32_t n)
{
    if (!policy_same(snapshot->vcpu, n, null.vcpu, null.n))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (wants_cpu(&snapshot->vcpu[i]) != wants_cpu(&null.vcpu[i]))
            return false;
    return true;
}

static uint64_t look(const struct policy_snapshot *snapshot)
{
    static struct keel_plan_vcpu before[POLICY_VCPUS_MAX];
    static int cpu[POLICY_VCPUS_MAX];
    uint32_t n = snapshot->n < POLICY_VCPUS_MAX ? snapshot->n : POLICY_VCPUS_MAX, was = null.n;

    if (unchanged(snapshot, n))
        return 0;
    memcpy(before, null.vcpu, sizeof before);
    memcpy(cpu, null.cpu, sizeof cpu);
    memcpy(null.vcpu, snapshot->vcpu, n * sizeof snapshot->vcpu[0]);
    null.n = n;
    for (uint32_t i = 0; i < KEEL_CPUS_MAX; i++)
        null.holder[i] = VCPU_NONE;
    keep(before, cpu, was);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t seen = 0;

        if (wants_cpu(&null.vcpu[i]) && null.cpu[i] == CPU_NONE)
            (void)find_cpu((int)i, &seen); /* or it waits */
    }
    return policy_cpus(snapshot);
}

static uint8_t rank_on(uint32_t i, uint16_t cpu)
{
    if (null.vcpu[i].kind != KEEL_DOMAIN_MACHINE)
        return RANK_SERVICE;
    return null.cpu[i] == cpu ? RANK_GUEST : RANK_OTHERS;
}

static bool plan(uint16_t cpu, uint32_t part, struct policy_plan *to)
{
    (void)part; /* there is one */
    to->bucket[to->plan.nbuckets++] =
        (struct keel_plan_bucket){.index = NOTHING, .period = PERIOD_NS};
    for (uint8_t rank = RANK_SERVICE; rank <= RANK_OTHERS; rank++)
        for (uint32_t i = 0; i < null.n && to->plan.nslots < KEEL_SLOTS_MAX; i++) {
            const struct keel_plan_vcpu *vcpu = &null.vcpu[i];

            if (rank_on(i, cpu) != rank || !(vcpu->cpus >> cpu & 1))
                continue;
            to->slot[to->plan.nslots++] = (struct keel_plan_slot){
                .domain = vcpu->domain,
                .vcpu = vcpu->vcpu,
                .bucket = rank == RANK_OTHERS ? NOTHING : KEEL_BUCKET_NONE,
                .rank = rank,
                .flags = rank == RANK_OTHERS ? KEEL_SLOT_HARD : 0,
            };
        }
    return false;
}

const struct policy policy_null = {
    .name = "null",
    .look_ns = LOOK_NS,
    .begin = begin,
    .look = look,
    .plan = plan,
};
