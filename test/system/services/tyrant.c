/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scheduler of one CPU that is good for a while in each of its lives, and then bad: the n-th life in the n-th way below. Then
 * it says what came of it, and ends, unless that was its way. The guests that it may plan are its victims.
 * Argument: the id of a domain that has nothing to do with it.
 */
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPU        0
#define GOOD_MS    170u
#define BAD_MS     230u
#define LAST_MS    20u /* for its last words */
#define LOOK_MS    10u
#define KEEP_MS    500u
#define SLICE_NS   1000000u
#define READS      32u
#define BUCKET     77u
#define RANK_GUEST 1
#define RANK_LAST  2
#define EPOCH      1000u

enum treatment { FAIR, LEFT_OUT, BEHIND, LIMITED };

static struct keel_plan_vcpu vcpu[READS];
static uint32_t vcpus;
static uint16_t foreign;
static uint64_t begun; /* to be good; 0: not yet */
static uint32_t taken, refused, in_part;

/* One or the other of the guests: counted from 0; by its place in the snapshot. */
static int guest_number(uint32_t index)
{
    int number = 0;

    if (vcpu[index].kind != KEEL_DOMAIN_MACHINE)
        return -1;
    for (uint32_t i = 0; i < index; i++)
        number += vcpu[i].kind == KEEL_DOMAIN_MACHINE;
    return number;
}

static void snapshot(void)
{
    uint64_t next;
    int64_t found = keel_plan_read(vcpu, READS, 0, &next);

    vcpus = found > 0 ? (uint32_t)found : 0;
}

static int64_t commit(const struct keel_plan *plan, const struct keel_plan_bucket *bucket,
                      const struct keel_plan_slot *slot)
{
    static uint64_t words[512];
    uint8_t *at = (uint8_t *)words;
    size_t bytes = sizeof *plan, of_slots = plan->nslots * sizeof *slot;
    int64_t status;

    memcpy(at, plan, sizeof *plan);
    memcpy(at + bytes, bucket, plan->nbuckets * sizeof *bucket);
    bytes += plan->nbuckets * sizeof *bucket;
    memcpy(at + bytes, slot, of_slots);
    status = keel_plan_commit((struct keel_plan *)words, (uint32_t)(bytes + of_slots));
    taken += status == 0;
    refused += status != 0;
    for (uint32_t i = 0; status == 0 && i < plan->nslots; i++) {
        struct keel_plan_slot answer;

        memcpy(&answer, at + bytes + i * sizeof answer, sizeof answer);
        in_part += answer.status != 0;
    }
    return status;
}

/* Services first, then guests equally, but for one of them. */
static int64_t plan_with(int victim, enum treatment treatment, uint64_t lease, uint32_t slice,
                         uint32_t epoch)
{
    struct keel_plan_bucket none = {.index = BUCKET, .period = 100000000, .budget = 0};
    struct keel_plan plan = {
        .epoch = epoch, .cpu = CPU, .nbuckets = 1, .slice = slice, .lease = lease};
    struct keel_plan_slot slots[READS];

    for (uint8_t rank = 0; rank <= RANK_LAST; rank++)
        for (uint32_t i = 0; i < vcpus; i++) {
            int number = guest_number(i);
            enum treatment its = number >= 0 && number == victim ? treatment : FAIR;
            uint8_t of = number < 0 ? 0 : its == BEHIND ? RANK_LAST : RANK_GUEST;

            if (its == LEFT_OUT || of != rank)
                continue;
            slots[plan.nslots++] = (struct keel_plan_slot){
                .domain = vcpu[i].domain,
                .vcpu = vcpu[i].vcpu,
                .bucket = its == LIMITED ? BUCKET : KEEL_BUCKET_NONE,
                .rank = of,
                .flags = its == LIMITED ? KEEL_SLOT_HARD : 0,
            };
        }
    return commit(&plan, &none, slots);
}

/* What somebody has had beyond its share is forgotten by each commit. */
static void be_fair(void)
{
    static uint64_t next;
    static uint32_t known;

    if (vcpus == known && keel_counter() < next)
        return;
    (void)plan_with(-1, FAIR, 0, SLICE_NS, EPOCH);
    known = vcpus;
    next = clock_after_ms(KEEP_MS);
}

/* The ways to be bad. They are called again and again. */

static void crash(void)
{
    static volatile uintptr_t nowhere = 8;

    *(volatile uint32_t *)nowhere = 0;
}

static void hang(void)
{
    for (;;)
        ;
}

static void be_killed(void)
{
    be_fair();
}

static void flood(void)
{
    for (uint64_t end = clock_after_ms(LOOK_MS); keel_counter() < end;)
        (void)plan_with(-1, FAIR, 0, SLICE_NS, EPOCH);
}

static void send_stale(void)
{
    for (uint32_t i = 1; i <= 10; i++)
        (void)plan_with(-1, FAIR, 0, SLICE_NS, EPOCH - i);
}

