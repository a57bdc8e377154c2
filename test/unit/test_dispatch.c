/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher on the host build: a small machine with a clock that only moves when nothing is left
 * to decide. Contract: kernel/cpu/dispatch.h, abi/keel/plan.h, kernel-rules 2 and 5.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/bare.h"
#include "cpu/dispatch.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"

#define MS 1000000ul

struct domain domains[KEEL_DOMAINS_MAX];

static void machine_start(uint32_t ncpus)
{
    bare_begin(ncpus, 0);
}

/* Domain d with n vCPUs, READY or WAITING. */
static void domain_make(uint16_t d, uint32_t n, bool user, uint8_t state)
{
    struct domain *domain = &domains[d];

    domain->id = d;
    domain->vcpus = (uint8_t)n;
    domain->cpus = ~0ul;
    domain->state = KEEL_DOMAIN_RUNNING;
    for (uint32_t i = 0; i < n; i++) {
        struct vcpu *vcpu = &vcpus[(d * 4u + i) % VCPUS_TOTAL];

        vcpu->id = (uint16_t)(vcpu - vcpus);
        vcpu->index = (uint8_t)i;
        vcpu->domain = domain;
        vcpu->used = true;
        vcpu->user = user;
        vcpu->loaded_on = CPU_NONE;
        vcpu->state = state;
        domain->vcpu[i] = vcpu;
        if (state == VCPU_READY)
            dispatch_ready(vcpu);
    }
}

/* One pass through the kernel on a CPU, as an interrupt causes it. */
static void pass(uint32_t index)
{
    struct cpu *cpu = cpu_at(index);

    bare_pass(index);
    ck_assert(!cpu->resched);
    for (uint32_t i = 0; i < cpus_online; i++) /* nothing runs twice */
        for (uint32_t j = 0; j < i; j++)
            ck_assert(!cpu_at(i)->current || cpu_at(i)->current != cpu_at(j)->current);
    if (cpu->current)
        ck_assert_uint_eq(cpu->current->state, VCPU_RUNNING);
}

static void settle(void)
{
    bool more = true;

    while (more) {
        more = false;
        for (uint32_t i = 0; i < cpus_online; i++)
            if (bare.kicked >> i & 1 || cpu_at(i)->resched) {
                pass(i);
                more = true;
            }
    }
}

/* Lets time pass up to `end`; CPUs enter the kernel at what their timers were set to. */
static void run_until(uint64_t end)
{
    for (uint32_t i = 0; i < cpus_online; i++)
        pass(i);
    settle();
    while (bare.now < end) {
        uint64_t next = end;

        for (uint32_t i = 0; i < cpus_online; i++)
            if (cpu_at(i)->arch.timer < next)
                next = cpu_at(i)->arch.timer;
        bare.now = next > bare.now ? next : bare.now + 1;
        for (uint32_t i = 0; i < cpus_online; i++)
            if (cpu_at(i)->arch.timer <= bare.now)
                pass(i);
        settle();
    }
    for (uint32_t i = 0; i < cpus_online; i++)
        dispatch_account(cpu_at(i));
}

static void sleep_current(uint32_t index)
{
    struct cpu *cpu = cpu_at(index);
    struct vcpu *vcpu = cpu->current;

    bare.here = index;
    vcpu_leave(cpu, vcpu, VCPU_WAITING);
    pass(index);
}

static struct keel_plan_slot slot(uint16_t domain, uint16_t bucket, uint8_t rank, uint8_t flags)
{
    return (struct keel_plan_slot){
        .domain = domain, .bucket = bucket, .rank = rank, .flags = flags};
}

/* As who plans those CPUs. */
static int64_t commit_as(uint64_t cpus, uint16_t cpu, uint32_t epoch,
                         struct keel_plan_bucket *buckets, uint32_t nbuckets,
                         struct keel_plan_slot *slots, uint32_t nslots, uint64_t lease)
{
    struct keel_plan plan = {.epoch = epoch,
                             .cpu = cpu,
                             .nbuckets = (uint16_t)nbuckets,
                             .nslots = (uint16_t)nslots,
                             .slice = MS,
                             .lease = lease};

    int64_t status = plan_check(cpus, &plan, buckets, slots);

    return status < 0 ? status : plan_commit((uint32_t)cpus, cpus, &plan, buckets, slots);
}

static int64_t commit(uint16_t cpu, uint32_t epoch, struct keel_plan_bucket *buckets,
                      uint32_t nbuckets, struct keel_plan_slot *slots, uint32_t nslots,
                      uint64_t lease)
{
    return commit_as(~0ul, cpu, epoch, buckets, nbuckets, slots, nslots, lease);
}

#define NONE KEEL_BUCKET_NONE

static void share_is(uint16_t domain, uint64_t expected, uint64_t error)
{
    uint64_t got = domains[domain].vcpu[0]->run_time;

    ck_assert_msg(got + error >= expected && got <= expected + error,
                  "domain %u ran %lu, expected %lu +- %lu", domain, got, expected, error);
}

/* R3: no plan means equal shares. */
START_TEST(no_plan_shares)
{
    machine_start(1);
    for (uint16_t d = 1; d <= 3; d++)
        domain_make(d, 1, false, VCPU_READY);
    run_until(900 * MS);
    for (uint16_t d = 1; d <= 3; d++)
        share_is(d, 300 * MS, 5 * MS);
}
END_TEST

START_TEST(equal_slots_share)
{
    struct keel_plan_slot slots[] = {slot(1, NONE, 3, 0), slot(2, NONE, 3, 0), slot(3, NONE, 3, 0)};

    machine_start(1);
    for (uint16_t d = 1; d <= 3; d++)
        domain_make(d, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 3, 0), 0);
    run_until(300 * MS);
    for (uint16_t d = 1; d <= 3; d++)
        share_is(d, 100 * MS, MS);
}
END_TEST

/* Two that wake each other and sleep, long before their slices are over, and a third that only runs. */
START_TEST(who_hands_over_keeps_nobody_out)
{
    struct keel_plan_slot slots[] = {slot(1, NONE, 3, 0), slot(2, NONE, 3, 0), slot(3, NONE, 3, 0)};
    struct cpu *cpu = cpu_at(0);

    machine_start(1);
    for (uint16_t d = 1; d <= 3; d++)
        domain_make(d, 1, false, d == 2 ? VCPU_WAITING : VCPU_READY);
    if (_i)
        ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 3, 0), 0);
    while (bare.now < 300 * MS) {
        run_until(bare.now + MS / 100);
        if (cpu->current != domains[3].vcpu[0]) {
            vcpu_kick(domains[cpu->current == domains[1].vcpu[0] ? 2 : 1].vcpu[0]);
            sleep_current(0);
        }
    }
    for (uint16_t d = 1; d <= 3; d++)
        share_is(d, 100 * MS, 10 * MS);
}
END_TEST

