/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated machine does: a text file, a line for each thing. See README.md.
 */
#ifndef SIMULATOR_WORKLOAD_H
#define SIMULATOR_WORKLOAD_H

#include <keel/boot.h>
#include <keel/plan.h>
#include <policy.h>
#include <stdio.h>

#define WORKLOAD_PARAMETERS_MAX 256
#define WORKLOAD_NAME_BYTES     32
#define WORKLOAD_WEIGHT         256 /* of those that were given none */

enum workload_kind {
    WORKLOAD_BUSY,     /* never sleeps */
    WORKLOAD_PERIODIC, /* `run` every `period` */
    WORKLOAD_THINK,    /* sleeps for `period` and runs for `run`, on average: exponential */
};

struct workload_guest {
    char name[WORKLOAD_NAME_BYTES];
    enum workload_kind kind;
    uint32_t vcpus;
    bool service;    /* the kernel's kind of domain is `user` */
    uint64_t cpus;   /* that it may run on */
    uint64_t period; /* ns */
    uint64_t run;
    uint64_t phase; /* of the first work that comes; UINT64_MAX: random */
    uint64_t from;  /* when it begins, and ends */
    uint64_t until;
    /* What the parameters say, for the reference (fluid.h). */
    uint32_t weight;
    uint32_t cap;    /* percent of a CPU; 0: none */
    uint64_t affine; /* CPUs that it may run on */
    uint64_t soft;   /* CPUs that it should run on */
};

struct workload {
    uint32_t cpus;
    uint64_t time;    /* ns that are simulated */
    uint64_t warm_up; /* of these, before anything is measured */
    uint64_t delay;   /* from the policy's look to its commits */
    uint64_t dies;    /* when the policy looks no more */
    uint64_t slice;   /* what an error may be, however little is due */
    uint64_t seed;
    char policy[WORKLOAD_NAME_BYTES];
    uint32_t parameters;
    char parameter[WORKLOAD_PARAMETERS_MAX][64];
    uint32_t guests;
    struct workload_guest guest[KEEL_DOMAINS_MAX]; /* [0] is domain 1 */
};

/* False, and why not on stderr with `name` and the line. */
bool workload_read(FILE *file, const char *name, struct workload *workload);

#endif
