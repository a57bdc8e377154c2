/* SPDX-License-Identifier: Apache-2.0 */
/* Models of Xen's credit2 and RTDS: see xen.h and xen/README.md. */
#include "xen.h"

#include "fluid.h"
#include <keel/domain.h>
#include <string.h>

#define NEVER UINT64_MAX
#define MS    1000000ull

/* credit2, as documented. */
#define CREDIT_INIT    (int64_t)(10 * MS)
#define CREDIT_FLOOR   (-CREDIT_INIT)
#define CREDIT_CLIP    (CREDIT_INIT + (int64_t)MS / 2)
#define MIN_TIMER      (MS / 2)
#define MIGRATE_RESIST (int64_t)(MS / 2)
#define RATELIMIT_US   1000
#define CAP_PERIOD     (10 * MS)
#define RUN_QUEUE_CPUS 16
#define RUN_QUEUES     (KEEL_CPUS_MAX / RUN_QUEUE_CPUS)
/* RTDS. */
#define DEFAULT_PERIOD_US 10000
#define DEFAULT_BUDGET_US 4000

enum state { ASLEEP, READY, RUNNING };

/* A vCPU. */
struct unit {
    struct fluid_source source;
    uint16_t domain;
    enum state state;
    uint64_t hard, soft; /* CPUs */
    uint32_t cpu;        /* where it ran last */
    uint64_t left;       /* of its job; NEVER: it has no end */
    uint64_t next;       /* when it wakes up; NEVER: not any more */
    uint64_t ready;      /* since when it waits, */
    uint64_t woken;      /* or sleeps no more and has not run since; NEVER: it has */
    uint64_t began;      /* its turn */
    uint64_t received;
    uint64_t budget; /* what it took of its domain's pool; of RTDS: what is left in this period */
    /* credit2 */
    uint32_t weight;
    uint32_t queue;
    int64_t credit;
    uint64_t rest; /* less than one credit that was burnt */
    uint64_t turn; /* who waits with the same credit goes in this order */
    /* RTDS */
    uint64_t full, period, deadline;
    bool extratime;
    uint32_t level; /* how often its budget was filled again within the period */
};

struct cpu {
    struct unit *current;
    uint64_t until; /* when it chooses anew */
    bool asked;     /* to do so now */
};

/* The two schedulers. */
struct rules {
    void (*begin)(void);
    void (*burn)(struct unit *unit, uint64_t passed);
    void (*stopped)(struct unit *unit); /* its turn has ended */
    void (*ready)(struct unit *unit);   /* it waits for a CPU */
    uint64_t (*next)(void);             /* refills */
    void (*refill)(void);
    void (*decide)(void);
};

static struct {
    const struct workload *workload;
    struct metrics *metrics;
    const struct rules *rules;
    uint64_t now;
    uint32_t units;
    struct unit unit[POLICY_VCPUS_MAX];
    struct cpu cpu[KEEL_CPUS_MAX];
} xen;

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static struct metrics_vcpu *metrics_of(const struct unit *unit)
{
    return &xen.metrics->vcpu[unit - xen.unit];
}

static bool measuring(void)
{
    return xen.now >= xen.workload->warm_up;
}

/* Turns. */

static void turn_end(uint32_t cpu)
{
    struct unit *unit = xen.cpu[cpu].current;

    xen.cpu[cpu].current = NULL;
    metrics_turn(xen.metrics, (struct metrics_turn){.cpu = (uint16_t)cpu,
                                                    .vcpu = (uint16_t)(unit - xen.unit),
                                                    .begin = unit->began,
                                                    .end = xen.now});
    if (unit->state == RUNNING) {
        unit->state = READY;
        unit->ready = xen.now;
    }
    xen.rules->stopped(unit);
}

static void turn_begin(uint32_t cpu, struct unit *unit)
{
    if (measuring())
        metrics_turn_begins(metrics_of(unit), xen.now - unit->ready, cpu != unit->cpu);
    if (measuring() && unit->woken != NEVER)
        metrics_latency(metrics_of(unit), xen.now - unit->woken);
    unit->woken = NEVER;
    unit->state = RUNNING;
    unit->cpu = cpu;
    unit->began = xen.now;
    xen.cpu[cpu].current = unit;
}

