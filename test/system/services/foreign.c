/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has the role of a scheduler, plans what is not its own, and says what comes of it: CPUs of other groups, everybody's buckets, guests of
 * other groups. Then it commits without an end, and takes no events, until somebody stops it. Arguments: a CPU of its own, the CPUs of the
 * machine.
 */
#include <keel/calls.h>
#include <runtime/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 16u /* buckets of a commit */
#define PERIOD  10000000000ull

static struct {
    struct keel_plan plan;
    struct keel_plan_bucket bucket[AT_ONCE];
    struct keel_plan_slot slot[KEEL_SLOTS_MAX];
} commit;

/* Nothing for anybody, from whatever bucket. */
static int64_t starve(uint16_t cpu, uint16_t buckets, uint16_t domains)
{
    static uint32_t epoch;

    commit.plan = (struct keel_plan){
        .epoch = epoch++, .cpu = cpu, .nbuckets = AT_ONCE, .nslots = domains, .lease = PERIOD};
    for (uint16_t i = 0; i < AT_ONCE; i++)
        commit.bucket[i] = (struct keel_plan_bucket){.index = buckets + i, .period = PERIOD};
    for (uint16_t i = 0; i < domains; i++)
        commit.slot[i] =
            (struct keel_plan_slot){.domain = i, .bucket = buckets, .flags = KEEL_SLOT_HARD};
    return keel_plan_commit(&commit.plan,
                            sizeof commit - (KEEL_SLOTS_MAX - domains) * sizeof commit.slot[0]);
}

/* Which CPUs there are, as far as it is told. */
static uint64_t seen(void)
{
    struct keel_plan_vcpu vcpu[32];
    uint64_t next = 0, cpus = 0;

    do {
        int64_t n = keel_plan_read(vcpu, 32, next, &next);

        for (int64_t i = 0; i < n; i++)
            cpus |= vcpu[i].cpus;
    } while (next != 0);
    return cpus;
}

static const char *answer(int64_t status)
{
    return status < 0 ? strerror((int)-status) : "done";
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return EXIT_FAILURE;
    uint16_t own = (uint16_t)atoi(argv[1]), cpus = (uint16_t)atoi(argv[2]);

    for (uint16_t cpu = 0; cpu <= cpus; cpu++)
        printf("CPU %u: %s\n", cpu, answer(starve(cpu, 0, 0)));
    printf("sees CPUs 0x%llx\n", (unsigned long long)seen());
    fflush(stdout);
    for (uint32_t i = 0;; i = (i + AT_ONCE) % KEEL_BUCKETS_MAX)
        (void)starve(own, (uint16_t)i, KEEL_SLOTS_MAX);
}