/* The same, when one of the two has slept for long, and the other's turns are so short that at none of the first one's
 * choices the mean is a new one. */
START_TEST(who_sleeps_through_the_reviews_keeps_nobody_out)
{
    struct keel_plan_slot slots[] = {slot(1, NONE, 3, 0), slot(2, NONE, 3, 0), slot(3, NONE, 3, 0)};
    struct cpu *cpu = cpu_at(0);
    uint64_t before, since = 0;

    machine_start(1);
    for (uint16_t d = 1; d <= 3; d++)
        domain_make(d, 1, false, d == 3 ? VCPU_READY : VCPU_WAITING);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 3, 0), 0);
    run_until(200 * MS);
    before = domains[3].vcpu[0]->run_time;
    vcpu_kick(domains[2].vcpu[0]);
    while (bare.now < 300 * MS) {
        struct vcpu *ran = cpu->current;

        run_until(bare.now + MS / 100);
        if (cpu->current != ran)
            since = bare.now;
        for (uint16_t d = 1; d <= 2; d++)
            if (cpu->current == domains[d].vcpu[0] &&
                bare.now >= since + (d == 1 ? MS * 9 / 10 : MS / 50)) {
                vcpu_kick(domains[3 - d].vcpu[0]);
                sleep_current(0);
                since = bare.now;
            }
    }
    ck_assert_uint_ge(domains[3].vcpu[0]->run_time - before, 40 * MS);
}
END_TEST

/* Who slept goes first, but not for as long as it slept. */
START_TEST(sleep_saves_up_a_slice)
{
    struct keel_plan_slot slots[] = {slot(1, NONE, 3, 0), slot(2, NONE, 3, 0), slot(3, NONE, 3, 0)};
    uint64_t slice = _i ? MS : SLICE_DEFAULT_NS;

    machine_start(1);
    for (uint16_t d = 1; d <= 3; d++)
        domain_make(d, 1, false, d == 3 ? VCPU_WAITING : VCPU_READY);
    if (_i)
        ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 3, 0), 0);
    run_until(200 * MS + MS / 2);
    vcpu_kick(domains[3].vcpu[0]);
    run_until(201 * MS + 2 * slice);
    ck_assert_uint_ge(domains[3].vcpu[0]->run_time, slice);
    run_until(260 * MS + MS / 2);
    share_is(3, 20 * MS + slice, 2 * slice);
}
END_TEST

/* Weights from the least to the most. */
START_TEST(equals_share_by_weight)
{
    static const struct {
        uint32_t weight[3];
        uint64_t due[3]; /* of 660 ms */
    } cases[] = {
        {{0, 512, 0}, {165 * MS, 330 * MS, 165 * MS}},
        {{1, 64, 1}, {10 * MS, 640 * MS, 10 * MS}},
        {{65535, 65535, 65535}, {220 * MS, 220 * MS, 220 * MS}},
        {{1, 1, 1}, {220 * MS, 220 * MS, 220 * MS}},
        {{100, 200, 300}, {110 * MS, 220 * MS, 330 * MS}},
    };
    struct keel_plan_slot slots[] = {slot(1, NONE, 3, 0), slot(2, NONE, 3, 0), slot(3, NONE, 3, 0)};

    machine_start(1);
    for (uint16_t d = 1; d <= 3; d++) {
        domain_make(d, 1, false, VCPU_READY);
        slots[d - 1].weight = cases[_i].weight[d - 1];
    }
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 3, 0), 0);
    run_until(660 * MS);
    for (uint16_t d = 1; d <= 3; d++)
        share_is(d, cases[_i].due[d - 1], 2 * MS);
}
END_TEST

/* Who had the CPU alone has not had it at the others' cost. */
START_TEST(time_alone_does_not_count)
{
    struct keel_plan_slot slots[] = {slot(1, NONE, 3, 0), slot(2, NONE, 3, 0), slot(3, NONE, 3, 0)};

    machine_start(1);
    for (uint16_t d = 1; d <= 3; d++)
        domain_make(d, 1, false, d == 1 ? VCPU_READY : VCPU_WAITING);
    if (_i)
        ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 3, 0), 0);
    run_until(500 * MS);
    for (uint16_t d = 2; d <= 3; d++)
        vcpu_kick(domains[d].vcpu[0]);
    run_until(800 * MS);
    share_is(1, 600 * MS, 10 * MS);
    for (uint16_t d = 2; d <= 3; d++)
        share_is(d, 100 * MS, 10 * MS);
}
END_TEST

/* Nor on another CPU: whoever of them it was. */
START_TEST(time_elsewhere_does_not_count)
{
    uint16_t was = (uint16_t)_i;

    machine_start(2);
    for (uint16_t d = 1; d <= 3; d++) {
        domain_make(d, 1, false, d == was ? VCPU_READY : VCPU_WAITING);
        domains[d].cpus = d == was ? 2 : 1;
    }
    run_until(500 * MS);
    domains[was].cpus = 1; /* it has had 500 ms where nobody else was */
    cpu_kick(1);
    vcpu_leave(cpu_at(1), domains[was].vcpu[0], VCPU_WAITING);
    settle();
    for (uint16_t d = 1; d <= 3; d++)
        vcpu_kick(domains[d].vcpu[0]);
    run_until(800 * MS);
    for (uint16_t d = 1; d <= 3; d++)
        share_is(d, d == was ? 600 * MS : 100 * MS, 10 * MS);
}
END_TEST

START_TEST(better_rank_runs_first)
{
    struct keel_plan_slot slots[] = {slot(2, NONE, 2, 0), slot(1, NONE, 3, 0)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 2, 0), 0);
    run_until(10 * MS);
    share_is(1, 0, 0);
    share_is(2, 10 * MS, 0);
    sleep_current(0);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
    vcpu_kick(domains[2].vcpu[0]); /* a better slot that wakes preempts */
    settle();
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    ck_assert_uint_eq(domains[1].vcpu[0]->state, VCPU_READY);
}
END_TEST

/* A turn that better ones interrupt goes on, before its equals', until it would have ended. */
START_TEST(an_interrupted_turn_goes_on)
{
    struct keel_plan_slot slots[] = {slot(3, NONE, 2, 0), slot(4, NONE, 3, 0), slot(1, NONE, 4, 0),
                                     slot(2, NONE, 4, 0)};

    machine_start(1);
    for (uint16_t d = 1; d <= 4; d++)
        domain_make(d, 1, false, d <= 2 ? VCPU_READY : VCPU_WAITING);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 4, 0), 0);
    run_until(MS / 4);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
    vcpu_kick(domains[3].vcpu[0]);
    settle();
    run_until(MS / 2);
    vcpu_kick(domains[4].vcpu[0]); /* better than the turn, but not than who runs */
    settle();
    ck_assert_ptr_eq(cpu_at(0)->current, domains[3].vcpu[0]);
    sleep_current(0);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[4].vcpu[0]);
    sleep_current(0);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
    run_until(MS - 1);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
    run_until(2 * MS - MS / 8);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    vcpu_kick(domains[3].vcpu[0]);
    settle();
    run_until(2 * MS + MS / 8);
    sleep_current(0);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
}
END_TEST

