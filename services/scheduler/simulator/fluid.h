/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due: the same workload on an ideal machine, on which all that can run do so at once, at rates
 * in proportion to their weights, within caps and affinity, and nothing that can run is left over (generalised
 * processor sharing: Parekh, Gallager, IEEE/ACM ToN 1(3), 1993; on several CPUs: max-min fairness).
 */
#ifndef SIMULATOR_FLUID_H
#define SIMULATOR_FLUID_H

#include "workload.h"

void fluid_begin(const struct workload *workload);

/* What vCPU i (of all, in the order of the guests) has had until `now`, ns. `now` never goes back. */
void fluid_advance(uint64_t now);
double fluid_due(uint32_t i);

/* For both machines: each vCPU's own sequence of work and sleep. */
struct fluid_source {
    const struct workload_guest *guest;
    uint64_t random;
    uint64_t release; /* of the job that is being done, or comes next */
};
void fluid_source_begin(struct fluid_source *source, const struct workload *workload,
                        const struct workload_guest *guest, uint32_t i);
/* How long the job takes that begins now; UINT64_MAX: for ever. */
uint64_t fluid_source_run(struct fluid_source *source);
/* The job is done at `now`: when the next one comes; not after `now`: at once. UINT64_MAX: never. */
uint64_t fluid_source_next(struct fluid_source *source, uint64_t now);

#endif
