/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From records to statistics: what each order of records means, one by one; and at random, CPUs and vCPUs that do what
 * the kernel's do, write down what the kernel writes, too late, too, and know what is true.
 */
#include "suite.h"

#include <gather.h>
#include <statistics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HZ                1000000000u /* a tick is a nanosecond */
#define US                1000ull
#define MS                1000000ull
#define NOBODY            KEEL_TRACE_NOBODY
#define WHO(domain, vcpu) ((uint16_t)((domain) << 8 | (vcpu)))
#define GUEST             WHO(1, 0)
#define OTHER             WHO(2, 1)
#define SERVER            WHO(3, 0)

static struct statistics s;

static void add(uint32_t cpu, uint64_t time, uint16_t kind, uint16_t who, uint16_t owner,
                uint16_t detail)
{
    statistics_add(&s, cpu, &(struct keel_trace){time, who, owner, kind, detail});
}

static void run(uint32_t cpu, uint64_t time, uint16_t who)
{
    add(cpu, time, KEEL_TRACE_RUN, who, who, 1);
}

static void preempted(uint32_t cpu, uint64_t time, uint16_t who)
{
    add(cpu, time, KEEL_TRACE_PREEMPTED, who, NOBODY, 0);
}

static void wake(uint32_t cpu, uint64_t time, uint16_t who)
{
    add(cpu, time, KEEL_TRACE_WAKE, who, NOBODY, 0);
}

/* It asks SERVER, which does not run at once. */
static void asks(uint32_t cpu, uint64_t time, uint16_t who)
{
    add(cpu, time, KEEL_TRACE_EXIT, who, who, SERVER >> 8);
}

static const struct statistics_vcpu *of(uint16_t who)
{
    const struct statistics_vcpu *vcpu = statistics_find(&s, who >> 8, who & 15);

    ck_assert_ptr_nonnull(vcpu);
    return vcpu;
}

static void is(uint16_t who, uint32_t what, uint64_t count, uint64_t sum, uint64_t worst)
{
    const struct statistics_series *series = &of(who)->series[what];

    ck_assert_msg(series->count == count && series->sum == sum && series->worst == worst,
                  "%x, %u: %lu times, %lu in all, at most %lu; not %lu, %lu, %lu", who, what,
                  series->count, series->sum, series->worst, count, sum, worst);
}

static void begin(void)
{
    statistics_begin(&s, HZ, 4, 0);
    run(3, 0, GUEST);
    run(3, 0, OTHER);
    run(3, 0, SERVER);
    run(3, 0, NOBODY); /* these sleep */
    statistics_reset(&s, 0);
}

START_TEST(series)
{
    struct statistics_series x = {0};
    uint64_t end = 0;

    for (uint32_t i = 1; i < STATISTICS_BUCKETS; i++) {
        ck_assert_uint_gt(statistics_bucket_end(i), end);
        end = statistics_bucket_end(i);
        ck_assert(i < 4 || i == STATISTICS_BUCKETS - 1 ||
                  end == 2 * statistics_bucket_end(i - 2) + 1);
    }
    /* Each value lies in the bucket that ends with or behind it, and not in the one before. */
    for (uint64_t value = 0; value < 1ull << 40; value = value * 5 / 4 + 1) {
        uint32_t i = 0;

        memset(&x, 0, sizeof x);
        statistics_note(&x, value);
        while (!x.bucket[i])
            i++;
        ck_assert(value <= statistics_bucket_end(i) &&
                  (i == 0 || value > statistics_bucket_end(i - 1)));
        ck_assert_uint_eq(statistics_within(&x, 500), value);
    }
    memset(&x, 0, sizeof x);
    ck_assert_uint_eq(statistics_within(&x, 500), 0);
    for (uint32_t i = 0; i < 1000; i++)
        statistics_note(&x, i < 990 ? 100 : i < 999 ? 1000 : 5000);
    ck_assert_uint_eq(x.count, 1000);
    ck_assert_uint_eq(x.worst, 5000);
    ck_assert_uint_eq(statistics_within(&x, 500), 127);
    ck_assert_uint_eq(statistics_within(&x, 990), 127);
    ck_assert_uint_eq(statistics_within(&x, 999), 1023);
    ck_assert_uint_eq(statistics_within(&x, 1000), 5000);
}
END_TEST

