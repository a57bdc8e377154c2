/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arinc653 policy: time partitions. A vCPU has a window on one CPU: so many microseconds from an offset on, in each
 * period. Within it, it comes before everybody; outside of it, it does not run. Who has no window shares what
 * the others leave over, services first.
 *
 * A window is a bucket that the kernel refills at times of the counter and empties at its deadline, so it is
 * where it should be, to the interrupt, whoever commits what, and across restarts of this service. See README.md.
 */
#include <policy.h>

#include <keel/domain.h>
#include <stdio.h>
#include <string.h>

#define LOOK_NS  20000000ull
#define FRAME_US 10000u
#define LEASE_NS \
    10000000000ull /* the kernel's most: the table holds so long while nobody keeps it */
#define PERIOD_MAX_NS 10000000000ull
#define NOTHING       (KEEL_BUCKETS_MAX - 1)   /* a bucket that is always empty */
#define UNITS         (KEEL_BUCKETS_MAX - 1)   /* with a window: a bucket each */
#define WINDOWS_MAX   (POLICY_BUCKETS_MAX - 1) /* in one commit: there is also the empty bucket */
#define CPU_AUTO      KEEL_CPUS_MAX

enum { RANK_WINDOW, RANK_SERVICE, RANK_GUEST, RANK_OUTSIDE };

/* A vCPU. Microseconds. */
struct unit {
    uint32_t window; /* its length; 0: none */
    uint32_t offset;
    uint32_t period; /* 0: the frame */
    uint32_t cpu;    /* CPU_AUTO: of those where it may run, the one of its number */
    uint64_t kernel; /* CPUs where it may run; 0: it was never seen */
    bool told;       /* people were, that there is no room for its window */
};

static struct {
    uint32_t frame;
    bool changed;
    struct unit unit[KEEL_DOMAINS_MAX][KEEL_VCPUS_MAX];
    struct unit *holder[UNITS]; /* of the bucket: those whose windows fit */
    bool sent[UNITS];           /* the kernel was told of it */
    uint32_t n;
    struct keel_plan_vcpu vcpu[POLICY_VCPUS_MAX]; /* as of the last look */
} arinc653;

static struct unit *unit_of(const struct keel_plan_vcpu *vcpu)
{
    return &arinc653.unit[vcpu->domain][vcpu->vcpu];
}

static uint32_t period_of(const struct unit *unit)
{
    return unit->period ? unit->period : arinc653.frame;
}

