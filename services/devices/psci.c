/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI decoding (see psci.h). May not call anything. */
#include "psci.h"

#include <keel/machine.h>
#include <keel/types.h>

/* Function identifiers; those with a 64-bit form have bit 30 set in it. */
#define SMCCC_64               0x40000000u
#define SMCCC_VERSION          0x80000000u
#define SMCCC_ARCH_FEATURES    0x80000001u
#define PSCI_VERSION           0x84000000u
#define PSCI_CPU_SUSPEND       0x84000001u
#define PSCI_CPU_OFF           0x84000002u
#define PSCI_CPU_ON            0x84000003u
#define PSCI_AFFINITY_INFO     0x84000004u
#define PSCI_MIGRATE_INFO_TYPE 0x84000006u
#define PSCI_SYSTEM_OFF        0x84000008u
#define PSCI_SYSTEM_RESET      0x84000009u
#define PSCI_FEATURES          0x8400000Au
#define PSCI_SYSTEM_RESET2     0x84000012u

#define PSCI_VERSION_1_1     0x10001
#define SMCCC_VERSION_1_1    0x10001
#define MIGRATE_NOT_REQUIRED 2

static int has_64bit_form(uint32_t function)
{
    return function == PSCI_CPU_SUSPEND || function == PSCI_CPU_ON ||
           function == PSCI_AFFINITY_INFO || function == PSCI_SYSTEM_RESET2 ||
           function == KEEL_MACHINE_PANIC;
}

/* The 32-bit form of a function that exists in the form asked for, else 0. */
static uint32_t function_base(uint32_t id)
{
    uint32_t base = id & ~SMCCC_64;
    return !(id & SMCCC_64) || has_64bit_form(base) ? base : 0;
}

static int64_t features(uint32_t id)
{
    switch (function_base(id)) {
    case PSCI_VERSION:
    case PSCI_CPU_SUSPEND: /* original format of power_state, no OS-initiated mode */
    case PSCI_CPU_OFF:
    case PSCI_CPU_ON:
    case PSCI_AFFINITY_INFO:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_FEATURES:
    case PSCI_SYSTEM_RESET2:
    case SMCCC_VERSION:
        return PSCI_SUCCESS;
    default:
        return PSCI_NOT_SUPPORTED;
    }
}

static void answer(struct psci_step *step, int64_t value)
{
    step->action = PSCI_ANSWER;
    step->value = value;
}

/* For CPU_ON and AFFINITY_INFO: vCPU n has MPIDR affinity 0.0.0.n, and nothing else exists. */
static void for_vcpu(struct psci_step *step, enum psci_action action, uint64_t mpidr,
                     uint32_t vcpus)
{
    if (mpidr >= vcpus) {
        answer(step, PSCI_INVALID_PARAMETERS);
        return;
    }
    step->action = action;
    step->vcpu = (uint32_t)mpidr;
}

void psci_decode(const uint64_t x[4], uint32_t vcpus, struct psci_step *step)
{
    uint32_t id = (uint32_t)x[0];
    uint64_t mask = id & SMCCC_64 ? UINT64_MAX : UINT32_MAX;
    uint64_t arg[4] = {0, x[1] & mask, x[2] & mask, x[3] & mask};

    *step = (struct psci_step){.action = PSCI_ANSWER, .value = PSCI_NOT_SUPPORTED};
    switch (function_base(id)) {
    case PSCI_VERSION:
        answer(step, PSCI_VERSION_1_1);
        break;
    case PSCI_CPU_SUSPEND:
        /* Standby, also where power-down is asked for, and an early wake-up: both are allowed. */
        answer(step, PSCI_SUCCESS);
        break;
    case PSCI_CPU_OFF:
        step->action = PSCI_OFF;
        break;
    case PSCI_CPU_ON:
        for_vcpu(step, PSCI_ON, arg[1], vcpus);
        step->pc = arg[2];
        step->x0 = arg[3];
        break;
    case PSCI_AFFINITY_INFO:
        /* Since PSCI 1.0 only affinity level 0 has to be known. */
        for_vcpu(step, PSCI_AFFINITY, (uint32_t)arg[2] == 0 ? arg[1] : UINT64_MAX, vcpus);
        break;
    case PSCI_MIGRATE_INFO_TYPE:
        answer(step, MIGRATE_NOT_REQUIRED);
        break;
    case PSCI_SYSTEM_OFF:
        step->action = PSCI_STOP;
        break;
    case PSCI_SYSTEM_RESET:
        step->action = PSCI_RESET;
        break;
    case PSCI_SYSTEM_RESET2:
        if ((uint32_t)arg[1] != 0) { /* neither the warm reset nor a vendor's */
            answer(step, PSCI_INVALID_PARAMETERS);
        } else {
            step->action = PSCI_RESET;
        }
        break;
    case PSCI_FEATURES:
        answer(step, features((uint32_t)arg[1]));
        break;
    case SMCCC_VERSION:
        answer(step, SMCCC_VERSION_1_1);
        break;
    case SMCCC_ARCH_FEATURES:
        answer(step, arg[1] == SMCCC_VERSION || arg[1] == SMCCC_ARCH_FEATURES ? PSCI_SUCCESS
                                                                              : PSCI_NOT_SUPPORTED);
        break;
    case KEEL_MACHINE_PANIC:
        step->action = PSCI_PANIC;
        step->value = (int64_t)arg[1];
        break;
    default:
        break;
    }
}

int64_t psci_on_status(int64_t error)
{
    switch (error) {
    case 0:
        return PSCI_SUCCESS;
    case -KEEL_EEXIST:
        return PSCI_ALREADY_ON;
    case -KEEL_EINVAL:
        return PSCI_INVALID_PARAMETERS;
    default:
        return PSCI_INTERNAL_FAILURE;
    }
}
