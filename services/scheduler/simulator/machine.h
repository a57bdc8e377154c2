/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine that exists only as far as dispatch goes: the kernel's own dispatcher, buckets, timers
 * and vCPU states, on CPUs whose clock jumps from one event to the next. A tick is a nanosecond. What the
 * kernel does takes no time; a policy looks and commits as its service does, `delay` later.
 */
#ifndef SIMULATOR_MACHINE_H
#define SIMULATOR_MACHINE_H

#include "metrics.h"

/* Runs the workload from beginning to end. False: a parameter is not the policy's (it is printed). */
bool machine_run(const struct workload *workload, const struct policy *policy,
                 struct metrics *metrics);

#endif
