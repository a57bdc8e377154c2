/* SPDX-License-Identifier: Apache-2.0 */
/* Domains: see domain.h. */
#include "cpu/domain.h"

#include "cpu/cpu.h"
#include "cpu/dispatch.h"
#include "cpu/vcpu.h"
#include "interrupt/irq.h"

struct domain domains[KEEL_DOMAINS_MAX];
static struct lock vcpus_lock; /* which of vcpus[] are in use */

static bool params_valid(const struct keel_domain_params *params)
{
    bool user = params->kind == KEEL_DOMAIN_USER;

    return (user || params->kind == KEEL_DOMAIN_MACHINE) &&
           !(params->flags & ~(uint32_t)(KEEL_DOMAIN_FP | KEEL_DOMAIN_LIMITS_FALL)) &&
           (params->cpus & (~0ul >> (64 - cpus_online))) && params->vcpus >= 1 &&
           params->vcpus <= (user ? 1 : KEEL_VCPUS_MAX) &&
           params->spis <= (user ? 0 : KEEL_SPIS_MAX) && !params->name[sizeof(params->name) - 1] &&
           (!params->reserve_period ||
            (params->reserve_period >= 100000 && params->reserve_budget <= params->reserve_period));
}

/* All of them or none. */
static bool vcpus_allot(struct domain *domain, uint32_t count)
{
    uint32_t found = 0;

    lock_take_outer(&vcpus_lock);
    for (uint32_t i = 0; i < VCPUS_TOTAL && found < count; i++)
        if (!vcpus[i].used)
            domain->vcpu[found++] = &vcpus[i];
    if (found < count) {
        memset(domain->vcpu, 0, sizeof(domain->vcpu));
        lock_release(&vcpus_lock);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vcpu *vcpu = domain->vcpu[i];

        cpu_window();
        vcpu->used = true;
        vcpu->id = (uint16_t)(vcpu - vcpus);
        vcpu->domain = domain;
        memset(vcpu, 0, offsetof(struct vcpu, domain));
        vcpu->index = (uint8_t)i;
        vcpu->cpu = (uint8_t)(vcpu->id % cpus_online);
        if (!(domain->cpus >> vcpu->cpu & 1))
            vcpu->cpu = (uint8_t)__builtin_ctzl(domain->cpus);
        vcpu->loaded_on = CPU_NONE;
        vcpu->user = domain->kind == KEEL_DOMAIN_USER;
    }
    lock_release(&vcpus_lock);
    return true;
}

int64_t domain_create(struct domain *domain, const struct keel_domain_params *params)
{
    int64_t status;

    if (!params_valid(params))
        return -KEEL_EINVAL;
    lock_take_outer(&domain->lock);
    if (domain_exists(domain)) {
        lock_release(&domain->lock);
        return -KEEL_EBUSY;
    }
    /* The seal is for them, too. */
    if (authority_is_sealed() && memcmp(&domain->params, params, sizeof(*params)) != 0) {
        lock_release(&domain->lock);
        return -KEEL_EACCES;
    }
    domain->params = *params;
    domain->kind = (uint8_t)params->kind;
    domain->flags = (uint8_t)params->flags;
    domain->cpus = params->cpus;
    if (!vcpus_allot(domain, params->vcpus)) {
        lock_release(&domain->lock);
        return -KEEL_ENOMEM;
    }
    domain->vcpus = (uint8_t)params->vcpus;
    domain->stop_reason = KEEL_STOP_NONE;
    domain->refusals_before = domain->refusals.total;
    memset(domain->stop_detail, 0, sizeof(domain->stop_detail));
    domain->incarnation++;
    space_init(&domain->space, domain->id, domain->kind == KEEL_DOMAIN_MACHINE);
    arch_domain_init(domain, params->spis);
    for (uint32_t i = 0; i < domain->vcpus; i++) {
        cpu_window();
        arch_vcpu_init(domain->vcpu[i]);
    }
    if (params->reserve_period)
        bucket_set(&domain->reserve,
                   &(struct keel_plan_bucket){.budget = params->reserve_budget,
                                              .period = params->reserve_period},
                   time_now());
    __atomic_store_n(&domain->state, KEEL_DOMAIN_BUILDING, __ATOMIC_RELEASE);
    status = domain->incarnation;
    lock_release(&domain->lock);
    return status;
}

int64_t domain_seal(struct domain *domain)
{
    int64_t status = -KEEL_EBUSY;

    lock_take_outer(&domain->lock);
    if (domain->state == KEEL_DOMAIN_BUILDING) {
        __atomic_store_n(&domain->state, KEEL_DOMAIN_SEALED, __ATOMIC_RELEASE);
        status = 0;
    }
    lock_release(&domain->lock);
    return status;
}

void domain_refused(struct domain *domain, uint32_t call, const uint64_t args[2])
{
    const uint64_t detail[4] = {call, args[0], args[1]};
    struct keel_refusals *refusals = &domain->refusals;
    uint64_t in_life;

    lock_take_outer(&domain->lock);
    refusals->last[refusals->total++ % KEEL_REFUSALS_KEPT] = (struct keel_refusal){
        .when = time_now(),
        .call = call,
        .incarnation = domain->incarnation,
        .args = {args[0], args[1]},
    };
    refusals->of_call[call]++;
    in_life = refusals->total - domain->refusals_before;
    lock_release(&domain->lock);
    if (domain->params.refusals_max && in_life > domain->params.refusals_max)
        domain_stop(domain, KEEL_STOP_REFUSED, detail);
}

