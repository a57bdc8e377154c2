/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual CPU, of a machine or of a service. States and who changes them:
 *
 *   OFF      nobody runs it                        vcpu_start -> READY
 *   READY    wants a CPU; bit set in ready mask    claimed by one CPU: -> RUNNING
 *   RUNNING  current on `cpu`                      preempted -> READY, wait or WFI -> WAITING,
 *                                                  exit -> BLOCKED, off -> OFF; only by that CPU
 *   WAITING  user: for its event word; machine: for a virtual interrupt    signal -> READY
 *   BLOCKED  machine: for the answer to its exit   reply -> READY
 *   STARTING its registers are being set           by who made it so -> READY, OFF, RUNNING
 *
 * Registers are complete in memory in every state but RUNNING, except that a machine's EL1 state may
 * still be loaded on CPU `loaded_on`, and then only that CPU may claim it.
 */
#ifndef KERNEL_CPU_VCPU_H
#define KERNEL_CPU_VCPU_H

#include "arch/vcpu.h"
#include "argo/argo.h"
#include "cpu/timer.h"
#include "lock.h"
#include <keel/event.h>

#define VCPUS_TOTAL 256
#define CPU_NONE 0xffu

struct domain;

enum vcpu_state {
    VCPU_OFF,
    VCPU_READY,
    VCPU_RUNNING,
    VCPU_WAITING,
    VCPU_BLOCKED,
    VCPU_STARTING
};

enum vcpu_takes { VCPU_TAKES_NOTHING, VCPU_TAKES_ABORT, VCPU_TAKES_UNDEFINED };

/* The one exit that a machine's vCPU can have pending. Owned by the vCPU while RUNNING; by whoever
 * answers while BLOCKED. */
struct exit {
    struct keel_exit message;
    const struct route *route; /* where the last one went: what follows from that is filled in */
    struct domain *service;
    uint8_t reg;        /* READ: target register, 31: none */
    bool sign_extend;
    bool wide;          /* READ: 64-bit register */
    bool sent;          /* is in the service's kernel ring; else it goes there when there is space */
    uint64_t pinged;    /* the sequence number for which a ping found it pending */
};

struct vcpu {
    struct arch_registers registers; /* first: the trap entry saves here */
    struct arch_vcpu arch;

    uint32_t loaded_on; /* machine: CPU whose registers hold its EL1 state, or CPU_NONE; atomic */
    uint8_t state;      /* enum vcpu_state; atomic */
    uint8_t cpu;        /* where it runs or ran last */
    uint8_t waited;     /* ticks of that CPU since it was claimed last, as far as it was READY */
    uint8_t index;      /* in its domain */
    bool user;          /* kind of its domain */
    bool undelivered;   /* user: atomic: an exit waits for space in its kernel ring */
    bool waits;         /* user: x0 gets the event word when it is claimed */
    uint8_t takes;      /* machine: enum vcpu_takes: before it goes on */
    bool devices;       /* its domain has some: when it leaves, its writes to them are waited for */

    uint64_t events;    /* user: atomic */
    struct argo_step argo;
    struct exit exit;
    struct timer timer; /* user: deadline of wait; machine: virtual timer while not loaded */

    uint64_t run_time;  /* counter ticks */
    uint64_t vtime;     /* virtual time outside the plan, as in a slot */

    /* Kept between lives: a stale pointer to a vCPU leads to some domain, and nowhere else. */
    struct domain *domain; /* never NULL once used */
    uint16_t id;           /* in vcpus[] */
    bool used;             /* vcpus_lock */
};

extern struct vcpu vcpus[VCPUS_TOTAL];

/* Of several who see it in a state and would change that, one does. */
must_check static inline bool vcpu_change(struct vcpu *vcpu, uint8_t from, enum vcpu_state to)
{
    return __atomic_compare_exchange_n(&vcpu->state, &from, (uint8_t)to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

/* Nobody is changing its registers: no CPU that runs it, and nobody who sets them. */
static inline bool vcpu_rests(const struct vcpu *vcpu)
{
    uint8_t state = __atomic_load_n(&vcpu->state, __ATOMIC_SEQ_CST);

    return state != VCPU_RUNNING && state != VCPU_STARTING;
}

/* Sets bits of a service's event word and wakes it. Any CPU, any lock below vgic.lock not held. */
void vcpu_signal(struct vcpu *vcpu, uint64_t events);

/* Something that a machine's vCPU must look at has changed (a virtual interrupt): wakes it from WFI,
 * or makes the CPU that runs it pass through the kernel. Callable with its vgic lock held. */
void vcpu_kick(struct vcpu *vcpu);

/* The CPU has just made it RUNNING: completes what it waited for, `events` included. False, and OFF,
 * if its domain has ended meanwhile. */
struct cpu;
bool vcpu_claimed(struct cpu *cpu, struct vcpu *vcpu, uint64_t events);

/* RUNNING -> state, by the CPU that runs it; it is not current any more. The light state is saved. */
void vcpu_leave(struct cpu *cpu, struct vcpu *vcpu, enum vcpu_state state);

/* Its timer has fired: user: the deadline of `wait`; machine: its virtual timer. */
void vcpu_deadline(struct vcpu *vcpu);

#endif
