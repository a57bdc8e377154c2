/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines of services (see deadline.h): a ping each, from time to time. */
#include "deadline.h"

#include "build.h"

#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <stdio.h>

#define RAN_PART \
    4u /* of its deadline, in which a service that does not take events must have run */

/* Ticks: what ran on the service's own time, and on the time of those whose exits it answers, which
 * run it while they wait for it. */
struct ran {
    uint64_t own, served;
};

static struct {
    struct loop_timer timer;
    struct ran taken; /* when it last took a ping */
    uint32_t starved; /* looks in this life before which its plans starved somebody */
} watch[KEEL_DOMAINS_MAX];

static keel_peer peer_of(uint16_t id)
{
    return KEEL_PEER(id, builder_system.incarnation[id]);
}

static uint64_t run_time(uint16_t id)
{
    struct keel_life now;

    return keel_domain_info(peer_of(id), &now) == 0 ? now.run_time : 0;
}

static struct ran ran_until_now(uint16_t id)
{
    const struct authority *authority = &builder_system.authority;
    struct ran ran = {.own = run_time(id)};
    uint64_t served = 0;

    for (uint32_t i = 0; i < authority->nedges[id]; i++)
        if (authority->edge[id][i].edge.rights & (KEEL_RIGHT_SERVE | KEEL_RIGHT_CALLS))
            served |= 1ull << authority->edge[id][i].edge.target;
    for (; served; served &= served - 1)
        ran.served += run_time((uint16_t)__builtin_ctzll(served));
    return ran;
}

/* Whether it could have taken its events: a guest's time counts if the guest waited for it. */
static bool had_time(uint16_t id, struct ran now, int64_t missed)
{
    const uint64_t deadline = builder_system.config.domain[id].deadline_ms * CLOCK_NS_PER_MS;
    uint64_t ran = now.own - watch[id].taken.own;

    if (missed & KEEL_PING_UNANSWERED)
        ran += now.served - watch[id].taken.served;
    return ran >= clock_ticks(deadline / RAN_PART);
}

static void on_time(void *context);

static void look_later(uint16_t id)
{
    loop_timer_set(&watch[id].timer, clock_after_ms(builder_system.config.domain[id].deadline_ms),
                   on_time, (void *)(uintptr_t)id);
}

/* Says so once; whether it has done that too often. */
static bool starves(uint16_t id)
{
    const struct config_domain *domain = &builder_system.config.domain[id];

    if (watch[id].starved++ == 0)
        printf("builder: %s starves others, who have turns all the same\n", domain->name);
    return domain->starving_max && watch[id].starved > domain->starving_max;
}

static void on_time(void *context)
{
    uint16_t id = (uint16_t)(uintptr_t)context;
    struct ran now = ran_until_now(id);
    int64_t missed = keel_domain_ping(peer_of(id));
    bool starving;

    if (missed < 0)
        return; /* it has ended */
    starving = missed & KEEL_PING_STARVES && starves(id);
    missed &= ~(int64_t)KEEL_PING_STARVES;
    if (!(missed & KEEL_PING_UNTAKEN))
        watch[id].taken = now;
    else if (!had_time(id, now, missed))
        missed = 0; /* whom it left unanswered, it could not answer */
    if (starving)
        missed |= KEEL_PING_STARVES;
    if (missed)
        (void)keel_domain_stop(peer_of(id), KEEL_STOP_DEADLINE, (uint64_t)missed);
    else
        look_later(id);
}

void deadline_begin(uint16_t id)
{
    const struct config_domain *domain = &builder_system.config.domain[id];

    if (domain->kind == CONFIG_GUEST || domain->deadline_ms == 0)
        return;
    /* What waited for the life before begins to wait for this one now. */
    (void)keel_domain_ping(peer_of(id));
    watch[id].taken = ran_until_now(id);
    watch[id].starved = 0;
    look_later(id);
}

void deadline_end(uint16_t id)
{
    loop_timer_stop(&watch[id].timer);
}
