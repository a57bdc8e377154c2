/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured of each vCPU and of the machine, from the end of the warm-up on. Times: ns. */
#ifndef SIMULATOR_METRICS_H
#define SIMULATOR_METRICS_H

#include "workload.h"

#define METRICS_STEP_NS    500000ull /* windows begin and end at multiples of this */
#define METRICS_WINDOWS    2         /* of 100 ms, of 1 s */
#define METRICS_BUCKETS    1024      /* of latencies: 32 for each power of two */
#define METRICS_TURNS_MAX  20000     /* drawn */
#define METRICS_SHARES_MAX 200       /* drawn, of each vCPU */

struct metrics_window {
    double worst;      /* |received - due|, ns */
    double of_limit;   /* that, as part of what it may be: max(5 or 1 % of what is due, a slice) */
    double most_ahead; /* received - due */
};

struct metrics_vcpu {
    const struct workload_guest *guest;
    uint32_t index;  /* in the guest */
    double received; /* in all */
    double due;
    struct metrics_window window[METRICS_WINDOWS];
    uint64_t wakes;
    uint64_t latency_worst;
    uint64_t latency[METRICS_BUCKETS];
    uint64_t jobs;       /* of periodic ones: due within the measured time, */
    uint64_t misses;     /* and not done before the next one came */
    uint64_t late_worst; /* how long after that, at most */
    uint64_t response;   /* from when each of them came until it was done, together */
    uint64_t response_worst;
    uint64_t gap;                    /* longest that it could run and did not */
    uint64_t switches;               /* turns that began with another one's end */
    uint64_t moves;                  /* to another CPU */
    uint64_t elsewhere;              /* ran where it should not: soft affinity */
    float share[METRICS_SHARES_MAX]; /* of a CPU */
};

/* A vCPU on a CPU, for the drawing. */
struct metrics_turn {
    uint16_t cpu;
    uint16_t vcpu;
    uint64_t begin;
    uint64_t end;
};

struct metrics {
    uint32_t vcpus;
    struct metrics_vcpu vcpu[POLICY_VCPUS_MAX];
    uint64_t measured; /* ns */
    uint64_t events;
    uint64_t looks;
    uint64_t commits;
    uint64_t refused;    /* of them */
    uint64_t idle_worst; /* a CPU idle while somebody could run there, at a stretch */
    uint64_t idle_total;
    uint64_t idle_since; /* UINT64_MAX: it is not so now */
    uint32_t turns;
    uint64_t turns_from; /* what is drawn begins here */
    struct metrics_turn turn[METRICS_TURNS_MAX];
    uint32_t shares;
    uint64_t share_step;
};

void metrics_begin(struct metrics *metrics, const struct workload *workload);

/* At each METRICS_STEP_NS: what each vCPU has had, and what was due, since the beginning. */
void metrics_sample(struct metrics *metrics, const struct workload *workload, uint64_t now,
                    const uint64_t *received);
void metrics_latency(struct metrics_vcpu *vcpu, uint64_t latency);
void metrics_job(struct metrics_vcpu *vcpu, uint64_t released, uint64_t deadline, uint64_t done);
void metrics_turn_begins(struct metrics_vcpu *vcpu, uint64_t waited, bool moved);
void metrics_turn(struct metrics *metrics, struct metrics_turn turn);

/* After each event: whether a CPU is idle now while somebody could run there. */
void metrics_idle(struct metrics *metrics, bool wasted, uint64_t now);

/* The latency that `part` (0.999) of the wakes were within: the upper bound of its bucket. */
uint64_t metrics_percentile(const struct metrics_vcpu *vcpu, double part);

void metrics_print(const struct metrics *metrics, FILE *to);

#endif
