/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering: see gather.h. */
#include "gather.h"

#define TRIES 8u

static void refill(struct gather *gather, uint32_t index)
{
    struct gather_cpu *cpu = &gather->cpu[index];
    uint64_t first = 0;
    int64_t n = -KEEL_EAGAIN;

    for (uint32_t i = 0; i < TRIES && n == -KEEL_EAGAIN; i++)
        n = gather->ends->read(index, cpu->next, cpu->chunk, KEEL_TRACE_MOST, &first);
    cpu->at = cpu->n = 0;
    cpu->dry = n <= 0;
    if (n < 0)
        return;
    if (cpu->begun && first != cpu->next) {
        gather->ends->lost(gather->ends->context, index, first - cpu->next);
        cpu->gap = true;
    }
    cpu->begun = true;
    cpu->n = (uint32_t)n;
    cpu->next = first + (uint64_t)n;
    cpu->taken += cpu->n;
}

/* The CPU has something to tell, unless it is dry. */
static bool has(struct gather *gather, uint32_t index)
{
    struct gather_cpu *cpu = &gather->cpu[index];

    while (!cpu->dry) {
        while (cpu->at < cpu->n && cpu->chunk[cpu->at].time < gather->from)
            cpu->at++;
        if (cpu->at < cpu->n)
            return true;
        refill(gather, index);
    }
    return false;
}

static bool sooner(const struct keel_trace *a, const struct keel_trace *b)
{
    return a->time < b->time ||
           (a->time == b->time && a->kind != KEEL_TRACE_RUN && b->kind == KEEL_TRACE_RUN);
}

uint32_t gather_until(struct gather *gather, uint64_t until)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < gather->cpus; i++) {
        gather->cpu[i].dry = false;
        gather->cpu[i].taken = 0;
    }
    for (;;) {
        const struct keel_trace *next = NULL;
        uint32_t from = 0;

        for (uint32_t i = 0; i < gather->cpus; i++) {
            if (!has(gather, i))
                continue;
            const struct keel_trace *its = &gather->cpu[i].chunk[gather->cpu[i].at];

            if (next && !sooner(its, next))
                continue;
            next = its;
            from = i;
        }
        if (!next || next->time >= until)
            break;
        if (gather->cpu[from].gap)
            gather->ends->lost(gather->ends->context, from, 0);
        gather->cpu[from].gap = false;
        gather->cpu[from].at++;
        gather->ends->record(gather->ends->context, from, next);
    }
    for (uint32_t i = 0; i < gather->cpus; i++)
        most = gather->cpu[i].taken > most ? gather->cpu[i].taken : most;
    return most;
}
