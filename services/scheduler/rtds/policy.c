/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rtds policy: reservations. A vCPU that has one gets its budget in each of its periods, whatever others do;
 * who has none, and with `extratime` who has used its budget up, shares what is left over.
 *
 * The kernel runs those with a budget left by the deadlines of their buckets, on all the CPUs of their cluster
 * (global earliest deadline first; a bucket is a constant-bandwidth server). Here it is only decided who gets a reservation,
 * by libs/reservation, and on which CPUs. See README.md.
 */
#include <policy.h>

#include <keel/domain.h>
#include <reservation/reservation.h>
#include <stdio.h>
#include <string.h>

#define LOOK_NS      10000000ull
#define PERIOD_US    10000u
#define SLICE_LEAST  100000u  /* ns; the kernel's least */
#define SLICE_MOST   1000000u /* of those without a reservation */
#define SLICE_PART   100u     /* of the shortest period */
#define RANK_SERVICE 1u

enum state { STATE_NONE, STATE_NEW, STATE_ADMITTED, STATE_REFUSED };

struct numbers {
    uint32_t period; /* us */
    uint32_t budget; /* us; 0: no reservation */
    bool extratime;
    uint64_t cpus;
};

/* A vCPU. What it reserves stays reserved while its domain is dead: it may come back. */
struct unit {
    struct numbers numbers;
    uint64_t kernel; /* CPUs, by its configuration; 0: was never seen */
    enum state state;
    bool told;        /* people were, that it was refused */
    uint64_t cluster; /* of who is admitted */
    uint64_t next;    /* the same, as just tried */
    uint16_t bucket;
};

static struct {
    struct unit unit[KEEL_DOMAINS_MAX][KEEL_VCPUS_MAX];
    struct unit *holder[KEEL_BUCKETS_MAX]; /* of the bucket */
    bool sent[KEEL_BUCKETS_MAX];           /* the kernel was told of it */
    bool changed;                          /* a parameter */
    uint32_t n;
    struct keel_plan_vcpu vcpu[POLICY_VCPUS_MAX]; /* as of the last look */
    char why[144];                                /* the last one was refused */
} rtds;

static void begin(void)
{
    memset(&rtds, 0, sizeof rtds);
    for (uint32_t d = 0; d < KEEL_DOMAINS_MAX; d++)
        for (uint32_t v = 0; v < KEEL_VCPUS_MAX; v++)
            rtds.unit[d][v].numbers =
                (struct numbers){.period = PERIOD_US, .extratime = true, .cpus = UINT64_MAX};
}

static uint64_t cpus_of(const struct unit *unit)
{
    uint64_t cpus = unit->kernel & unit->numbers.cpus;

    return cpus ? cpus : unit->kernel;
}

/* Admission. */

static const char *refuse(const struct unit *unit, const struct reservation_lack *lack)
{
    const struct reservation reservation = {.budget = unit->numbers.budget,
                                            .period = unit->numbers.period};
    static const char what[] = "refused: ";

    memcpy(rtds.why, what, sizeof what);
    reservation_lack_text(&reservation, lack, &rtds.why[sizeof what - 1],
                          sizeof rtds.why - sizeof what);
    return rtds.why;
}

/* Those whose reservations are to hold together. */
static struct reservation reservations[RESERVATIONS_MAX];
static struct unit *reserved[RESERVATIONS_MAX]; /* whose they are */

static void reservation_add(uint32_t n, struct unit *unit)
{
    reservations[n] =
        (struct reservation){.cpus = cpus_of(unit),
                             .budget = unit->numbers.budget,
                             .period = unit->numbers.period,
                             .cluster = unit->state == STATE_ADMITTED ? unit->cluster : 0};
    reserved[n] = unit;
}

/* Whether all that are admitted and not among the n, and those of these that want a reservation, can have
 * them. NULL: `next` is each one's cluster. */
