/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A physical CPU: what it runs, on whose time, and its part of the plan. One kernel stack per CPU;
 * nothing is kept on it from one exit to the next.
 */
#ifndef KERNEL_CPU_CPU_H
#define KERNEL_CPU_CPU_H

#include "arch/cpu.h"
#include "cpu/bucket.h"
#include "cpu/timer.h"
#include "lock.h"
#include <keel/plan.h>
#include <keel/trace.h>

#define TRACE_RECORDS 4096u

struct vcpu;

struct slot {
    struct vcpu **vcpu;    /* where its domain keeps who it is in this life */
    struct bucket *bucket; /* NULL: no limit */
    uint64_t min_run;      /* counter ticks */
    uint64_t vtime;        /* virtual time: what it has had among those of its rank; see `pace` */
    struct slot *equals;   /* the first of its rank, which has their */
    uint64_t mean;         /* virtual time, by weight, of those who want to run */
    uint32_t reviewed;     /* when it was found: the time's low half */
    uint8_t rank, flags, domain, index;
    uint16_t weight;
    uint32_t pace;  /* virtual time of a tick, in 1 / PACE_DEFAULT: less for who weighs more */
    uint64_t slice; /* of the plan, in virtual time */
};

struct cpu {
    struct vcpu *current; /* what runs when the kernel is left; NULL: nothing */
    struct vcpu *owner;   /* on whose time: `current`, or a machine that waits for `current` */
    union {
        struct {
            bool resched; /* atomic: choose again before leaving the kernel */
            bool rearm;   /* atomic: the hardware timer may be set to the wrong time */
            bool late;    /* arch_attend has something to do */
        };
        uint32_t attention; /* atomic: any of these keeps the CPU in the kernel */
    };
    uint32_t index;
    struct arch_cpu arch;
    bool online;    /* atomic */
    uint64_t grace; /* atomic: the last grace whose beginning it saw, holding nothing older */

    uint64_t since;     /* when owner's turn began or was last accounted */
    uint64_t slice_end; /* when the turn ends, or TIME_NEVER */
    uint64_t turn_start;
    struct bucket *turn_bucket; /* that the turn draws on, or NULL */
    uint16_t turn_rank;         /* RANK_* or the slot's */
    struct slot *turn_slot;     /* NULL: outside the plan */
    uint64_t turn_drawn;        /* ticks taken out of the bucket in advance */
    uint64_t armed;             /* what the hardware's timer is set to; TIME_NEVER: it is off */
    uint64_t timers_due;  /* atomic; written under the lock: when the first of `timers` is due */
    uint64_t next_refill; /* earliest refill, or end of the lease, that could change the choice */
    uint64_t *turn_vtime; /* its virtual time, */
    uint32_t turn_pace;   /* and how fast that goes */
    uint64_t background;  /* virtual time of the last one chosen outside the plan */
    uint64_t cut_until;   /* when the turn of `cut_slot`, which gave way, ends; or 0 */
    struct slot *cut_slot;
    uint32_t shown_rank;  /* atomic: of what runs, for those who wake others; RANK_NONE: kick */
    uint32_t best_rank;   /* atomic: of the plan's first slot, or RANK_BACKGROUND */
    uint32_t by_deadline; /* RANK_NONE: a slot of the plan has KEEL_SLOT_EDF; or 0 */
    uint8_t place[KEEL_DOMAINS_MAX]
                 [KEEL_VCPUS_MAX]; /* atomic: of its first in `slot`, or SLOT_NONE */

    struct lock lock; /* what follows */
    struct timer *timers GUARDED_BY(lock);
    uint32_t slots GUARDED_BY(lock);
    uint64_t planner GUARDED_BY(lock);   /* whose plan: domain id << 32 | incarnation */
    uint32_t epoch GUARDED_BY(lock);     /* as the planner counts */
    uint64_t committed GUARDED_BY(lock); /* when */
    uint64_t plans GUARDED_BY(lock);     /* how many have been in place */
    uint64_t slice GUARDED_BY(lock);     /* ticks */
    uint64_t lease_end GUARDED_BY(lock);
    uint64_t review GUARDED_BY(lock); /* when to look for that, or for whoever starves; 0: now */
    uint64_t tick GUARDED_BY(lock);   /* when those that wait are counted again */
    struct slot slot[KEEL_SLOTS_MAX + 1] GUARDED_BY(lock); /* in order of rank; and an end */
    uint16_t hard[KEEL_DOMAINS_MAX] GUARDED_BY(lock);  /* bit n: vCPU n has a hard limit here */

    struct bucket bucket[KEEL_BUCKETS_MAX]; /* of the group of CPUs that begins with this one */
    uint64_t trace_next; /* atomic: how many records it has written */
    struct keel_trace trace[TRACE_RECORDS]; /* record n at n % TRACE_RECORDS */
};
_Static_assert(sizeof(struct cpu) <= CPU_BYTES, "struct cpu fits its pages");

extern uint32_t cpus_online;
extern uint64_t cpus_idle; /* atomic bits */

/* What the way out of the kernel (leave, in entry.S) does as long as there is nobody to run or
 * something in `attention`: chooses, waits, sets the timer. Behind it is arch_enter. */
void cpu_attend(struct cpu *cpu);

/* Makes a CPU choose again: now if it is this one, else by an IPI. */
void cpu_kick(uint32_t cpu);

/* What this CPU does is written down, as soon as somebody wants to read it: keel/trace.h. */
extern uint32_t traces; /* atomic */
void trace_write(enum keel_trace_kind kind, const struct vcpu *vcpu, uint16_t detail);
void trace_run(const struct cpu *cpu); /* what runs from now on */
static inline void trace(enum keel_trace_kind kind, const struct vcpu *vcpu, uint16_t detail)
{
    if (unlikely(READ_ONCE(traces)))
        trace_write(kind, vcpu, detail);
}

/* Between the steps of a long call: lets interrupts in. Whether this CPU now has something better to
 * do than the next step: then the call comes back with what is done. */
static inline bool cpu_wanted(void)
{
    cpu_window();
    return READ_ONCE(cpu_this()->attention);
}

/* A call may hold a pointer to a vCPU that another CPU is taking apart. A grace is over when every
 * CPU has been on its way out of the kernel since it began; those that have not are kicked. */
uint64_t cpus_grace_begin(void);
bool cpus_grace_over(uint64_t grace);

/* A timer in the list of this or any CPU; the deadline is counter ticks. One setter at a time. */
void timer_set(struct timer *timer, uint32_t cpu, uint64_t deadline);
void timer_cancel_queued(struct timer *timer);
static inline void timer_cancel(struct timer *timer)
{
    if (unlikely(__atomic_load_n(&timer->queued, __ATOMIC_ACQUIRE)))
        timer_cancel_queued(timer);
}
/* Runs what is due on this CPU, some of it if it is much; cpu_arm after it interrupts for the rest. */
void timers_run(struct cpu *cpu);
/* The CPU's first deadline has changed: its hardware is set anew. */
void cpu_kick_timer(struct cpu *cpu);
/* Sets the hardware for whatever comes next: a deadline, the end of the turn, a refill. What it is
 * set to may be earlier: most turns end before their time, and then it need not be moved. */
void cpu_arm(struct cpu *cpu);
/* The hardware says that its time has come. */
void cpu_alarm(struct cpu *cpu);

#endif