START_TEST(runs_and_waits)
{
    begin();
    run(0, 100, GUEST);
    run(0, 150, GUEST); /* chosen again */
    wake(1, 170, OTHER);
    preempted(0, 200, GUEST);
    run(0, 210, OTHER);
    run(1, 260, GUEST);
    run(0, 300, NOBODY); /* OTHER sleeps */
    preempted(1, 400, GUEST);
    run(1, 410, GUEST);
    is(GUEST, STATISTICS_RUN, 2, 240, 140);
    is(GUEST, STATISTICS_WAIT, 2, 70, 60);
    is(GUEST, STATISTICS_WAKE, 0, 0, 0);
    is(OTHER, STATISTICS_RUN, 1, 90, 90);
    is(OTHER, STATISTICS_WAIT, 1, 40, 40);
    is(OTHER, STATISTICS_WAKE, 1, 40, 40);
    ck_assert_uint_eq(of(OTHER)->state, STATISTICS_SLEEPS);
    ck_assert_uint_eq(statistics_ran(of(GUEST), 500), 330);
    ck_assert_uint_eq(statistics_idle(&s.cpu[0], 500), 200);
    ck_assert_uint_eq(statistics_idle(&s.cpu[1], 500), 0);
    ck_assert_uint_eq(statistics_unknown(&s.cpu[1], 500), 260);
    ck_assert_uint_eq(statistics_unknown(&s.cpu[2], 500), 500);
    ck_assert_uint_eq(s.cpu[0].switches, 2);
    ck_assert_uint_eq(s.cpu[1].switches, 1);
    /* Who waits still, has waited. */
    preempted(1, 500, GUEST);
    ck_assert_uint_eq(statistics_waited_worst(of(GUEST), 10000), 9500);
}
END_TEST

START_TEST(exits)
{
    begin();
    /* The service sleeps: it is handed the CPU, and hands it back. */
    wake(0, 1, SERVER);
    run(0, 5, SERVER);
    wake(0, 49, GUEST);
    run(0, 50, GUEST);
    add(0, 101, KEEL_TRACE_RUN, SERVER, GUEST, 1);
    add(0, 140, KEEL_TRACE_RUN, GUEST, GUEST, 1);
    is(SERVER, STATISTICS_WAKE, 1, 4, 4);
    ck_assert_uint_eq(of(SERVER)->handed, 1);
    is(GUEST, STATISTICS_ANSWER, 1, 39, 39);
    is(GUEST, STATISTICS_WAIT, 1, 1, 1);
    is(GUEST, STATISTICS_WAKE, 1, 1, 1);
    ck_assert_uint_eq(of(GUEST)->lent, 39);
    ck_assert_uint_eq(statistics_ran(of(SERVER), 200), 45 + 39);
    ck_assert_uint_eq(statistics_ran(of(GUEST), 200), 51 + 60);
    /* It is busy elsewhere, and answers from there. */
    wake(1, 200, SERVER);
    run(1, 210, SERVER);
    asks(0, 300, GUEST);
    run(0, 310, NOBODY);
    wake(1, 400, GUEST);
    run(0, 420, GUEST);
    is(GUEST, STATISTICS_ANSWER, 2, 159, 120);
    is(GUEST, STATISTICS_WAKE, 2, 21, 20);
    is(GUEST, STATISTICS_WAIT, 2, 21, 20);
    ck_assert_uint_eq(of(GUEST)->exits, 2);
    /* It waits for somebody who waits for something else: helped, on the guest's time. */
    asks(0, 500, GUEST);
    preempted(1, 510, SERVER);
    run(1, 512, NOBODY);
    add(0, 520, KEEL_TRACE_RUN, SERVER, GUEST, 1);
    add(0, 550, KEEL_TRACE_RUN, GUEST, GUEST, 1);
    is(SERVER, STATISTICS_WAIT, 3, 4 + 10 + 10, 10);
    ck_assert_uint_eq(of(GUEST)->lent, 69);
    /* A CPU that was switched off, and on again much later. */
    asks(0, 600, GUEST);
    wake(0, 600 + 20ull * HZ, GUEST);
    run(0, 605 + 20ull * HZ, GUEST);
    is(GUEST, STATISTICS_ANSWER, 3, 209, 120);
    /* It is handed the CPU, but somebody better comes before it runs; then its answer goes straight back. */
    add(0, 700 + 20ull * HZ, KEEL_TRACE_PREEMPTED, SERVER, OTHER, 0);
    run(0, 701 + 20ull * HZ, OTHER);
    add(0, 800 + 20ull * HZ, KEEL_TRACE_RUN, SERVER, GUEST, 1);
    run(0, 810 + 20ull * HZ, GUEST);
    wake(1, 820 + 20ull * HZ, OTHER);
    wake(1, 900 + 20ull * HZ, GUEST);
    run(0, 901 + 20ull * HZ, GUEST);
    is(SERVER, STATISTICS_WAIT, 4, 4 + 10 + 10 + 100, 100);
    is(GUEST, STATISTICS_WAKE, 4, 21 + 5 + 1, 20);
}
END_TEST