static const char *try(struct unit *const *unit, uint32_t n)
{
    struct reservation_lack lack;
    uint32_t all = 0;

    for (uint32_t b = 0; b < KEEL_BUCKETS_MAX; b++) {
        bool among = false;

        for (uint32_t i = 0; i < n; i++)
            among |= unit[i] == rtds.holder[b];
        if (rtds.holder[b] && !among)
            reservation_add(all++, rtds.holder[b]);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!unit[i]->numbers.budget || !unit[i]->kernel)
            continue;
        if (all == RESERVATIONS_MAX)
            return "refused: no bucket is left";
        reservation_add(all++, unit[i]);
    }
    if (!reservations_fit(reservations, all, &lack))
        return refuse(unit[0], &lack);
    for (uint32_t i = 0; i < all; i++)
        reserved[i]->next = reservations[i].cluster;
    return NULL;
}

static void release(struct unit *unit)
{
    if (unit->state == STATE_ADMITTED)
        rtds.holder[unit->bucket] = NULL;
    unit->state = STATE_NONE;
}

/* After `try` said yes. */
static void admit(struct unit *unit)
{
    uint16_t b = unit->bucket;

    if (unit->state != STATE_ADMITTED)
        for (b = 0; rtds.holder[b];)
            b++;
    unit->bucket = b;
    unit->state = STATE_ADMITTED;
    rtds.holder[b] = unit;
    rtds.sent[b] = false;
    for (b = 0; b < KEEL_BUCKETS_MAX; b++)
        if (rtds.holder[b])
            rtds.holder[b]->cluster = rtds.holder[b]->next;
}

/* Parameters. */

enum { P_PERIOD, P_BUDGET, P_EXTRATIME, P_CPUS };

static const struct policy_parameter parameters[] = {
    [P_PERIOD] = {"period-us", POLICY_OF_VCPU, 1000, 10000000},
    [P_BUDGET] = {"budget-us", POLICY_OF_VCPU, 0, 10000000},
    [P_EXTRATIME] = {"extratime", POLICY_OF_VCPU, 0, 1},
    [P_CPUS] = {"cpus", POLICY_OF_VCPU, 1, UINT64_MAX},
};

static void number_set(struct numbers *numbers, uint32_t parameter, uint64_t value)
{
    switch (parameter) {
    case P_PERIOD:
        numbers->period = (uint32_t)value;
        break;
    case P_BUDGET:
        numbers->budget = (uint32_t)value;
        break;
    case P_EXTRATIME:
        numbers->extratime = value;
        break;
    default:
        numbers->cpus = value;
        break;
    }
}

/* Those that were seen already are admitted with their new numbers at once, or nothing changes. */
static const char *set(uint32_t parameter, struct policy_whom whom, uint64_t value)
{
    struct numbers before[KEEL_VCPUS_MAX];
    struct unit *unit[KEEL_VCPUS_MAX];
    uint32_t n = 0;
    const char *why;

    for (uint16_t v = 0; v < KEEL_VCPUS_MAX; v++)
        if (whom.vcpu == POLICY_ALL || whom.vcpu == v)
            unit[n++] = &rtds.unit[whom.domain][v];
    for (uint32_t i = 0; i < n; i++) {
        before[i] = unit[i]->numbers;
        number_set(&unit[i]->numbers, parameter, value);
    }
    why = try(unit, n);
    for (uint32_t i = 0; i < n; i++) {
        if (why)
            unit[i]->numbers = before[i];
        else if (unit[i]->kernel && unit[i]->numbers.budget)
            admit(unit[i]);
        else
            release(unit[i]);
    }
    rtds.changed |= !why;
    return why;
}

static uint64_t get(uint32_t parameter, struct policy_whom whom)
{
    const struct numbers *numbers =
        &rtds.unit[whom.domain][whom.vcpu == POLICY_ALL ? 0 : whom.vcpu].numbers;

    switch (parameter) {
    case P_PERIOD:
        return numbers->period;
    case P_BUDGET:
        return numbers->budget;
    case P_EXTRATIME:
        return numbers->extratime;
    default:
        return numbers->cpus;
    }
}

/* Looking. */

