/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines: see timer.h. A CPU's list is short: at most one entry for each vCPU that waits. */
#include "cpu/timer.h"

#include "cpu/cpu.h"
#include "cpu/vcpu.h"

#define RUNS_MAX 4 /* in one go: the hardware's deadline is over for the rest, and interrupts again */

static void first_changed(struct cpu *cpu) REQUIRES(cpu->lock)
{
    WRITE_ONCE(cpu->timers_due, cpu->timers ? cpu->timers->deadline : TIME_NEVER);
}

static void unlink(struct cpu *cpu, struct timer *timer) REQUIRES(cpu->lock)
{
    struct timer **link = &cpu->timers;

    while (*link != timer)
        link = &(*link)->next;
    *link = timer->next;
    timer->queued = false;
    first_changed(cpu);
}

void timer_cancel_queued(struct timer *timer)
{
    struct cpu *cpu = cpu_at(timer->cpu);

    lock_take(&cpu->lock);
    if (timer->queued)
        unlink(cpu, timer);
    lock_release(&cpu->lock);
}

void timer_set(struct timer *timer, uint32_t index, uint64_t deadline)
{
    struct cpu *cpu = cpu_at(index);
    struct timer **link;

    timer_cancel(timer);
    lock_take(&cpu->lock);
    timer->cpu = (uint8_t)index;
    timer->deadline = deadline;
    for (link = &cpu->timers; *link && (*link)->deadline <= deadline; link = &(*link)->next)
        ;
    timer->next = *link;
    *link = timer;
    timer->queued = true;
    first_changed(cpu);
    bool first = cpu->timers == timer;
    lock_release(&cpu->lock);
    if (first)
        cpu_kick_timer(cpu);
}

static struct timer *due(struct cpu *cpu, uint64_t now)
{
    lock_take(&cpu->lock);

    struct timer *timer = cpu->timers;

    if (timer && timer->deadline <= now)
        unlink(cpu, timer);
    else
        timer = NULL;
    lock_release(&cpu->lock);
    return timer;
}

void timers_run(struct cpu *cpu)
{
    struct timer *timer;

    for (uint32_t i = 0; i < RUNS_MAX && (timer = due(cpu, time_now())); i++)
        vcpu_deadline(CONTAINER_OF(timer, struct vcpu, timer));
}
