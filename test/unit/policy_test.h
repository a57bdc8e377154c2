/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of a policy (POLICY, defined by who includes this) share: guests and services, named by a letter of which `a`
 * is domain 0, and the plan that was last asked for. */
#ifndef TEST_POLICY_TEST_H
#define TEST_POLICY_TEST_H

#include "suite.h"

#include <keel/domain.h>
#include <machine.h>
#include <string.h>

#define GUEST(d, v, c)                                                                    \
    {                                                                                     \
        .domain = d, .vcpu = v, .incarnation = 1, .kind = KEEL_DOMAIN_MACHINE, .cpus = c, \
        .state = 1                                                                        \
    }
#define SERVICE(d, c)                                                                  \
    {                                                                                  \
        .domain = d, .incarnation = 1, .kind = KEEL_DOMAIN_USER, .cpus = c, .state = 3 \
    }

static struct policy_plan plan;

static inline uint16_t domain_find(const char *name)
{
    return name[0] >= 'a' && name[0] <= 'z' && !name[1] ? (uint16_t)(name[0] - 'a') : POLICY_ALL;
}

static inline const char *set(const char *argument)
{
    return policy_argument(&POLICY, argument, domain_find);
}

static inline void sets(const char *argument)
{
    const char *wrong = set(argument);

    ck_assert_msg(!wrong, "%s: %s", argument, wrong);
}

static inline uint64_t look(const struct keel_plan_vcpu *vcpus, uint32_t n)
{
    const struct policy_snapshot snapshot = {.n = n, .vcpu = vcpus};

    return POLICY.look(&snapshot);
}

static inline bool planned(uint16_t cpu, uint32_t part)
{
    memset(&plan, 0, sizeof plan);
    return POLICY.plan(cpu, part, &plan);
}

/* The slot of a vCPU, or NULL, in the plan. */
static inline const struct keel_plan_slot *slot_of(uint16_t domain, uint16_t vcpu)
{
    for (uint32_t i = 0; i < plan.plan.nslots; i++)
        if (plan.slot[i].domain == domain && plan.slot[i].vcpu == vcpu)
            return &plan.slot[i];
    return NULL;
}

#endif