/* Nor does who sleeps himself, or yields, keep his. */
START_TEST(a_turn_that_was_given_up_is_over)
{
    struct keel_plan_slot slots[] = {slot(3, NONE, 2, 0), slot(1, NONE, 4, 0), slot(2, NONE, 4, 0)};

    for (int yields = 0; yields < 2; yields++) {
        machine_start(1);
        for (uint16_t d = 1; d <= 3; d++)
            domain_make(d, 1, false, d <= 2 ? VCPU_READY : VCPU_WAITING);
        ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 3, 0), 0);
        run_until(MS / 4);
        ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
        vcpu_kick(domains[3].vcpu[0]);
        if (yields)
            dispatch_yield(cpu_at(0));
        else
            sleep_current(0);
        settle();
        ck_assert_ptr_eq(cpu_at(0)->current, domains[3].vcpu[0]);
        vcpu_kick(domains[1].vcpu[0]);
        sleep_current(0);
        ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    }
}
END_TEST

START_TEST(min_run_delays_preemption)
{
    struct keel_plan_slot slots[] = {slot(2, NONE, 2, 0), slot(1, NONE, 3, 0)};

    slots[1].min_run = 400000;
    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, false, VCPU_WAITING);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 2, 0), 0);
    run_until(100);
    uint64_t woken = bare.now;

    vcpu_kick(domains[2].vcpu[0]);
    settle();
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
    run_until(woken + 500000);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    share_is(1, 400000, 200);
}
END_TEST

/* 3:1 by budgets; both are always ready, and limited hard. */
START_TEST(buckets_give_shares)
{
    struct keel_plan_bucket buckets[] = {{.index = 0, .budget = 75 * MS / 10, .period = 10 * MS},
                                         {.index = 1, .budget = 25 * MS / 10, .period = 10 * MS}};
    struct keel_plan_slot slots[] = {slot(1, 0, 3, KEEL_SLOT_HARD), slot(2, 1, 3, KEEL_SLOT_HARD)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, buckets, 2, slots, 2, 0), 0);
    run_until(1000 * MS);
    share_is(1, 750 * MS, MS);
    share_is(2, 250 * MS, MS);
}
END_TEST

/* A bucket that nobody has set has nothing, and will have nothing: the timer waits for no refill of it. */
START_TEST(a_bucket_that_is_not_set_is_empty)
{
    struct keel_plan_slot slots[] = {slot(2, 77, 3, KEEL_SLOT_HARD), slot(1, NONE, 3, 0)};

    machine_start(1);
    for (uint16_t d = 1; d <= 2; d++)
        domain_make(d, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 2, 0), 0);
    run_until(10 * MS + 1);
    ck_assert_uint_gt(cpu_at(0)->arch.timer, bare.now);
    share_is(1, 10 * MS + 1, 0);
    share_is(2, 0, 0);
}
END_TEST

START_TEST(hard_slots_stop_without_budget)
{
    struct keel_plan_bucket buckets[] = {{.index = 5, .budget = MS, .period = 10 * MS}};
    struct keel_plan_slot slots[] = {slot(1, 5, 3, KEEL_SLOT_HARD)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, buckets, 1, slots, 1, 0), 0);
    run_until(100 * MS);
    share_is(1, 10 * MS, MS / 10);
}
END_TEST

/* What a turn drew and has not used is there for whoever is next. */
START_TEST(what_is_left_of_a_turn_can_be_used)
{
    struct keel_plan_bucket buckets[] = {{.index = 5, .budget = MS, .period = 10 * MS}};
    struct keel_plan_slot slots[] = {slot(1, 5, 3, KEEL_SLOT_HARD), slot(2, 5, 3, KEEL_SLOT_HARD)};

    machine_start(1);
    for (uint16_t d = 1; d <= 2; d++)
        domain_make(d, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, buckets, 1, slots, 2, 0), 0);
    run_until(MS / 4);
    sleep_current(0);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    dispatch_yield(cpu_at(0));
    pass(0);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    run_until(2 * MS);
    share_is(1, MS / 4, 0);
    share_is(2, MS * 3 / 4, 0);
}
END_TEST

/* It ran because it was not limited; now it is. */
START_TEST(a_new_limit_ends_a_turn_without_one)
{
    struct keel_plan_bucket buckets[] = {{.index = 5, .budget = 0, .period = 10 * MS}};
    struct keel_plan_slot slots[] = {slot(1, 5, 3, KEEL_SLOT_HARD)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    run_until(MS);
    ck_assert_int_eq(commit(0, 1, buckets, 1, slots, 1, 0), 0);
    settle();
    ck_assert_ptr_null(cpu_at(0)->current);
}
END_TEST

/* Windows: time from each refill to its deadline, whoever commits what meanwhile. */
START_TEST(windows_are_where_they_should_be)
{
    struct keel_plan_bucket buckets[] = {{.index = 5,
                                          .flags = KEEL_BUCKET_WINDOW,
                                          .budget = MS,
                                          .period = 10 * MS,
                                          .deadline = MS,
                                          .start = 12 * MS},
                                         {.index = 6,
                                          .flags = KEEL_BUCKET_WINDOW,
                                          .budget = MS,
                                          .period = 10 * MS,
                                          .deadline = MS,
                                          .start = 13 * MS}};
    struct keel_plan_slot slots[] = {slot(1, 5, 3, KEEL_SLOT_HARD), slot(2, 6, 3, KEEL_SLOT_HARD)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, false, VCPU_READY);
    bare.now = 25 * MS;
    for (uint32_t ms = 25; ms < 125; ms++) {
        if (ms % 7 == 0)
            ck_assert_int_eq(commit(0, ms, buckets, 2, slots, 2, 0), 0);
        for (uint32_t part = 0; part < 10; part++) {
            run_until(ms * MS + part * (MS / 10) + 1);
            const struct vcpu *current = cpu_at(0)->current;

            if (ms >= 32)
                ck_assert_ptr_eq(current, ms % 10 == 2   ? domains[1].vcpu[0]
                                          : ms % 10 == 3 ? domains[2].vcpu[0]
                                                         : NULL);
        }
    }
    /* Who does not use his has lost it. */
    run_until(132 * MS + 1);
    sleep_current(0);
    run_until(133 * MS + MS / 2);
    vcpu_kick(domains[1].vcpu[0]);
    settle();
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    run_until(142 * MS - 1);
    ck_assert_ptr_eq(cpu_at(0)->current, NULL);
    run_until(142 * MS + 1);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
}
END_TEST

/* Out of budget and not hard: it goes on in the background, so no CPU idles. */
START_TEST(soft_slots_use_what_is_left)
{
    struct keel_plan_bucket buckets[] = {{.index = 5, .budget = MS, .period = 10 * MS}};
    struct keel_plan_slot slots[] = {slot(1, 5, 3, 0)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, buckets, 1, slots, 1, 0), 0);
    run_until(100 * MS);
    share_is(1, 100 * MS, 0);
}
END_TEST

