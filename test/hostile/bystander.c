/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who only works: prints a checksum of pages that it rewrites each round, by a rule that
 * run.py knows, too.
 */
#include "bystander.h"

#include <runtime/clock.h>
#include <runtime/loop.h>
#include <stdio.h>

static struct loop_timer timer;

static void work(void *context)
{
    static uint64_t words[BYSTANDER_WORDS];
    static uint32_t round;

    printf("round %u sum %llx\n", round, (unsigned long long)bystander_round(words, round));
    round++;
    loop_timer_set(&timer, clock_after_ms(300), work, context);
}

int main(void)
{
    work(NULL);
    loop_run();
}
