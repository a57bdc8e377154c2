/* SPDX-License-Identifier: Apache-2.0 */
/* What policies, and those who drive them, share: see policy.h. */
#include "policy.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 64

uint64_t policy_cpus(const struct policy_snapshot *snapshot)
{
    uint64_t cpus = 0;

    for (uint32_t i = 0; i < snapshot->n; i++)
        cpus |= snapshot->vcpu[i].cpus;
    return cpus;
}

bool policy_same(const struct keel_plan_vcpu *a, uint32_t na, const struct keel_plan_vcpu *b,
                 uint32_t nb)
{
    if (na != nb)
        return false;
    for (uint32_t i = 0; i < na; i++)
        if (a[i].domain != b[i].domain || a[i].vcpu != b[i].vcpu ||
            a[i].incarnation != b[i].incarnation || a[i].cpus != b[i].cpus)
            return false;
    return true;
}

bool policy_argument(const struct policy *policy, const char *argument,
                     uint16_t (*domain_find)(const char *name))
{
    char parameter[NAME_MAX_BYTES];
    const char *equals = strchr(argument, '=');
    uint16_t domain = POLICY_ALL;
    char *dot, *end;

    if (!equals || (size_t)(equals - argument) >= sizeof parameter || !equals[1])
        return false;
    memcpy(parameter, argument, (size_t)(equals - argument));
    parameter[equals - argument] = '\0';
    dot = strchr(parameter, '.');
    if (dot) {
        *dot = '\0';
        domain = domain_find(dot + 1);
        if (domain >= KEEL_DOMAINS_MAX)
            return false;
    }
    uint64_t value = strtoull(equals + 1, &end, 0);

    return equals[1] != '-' && *end == '\0' && policy->set(parameter, domain, value);
}

void policy_commits_add(struct policy_commits *commits, uint64_t cpus)
{
    commits->cpus |= cpus;
    for (; cpus; cpus &= cpus - 1)
        commits->part[__builtin_ctzll(cpus)] = 0;
}

void policy_commit_make(const struct policy *policy, struct policy_commits *commits, uint16_t cpu,
                        uint32_t epoch, struct policy_plan *to, bool *more)
{
    memset(to, 0, sizeof *to);
    *more = policy->plan(cpu, commits->part[cpu], to);
    to->plan.cpu = cpu;
    to->plan.epoch = epoch;
    if (!to->plan.lease)
        to->plan.lease = POLICY_LEASE_NS;
}

void policy_commit_done(struct policy_commits *commits, uint16_t cpu, int64_t status, bool more)
{
    if (status == -KEEL_EAGAIN)
        return;
    commits->part[cpu] = more ? commits->part[cpu] + 1 : 0;
    if (!more)
        commits->cpus &= ~(1ull << cpu);
}