/* A vCPU that is there for the first time, or may run elsewhere now. */
static void unit_look(struct unit *unit, uint64_t cpus)
{
    if (unit->kernel == cpus)
        return;
    unit->kernel = cpus;
    if (!unit->numbers.budget)
        return;
    if (!try(&unit, 1)) {
        admit(unit);
    } else {
        release(unit);
        unit->state = STATE_REFUSED;
        unit->told = false;
    }
}

static uint64_t look(const struct policy_snapshot *snapshot)
{
    bool changed = policy_take(snapshot, rtds.vcpu, &rtds.n) || rtds.changed;

    for (uint32_t i = 0; i < rtds.n && changed; i++)
        unit_look(&rtds.unit[rtds.vcpu[i].domain][rtds.vcpu[i].vcpu], rtds.vcpu[i].cpus);
    rtds.changed = false;
    return changed ? policy_cpus(snapshot) : 0;
}

static bool tell(char *line, size_t bytes)
{
    for (uint32_t i = 0; i < rtds.n; i++) {
        const struct keel_plan_vcpu *vcpu = &rtds.vcpu[i];
        struct unit *unit = &rtds.unit[vcpu->domain][vcpu->vcpu];
        const char *why;

        if (unit->state != STATE_REFUSED || unit->told)
            continue;
        unit->told = true;
        why = try(&unit, 1);
        snprintf(line, bytes, "rtds: no reservation for vCPU %u of domain %u: %s", vcpu->vcpu,
                 vcpu->domain, why ? why : "there was no room");
        return true;
    }
    return false;
}

/* Planning. */

static bool plan(uint16_t cpu, uint32_t part, struct policy_plan *to)
{
    uint32_t first = part * POLICY_BUCKETS_MAX, shortest = UINT32_MAX, nth = 0;

    for (uint16_t b = 0; b < KEEL_BUCKETS_MAX; b++) {
        const struct unit *unit = rtds.holder[b];
        const struct numbers *numbers;
        uint32_t id;

        if (!unit || !(unit->cluster >> cpu & 1))
            continue;
        numbers = &unit->numbers;
        if (nth >= first && nth < first + POLICY_BUCKETS_MAX) {
            to->bucket[to->plan.nbuckets++] =
                (struct keel_plan_bucket){.index = b,
                                          .flags = KEEL_BUCKET_CBS,
                                          .budget = numbers->budget * 1000ull,
                                          .period = numbers->period * 1000ull};
            rtds.sent[b] = true;
        }
        nth++;
        shortest = numbers->period < shortest ? numbers->period : shortest;
        /* Nobody may draw on a bucket that the kernel was not told of: he waits for the next part. */
        if (!rtds.sent[b])
            continue;
        id = (uint32_t)(unit - &rtds.unit[0][0]);
        to->slot[to->plan.nslots++] = (struct keel_plan_slot){
            .domain = (uint16_t)(id / KEEL_VCPUS_MAX),
            .vcpu = (uint16_t)(id % KEEL_VCPUS_MAX),
            .bucket = b,
            .flags = KEEL_SLOT_EDF | (numbers->extratime ? 0 : KEEL_SLOT_HARD),
        };
    }
    for (uint32_t i = 0; i < rtds.n && to->plan.nslots < KEEL_SLOTS_MAX; i++) {
        const struct keel_plan_vcpu *vcpu = &rtds.vcpu[i];

        if (vcpu->kind == KEEL_DOMAIN_USER && vcpu->cpus >> cpu & 1 &&
            rtds.unit[vcpu->domain][vcpu->vcpu].state != STATE_ADMITTED)
            to->slot[to->plan.nslots++] = (struct keel_plan_slot){.domain = vcpu->domain,
                                                                  .vcpu = vcpu->vcpu,
                                                                  .bucket = KEEL_BUCKET_NONE,
                                                                  .rank = RANK_SERVICE};
    }
    to->plan.slice = SLICE_MOST;
    if (shortest < SLICE_MOST * SLICE_PART / 1000)
        to->plan.slice = shortest * 1000 / SLICE_PART;
    if (to->plan.slice < SLICE_LEAST)
        to->plan.slice = SLICE_LEAST;
    return nth > first + POLICY_BUCKETS_MAX;
}

const struct policy policy_rtds = {
    .name = "rtds",
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