START_TEST(late_wakes)
{
    begin();
    run(0, 10, GUEST);
    run(0, 20, NOBODY);
    /* The other CPU chose it before the WAKE was written. */
    run(1, 100, GUEST);
    wake(0, 130, GUEST);
    is(GUEST, STATISTICS_WAKE, 1, 0, 0);
    is(GUEST, STATISTICS_WAIT, 1, 0, 0);
    run(1, 200, NOBODY);
    is(GUEST, STATISTICS_RUN, 2, 110, 100);
    /* The same, and it sleeps again meanwhile. */
    run(1, 300, GUEST);
    run(1, 310, NOBODY);
    wake(0, 330, GUEST);
    ck_assert_uint_eq(of(GUEST)->state, STATISTICS_SLEEPS);
    is(GUEST, STATISTICS_WAKE, 2, 0, 0);
    /* It left, and was woken before its CPU had chosen: it goes on there, or somewhere else, or later. */
    wake(0, 1000, GUEST);
    run(1, 1001, GUEST);
    wake(0, 2000, GUEST);
    run(1, 2003, GUEST);
    is(GUEST, STATISTICS_WAKE, 4, 4, 3);
    is(GUEST, STATISTICS_RUN, 4, 10 + 110 + 999, 999);
    wake(0, 3000, GUEST);
    run(2, 3007, GUEST);
    run(1, 3008, NOBODY);
    is(GUEST, STATISTICS_WAKE, 5, 11, 7);
    wake(0, 4000, GUEST);
    run(2, 4004, OTHER);
    ck_assert_uint_eq(of(GUEST)->state, STATISTICS_READY);
    run(1, 4900, GUEST);
    is(GUEST, STATISTICS_WAKE, 6, 911, 900);
    /* A WAKE of who was READY, too late: nothing. */
    wake(0, 5000, GUEST);
    run(1, 5000 + 100 * US, GUEST);
    is(GUEST, STATISTICS_WAKE, 6, 911, 900);
    wake(2, 6000 + 100 * US, GUEST);
    preempted(1, 160 * US, GUEST);
    wake(0, 161 * US, GUEST);
    run(1, 162 * US, GUEST);
    is(GUEST, STATISTICS_WAKE, 6, 911, 900);
    is(GUEST, STATISTICS_WAIT, 7, 911 + 2 * US, 2 * US);
    /* It left, was woken, was chosen here and put back: it has not run. */
    wake(3, 162 * US + 100, GUEST);
    preempted(1, 162 * US + 105, GUEST);
    run(1, 162 * US + 120, GUEST);
    is(GUEST, STATISTICS_WAKE, 7, 911 + 20, 900);
    is(GUEST, STATISTICS_WAIT, 8, 911 + 2 * US + 20, 2 * US);
    /* A WAKE by the CPU that it ran on: it had left. */
    wake(1, 7000 + 200 * US, GUEST);
    run(1, 7200 + 300 * US, OTHER);
    ck_assert_uint_eq(of(GUEST)->state, STATISTICS_READY);
    wake(1, 7300 + 300 * US, GUEST);
    run(1, 7400 + 300 * US, GUEST);
    is(GUEST, STATISTICS_WAKE, 8, 911 + 20 + 400 + 100 * US, 400 + 100 * US);
}
END_TEST

