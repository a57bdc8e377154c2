/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the whole authority table and the state of the domains that it watches again and again, and
 * tells any change since the first time.
 */
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <string.h>

#define LOOK_MS 200u
#define TELL    5u /* looks */

static struct keel_edge table[KEEL_DOMAINS_MAX][KEEL_EDGES_MAX];
static struct keel_life life[KEEL_EDGES_MAX];
static uint32_t looks, changes;
static struct loop_timer timer;

static void edges_look(void)
{
    for (uint64_t domain = 0; domain < KEEL_DOMAINS_MAX; domain++)
        for (uint64_t index = 0; index < KEEL_EDGES_MAX; index++) {
            struct keel_edge now;

            if (keel_edge_read(domain, index, &now) < 0)
                memset(&now, 0xff, sizeof now);
            if (looks && memcmp(&now, &table[domain][index], sizeof now) != 0) {
                changes++;
                printf("CHANGED edge %u of domain %u\n", (unsigned)index, (unsigned)domain);
            }
            table[domain][index] = now;
        }
}

static void lives_look(void)
{
    const struct keel_connection *connection;

    for (uint32_t i = 0; (connection = keel_connection_at(i)) && i < KEEL_EDGES_MAX; i++) {
        struct keel_life now = {0};

        if (!(connection->rights & KEEL_RIGHT_WATCH))
            continue;
        if (keel_domain_info(KEEL_PEER(connection->edge, 1), &now) < 0)
            printf("CHANGED no answer about %s\n", connection->name);
        now.run_time = 0;
        if (looks && memcmp(&now, &life[i], sizeof now) != 0) {
            changes++;
            printf("CHANGED %s: life %u, state %u, %llu pages, reason %u\n", connection->name,
                   KEEL_PEER_INCARNATION(now.peer), now.state, (unsigned long long)now.pages,
                   now.reason);
        }
        life[i] = now;
    }
}

static void look(void *context)
{
    edges_look();
    lives_look();
    if (looks++ % TELL == 0)
        printf("look %u: %u changes\n", looks, changes);
    loop_timer_set(&timer, clock_after_ms(LOOK_MS), look, context);
}

int main(void)
{
    /* The table is sealed, and everybody runs, some time after the first service does. */
    loop_timer_set(&timer, clock_after_ms(2000), look, NULL);
    loop_run();
}
