/* SPDX-License-Identifier: Apache-2.0 */
/* The equal policy: which plans it makes of which snapshots. */
#include "suite.h"

#include <keel/domain.h>
#include <policy.h>
#include <string.h>

#define SERVICE(d)                                                         \
    {                                                                      \
        .domain = d, .kind = KEEL_DOMAIN_USER, .cpus = 3, .incarnation = 1 \
    }
#define GUEST(d, v)                                                                      \
    {                                                                                    \
        .domain = d, .vcpu = v, .kind = KEEL_DOMAIN_MACHINE, .cpus = 3, .incarnation = 1 \
    }

static struct policy_plan plan;

/* The plan of a CPU after a look at these vCPUs. */
static void make(const struct keel_plan_vcpu *vcpus, uint32_t n, uint16_t cpu)
{
    const struct policy_snapshot snapshot = {.n = n, .vcpu = vcpus};
    struct policy_commits commits = {.cpus = 0};
    bool more;

    policy_commits_add(&commits, policy_equal.look(&snapshot));
    policy_commit_make(&policy_equal, &commits, cpu, 7, &plan, &more);
    ck_assert(!more);
}

static uint16_t domain_find(const char *name)
{
    return strcmp(name, "one") == 0 ? 3 : POLICY_ALL;
}

START_TEST(test_equal)
{
    const struct keel_plan_vcpu vcpus[] = {SERVICE(1), GUEST(3, 0), GUEST(3, 1)};

    make(vcpus, 3, 1);
    ck_assert_uint_eq(plan.plan.epoch, 7);
    ck_assert_uint_eq(plan.plan.cpu, 1);
    ck_assert_uint_eq(plan.plan.lease, POLICY_LEASE_NS);
    ck_assert_uint_eq(plan.plan.nbuckets, 0);
    ck_assert_uint_eq(plan.plan.nslots, 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(plan.slot[i].rank, plan.slot[0].rank);
        ck_assert_uint_eq(plan.slot[i].bucket, KEEL_BUCKET_NONE);
    }
    ck_assert_uint_eq(plan.slot[2].vcpu, 1);
}
END_TEST

START_TEST(test_weights)
{
    const struct keel_plan_vcpu vcpus[] = {GUEST(3, 0), GUEST(5, 0), SERVICE(1), GUEST(3, 1)};
    const struct keel_plan_slot *slot = plan.slot;
    const struct keel_plan_bucket *bucket = plan.bucket;

    ck_assert(!policy_argument(&policy_equal, "weight.one=3", domain_find));
    make(vcpus, 4, 0);
    ck_assert_uint_eq(plan.plan.nbuckets, 2);
    ck_assert_uint_eq(plan.plan.nslots, 4);
    ck_assert_uint_eq(bucket[0].budget, 3 * bucket[1].budget);
    ck_assert_uint_eq(bucket[0].budget + bucket[1].budget, bucket[0].period);
    ck_assert_uint_eq(bucket[0].period, bucket[1].period);
    /* Services come first, without a limit; the vCPUs of a guest share its bucket. */
    ck_assert_uint_eq(slot[0].domain, 1);
    ck_assert_uint_eq(slot[0].bucket, KEEL_BUCKET_NONE);
    ck_assert_uint_lt(slot[0].rank, slot[1].rank);
    ck_assert_uint_eq(slot[1].bucket, bucket[0].index);
    ck_assert_uint_eq(slot[2].bucket, bucket[1].index);
    ck_assert_uint_eq(slot[3].bucket, bucket[0].index);
    /* Each CPU has its own buckets. */
    uint16_t index = bucket[0].index;
    make(vcpus, 4, 1);
    ck_assert_uint_ne(bucket[0].index, index);
    ck_assert_uint_lt(bucket[1].index, KEEL_BUCKETS_MAX);
}
END_TEST

START_TEST(test_arguments)
{
    static const char *const bad[] = {"weight",         "weight=3",
                                      "weight.two=3",   "weight.one=",
                                      "weight.one=0",   "weight.one=1001",
                                      "weight.one=-1",  "weight.one=3x",
                                      "cap.one=3",      "=3",
                                      "weight.one.a=3", ""};

    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(policy_argument(&policy_equal, bad[i], domain_find), "%s", bad[i]);
    ck_assert(!policy_argument(&policy_equal, "weight.one=1000", domain_find));
}
END_TEST

START_TEST(test_affinity)
{
    struct keel_plan_vcpu vcpus[] = {SERVICE(1), GUEST(3, 0)};

    vcpus[1].cpus = 2;
    make(vcpus, 2, 0);
    ck_assert_uint_eq(plan.plan.nslots, 1);
    ck_assert_uint_eq(plan.slot[0].domain, 1);
}
END_TEST

START_TEST(test_limits)
{
    static struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX];

    for (uint16_t i = 0; i < POLICY_VCPUS_MAX; i++)
        vcpus[i] = (struct keel_plan_vcpu)GUEST((uint16_t)(i % KEEL_DOMAINS_MAX), 0);
    ck_assert(!policy_argument(&policy_equal, "weight.one=1", domain_find));
    make(vcpus, POLICY_VCPUS_MAX, 0);
    ck_assert_uint_eq(plan.plan.nslots, KEEL_SLOTS_MAX);
    ck_assert_uint_eq(plan.plan.nbuckets, POLICY_BUCKETS_MAX);
}
END_TEST

/* It wants commits when somebody came or went, and at no other time. */
START_TEST(test_looks)
{
    struct keel_plan_vcpu vcpus[] = {SERVICE(1), GUEST(3, 0)};
    struct policy_snapshot snapshot = {.n = 2, .vcpu = vcpus};

    ck_assert_uint_eq(policy_equal.look(&snapshot), 3);
    vcpus[1].state = 4;
    vcpus[1].run_time = 99;
    ck_assert_uint_eq(policy_equal.look(&snapshot), 0);
    snapshot.n = 1;
    ck_assert_uint_eq(policy_equal.look(&snapshot), 3);
    snapshot.n = 2;
    ck_assert_uint_eq(policy_equal.look(&snapshot), 3);
    vcpus[1].incarnation++;
    ck_assert_uint_eq(policy_equal.look(&snapshot), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler_equal");
    TCase *tcase = tcase_create("policy");

    tcase_add_checked_fixture(tcase, policy_equal.begin, NULL);
    tcase_add_test(tcase, test_equal);
    tcase_add_test(tcase, test_weights);
    tcase_add_test(tcase, test_arguments);
    tcase_add_test(tcase, test_affinity);
    tcase_add_test(tcase, test_limits);
    tcase_add_test(tcase, test_looks);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