/* What a vCPU does: as on the simulator's other machine. */

static void job_count(const struct unit *unit)
{
    const struct fluid_source *source = &unit->source;
    uint64_t deadline = source->release + source->guest->period;

    if (source->guest->kind == WORKLOAD_PERIODIC && deadline >= xen.workload->warm_up &&
        deadline <= xen.workload->time && deadline <= source->guest->until)
        metrics_job(metrics_of(unit), source->release, deadline, xen.now);
}

static void job_end(uint32_t cpu)
{
    struct unit *unit = xen.cpu[cpu].current;
    uint64_t next;

    job_count(unit);
    next = fluid_source_next(&unit->source, xen.now);
    if (xen.now >= unit->source.guest->until)
        next = NEVER;
    unit->left = fluid_source_run(&unit->source);
    if (next <= xen.now)
        return;
    unit->state = ASLEEP;
    unit->next = unit->ready = unit->woken = next;
    xen.cpu[cpu].asked = true;
    turn_end(cpu);
}

/* credit2. */

static struct {
    uint32_t weight[KEEL_DOMAINS_MAX];
    uint32_t cap[KEEL_DOMAINS_MAX]; /* percent; 0: none */
    uint64_t cpus[KEEL_DOMAINS_MAX];
    uint64_t soft[KEEL_DOMAINS_MAX];
    uint64_t ratelimit;
    uint64_t pool[KEEL_DOMAINS_MAX]; /* of those with a cap: what nobody has taken */
    uint64_t heaviest[RUN_QUEUES];
    uint64_t refill;
    uint64_t turns;
} credit2;

static void credit2_defaults(void)
{
    memset(&credit2, 0, sizeof credit2);
    for (uint32_t i = 0; i < KEEL_DOMAINS_MAX; i++) {
        credit2.weight[i] = WORKLOAD_WEIGHT;
        credit2.cpus[i] = credit2.soft[i] = NEVER;
    }
    credit2.ratelimit = RATELIMIT_US * 1000;
}

enum { P_WEIGHT, P_CAP, P_CPUS, P_SOFT, P_RATELIMIT };

static const struct policy_parameter credit2_parameters[] = {
    [P_WEIGHT] = {"weight", POLICY_OF_DOMAIN, 1, 65535},
    [P_CAP] = {"cap", POLICY_OF_DOMAIN, 0, 100 * KEEL_CPUS_MAX},
    [P_CPUS] = {"cpus", POLICY_OF_DOMAIN, 1, NEVER},
    [P_SOFT] = {"soft", POLICY_OF_DOMAIN, 1, NEVER},
    [P_RATELIMIT] = {"ratelimit-us", POLICY_OF_MACHINE, 0, 500000},
};

static const char *credit2_set(uint32_t parameter, struct policy_whom whom, uint64_t value)
{
    if (parameter == P_WEIGHT)
        credit2.weight[whom.domain] = (uint32_t)value;
    else if (parameter == P_CAP)
        credit2.cap[whom.domain] = (uint32_t)value;
    else if (parameter == P_CPUS)
        credit2.cpus[whom.domain] = value;
    else if (parameter == P_SOFT)
        credit2.soft[whom.domain] = value;
    else if (value && value < 100)
        return "less than 100 us";
    else
        credit2.ratelimit = value * 1000;
    return NULL;
}

static uint64_t cap_full(uint16_t domain)
{
    return credit2.cap[domain] * CAP_PERIOD / 100;
}

static uint64_t queue_cpus(uint32_t queue)
{
    uint64_t cpus = 0;

    for (uint32_t i = 0; i < RUN_QUEUE_CPUS && queue * RUN_QUEUE_CPUS + i < xen.workload->cpus; i++)
        cpus |= 1ull << (queue * RUN_QUEUE_CPUS + i);
    return cpus;
}