static void send_foreign(void)
{
    struct keel_plan plan = {.epoch = EPOCH, .nslots = 1};
    struct keel_plan_slot slot = {.domain = foreign, .bucket = KEEL_BUCKET_NONE};

    for (uint16_t cpu = CPU + 1; cpu < KEEL_CPUS_MAX; cpu = (uint16_t)(cpu * 2)) {
        plan.cpu = cpu;
        (void)commit(&plan, NULL, &slot);
    }
    /* Of its own CPU, but of a domain that may not run there: that leaves out all others. */
    plan.cpu = CPU;
    (void)commit(&plan, NULL, &slot);
}

static void send_malformed(void)
{
    static const struct keel_plan_slot slots[] = {
        {.domain = KEEL_DOMAINS_MAX, .bucket = KEEL_BUCKET_NONE},
        {.domain = UINT16_MAX, .vcpu = UINT16_MAX, .bucket = KEEL_BUCKET_NONE},
        {.bucket = KEEL_BUCKETS_MAX},
        {.bucket = KEEL_BUCKET_NONE, .flags = 0xff},
        {.bucket = KEEL_BUCKET_NONE, .weight = UINT32_MAX},
        {.bucket = KEEL_BUCKET_NONE, .rank = 5},
        {.bucket = KEEL_BUCKET_NONE, .rank = 4},
    };
    static const struct keel_plan_bucket bucket = {.index = KEEL_BUCKETS_MAX, .period = 1};
    static const struct keel_plan plans[] = {
        {.epoch = EPOCH, .flags = 1},
        {.epoch = EPOCH, .slice = 1},
        {.epoch = EPOCH, .lease = UINT64_MAX},
        {.epoch = EPOCH, .nbuckets = 1, .nslots = 7},
    };
    struct keel_plan huge = {.epoch = EPOCH, .nslots = UINT16_MAX, .nbuckets = UINT16_MAX};

    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++)
        (void)commit(&plans[i], &bucket, slots);
    refused += keel_plan_commit(&huge, sizeof huge) < 0;
    refused += keel_plan_commit(&huge, 3) < 0;
    refused += keel_plan_commit((struct keel_plan *)8, sizeof huge) < 0;
    refused += keel_plan_commit((struct keel_plan *)UINTPTR_MAX, sizeof huge) < 0;
}

static void leave_out(void)
{
    (void)plan_with(0, LEFT_OUT, 0, SLICE_NS, EPOCH);
}

static void put_behind(void)
{
    (void)plan_with(0, BEHIND, 0, SLICE_NS, EPOCH);
}

static void limit_first(void)
{
    (void)plan_with(0, LIMITED, 0, SLICE_NS, EPOCH);
}

static void limit_second(void)
{
    (void)plan_with(1, LIMITED, 0, SLICE_NS, EPOCH);
}

/* The longest lease and slice that there are, once. */
static void bind(void)
{
    static bool done;

    if (!done)
        (void)plan_with(0, LEFT_OUT, 10000000000ul, UINT32_MAX, EPOCH);
    done = true;
}

static const struct {
    const char *name;
    void (*act)(void);
    bool endless; /* until the supervisor has had enough */
} ways[] = {
    {"crashes", crash, false},
    {"hangs", hang, false},
    {"is killed", be_killed, false},
    {"floods", flood, false},
    {"sends stale plans", send_stale, false},
    {"sends foreign plans", send_foreign, false},
    {"sends malformed plans", send_malformed, false},
    {"leaves one out", leave_out, false},
    {"leaves one out without an end", leave_out, true},
    {"puts one behind the other", put_behind, false},
    {"limits one hard", limit_first, false},
    {"leaves one out with the longest lease", bind, false},
    {"limits the other hard", limit_second, false},
};

static struct loop_timer timer;

static void end(void *context)
{
    (void)context;
    exit(EXIT_FAILURE);
}

static bool all_run(void)
{
    uint32_t guests = 0;

    for (uint32_t i = 0; i < vcpus; i++)
        if (vcpu[i].kind == KEEL_DOMAIN_MACHINE && vcpu[i].run_time)
            guests++;
    return guests == 2;
}

static void look(void *context)
{
    uint32_t life = keel_start()->incarnation;
    uint64_t now = keel_counter();

    (void)context;
    snapshot();
    if (!begun && all_run())
        begun = now;
    if (!begun || now < begun + clock_ticks(GOOD_MS * CLOCK_NS_PER_MS) ||
        life > sizeof ways / sizeof ways[0]) {
        be_fair();
        taken = refused = in_part = 0;
    } else if (ways[life - 1].endless ||
               now < begun + clock_ticks((GOOD_MS + BAD_MS) * CLOCK_NS_PER_MS)) {
        ways[life - 1].act();
    } else {
        printf("%s: %u taken, %u refused, %u slots refused\n", ways[life - 1].name, taken, refused,
               in_part);
        loop_timer_set(&timer, clock_after_ms(LAST_MS), end, NULL);
        return;
    }
    loop_timer_set(&timer, clock_after_ms(LOOK_MS), look, NULL);
}

int main(int argc, char **argv)
{
    foreign = argc == 2 ? (uint16_t)atoi(argv[1]) : 0;
    look(NULL);
    loop_run();
}
