/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rtds policy: who gets a reservation, on which CPUs, what that is in a plan, and what becomes of it when
 * parameters change, domains die, or the policy does. That no deadline is missed: test/check/deadlines.py.
 */
#define POLICY policy_rtds
#include "policy_test.h"

static char told[224];

static void refuses(const char *argument, const char *why)
{
    const char *wrong = set(argument);

    ck_assert_msg(wrong && strstr(wrong, why), "%s: '%s', expected '%s'", argument,
                  wrong ? wrong : "nothing", why);
}

static bool tells(void)
{
    return policy_rtds.tell(told, sizeof told);
}

/* The slot of a vCPU, or NULL, in the plan of a CPU. */
static const struct keel_plan_slot *slot_on(uint16_t cpu, uint16_t domain, uint16_t vcpu)
{
    planned(cpu, 0);
    return slot_of(domain, vcpu);
}

/* The CPUs that have it reserved. */
static uint64_t where(uint16_t domain, uint16_t vcpu)
{
    uint64_t cpus = 0;

    for (uint16_t cpu = 0; cpu < KEEL_CPUS_MAX; cpu++)
        if (slot_on(cpu, domain, vcpu))
            cpus |= 1ull << cpu;
    return cpus;
}

START_TEST(tells_what_is_wrong)
{
    sets("period-us.a=1000");
    sets("budget-us.a/15=500");
    sets("extratime.b=0");
    sets("cpus.c=0x3");
    refuses("period-us.a=999", "period-us: 999 is not 1000 to 10000000");
    refuses("budget-us.a=10000001", "budget-us: 10000001 is not 0 to 10000000");
    refuses("budget-us=5", "budget-us: is of a domain, expected budget-us.NAME");
    refuses("budget-us.a/16=5", "there is no 'a");
    refuses("budget-us.a/=5", "there is no");
    refuses("budget-us.nobody=5", "there is no 'nobody'");
    refuses("extratime.a=yes", "extratime: 'yes' is no number");
    refuses("extratime.a=2", "extratime: 2 is not 0 to 1");
    refuses("extratime.a=-1", "is no number");
    refuses("weight.a=5",
            "weight: rtds has no such parameter, but period-us budget-us extratime cpus");
    refuses("weight", "expected PARAMETER=N");
    ck_assert_uint_eq(policy_rtds.get(0, (struct policy_whom){0, POLICY_ALL}), 1000);
    ck_assert_uint_eq(policy_rtds.get(1, (struct policy_whom){0, 15}), 500);
    ck_assert_uint_eq(policy_rtds.get(1, (struct policy_whom){0, 0}), 0);
    ck_assert_uint_eq(policy_rtds.get(2, (struct policy_whom){0, 0}), 1);
    ck_assert_uint_eq(policy_rtds.get(2, (struct policy_whom){1, 3}), 0);
    ck_assert_uint_eq(policy_rtds.get(3, (struct policy_whom){2, 3}), 3);
}
END_TEST

