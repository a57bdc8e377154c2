/* SPDX-License-Identifier: Apache-2.0 */
/* The ideal machine: see fluid.h. */
#include "fluid.h"

#include <math.h>
#include <string.h>

#define SETS_MAX 64 /* sets of CPUs that limit who can't run elsewhere */

/* Not fmin and fmax: no NaNs here, and these are the inner loops. */
static inline double least(double a, double b)
{
    return a < b ? a : b;
}

static inline double most(double a, double b)
{
    return a > b ? a : b;
}

/* Sequences. */

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = (*state += 0x9e3779b97f4a7c15u); /* splitmix64: Steele, Lea, Flood, OOPSLA 2014 */

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t exponential(uint64_t *state, uint64_t mean)
{
    double u = (double)(next_random(state) >> 11) / 9007199254740992.0;
    double value = -log(1.0 - u) * (double)mean;

    return value < 1.0 ? 1 : (uint64_t)value;
}

void fluid_source_begin(struct fluid_source *source, const struct workload *workload,
                        const struct workload_guest *guest, uint32_t i)
{
    source->guest = guest;
    source->random = workload->seed * 1000003u + i;
    source->release = guest->from;
    if (guest->phase != UINT64_MAX)
        source->release += guest->phase;
    else if (guest->kind != WORKLOAD_BUSY)
        source->release += next_random(&source->random) % guest->period;
}

uint64_t fluid_source_run(struct fluid_source *source)
{
    switch (source->guest->kind) {
    case WORKLOAD_PERIODIC:
        return source->guest->run;
    case WORKLOAD_THINK:
        return exponential(&source->random, source->guest->run);
    default:
        return UINT64_MAX;
    }
}

uint64_t fluid_source_next(struct fluid_source *source, uint64_t now)
{
    switch (source->guest->kind) {
    case WORKLOAD_PERIODIC:
        return source->release += source->guest->period;
    case WORKLOAD_THINK:
        return source->release = now + exponential(&source->random, source->guest->period);
    default:
        return UINT64_MAX;
    }
}

/* The machine. */

struct flow {
    struct fluid_source source;
    uint64_t cpus;
    bool active;
    double left; /* of the job */
    double due;
    double rate;
};

/* Those that are within `cpus`, or of one guest, have `room` together. */
struct limit {
    uint64_t cpus;                      /* 0: not a set of CPUs */
    const struct workload_guest *guest; /* NULL: not a guest's cap */
    double room;
};

static struct {
    uint32_t flows;
    struct flow flow[POLICY_VCPUS_MAX];
    uint32_t limits;
    struct limit limit[SETS_MAX + KEEL_DOMAINS_MAX];
    double now;
} fluid;

static void limit_add(struct limit limit)
{
    for (uint32_t i = 0; i < fluid.limits; i++)
        if (fluid.limit[i].cpus == limit.cpus && fluid.limit[i].guest == limit.guest)
            return;
    fluid.limit[fluid.limits++] = limit;
}

static bool within(const struct flow *flow, const struct limit *limit)
{
    return limit->guest ? flow->source.guest == limit->guest : !(flow->cpus & ~limit->cpus);
}

void fluid_begin(const struct workload *workload)
{
    uint64_t all = UINT64_MAX >> (64 - workload->cpus);

    memset(&fluid, 0, sizeof fluid);
    limit_add((struct limit){.cpus = all, .room = workload->cpus});
    for (uint32_t i = 0; i < workload->guests; i++) {
        const struct workload_guest *guest = &workload->guest[i];
        uint64_t cpus = guest->cpus & guest->affine & all;

        /* Each set of CPUs that some can't leave, and what such sets are together. */
        for (uint32_t j = 0, n = fluid.limits; j <= n && fluid.limits < SETS_MAX; j++) {
            uint64_t set = cpus | (j < n ? fluid.limit[j].cpus : 0);

            limit_add((struct limit){.cpus = set, .room = __builtin_popcountll(set)});
        }
        for (uint32_t j = 0; j < guest->vcpus; j++) {
            struct flow *flow = &fluid.flow[fluid.flows];

            fluid_source_begin(&flow->source, workload, guest, fluid.flows++);
            flow->cpus = cpus;
        }
    }
    for (uint32_t i = 0; i < workload->guests; i++)
        if (workload->guest[i].cap)
            limit_add((struct limit){.guest = &workload->guest[i],
                                     .room = workload->guest[i].cap / 100.0});
}