void domain_life(struct domain *domain, uint32_t edge, struct keel_life *life)
{
    *life = (struct keel_life){
        .peer = KEEL_PEER(edge, domain->incarnation),
        .state = (uint8_t)domain->state,
        .reason = domain->stop_reason,
        .pages = space_pages(&domain->space),
    };
    memcpy(life->detail, domain->stop_detail, sizeof(life->detail));
    for (uint32_t i = 0; i < domain->vcpus; i++)
        if (domain->vcpu[i])
            life->run_time += domain->vcpu[i]->run_time;
}

/* Tells whoever holds WATCH. What does not fit a ring is told as a loss: domain_info has it all. No
 * lock is held. */
static void tell(struct domain *domain)
{
    for (uint64_t left = domain->authority.watchers; left; left &= left - 1) {
        struct domain *watcher = &domains[__builtin_ctzl(left)];
        struct keel_life life;
        uint32_t edge;

        cpu_window();
        if (!domain_runs(watcher))
            continue;
        for (edge = 0; edge < KEEL_EDGES_MAX; edge++)
            if (watcher->authority.edge[edge].target == domain->id &&
                (watcher->authority.edge[edge].rights & KEEL_RIGHT_WATCH))
                break;
        domain_life(domain, edge, &life);
        if (argo_kernel_send(watcher, KEEL_MESSAGE_LIFE, &life, sizeof(life)) < 0)
            vcpu_signal(watcher->vcpu[0], 1ul << KEEL_EVENT_LOST);
        else
            vcpu_signal(watcher->vcpu[0], 1ul << KEEL_EVENT_KERNEL);
    }
}

int64_t domain_run(struct domain *domain)
{
    lock_take_outer(&domain->lock);
    if (domain->state != KEEL_DOMAIN_SEALED ||
        (domain->kind == KEEL_DOMAIN_MACHINE && !authority_is_sealed())) {
        lock_release(&domain->lock);
        return -KEEL_EBUSY;
    }
    for (uint32_t i = 0; i < domain->vcpus; i++)
        domain->vcpu[i]->devices = domain->authority.self & KEEL_RIGHT_DEVICE;
    __atomic_store_n(&domain->state, KEEL_DOMAIN_RUNNING, __ATOMIC_RELEASE);
    lock_release(&domain->lock);
    irqs_start(domain);
    /* Who may start its vCPUs may have been quicker. */
    if (vcpu_change(domain->vcpu[0], VCPU_OFF, VCPU_READY))
        dispatch_wake(domain->vcpu[0]);
    tell(domain);
    return 0;
}

bool domain_stop(struct domain *domain, uint32_t reason, const uint64_t detail[4])
{
    lock_take_outer(&domain->lock);
    if (domain->state != KEEL_DOMAIN_RUNNING) {
        lock_release(&domain->lock);
        return false;
    }
    domain->stop_reason = reason;
    memcpy(domain->stop_detail, detail, sizeof(domain->stop_detail));
    __atomic_store_n(&domain->state, KEEL_DOMAIN_STOPPED, __ATOMIC_SEQ_CST);
    lock_release(&domain->lock);
    if (domain->id == KEEL_DOMAIN_BUILDER) /* nobody is left to say so */
        print("kernel: builder stopped: reason %u, pc or status %lx, esr %lx\n", reason, detail[0],
              detail[1]);
    irqs_stop(domain);
    for (uint32_t i = 0; i < domain->vcpus; i++)
        if (__atomic_load_n(&domain->vcpu[i]->state, __ATOMIC_SEQ_CST) == VCPU_RUNNING)
            cpu_kick(domain->vcpu[i]->cpu);
    tell(domain);
    return true;
}

/* No CPU runs the vCPU or holds its registers. If one does, it is asked to let go. */
static bool vcpu_idle(struct vcpu *vcpu)
{
    uint32_t loaded = __atomic_load_n(&vcpu->loaded_on, __ATOMIC_SEQ_CST);

    if (loaded != CPU_NONE || !vcpu_rests(vcpu)) {
        cpu_kick(loaded != CPU_NONE ? loaded : vcpu->cpu);
        return false;
    }
    __atomic_store_n(&vcpu->state, VCPU_OFF, __ATOMIC_SEQ_CST);
    dispatch_unready(vcpu);
    timer_cancel(&vcpu->timer);
    return true;
}

int64_t domain_destroy(struct domain *domain)
{
    int64_t status;

    lock_take_outer(&domain->lock);
    if (domain->state == KEEL_DOMAIN_RUNNING || !domain_exists(domain)) {
        lock_release(&domain->lock);
        return domain_exists(domain) ? -KEEL_EBUSY : 0;
    }
    __atomic_store_n(&domain->state, KEEL_DOMAIN_STOPPED, __ATOMIC_SEQ_CST);
    status = 0;
    for (uint32_t i = 0; i < domain->vcpus; i++)
        if (domain->vcpu[i] && !vcpu_idle(domain->vcpu[i]))
            status = -KEEL_EAGAIN;
    status = status ?: argo_teardown(domain);
    cpu_window(); /* a step of each, masked alone */
    status = status ?: space_teardown(&domain->space);
    if (status == 0 && domain->vcpus) {
        domain->vcpus = 0; /* from now on no call finds them */
        domain->grace = cpus_grace_begin();
    }
    if (status == 0 && !cpus_grace_over(domain->grace))
        status = -KEEL_EAGAIN;
    if (status == 0) {
        lock_take_outer(&vcpus_lock);
        for (uint32_t i = 0; i < KEEL_VCPUS_MAX && domain->vcpu[i]; i++)
            domain->vcpu[i]->used = false;
        memset(domain->vcpu, 0, sizeof(domain->vcpu));
        lock_release(&vcpus_lock);
        domain->reserve.period = 0;
        __atomic_store_n(&domain->state, KEEL_DOMAIN_ABSENT, __ATOMIC_RELEASE);
    }
    lock_release(&domain->lock);
    return status;
}