START_TEST(a_reservation_is_a_slot_by_deadline)
{
    struct keel_plan_vcpu vcpus[] = {SERVICE(1, 3), GUEST(2, 0, 3), GUEST(2, 1, 3), GUEST(3, 0, 3)};
    const struct keel_plan_slot *slot;

    sets("budget-us.c=4000");
    sets("period-us.c/1=20000");
    sets("extratime.c/1=0");
    ck_assert_uint_eq(look(vcpus, 4), 3);
    ck_assert(!tells());
    for (uint16_t cpu = 0; cpu < 2; cpu++) {
        slot = slot_on(cpu, 2, 0);
        ck_assert_ptr_nonnull(slot);
        ck_assert_uint_eq(slot->flags, KEEL_SLOT_EDF);
        ck_assert_uint_eq(slot->rank, 0);
        ck_assert_uint_eq(plan.bucket[0].index, slot->bucket);
        ck_assert_uint_eq(plan.bucket[0].budget, 4000000);
        ck_assert_uint_eq(plan.bucket[0].period, 10000000);
        ck_assert_uint_eq(plan.bucket[1].period, 20000000);
        ck_assert_uint_eq(slot_on(cpu, 2, 1)->flags, KEEL_SLOT_EDF | KEEL_SLOT_HARD);
        ck_assert_uint_ne(slot_on(cpu, 2, 1)->bucket, slot_on(cpu, 2, 0)->bucket);
        ck_assert_uint_gt(slot_on(cpu, 1, 0)->rank, 0); /* services have what is left over first */
        ck_assert_uint_eq(slot_on(cpu, 1, 0)->bucket, KEEL_BUCKET_NONE);
        ck_assert_ptr_null(slot_on(cpu, 3, 0)); /* and others the rest */
        ck_assert_uint_eq(plan.plan.slice, 100000);
    }
    ck_assert_uint_eq(look(vcpus, 4), 0);
    sets("budget-us.c/1=0");
    ck_assert_uint_eq(look(vcpus, 4), 3);
    ck_assert_ptr_null(slot_on(0, 2, 1));
}
END_TEST

/* On one CPU up to 0.9; on m up to 0.9 of m - (m - 1) u. */
START_TEST(as_much_as_can_be_guaranteed)
{
    static const struct {
        uint64_t cpus;
        uint32_t budget[4];
        bool good;
    } sets_of[] = {
        {1, {9000}, true},
        {1, {9001}, false},
        {1, {10001}, false},
        {1, {3000, 3000, 3000}, true},
        {1, {3000, 3000, 3001}, false},
        {3, {5000, 5000, 3500}, true},
        {3, {5000, 5000, 3501}, false},
        {3, {6000, 6000}, true},
        {3, {6000, 6601}, false},
        {7, {5000, 5000, 5000, 3000}, true},
        {7, {5000, 5000, 5000, 3001}, false},
    };
    struct keel_plan_vcpu vcpus[4];
    uint32_t n = 0;

    for (; n < 4 && sets_of[_i].budget[n]; n++) {
        char text[64];

        snprintf(text, sizeof text, "budget-us.%c=%u", 'a' + (int)n, sets_of[_i].budget[n]);
        sets(text);
        vcpus[n] = (struct keel_plan_vcpu)GUEST((uint16_t)n, 0, sets_of[_i].cpus);
    }
    look(vcpus, n);
    ck_assert_int_eq(tells(), !sets_of[_i].good);
    for (uint32_t i = 0; i < n; i++)
        ck_assert_int_eq(where((uint16_t)i, 0) != 0, i < n - 1 || sets_of[_i].good);
    if (!sets_of[_i].good) {
        ck_assert_ptr_nonnull(strstr(told, "refused: "));
        ck_assert(!tells()); /* once */
    }
}
END_TEST

/* Whoever may run on other CPUs than others: clusters that do not overlap. */
START_TEST(clusters)
{
    struct keel_plan_vcpu vcpus[] = {GUEST(0, 0, 0xf), GUEST(1, 0, 0xf), GUEST(2, 0, 1),
                                     GUEST(3, 0, 0xf), GUEST(4, 0, 0x3)};

    sets("budget-us.a=4000");
    sets("budget-us.b=4000");
    sets("budget-us.c=8000");
    sets("budget-us.d=4000");
    look(vcpus, 2);
    ck_assert_uint_eq(where(0, 0), 0xf);
    look(vcpus, 4); /* one comes that can only be on CPU 0 */
    ck_assert(!tells());
    ck_assert_uint_eq(where(2, 0), 1);
    ck_assert_uint_eq(where(0, 0), 0xe);
    ck_assert_uint_eq(where(1, 0), 0xe);
    ck_assert_uint_eq(where(3, 0), 0xe);
    sets("budget-us.e=1000");
    look(vcpus, 5); /* CPUs 2 and 3 could not guarantee what is left: 1.2, 1.44 are */
    ck_assert(!tells());
    ck_assert_uint_eq(where(4, 0), 2);
    ck_assert_uint_eq(where(0, 0), 0xc);
    sets("cpus.a=0x2");
    look(vcpus, 5);
    ck_assert_uint_eq(where(0, 0), 2);
    refuses("cpus.b=0x1", "cpus: refused: 4000 us of 10000 us"); /* CPU 0 is full */
    ck_assert_uint_eq(look(vcpus, 5), 0);
    ck_assert_uint_eq(where(1, 0), 0xc);
}
END_TEST

