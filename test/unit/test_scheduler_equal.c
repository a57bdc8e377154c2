/* SPDX-License-Identifier: Apache-2.0 */
/* The equal policy: which plans it makes of which snapshots. */
#include "suite.h"

#include <keel/domain.h>
#include <policy.h>

#define SERVICE(d)                                                         \
    {                                                                      \
        .domain = d, .kind = KEEL_DOMAIN_USER, .cpus = 3, .incarnation = 1 \
    }
#define GUEST(d, v)                                                                      \
    {                                                                                    \
        .domain = d, .vcpu = v, .kind = KEEL_DOMAIN_MACHINE, .cpus = 3, .incarnation = 1 \
    }

static struct policy_plan plan;

static const struct keel_plan_bucket *bucket(unsigned n)
{
    return (const struct keel_plan_bucket *)plan.space + n;
}

static const struct keel_plan_slot *slot(unsigned n)
{
    return (const struct keel_plan_slot *)(bucket(0) + plan.plan.nbuckets) + n;
}

START_TEST(test_equal)
{
    const struct policy policy = {.weighted = false};
    const struct keel_plan_vcpu vcpus[] = {SERVICE(1), GUEST(3, 0), GUEST(3, 1)};
    uint32_t bytes = policy_plan(&policy, vcpus, 3, 1, 7, &plan);

    ck_assert_uint_eq(plan.plan.epoch, 7);
    ck_assert_uint_eq(plan.plan.cpu, 1);
    ck_assert_uint_eq(plan.plan.nbuckets, 0);
    ck_assert_uint_eq(plan.plan.nslots, 3);
    ck_assert_uint_eq(bytes, sizeof plan.plan + 3 * sizeof(struct keel_plan_slot));
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(slot(i)->rank, slot(0)->rank);
        ck_assert_uint_eq(slot(i)->bucket, KEEL_BUCKET_NONE);
    }
    ck_assert_uint_eq(slot(2)->vcpu, 1);
}
END_TEST

START_TEST(test_weights)
{
    struct policy policy = {.weighted = true};
    const struct keel_plan_vcpu vcpus[] = {GUEST(3, 0), GUEST(5, 0), SERVICE(1), GUEST(3, 1)};

    policy.weight[3] = 3;
    uint32_t bytes = policy_plan(&policy, vcpus, 4, 0, 1, &plan);
    ck_assert_uint_eq(plan.plan.nbuckets, 2);
    ck_assert_uint_eq(bytes, sizeof plan.plan + 2 * sizeof(struct keel_plan_bucket) +
                                 4 * sizeof(struct keel_plan_slot));
    ck_assert_uint_eq(bucket(0)->budget, 3 * bucket(1)->budget);
    ck_assert_uint_eq(bucket(0)->budget + bucket(1)->budget, POLICY_PERIOD_NS);
    /* Services come first, without a limit; the vCPUs of a guest share its bucket. */
    ck_assert_uint_eq(slot(0)->domain, 1);
    ck_assert_uint_eq(slot(0)->bucket, KEEL_BUCKET_NONE);
    ck_assert_uint_lt(slot(0)->rank, slot(1)->rank);
    ck_assert_uint_eq(slot(1)->bucket, bucket(0)->index);
    ck_assert_uint_eq(slot(2)->bucket, bucket(1)->index);
    ck_assert_uint_eq(slot(3)->bucket, bucket(0)->index);
    /* Each CPU has its own buckets. */
    uint16_t index = bucket(0)->index;
    policy_plan(&policy, vcpus, 4, 1, 1, &plan);
    ck_assert_uint_ne(bucket(0)->index, index);
    ck_assert_uint_lt(bucket(1)->index, KEEL_BUCKETS_MAX);
}
END_TEST

START_TEST(test_affinity)
{
    const struct policy policy = {.weighted = false};
    struct keel_plan_vcpu vcpus[] = {SERVICE(1), GUEST(3, 0)};

    vcpus[1].cpus = 2;
    policy_plan(&policy, vcpus, 2, 0, 1, &plan);
    ck_assert_uint_eq(plan.plan.nslots, 1);
    ck_assert_uint_eq(slot(0)->domain, 1);
}
END_TEST

START_TEST(test_limits)
{
    static struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX];
    const struct policy policy = {.weighted = true};

    for (uint16_t i = 0; i < POLICY_VCPUS_MAX; i++)
        vcpus[i] = (struct keel_plan_vcpu)GUEST((uint16_t)(i % KEEL_DOMAINS_MAX), 0);
    uint32_t bytes = policy_plan(&policy, vcpus, POLICY_VCPUS_MAX, 0, 1, &plan);
    ck_assert_uint_eq(plan.plan.nslots, KEEL_SLOTS_MAX);
    ck_assert_uint_eq(plan.plan.nbuckets, POLICY_BUCKETS_MAX);
    ck_assert_uint_le(bytes, sizeof plan);
}
END_TEST

START_TEST(test_same)
{
    const struct keel_plan_vcpu a[] = {SERVICE(1), GUEST(3, 0)};
    struct keel_plan_vcpu b[] = {SERVICE(1), GUEST(3, 0)};

    b[1].state = 4;
    b[1].run_time = 99;
    ck_assert(policy_same(a, 2, b, 2));
    ck_assert(!policy_same(a, 2, b, 1));
    b[1].incarnation++;
    ck_assert(!policy_same(a, 2, b, 2));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler_equal");
    TCase *tcase = tcase_create("policy");

    tcase_add_test(tcase, test_equal);
    tcase_add_test(tcase, test_weights);
    tcase_add_test(tcase, test_affinity);
    tcase_add_test(tcase, test_limits);
    tcase_add_test(tcase, test_same);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
