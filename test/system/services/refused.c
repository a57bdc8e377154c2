/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls without the right to, and reads what the kernel keeps of such calls.
 *
 *   COUNT     calls of each of three kinds
 *   audit     says what each domain was refused, whenever that changes
 */
#include <argo/argo.h>
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 100

static struct loop_timer timer;
static uint64_t seen[KEEL_DOMAINS_MAX];

static void tell(uint32_t domain, const struct keel_refusals *refusals)
{
    const struct keel_refusal *last = &refusals->last[(refusals->total - 1) % KEEL_REFUSALS_KEPT];

    printf("domain %u: %llu refused", domain, (unsigned long long)refusals->total);
    for (uint32_t call = 0; call < KEEL_CALLS_MAX; call++)
        if (refusals->of_call[call] != 0)
            printf(", %u of %u", refusals->of_call[call], call);
    printf("; last %u in life %u with 0x%llx, 0x%llx\n", last->call, last->incarnation,
           (unsigned long long)last->args[0], (unsigned long long)last->args[1]);
}

static void look(void *context)
{
    (void)context;
    for (uint32_t domain = 0; domain < KEEL_DOMAINS_MAX; domain++) {
        struct keel_refusals refusals;

        if (keel_refusals(domain, &refusals) == 0 && refusals.total != seen[domain]) {
            seen[domain] = refusals.total;
            tell(domain, &refusals);
        }
    }
    loop_timer_set(&timer, clock_after_ms(LOOK_MS), look, NULL);
}

static void offend(uint32_t count)
{
    uint32_t refused = 0;

    for (uint32_t i = 0; i < count; i++) {
        refused += keel_system_off(0) == -KEEL_EACCES;
        refused += keel_domain_stop(KEEL_PEER(KEEL_EDGES_MAX - 1, 7), KEEL_STOP_KILLED, 0) == -KEEL_EACCES;
        refused += keel_refusals(0, NULL) == -KEEL_EACCES;
    }
    printf("%u calls were refused\n", refused);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "audit") == 0)
        look(NULL);
    else if (argc > 1)
        offend((uint32_t)strtoul(argv[1], NULL, 10));
    loop_run();
}
