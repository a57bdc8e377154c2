/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exits: what a machine does that a service answers. The vCPU blocks, the exit becomes a message in
 * the service's kernel ring, and if the service waits, this CPU switches to it at once, on the
 * machine's time. kernel-rules.md 2, D1 to D9.
 */
#ifndef KERNEL_CPU_EXIT_H
#define KERNEL_CPU_EXIT_H

#include "cpu/cpu.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"

/* The current machine's vCPU needs an answer by the route's service. message: kind, size and args
 * are filled in. */
void exit_raise(struct cpu *cpu, struct vcpu *vcpu, const struct route *route);

/* Whether the vCPU of `peer` that seq names waits for an answer by `service`. */
struct vcpu *exit_find(const struct domain *service, struct domain *peer, uint64_t seq);

/* Gives the answer to a vCPU that is BLOCKED: it is in `state` afterwards (true), or OFF, or somebody
 * was quicker. */
bool exit_answer(struct vcpu *vcpu, uint64_t action, uint64_t value, enum vcpu_state state);

static inline bool exit_is_call(const struct vcpu *vcpu)
{
    return vcpu->exit.message.kind == KEEL_EXIT_HVC || vcpu->exit.message.kind == KEEL_EXIT_SMC;
}

/* Puts exits that wait for this service, and are not in its kernel ring, there. */
void exit_deliver(struct domain *service);

/* Whether an exit that waited for this service at the last look still does. */
bool exit_overdue(const struct domain *service);

/* All exits that wait for this service are to be delivered again: it has a new kernel ring. */
void exit_replay(struct domain *service);

#endif
