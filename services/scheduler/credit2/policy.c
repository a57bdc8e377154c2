/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The credit2 policy: CPU time in proportion to weights, within caps and affinity, and quickly for those
 * who use little of theirs. It divides the machine every LOOK_NS; in between the kernel keeps to that:
 *
 *   rank 0          those who sleep much: they go first, within what is due to them all
 *   then            domains with a cap, each with a bucket of what is due to it, the shortest period first
 *                   (rate-monotonic: with periods that divide each other all get theirs up to 100 %:
 *                   Han, Tyan, RTSS 1997)
 *   then            all others, each with the weight of what is due to it here
 *   then            those with a cap, with what they may have beyond that
 *
 * Who is due what is max-min fairness by progressive filling (Bertsekas, Gallager, Data Networks, 6.5.2);
 * whoever fits on no CPU as a whole is split, first on one and last on the next (McNaughton, Management
 * Science 6(1), 1959). Rates are billionths of a CPU: no floating point here. See README.md.
 */
#include <policy.h>

#include <keel/domain.h>
#include <string.h>

#define LOOK_NS         10370000ull /* not in step with those who wake every millisecond */
#define PERIOD_NS       5000000ull  /* of buckets, times a power of two */
#define PERIOD_DOUBLE   10
#define SLICE_NS        1000000u /* what anybody may be off by: turns are half of it */
#define BUDGET_LEAST_NS 500000ull
#define CAP_LEAST_NS    100000ull /* who has a cap is not to wait for long */
#define RATELIMIT_NS    500000u
#define ONE             1000000000ull /* a CPU */
#define MARGIN          (ONE / 100) /* of a CPU for those who sleep: what they may want beyond that */
#define DRIFT           (ONE / 50) /* of what they want, before plans change */
#define LOOKS_AWAKE     4u         /* in a row: it does not sleep */
#define ROUNDING        (ONE / 1000)
#define WEIGHT          256u
#define WEIGHT_MAX      65535u
#define AGAIN_NS        30000000ull  /* between two plans, unless somebody came or went */
#define STAYS_NS        100000000ull /* who sleeps is not brought elsewhere again */
#define PIECES_MAX      8u
#define SETS_MAX        32u
#define BUCKETS_MAX \
    50u /* of a CPU: two of a domain with a cap, one of those who sleep, one that is empty */
#define RANK_SLEEPERS 0u
#define RANK_BUSY     1u
#define NEVER         UINT64_MAX

/* A vCPU. */
struct unit {
    uint16_t domain;
    uint16_t vcpu;
    uint32_t incarnation;
    uint32_t seen; /* in which look */
    bool off;
    bool busy;       /* wants all it can get */
    bool awake;      /* in this look */
    uint8_t looks;   /* in so many of the last ones */
    bool counts;     /* for what is being divided */
    bool barred;     /* by the plan, from where it was: it is to go where it would rather be */
    uint64_t stays;  /* until then not again, if it sleeps */
    uint8_t home;    /* where it ran last */
    uint64_t cpus;   /* where it may run, */
    uint64_t soft;   /* and of these, where it rather would */
    uint64_t kernel; /* as far as the kernel knows */
    uint64_t run_time;
    uint64_t use;    /* since the last look */
    uint64_t demand; /* of those who sleep: what they use; moving average */
    uint64_t rate;   /* what is due, by the plan */
    uint64_t share;  /* as just divided */
    uint32_t pieces;
    struct {
        uint16_t cpu;
        uint64_t rate;
    } piece[PIECES_MAX];
};

/* What a bucket is for. */
enum use { USE_NONE, USE_SLEEPERS, USE_CAP, USE_REST, USE_NOTHING };

struct key {
    uint8_t use;
    uint16_t cpu; /* of USE_SLEEPERS */
    uint32_t id;  /* domain: of USE_CAP, USE_REST */
};

/* As last made: what is compared, and committed. */
struct made {
    uint32_t slots, buckets;
    struct keel_plan_slot slot[KEEL_SLOTS_MAX];
    struct keel_plan_bucket bucket[BUCKETS_MAX];
};

static struct {
    uint32_t weight[KEEL_DOMAINS_MAX]; /* of each vCPU */
    uint32_t cap[KEEL_DOMAINS_MAX];    /* percent of a CPU; 0: none */
    uint64_t cpus[KEEL_DOMAINS_MAX];
    uint64_t soft[KEEL_DOMAINS_MAX];
    uint32_t ratelimit;
    uint32_t slice;
    bool changed; /* a parameter */
    bool flipped; /* somebody wants all, or sleeps, since the last plans */
    bool drifted; /* those who sleep want more, or less */