/* Where its window is; CPU_AUTO: nowhere. */
static uint32_t cpu_of(const struct unit *unit)
{
    uint32_t index = (uint32_t)(unit - &arinc653.unit[0][0]) % KEEL_VCPUS_MAX;
    uint64_t cpus = unit->kernel;

    if (unit->cpu != CPU_AUTO)
        return cpus >> unit->cpu & 1 ? unit->cpu : CPU_AUTO;
    if (!cpus)
        return CPU_AUTO;
    for (; index; index--) {
        cpus &= cpus - 1;
        if (!cpus)
            cpus = unit->kernel; /* with more vCPUs than CPUs, from the first again */
    }
    return (uint32_t)__builtin_ctzll(cpus);
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* Two windows meet at some time, unless they do not within the greatest common divisor of their periods. */
static bool overlap(const struct unit *a, const struct unit *b)
{
    uint32_t cycle = common_divisor(period_of(a), period_of(b));
    uint32_t from = (b->offset % cycle + cycle - a->offset % cycle) % cycle;

    return from < a->window || from + b->window > cycle;
}

static bool fits(const struct unit *unit)
{
    if (cpu_of(unit) == CPU_AUTO || unit->offset + unit->window > period_of(unit))
        return false;
    for (uint32_t i = 0; i < UNITS; i++)
        if (arinc653.holder[i] && cpu_of(arinc653.holder[i]) == cpu_of(unit) &&
            overlap(arinc653.holder[i], unit))
            return false;
    return true;
}

static void place(struct unit *unit)
{
    for (uint32_t i = 0; i < UNITS; i++)
        if (!arinc653.holder[i]) {
            arinc653.holder[i] = unit;
            return;
        }
}

static bool placed(const struct unit *unit)
{
    for (uint32_t i = 0; i < UNITS; i++)
        if (arinc653.holder[i] == unit)
            return true;
    return false;
}

/* In the order of domains. */
static void place_all(void)
{
    memset(arinc653.holder, 0, sizeof arinc653.holder);
    memset(arinc653.sent, 0, sizeof arinc653.sent);
    for (uint32_t d = 0; d < KEEL_DOMAINS_MAX; d++)
        for (uint32_t v = 0; v < KEEL_VCPUS_MAX; v++)
            if (arinc653.unit[d][v].window && fits(&arinc653.unit[d][v]))
                place(&arinc653.unit[d][v]);
}

static void begin(void)
{
    memset(&arinc653, 0, sizeof arinc653);
    arinc653.frame = FRAME_US;
    for (uint32_t d = 0; d < KEEL_DOMAINS_MAX; d++)
        for (uint32_t v = 0; v < KEEL_VCPUS_MAX; v++)
            arinc653.unit[d][v].cpu = CPU_AUTO;
}

/* Parameters. */

enum { P_FRAME, P_WINDOW, P_OFFSET, P_PERIOD, P_CPU };

static const struct policy_parameter parameters[] = {
    [P_FRAME] = {"frame-us", POLICY_OF_MACHINE, 200, 10000000},
    [P_WINDOW] = {"window-us", POLICY_OF_VCPU, 0, 10000000},
    [P_OFFSET] = {"offset-us", POLICY_OF_VCPU, 0, 10000000},
    [P_PERIOD] = {"period-us", POLICY_OF_VCPU, 200, 10000000},
    [P_CPU] = {"cpu", POLICY_OF_VCPU, 0, KEEL_CPUS_MAX - 1},
};

static uint32_t *number(struct unit *unit, uint32_t parameter)
{
    switch (parameter) {
    case P_WINDOW:
        return &unit->window;
    case P_OFFSET:
        return &unit->offset;
    case P_PERIOD:
        return &unit->period;
    default:
        return &unit->cpu;
    }
}

/* Whether some window of a vCPU that is there has no room. */
static bool crowded(void)
{
    for (uint32_t i = 0; i < arinc653.n; i++)
        if (unit_of(&arinc653.vcpu[i])->window && !placed(unit_of(&arinc653.vcpu[i])))
            return true;
    return false;
}

/* What leaves a window of those that are there without room changes nothing; if one has none anyway, anything goes. */
static const char *set(uint32_t parameter, struct policy_whom whom, uint64_t value)
{
    static struct unit before[KEEL_VCPUS_MAX];
    bool was = crowded();
    uint32_t frame = arinc653.frame;

    if (parameter == P_FRAME) {
        arinc653.frame = (uint32_t)value;
    } else {
        memcpy(before, arinc653.unit[whom.domain], sizeof before);
        for (uint32_t v = 0; v < KEEL_VCPUS_MAX; v++)
            if (whom.vcpu == POLICY_ALL || whom.vcpu == v)
                *number(&arinc653.unit[whom.domain][v], parameter) = (uint32_t)value;
    }
    place_all();
    if (!was && crowded()) {
        arinc653.frame = frame;
        if (parameter != P_FRAME)
            memcpy(arinc653.unit[whom.domain], before, sizeof before);
        place_all();
        return "refused: a window would meet another one, or not be in its period";
    }
    arinc653.changed = true;
    return NULL;
}

static uint64_t get(uint32_t parameter, struct policy_whom whom)
{
    struct unit *unit;

    if (parameter == P_FRAME)
        return arinc653.frame;
    unit = &arinc653.unit[whom.domain][whom.vcpu == POLICY_ALL ? 0 : whom.vcpu];
    if (parameter == P_PERIOD)
        return period_of(unit);
    if (parameter == P_CPU && unit->kernel)
        return cpu_of(unit);
    return *number(unit, parameter);
}

/* Looking. */

static uint64_t look(const struct policy_snapshot *snapshot)
{
    bool changed = policy_take(snapshot, arinc653.vcpu, &arinc653.n) || arinc653.changed;

    arinc653.changed = false;
    if (!changed)
        return 0;
    for (uint32_t i = 0; i < arinc653.n; i++)
        unit_of(&arinc653.vcpu[i])->kernel = arinc653.vcpu[i].cpus;
    place_all();
    return policy_cpus(snapshot);
}

static bool tell(char *line, size_t bytes)
{
    for (uint32_t i = 0; i < arinc653.n; i++) {
        const struct keel_plan_vcpu *vcpu = &arinc653.vcpu[i];
        struct unit *unit = unit_of(vcpu);
        bool lacks = unit->window && !placed(unit), tells = lacks && !unit->told;

        unit->told = lacks;
        if (!tells)
            continue;
        snprintf(
            line, bytes,
            "arinc653: vCPU %u of domain %u has no window: it would meet another one, or not be in "
            "its period, or on no CPU of it",
            vcpu->vcpu, vcpu->domain);
        return true;
    }
    return false;
}

/* Planning. */

static void windows_plan(uint16_t cpu, uint32_t part, struct policy_plan *to, bool *more)
{
    uint32_t first = part * WINDOWS_MAX, nth = 0;

    for (uint16_t b = 0; b < UNITS; b++) {
        const struct unit *unit = arinc653.holder[b];
        uint32_t id;

        if (!unit || cpu_of(unit) != cpu)
            continue;
        if (nth >= first && nth < first + WINDOWS_MAX) {
            to->bucket[to->plan.nbuckets++] =
                (struct keel_plan_bucket){.index = b,
                                          .flags = KEEL_BUCKET_WINDOW,
                                          .budget = unit->window * 1000ull,
                                          .period = period_of(unit) * 1000ull,
                                          .deadline = unit->window * 1000ull,
                                          .start = (unit->offset + period_of(unit)) * 1000ull};
            arinc653.sent[b] = true;
        }
        nth++;
        /* Nobody may draw on a bucket that the kernel was not told of: he waits for the next part. */
        id = (uint32_t)(unit - &arinc653.unit[0][0]);
        if (arinc653.sent[b])
            to->slot[to->plan.nslots++] =
                (struct keel_plan_slot){.domain = (uint16_t)(id / KEEL_VCPUS_MAX),
                                        .vcpu = (uint16_t)(id % KEEL_VCPUS_MAX),
                                        .bucket = b,
                                        .rank = RANK_WINDOW,
                                        .flags = KEEL_SLOT_HARD};
        if (to->plan.nslots == KEEL_SLOTS_MAX)
            break;
    }
    *more = nth > first + WINDOWS_MAX;
}

static uint8_t rank_of(const struct keel_plan_vcpu *vcpu)
{
    if (placed(unit_of(vcpu)))
        return RANK_OUTSIDE;
    return vcpu->kind == KEEL_DOMAIN_USER ? RANK_SERVICE : RANK_GUEST;
}

static bool plan(uint16_t cpu, uint32_t part, struct policy_plan *to)
{
    bool more;

    windows_plan(cpu, part, to, &more);
    to->bucket[to->plan.nbuckets++] =
        (struct keel_plan_bucket){.index = NOTHING, .period = PERIOD_MAX_NS};
    for (uint8_t rank = RANK_SERVICE; rank <= RANK_OUTSIDE; rank++)
        for (uint32_t i = 0; i < arinc653.n && to->plan.nslots < KEEL_SLOTS_MAX; i++) {
            const struct keel_plan_vcpu *vcpu = &arinc653.vcpu[i];
            bool outside = rank == RANK_OUTSIDE;

            if (rank_of(vcpu) != rank || !(vcpu->cpus >> cpu & 1) ||
                (outside && cpu_of(unit_of(vcpu)) == cpu))
                continue;
            to->slot[to->plan.nslots++] =
                (struct keel_plan_slot){.domain = vcpu->domain,
                                        .vcpu = vcpu->vcpu,
                                        .bucket = outside ? NOTHING : KEEL_BUCKET_NONE,
                                        .rank = rank,
                                        .flags = outside ? KEEL_SLOT_HARD : 0};
        }
    to->plan.lease = LEASE_NS;
    return more;
}

const struct policy policy_arinc653 = {
    .name = "arinc653",
    .parameter = parameters,
    .parameters = sizeof parameters / sizeof parameters[0],
    .look_ns = LOOK_NS,
    .begin = begin,
    .set = set,
    .get = get,
    .tell = tell,
    .look = look,
    .plan = plan,
};