/* The level (rate by weight) at which a limit, or the CPU of a single vCPU, is reached. */
static double level_of(const struct limit *limit, const bool *done)
{
    double room = limit->room, weight = 0;

    for (uint32_t i = 0; i < fluid.flows; i++) {
        const struct flow *flow = &fluid.flow[i];

        if (!flow->active || !within(flow, limit))
            continue;
        if (done[i])
            room -= flow->rate;
        else
            weight += flow->source.guest->weight;
    }
    return weight > 0 ? most(room, 0) / weight : INFINITY;
}

/* Progressive filling: all grow in proportion to their weights until something stops some of them. */
static void rates(void)
{
    bool done[POLICY_VCPUS_MAX] = {false};

    for (;;) {
        double level = INFINITY;
        const struct limit *limit = NULL;

        for (uint32_t i = 0; i < fluid.flows; i++)
            if (fluid.flow[i].active && !done[i])
                level = least(level, 1.0 / fluid.flow[i].source.guest->weight);
        if (isinf(level))
            return;
        for (uint32_t i = 0; i < fluid.limits; i++) {
            double its = level_of(&fluid.limit[i], done);

            if (its <= level) {
                level = its;
                limit = &fluid.limit[i];
            }
        }
        for (uint32_t i = 0; i < fluid.flows; i++) {
            struct flow *flow = &fluid.flow[i];
            double rate = level * flow->source.guest->weight;

            if (!flow->active || done[i] || (limit ? !within(flow, limit) : rate < 1 - 1e-12))
                continue;
            flow->rate = rate;
            done[i] = true;
        }
    }
}

/* When the next job comes or is done. */
static double next_change(void)
{
    double next = INFINITY;

    for (uint32_t i = 0; i < fluid.flows; i++) {
        const struct flow *flow = &fluid.flow[i];
        double change = flow->active
                            ? least(flow->rate > 0 ? fluid.now + flow->left / flow->rate : INFINITY,
                                    (double)flow->source.guest->until)
                            : (double)flow->source.release;

        next = least(next, change);
    }
    return most(next, fluid.now);
}

/* Whether it runs or does not, as it did not before. */
static bool flow_change(struct flow *flow)
{
    double now = fluid.now;
    bool was = flow->active;

    if (flow->active && flow->left <= 1e-3) {
        flow->active = (double)fluid_source_next(&flow->source, (uint64_t)now) <= now;
        if (flow->active)
            flow->left = (double)fluid_source_run(&flow->source);
    } else if (!flow->active && (double)flow->source.release <= now) {
        flow->active = true;
        flow->left = (double)fluid_source_run(&flow->source);
    }
    if ((double)flow->source.guest->until <= now) {
        flow->active = false;
        flow->source.release = UINT64_MAX;
    }
    return flow->active != was;
}

void fluid_advance(uint64_t to)
{
    while (fluid.now < (double)to) {
        double next = least(next_change(), (double)to), passed = next - fluid.now;

        for (uint32_t i = 0; i < fluid.flows; i++) {
            struct flow *flow = &fluid.flow[i];

            if (!flow->active)
                continue;
            flow->due += passed * flow->rate;
            flow->left -= passed * flow->rate;
        }
        bool changed = false;

        fluid.now = next;
        for (uint32_t i = 0; i < fluid.flows; i++)
            changed |= flow_change(&fluid.flow[i]);
        if (changed)
            rates();
    }
}

double fluid_due(uint32_t i)
{
    return fluid.flow[i].due;
}
