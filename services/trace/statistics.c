/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics: see statistics.h. */
#include "statistics.h"

#include <string.h>

#define NS_PER_S 1000000000u

/* Series. */

static uint32_t bucket_of(uint64_t ticks)
{
    uint32_t power, bucket;

    if (ticks < 2)
        return (uint32_t)ticks;
    power = 63 - (uint32_t)__builtin_clzll(ticks);
    bucket = 2 * power + (ticks >> (power - 1) & 1);
    return bucket < STATISTICS_BUCKETS ? bucket : STATISTICS_BUCKETS - 1;
}

uint64_t statistics_bucket_end(uint32_t bucket)
{
    if (bucket < 2)
        return bucket;
    if (bucket >= STATISTICS_BUCKETS - 1)
        return UINT64_MAX;
    return ((3ull + bucket % 2) << (bucket / 2 - 1)) - 1;
}

void statistics_note(struct statistics_series *series, uint64_t ticks)
{
    series->count++;
    series->sum += ticks;
    series->bucket[bucket_of(ticks)]++;
    if (ticks > series->worst)
        series->worst = ticks;
}

uint64_t statistics_within(const struct statistics_series *series, uint32_t thousandths)
{
    uint64_t within = 0;

    for (uint32_t i = 0; i < STATISTICS_BUCKETS; i++) {
        within += series->bucket[i];
        if (within && within * 1000 >= series->count * thousandths)
            return statistics_bucket_end(i) < series->worst ? statistics_bucket_end(i)
                                                            : series->worst;
    }
    return series->worst;
}

/* Who is who. */

static struct statistics_vcpu *vcpu_at(struct statistics *s, uint16_t index)
{
    return index < s->vcpus ? &s->vcpu[index] : NULL;
}

static uint16_t index_of(const struct statistics *s, const struct statistics_vcpu *vcpu)
{
    return (uint16_t)(vcpu - s->vcpu);
}

const struct statistics_vcpu *statistics_find(const struct statistics *s, uint32_t domain,
                                              uint32_t vcpu)
{
    uint16_t index =
        domain < KEEL_DOMAINS_MAX && vcpu < KEEL_VCPUS_MAX ? s->index[domain][vcpu] : 0;

    return index ? &s->vcpu[index - 1] : NULL;
}