    struct unit unit[KEEL_DOMAINS_MAX][KEEL_VCPUS_MAX];
    struct unit *list[POLICY_VCPUS_MAX];
    uint32_t n;
    uint32_t looks;                  /* so many, and 1 */
    uint64_t last;                   /* when */
    uint64_t made_at;                /* the last plans */
    uint64_t machine;                /* CPUs */
    uint64_t due[KEEL_DOMAINS_MAX];  /* to those with a cap */
    uint64_t level;                  /* rate by weight unit, of those who are not bound otherwise */
    uint64_t asleep[KEEL_CPUS_MAX];  /* what those who sleep use of a CPU, */
    uint64_t planned[KEEL_CPUS_MAX]; /* and as planned */
    bool few;                        /* those who sleep are on all lists */
    uint16_t nothing;                /* the bucket that is always empty, if there is one */

    struct key bucket[KEEL_BUCKETS_MAX];
    bool bucket_used[KEEL_BUCKETS_MAX];
    bool sent[KEEL_BUCKETS_MAX]; /* the kernel was told of it */
    struct made made[KEEL_CPUS_MAX];
} credit2;

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t less(uint64_t from, uint64_t what)
{
    return from > what ? from - what : 0;
}

static uint32_t weight_of(const struct unit *unit)
{
    return credit2.weight[unit->domain];
}

static uint64_t cap_of(uint16_t domain)
{
    return credit2.cap[domain] * (ONE / 100);
}

/* vCPUs. */

static bool sleeps(const struct unit *unit)
{
    return !unit->off && !unit->busy;
}

/* Where it would rather be: where it is, or vCPUs of a domain one beside the other. */
static uint16_t bed(const struct unit *unit)
{
    uint64_t cpus = unit->soft;

    if (cpus >> unit->home & 1)
        return unit->home;
    for (uint32_t n = unit->vcpu; n; n--)
        cpus = cpus & (cpus - 1) ? cpus & (cpus - 1) : unit->soft;
    return (uint16_t)__builtin_ctzll(cpus);
}

static uint64_t room[KEEL_CPUS_MAX]; /* as placed */

/* Where it would rather be, and would find an idle CPU when it wakes up. */
static uint64_t roomy(const struct unit *unit)
{
    uint64_t roomy = 0;

    for (uint64_t cpus = unit->soft & credit2.machine; cpus; cpus &= cpus - 1)
        if (room[__builtin_ctzll(cpus)] > unit->demand + MARGIN)
            roomy |= cpus & -cpus;
    return roomy;
}

/* It is not where it would rather be, though, if it never sleeps, all of it is placed there, or, if it sleeps, it would find an
 * idle CPU there: beside a busy one it had better wake up on an idle one elsewhere. */
static bool away(const struct unit *unit)
{
    if (unit->off || unit->soft >> unit->home & 1)
        return false;
    if (unit->busy)
        return unit->pieces == 1 && (unit->soft >> unit->piece[0].cpu & 1);
    return (unit->barred || (!unit->awake && credit2.last >= unit->stays)) && roomy(unit);
}

/* Whether what is planned is wrong now. */
static bool unit_look(struct unit *unit, const struct keel_plan_vcpu *vcpu, uint64_t passed)
{
    bool fresh = unit->seen != credit2.looks - 1 || unit->incarnation != vcpu->incarnation;
    bool off = vcpu->state == 0, awake = vcpu->state == 1 || vcpu->state == 2;
    bool was_off = unit->off;
    uint64_t cpus = vcpu->cpus & credit2.cpus[vcpu->domain], was_cpus = unit->cpus;

    if (!cpus)
        cpus = vcpu->cpus;
    if (fresh)
        *unit = (struct unit){.domain = vcpu->domain,
                              .vcpu = vcpu->vcpu,
                              .incarnation = vcpu->incarnation,
                              .run_time = vcpu->run_time};
    unit->seen = credit2.looks;
    unit->kernel = vcpu->cpus;
    unit->cpus = cpus;
    unit->soft = cpus & credit2.soft[vcpu->domain];
    if (!unit->soft)
        unit->soft = cpus;
    unit->off = off;
    unit->home = (uint8_t)(vcpu->cpu % KEEL_CPUS_MAX);
    if (!(cpus >> unit->home & 1))
        unit->home = (uint8_t)__builtin_ctzll(cpus);

    uint64_t had = vcpu->run_time - unit->run_time;

    unit->use = passed ? least(had * ONE / passed, ONE) : 0;
    unit->awake = awake;
    unit->looks = awake ? (uint8_t)least(unit->looks + 1u, LOOKS_AWAKE) : 0;
    unit->run_time = vcpu->run_time;
    unit->demand = (unit->demand * 3 + unit->use) / 4;
    return fresh || off != was_off || cpus != was_cpus;
}

/* What is due. */

/* Those who can't leave these CPUs, or are of this domain, have `room` together. */
struct limit {
    uint64_t cpus;
    int domain; /* -1: not a domain's cap */
    uint64_t room;
};

static struct limit limits[SETS_MAX + KEEL_DOMAINS_MAX];
static uint32_t nlimits;

