/* SPDX-License-Identifier: Apache-2.0 */
/* The null policy: who has which CPU, and that nobody else runs there. */
#include "suite.h"

#include <keel/domain.h>
#include <machine.h>
#include <string.h>

#define GUEST(d, c)                                                                       \
    {                                                                                     \
        .domain = d, .incarnation = 1, .kind = KEEL_DOMAIN_MACHINE, .cpus = c, .state = 1 \
    }

static struct policy_plan plan;

static uint64_t look(const struct keel_plan_vcpu *vcpus, uint32_t n)
{
    const struct policy_snapshot snapshot = {.n = n, .vcpu = vcpus};

    return policy_null.look(&snapshot);
}

/* The guest that runs on a CPU; 0: none. */
static uint16_t holder(uint16_t cpu)
{
    uint16_t domain = 0;

    memset(&plan, 0, sizeof plan);
    ck_assert(!policy_null.plan(cpu, 0, &plan));
    for (uint32_t i = 0; i < plan.plan.nslots; i++) {
        ck_assert(i == 0 || plan.slot[i].rank >= plan.slot[i - 1].rank);
        if (plan.slot[i].bucket == KEEL_BUCKET_NONE && plan.slot[i].domain >= 10) {
            ck_assert_uint_eq(domain, 0); /* one at most */
            domain = plan.slot[i].domain;
        } else if (plan.slot[i].domain >= 10) {
            ck_assert_uint_eq(plan.slot[i].flags, KEEL_SLOT_HARD);
        }
    }
    return domain;
}

START_TEST(each_has_a_cpu)
{
    struct keel_plan_vcpu vcpus[] = {GUEST(10, 7), GUEST(11, 7), GUEST(12, 7)};

    ck_assert_uint_eq(look(vcpus, 3), 7);
    ck_assert_int_eq(holder(0) + holder(1) + holder(2), 33);
    ck_assert_uint_eq(look(vcpus, 3), 0);
}
END_TEST

/* Whoever can go elsewhere makes room for who can't. */
START_TEST(as_many_as_possible)
{
    struct keel_plan_vcpu vcpus[] = {GUEST(10, 7), GUEST(11, 3), GUEST(12, 1)};

    look(vcpus, 2);
    ck_assert_uint_eq(holder(0), 10);
    look(vcpus, 3);
    ck_assert_uint_eq(holder(0), 12);
    ck_assert_uint_eq(holder(1), 11);
    ck_assert_uint_eq(holder(2), 10);
}
END_TEST

/* One waits until another one has gone, is off, or has begun another life. */
START_TEST(waits_for_a_cpu)
{
    struct keel_plan_vcpu vcpus[] = {GUEST(10, 1), GUEST(11, 1)};

    look(vcpus, 2);
    ck_assert_uint_eq(holder(0), 10);
    if (_i == 0) {
        look(&vcpus[1], 1);
        ck_assert_uint_eq(holder(0), 11);
    } else {
        vcpus[0].state = 0;
        look(vcpus, 2);
        ck_assert_uint_eq(holder(0), 11);
        vcpus[0].state = 1; /* too late: the other one keeps it */
        look(vcpus, 2);
        ck_assert_uint_eq(holder(0), 11);
    }
}
END_TEST

START_TEST(services_go_first)
{
    struct keel_plan_vcpu vcpus[] = {GUEST(10, 3), GUEST(1, 3)};

    vcpus[1].kind = KEEL_DOMAIN_USER;
    look(vcpus, 2);
    for (uint16_t cpu = 0; cpu < 2; cpu++) {
        holder(cpu);
        ck_assert_uint_eq(plan.slot[0].domain, 1);
        ck_assert_uint_eq(plan.slot[0].bucket, KEEL_BUCKET_NONE);
    }
    ck_assert_str_eq(policy_set(&policy_null, "weight", (struct policy_whom){10, POLICY_ALL}, 1),
                     "weight: null has no parameters");
}
END_TEST

START_TEST(limits)
{
    static struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX];

    for (uint16_t i = 0; i < POLICY_VCPUS_MAX; i++) {
        vcpus[i] = (struct keel_plan_vcpu)GUEST((uint16_t)(10 + i / 16), UINT64_MAX);
        vcpus[i].vcpu = i % 16;
    }
    ck_assert_uint_eq(look(vcpus, POLICY_VCPUS_MAX), UINT64_MAX);
    for (uint16_t cpu = 0; cpu < KEEL_CPUS_MAX; cpu++) {
        ck_assert_uint_ne(holder(cpu), 0);
        ck_assert_uint_le(plan.plan.nslots, KEEL_SLOTS_MAX);
    }
    look(vcpus, 0);
    ck_assert_uint_eq(holder(0), 0);
}
END_TEST

/* On machines: no switches, no moves, and the one left over does not run. */
START_TEST(nothing_happens)
{
    static const char text[] = "cpus 4\ntime 3s\nwarm-up 1s\ndelay 200us\nguest a vcpus 2 busy\n"
                               "guest b think 1ms 1ms\nguest c busy cpus 0\nguest d busy\n"
                               "service s periodic 10ms 100us\n";
    static struct workload workload;
    static struct metrics metrics;
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

    ck_assert_ptr_nonnull(file);
    ck_assert(workload_read(file, "workload", &workload));
    fclose(file);
    ck_assert(machine_run(&workload, &policy_null, &metrics));
    ck_assert_uint_eq(metrics.refused, 0);
    for (uint32_t i = 0; i < metrics.vcpus; i++) {
        double share = metrics.vcpu[i].received / (double)metrics.measured;

        if (i == 5) /* the service */
            ck_assert_double_eq_tol(share, 0.01, 0.001);
        else if (i == 4) /* the fifth vCPU of a guest */
            ck_assert_double_eq_tol(share, 0, 1e-9);
        else if (i != 2)
            ck_assert_double_ge(share, 0.989);
        ck_assert_uint_eq(i == 5 ? 0 : metrics.vcpu[i].moves, 0);
    }
    ck_assert_uint_le(metrics.vcpu[2].latency_worst, 100000); /* the service runs */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler_null");
    TCase *tcase = tcase_create("policy");

    tcase_add_checked_fixture(tcase, policy_null.begin, NULL);
    tcase_add_test(tcase, each_has_a_cpu);
    tcase_add_test(tcase, as_many_as_possible);
    tcase_add_loop_test(tcase, waits_for_a_cpu, 0, 2);
    tcase_add_test(tcase, services_go_first);
    tcase_add_test(tcase, limits);
    tcase_add_test(tcase, nothing_happens);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
