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

/* Gives the answer: the vCPU is READY afterwards (or OFF). */
void exit_answer(struct vcpu *vcpu, uint64_t action, uint64_t value);

/* Puts exits that wait for this service, and are not in its kernel ring, there. */
void exit_deliver(struct domain *service);

/* All exits that wait for this service are to be delivered again: it has a new kernel ring. */
void exit_replay(struct domain *service);

#endif