static uint64_t room_of(uint16_t cpu)
{
    uint64_t asleep = credit2.asleep[cpu];

    return less(ONE, asleep ? asleep + MARGIN : 0);
}

static void limit_add_cpus(uint64_t cpus)
{
    struct limit limit = {.cpus = cpus, .domain = -1};

    for (uint32_t i = 0; i < nlimits; i++)
        if (limits[i].cpus == cpus)
            return;
    if (nlimits == SETS_MAX)
        return;
    for (; cpus; cpus &= cpus - 1)
        limit.room += room_of((uint16_t)__builtin_ctzll(cpus));
    limits[nlimits++] = limit;
}

static bool bound(const struct unit *unit, const struct limit *limit)
{
    return limit->domain >= 0 ? unit->domain == limit->domain : !(unit->cpus & ~limit->cpus);
}

static void limits_collect(void)
{
    nlimits = 0;
    limit_add_cpus(credit2.machine);
    for (uint32_t i = 0; i < credit2.n; i++) {
        uint32_t n = nlimits;

        if (!credit2.list[i]->counts)
            continue;
        limit_add_cpus(credit2.list[i]->cpus);
        for (uint32_t j = 0; j < n && nlimits > n; j++)
            limit_add_cpus(limits[j].cpus | credit2.list[i]->cpus);
    }
    for (uint16_t domain = 0; domain < KEEL_DOMAINS_MAX; domain++)
        if (credit2.cap[domain])
            limits[nlimits++] = (struct limit){.domain = domain, .room = cap_of(domain)};
    for (uint32_t i = 0; i < credit2.n; i++)
        if (!credit2.list[i]->counts && credit2.cap[credit2.list[i]->domain])
            for (uint32_t j = 0; j < nlimits; j++)
                if (limits[j].domain == credit2.list[i]->domain)
                    limits[j].room = less(limits[j].room, credit2.list[i]->demand);
}

/* Those who count: of them is less than half, and each is looked at again and again. */
static struct unit *counting[POLICY_VCPUS_MAX];
static uint32_t ncounting;

/* The level, in rate of a unit of weight, at which the limit is reached; NEVER: it is no more. */
static uint64_t level_of(const struct limit *limit, const bool *done)
{
    uint64_t left = limit->room, weight = 0;

    for (uint32_t i = 0; i < ncounting; i++) {
        const struct unit *unit = counting[i];

        if (!bound(unit, limit))
            continue;
        if (done[i])
            left = less(left, unit->share);
        else
            weight += weight_of(unit);
    }
    return weight ? left / weight : NEVER;
}

static void rates_fill(void)
{
    bool done[POLICY_VCPUS_MAX] = {false};

    credit2.level = 0;
    ncounting = 0;
    for (uint32_t i = 0; i < credit2.n; i++)
        if (credit2.list[i]->counts)
            counting[ncounting++] = credit2.list[i];
    for (;;) {
        uint64_t level = NEVER;
        const struct limit *limit = NULL;

        for (uint32_t i = 0; i < ncounting; i++)
            if (!done[i])
                level = least(level, ONE / weight_of(counting[i]));
        if (level == NEVER)
            break;
        for (uint32_t i = 0; i < nlimits; i++) {
            uint64_t its = level_of(&limits[i], done);

            if (its <= level) {
                level = its;
                limit = &limits[i];
            }
        }
        for (uint32_t i = 0; i < ncounting; i++) {
            struct unit *unit = counting[i];

            if (done[i] || !(limit ? bound(unit, limit) : ONE / weight_of(unit) == level))
                continue;
            unit->share = limit ? level * weight_of(unit) : ONE;
            done[i] = true;
        }
        if (!limit || limit->domain < 0)
            credit2.level = level;
    }
    if (!credit2.level) /* nobody counts: there is enough for all */
        credit2.level = ONE;
}

static void asleep_collect(void)
{
    memset(credit2.asleep, 0, sizeof credit2.asleep);
    for (uint32_t i = 0; i < credit2.n; i++) {
        const struct unit *unit = credit2.list[i];

        if (!unit->off && !unit->counts)
            credit2.asleep[unit->home] += unit->demand;
    }
}

/* What is left by the others, among those who count. */
static void divide(void)
{
    asleep_collect();
    limits_collect();
    rates_fill();
}

/* Looking. */

/* Who wants more than there is, and who does not: whether that has changed. Somebody who was awake at this
 * look may be either: those who had as much as they would have, if all who were awake wanted all, do, and
 * those who are awake at each look, and had half of that. */
static bool classify(void)
{
    bool changed = false, any = false;

    for (uint32_t i = 0; i < credit2.n; i++) {
        struct unit *unit = credit2.list[i];

        unit->counts = !unit->off && (unit->busy || unit->awake);
        any |= unit->awake && !unit->busy;
    }
    if (any)
        divide();
    for (uint32_t i = 0; i < credit2.n; i++) {
        struct unit *unit = credit2.list[i];
        bool was = unit->busy;

        if (unit->off || (unit->busy && !unit->awake && unit->use < unit->rate - unit->rate / 8))
            unit->busy = false;
        else if (unit->awake && !unit->busy &&
                 (unit->use >= unit->share - unit->share / 64 ||
                  (unit->looks == LOOKS_AWAKE && unit->use >= unit->share / 2)))
            unit->busy = true;
        changed |= unit->busy != was;
    }
    return changed;
}

