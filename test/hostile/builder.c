/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder turns hostile after the seal: this takes the place of supervise_run() in a builder
 * that is otherwise the real one (meson.build: --wrap). It supervises as before, too.
 *
 * The platform's boot arguments say hostile.seed=N and hostile.calls=N.
 */
#include "suite.h"

#include "../../services/builder/build.h"
#include "../../services/builder/supervise.h"

#include <keel/boot.h>
#include <libfdt.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH  50u
#define VICTIM "victim" /* domains whose names begin so are there to be hurt */

_Noreturn void __wrap_supervise_run(void);

static uint64_t boot_number(const char *key, uint64_t otherwise)
{
    const void *dtb = (const void *)KEEL_BUILDER_DTB_VA;
    int chosen = fdt_path_offset(dtb, "/chosen");
    const char *text = chosen < 0 ? NULL : fdt_getprop(dtb, chosen, "bootargs", NULL);
    const char *at = text ? strstr(text, key) : NULL;

    return at ? strtoull(at + strlen(key), NULL, 0) : otherwise;
}

/* Ends the wait of every turn: the suite wants to go on. */
static struct loop_timer timer;

static void tick(void *context)
{
    loop_timer_set(&timer, keel_counter() + 1, tick, context);
}

_Noreturn void __wrap_supervise_run(void)
{
    static struct suite suite;
    const struct config *config = &builder_system.config;
    const struct authority *authority = &builder_system.authority;
    uint64_t calls = boot_number("hostile.calls=", 1000), events = LOOP_FIRST;

    suite.random = boot_number("hostile.seed=", 1);
    suite.sealed_builder = true;
    for (uint32_t i = 0; i < authority->nedges[KEEL_DOMAIN_BUILDER]; i++) {
        const struct keel_edge *edge = &authority->edge[KEEL_DOMAIN_BUILDER][i].edge;

        suite.edge[i] = (struct suite_edge){edge->rights,    edge->target, edge->memory_lo,
                                            edge->memory_hi, edge->irq_lo, edge->irq_hi};
    }
    for (uint16_t id = 0; id < KEEL_DOMAINS_MAX; id++)
        suite.incarnation[id] = 1;
    for (uint16_t id = 1; id < config->ndomains; id++)
        if (strncmp(config->domain[id].name, VICTIM, strlen(VICTIM)) == 0) {
            suite.targets |= 1ull << id;
            suite.incarnation[id] = 0;
        }
    if (!suite_begin(&suite))
        abort();
    printf("builder: turns hostile\n");
    tick(NULL);
    for (bool told = false;;) {
        if (suite.calls < calls) {
            suite_run(&suite, BATCH);
        } else if (!told) {
            told = true;
            loop_timer_stop(&timer);
            printf("builder: done: %llu calls, %llu permitted, %llu wrong, did %llx\n",
                   (unsigned long long)suite.calls, (unsigned long long)suite.permitted,
                   (unsigned long long)suite.wrong, (unsigned long long)suite.succeeded);
        }
        events = loop_turn(events | LOOP_FIRST);
    }
}