/* A CPU that has written something since is not about to write an old WAKE. */
START_TEST(wakes_that_are_not_late)
{
    begin();
    run(0, 50, NOBODY);
    run(1, 100, GUEST); /* a WAKE is to come */
    run(1, 105, NOBODY);
    wake(0, 110, OTHER);
    run(0, 111, OTHER);
    wake(0, 130, GUEST); /* but not this one */
    run(1, 140, GUEST);
    is(GUEST, STATISTICS_WAKE, 1, 10, 10);
    run(0, 145, NOBODY);
    wake(0, 150, GUEST); /* it left in between, however long its CPU takes to say so */
    run(1, 150 + 100 * US, OTHER);
    run(2, 160 + 100 * US, GUEST);
    is(GUEST, STATISTICS_WAKE, 2, 20 + 100 * US, 10 + 100 * US);
    /* It was a late one, and the CPU chooses just then: it sleeps, until a WAKE says that it does not. */
    begin();
    run(1, 100, GUEST);
    statistics_reset(&s, 100);
    wake(0, 110, OTHER);
    run(2, 150, OTHER);
    run(1, 1000, GUEST);
    wake(0, 1010, GUEST);
    wake(3, 1020, GUEST); /* nothing was written there since it ran */
    run(1, 1030, NOBODY);
    wake(2, 500 * US, GUEST);
    run(1, 500 * US + 7, GUEST);
    ck_assert_uint_eq(of(GUEST)->series[STATISTICS_WAKE].worst, 7);
}
END_TEST

START_TEST(lives)
{
    begin();
    wake(0, 10, GUEST);
    /* It is killed while it waits, and is woken in its next life. */
    wake(0, 5000, GUEST | 1 << 4);
    run(0, 5001, GUEST | 1 << 4);
    is(GUEST, STATISTICS_WAKE, 1, 1, 1);
    /* While it runs. */
    add(0, 6000, KEEL_TRACE_PREEMPTED, GUEST | 1 << 4, NOBODY, 1);
    run(0, 6001, NOBODY);
    ck_assert_uint_eq(of(GUEST)->state, STATISTICS_UNKNOWN);
    wake(0, 8000, GUEST | 2 << 4);
    run(0, 8001, GUEST | 2 << 4);
    is(GUEST, STATISTICS_WAKE, 2, 2, 1);
    is(GUEST, STATISTICS_WAIT, 2, 2, 1);
    is(GUEST, STATISTICS_RUN, 1, 999, 999);
}
END_TEST

START_TEST(losses)
{
    begin();
    run(0, 100, GUEST);
    run(1, 110, OTHER);
    asks(2, 120, SERVER);
    statistics_lost(&s, 0, 77);
    wake(1, 125, SERVER);
    run(2, 130, SERVER); /* perhaps it ran on CPU 0 meanwhile */
    run(2, 130, NOBODY);
    is(SERVER, STATISTICS_WAKE, 0, 0, 0);
    statistics_lost(&s, 0, 0);
    ck_assert_uint_eq(s.cpu[0].lost, 77);
    ck_assert_uint_eq(of(OTHER)->state, STATISTICS_RUNS);
    ck_assert_uint_eq(of(GUEST)->state, STATISTICS_UNKNOWN);
    is(GUEST, STATISTICS_RUN, 1, 20, 20);
    wake(0, 5000, GUEST);
    run(0, 5010, GUEST);
    is(GUEST, STATISTICS_WAKE, 0, 0, 0); /* perhaps it ran already */
    run(0, 5020, SERVER);
    wake(0, 5030, GUEST);
    run(0, 5035, GUEST);
    is(GUEST, STATISTICS_WAKE, 1, 5, 5);
    is(SERVER, STATISTICS_ANSWER, 0, 0, 0);
    ck_assert_uint_eq(statistics_unknown(&s.cpu[0], 6000), 100 + 5010 - 120);
    ck_assert_uint_eq(statistics_ran(of(OTHER), 3 * MS), 3 * MS - 110);
}
END_TEST