static bool look_all(const struct policy_snapshot *snapshot)
{
    uint64_t passed = credit2.last ? snapshot->now - credit2.last : 0;
    uint32_t n = (uint32_t)least(snapshot->n, POLICY_VCPUS_MAX), before = credit2.n;
    bool changed = credit2.changed;

    credit2.looks++;
    credit2.machine = policy_cpus(snapshot);
    credit2.n = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct keel_plan_vcpu *vcpu = &snapshot->vcpu[i];

        if (vcpu->domain >= KEEL_DOMAINS_MAX || vcpu->vcpu >= KEEL_VCPUS_MAX || !vcpu->cpus)
            continue;
        struct unit *unit = &credit2.unit[vcpu->domain][vcpu->vcpu];

        changed |= unit_look(unit, vcpu, passed);
        credit2.list[credit2.n++] = unit;
    }
    changed |= before != credit2.n;
    credit2.last = snapshot->now;
    credit2.changed = false;
    credit2.flipped |= classify();

    for (uint32_t i = 0; i < credit2.n; i++)
        credit2.list[i]->counts = credit2.list[i]->busy;
    asleep_collect();
    for (uint32_t i = 0; i < KEEL_CPUS_MAX; i++)
        credit2.drifted |= credit2.asleep[i] > credit2.planned[i] + DRIFT ||
                           credit2.planned[i] > credit2.asleep[i] + DRIFT;
    for (uint32_t i = 0; i < credit2.n; i++)
        credit2.drifted |= credit2.list[i]->barred != away(credit2.list[i]);
    credit2.flipped |= changed;
    return changed ||
           ((credit2.flipped || credit2.drifted) && snapshot->now >= credit2.made_at + AGAIN_NS);
}

/* Where. */

static void rooms_clear(void)
{
    for (uint16_t cpu = 0; cpu < KEEL_CPUS_MAX; cpu++)
        room[cpu] = room_of(cpu);
}

static void piece_add(struct unit *unit, uint16_t cpu, uint64_t rate)
{
    unit->piece[unit->pieces].cpu = cpu;
    unit->piece[unit->pieces++].rate = rate;
    room[cpu] = less(room[cpu], rate);
}

/* Of these CPUs: the one with the least room that is enough, or with the most. */
static int cpu_find(const struct unit *unit, uint64_t cpus, bool enough)
{
    int best = -1;

    for (cpus &= credit2.machine; cpus; cpus &= cpus - 1) {
        int cpu = __builtin_ctzll(cpus);
        bool here = false;

        for (uint32_t i = 0; i < unit->pieces; i++)
            here |= unit->piece[i].cpu == cpu;
        if (here || (enough && room[cpu] + ROUNDING < unit->rate))
            continue;
        if (best < 0 || (enough ? room[cpu] < room[best] : room[cpu] > room[best]))
            best = cpu;
    }
    return best;
}

/* As a whole: where it is, if it fits there, or on another one of these CPUs, or nowhere. */
static int cpu_whole(const struct unit *unit, uint64_t cpus)
{
    if ((cpus >> unit->home & 1) && room[unit->home] + ROUNDING >= unit->rate)
        return unit->home;
    return cpu_find(unit, cpus, true);
}

static bool place_before(const struct unit *a, const struct unit *b)
{
    bool chooses_a = a->soft != a->cpus, chooses_b = b->soft != b->cpus;

    return chooses_a != chooses_b ? chooses_a : a->rate > b->rate;
}