/* A cap of a domain holds over all CPUs: its slots draw on one bucket. */
START_TEST(a_bucket_is_shared_by_cpus)
{
    struct keel_plan_bucket buckets[] = {{.index = 7, .budget = 4 * MS, .period = 10 * MS}};
    struct keel_plan_slot slots[] = {slot(1, 7, 3, KEEL_SLOT_HARD), slot(1, 7, 3, KEEL_SLOT_HARD)};

    slots[1].vcpu = 1;
    machine_start(2);
    domain_make(1, 2, false, VCPU_READY);
    for (uint16_t cpu = 0; cpu < 2; cpu++)
        ck_assert_int_eq(commit(cpu, 1, buckets, 1, slots, 2, 0), 0);
    run_until(1000 * MS);
    uint64_t both = domains[1].vcpu[0]->run_time + domains[1].vcpu[1]->run_time;
    ck_assert_uint_le(both, 404 * MS);
    ck_assert_uint_ge(both, 390 * MS);
}
END_TEST

/* Whoever plans CPU 0 cannot touch those of CPUs 1 and 2, who run there within their budgets, whatever it sets and whom
 * it names. */
START_TEST(a_group_has_its_own_buckets)
{
    const uint64_t first = 1ul << 0, others = 1ul << 1 | 1ul << 2;
    struct keel_plan_bucket bucket = {.index = 7, .budget = 4 * MS, .period = 10 * MS};
    struct keel_plan_bucket none = {.index = 7, .budget = 0, .period = 10 * MS};
    struct keel_plan_slot slots[] = {slot(1, 7, 3, KEEL_SLOT_HARD), slot(1, 7, 3, KEEL_SLOT_HARD)};

    slots[1].vcpu = 1;
    machine_start(3);
    domain_make(1, 2, false, VCPU_READY);
    domain_make(2, 1, false, VCPU_READY);
    domains[1].cpus = others;
    domains[2].cpus = first;
    ck_assert_int_eq(commit_as(others, 1, 1, &bucket, 1, slots, 2, 1000 * MS), 0);
    ck_assert_int_eq(commit_as(others, 2, 1, &bucket, 1, slots, 2, 1000 * MS), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        run_until((i + 1) * MS);
        ck_assert_int_eq(commit_as(first, 0, i, &none, 1, slots, 2, 0), 0);
        ck_assert_int_eq(commit_as(first, 1, i, &none, 1, slots, 2, 0), -KEEL_EACCES);
    }
    uint64_t both = domains[1].vcpu[0]->run_time + domains[1].vcpu[1]->run_time;
    ck_assert_uint_le(both, 404 * MS);
    ck_assert_uint_ge(both, 390 * MS);
    share_is(2, 1000 * MS, MS);
}
END_TEST

START_TEST(edf_takes_the_earliest_deadline)
{
    struct keel_plan_bucket buckets[] = {{.index = 0, .budget = 5 * MS, .period = 20 * MS},
                                         {.index = 1, .budget = 4 * MS, .period = 10 * MS}};
    struct keel_plan_slot slots[] = {slot(1, 0, 3, KEEL_SLOT_HARD | KEEL_SLOT_EDF),
                                     slot(2, 1, 3, KEEL_SLOT_HARD | KEEL_SLOT_EDF)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, buckets, 2, slots, 2, 0), 0);
    run_until(MS);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    run_until(1000 * MS);
    share_is(1, 250 * MS, MS);
    share_is(2, 400 * MS, MS);
}
END_TEST

/* In one rank, who has a deadline goes before who has none, wherever they are in the list. */
START_TEST(a_deadline_goes_before_a_turn_that_lasts)
{
    struct keel_plan_bucket bucket = {.budget = 2 * MS, .period = 10 * MS};
    struct keel_plan_slot slots[2];

    slots[_i] = slot(1, 0, 3, KEEL_SLOT_HARD | KEEL_SLOT_EDF);
    slots[!_i] = slot(2, NONE, 3, 0);
    machine_start(1);
    domain_make(1, 1, false, VCPU_WAITING);
    domain_make(2, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, &bucket, 1, slots, 2, 0), 0);
    run_until(MS / 2);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    vcpu_kick(domains[1].vcpu[0]);
    settle();
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
}
END_TEST

/* Who wakes up late in a period of its bucket has a whole one from then on; not if it has had most of this one. */
START_TEST(cbs_wakes_to_a_period_of_its_own)
{
    struct keel_plan_bucket buckets[] = {
        {.index = 0, .flags = KEEL_BUCKET_CBS, .budget = 5 * MS, .period = 10 * MS},
        {.index = 1, .flags = KEEL_BUCKET_CBS, .budget = 4 * MS, .period = 10 * MS}};
    struct keel_plan_slot slots[] = {slot(1, 0, 3, KEEL_SLOT_HARD | KEEL_SLOT_EDF),
                                     slot(2, 1, 3, KEEL_SLOT_HARD | KEEL_SLOT_EDF)};
    const struct vcpu *vcpu;

    machine_start(1);
    domain_make(1, 1, false, VCPU_WAITING);
    domain_make(2, 1, false, VCPU_READY);
    vcpu = domains[1].vcpu[0];
    ck_assert_int_eq(commit(0, 1, buckets, 2, slots, 2, 0), 0);
    run_until(9 * MS);
    share_is(2, 4 * MS, 0);
    vcpu_kick(domains[1].vcpu[0]);
    settle();
    run_until(13 * MS); /* its deadline is 19, the other's 20 */
    ck_assert_ptr_eq(cpu_at(0)->current, vcpu);
    sleep_current(0);
    run_until(15 * MS);
    vcpu_kick(domains[1].vcpu[0]);
    settle();
    run_until(18 * MS);
    share_is(1, 5 * MS, 0); /* 4, and 1 that was left */
    share_is(2, 8 * MS, 0);
    run_until(23 * MS);
    share_is(1, 9 * MS, 0); /* from 19 on */
}
END_TEST