START_TEST(resets)
{
    begin();
    run(0, 100, GUEST);
    run(1, 100, NOBODY);
    wake(0, 150, OTHER);
    statistics_reset(&s, 200);
    is(GUEST, STATISTICS_RUN, 0, 0, 0);
    preempted(0, 250, GUEST);
    run(0, 260, OTHER);
    is(GUEST, STATISTICS_RUN, 1, 50, 50);
    is(OTHER, STATISTICS_WAKE, 1, 110, 110); /* all of it */
    ck_assert_uint_eq(statistics_idle(&s.cpu[1], 300), 100);
    ck_assert_uint_eq(s.cpu[0].records, 2);
}
END_TEST

START_TEST(nonsense)
{
    begin();
    srand(5);
    for (uint32_t i = 0; i < 200000; i++)
        add((uint32_t)rand() % 70, (uint64_t)rand() % 1000 + i, (uint16_t)(rand() % 8),
            (uint16_t)rand(), (uint16_t)rand(), (uint16_t)rand());
    for (uint32_t i = 0; i < s.vcpus; i++)
        ck_assert_uint_le(s.vcpu[i].series[STATISTICS_WAIT].worst, 202000);
    ck_assert_uint_eq(s.vcpus, STATISTICS_VCPUS_MAX);
    statistics_end(&s, 300000);
}
END_TEST

/* ---- At random: CPUs that write, a reader, and what is true. ---- */

#define CPUS    4u
#define VCPUS   8u
#define KEPT    (1u << 20) /* of each CPU */
#define NONE    99u
#define SHORT   (20 * US) /* from leaving to choosing */
#define SERVICE 0u        /* vCPU 0 of the model */

static struct {
    struct keel_trace record[KEPT];
    uint64_t n;
    uint64_t gone; /* of these, the first */
} written[CPUS];

/* What is true. */
static struct {
    enum {
        SLEEPS,
        READY,
        RUNS,
        BLOCKED,
        LEFT
    } state; /* LEFT: sleeps, and its CPU has not chosen yet */
    uint32_t cpu;
    uint64_t since, asked, late; /* late: its WAKE is still to be written, then */
    uint32_t late_on;
    bool woken;
    struct statistics_series series[STATISTICS_WHATS];
    uint64_t handed;
} v[VCPUS];

static struct {
    uint32_t current; /* or NONE */
    uint32_t owner;
    uint64_t choose;    /* until then it has to; 0: it may go on */
    uint64_t no_choice; /* until then it must not */
    bool wakes;         /* somebody who runs already, and has not written it */
} c[CPUS];

static uint64_t now;

static uint16_t who(uint32_t i)
{
    return i == NONE ? NOBODY : i == SERVICE ? WHO(9, 0) : WHO(i, i % 3);
}

static void put(uint32_t cpu, uint16_t kind, uint32_t i, uint16_t detail)
{
    ck_assert_uint_lt(written[cpu].n, KEPT);
    written[cpu].record[written[cpu].n++] =
        (struct keel_trace){now, who(i), who(c[cpu].owner), kind, detail};
}

static void left(uint32_t i, uint32_t state)
{
    statistics_note(&v[i].series[STATISTICS_RUN], now - v[i].since);
    v[i].state = state;
    v[i].since = now;
    v[i].woken = false;
}

/* Who is on the CPU, in that state. */
static bool here(uint32_t cpu, uint32_t state)
{
    uint32_t i = c[cpu].current;

    return i != NONE && v[i].state == state && v[i].cpu == cpu;
}

