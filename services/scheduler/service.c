/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler service: shows its policy (POLICY, by meson.build) what there is, commits the plans that it
 * makes, and commits them again now and then to keep their leases. Arguments are the policy's parameters; they can be
 * changed while it runs (control.h).
 */
#include "control.h"

#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_MS      500u /* well within the lease */
#define READ_ENTRIES 32u  /* of one plan_read */

static const struct policy *const policy = &POLICY;
static struct policy_commits commits;
static uint64_t keep; /* when the leases want the next commit */
static struct loop_timer timer;

static uint32_t snapshot(struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX])
{
    static struct policy_times times;
    uint32_t n = 0;
    uint64_t first = 0;

    do {
        uint64_t next = 0;
        uint32_t room = POLICY_VCPUS_MAX - n < READ_ENTRIES ? POLICY_VCPUS_MAX - n : READ_ENTRIES;
        int64_t found = room ? keel_plan_read(&vcpus[n], room, first, &next) : 0;

        if (found <= 0)
            break;
        n += (uint32_t)found;
        first = next;
    } while (first != 0);
    for (uint32_t i = 0; i < n; i++)
        vcpus[i].run_time = policy_own_time(&times, &vcpus[i], clock_ns(vcpus[i].run_time));
    return n;
}

/* As the kernel takes it: slots follow the buckets that there are. Returns the bytes. */
static uint32_t pack(struct policy_plan *plan)
{
    size_t slots = plan->plan.nslots * sizeof plan->slot[0];
    uint8_t *end = (uint8_t *)&plan->bucket[plan->plan.nbuckets];

    memmove(end, plan->slot, slots);
    return (uint32_t)(end + slots - (uint8_t *)plan);
}

/* What the kernel has no time for now, and what does not fit one commit, is for the next look. */
static void commit(uint16_t cpu)
{
    static struct policy_plan plan;
    bool more;

    policy_commit_make(policy, &commits, cpu, keel_start()->incarnation, &plan, &more);
    int64_t status = keel_plan_commit(&plan.plan, pack(&plan));

    policy_commit_done(&commits, cpu, status, more);
    if (status < 0 && status != -KEEL_EAGAIN)
        printf("the plan of CPU %u was refused: %s\n", cpu, strerror((int)-status));
}

static void look(void *context)
{
    static struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX];
    struct policy_snapshot now = {.vcpu = vcpus, .n = snapshot(vcpus)};
    char line[224];
    uint64_t wanted;

    now.now = clock_ns(keel_counter());
    wanted = policy->look(&now);
    while (policy->tell && policy->tell(line, sizeof line))
        printf("%s\n", line);
    if (keel_counter() >= keep) {
        wanted |= policy_cpus(&now);
        keep = clock_after_ms(KEEP_MS);
    }
    policy_commits_add(&commits, wanted);
    for (uint16_t cpu = 0; cpu < KEEL_CPUS_MAX; cpu++)
        if (commits.cpus >> cpu & 1)
            commit(cpu);
    loop_timer_set(&timer, keel_counter() + clock_ticks(policy->look_ns), look, context);
}

int main(int argc, char **argv)
{
    policy->begin();
    for (int i = 1; i < argc; i++) {
        const char *wrong = policy_argument(policy, argv[i], control_domain_find);

        if (wrong) {
            printf("argument not understood: %s: %s\n", argv[i], wrong);
            return EXIT_FAILURE;
        }
    }
    control_begin(policy, snapshot);
    look(NULL);
    loop_run();
}
