/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people say to a scheduler on its console, a line at a time, and what it answers: `set weight.linux1=512`,
 * `get weight.linux1`, `show`, `help`.
 */
#ifndef SCHEDULER_COMMAND_H
#define SCHEDULER_COMMAND_H

#include "policy.h"

/* Whose console it is. */
struct command_world {
    const struct policy *policy;
    uint16_t (*domain_find)(const char *name);   /* POLICY_ALL: there is none */
    const char *(*domain_name)(uint16_t domain); /* NULL: not known */
    uint32_t (*snapshot)(struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX]); /* run_time in ns */
    bool (*note)(const char *parameter, struct policy_whom whom, uint64_t value);
    void (*say)(const char *line);
};

void command_line(const struct command_world *world, char *line);

#endif
