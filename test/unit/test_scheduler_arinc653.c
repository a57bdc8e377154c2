/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arinc653 policy: which windows there is room for, what they are in a plan, and where the kernel's dispatcher
 * puts them, also when the policy looks no more.
 */
#define POLICY policy_arinc653
#include "policy_test.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct keel_plan_bucket *bucket_of(const struct keel_plan_slot *slot)
{
    for (uint32_t i = 0; i < plan.plan.nbuckets; i++)
        if (slot && plan.bucket[i].index == slot->bucket)
            return &plan.bucket[i];
    return NULL;
}

START_TEST(windows_are_buckets)
{
    const struct keel_plan_vcpu vcpus[] = {SERVICE(1, 3), GUEST(2, 0, 3), GUEST(2, 1, 3),
                                           GUEST(3, 0, 3), GUEST(4, 0, 3)};
    const struct keel_plan_slot *slot;
    const struct keel_plan_bucket *bucket;

    policy_arinc653.begin();
    sets("frame-us=5000");
    sets("window-us.c=2000");
    sets("offset-us.c=1000");
    sets("window-us.d=1000");
    sets("offset-us.d=3500");
    sets("period-us.d=10000");
    ck_assert_uint_eq(look(vcpus, COUNT(vcpus)), 3);
    ck_assert_uint_eq(look(vcpus, COUNT(vcpus)), 0);
    ck_assert(!planned(0, 0));
    slot = slot_of(2, 0);
    bucket = bucket_of(slot);
    ck_assert(bucket && slot->rank == 0 && slot->flags == KEEL_SLOT_HARD);
    ck_assert_uint_eq(bucket->flags, KEEL_BUCKET_WINDOW);
    ck_assert_uint_eq(bucket->budget, 2000000);
    ck_assert_uint_eq(bucket->deadline, 2000000);
    ck_assert_uint_eq(bucket->period, 5000000);
    ck_assert_uint_eq(bucket->start, 6000000);
    ck_assert_uint_eq(bucket_of(slot_of(3, 0))->period, 10000000);
    /* The second vCPU's is on the second CPU: here it does not run. */
    bucket = bucket_of(slot_of(2, 1));
    ck_assert(bucket && bucket->budget == 0 && slot_of(2, 1)->flags == KEEL_SLOT_HARD);
    /* Those without one have what is left over, services first. */
    ck_assert_uint_eq(slot_of(1, 0)->bucket, KEEL_BUCKET_NONE);
    ck_assert_uint_eq(slot_of(4, 0)->bucket, KEEL_BUCKET_NONE);
    ck_assert_uint_lt(slot_of(1, 0)->rank, slot_of(4, 0)->rank);
    ck_assert(!planned(1, 0));
    ck_assert_uint_eq(bucket_of(slot_of(2, 1))->budget, 2000000);
    ck_assert_uint_eq(bucket_of(slot_of(2, 0))->budget, 0);
    ck_assert_uint_eq(bucket_of(slot_of(3, 0))->budget, 0);
}
END_TEST

/* A vCPU's number says which of its CPUs, from the first again where they are too few. */
START_TEST(each_has_a_cpu)
{
    struct keel_plan_vcpu vcpus[5];
    static const uint64_t expected[] = {1, 4, 5, 1, 4};
    uint64_t cpu;

    policy_arinc653.begin();
    for (uint16_t v = 0; v < 5; v++)
        vcpus[v] = (struct keel_plan_vcpu)GUEST(2, v, 0x32);
    (void)look(vcpus, 5);
    for (uint16_t v = 0; v < 5; v++) {
        ck_assert_ptr_null(policy_get(&policy_arinc653, "cpu", (struct policy_whom){2, v}, &cpu));
        ck_assert_uint_eq(cpu, expected[v]);
    }
}
END_TEST

/* Two windows on a CPU, and whether they meet. */
START_TEST(windows_that_meet)
{
    static const struct {
        const char *arguments[8];
        bool meet;
    } cases[] = {
        {{"window-us.b=1000", "window-us.c=1000", "offset-us.c=1000"}, false},
        {{"window-us.b=1000", "window-us.c=1000", "offset-us.c=999"}, true},
        {{"window-us.b=1000", "window-us.c=9000", "offset-us.c=1000"}, false},
        {{"window-us.b=1000", "window-us.c=9001", "offset-us.c=1000"}, true},
        {{"window-us.b=1000", "window-us.c=1000", "cpu.c=1"}, false},
        {{"window-us.b=1000", "period-us.b=5000", "window-us.c=4000", "offset-us.c=1000"}, false},
        {{"window-us.b=1000", "period-us.b=5000", "window-us.c=4001", "offset-us.c=1000"}, true},
        {{"window-us.b=1000", "period-us.b=4000", "window-us.c=1000", "offset-us.c=1000"}, false},
        {{"window-us.b=1000", "period-us.b=4000", "window-us.c=1000", "offset-us.c=1500"}, true},
        {{"window-us.b=1000", "period-us.b=4000", "window-us.c=1000", "offset-us.c=7000"}, false},
        {{"window-us.b=1000", "period-us.b=3000", "window-us.c=500", "period-us.c=7000"}, true},
        {{"window-us.b=1000", "offset-us.b=9500"}, true}, /* not in its period */
        {{"window-us.b=1000", "cpu.b=5"}, true},          /* no CPU of its */
    };
    const struct keel_plan_vcpu vcpus[] = {GUEST(1, 0, 3), GUEST(2, 0, 3)};
    char line[224];

    for (size_t i = 0; i < COUNT(cases); i++) {
        policy_arinc653.begin();
        for (size_t j = 0; j < 8 && cases[i].arguments[j]; j++)
            sets(cases[i].arguments[j]);
        ck_assert_uint_eq(look(vcpus, 2), 3);
        ck_assert_msg(policy_arinc653.tell(line, sizeof line) == cases[i].meet, "case %zu", i);
        ck_assert_msg(!cases[i].meet || strstr(line, "has no window"), "%s", line);
        ck_assert(!policy_arinc653.tell(line, sizeof line)); /* once */
    }
}
END_TEST