/* D2: a slot whose vCPU waits for a service runs the service, on its own time. */
START_TEST(a_blocked_client_helps_its_service)
{
    struct keel_plan_slot slots[] = {slot(1, NONE, 2, 0), slot(3, NONE, 3, 0)};
    struct vcpu *client;

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, true, VCPU_READY); /* the service: no slot of its own */
    domain_make(3, 1, false, VCPU_READY);
    client = domains[1].vcpu[0];
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 2, 0), 0);
    run_until(MS);
    ck_assert_ptr_eq(cpu_at(0)->current, client);
    client->exit.service = &domains[2];
    vcpu_leave(cpu_at(0), client, VCPU_BLOCKED);
    pass(0);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    ck_assert_ptr_eq(cpu_at(0)->owner, client);
    run_until(5 * MS);
    share_is(1, 5 * MS, 0);
    share_is(2, 0, 0);
    share_is(3, 0, 0);
}
END_TEST

/* D3: a service that runs elsewhere is not waited for. */
START_TEST(a_busy_service_is_not_spun_for)
{
    struct vcpu *client;

    machine_start(2);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, true, VCPU_READY);
    domain_make(3, 1, false, VCPU_READY);
    run_until(MS);
    client = cpu_at(0)->current == domains[1].vcpu[0]   ? cpu_at(0)->current
             : cpu_at(1)->current == domains[1].vcpu[0] ? cpu_at(1)->current
                                                        : NULL;
    ck_assert_ptr_nonnull(client);
    uint32_t here = client->cpu;

    client->exit.service = &domains[2];
    bare.here = here;
    vcpu_leave(cpu_at(here), client, VCPU_BLOCKED);
    pass(here);
    settle();
    ck_assert(cpu_at(0)->current && cpu_at(1)->current);
    ck_assert_uint_eq(client->state, VCPU_BLOCKED);
}
END_TEST

START_TEST(an_idle_cpu_takes_what_wakes)
{
    machine_start(2);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, false, VCPU_WAITING);
    run_until(MS);
    vcpu_kick(domains[2].vcpu[0]);
    settle();
    ck_assert_uint_eq(domains[1].vcpu[0]->state, VCPU_RUNNING);
    ck_assert_uint_eq(domains[2].vcpu[0]->state, VCPU_RUNNING);
    ck_assert_uint_ne(domains[1].vcpu[0]->cpu, domains[2].vcpu[0]->cpu);
}
END_TEST

/* Both slept on one CPU, and wake before that has chosen; as CPUs stand idle, each has one. */
START_TEST(two_wake_ups_have_two_cpus)
{
    machine_start(3);
    for (uint16_t d = 1; d <= 2; d++) {
        domain_make(d, 1, false, VCPU_WAITING);
        domains[d].cpus = d == 1 ? 1 : 5;
    }
    run_until(MS);
    for (uint16_t d = 2; d >= 1; d--)
        vcpu_kick(domains[d].vcpu[0]);
    settle();
    ck_assert_uint_eq(domains[1].vcpu[0]->cpu, 0);
    ck_assert_uint_eq(domains[2].vcpu[0]->cpu, 2);
    for (uint16_t d = 1; d <= 2; d++)
        ck_assert_uint_eq(domains[d].vcpu[0]->state, VCPU_RUNNING);
}
END_TEST

/* Its registers are where a service runs, that takes its time; a CPU that becomes idle asks for them. */
START_TEST(registers_are_handed_to_an_idle_cpu)
{
    struct keel_plan_slot slots[] = {slot(2, NONE, 1, 0)};

    machine_start(2);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, true, VCPU_WAITING);
    domain_make(3, 1, false, VCPU_READY);
    domains[2].cpus = 1;
    domains[3].cpus = 2;
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 1, 0), 0);
    run_until(MS);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
    sleep_current(0);
    vcpu_kick(domains[2].vcpu[0]);
    settle();
    vcpu_kick(domains[1].vcpu[0]); /* nobody is idle, and it is not better */
    settle();
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    ck_assert_uint_eq(domains[1].vcpu[0]->loaded_on, 0);
    sleep_current(1);
    settle();
    ck_assert_ptr_eq(cpu_at(1)->current, domains[1].vcpu[0]);
}
END_TEST

/* Who alone is ready has its own slot's rank and bucket all the same, whatever else has slots. */
START_TEST(who_wakes_alone_has_its_slot)
{
    struct keel_plan_bucket buckets[] = {{.index = 4, .budget = MS, .period = 10 * MS}};
    struct keel_plan_slot slots[] = {slot(4, NONE, 1, 0), slot(1, NONE, 3, 0), slot(2, 4, 3, 0),
                                     slot(3, NONE, 3, 0)};
    struct cpu *cpu = cpu_at(0);

    machine_start(1);
    for (uint16_t d = 1; d <= 4; d++)
        domain_make(d, 1, false, d == 4 ? VCPU_WAITING : VCPU_READY);
    ck_assert_int_eq(commit(0, 1, buckets, 1, slots, 4, 0), 0);
    run_until(10);
    for (uint16_t d = 1; d <= 3; d++) {
        ck_assert_ptr_eq(cpu->current, domains[d].vcpu[0]);
        dispatch_yield(cpu);
        pass(0);
    }
    for (uint16_t d = 1; d <= 3; d++)
        sleep_current(0);
    ck_assert_ptr_null(cpu->current);
    for (uint16_t d = 1; d <= 4; d++) {
        vcpu_kick(domains[d].vcpu[0]);
        settle();
        ck_assert_ptr_eq(cpu->owner, domains[d].vcpu[0]);
        ck_assert_ptr_eq(*cpu->turn_slot->vcpu, domains[d].vcpu[0]);
        ck_assert_uint_eq(cpu->turn_rank, RANK_PLAN + (d == 4 ? 1 : 3));
        ck_assert_int_eq(cpu->turn_bucket != NULL, d == 2);
        sleep_current(0);
    }
}
END_TEST

/* The hardware's timer may be earlier than needed: a turn is not shorter for that. */
START_TEST(an_early_alarm_ends_no_turn)
{
    struct keel_plan_slot slots[] = {slot(1, NONE, 3, 0), slot(2, NONE, 3, 0)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, false, VCPU_WAITING);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 2, 0), 0);
    run_until(MS / 2);
    sleep_current(0);
    ck_assert_uint_eq(cpu_at(0)->arch.timer, MS); /* of the turn that ended early */
    vcpu_kick(domains[1].vcpu[0]);
    settle();
    vcpu_kick(domains[2].vcpu[0]);
    settle();
    run_until(MS + 1);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
    run_until(MS + MS / 2 - 1);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
    run_until(MS + MS / 2 + 1);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
}
END_TEST

/* What may run only elsewhere keeps nobody busy. */
START_TEST(ready_elsewhere_is_idle_here)
{
    machine_start(2);
    domain_make(1, 1, false, VCPU_WAITING);
    domains[1].vcpu[0]->loaded_on = 1;
    cpu_at(1)->arch.loaded = domains[1].vcpu[0];
    run_until(MS);
    vcpu_kick(domains[1].vcpu[0]);
    pass(0);
    ck_assert_ptr_null(cpu_at(0)->current);
    ck_assert_uint_eq(cpus_idle & 1, 1);
    settle();
    ck_assert_ptr_eq(cpu_at(1)->current, domains[1].vcpu[0]);
}
END_TEST