/* What was refused while it runs changes nothing. */
START_TEST(changes_are_admitted_or_refused)
{
    struct keel_plan_vcpu vcpus[] = {GUEST(0, 0, 1), GUEST(1, 0, 1)};

    sets("budget-us.a=5000");
    sets("budget-us.b=5000");
    look(vcpus, 2);
    ck_assert(tells()); /* the second one */
    refuses("budget-us.b=4001", "budget-us: refused: 4001 us of 10000 us would make 91 % of a CPU");
    sets("budget-us.b=4000");
    look(vcpus, 2);
    ck_assert_uint_eq(where(1, 0), 1);
    refuses("period-us.a=9000", "period-us: refused");
    ck_assert_uint_eq(policy_rtds.get(0, (struct policy_whom){0, 0}), 10000);
    ck_assert_uint_eq(look(vcpus, 2), 0);
    slot_on(0, 0, 0);
    ck_assert_uint_eq(plan.bucket[0].budget, 5000000);
    sets("budget-us.a=0"); /* and there is room */
    sets("budget-us.b=9000");
    look(vcpus, 2);
    ck_assert_uint_eq(where(0, 0), 0);
    slot_on(0, 1, 0);
    ck_assert_uint_eq(plan.bucket[0].budget, 9000000);
}
END_TEST

/* A dead domain's reservation is kept for its next life: nobody else gets it meanwhile. */
START_TEST(outlives_a_domain)
{
    struct keel_plan_vcpu vcpus[] = {GUEST(1, 0, 1), GUEST(0, 0, 1)};

    sets("budget-us.a=5000");
    sets("budget-us.b=5000");
    look(&vcpus[1], 1);
    look(vcpus, 1);
    ck_assert(tells());
    ck_assert_uint_eq(where(1, 0), 0);
    vcpus[1].incarnation = 2;
    look(vcpus, 2);
    ck_assert_uint_eq(where(0, 0), 1);
    ck_assert(!tells());
}
END_TEST

/* More buckets than one commit carries, and more reservations than a list or the kernel has room for. */
START_TEST(limits)
{
    static struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX];
    uint32_t admitted = 0;

    for (uint16_t i = 0; i < POLICY_VCPUS_MAX; i++) {
        char text[64];

        vcpus[i] =
            (struct keel_plan_vcpu)GUEST((uint16_t)(i / 16), i % 16, i < 80 ? 1u : 2u << i % 4);
        snprintf(text, sizeof text, "budget-us.%c=10", 'a' + i / 16);
        sets(text);
    }
    look(vcpus, POLICY_VCPUS_MAX);
    ck_assert(planned(0, 0));
    ck_assert_uint_eq(plan.plan.nbuckets, POLICY_BUCKETS_MAX);
    ck_assert_uint_eq(plan.plan.nslots, POLICY_BUCKETS_MAX); /* those whose buckets were sent */
    ck_assert(planned(0, 1));
    ck_assert(planned(0, 2));
    ck_assert(!planned(0, 3));
    ck_assert_uint_eq(plan.plan.nslots, KEEL_SLOTS_MAX);
    ck_assert_uint_eq(plan.bucket[15].index, 63);
    for (uint16_t i = 0; i < POLICY_VCPUS_MAX; i++)
        admitted += where(i / 16, i % 16) != 0;
    ck_assert_uint_eq(admitted, KEEL_SLOTS_MAX + (KEEL_BUCKETS_MAX - KEEL_SLOTS_MAX));
    for (admitted = 0; tells(); admitted++)
        ck_assert_ptr_nonnull(strstr(told, "no reservation for vCPU"));
    ck_assert_uint_eq(admitted, POLICY_VCPUS_MAX - KEEL_BUCKETS_MAX);
}
END_TEST