/* The run queue with the fewest for each of its CPUs: as even as balancing can make it. */
static uint32_t queue_find(const struct unit *unit)
{
    uint32_t best = RUN_QUEUES;
    uint64_t best_load = NEVER;

    for (uint32_t queue = 0; queue < RUN_QUEUES; queue++) {
        uint64_t cpus = queue_cpus(queue), load = 0;

        if (!(cpus & unit->hard))
            continue;
        for (const struct unit *other = xen.unit; other < unit; other++)
            load += other->queue == queue;
        load = load * 1000 / (uint64_t)__builtin_popcountll(cpus);
        if (load < best_load) {
            best = queue;
            best_load = load;
        }
    }
    return best;
}

static void credit2_begin(void)
{
    for (uint32_t i = 0; i < xen.units; i++) {
        struct unit *unit = &xen.unit[i];

        unit->hard &= credit2.cpus[unit->domain];
        unit->soft = credit2.soft[unit->domain] & unit->hard;
        unit->weight = credit2.weight[unit->domain];
        unit->queue = queue_find(unit);
        unit->hard &= queue_cpus(unit->queue);
        unit->credit = CREDIT_INIT;
        credit2.heaviest[unit->queue] = most(credit2.heaviest[unit->queue], unit->weight);
        credit2.pool[unit->domain] = cap_full(unit->domain);
    }
    credit2.refill = CAP_PERIOD;
}

static void credit2_burn(struct unit *unit, uint64_t passed)
{
    uint64_t burnt = passed * credit2.heaviest[unit->queue] + unit->rest;

    unit->credit -= (int64_t)(burnt / unit->weight);
    unit->rest = burnt % unit->weight;
    if (unit->credit < CREDIT_FLOOR)
        unit->credit = CREDIT_FLOOR;
    if (credit2.cap[unit->domain])
        unit->budget -= passed;
}

static void credit2_stopped(struct unit *unit)
{
    unit->turn = ++credit2.turns;
    if (credit2.cap[unit->domain]) {
        credit2.pool[unit->domain] += unit->budget;
        unit->budget = 0;
    }
}

static bool may_run(const struct unit *unit)
{
    return !credit2.cap[unit->domain] || unit->budget || credit2.pool[unit->domain];
}

/* It takes its part of the pool, so that others have theirs. */
static void budget_take(struct unit *unit)
{
    uint64_t *pool = &credit2.pool[unit->domain], part;

    if (!credit2.cap[unit->domain] || unit->budget)
        return;
    part = most(cap_full(unit->domain) / unit->source.guest->vcpus, 1);
    unit->budget = least(part, *pool);
    *pool -= unit->budget;
}

/* Where somebody goes who waits: the first that is idle, else the one whose credit is the lowest, if lower. */
static bool place(const struct unit *unit, uint64_t cpus)
{
    int64_t lowest = INT64_MAX;
    struct cpu *worst = NULL;

    if ((cpus >> unit->cpu & 1) && !xen.cpu[unit->cpu].current)
        return xen.cpu[unit->cpu].asked = true;
    for (; cpus; cpus &= cpus - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(cpus);
        struct cpu *cpu = &xen.cpu[i];

        if (!cpu->current && !cpu->asked)
            return cpu->asked = true;
        if (!cpu->current)
            continue;
        int64_t credit = cpu->current->credit + (i != unit->cpu ? MIGRATE_RESIST : 0);
        if (credit < lowest) {
            lowest = credit;
            worst = cpu;
        }
    }
    if (!worst || lowest >= unit->credit)
        return false;
    return worst->asked = true;
}

static void credit2_ready(struct unit *unit)
{
    if (may_run(unit) && !place(unit, unit->soft))
        place(unit, unit->hard);
}

/* Whom this CPU would take of those who wait. `resist`: who ran elsewhere has to be better by more. */
static struct unit *head(uint32_t cpu, bool resist, int64_t *credit)
{
    struct unit *best = NULL;