START_TEST(affinity_is_kept)
{
    machine_start(4);
    for (uint16_t d = 1; d <= 6; d++) {
        domain_make(d, 1, false, VCPU_READY);
        domains[d].cpus = 1ul << (d % 3);
    }
    run_until(20 * MS);
    for (uint16_t d = 1; d <= 6; d++) {
        ck_assert_uint_eq(domains[d].vcpu[0]->cpu, d % 3);
        share_is(d, 10 * MS, 5 * MS);
    }
    ck_assert_ptr_null(cpu_at(3)->current);
}
END_TEST

/* Its EL1 state is in CPU 1's registers: only that CPU may run it, and it lets go when it can't. */
START_TEST(a_loaded_machine_is_not_stolen)
{
    struct vcpu *machine_vcpu;

    machine_start(2);
    domain_make(1, 1, false, VCPU_WAITING);
    machine_vcpu = domains[1].vcpu[0];
    machine_vcpu->loaded_on = 1;
    cpu_at(1)->arch.loaded = machine_vcpu;
    run_until(MS);
    vcpu_kick(machine_vcpu);
    settle();
    ck_assert_uint_eq(machine_vcpu->state, VCPU_RUNNING);
    ck_assert_uint_eq(machine_vcpu->cpu, 1);

    domain_make(2, 1, false, VCPU_WAITING);
    sleep_current(1);
    struct keel_plan_slot slots[] = {slot(2, NONE, 1, 0), slot(1, NONE, 2, 0)};

    ck_assert_int_eq(commit(1, 1, NULL, 0, slots, 2, 0), 0);
    settle();
    domains[2].cpus = 2;
    vcpu_kick(domains[2].vcpu[0]);
    settle();
    ck_assert_ptr_eq(cpu_at(1)->current, domains[2].vcpu[0]);
    vcpu_kick(machine_vcpu);
    settle();
    ck_assert_uint_eq(machine_vcpu->state, VCPU_RUNNING);
    ck_assert_uint_eq(machine_vcpu->cpu, 0);
}
END_TEST

START_TEST(yield_goes_behind_its_equals)
{
    struct keel_plan_slot slots[] = {slot(1, NONE, 3, 0), slot(2, NONE, 3, 0), slot(3, NONE, 3, 0)};

    machine_start(1);
    for (uint16_t d = 1; d <= 3; d++)
        domain_make(d, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 3, 0), 0);
    run_until(10);
    for (uint16_t i = 0; i < 9; i++) {
        ck_assert_ptr_eq(cpu_at(0)->current, domains[1 + i % 3].vcpu[0]);
        dispatch_yield(cpu_at(0));
        pass(0);
    }
}
END_TEST

START_TEST(the_lease_ends_the_plan)
{
    struct keel_plan_slot slots[] = {slot(1, NONE, 1, 0)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 1, 100 * MS), 0);
    run_until(90 * MS);
    share_is(2, 0, 0);
    run_until(1100 * MS);
    share_is(2, 500 * MS, 10 * MS);
}
END_TEST

/* What a hard limit gives, and what it takes away, outlive the plan: behind others' slots, too. */
START_TEST(hard_limits_outlive_the_lease)
{
    struct keel_plan_bucket buckets[] = {{.index = 9, .budget = 10 * MS, .period = 100 * MS}};
    struct keel_plan_slot slots[] = {slot(2, NONE, 1, 0), slot(1, 9, 2, KEEL_SLOT_HARD),
                                     slot(3, NONE, 3, 0)};

    machine_start(1);
    for (uint16_t d = 1; d <= 3; d++)
        domain_make(d, 1, false, VCPU_READY);
    ck_assert_int_eq(commit(0, 1, buckets, 1, slots, 3, 100 * MS), 0);
    run_until(90 * MS);
    share_is(2, 90 * MS, 0);
    run_until(1100 * MS);
    share_is(1, 100 * MS, 10 * MS);
    share_is(2, 550 * MS, 10 * MS);
    share_is(3, 450 * MS, 10 * MS);
}
END_TEST

START_TEST(hard_limits_fall_where_they_may)
{
    struct keel_plan_bucket buckets[] = {{.index = 9, .budget = 10 * MS, .period = 100 * MS}};
    struct keel_plan_slot slots[] = {slot(1, 9, 1, KEEL_SLOT_HARD)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    domains[1].flags = KEEL_DOMAIN_LIMITS_FALL;
    ck_assert_int_eq(commit(0, 1, buckets, 1, slots, 1, 100 * MS), 0);
    run_until(1100 * MS);
    share_is(1, 1010 * MS, 20 * MS);
}
END_TEST

/* Left out, behind others, or limited hard: while a plan is renewed again and again. Returns the longest time that
 * domain 1 did not run. */
static uint64_t longest_wait(uint8_t patience, uint8_t flags, struct keel_plan_slot *slots,
                             uint32_t nslots)
{
    struct keel_plan_bucket buckets[] = {{.index = 9, .budget = 0, .period = 100 * MS}};
    uint64_t last = 0, had = 0, longest = 0;

    machine_start(1);
    for (uint16_t d = 1; d <= 3; d++)
        domain_make(d, 1, false, VCPU_READY);
    domains[1].params.patience = domains[3].params.patience = patience;
    domains[1].flags = flags;
    for (uint64_t now = 0; now < 2000 * MS; now += MS) {
        if (now % (20 * MS) == 0)
            ck_assert_int_eq(commit(0, 1, buckets, 1, slots, nslots, 0), 0);
        run_until(now);
        if (domains[1].vcpu[0]->run_time != had) {
            longest = now - last > longest ? now - last : longest;
            last = now;
            had = domains[1].vcpu[0]->run_time;
        }
    }
    longest = bare.now - last > longest ? bare.now - last : longest;
    return longest;
}

START_TEST(who_is_left_out_has_a_turn)
{
    struct keel_plan_slot slots[] = {slot(2, NONE, 1, 0)};
    uint64_t longest = longest_wait(10, 0, slots, 1);

    ck_assert_uint_ge(longest, 350 * MS);
    ck_assert_uint_le(longest, 500 * MS);
    share_is(1, 5 * MS, 2 * MS);
    share_is(3, 5 * MS, 2 * MS);
    ck_assert_uint_ge(longest_wait(0, 0, slots, 1), 1900 * MS);
}
END_TEST

START_TEST(who_is_behind_others_has_a_turn)
{
    struct keel_plan_slot slots[] = {slot(2, NONE, 1, 0), slot(1, NONE, 2, 0)};

    ck_assert_uint_le(longest_wait(2, 0, slots, 2), 100 * MS);
}
END_TEST

START_TEST(who_is_limited_hard_has_a_turn_where_limits_may_fall)
{
    struct keel_plan_slot slots[] = {slot(1, 9, 1, KEEL_SLOT_HARD), slot(2, NONE, 1, 0)};

    ck_assert_uint_ge(longest_wait(4, 0, slots, 2), 1900 * MS);
    ck_assert_uint_le(longest_wait(4, KEEL_DOMAIN_LIMITS_FALL, slots, 2), 200 * MS);
}
END_TEST

START_TEST(a_dead_domain_leaves_its_cpu)
{
    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    run_until(MS);
    domains[1].state = KEEL_DOMAIN_STOPPED;
    cpu_kick(0);
    pass(0);
    ck_assert_ptr_null(cpu_at(0)->current);
    ck_assert_uint_eq(domains[1].vcpu[0]->state, VCPU_OFF);
}
END_TEST

/* The reserve is outside any policy's reach. */
START_TEST(reserve_comes_first)
{
    struct keel_plan_slot slots[] = {slot(1, NONE, 0, 0)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, true, VCPU_READY);
    dispatch_reserves = 1ul << 2;
    bucket_set(&domains[2].reserve, &(struct keel_plan_bucket){.budget = 2 * MS, .period = 10 * MS},
               0);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 1, 0), 0);
    run_until(1000 * MS);
    share_is(2, 200 * MS, 2 * MS);
    share_is(1, 800 * MS, 2 * MS);
}
END_TEST

