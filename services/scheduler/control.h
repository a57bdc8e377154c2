/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters at run time: read and set by people on the service's console (command.h), and by domains that may
 * send to it (abi/keel/scheduler.h). What was set is kept in the vault.
 */
#ifndef SCHEDULER_CONTROL_H
#define SCHEDULER_CONTROL_H

#include "policy.h"

/* Sets what former lives were told, and listens from now on. snapshot: what there is, run_time in ns. */
void control_begin(const struct policy *policy,
                   uint32_t (*snapshot)(struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX]));

/* Whom the start block names; POLICY_ALL: nobody. */
uint16_t control_domain_find(const char *name);

#endif