static uint64_t passed(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

static bool within_ns(const struct statistics *s, uint64_t from, uint64_t to, uint64_t ns)
{
    return passed(from, to) <= s->frequency * ns / NS_PER_S;
}

/* What happens to them. */

static void state_set(struct statistics *s, struct statistics_vcpu *vcpu, uint8_t state, uint64_t t)
{
    if (t < vcpu->since)
        t = vcpu->since;
    if (s->watch && vcpu->state != STATISTICS_UNKNOWN)
        s->watch->span(s->watch->context, vcpu, vcpu->since, t);
    vcpu->state = state;
    vcpu->since = t;
    vcpu->woken = vcpu->doubtful = vcpu->guessed = false;
}

/* The owner's time, if another one runs on it. */
static void owner_book(struct statistics *s, struct statistics_cpu *cpu, uint64_t t)
{
    struct statistics_vcpu *owner = vcpu_at(s, cpu->owner);

    if (owner && cpu->running != STATISTICS_NONE && cpu->running != cpu->owner)
        owner->lent += passed(cpu->booked, t);
    cpu->booked = t;
}

static void leave(struct statistics *s, struct statistics_vcpu *vcpu, uint8_t state, uint64_t t)
{
    struct statistics_cpu *cpu = &s->cpu[vcpu->cpu];

    owner_book(s, cpu, t);
    cpu->running = STATISTICS_NONE;
    statistics_note(&vcpu->series[STATISTICS_RUN], passed(vcpu->since, t));
    vcpu->doubt = 0;
    state_set(s, vcpu, state, t);
}

/* A CPU has chosen: whether the WAKE of who was thought to run was one. */
static bool was_woken(const struct statistics *s, const struct statistics_vcpu *vcpu, uint64_t t)
{
    return vcpu->doubt && within_ns(s, vcpu->doubt, t, STATISTICS_DOUBT_NS);
}

static void leave_woken(struct statistics *s, struct statistics_vcpu *vcpu)
{
    leave(s, vcpu, STATISTICS_READY, vcpu->doubt);
    vcpu->woken = vcpu->doubtful = true;
    vcpu->guessed = vcpu->unsure;
}

static void forget(struct statistics *s, struct statistics_vcpu *vcpu, uint64_t t)
{
    if (vcpu->state == STATISTICS_RUNS)
        leave(s, vcpu, STATISTICS_UNKNOWN, t);
    else
        state_set(s, vcpu, STATISTICS_UNKNOWN, t);
    vcpu->asked = false;
    vcpu->early = vcpu->doubt = vcpu->seen = 0;
}

/* Whom a record is about; NULL: nobody, or nobody that there can be. */
static struct statistics_vcpu *vcpu_of(struct statistics *s, uint16_t who, uint64_t t)
{
    uint32_t domain = who >> 8, index = who & 15;
    uint8_t life = who >> 4 & 15;
    struct statistics_vcpu *vcpu;

    if (domain >= KEEL_DOMAINS_MAX)
        return NULL;
    if (!s->index[domain][index]) {
        if (s->vcpus == STATISTICS_VCPUS_MAX)
            return NULL;
        s->vcpu[s->vcpus] = (struct statistics_vcpu){
            .domain = (uint16_t)domain, .vcpu = (uint8_t)index, .life = life, .since = t};
        s->index[domain][index] = (uint16_t)++s->vcpus;
    }
    vcpu = &s->vcpu[s->index[domain][index] - 1];
    if (vcpu->life != life) {
        forget(s, vcpu, t);
        vcpu->state = STATISTICS_SLEEPS;
        vcpu->life = life;
    }
    return vcpu;
}

static void choice_book(struct statistics_cpu *cpu, uint64_t t)
{
    if (!cpu->known)
        cpu->unknown += passed(cpu->since, t);
    else if (cpu->idles)
        cpu->idle += passed(cpu->since, t);
    cpu->known = true;
    cpu->idles = false;
    cpu->since = t;
}

static void asks(const struct statistics *s, struct statistics_vcpu *vcpu, uint64_t t)
{
    vcpu->exits++;
    vcpu->asked = !s->gaps;
    vcpu->asked_at = t;
}

static void answered(const struct statistics *s, struct statistics_vcpu *vcpu, uint64_t t)
{
    uint64_t took = passed(vcpu->asked_at, t);

    if (vcpu->asked && took <= s->frequency * STATISTICS_OFF_S)
        statistics_note(&vcpu->series[STATISTICS_ANSWER], took);
    vcpu->asked = false;
}

/* It slept, as far as is known. handed: who ran before asks it; lent: others ran on its time. */
static void arrive_unwoken(const struct statistics *s, struct statistics_vcpu *vcpu, bool handed,
                           bool lent, uint64_t t)
{
    if (handed)
        vcpu->handed++;
    else if (s->gaps)
        vcpu->seen = t;
    else if (!lent)
        vcpu->early = t;
}

static void arrive(struct statistics *s, struct statistics_vcpu *vcpu, uint32_t index, bool handed,
                   bool lent, uint64_t t)
{
    uint64_t wait = passed(vcpu->since, t), woken = vcpu->since;
    bool told = vcpu->state == STATISTICS_READY && vcpu->woken;

    if (vcpu->state == STATISTICS_UNKNOWN || (vcpu->state == STATISTICS_READY && vcpu->guessed)) {
        vcpu->seen = t;
    } else if (vcpu->state == STATISTICS_READY) {
        statistics_note(&vcpu->series[STATISTICS_WAIT], wait);
        if (told)
            statistics_note(&vcpu->series[STATISTICS_WAKE], wait);
    } else if (vcpu->state == STATISTICS_SLEEPS) {
        arrive_unwoken(s, vcpu, handed, lent, t);
    }
    answered(s, vcpu, t);
    state_set(s, vcpu, STATISTICS_RUNS, t);
    vcpu->cpu = (uint8_t)index;
    vcpu->doubt = 0;
    if (told && s->watch)
        s->watch->woken(s->watch->context, vcpu, woken, t);
}

/* Who was thought to run on the CPU, when it says that another one runs, or nobody. */
static void before_leaves(struct statistics *s, struct statistics_vcpu *before, bool handed,
                          uint64_t t)
{
    if (was_woken(s, before, t)) {
        leave_woken(s, before);
    } else if (handed) {
        leave(s, before, STATISTICS_BLOCKED, t);
        asks(s, before, t);
    } else {
        leave(s, before, STATISTICS_SLEEPS, t);
    }
}

static void on_run(struct statistics *s, uint32_t index, struct statistics_vcpu *owner,
                   struct statistics_vcpu *vcpu, uint64_t t)
{
    struct statistics_cpu *cpu = &s->cpu[index];
    struct statistics_vcpu *before = vcpu_at(s, cpu->running);
    bool handed = before && before == owner && vcpu && vcpu != before;
    bool lent = before && vcpu && before != vcpu && cpu->owner == index_of(s, vcpu);

    if (before && before != vcpu)
        before_leaves(s, before, handed, t);
    else if (before && was_woken(s, before, t))
        leave_woken(s, before);
    else if (before)
        before->doubt = 0;
    if (vcpu && vcpu->state == STATISTICS_RUNS && vcpu->cpu != index)
        before_leaves(s, vcpu, false, t);
    owner_book(s, cpu, t);
    cpu->owner = owner ? index_of(s, owner) : STATISTICS_NONE;
    if (!cpu->known || cpu->idles == (vcpu != NULL))
        choice_book(cpu, t);
    cpu->idles = !vcpu;
    if (vcpu)
        vcpu->told = t;
    if (!vcpu || vcpu->state == STATISTICS_RUNS)
        return;
    arrive(s, vcpu, index, handed, lent, t);
    cpu->running = index_of(s, vcpu);
    cpu->switches += cpu->last != cpu->running;
    cpu->last = cpu->running;
}

/* It runs no more, and this CPU says so itself. */
static void on_leave(struct statistics *s, uint32_t index, struct statistics_vcpu *vcpu,
                     uint8_t state, uint64_t t)
{
    struct statistics_vcpu *before = vcpu_at(s, s->cpu[index].running);
    bool here = vcpu->state == STATISTICS_RUNS && vcpu->cpu == index;

    if (before && before != vcpu)
        before_leaves(s, before, false, t);
    if (vcpu->state == STATISTICS_RUNS && state == STATISTICS_READY && was_woken(s, vcpu, t))
        leave_woken(s, vcpu);
    if (vcpu->state == STATISTICS_READY && state == STATISTICS_READY) {
        vcpu->doubtful =
            vcpu->guessed; /* it was chosen, so it was READY, and put back before it ran */
        return;
    }
    if (vcpu->state == STATISTICS_UNKNOWN || (!here && state == STATISTICS_BLOCKED) ||
        (!here && vcpu->state == STATISTICS_RUNS))
        vcpu->seen = t; /* its RUN was lost */
    if (vcpu->state == STATISTICS_RUNS)
        leave(s, vcpu, state, t);
    else
        state_set(s, vcpu, state, t);
    vcpu->guessed = state == STATISTICS_READY && s->gaps;
    vcpu->cpu = (uint8_t)index;
}

/* Whether a WAKE of this CPU may belong to a RUN elsewhere, at `run`, that was quicker. */
static bool may_be_late(const struct statistics *s, uint32_t index,
                        const struct statistics_vcpu *vcpu, uint64_t run, uint64_t t)
{
    return run && index != vcpu->cpu && s->cpu[index].before <= run &&
           within_ns(s, run, t, STATISTICS_LATE_NS);
}

static void on_wake(struct statistics *s, uint32_t index, struct statistics_vcpu *vcpu, uint64_t t)
{
    if (may_be_late(s, index, vcpu, vcpu->early, t)) {
        statistics_note(&vcpu->series[STATISTICS_WAIT], 0);
        statistics_note(&vcpu->series[STATISTICS_WAKE], 0);
        vcpu->early = 0;
        return;
    }
    if (vcpu->state == STATISTICS_READY) {
        if (vcpu->doubtful)
            vcpu->since = t;
        return;
    }
    vcpu->unsure =
        vcpu->state == STATISTICS_UNKNOWN || s->gaps || may_be_late(s, index, vcpu, vcpu->seen, t);
    vcpu->waker = (uint8_t)index;
    if (vcpu->state != STATISTICS_RUNS) {
        state_set(s, vcpu, STATISTICS_READY, t);
        vcpu->woken = true;
        vcpu->doubtful = vcpu->guessed = vcpu->unsure; /* perhaps it ran before this */
        return;
    }
    vcpu->doubt = t;
    if (!may_be_late(s, index, vcpu, vcpu->seen > vcpu->told ? vcpu->seen : vcpu->told, t)) {
        leave_woken(s, vcpu);
        vcpu->doubtful = vcpu->guessed;
    }
}

void statistics_add(struct statistics *s, uint32_t index, const struct keel_trace *record)
{
    uint64_t t = record->time;
    struct statistics_vcpu *vcpu, *owner;
    struct statistics_cpu *cpu;

    if (index >= s->cpus || record->kind < KEEL_TRACE_RUN || record->kind > KEEL_TRACE_COMMIT)
        return;
    cpu = &s->cpu[index];
    s->now = t > s->now ? t : s->now;
    cpu->records++;
    vcpu = vcpu_of(s, record->who, t);
    owner = vcpu_of(s, record->owner, t);
    if (record->kind == KEEL_TRACE_COMMIT) {
        cpu->commits++;
        if (s->watch)
            s->watch->commit(s->watch->context, index, record->detail, t);
    } else if (record->kind == KEEL_TRACE_RUN && (vcpu || record->who == KEEL_TRACE_NOBODY)) {
        on_run(s, index, owner, vcpu, t);
    } else if (!vcpu) {
        return;
    } else if (record->kind == KEEL_TRACE_PREEMPTED) {
        on_leave(s, index, vcpu, record->detail ? STATISTICS_UNKNOWN : STATISTICS_READY, t);
    } else if (record->kind == KEEL_TRACE_EXIT) {
        on_leave(s, index, vcpu, STATISTICS_BLOCKED, t);
        asks(s, vcpu, t);
    } else {
        cpu->wakes++;
        on_wake(s, index, vcpu, t);
    }
    cpu->before = t;
}

void statistics_put(struct statistics *s, uint32_t index, uint16_t who, uint8_t state, bool woken,
                    uint64_t t)
{
    struct statistics_vcpu *vcpu = vcpu_of(s, who, t);

    if (!vcpu || vcpu->state != STATISTICS_UNKNOWN || index >= s->cpus ||
        state > STATISTICS_BLOCKED ||
        (state == STATISTICS_RUNS && s->cpu[index].running != STATISTICS_NONE))
        return;
    state_set(s, vcpu, state, t);
    vcpu->cpu = (uint8_t)index;
    vcpu->woken = state == STATISTICS_READY && woken;
    vcpu->asked = state == STATISTICS_BLOCKED;
    vcpu->asked_at = t;
    if (state == STATISTICS_RUNS) {
        choice_book(&s->cpu[index], t);
        s->cpu[index].running = s->cpu[index].last = index_of(s, vcpu);
        s->cpu[index].booked = t;
    }
}

void statistics_lost(struct statistics *s, uint32_t index, uint64_t n)
{
    struct statistics_cpu *cpu;

    if (index >= s->cpus)
        return;
    cpu = &s->cpu[index];
    /* What it did then is not known. */
    for (uint32_t i = 0; i < s->vcpus; i++)
        if (s->vcpu[i].state != STATISTICS_RUNS || s->vcpu[i].cpu == index)
            forget(s, &s->vcpu[i], s->now);
        else
            s->vcpu[i].seen = s->now; /* or it left meanwhile, and ran here */
    cpu->running = cpu->last = cpu->owner = STATISTICS_NONE;
    cpu->lost += n;
    if (n) {
        s->gaps |= 1ull << index;
        choice_book(cpu, s->now);
        cpu->known = false;
    } else {
        s->gaps &= ~(1ull << index);
    }
}

void statistics_begin(struct statistics *s, uint64_t frequency, uint32_t cpus, uint64_t now)
{
    memset(s, 0, sizeof *s);
    s->frequency = frequency;
    s->cpus = cpus < KEEL_CPUS_MAX ? cpus : KEEL_CPUS_MAX;
    s->from = s->now = now;
    for (uint32_t i = 0; i < s->cpus; i++)
        s->cpu[i] = (struct statistics_cpu){.running = STATISTICS_NONE,
                                            .last = STATISTICS_NONE,
                                            .owner = STATISTICS_NONE,
                                            .since = now,
                                            .booked = now};
}

void statistics_reset(struct statistics *s, uint64_t now)
{
    s->from = now;
    for (uint32_t i = 0; i < s->cpus; i++) {
        struct statistics_cpu *cpu = &s->cpu[i];

        cpu->since = cpu->booked = now;
        cpu->idle = cpu->unknown = cpu->switches = 0;
        cpu->records = cpu->lost = cpu->wakes = cpu->commits = 0;
    }
    for (uint32_t i = 0; i < s->vcpus; i++) {
        struct statistics_vcpu *vcpu = &s->vcpu[i];

        if (vcpu->state == STATISTICS_RUNS)
            vcpu->since = now;
        vcpu->exits = vcpu->handed = vcpu->lent = 0;
        memset(vcpu->series, 0, sizeof vcpu->series);
    }
}

void statistics_end(struct statistics *s, uint64_t now)
{
    for (uint32_t i = 0; i < s->vcpus; i++)
        forget(s, &s->vcpu[i], now);
}

uint64_t statistics_ran(const struct statistics_vcpu *vcpu, uint64_t now)
{
    return vcpu->series[STATISTICS_RUN].sum +
           (vcpu->state == STATISTICS_RUNS ? passed(vcpu->since, now) : 0);
}

uint64_t statistics_waited_worst(const struct statistics_vcpu *vcpu, uint64_t now)
{
    uint64_t lasts = vcpu->state == STATISTICS_READY ? passed(vcpu->since, now) : 0;
    uint64_t worst = vcpu->series[STATISTICS_WAIT].worst;

    return lasts > worst ? lasts : worst;
}

uint64_t statistics_idle(const struct statistics_cpu *cpu, uint64_t now)
{
    return cpu->idle + (cpu->known && cpu->idles ? passed(cpu->since, now) : 0);
}

uint64_t statistics_unknown(const struct statistics_cpu *cpu, uint64_t now)
{
    return cpu->unknown + (cpu->known ? 0 : passed(cpu->since, now));
}