/* With a delay, only who was left waiting by the plan for so long. */
START_TEST(a_reserve_leaves_the_plan_its_time)
{
    struct keel_plan_slot slots[] = {slot(1, NONE, 0, 0)};

    machine_start(1);
    domain_make(1, 1, false, VCPU_READY);
    domain_make(2, 1, true, VCPU_WAITING);
    dispatch_reserves = 1ul << 2;
    domains[2].params.reserve_delay = 20 * MS;
    bucket_set(&domains[2].reserve, &(struct keel_plan_bucket){.budget = MS, .period = 10 * MS}, 0);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 1, 0), 0);
    run_until(5 * MS);
    vcpu_signal(domains[2].vcpu[0], 2);
    run_until(25 * MS);
    share_is(2, 0, 0);
    run_until(26 * MS);
    share_is(2, MS, MS / 100);
    run_until(120 * MS + MS / 2); /* it goes on, without waiting again */
    share_is(2, 10 * MS + MS / 2, MS / 100);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[2].vcpu[0]);
    sleep_current(0);
    vcpu_signal(domains[2].vcpu[0], 2); /* from now on it has to wait again */
    pass(0);
    ck_assert_ptr_eq(cpu_at(0)->current, domains[1].vcpu[0]);
    run_until(140 * MS);
    share_is(2, 10 * MS + MS / 2, MS / 100);
}
END_TEST

/* The next record that tells something new: a choice that changes nothing is told, too. */
static void traced(struct cpu *cpu, uint64_t *next, uint16_t kind, uint16_t who, uint16_t owner,
                   uint16_t detail)
{
    const struct keel_trace *record = &cpu->trace[*next], *last = record;

    while (*next && record->kind == KEEL_TRACE_RUN && last[-1].kind == KEEL_TRACE_RUN &&
           record->who == last[-1].who)
        last = record = &cpu->trace[++*next];
    ck_assert_uint_lt(*next, cpu->trace_next);
    ck_assert_msg(record->kind == kind && record->who == who && record->owner == owner &&
                      record->detail == detail,
                  "record %lu: kind %u, %x on the time of %x, detail %u", *next, record->kind,
                  record->who, record->owner, record->detail);
    ck_assert(*next == 0 || record->time >= last[-1].time);
    ++*next;
}

START_TEST(a_trace_tells_who_runs)
{
    struct keel_plan_slot slots[] = {slot(2, NONE, 1, 0), slot(1, NONE, 3, 0)};
    struct cpu *cpu;
    uint64_t next = 0;

    machine_start(1);
    cpu = cpu_at(0);
    domain_make(1, 2, false, VCPU_WAITING);
    domain_make(2, 1, false, VCPU_WAITING);
    run_until(MS);
    ck_assert_uint_eq(cpu->trace_next, 0); /* nobody has asked */
    traces = true;
    vcpu_kick(domains[1].vcpu[0]);
    run_until(2 * MS);
    ck_assert_int_eq(commit(0, 1, NULL, 0, slots, 2, 0), 0);
    run_until(3 * MS);
    vcpu_kick(domains[2].vcpu[0]);
    run_until(4 * MS);
    sleep_current(0);
    sleep_current(0);
    traced(cpu, &next, KEEL_TRACE_WAKE, 0x100, KEEL_TRACE_NOBODY, 0);
    traced(cpu, &next, KEEL_TRACE_RUN, 0x100, 0x100, RANK_BACKGROUND);
    traced(cpu, &next, KEEL_TRACE_COMMIT, 0x100, 0x100, 0);
    traced(cpu, &next, KEEL_TRACE_RUN, 0x100, 0x100, RANK_PLAN + 3);
    traced(cpu, &next, KEEL_TRACE_WAKE, 0x200, 0x100, 0);
    traced(cpu, &next, KEEL_TRACE_PREEMPTED, 0x100, 0x200, 0);
    traced(cpu, &next, KEEL_TRACE_RUN, 0x200, 0x200, RANK_PLAN + 1);
    traced(cpu, &next, KEEL_TRACE_RUN, 0x100, 0x100, RANK_PLAN + 3);
    traced(cpu, &next, KEEL_TRACE_RUN, KEEL_TRACE_NOBODY, KEEL_TRACE_NOBODY, 0);
    /* The oldest makes place. */
    cpu->trace_next = TRACE_RECORDS * 3ul;
    vcpu_kick(domains[1].vcpu[0]);
    ck_assert_uint_eq(cpu->trace[0].kind, KEEL_TRACE_WAKE);
    ck_assert_uint_eq(cpu->trace_next, TRACE_RECORDS * 3ul + 1);
}
END_TEST