static void chosen(uint32_t cpu, uint32_t i)
{
    uint32_t before = c[cpu].current;

    if (before != NONE && before != i) {
        if (here(cpu, RUNS)) {
            put(cpu, KEEL_TRACE_PREEMPTED, before, 0);
            left(before, READY);
        } else if (here(cpu, LEFT)) {
            left(before, SLEEPS);
        }
    }
    c[cpu].current = c[cpu].owner = i;
    c[cpu].choose = 0;
    put(cpu, KEEL_TRACE_RUN, i, 1);
    if (i == NONE || v[i].state == RUNS)
        return;
    if (v[i].state == READY) {
        statistics_note(&v[i].series[STATISTICS_WAIT], now - v[i].since);
        if (v[i].woken)
            statistics_note(&v[i].series[STATISTICS_WAKE], now - v[i].since);
    }
    if (v[i].asked)
        statistics_note(&v[i].series[STATISTICS_ANSWER], now - v[i].asked);
    v[i].asked = 0;
    v[i].state = RUNS;
    v[i].cpu = cpu;
    v[i].since = now;
}

static void woken(uint32_t cpu, uint32_t i)
{
    put(cpu, KEEL_TRACE_WAKE, i, 0);
    if (v[i].state == LEFT)
        left(i, READY);
    v[i].state = READY;
    v[i].since = now;
    v[i].woken = true;
}

/* Or long ago. */
static bool wrote_since(uint32_t cpu, uint64_t time)
{
    return now - time > STATISTICS_LATE_NS ||
           (written[cpu].n && written[cpu].record[written[cpu].n - 1].time > time);
}

static uint32_t any(uint32_t n)
{
    return (uint32_t)rand() % n;
}

static uint32_t any_in(uint32_t state)
{
    uint32_t first = any(VCPUS);

    for (uint32_t i = 0; i < VCPUS; i++)
        if (v[(first + i) % VCPUS].state == state)
            return (first + i) % VCPUS;
    return NONE;
}

/* Somebody who can run here: READY, who runs here, or nobody. */
static uint32_t candidate(uint32_t cpu)
{
    uint32_t i = any(4) ? any_in(READY) : NONE;

    if (i == NONE && here(cpu, RUNS) && any(3))
        i = c[cpu].current;
    return i;
}

static void choose(uint32_t cpu)
{
    if (now >= c[cpu].no_choice)
        chosen(cpu, candidate(cpu));
}

/* The service answers whom it finds BLOCKED: here, on whose time it runs, or from wherever it is. */
static void answer(uint32_t cpu)
{
    uint32_t i = c[cpu].owner;

    if (i != SERVICE && i != NONE && v[i].state == BLOCKED && any(4)) {
        /* Back to the owner: the service waits. */
        v[SERVICE].state = LEFT;
        chosen(cpu, i);
    } else if ((i = any_in(BLOCKED)) != NONE && !v[i].late) { /* two WAKEs can not be told apart */
        now++;
        woken(cpu, i);
    }
}

static void act(uint32_t cpu)
{
    uint32_t i = c[cpu].current;

    if (!here(cpu, RUNS) || now < c[cpu].no_choice) {
        choose(cpu);
    } else if (i == SERVICE && any(4)) {
        answer(cpu);
    } else if (any(2)) {
        v[i].state = LEFT;
        c[cpu].choose = now + SHORT;
    } else if (i != SERVICE && any(2)) {
        if (v[SERVICE].state != SLEEPS || v[SERVICE].late || any(4) == 0) {
            put(cpu, KEEL_TRACE_EXIT, i, 9);
            left(i, BLOCKED);
            v[i].asked = now;
            c[cpu].current = NONE;
            c[cpu].choose = now + SHORT;
        } else {
            left(i, BLOCKED);
            v[i].asked = now;
            c[cpu].current = SERVICE;
            put(cpu, KEEL_TRACE_RUN, SERVICE, 1);
            v[SERVICE].state = RUNS;
            v[SERVICE].cpu = cpu;
            v[SERVICE].since = now;
            v[SERVICE].handed++;
        }
    } else {
        choose(cpu);
    }
}

/* A CPU is quicker than whoever wakes. */
static void quick(uint32_t cpu)
{
    uint32_t i = any_in(SLEEPS), other = (cpu + 1 + any(CPUS - 1)) % CPUS;

    if (i == NONE || v[i].late || here(cpu, LEFT) || c[other].wakes || c[other].choose ||
        now < c[cpu].no_choice)
        return;
    chosen(cpu, i);
    statistics_note(&v[i].series[STATISTICS_WAIT], 0);
    statistics_note(&v[i].series[STATISTICS_WAKE], 0);
    v[i].late = now + 1 + any(700 * US);
    v[i].late_on = other;
    c[other].wakes = true;
}

