/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dispatch: which vCPU runs next on a CPU, by numbers that a policy committed. kernel-rules.md 2, 5.
 *
 * Order: reserve (of the boot configuration), then the plan's slots by rank, then whatever is ready and
 * has no hard limit. A reserve with a delay leaves who wakes up to the plan for so long. Before them all whoever is READY and
 * has not run for as long as its domain may wait has a short turn, whatever the plan says. Equals share the CPU by weight. A slot whose vCPU waits for a service's answer runs that
 * service instead, on its own time (helping, D2), along at most HELP_DEPTH services.
 */
#ifndef KERNEL_CPU_DISPATCH_H
#define KERNEL_CPU_DISPATCH_H

#include "cpu/cpu.h"

#define HELP_DEPTH 4
#define SLOT_NONE KEEL_SLOTS_MAX
#define RANK_RESERVE 0u
#define RANK_PLAN 1u         /* + the slot's rank */
#define RANK_STARVING 0x101u /* whoever has not run for as long as its domain may wait; goes first */
#define RANK_BACKGROUND 0x200u
#define PACE_DEFAULT (1u << 16)
#define VTIME_FIRST (1ul << 62) /* more than any slice, and further from its end than any time */
#define VTIME_LATER (1ul << 62) /* behind whoever is eligible */
#define RANK_NONE 0xffffu /* nothing runs, or it is being chosen */
#define SLICE_DEFAULT_NS 5000000u
#define SLICE_MIN_NS 100000u /* shorter ones would leave a CPU no time but the kernel's */
#define COMMIT_MIN_NS 100000u /* between two commits: likewise */
#define STARVING_TICK_NS 40000000u /* less than KEEL_PATIENCE_MS: others may have their turns first */
#define STARVING_TURN_NS 1000000u
#define LEASE_DEFAULT_NS 1000000000u
#define LEASE_MAX_NS 10000000000u /* a policy that died, or went mad, is followed no longer */

extern uint64_t dispatch_reserves; /* atomic; bit n: domain n has a reserve, and may be awake */

/* A CPU that has no plan and runs nothing. */
void dispatch_init(struct cpu *cpu);

/* Chooses what this CPU runs (cpu->current, NULL: nothing) and on whose time. */
void dispatch(struct cpu *cpu);

/* The vCPU has become READY: finds it a CPU. */
void dispatch_wake(struct vcpu *vcpu);

/* The vCPU of a domain with a reserve has gone on from WAITING without having been READY: it is looked at again. */
void dispatch_reserve_counts(const struct domain *domain);

/* The vCPU is READY, and whoever says so takes care that a CPU chooses: no kick. */
void dispatch_ready(const struct vcpu *vcpu);
/* It is not any more, and was not claimed. */
void dispatch_unready(const struct vcpu *vcpu);

/* Books the time since the last call to the turn's owner and bucket. */
void dispatch_account(struct cpu *cpu);

/* The current turn is over, and its slice used up. */
void dispatch_yield(struct cpu *cpu);

/* Whether this CPU may claim it: it is one of its domain's, and no other has its registers. */
bool dispatch_may_run(const struct cpu *cpu, const struct vcpu *vcpu);

/* READY -> RUNNING on this CPU, unless somebody else was quicker or it may not run here. */
bool dispatch_claim(struct cpu *cpu, struct vcpu *vcpu);

/* A plan as the policy sent it: whether it may be committed, and which entries count (their status
 * is filled in). */
must_check int64_t plan_check(uint64_t cpus, const struct keel_plan *plan,
                              struct keel_plan_bucket *buckets, struct keel_plan_slot *slots);

/* Replaces the CPU's plan by a checked one, of a life of a domain (id << 32 | incarnation), which plans those CPUs:
 * each such group has its own buckets. -ESTALE: it has committed a later epoch; -EAGAIN: the last commit was only
 * just now. Nothing changes then. */
must_check int64_t plan_commit(uint64_t planner, uint64_t cpus, const struct keel_plan *plan,
                               const struct keel_plan_bucket *buckets,
                               const struct keel_plan_slot *slots);

#endif