/* While those that are there have their windows, nothing takes one away. */
START_TEST(changes_at_run_time)
{
    const struct keel_plan_vcpu vcpus[] = {GUEST(1, 0, 1), GUEST(2, 0, 1)};
    struct policy_whom c = {2, POLICY_ALL};
    uint64_t value;

    policy_arinc653.begin();
    sets("window-us.b=1000");
    sets("window-us.c=1000");
    sets("offset-us.c=2000");
    ck_assert_uint_eq(look(vcpus, 2), 1);
    ck_assert_ptr_nonnull(strstr(set("offset-us.c=500"), "refused"));
    ck_assert_ptr_nonnull(strstr(set("frame-us=2500"), "refused"));
    ck_assert_ptr_nonnull(strstr(set("window-us.b/16=1"), "there is no"));
    ck_assert_ptr_nonnull(strstr(set("window-us=1"), "of a domain"));
    ck_assert_ptr_null(policy_get(&policy_arinc653, "offset-us", c, &value));
    ck_assert_uint_eq(value, 2000);
    ck_assert_uint_eq(look(vcpus, 2), 0);
    sets("offset-us.c=5000");
    ck_assert_uint_eq(look(vcpus, 2), 1);
    planned(0, 0);
    ck_assert_uint_eq(bucket_of(slot_of(2, 0))->start, 15000000);
}
END_TEST

/* More windows than one commit carries: nobody draws on a bucket that the kernel has not. */
START_TEST(many_windows)
{
    struct keel_plan_vcpu vcpus[40];
    char argument[32];

    policy_arinc653.begin();
    for (uint16_t i = 0; i < 40; i++) {
        vcpus[i] = (struct keel_plan_vcpu)GUEST((uint16_t)(i % 20), (uint16_t)(i / 20), 1);
        snprintf(argument, sizeof argument, "window-us.%c/%u=200", 'a' + i % 20, i / 20u);
        sets(argument);
        snprintf(argument, sizeof argument, "offset-us.%c/%u=%u", 'a' + i % 20, i / 20u, i * 200u);
        sets(argument);
    }
    ck_assert_uint_eq(look(vcpus, 40), 1);
    for (uint32_t part = 0; part < 3; part++) {
        ck_assert_int_eq(planned(0, part), part < 2);
        ck_assert_uint_le(plan.plan.nbuckets, POLICY_BUCKETS_MAX);
        ck_assert_uint_eq(plan.plan.nslots, part < 2 ? (part + 1) * 15 : 40);
    }
}
END_TEST

/* On the kernel's dispatcher: a thousand frames of 200 us, with the policy and after its death. */
START_TEST(windows_are_where_the_table_says)
{
    static struct workload workload;
    static struct metrics metrics;
    static const struct {
        uint32_t offset, window; /* us */
    } windows[] = {{10, 50}, {60, 30}, {95, 20}};
    static const char text[] =
        "cpus 1\ntime 3200ms\nwarm-up 3s\ndelay 200us\n"
        "guest a\nguest b think 300us 100us\nguest c\nguest d\nservice s think 70us 30us\n"
        "set frame-us=200\n"
        "set window-us.a=50\nset offset-us.a=10\nset window-us.b=30\nset offset-us.b=60\n"
        "set window-us.c=20\nset offset-us.c=95\n";
    char all[sizeof text + 16];
    uint64_t begins[3] = {0};

    snprintf(all, sizeof all, "%s%s", text, _i ? "dies 1500ms\n" : "");
    FILE *file = fmemopen(all, strlen(all), "r");

    ck_assert(workload_read(file, "workload", &workload));
    fclose(file);
    ck_assert(machine_run(&workload, &policy_arinc653, &metrics));
    ck_assert_uint_eq(metrics.refused, 0);
    ck_assert_uint_lt(metrics.turns, METRICS_TURNS_MAX);
    for (uint32_t i = 0; i < metrics.turns; i++) {
        const struct metrics_turn *turn = &metrics.turn[i];
        uint32_t who = turn->vcpu;
        uint64_t from = turn->begin % 200000, length = turn->end - turn->begin;

        if (who >= COUNT(windows))
            continue;
        uint64_t offset = windows[who].offset * 1000ull;

        ck_assert_msg(from >= offset && from + length <= offset + windows[who].window * 1000ull,
                      "%u runs from %lu for %lu", who, from, length);
        begins[who] += from == offset;
    }
    ck_assert_uint_ge(begins[0], 999);
    ck_assert_uint_ge(begins[2], 999);
    ck_assert_uint_eq(metrics.idle_worst, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler_arinc653");
    TCase *tests = tcase_create("arinc653");

    tcase_add_test(tests, windows_are_buckets);
    tcase_add_test(tests, each_has_a_cpu);
    tcase_add_test(tests, windows_that_meet);
    tcase_add_test(tests, changes_at_run_time);
    tcase_add_test(tests, many_windows);
    tcase_add_loop_test(tests, windows_are_where_the_table_says, 0, 2);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
