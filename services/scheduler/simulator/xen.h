/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of Xen's schedulers credit2 and RTDS, to put beside Keel's policies on the same workloads. Written from
 * what is documented of them (xen/README.md says what that is, and what was assumed where it is silent), not from
 * their sources: what a row shows is what the documented rules give, decided at once and at no cost.
 */
#ifndef SIMULATOR_XEN_H
#define SIMULATOR_XEN_H

#include "metrics.h"

/* As policies they have a name and parameters; they plan nothing. */
extern const struct policy xen_credit2, xen_rtds;

bool xen_is(const struct policy *policy);

/* As machine_run. */
bool xen_run(const struct workload *workload, const struct policy *policy, struct metrics *metrics);

#endif