START_TEST(commits_are_checked)
{
    struct keel_plan_bucket bucket = {.index = 1, .budget = MS, .period = 10 * MS};
    struct keel_plan_bucket bad[] = {bucket, bucket, bucket, bucket, bucket};
    struct keel_plan_slot slots[] = {slot(1, NONE, 1, 0), slot(KEEL_DOMAINS_MAX, NONE, 1, 0),
                                     slot(1, KEEL_BUCKETS_MAX, 1, 0), slot(1, NONE, 1, 0x80),
                                     slot(1, NONE, 1, 0)};
    struct keel_plan plan = {.cpu = 1};

    machine_start(1);
    ck_assert_int_eq(plan_check(~0ul, &plan, NULL, NULL), -KEEL_EINVAL);
    plan.cpu = 0;
    ck_assert_int_eq(plan_check(2, &plan, NULL, NULL), -KEEL_EACCES);
    plan.flags = 1;
    ck_assert_int_eq(plan_check(1, &plan, NULL, NULL), -KEEL_EINVAL);
    bad[1].index = KEEL_BUCKETS_MAX;
    bad[2].period = 99999;
    bad[3].deadline = 11 * MS;
    bad[4].budget = 1000 * MS;
    slots[4].weight = KEEL_WEIGHT_MAX + 1;
    ck_assert_int_eq(commit(0, 5, bad, 5, slots, 5, 0), 0);
    ck_assert_int_eq(bad[0].status, 0);
    for (int i = 1; i < 5; i++)
        ck_assert_int_eq(bad[i].status, -KEEL_EINVAL);
    ck_assert_int_eq(slots[0].status, 0);
    for (int i = 1; i < 5; i++)
        ck_assert_int_eq(slots[i].status, -KEEL_EINVAL);
    ck_assert_uint_eq(cpu_at(0)->slots, 1);
    ck_assert_int_eq(commit(0, 4, NULL, 0, slots, 1, 0), -KEEL_ESTALE);
}
END_TEST

/* Everybody wakes, sleeps and yields at random on four CPUs; `pass` checks that nobody runs twice. */
START_TEST(random_walk)
{
    uint32_t random = 1;

    machine_start(4);
    for (uint16_t d = 1; d <= 10; d++)
        domain_make(d, d % 3 + 1, d % 2, VCPU_READY);
    for (uint16_t cpu = 0; cpu < 4; cpu++) {
        struct keel_plan_bucket bucket = {.index = 3, .budget = MS, .period = 5 * MS};
        struct keel_plan_slot slots[] = {slot(1, NONE, 1, 0), slot(2, 3, 1, KEEL_SLOT_HARD),
                                         slot(3, 3, 1, KEEL_SLOT_EDF)};

        ck_assert_int_eq(commit(cpu, 1, &bucket, 1, slots, 3, 0), 0);
    }
    run_until(1);
    for (uint32_t step = 0; step < 3000; step++) {
        random = random * 1664525 + 1013904223;
        struct cpu *cpu = cpu_at(random >> 30);

        if ((random >> 20 & 3) == 0 && cpu->current) {
            sleep_current(cpu->index);
        } else if ((random >> 20 & 3) == 1 && cpu->current) {
            bare.here = cpu->index;
            dispatch_yield(cpu);
        } else {
            struct vcpu *vcpu = &vcpus[(random >> 8) % 44];

            bare.here = cpu->index;
            if (vcpu->used)
                vcpu_kick(vcpu);
        }
        settle();
        run_until(bare.now + (random >> 12) % 300000);
        /* Work-conserving: nobody is ready while a CPU idles, but for those limited hard. */
        bool idle = false;

        for (uint32_t i = 0; i < 4; i++)
            idle |= !cpu_at(i)->current;
        for (uint32_t i = 0; idle && i < 44; i++)
            ck_assert(!vcpus[i].used || vcpus[i].state != VCPU_READY || vcpus[i].domain->id == 2);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dispatch");
    TCase *tcase = tcase_create("dispatch");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, no_plan_shares);
    tcase_add_test(tcase, equal_slots_share);
    tcase_add_loop_test(tcase, who_hands_over_keeps_nobody_out, 0, 2);
    tcase_add_test(tcase, who_sleeps_through_the_reviews_keeps_nobody_out);
    tcase_add_loop_test(tcase, sleep_saves_up_a_slice, 0, 2);
    tcase_add_loop_test(tcase, equals_share_by_weight, 0, 5);
    tcase_add_loop_test(tcase, time_alone_does_not_count, 0, 2);
    tcase_add_loop_test(tcase, time_elsewhere_does_not_count, 1, 4);
    tcase_add_test(tcase, better_rank_runs_first);
    tcase_add_test(tcase, an_interrupted_turn_goes_on);
    tcase_add_test(tcase, a_turn_that_was_given_up_is_over);
    tcase_add_test(tcase, min_run_delays_preemption);
    tcase_add_test(tcase, buckets_give_shares);
    tcase_add_test(tcase, a_bucket_that_is_not_set_is_empty);
    tcase_add_test(tcase, hard_slots_stop_without_budget);
    tcase_add_test(tcase, what_is_left_of_a_turn_can_be_used);
    tcase_add_test(tcase, a_new_limit_ends_a_turn_without_one);
    tcase_add_test(tcase, windows_are_where_they_should_be);
    tcase_add_test(tcase, soft_slots_use_what_is_left);
    tcase_add_test(tcase, a_bucket_is_shared_by_cpus);
    tcase_add_test(tcase, a_group_has_its_own_buckets);
    tcase_add_test(tcase, edf_takes_the_earliest_deadline);
    tcase_add_loop_test(tcase, a_deadline_goes_before_a_turn_that_lasts, 0, 2);
    tcase_add_test(tcase, cbs_wakes_to_a_period_of_its_own);
    tcase_add_test(tcase, a_blocked_client_helps_its_service);
    tcase_add_test(tcase, a_busy_service_is_not_spun_for);
    tcase_add_test(tcase, an_idle_cpu_takes_what_wakes);
    tcase_add_test(tcase, two_wake_ups_have_two_cpus);
    tcase_add_test(tcase, registers_are_handed_to_an_idle_cpu);
    tcase_add_test(tcase, who_wakes_alone_has_its_slot);
    tcase_add_test(tcase, an_early_alarm_ends_no_turn);
    tcase_add_test(tcase, ready_elsewhere_is_idle_here);
    tcase_add_test(tcase, affinity_is_kept);
    tcase_add_test(tcase, a_loaded_machine_is_not_stolen);
    tcase_add_test(tcase, yield_goes_behind_its_equals);
    tcase_add_test(tcase, the_lease_ends_the_plan);
    tcase_add_test(tcase, hard_limits_outlive_the_lease);
    tcase_add_test(tcase, hard_limits_fall_where_they_may);
    tcase_add_test(tcase, who_is_left_out_has_a_turn);
    tcase_add_test(tcase, who_is_behind_others_has_a_turn);
    tcase_add_test(tcase, who_is_limited_hard_has_a_turn_where_limits_may_fall);
    tcase_add_test(tcase, a_dead_domain_leaves_its_cpu);
    tcase_add_test(tcase, reserve_comes_first);
    tcase_add_test(tcase, a_reserve_leaves_the_plan_its_time);
    tcase_add_test(tcase, a_trace_tells_who_runs);
    tcase_add_test(tcase, commits_are_checked);
    tcase_add_test(tcase, random_walk);
    suite_add_tcase(suite, tcase);

    SRunner *runner = srunner_create(suite);

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
