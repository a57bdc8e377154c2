/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSCI 1.1 (Arm DEN 0022) and the general part of SMCCC 1.1 (DEN 0028), by HVC or SMC: what a call
 * asks for. No I/O and no state: who is on and who is off is the kernel's.
 */
#ifndef DEVICES_PSCI_H
#define DEVICES_PSCI_H

#include <stdint.h>

/* Return values of PSCI. */
enum psci_status {
    PSCI_SUCCESS = 0,
    PSCI_NOT_SUPPORTED = -1,
    PSCI_INVALID_PARAMETERS = -2,
    PSCI_DENIED = -3,
    PSCI_ALREADY_ON = -4,
    PSCI_INTERNAL_FAILURE = -6,
};

enum psci_action {
    PSCI_ANSWER,   /* x0 = value */
    PSCI_ON,       /* start vCPU `vcpu` at `pc` with `x0`; the answer is psci_on_status() */
    PSCI_OFF,      /* the calling vCPU goes off */
    PSCI_AFFINITY, /* answer 0 if vCPU `vcpu` is on, 1 if it is off */
    PSCI_STOP,     /* the guest ends */
    PSCI_RESET,    /* the guest starts again */
    PSCI_PANIC,    /* the guest says that it panicked (KEEL_MACHINE_PANIC); `value`: why */
};

struct psci_step {
    enum psci_action action;
    uint32_t vcpu;
    int64_t value;
    uint64_t pc, x0;
};

/* What the call with registers x0..x3 asks for, in a guest of `vcpus` vCPUs. */
void psci_decode(const uint64_t x[4], uint32_t vcpus, struct psci_step *step);

/* PSCI's answer for what the kernel said about starting a vCPU: 0 or a negated enum keel_error. */
int64_t psci_on_status(int64_t error);

#endif