    *credit = INT64_MIN;
    for (uint32_t i = 0; i < xen.units; i++) {
        struct unit *unit = &xen.unit[i];
        int64_t its = unit->credit - (resist && unit->cpu != cpu ? MIGRATE_RESIST : 0);

        if (unit->state != READY || !(unit->hard >> cpu & 1) || !may_run(unit))
            continue;
        if (!best || its > *credit || (its == *credit && unit->turn < best->turn)) {
            best = unit;
            *credit = its;
        }
    }
    return best;
}

static void credit_reset(const struct unit *first)
{
    int64_t more = first->credit <= CREDIT_FLOOR ? 2 * CREDIT_INIT : CREDIT_INIT;

    for (uint32_t i = 0; i < xen.units; i++) {
        struct unit *unit = &xen.unit[i];

        if (unit->queue != first->queue)
            continue;
        unit->credit += more;
        if (unit->credit > CREDIT_CLIP)
            unit->credit = CREDIT_CLIP;
    }
}

/* Until it has less credit than the next one. */
static uint64_t turn_of(const struct unit *unit, uint32_t cpu)
{
    uint64_t turn = (uint64_t)CREDIT_INIT;
    int64_t credit;

    if (head(cpu, true, &credit)) {
        int64_t more = unit->credit - credit;

        turn = more > 0 ? (uint64_t)more * unit->weight / credit2.heaviest[unit->queue] : 0;
        turn = least(most(turn, most(MIN_TIMER, credit2.ratelimit)), (uint64_t)CREDIT_INIT);
    }
    return credit2.cap[unit->domain] ? least(turn, unit->budget) : turn;
}

static void credit2_choose(uint32_t index)
{
    struct cpu *cpu = &xen.cpu[index];
    struct unit *unit = cpu->current, *best;
    int64_t credit;

    cpu->asked = false;
    cpu->until = NEVER;
    if (unit && credit2.cap[unit->domain] && !unit->budget) {
        budget_take(unit);
        if (!unit->budget) { /* parked */
            turn_end(index);
            unit = NULL;
        }
    }
    if (unit && xen.now < unit->began + credit2.ratelimit) {
        cpu->until = unit->began + credit2.ratelimit;
        if (credit2.cap[unit->domain])
            cpu->until = least(cpu->until, xen.now + unit->budget);
        return;
    }
    best = head(index, unit, &credit);
    if (!best || (unit && unit->credit >= credit))
        best = unit;
    if (!best)
        return;
    if (best->credit <= 0)
        credit_reset(best);
    if (best != unit) {
        if (unit)
            turn_end(index);
        turn_begin(index, best);
        if (unit)
            credit2_ready(unit); /* elsewhere */
    }
    budget_take(best);
    cpu->until = xen.now + turn_of(best, index);
}

static void credit2_decide(void)
{
    bool again = true;

    while (again) {
        again = false;
        for (uint32_t i = 0; i < xen.workload->cpus; i++)
            if (xen.cpu[i].asked || xen.cpu[i].until <= xen.now) {
                credit2_choose(i);
                again = true;
            }
    }
}

static uint64_t credit2_next(void)
{
    return credit2.refill;
}

static void credit2_refill(void)
{
    if (xen.now < credit2.refill)
        return;
    credit2.refill += CAP_PERIOD;
    for (uint16_t domain = 0; domain < KEEL_DOMAINS_MAX; domain++)
        credit2.pool[domain] = cap_full(domain);
    for (uint32_t i = 0; i < xen.units; i++)
        if (credit2.cap[xen.unit[i].domain] && xen.unit[i].state == READY)
            credit2_ready(&xen.unit[i]);
}

static const struct rules credit2_rules = {
    .begin = credit2_begin,
    .burn = credit2_burn,
    .stopped = credit2_stopped,
    .ready = credit2_ready,
    .next = credit2_next,
    .refill = credit2_refill,
    .decide = credit2_decide,
};

