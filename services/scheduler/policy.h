/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scheduling policy is: a plain C library that makes a plan for each CPU out of what it is shown.
 * It makes no calls and has no clock: the service (service.c) drives it on a machine, the simulator
 * (simulator/) and tests on the host. All times are nanoseconds.
 *
 * What the numbers of a plan mean is said in abi/keel/plan.h and done by kernel/cpu/dispatch.c. A plan stays
 * valid without the policy until its lease ends, so it should be right for longer than until the next look.
 */
#ifndef SCHEDULER_POLICY_H
#define SCHEDULER_POLICY_H

#include <keel/plan.h>
#include <policies.h> /* POLICIES */
#include <stdbool.h>
#include <stddef.h>

#define POLICY_VCPUS_MAX   256
#define POLICY_BUCKETS_MAX 16         /* in one commit; those of earlier ones stay as they are */
#define POLICY_ALL         UINT16_MAX /* a parameter of no domain */
#define POLICY_LEASE_NS    2000000000ull

/* What there is, as of now. run_time in nanoseconds. */
struct policy_snapshot {
    uint64_t now;
    uint32_t n;
    const struct keel_plan_vcpu *vcpu;
};

/* Of one CPU. Who drives the policy fills in the epoch and the CPU, and sends it. Left 0 by the policy,
 * the lease is POLICY_LEASE_NS. */
struct policy_plan {
    struct keel_plan plan;
    struct keel_plan_bucket bucket[POLICY_BUCKETS_MAX];
    struct keel_plan_slot slot[KEEL_SLOTS_MAX];
};

/* Whom a parameter is of: POLICY_ALL domains, or POLICY_ALL vCPUs of one, or one of them. */
struct policy_whom {
    uint16_t domain;
    uint16_t vcpu;
};

enum policy_scope { POLICY_OF_MACHINE, POLICY_OF_DOMAIN, POLICY_OF_VCPU };

struct policy_parameter {
    const char *name;
    enum policy_scope scope; /* POLICY_OF_VCPU: set for a domain, it is for all vCPUs of that */
    uint64_t least, most;
};

/* There is one instance of a policy in a program; `begin` makes it anew. */
struct policy {
    const char *name;
    const struct policy_parameter *parameter; /* those that it has */
    uint32_t parameters;
    uint64_t look_ns; /* how often it wants to look */

    void (*begin)(void);

    /* Sets a parameter, by its index, before or between looks; NULL if there are none. Whom it is for and
     * the value's range were checked (policy_set). NULL: it is set; else why not, and nothing has changed. */
    const char *(*set)(uint32_t parameter, struct policy_whom whom, uint64_t value);

    /* Its value; of a domain for POLICY_ALL vCPUs, that of vCPU 0. */
    uint64_t (*get)(uint32_t parameter, struct policy_whom whom);

    /* What it has to say to people, if anything, once: fills in a line, or returns false. May be NULL. */
    bool (*tell)(char *line, size_t bytes);

    /* Returns the CPUs whose plans should be committed anew. */
    uint64_t (*look)(const struct policy_snapshot *snapshot);

    /* The plan of one CPU, as of the last look. *to is zero at first. Called after each commit of the same
     * plan, too, to keep the lease. True: there are more buckets than one commit can carry, and the
     * next part, with the others, is to be committed as well. */
    bool (*plan)(uint16_t cpu, uint32_t part, struct policy_plan *to);
};

/* Those of the list in meson.build. */
#define POLICY_DECLARE(name) extern const struct policy policy_##name;
POLICIES(POLICY_DECLARE)

/* For policies. */

/* The CPUs that somebody may run on. */
uint64_t policy_cpus(const struct policy_snapshot *snapshot);

/* Whether the same vCPUs, in the same lives and with the same CPUs, are in both. */
bool policy_same(const struct keel_plan_vcpu *a, uint32_t na, const struct keel_plan_vcpu *b,
                 uint32_t nb);

/* Makes the list, which has room for POLICY_VCPUS_MAX, that of those in the snapshot that can run somewhere. Whether these are
 * others than before, as of policy_same. */
bool policy_take(const struct policy_snapshot *snapshot, struct keel_plan_vcpu *list, uint32_t *n);

/* For those who drive them. */

/* The index of a parameter of that name, or -1. */
int policy_parameter_find(const struct policy *policy, const char *name);

/* Sets a parameter if it may have that value. NULL: it is set; else what is wrong: `weight: 0 is not 1 to 65535`.
 * Such texts are good until the next call. */
const char *policy_set(const struct policy *policy, const char *parameter, struct policy_whom whom,
                       uint64_t value);

/* The same, to know its value. */
const char *policy_get(const struct policy *policy, const char *parameter, struct policy_whom whom,
                       uint64_t *value);

/* As people write it. */
struct policy_setting {
    char parameter[80]; /* what is behind its NUL has no meaning */
    struct policy_whom whom;
    uint64_t value;
};

/* Reads `parameter.NAME/VCPU=N`, or without what is behind the parameter, or (valued: false) without the value. NULL: read. */
const char *policy_read(const char *text, uint16_t (*domain_find)(const char *name),
                        struct policy_setting *setting, bool *valued);

/* `parameter=N`, `parameter.NAME=N` or `parameter.NAME/VCPU=N`, as on a service's command line. Domains are
 * known by name to `domain_find`, which returns POLICY_ALL for one that there is not. NULL: it is set. */
const char *policy_argument(const struct policy *policy, const char *argument,
                            uint16_t (*domain_find)(const char *name));

/* Services may run in several groups of CPUs, of which one is planned here: what they had elsewhere, as far as looks tell. */
struct policy_times {
    struct {
        uint32_t incarnation;
        uint64_t seen, elsewhere;
    } service[KEEL_DOMAINS_MAX];
};

/* What of its run time a vCPU had on the CPUs that are planned here. What it had since the last look counts for where it was
 * last. */
uint64_t policy_own_time(struct policy_times *times, const struct keel_plan_vcpu *vcpu,
                         uint64_t run_time);

/* What is on its way to the kernel. */
struct policy_commits {
    uint64_t cpus;                /* whose plans are to be committed */
    uint32_t part[KEEL_CPUS_MAX]; /* from which part on */
};

/* The plans of these CPUs are to be committed from their first part on. */
void policy_commits_add(struct policy_commits *commits, uint64_t cpus);

/* Makes what is to be committed next for a CPU, and notes how that went: of what the kernel had no time for
 * (-KEEL_EAGAIN) nothing was done. */
void policy_commit_make(const struct policy *policy, struct policy_commits *commits, uint16_t cpu,
                        uint32_t epoch, struct policy_plan *to, bool *more);
void policy_commit_done(struct policy_commits *commits, uint16_t cpu, int64_t status, bool more);

#endif