/* Those that want all they can get: those who would rather be somewhere first, the largest first. */
static uint32_t busy_sort(struct unit **order)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < credit2.n; i++) {
        struct unit *unit = credit2.list[i];
        uint32_t at = n;

        unit->pieces = 0;
        if (!unit->busy || unit->off)
            continue;
        for (; at > 0 && place_before(unit, order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = unit;
        n++;
    }
    return n;
}

static void place_whole(void)
{
    struct unit *order[POLICY_VCPUS_MAX];
    uint32_t n = busy_sort(order);

    for (uint32_t i = 0; i < n; i++) {
        int cpu = cpu_whole(order[i], order[i]->soft);

        if (cpu < 0)
            cpu = cpu_whole(order[i], order[i]->cpus);
        if (cpu >= 0)
            piece_add(order[i], (uint16_t)cpu, order[i]->rate);
    }
}

static void place_split(void)
{
    for (uint32_t i = 0; i < credit2.n; i++) {
        struct unit *unit = credit2.list[i];
        uint64_t left = unit->rate;

        if (!unit->busy || unit->off || unit->pieces)
            continue;
        while (unit->pieces < PIECES_MAX && left > ROUNDING) {
            int cpu = cpu_find(unit, unit->cpus, false);

            if (cpu < 0 || (unit->pieces && !room[cpu]))
                break;
            uint64_t rate = least(left, room[cpu]);

            piece_add(unit, (uint16_t)cpu, rate);
            left -= rate;
        }
    }
}

/* One CPU after the other is filled, with whoever fits, the largest first; the largest of those that are left over
 * takes the rest, and goes on on the next: it is least hurt by that. */
static void place_filled(void)
{
    struct unit *order[POLICY_VCPUS_MAX], *on = NULL;
    uint32_t n = busy_sort(order);
    uint64_t left = 0;

    rooms_clear();
    for (uint64_t cpus = credit2.machine; cpus; cpus &= cpus - 1) {
        uint16_t cpu = (uint16_t)__builtin_ctzll(cpus);

        if (on) {
            uint64_t rate = least(left, room[cpu]);

            piece_add(on, cpu, rate);
            left -= rate;
            if (left > ROUNDING)
                continue;
            on = NULL;
        }
        for (uint32_t i = 0; i < n; i++)
            if (!order[i]->pieces && order[i]->rate <= room[cpu] + ROUNDING)
                piece_add(order[i], cpu, order[i]->rate);
        for (uint32_t i = 0; i < n && !on && room[cpu] > ROUNDING; i++)
            if (!order[i]->pieces) {
                on = order[i];
                left = on->rate - room[cpu];
                piece_add(on, cpu, room[cpu]);
            }
    }
}

static void place(void)
{
    bool wrap = false, anywhere = true;

    rooms_clear();
    place_whole();
    place_split();
    for (uint32_t i = 0; i < credit2.n; i++) {
        const struct unit *unit = credit2.list[i];
        uint64_t placed = 0;

        if (!unit->busy || unit->off)
            continue;
        for (uint32_t j = 0; j < unit->pieces; j++)
            placed += unit->piece[j].rate;
        wrap |= unit->pieces != 1 || placed + ONE / 50 < unit->rate;
        anywhere &= !(credit2.machine & ~unit->cpus);
    }
    if (wrap && anywhere)
        place_filled();
}

/* Plans. */

static bool key_same(const struct key *a, const struct key *b)
{
    return a->use == b->use && a->cpu == b->cpu && a->id == b->id;
}

/* A use keeps its bucket from one plan to the next: what is left in it counts. */
static uint16_t bucket_of(struct key key)
{
    uint16_t unused = KEEL_BUCKET_NONE;

    for (uint16_t i = 0; i < KEEL_BUCKETS_MAX; i++)
        if (key_same(&credit2.bucket[i], &key)) {
            credit2.bucket_used[i] = true;
            return i;
        }
    for (uint16_t i = KEEL_BUCKETS_MAX; i-- > 0;)
        if (credit2.bucket[i].use == USE_NONE)
            unused = i;
    if (unused == KEEL_BUCKET_NONE)
        return unused;
    credit2.bucket[unused] = key;
    credit2.bucket_used[unused] = true;
    return unused;
}

static void buckets_unused_free(void)
{
    for (uint16_t i = 0; i < KEEL_BUCKETS_MAX; i++)
        if (!credit2.bucket_used[i])
            credit2.bucket[i] = (struct key){.use = USE_NONE};
    memset(credit2.bucket_used, 0, sizeof credit2.bucket_used);
}

/* So long that a turn is worth its switch: its own, and that of the others where nearly all is due to it. */
static uint64_t period_of(uint64_t rate, bool cap)
{
    uint64_t part = rate < ONE ? least(rate, ONE - rate) : rate;
    uint64_t period = PERIOD_NS, budget = cap ? CAP_LEAST_NS : BUDGET_LEAST_NS;

    for (uint32_t i = 0; i < PERIOD_DOUBLE && part * period / ONE < budget; i++)
        period *= 2;
    return period;
}

static void bucket_add(struct made *made, uint16_t bucket, uint64_t rate)
{
    if (bucket == KEEL_BUCKET_NONE)
        return;

    uint8_t use = credit2.bucket[bucket].use;
    uint64_t period = period_of(rate, use == USE_CAP || use == USE_REST);

    for (uint32_t i = 0; i < made->buckets; i++)
        if (made->bucket[i].index == bucket)
            return;
    if (made->buckets < BUCKETS_MAX)
        made->bucket[made->buckets++] = (struct keel_plan_bucket){
            .index = bucket, .budget = rate * period / ONE, .period = period};
}

static void slot_add(struct made *made, const struct unit *unit, uint16_t bucket, uint32_t rank,
                     uint32_t min_run)
{
    bool hard =
        credit2.cap[unit->domain] || (bucket == credit2.nothing && bucket != KEEL_BUCKET_NONE);

    if (made->slots < KEEL_SLOTS_MAX)
        made->slot[made->slots++] = (struct keel_plan_slot){
            .domain = unit->domain,
            .vcpu = unit->vcpu,
            .bucket = bucket,
            .rank = (uint8_t)rank,
            .flags = hard ? KEEL_SLOT_HARD : 0,
            .min_run = min_run,
        };
}

/* What is due to a domain with a cap comes from one bucket, what it may have beyond that from another. */
static uint64_t cap_due(uint16_t domain)
{
    uint64_t cap = cap_of(domain), due = 0;
    bool busy = false;

    for (uint32_t i = 0; i < credit2.n; i++)
        if (credit2.list[i]->domain == domain && !credit2.list[i]->off) {
            busy |= credit2.list[i]->busy;
            due += credit2.list[i]->busy ? credit2.list[i]->rate : credit2.list[i]->demand;
        }
    return !busy || due + cap / 64 >= cap ? cap : due;
}

static uint16_t cap_bucket(struct made *made, uint16_t domain)
{
    uint16_t bucket = bucket_of((struct key){.use = USE_CAP, .id = domain});

    bucket_add(made, bucket, credit2.due[domain]);
    return bucket;
}

/* What it may have beyond what is due; that, if that is all. */
static uint16_t rest_bucket(struct made *made, uint16_t domain)
{
    uint64_t rest = cap_of(domain) - credit2.due[domain];
    uint16_t bucket;

    if (!rest)
        return cap_bucket(made, domain);
    bucket = bucket_of((struct key){.use = USE_REST, .id = domain});
    bucket_add(made, bucket, rest);
    return bucket;
}

static int piece_on(const struct unit *unit, uint16_t cpu)
{
    for (uint32_t i = 0; i < unit->pieces; i++)
        if (unit->piece[i].cpu == cpu)
            return (int)i;
    return -1;
}

/* Those who sleep are on the list of each CPU where they would rather run, if there is space for all of them. */
static bool listed(const struct unit *unit, uint16_t cpu)
{
    return sleeps(unit) && (unit->soft >> cpu & 1) && (credit2.few || bed(unit) == cpu);
}

static void make_sleepers(struct made *made, uint16_t cpu)
{
    uint64_t here = 0, most = 0;
    uint16_t bucket = KEEL_BUCKET_NONE;

    for (uint32_t i = 0; i < credit2.n; i++) {
        const struct unit *unit = credit2.list[i];

        if (!listed(unit, cpu) || credit2.cap[unit->domain])
            continue;
        uint64_t due = least(credit2.level * weight_of(unit), ONE);

        here += bed(unit) == cpu ? due : 0;
        most = due > most ? due : most;
    }
    here = least(here > most ? here : most, ONE);
    /* All of it is no limit, and costs nothing. */
    if (here && here < ONE) {
        bucket = bucket_of((struct key){.use = USE_SLEEPERS, .cpu = cpu});
        bucket_add(made, bucket, here);
    }
    for (uint32_t i = 0; i < credit2.n; i++) {
        const struct unit *unit = credit2.list[i];

        if (listed(unit, cpu))
            slot_add(made, unit,
                     credit2.cap[unit->domain] ? cap_bucket(made, unit->domain) : bucket,
                     RANK_SLEEPERS, 0);
    }
}

/* A domain with a cap, and with somebody who is placed on this CPU. */
struct capped {
    uint16_t domain;
    uint64_t rate; /* of those here, together */
    uint64_t period;
};

static struct capped capped[KEEL_DOMAINS_MAX];
static uint32_t ncapped;

/* The shortest period first: with periods that divide each other, that gives all of them what is due. */
static bool capped_before(const struct capped *a, const struct capped *b)
{
    return a->period != b->period ? a->period < b->period : a->rate > b->rate;
}

static void capped_collect(uint16_t cpu)
{
    uint64_t rate[KEEL_DOMAINS_MAX] = {0};
    bool here[KEEL_DOMAINS_MAX] = {false};

    for (uint32_t i = 0; i < credit2.n; i++) {
        const struct unit *unit = credit2.list[i];
        int piece = piece_on(unit, cpu);

        if (piece < 0)
            continue;
        here[unit->domain] = true;
        rate[unit->domain] += unit->piece[piece].rate;
    }
    ncapped = 0;
    for (uint16_t domain = 0; domain < KEEL_DOMAINS_MAX; domain++) {
        struct capped one = {domain, least(rate[domain], cap_of(domain)),
                             period_of(credit2.due[domain], true)};
        uint32_t at = ncapped;

        if (!credit2.cap[domain] || !here[domain])
            continue;
        for (; at > 0 && capped_before(&one, &capped[at - 1]); at--)
            capped[at] = capped[at - 1];
        capped[at] = one;
        ncapped++;
    }
}

/* What is due is its weight: it is so also while others sleep, or have more to do. */
static uint32_t slot_weight(const struct unit *unit, int piece)
{
    uint64_t weight = unit->piece[piece].rate * KEEL_WEIGHT_MAX / ONE;

    return weight ? (uint32_t)least(weight, KEEL_WEIGHT_MAX) : 1;
}

/* A slot for each that is placed here: of this domain, if it has a cap, or of all without one. */
static void make_placed(struct made *made, uint16_t cpu, const struct capped *of, uint32_t rank)
{
    for (uint32_t i = 0; i < credit2.n; i++) {
        const struct unit *unit = credit2.list[i];
        int piece = piece_on(unit, cpu);

        if (piece < 0 || (of ? unit->domain != of->domain : credit2.cap[unit->domain]))
            continue;
        slot_add(made, unit, of ? cap_bucket(made, of->domain) : KEEL_BUCKET_NONE, rank,
                 credit2.ratelimit);
        made->slot[made->slots - 1].weight = slot_weight(unit, piece);
    }
}

/* Those with a cap can't make up for what they miss: they go first, within their cap. */
static void make_busy(struct made *made, uint16_t cpu)
{
    capped_collect(cpu);
    for (uint32_t i = 0; i < ncapped; i++)
        make_placed(made, cpu, &capped[i], RANK_BUSY + i);
    make_placed(made, cpu, NULL, RANK_BUSY + ncapped);
}

/* Those who may not run here but could, or should be elsewhere, have nothing, */
static bool barred(const struct unit *unit, uint16_t cpu)
{
    bool may = unit->cpus >> cpu & 1;

    return !unit->off && (unit->kernel >> cpu & 1) &&
           (!may || (unit->barred && !(unit->soft >> cpu & 1)));
}

/* and those with a cap have a hard limit on each CPU where they may run. */
static bool restricted(const struct unit *unit, uint16_t cpu)
{
    return barred(unit, cpu) || (!unit->off && (unit->cpus >> cpu & 1) &&
                                 credit2.cap[unit->domain] && !listed(unit, cpu));
}

static void make_rest(struct made *made, uint16_t cpu)
{
    uint32_t rank = RANK_BUSY + ncapped + 1;

    for (uint32_t i = 0; i < credit2.n; i++) {
        const struct unit *unit = credit2.list[i];

        if (restricted(unit, cpu) && !barred(unit, cpu))
            slot_add(made, unit, rest_bucket(made, unit->domain), rank, credit2.ratelimit);
    }
    for (uint32_t i = 0; i < credit2.n; i++) {
        const struct unit *unit = credit2.list[i];

        if (barred(unit, cpu)) {
            bucket_add(made, credit2.nothing, 0);
            slot_add(made, unit, credit2.nothing, rank + 1, 0);
        }
    }
}

static bool slot_same(const struct keel_plan_slot *a, const struct keel_plan_slot *b)
{
    return a->domain == b->domain && a->vcpu == b->vcpu && a->bucket == b->bucket &&
           a->rank == b->rank && a->flags == b->flags && a->min_run == b->min_run &&
           a->weight == b->weight;
}

static bool bucket_same(const struct keel_plan_bucket *a, const struct keel_plan_bucket *b)
{
    return a->index == b->index && a->budget == b->budget && a->period == b->period;
}

static bool made_same(const struct made *a, const struct made *b)
{
    bool same = a->slots == b->slots && a->buckets == b->buckets;

    for (uint32_t i = 0; same && i < a->slots; i++)
        same = slot_same(&a->slot[i], &b->slot[i]);
    for (uint32_t i = 0; same && i < a->buckets; i++)
        same = bucket_same(&a->bucket[i], &b->bucket[i]);
    return same;
}

static uint64_t make_all(uint64_t now)
{
    static struct made made;
    uint64_t changed = 0;

    credit2.nothing = bucket_of((struct key){.use = USE_NOTHING});
    credit2.made_at = now;
    for (uint32_t i = 0; i < credit2.n; i++) {
        struct unit *unit = credit2.list[i];
        bool go = away(unit);

        if (unit->barred && !go)
            unit->stays = now + STAYS_NS;
        unit->barred = go;
    }
    for (uint16_t domain = 0; domain < KEEL_DOMAINS_MAX; domain++)
        if (credit2.cap[domain])
            credit2.due[domain] = cap_due(domain);
    for (uint64_t cpus = credit2.machine; cpus; cpus &= cpus - 1) {
        uint16_t cpu = (uint16_t)__builtin_ctzll(cpus);

        memset(&made, 0, sizeof made);
        make_sleepers(&made, cpu);
        make_busy(&made, cpu);
        make_rest(&made, cpu);
        if (made_same(&made, &credit2.made[cpu]))
            continue;
        credit2.made[cpu] = made;
        changed |= 1ull << cpu;
    }
    buckets_unused_free();
    return changed;
}

/* The interface. */

static void begin(void)
{
    memset(&credit2, 0, sizeof credit2);
    for (uint32_t i = 0; i < KEEL_DOMAINS_MAX; i++) {
        credit2.weight[i] = WEIGHT;
        credit2.cpus[i] = credit2.soft[i] = NEVER;
    }
    credit2.ratelimit = RATELIMIT_NS;
    credit2.slice = SLICE_NS;
    credit2.looks = 1;
    credit2.level = ONE;
}

enum { P_WEIGHT, P_CAP, P_CPUS, P_SOFT, P_RATELIMIT, P_SLICE };

static const struct policy_parameter parameters[] = {
    [P_WEIGHT] = {.name = "weight", .scope = POLICY_OF_DOMAIN, .least = 1, .most = WEIGHT_MAX},
    [P_CAP] = {.name = "cap", .scope = POLICY_OF_DOMAIN, .least = 0, .most = 100 * KEEL_CPUS_MAX},
    [P_CPUS] = {.name = "cpus", .scope = POLICY_OF_DOMAIN, .least = 1, .most = UINT64_MAX},
    [P_SOFT] = {.name = "soft", .scope = POLICY_OF_DOMAIN, .least = 1, .most = UINT64_MAX},
    [P_RATELIMIT] = {.name = "ratelimit-us", .least = 0, .most = 500000},
    [P_SLICE] = {.name = "slice-us", .least = 200, .most = 500000},
};

static const char *set(uint32_t parameter, struct policy_whom whom, uint64_t value)
{
    switch (parameter) {
    case P_WEIGHT:
        credit2.weight[whom.domain] = (uint32_t)value;
        break;
    case P_CAP:
        credit2.cap[whom.domain] = (uint32_t)value;
        break;
    case P_CPUS:
        credit2.cpus[whom.domain] = value;
        break;
    case P_SOFT:
        credit2.soft[whom.domain] = value;
        break;
    case P_RATELIMIT:
        credit2.ratelimit = (uint32_t)value * 1000;
        break;
    default:
        credit2.slice = (uint32_t)value * 1000;
        break;
    }
    credit2.changed = true;
    return NULL;
}

static uint64_t get(uint32_t parameter, struct policy_whom whom)
{
    switch (parameter) {
    case P_WEIGHT:
        return credit2.weight[whom.domain];
    case P_CAP:
        return credit2.cap[whom.domain];
    case P_CPUS:
        return credit2.cpus[whom.domain];
    case P_SOFT:
        return credit2.soft[whom.domain];
    case P_RATELIMIT:
        return credit2.ratelimit / 1000;
    default:
        return credit2.slice / 1000;
    }
}

/* CPUs that are to be told again of somebody who sleeps and is to go there: when it wakes up, the kernel tells its last one. */
static uint64_t awaited(void)
{
    uint64_t cpus = 0;

    for (uint32_t i = 0; i < credit2.n; i++) {
        const struct unit *unit = credit2.list[i];

        if (unit->barred && unit->awake && !unit->busy)
            cpus |= roomy(unit);
    }
    return cpus;
}

static uint64_t look(const struct policy_snapshot *snapshot)
{
    if (!look_all(snapshot))
        return awaited();
    credit2.flipped = credit2.drifted = false;
    divide();
    memcpy(credit2.planned, credit2.asleep, sizeof credit2.planned);
    for (uint32_t i = 0; i < credit2.n; i++)
        credit2.list[i]->rate = credit2.list[i]->busy ? credit2.list[i]->share : 0;
    place();

    uint32_t slots = 0;

    for (uint32_t i = 0; i < credit2.n; i++)
        slots += !credit2.list[i]->off;
    credit2.few = slots <= KEEL_SLOTS_MAX / 2;
    return awaited() | make_all(snapshot->now);
}

static bool plan(uint16_t cpu, uint32_t part, struct policy_plan *to)
{
    const struct made *made = &credit2.made[cpu];
    uint32_t turn = credit2.slice / 2;
    uint32_t first = part * POLICY_BUCKETS_MAX;

    if (!(credit2.machine >> cpu & 1))
        return false;
    for (uint32_t i = first; i < made->buckets && i < first + POLICY_BUCKETS_MAX; i++) {
        to->bucket[to->plan.nbuckets++] = made->bucket[i];
        credit2.sent[made->bucket[i].index] = true;
    }
    /* Nobody may draw on a bucket that the kernel was not told of: he waits for the next part. */
    for (uint32_t i = 0; i < made->slots; i++)
        if (made->slot[i].bucket == KEEL_BUCKET_NONE || credit2.sent[made->slot[i].bucket])
            to->slot[to->plan.nslots++] = made->slot[i];
    to->plan.slice = turn > credit2.ratelimit ? turn : credit2.ratelimit;
    return made->buckets > first + POLICY_BUCKETS_MAX;
}

const struct policy policy_credit2 = {
    .name = "credit2",
    .parameter = parameters,
    .parameters = sizeof parameters / sizeof parameters[0],
    .look_ns = LOOK_NS,
    .begin = begin,
    .set = set,
    .get = get,
    .look = look,
    .plan = plan,
};