const struct policy xen_credit2 = {
    .name = "xen-credit2",
    .parameter = credit2_parameters,
    .parameters = sizeof credit2_parameters / sizeof credit2_parameters[0],
    .begin = credit2_defaults,
    .set = credit2_set,
};

/* RTDS. */

static struct numbers {
    uint64_t period, budget;
    bool extratime;
    uint64_t cpus;
} rtds[KEEL_DOMAINS_MAX][KEEL_VCPUS_MAX];

static void rtds_defaults(void)
{
    for (uint32_t i = 0; i < KEEL_DOMAINS_MAX; i++)
        for (uint32_t j = 0; j < KEEL_VCPUS_MAX; j++)
            rtds[i][j] = (struct numbers){.period = DEFAULT_PERIOD_US,
                                          .budget = DEFAULT_BUDGET_US,
                                          .extratime = true,
                                          .cpus = NEVER};
}

enum { P_PERIOD, P_BUDGET, P_EXTRATIME, P_RTDS_CPUS };

static const struct policy_parameter rtds_parameters[] = {
    [P_PERIOD] = {"period-us", POLICY_OF_VCPU, 10, 10000000},
    [P_BUDGET] = {"budget-us", POLICY_OF_VCPU, 10, 10000000},
    [P_EXTRATIME] = {"extratime", POLICY_OF_VCPU, 0, 1},
    [P_RTDS_CPUS] = {"cpus", POLICY_OF_VCPU, 1, NEVER},
};

static const char *rtds_set(uint32_t parameter, struct policy_whom whom, uint64_t value)
{
    for (uint16_t vcpu = 0; vcpu < KEEL_VCPUS_MAX; vcpu++) {
        struct numbers *numbers = &rtds[whom.domain][vcpu];

        if (whom.vcpu != POLICY_ALL && whom.vcpu != vcpu)
            continue;
        if (parameter == P_PERIOD)
            numbers->period = value;
        else if (parameter == P_BUDGET)
            numbers->budget = value;
        else if (parameter == P_EXTRATIME)
            numbers->extratime = value;
        else
            numbers->cpus = value;
    }
    return NULL;
}

static void rtds_begin(void)
{
    for (uint32_t i = 0; i < xen.units; i++) {
        struct unit *unit = &xen.unit[i];
        const struct numbers *numbers = &rtds[unit->domain][xen.metrics->vcpu[i].index];

        unit->hard &= numbers->cpus;
        unit->period = numbers->period * 1000;
        unit->budget = unit->full = numbers->budget * 1000;
        unit->extratime = numbers->extratime;
        unit->deadline = unit->period;
    }
}

static void rtds_burn(struct unit *unit, uint64_t passed)
{
    unit->budget -= passed;
}

static void rtds_nothing(struct unit *unit)
{
    (void)unit;
}

static uint64_t rtds_next(void)
{
    uint64_t next = NEVER;

    for (uint32_t i = 0; i < xen.units; i++) {
        const struct unit *unit = &xen.unit[i];

        next = least(next, unit->deadline);
        if (unit->state == RUNNING)
            next = least(next, xen.now + unit->budget);
    }
    return next;
}

/* A deferrable server: what was not used is lost, whether it slept or not. */
static void rtds_refill(void)
{
    for (uint32_t i = 0; i < xen.units; i++) {
        struct unit *unit = &xen.unit[i];

        while (unit->deadline <= xen.now) {
            unit->deadline += unit->period;
            unit->budget = unit->full;
            unit->level = 0;
        }
        if (!unit->budget && unit->extratime) {
            unit->budget = unit->full;
            unit->level++;
        }
    }
}

static bool earlier(const struct unit *a, const struct unit *b)
{
    if (a->level != b->level)
        return a->level < b->level;
    if (a->deadline != b->deadline)
        return a->deadline < b->deadline;
    return a->state == RUNNING && b->state != RUNNING;
}

