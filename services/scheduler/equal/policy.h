/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The equal policy: every vCPU has a slot of the same rank on each CPU that it may run on, and they
 * share it equally. With weights, each CPU's time is divided among the guests by buckets: a guest of weight w
 * gets w of the sum per period before anybody gets what is left over; services go first, without
 * a limit. Plain C without calls: tests drive it too.
 */
#ifndef EQUAL_POLICY_H
#define EQUAL_POLICY_H

#include <keel/plan.h>
#include <stdbool.h>

#define POLICY_VCPUS_MAX   256
#define POLICY_BUCKETS_MAX 16 /* weighted guests on one CPU: what one commit can carry */
#define POLICY_PERIOD_NS   10000000ull
#define POLICY_LEASE_NS    2000000000ull

struct policy {
    bool weighted;                     /* any weight was given */
    uint32_t weight[KEEL_DOMAINS_MAX]; /* 0: not given, counts as 1 */
};

/* A plan as plan_commit takes it: the three follow one another in memory when nbuckets and nslots
 * are known; policy_plan packs them. */
struct policy_plan {
    struct keel_plan plan;
    uint64_t space[POLICY_BUCKETS_MAX * sizeof(struct keel_plan_bucket) / 8 +
                   KEEL_SLOTS_MAX * sizeof(struct keel_plan_slot) / 8];
};

/* Makes the plan of one CPU from a snapshot; returns its size in bytes for plan_commit. What does
 * not fit (more than 64 vCPUs on a CPU, 16 weighted guests) is left to the kernel's background. */
uint32_t policy_plan(const struct policy *policy, const struct keel_plan_vcpu *vcpus, uint32_t n,
                     uint16_t cpu, uint32_t epoch, struct policy_plan *to);

/* Whether two snapshots need the same plans: the same vCPUs, lives and CPUs. */
bool policy_same(const struct keel_plan_vcpu *a, uint32_t na, const struct keel_plan_vcpu *b,
                 uint32_t nb);

#endif