/* On machines. */

static struct workload workload;
static struct metrics metrics;

static void runs(const char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

    ck_assert_ptr_nonnull(file);
    ck_assert(workload_read(file, "workload", &workload));
    fclose(file);
    ck_assert(machine_run(&workload, &policy_rtds, &metrics));
    ck_assert_uint_eq(metrics.refused, 0);
}

static double share(uint32_t vcpu)
{
    return metrics.vcpu[vcpu].received / (double)metrics.measured;
}

/* Who wants more than its reservation has that, and a part of what is left over unless it wants none. */
START_TEST(what_is_left_over)
{
    runs("cpus 1\ntime 2s\nwarm-up 1s\ndelay 200us\nguest a busy\nguest b busy\nguest c busy\n"
         "set budget-us.a=4000\nset extratime.a=0\nset budget-us.b=2000\n");
    ck_assert_double_eq_tol(share(0), 0.4, 0.001);
    ck_assert_double_eq_tol(share(1), 0.4, 0.01);
    ck_assert_double_eq_tol(share(2), 0.2, 0.01);
    runs(
        "cpus 2\ntime 2s\nwarm-up 1s\ndelay 200us\nguest a busy\nguest b busy\nguest c busy vcpus 2\n"
        "set budget-us.a=6000\nset extratime.a=0\nset budget-us.b=1000\nset extratime.b=0\n");
    ck_assert_double_eq_tol(share(0), 0.6, 0.001);
    ck_assert_double_eq_tol(share(1), 0.1, 0.001);
    ck_assert_double_eq_tol(share(2) + share(3), 1.3, 0.001);
}
END_TEST

/* Who is refused runs in the background, and takes nothing of what others were promised. */
START_TEST(refused_runs_in_the_background)
{
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    runs(
        "cpus 1\ntime 1s\nwarm-up 100ms\nguest a periodic 10ms 6ms phase 0ms\n"
        "guest b periodic 20ms 4ms phase 0ms\nguest c busy\n"
        "set budget-us.a=6000\nset budget-us.b=4000\nset period-us.b=20000\nset budget-us.c=2000\n");
    ck_assert_uint_eq(metrics.vcpu[0].misses + metrics.vcpu[1].misses, 0);
    ck_assert_uint_eq(metrics.vcpu[0].jobs, 91);
    ck_assert_double_eq_tol(share(2), 0.2, 0.001);
}
END_TEST

/* The kernel keeps deadlines while nobody looks, until the lease ends. */
START_TEST(holds_without_the_policy)
{
    runs("cpus 2\ntime 1900ms\nwarm-up 100ms\ndies 50ms\n"
         "guest a vcpus 2 periodic 10ms 5ms phase 0ms\nguest b periodic 20ms 6ms phase 0ms\n"
         "guest c busy vcpus 2\n"
         "set budget-us.a=5000\nset budget-us.b=6000\nset period-us.b=20000\n");
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_gt(metrics.vcpu[i].jobs, 80);
        ck_assert_uint_eq(metrics.vcpu[i].misses, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler_rtds");
    TCase *tcase = tcase_create("policy");

    tcase_add_checked_fixture(tcase, policy_rtds.begin, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, tells_what_is_wrong);
    tcase_add_test(tcase, a_reservation_is_a_slot_by_deadline);
    tcase_add_loop_test(tcase, as_much_as_can_be_guaranteed, 0, 11);
    tcase_add_test(tcase, clusters);
    tcase_add_test(tcase, changes_are_admitted_or_refused);
    tcase_add_test(tcase, outlives_a_domain);
    tcase_add_test(tcase, limits);
    tcase_add_test(tcase, what_is_left_over);
    tcase_add_test(tcase, refused_runs_in_the_background);
    tcase_add_test(tcase, holds_without_the_policy);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