/* Where it may run of the CPUs that are not taken: its own, or one whose vCPU has to go anyway, or any. */
static int cpu_for(const struct unit *unit, uint64_t taken, uint64_t stay)
{
    uint64_t cpus = unit->hard & ~taken;

    if (unit->state != RUNNING && (cpus & ~stay))
        cpus &= ~stay;
    if (cpus >> unit->cpu & 1)
        return (int)unit->cpu;
    return cpus ? __builtin_ctzll(cpus) : -1;
}

/* Those who run next, and where; `stay`: the CPUs whose vCPUs go on, if that is known. Returns these. */
static uint64_t rtds_assign(struct unit *const *order, uint32_t n, uint64_t stay, struct unit **on)
{
    uint64_t taken = 0, runs = 0;

    for (uint32_t i = 0; i < n; i++) {
        int cpu = cpu_for(order[i], taken, stay);

        if (cpu < 0)
            continue;
        on[cpu] = order[i];
        taken |= 1ull << cpu;
        if (order[i]->state == RUNNING)
            runs |= 1ull << order[i]->cpu;
    }
    return runs;
}

/* Global earliest deadline first: of all that have a budget, as many as there are CPUs for. */
static void rtds_decide(void)
{
    struct unit *order[POLICY_VCPUS_MAX], *on[KEEL_CPUS_MAX] = {NULL};
    uint64_t stay;
    uint32_t n = 0;

    for (uint32_t i = 0; i < xen.units; i++) {
        struct unit *unit = &xen.unit[i];
        uint32_t at = n;

        if (unit->state == ASLEEP || !unit->budget)
            continue;
        for (; at > 0 && earlier(unit, order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = unit;
        n++;
    }
    stay = rtds_assign(order, n, 0, on);
    memset(on, 0, sizeof on);
    rtds_assign(order, n, stay, on);
    for (uint32_t i = 0; i < xen.workload->cpus; i++)
        if (xen.cpu[i].current && xen.cpu[i].current != on[i])
            turn_end(i);
    for (uint32_t i = 0; i < xen.workload->cpus; i++) {
        xen.cpu[i].asked = false;
        if (on[i] && xen.cpu[i].current != on[i])
            turn_begin(i, on[i]);
    }
}

static const struct rules rtds_rules = {
    .begin = rtds_begin,
    .burn = rtds_burn,
    .stopped = rtds_nothing,
    .ready = rtds_nothing,
    .next = rtds_next,
    .refill = rtds_refill,
    .decide = rtds_decide,
};

const struct policy xen_rtds = {
    .name = "xen-rtds",
    .parameter = rtds_parameters,
    .parameters = sizeof rtds_parameters / sizeof rtds_parameters[0],
    .begin = rtds_defaults,
    .set = rtds_set,
};

/* The machine. */

static uint64_t next_event(uint64_t sample)
{
    uint64_t next = least(sample, xen.rules->next());

    for (uint32_t i = 0; i < xen.workload->cpus; i++) {
        const struct unit *unit = xen.cpu[i].current;

        if (!unit)
            continue;
        next = least(next, xen.cpu[i].until);
        next = least(next, unit->left == NEVER ? NEVER : xen.now + unit->left);
        next = least(next, unit->source.guest->until);
    }
    for (uint32_t i = 0; i < xen.units; i++)
        if (xen.unit[i].state == ASLEEP)
            next = least(next, xen.unit[i].next);
    return most(next, xen.now);
}

static void pass_to(uint64_t next)
{
    uint64_t passed = next - xen.now;

    xen.now = next;
    for (uint32_t i = 0; i < xen.workload->cpus; i++) {
        struct unit *unit = xen.cpu[i].current;

        if (!unit)
            continue;
        unit->received += passed;
        if (unit->left != NEVER)
            unit->left -= passed;
        xen.rules->burn(unit, passed);
    }
}

static void happen(void)
{
    xen.metrics->events++;
    for (uint32_t i = 0; i < xen.workload->cpus; i++) {
        const struct unit *unit = xen.cpu[i].current;

        if (unit && (!unit->left || xen.now >= unit->source.guest->until))
            job_end(i);
    }
    for (uint32_t i = 0; i < xen.units; i++) {
        struct unit *unit = &xen.unit[i];

        if (unit->state == ASLEEP && unit->next <= xen.now) {
            unit->state = READY;
            xen.rules->ready(unit);
        }
    }
    xen.rules->refill();
    xen.rules->decide();
}

/* Whether a CPU is idle and somebody without a limit waits who could run there. */
static bool wasted(void)
{
    uint64_t idle = 0;

    for (uint32_t i = 0; i < xen.workload->cpus; i++)
        idle |= xen.cpu[i].current ? 0 : 1ull << i;
    for (uint32_t i = 0; idle && i < xen.units; i++)
        if (xen.unit[i].state == READY && !xen.unit[i].source.guest->cap &&
            (xen.unit[i].source.guest->cpus & xen.unit[i].source.guest->affine & idle))
            return true;
    return false;
}

static void unit_begin(uint32_t id, uint16_t domain, const struct workload_guest *guest)
{
    struct unit *unit = &xen.unit[id];
    uint64_t cpus = guest->cpus & (NEVER >> (64 - xen.workload->cpus));

    *unit = (struct unit){.domain = domain, .hard = cpus, .cpu = id % xen.workload->cpus};
    while (!(cpus >> unit->cpu & 1))
        unit->cpu = (unit->cpu + 1) % xen.workload->cpus;
    fluid_source_begin(&unit->source, xen.workload, guest, id);
    unit->left = fluid_source_run(&unit->source);
    unit->next = unit->ready = unit->woken = unit->source.release;
}

static uint16_t domain_find(const char *name)
{
    for (uint32_t i = 0; i < xen.workload->guests; i++)
        if (strcmp(xen.workload->guest[i].name, name) == 0)
            return (uint16_t)(i + 1);
    return POLICY_ALL;
}

static bool begin(const struct policy *policy)
{
    const struct workload *workload = xen.workload;

    policy->begin();
    for (uint32_t i = 0; i < workload->parameters; i++) {
        const char *wrong = policy_argument(policy, workload->parameter[i], domain_find);

        if (wrong) {
            fprintf(stderr, "%s: not understood: %s: %s\n", policy->name, workload->parameter[i],
                    wrong);
            return false;
        }
    }
    for (uint32_t i = 0; i < workload->guests; i++)
        for (uint32_t j = 0; j < workload->guest[i].vcpus; j++)
            unit_begin(xen.units++, (uint16_t)(i + 1), &workload->guest[i]);
    for (uint32_t i = 0; i < KEEL_CPUS_MAX; i++)
        xen.cpu[i] = (struct cpu){.until = NEVER};
    xen.rules->begin();
    return true;
}

bool xen_is(const struct policy *policy)
{
    return policy == &xen_credit2 || policy == &xen_rtds;
}

bool xen_run(const struct workload *workload, const struct policy *policy, struct metrics *metrics)
{
    static uint64_t received[POLICY_VCPUS_MAX];
    uint64_t sample = (workload->warm_up + METRICS_STEP_NS - 1) / METRICS_STEP_NS * METRICS_STEP_NS;

    memset(&xen, 0, sizeof xen);
    xen.workload = workload;
    xen.metrics = metrics;
    xen.rules = policy == &xen_rtds ? &rtds_rules : &credit2_rules;
    metrics_begin(metrics, workload);
    fluid_begin(workload);
    if (!begin(policy))
        return false;
    while (xen.now < workload->time) {
        pass_to(next_event(sample));
        happen();
        metrics_idle(metrics, wasted(), xen.now);
        if (xen.now < sample)
            continue;
        for (uint32_t i = 0; i < xen.units; i++)
            received[i] = xen.unit[i].received;
        metrics_sample(metrics, workload, sample, received);
        sample += METRICS_STEP_NS;
    }
    for (uint32_t i = 0; i < workload->cpus; i++)
        if (xen.cpu[i].current)
            turn_end(i);
    for (uint32_t i = 0; i < xen.units; i++)
        job_count(&xen.unit[i]); /* those whose time is over */
    return true;
}
