/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler service with the equal policy: looks at what there is, commits a plan for each CPU
 * when something came or went, and now and then to keep its lease. Arguments: weight.NAME=N.
 */
#include "policy.h"

#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS      20u  /* until the kernel tells of new and dead vCPUs */
#define KEEP_MS      500u /* well within the lease */
#define READ_ENTRIES 32u  /* of one plan_read */

static struct policy policy;
static struct keel_plan_vcpu committed[POLICY_VCPUS_MAX];
static uint32_t ncommitted;
static uint64_t keep; /* when the lease wants the next commit */
static struct loop_timer timer;

static uint32_t snapshot(struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX])
{
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
    return n;
}

/* A plan is made for every CPU that somebody may run on; the kernel refuses those there are not. */
static void commit(const struct keel_plan_vcpu *vcpus, uint32_t n)
{
    static struct policy_plan plan;
    uint64_t cpus = 0;

    for (uint32_t i = 0; i < n; i++)
        cpus |= vcpus[i].cpus;
    for (uint16_t cpu = 0; cpu < KEEL_CPUS_MAX; cpu++) {
        if (!(cpus >> cpu & 1))
            continue;
        uint32_t bytes = policy_plan(&policy, vcpus, n, cpu, keel_start()->incarnation, &plan);
        int64_t status = keel_plan_commit(&plan.plan, bytes);
        if (status < 0 && status != -KEEL_EINVAL)
            printf("the plan of CPU %u was refused: %s\n", cpu, strerror((int)-status));
    }
    memcpy(committed, vcpus, n * sizeof vcpus[0]);
    ncommitted = n;
    keep = clock_after_ms(KEEP_MS);
}

static void look(void *context)
{
    static struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX];
    uint32_t n = snapshot(vcpus);

    if (!policy_same(vcpus, n, committed, ncommitted) || keel_counter() >= keep)
        commit(vcpus, n);
    loop_timer_set(&timer, clock_after_ms(LOOK_MS), look, context);
}

/* weight.NAME=N, for a domain that the start block names. */
static bool weight_read(const char *argument)
{
    static const char prefix[] = "weight.";
    const char *name = argument + sizeof prefix - 1, *equals = strchr(argument, '=');
    const struct keel_connection *connection;
    char *end;

    if (strncmp(argument, prefix, sizeof prefix - 1) != 0 || !equals)
        return false;
    unsigned long weight = strtoul(equals + 1, &end, 10);
    if (*end || weight < 1 || weight > 1000)
        return false;
    for (uint32_t i = 0; (connection = keel_connection_at(i)); i++)
        if (strlen(connection->name) == (size_t)(equals - name) &&
            strncmp(connection->name, name, (size_t)(equals - name)) == 0 &&
            connection->domain < KEEL_DOMAINS_MAX) {
            policy.weight[connection->domain] = (uint32_t)weight;
            policy.weighted = true;
            return true;
        }
    return false;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!weight_read(argv[i])) {
            printf("argument not understood: %s, expected weight.NAME=N, N 1 to 1000\n", argv[i]);
            return EXIT_FAILURE;
        }
    look(NULL);
    loop_run();
}
