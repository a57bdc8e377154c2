/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of what was measured, as SVG. */
#ifndef SIMULATOR_DRAW_H
#define SIMULATOR_DRAW_H

#include "metrics.h"

/* Who ran where, in the first 200 ms after the warm-up. */
void draw_timeline(const struct metrics *metrics, const struct workload *workload, FILE *to);

/* What share of a CPU each vCPU had, over time. */
void draw_share(const struct metrics *metrics, const struct workload *workload, FILE *to);

/* Of how many of its wakes each vCPU was running again within a time. */
void draw_latency(const struct metrics *metrics, FILE *to);

#endif
