/* SPDX-License-Identifier: Apache-2.0 */
/* What vCPUs of the world do between two entries into the kernel, and the entries that are no
 * calls. */
#ifndef TEST_FUZZ_KERNEL_GUEST_H
#define TEST_FUZZ_KERNEL_GUEST_H

#include "kernel_world.h"

/* Something that the machine that runs on this CPU does. */
void guest_does(struct input *input, struct cpu *cpu, struct vcpu *vcpu);

/* Something that comes from outside: time, devices. */
void world_happens(struct input *input);

/* A service does what it may not, and its life ends. */
void service_faults(struct vcpu *vcpu);

/* Whatever runs on this CPU looks at its memory: the TLB remembers. */
void memory_is_touched(struct input *input, const struct cpu *cpu);

/* An address in the domain's memory, mostly. */
uint64_t some_ipa(struct input *input, const struct domain *domain);

#endif
