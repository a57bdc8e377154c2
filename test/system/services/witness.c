/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches how long vCPUs of guests that could run did not, and how they share their CPUs. Each time that the scheduler begins another
 * life, it says what was in the last one, and how the first two guests share their CPU SETTLE_MS later. In a life that its argument
 * names, it kills it.
 *
 *   SCHEDULER LIFE
 */
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS   1u
#define SETTLE_MS 100u
#define SHARE_MS  50u
#define KILL_MS   260u
#define READS     32u
#define GUESTS    4u

enum state { OFF, READY, RUNNING, WAITING, BLOCKED };

static struct guest {
    uint16_t domain;
    uint64_t ran;     /* run time when it was looked at, */
    uint64_t last;    /* and when it last ran, or could not */
    uint64_t longest; /* that it could, and did not, in this life of the scheduler's */
    uint64_t begin;   /* run time when that began */
    uint64_t share;   /* and when its share began to be measured */
} guest[GUESTS];

static const struct keel_connection *scheduler;
static uint32_t guests, kill_in, life;
static uint64_t begun;
static enum { SETTLES, SHARES, TOLD } phase = TOLD;
static uint64_t longest[GUESTS], had[GUESTS]; /* in the life before */
static struct loop_timer timer;

static uint64_t ms_since(uint64_t then)
{
    return (keel_counter() - then) / clock_ticks(CLOCK_NS_PER_MS);
}

static struct guest *guest_of(uint16_t domain)
{
    for (uint32_t i = 0; i < guests; i++)
        if (guest[i].domain == domain)
            return &guest[i];
    return NULL;
}

static void guest_look(const struct keel_plan_vcpu *vcpu, uint64_t now)
{
    struct guest *its = guest_of(vcpu->domain);

    if (!its && guests < GUESTS) {
        its = &guest[guests++];
        *its = (struct guest){.domain = vcpu->domain, .last = now};
    }
    if (!its)
        return;
    if (!vcpu->run_time || vcpu->run_time != its->ran || vcpu->state != READY)
        its->last = now;
    if (now - its->last > its->longest)
        its->longest = now - its->last;
    its->ran = vcpu->run_time;
}

static void life_begins(uint32_t now_in)
{
    for (uint32_t i = 0; i < guests; i++) {
        longest[i] = guest[i].longest;
        had[i] = guest[i].ran - guest[i].begin;
        guest[i].longest = 0;
        guest[i].begin = guest[i].ran;
    }
    life = now_in;
    begun = keel_counter();
    phase = SETTLES;
}

static unsigned percent(uint64_t part, uint64_t other)
{
    return (unsigned)(part + other ? 100 * part / (part + other) : 0);
}

static void tell(void)
{
    printf("life %u: longest", life - 1);
    for (uint32_t i = 0; i < guests; i++)
        printf(" %llu", (unsigned long long)(clock_ns(longest[i]) / 1000));
    printf(" us, shares %u %u %%, afterwards %u %%\n", percent(had[0], had[1]),
           percent(had[2], had[3]),
           percent(guest[0].ran - guest[0].share, guest[1].ran - guest[1].share));
}

static void look(void *context)
{
    static struct keel_plan_vcpu vcpu[READS];
    struct keel_life now;
    uint64_t next;
    int64_t found = keel_plan_read(vcpu, READS, 0, &next);

    (void)context;
    for (int64_t i = 0; i < found; i++)
        if (vcpu[i].kind == KEEL_DOMAIN_MACHINE)
            guest_look(&vcpu[i], keel_counter());
    if (keel_domain_info(KEEL_PEER(scheduler->edge, 0), &now) == 0 &&
        now.state == KEEL_DOMAIN_RUNNING && KEEL_PEER_INCARNATION(now.peer) != life)
        life_begins(KEEL_PEER_INCARNATION(now.peer));
    if (phase == SETTLES && ms_since(begun) >= SETTLE_MS) {
        for (uint32_t i = 0; i < guests; i++)
            guest[i].share = guest[i].ran;
        phase = SHARES;
    } else if (phase == SHARES && ms_since(begun) >= SETTLE_MS + SHARE_MS) {
        phase = TOLD;
        tell();
    } else if (phase == TOLD && life == kill_in && ms_since(begun) >= KILL_MS) {
        (void)keel_domain_stop(now.peer, KEEL_STOP_KILLED, keel_start()->domain);
    }
    loop_timer_set(&timer, clock_after_ms(LOOK_MS), look, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 3 || !(scheduler = keel_connection_with(argv[1], 0, KEEL_RIGHT_STOP)))
        return EXIT_FAILURE;
    kill_in = (uint32_t)atoi(argv[2]);
    look(NULL);
    loop_run();
}