static void late_write(uint64_t until)
{
    for (uint32_t i = 0; i < VCPUS; i++)
        if (v[i].late && until >= v[i].late) {
            put(v[i].late_on, KEEL_TRACE_WAKE, i, 0);
            v[i].late = 0;
            c[v[i].late_on].wakes = false;
        }
}

/* Nothing is under way any more. */
static void all_settle(void)
{
    late_write(UINT64_MAX);
    now++;
    for (uint32_t i = 0; i < CPUS; i++)
        if (c[i].choose)
            chosen(i, NONE);
    now++;
}

static void event(void)
{
    uint32_t cpu = any(CPUS), i;

    late_write(now);
    for (i = 0; i < CPUS; i++)
        if (c[i].choose && now + SHORT / 2 >= c[i].choose)
            choose(i);
    if (c[cpu].wakes)
        return;
    switch (any(7)) {
    case 0:
        i = any_in(SLEEPS);
        if (i != NONE && !v[i].late)
            woken(cpu, i);
        break;
    case 1:
        i = any_in(LEFT);
        if (i != NONE && !v[i].late && now < c[v[i].cpu].choose)
            woken(cpu, i);
        break;
    case 2:
        /* Another CPU is asked to take it; it may do so before that is written. */
        i = any_in(any(2) ? READY : RUNS);
        if (i == NONE || v[i].late ||
            (v[i].state == RUNS &&
             (v[i].cpu == cpu || v[i].since == now || wrote_since(cpu, v[i].since))) ||
            (v[i].state == READY && v[i].woken))
            break;
        put(cpu, KEEL_TRACE_WAKE, i, 0);
        if (v[i].state == RUNS)
            c[v[i].cpu].no_choice = now + STATISTICS_DOUBT_NS + 1;
        break;
    case 3:
        quick(cpu);
        break;
    case 4:
        /* Chosen, and put back before it runs. */
        i = any_in(READY);
        if (i != NONE && !here(cpu, RUNS) && !here(cpu, LEFT) && now >= c[cpu].no_choice)
            put(cpu, KEEL_TRACE_PREEMPTED, i, 0);
        break;
    default:
        act(cpu);
        break;
    }
}

static int64_t model_read(uint64_t cpu, uint64_t from, struct keel_trace *list, uint64_t n,
                          uint64_t *first)
{
    if (any(10) == 0)
        return -KEEL_EAGAIN;
    if (from < written[cpu].gone)
        from = written[cpu].gone;
    *first = from;
    n = n < written[cpu].n - from ? n : written[cpu].n - from;
    if (n > 1)
        n = 1 + any((uint32_t)n);
    memcpy(list, &written[cpu].record[from], n * sizeof *list);
    return (int64_t)n;
}

static uint64_t told, told_lost;

static void model_record(void *context, uint32_t cpu, const struct keel_trace *record)
{
    (void)context;
    told++;
    statistics_add(&s, cpu, record);
}

static void model_lost(void *context, uint32_t cpu, uint64_t n)
{
    (void)context;
    told_lost += n;
    statistics_lost(&s, cpu, n);
}

static const struct gather_ends ends = {
    .read = model_read, .record = model_record, .lost = model_lost};
static struct gather_cpu gather_cpus[CPUS];

static void model_begin(unsigned seed, struct gather *gather)
{
    srand(seed);
    memset(v, 0, sizeof v);
    memset(gather_cpus, 0, sizeof gather_cpus);
    now = 1000;
    told = told_lost = 0;
    statistics_begin(&s, HZ, CPUS, now);
    for (uint32_t i = 0; i < CPUS; i++) {
        written[i].n = written[i].gone = 0;
        memset(&c[i], 0, sizeof c[i]);
        c[i].current = c[i].owner = NONE;
    }
    /* Everybody has run, and sleeps: from here on all is known. */
    for (uint32_t i = 0; i < VCPUS; i++) {
        now++;
        chosen(i % CPUS, i);
        v[i].asked = 0;
        memset(v[i].series, 0, sizeof v[i].series);
        now++;
        v[i].state = LEFT;
        chosen(i % CPUS, NONE);
    }
    now += 2 * MS;
    *gather = (struct gather){.ends = &ends, .cpus = CPUS, .cpu = gather_cpus};
    gather_until(gather, now);
}

