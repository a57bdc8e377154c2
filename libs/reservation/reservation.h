/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which reservations of CPU time a machine can keep together by earliest deadline first, and on which CPUs. Pure C: the rtds
 * policy admits by it, and a system's configuration is checked by it. Times are in microseconds.
 *
 * On m CPUs that many are kept whose parts budget / period sum up to m - (m - 1) u, u being the largest of them
 * (Goossens, Funk, Baruah, Real-Time Systems 25, 2003), less a tenth. Those that may run on different CPUs are
 * kept to clusters that do not overlap.
 */
#ifndef RESERVATION_RESERVATION_H
#define RESERVATION_RESERVATION_H

#include <keel/plan.h>
#include <stdbool.h>
#include <stddef.h>

#define RESERVATIONS_MAX KEEL_BUCKETS_MAX

struct reservation {
    uint64_t cpus;    /* where it may run, not 0 */
    uint64_t budget;  /* not 0 */
    uint64_t period;  /* not 0 */
    uint64_t cluster; /* in: where it is if it may stay, or 0. Out: the CPUs that keep it */
};

/* Why one can't be kept: parts in percent of a CPU, rounded so that the first is more. */
struct reservation_lack {
    uint64_t sum;  /* of all that may run on its CPUs */
    uint64_t most; /* that these can keep */
    uint32_t cpus;
};

/* Whether n, at most RESERVATIONS_MAX, can be kept together. False: nothing has changed. */
bool reservations_fit(struct reservation *reservation, uint32_t n, struct reservation_lack *lack);

/* That, in words. */
void reservation_lack_text(const struct reservation *reservation,
                           const struct reservation_lack *lack, char *text, size_t bytes);

#endif