static const char *const whats[] = {"ran", "waited", "woke up", "was answered"};

START_TEST(at_random)
{
    struct gather gather;
    uint64_t samples = 0;

    for (unsigned seed = 0; seed < 60; seed++) {
        model_begin(seed, &gather);
        for (uint32_t step = 0; step < 20000; step++) {
            now += 1 + any(any(8) ? 3 * US : 200 * US);
            for (uint32_t i = 0; i < CPUS; i++) /* whoever has to choose is not late */
                if (c[i].choose && now > c[i].choose)
                    now = c[i].choose;
            event();
            if (any(300) == 0)
                gather_until(&gather, now);
        }
        all_settle();
        while (gather_until(&gather, now))
            ;
        ck_assert_uint_eq(told_lost, 0);
        ck_assert_uint_eq(told, written[0].n + written[1].n + written[2].n + written[3].n);
        for (uint32_t i = 0; i < VCPUS; i++) {
            const struct statistics_vcpu *vcpu = of(who(i));

            for (uint32_t what = 0; what < STATISTICS_WHATS; what++) {
                const struct statistics_series *true_ = &v[i].series[what],
                                               *got = &vcpu->series[what];

                ck_assert_msg(memcmp(true_, got, sizeof *got) == 0,
                              "seed %u: vCPU %u %s %lu times, %lu in all, at most %lu; truth: %lu, "
                              "%lu, %lu",
                              seed, i, whats[what], got->count, got->sum, got->worst, true_->count,
                              true_->sum, true_->worst);
                samples += got->count;
            }
            ck_assert_uint_eq(vcpu->handed, v[i].handed);
        }
    }
    ck_assert_uint_gt(samples, 300000);
}
END_TEST

/* What is lost is counted, and nothing longer than the truth is found for it. */
START_TEST(at_random_with_losses)
{
    struct gather gather;
    uint64_t lost = 0, found = 0;

    for (unsigned seed = 0; seed < 30; seed++) {
        model_begin(seed, &gather);
        for (uint32_t step = 0; step < 20000; step++) {
            now += 1 + any(any(8) ? 3 * US : 200 * US);
            for (uint32_t i = 0; i < CPUS; i++)
                if (c[i].choose && now > c[i].choose)
                    now = c[i].choose;
            event();
            if (any(100) == 0)
                gather_until(&gather, now);
            for (uint32_t i = 0; i < CPUS; i++)
                if (written[i].n - written[i].gone >= 64)
                    written[i].gone = written[i].n - 32;
        }
        all_settle();
        while (gather_until(&gather, now))
            ;
        ck_assert_uint_eq(told + told_lost,
                          written[0].n + written[1].n + written[2].n + written[3].n);
        for (uint32_t i = 0; i < CPUS; i++)
            lost += s.cpu[i].lost;
        for (uint32_t i = 0; i < VCPUS; i++)
            for (uint32_t what = STATISTICS_WAIT; what < STATISTICS_WHATS; what++) {
                found += of(who(i))->series[what].count;
                ck_assert_msg(of(who(i))->series[what].worst <= v[i].series[what].worst,
                              "seed %u: vCPU %u %s %lu, at most %lu", seed, i, whats[what],
                              of(who(i))->series[what].worst, v[i].series[what].worst);
            }
    }
    ck_assert_uint_gt(lost, 2000);
    ck_assert_uint_gt(found, 60000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace_statistics");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, series);
    tcase_add_test(tcase, runs_and_waits);
    tcase_add_test(tcase, exits);
    tcase_add_test(tcase, late_wakes);
    tcase_add_test(tcase, wakes_that_are_not_late);
    tcase_add_test(tcase, lives);
    tcase_add_test(tcase, losses);
    tcase_add_test(tcase, resets);
    tcase_add_test(tcase, nonsense);
    tcase_add_test(tcase, at_random);
    tcase_add_test(tcase, at_random_with_losses);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
