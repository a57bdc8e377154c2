/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers of the calls in abi/calls.toml. Each checks all of its arguments and then acts; the
 * generated decoder has already checked the edge, the right and the incarnation.
 */
#include "cpu/call.h"

#include "arch/interrupt.h"
#include "cpu/cpu.h"
#include "cpu/dispatch.h"
#include "cpu/domain.h"
#include "cpu/exit.h"
#include "cpu/vcpu.h"
#include "interrupt/irq.h"

/* A handler has the shape that the decoder calls, whatever it needs of it. */
#define HANDLER static int64_t
#pragma GCC diagnostic ignored "-Wunused-parameter"

HANDLER call_null(struct vcpu *caller)
{
    return 0;
}

/* Virtual interrupts. */

/* Who configures has all of them: one service does, and orders its calls (L8). */
static bool window_all(const struct keel_edge *edge, const struct domain *peer)
{
    return window_has(edge->irq_lo, edge->irq_hi, 0, VGIC_PRIVATE + peer->params.spis);
}

/* A machine that lives, or is being built. */
static bool has_irqs(const struct domain *domain)
{
    return domain->kind == KEEL_DOMAIN_MACHINE && domain_exists(domain);
}

static not_inline int64_t call_irq_configure(struct vcpu *caller, struct domain *peer,
                                             const struct keel_edge *edge, uint64_t word)
{
    struct keel_irq_configure entry;

    __builtin_memcpy(&entry, &word, sizeof(entry));
    if (!has_irqs(peer))
        return -KEEL_EINVAL;
    if (!window_all(edge, peer))
        return -KEEL_EACCES;
    return vgic_configure_valid(peer, entry) ? vgic_configure(peer, entry) : -KEEL_EINVAL;
}

HANDLER call_irq_controller(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                            uint64_t control)
{
    if (control & ~(uint64_t)(KEEL_IRQ_GROUP0_ENABLED | KEEL_IRQ_GROUP1_ENABLED) || !has_irqs(peer))
        return -KEEL_EINVAL;
    if (!window_all(edge, peer))
        return -KEEL_EACCES;
    return vgic_control(peer, (uint32_t)control);
}

HANDLER call_irq_raise(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                       uint64_t intid, uint64_t level)
{
    if (level > 1 || !has_irqs(peer) || intid < VGIC_PRIVATE || intid > UINT16_MAX ||
        !vgic_has(peer, 0, (uint32_t)intid, 1))
        return -KEEL_EINVAL;
    if (!window_has(edge->irq_lo, edge->irq_hi, intid, 1))
        return -KEEL_EACCES;
    vgic_raise(peer, (uint32_t)intid, level);
    return 0;
}

HANDLER call_irq_read(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                      uint64_t vcpu, uint64_t intid, uint64_t list, uint64_t n)
{
    struct keel_irq_state state[KEEL_IRQ_READS_MAX];

    if (n == 0 || n > KEEL_IRQ_READS_MAX || !has_irqs(peer) || vcpu >= KEEL_VCPUS_MAX ||
        intid > UINT16_MAX || !vgic_has(peer, (uint32_t)vcpu, (uint32_t)intid, (uint32_t)n))
        return -KEEL_EINVAL;
    if (!window_has(edge->irq_lo, edge->irq_hi, intid, n))
        return -KEEL_EACCES;
    return vgic_read(peer, (uint32_t)vcpu, (uint32_t)intid, (uint32_t)n, state)
               ?: space_write(&caller->domain->space, IPA(list), state, n * sizeof(state[0]));
}

HANDLER call_irq_done(struct vcpu *caller, uint64_t bits)
{
    return irq_done(caller->domain, bits);
}

/* Waiting. */

/* The caller waits for its event word, which it gets when it is claimed, or, if that is not empty,
 * at once. */
static inline int64_t call_wait(struct vcpu *caller, uint64_t deadline)
{
    struct cpu *cpu = cpu_this();

    if (unlikely(READ_ONCE(caller->undelivered)))
        exit_deliver(caller->domain);
    if (READ_ONCE(caller->events))
        return (int64_t)__atomic_exchange_n(&caller->events, 0, __ATOMIC_SEQ_CST);
    caller->waits = true;
    if (deadline)
        timer_set(&caller->timer, cpu->index, deadline);
    vcpu_leave(cpu, caller, VCPU_WAITING);
    /* A signal came in between, and nobody has woken it yet: take it back. */
    if (likely(!__atomic_load_n(&caller->events, __ATOMIC_SEQ_CST)) ||
        !vcpu_change(caller, VCPU_WAITING, VCPU_RUNNING))
        return CALL_LEFT;
    if (caller->domain->reserve.period)
        dispatch_reserve_counts(caller->domain);
    if (!vcpu_claimed(cpu, caller, 0))
        return CALL_LEFT;
    cpu->current = caller;
    return (int64_t)caller->registers.x[0];
}

/* Finds who is to be answered, and does what goes before the answer. */
static int64_t answer_begin(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                            uint64_t seq, uint64_t *action, uint64_t value, struct vcpu **vcpu)
{
    if (unlikely(*action > KEEL_REPLY_CONFIGURE))
        return -KEEL_EINVAL;
    *vcpu = exit_find(caller->domain, peer, seq);
    if (unlikely(!*vcpu))
        return -KEEL_ENOENT;
    if (likely(*action != KEEL_REPLY_CONFIGURE))
        return 0;
    *action = KEEL_REPLY_DONE;
    return edge->rights & KEEL_RIGHT_INTERRUPT ? call_irq_configure(caller, peer, edge, value)
                                               : -KEEL_EACCES;
}

HANDLER call_reply_wait(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                        uint64_t seq, uint64_t action, uint64_t value, uint64_t deadline)
{
    struct cpu *cpu = cpu_this();
    struct vcpu *vcpu;
    int64_t status = answer_begin(caller, peer, edge, seq, &action, value, &vcpu);

    if (unlikely(status < 0))
        return status;
    /* Answered for another CPU's machine: that one is told. */
    if (unlikely(vcpu != cpu->owner)) {
        if (exit_answer(vcpu, action, value, VCPU_READY))
            dispatch_wake(vcpu);
        return call_wait(caller, deadline);
    }
    /* Back to the machine on whose time this was: it comes first, whatever the event word says. It is
     * BLOCKED until this CPU has it, or else waits for one. */
    status = call_wait(caller, deadline);
    if (likely(status == CALL_LEFT && dispatch_may_run(cpu, vcpu))) {
        if (likely(exit_answer(vcpu, action, value, VCPU_RUNNING) && vcpu_claimed(cpu, vcpu, 0)))
            cpu->current = vcpu;
    } else {
        if (exit_answer(vcpu, action, value, VCPU_READY))
            dispatch_wake(vcpu);
        WRITE_ONCE(cpu->resched, true);
    }
    return status;
}

HANDLER call_reply(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                   uint64_t seq, uint64_t action, uint64_t value)
{
    struct vcpu *vcpu;
    int64_t status = answer_begin(caller, peer, edge, seq, &action, value, &vcpu);

    if (status < 0)
        return status;
    if (exit_answer(vcpu, action, value, VCPU_READY))
        dispatch_wake(vcpu);
    return 0;
}

HANDLER call_yield(struct vcpu *caller)
{
    dispatch_yield(cpu_this());
    return 0;
}

HANDLER call_exit(struct vcpu *caller, uint64_t status)
{
    const uint64_t detail[4] = {status};

    domain_stop(caller->domain, KEEL_STOP_EXIT, detail);
    return CALL_LEFT;
}

/* Domains. */

HANDLER call_domain_create(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                           uint64_t address)
{
    struct keel_domain_params params;

    return space_read(&caller->domain->space, IPA(address), &params, sizeof(params))
               ?: domain_create(peer, &params);
}

HANDLER call_domain_stop(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                         uint64_t reason, uint64_t detail)
{
    const uint64_t details[4] = {detail, caller->domain->id};

    if (reason < KEEL_STOP_OFF || reason > KEEL_STOP_DEADLINE)
        return -KEEL_EINVAL;
    return domain_stop(peer, (uint32_t)reason, details) ? 0 : -KEEL_EBUSY;
}

HANDLER call_domain_info(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                         uint64_t address)
{
    struct keel_life life;

    domain_life(peer, (uint32_t)(edge - caller->domain->authority.edge), &life);
    return space_write(&caller->domain->space, IPA(address), &life, sizeof(life));
}

HANDLER call_domain_ping(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge)
{
    const uint64_t ping = 1ul << KEEL_EVENT_PING;
    int64_t missed;

    if (peer->kind != KEEL_DOMAIN_USER)
        return -KEEL_EINVAL;
    if (!domain_runs(peer))
        return -KEEL_EBUSY;
    missed =
        READ_ONCE(peer->vcpu[0]->events) & ping ? KEEL_PING_UNTAKEN : 0;
    if (exit_overdue(peer))
        missed |= KEEL_PING_UNANSWERED;
    missed |= peer->starves ? KEEL_PING_STARVES : 0;
    peer->starves = false;
    vcpu_signal(peer->vcpu[0], ping);
    return missed;
}

/* Virtual CPUs. */

HANDLER call_vcpu_start(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                        struct vcpu *vcpu, uint64_t pc, uint64_t x0)
{
    uint32_t loaded;

    /* Only a machine's: at `pc`, a vCPU is at EL1. */
    if (!vcpu || vcpu->user || !domain_runs(peer))
        return -KEEL_EINVAL;
    if (!vcpu_change(vcpu, VCPU_OFF, VCPU_STARTING))
        return -KEEL_EEXIST;
    loaded = __atomic_load_n(&vcpu->loaded_on, __ATOMIC_SEQ_CST);
    if (loaded != CPU_NONE) {
        __atomic_store_n(&vcpu->state, VCPU_OFF, __ATOMIC_SEQ_CST);
        cpu_kick(loaded);
        return CALL_AGAIN;
    }
    timer_cancel(&vcpu->timer);
    arch_vcpu_start(vcpu, pc, x0);
    __atomic_store_n(&vcpu->state, VCPU_READY, __ATOMIC_SEQ_CST);
    dispatch_wake(vcpu);
    return 0;
}

HANDLER call_vcpu_state(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                        struct vcpu *vcpu)
{
    if (!vcpu)
        return -KEEL_EINVAL;
    return __atomic_load_n(&vcpu->state, __ATOMIC_ACQUIRE) != VCPU_OFF;
}

/* Who only builds sees nothing of a life after its beginning. */
static bool may_see_registers(const struct domain *peer, const struct keel_edge *edge)
{
    return (edge->rights & KEEL_RIGHT_REGISTERS) ||
           __atomic_load_n(&peer->state, __ATOMIC_ACQUIRE) == KEEL_DOMAIN_BUILDING;
}

HANDLER call_vcpu_read(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                       struct vcpu *vcpu, uint64_t address)
{
    struct keel_registers registers;
    uint64_t seq;

    if (!vcpu)
        return -KEEL_EINVAL;
    if (!may_see_registers(peer, edge) || !vcpu_rests(vcpu))
        return -KEEL_EBUSY;
    seq = __atomic_load_n(&vcpu->exit.message.seq, __ATOMIC_ACQUIRE);
    arch_registers_read(vcpu, &registers);
    /* It may have run meanwhile, and wait for another answer now. */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!vcpu_rests(vcpu) || seq != READ_ONCE(vcpu->exit.message.seq))
        return -KEEL_EBUSY;
    return space_write(&caller->domain->space, IPA(address), &registers, sizeof(registers));
}

HANDLER call_vcpu_write(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                        struct vcpu *vcpu, uint64_t address)
{
    enum vcpu_state then = VCPU_OFF;
    struct keel_registers registers;
    int64_t status;

    if (!vcpu)
        return -KEEL_EINVAL;
    if (!may_see_registers(peer, edge))
        return -KEEL_EBUSY;
    status = space_read(&caller->domain->space, IPA(address), &registers, sizeof(registers));
    if (status < 0)
        return status;
    if (!vcpu_change(vcpu, VCPU_OFF, VCPU_STARTING)) {
        if (!vcpu->user || !vcpu_change(vcpu, VCPU_WAITING, VCPU_STARTING))
            return -KEEL_EBUSY;
        then = VCPU_READY;
    }
    arch_registers_write(vcpu, &registers);
    vcpu->waits = false; /* nothing replaces what was written */
    __atomic_store_n(&vcpu->state, (uint8_t)then, __ATOMIC_SEQ_CST);
    if (then == VCPU_READY)
        dispatch_wake(vcpu);
    return 0;
}

/* Memory. */

HANDLER call_memory_scrub(struct vcpu *caller, uint64_t pa, uint64_t pages)
{
    int64_t done = 0, step;

    do {
        step = frames_scrub(PADDR(pa + (uint64_t)done * KEEL_PAGE_SIZE), pages - (uint64_t)done);
        done += step > 0 ? step : 0;
    } while (step > 0 && (uint64_t)done < pages && !cpu_wanted());
    return done > 0 ? done : step;
}

HANDLER call_memory_pool(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                         uint64_t pa, uint64_t pages)
{
    return space_pool_add(&peer->space, PADDR(pa), pages);
}

HANDLER call_memory_map(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                        uint64_t pa, uint64_t ipa, uint64_t order, uint64_t count, uint64_t perm)
{
    if (perm & KEEL_PERM_DEVICE) {
        if ((order != 0 && order != KEEL_BLOCK_ORDER) || count == 0 || count > 1ul << 28 ||
            perm > (KEEL_PERM_READ | KEEL_PERM_WRITE | KEEL_PERM_EXEC | KEEL_PERM_DEVICE) ||
            !authority_device(peer, pa, count << (order + KEEL_PAGE_SHIFT)))
            return -KEEL_EINVAL;
        return space_map_device(&peer->space, PADDR(pa), IPA(ipa), order, count);
    }
    /* Free memory is the builder's to hand out, to itself and to what it builds. */
    if (!(edge->rights & KEEL_RIGHT_BUILD) && caller->domain->id != KEEL_DOMAIN_BUILDER)
        return -KEEL_EACCES;
    return space_map(&peer->space, PADDR(pa), IPA(ipa), order, count, perm);
}

HANDLER call_memory_unmap(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                          uint64_t ipa, uint64_t order, uint64_t count)
{
    return space_unmap(&peer->space, IPA(ipa), order, count);
}

HANDLER call_memory_protect(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                            uint64_t ipa, uint64_t order, uint64_t count, uint64_t perm)
{
    int64_t status;

    do
        status = space_protect(&peer->space, IPA(ipa), order, count, perm);
    while (status == -KEEL_EAGAIN && !cpu_wanted());
    return status;
}

HANDLER call_memory_donate(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                           uint64_t from, uint64_t to, uint64_t order, uint64_t count,
                           uint64_t perm)
{
    int64_t status;

    do
        status = space_donate(&caller->domain->space, IPA(from), &peer->space, IPA(to), order,
                              count, perm);
    while (status == -KEEL_EAGAIN && !cpu_wanted());
    return status;
}

/* At most as much in all as one space_copy does; the caller comes again for the rest. */
static int64_t copy(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                    uint64_t list, uint64_t n, bool to_peer)
{
    struct space *here = &caller->domain->space;
    struct keel_copy entry[KEEL_COPIES_MAX];
    uint64_t left = KEEL_PAGE_SIZE;
    int64_t status;

    if (n == 0 || n > KEEL_COPIES_MAX)
        return -KEEL_EINVAL;
    status = space_read(here, IPA(list), entry, n * sizeof(entry[0]));
    if (status < 0)
        return status;
    for (uint64_t i = 0; i < n; i++)
        if (entry[i].bytes &&
            !window_has(edge->memory_lo, edge->memory_hi, entry[i].there, entry[i].bytes))
            return -KEEL_EACCES;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t bytes = min(entry[i].bytes, left);
        struct ipa mine = IPA(entry[i].here), theirs = IPA(entry[i].there);
        int64_t done = to_peer ? space_copy(&peer->space, theirs, here, mine, bytes)
                               : space_copy(here, mine, &peer->space, theirs, bytes);

        caller->registers.x[1] = done > 0 ? (uint64_t)done : 0;
        left -= caller->registers.x[1];
        if (caller->registers.x[1] < entry[i].bytes)
            return i || done > 0 ? (int64_t)i : done;
    }
    caller->registers.x[1] = 0;
    return (int64_t)n;
}

HANDLER call_copy_from(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                       uint64_t list, uint64_t n)
{
    /* Stopped, and still on its CPU, which has been kicked: its last instruction is yet to come. */
    if (!domain_runs(peer) && peer->vcpus && !vcpu_rests(peer->vcpu[0]))
        return CALL_AGAIN;
    return copy(caller, peer, edge, list, n, false);
}

HANDLER call_copy_to(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                     uint64_t list, uint64_t n)
{
    return copy(caller, peer, edge, list, n, true);
}

/* Argo. */

HANDLER call_argo(struct vcpu *caller, uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
                  uint64_t arg4)
{
    (void)arg1; /* where they came from */
    (void)arg2;
    _Static_assert(ARGO_AGAIN == CALL_AGAIN, "one value for: execute the call again");
    bool may = op == KEEL_ARGO_REGISTER_RING && !caller->domain->argo.kernel;
    int64_t status = argo_check(op, arg3, arg4) ?: argo_call_service(caller);

    /* A new kernel ring: what waits for this service is delivered again. */
    if (unlikely(may) && caller->domain->argo.kernel)
        exit_replay(caller->domain);
    return status;
}

/* Authority. */

HANDLER call_edge_set(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                      uint64_t index, uint64_t address)
{
    struct keel_edge new;

    return space_read(&caller->domain->space, IPA(address), &new, sizeof(new))
               ?: authority_edge_set(peer, index, &new);
}

HANDLER call_edge_read(struct vcpu *caller, uint64_t domain, uint64_t index, uint64_t address)
{
    if (domain >= KEEL_DOMAINS_MAX || index >= KEEL_EDGES_MAX)
        return -KEEL_EINVAL;
    return space_write(&caller->domain->space, IPA(address), &domains[domain].authority.edge[index],
                       sizeof(struct keel_edge));
}

HANDLER call_refusals(struct vcpu *caller, uint64_t domain, uint64_t address)
{
    if (domain >= KEEL_DOMAINS_MAX)
        return -KEEL_EINVAL;
    return space_write(&caller->domain->space, IPA(address), &domains[domain].refusals,
                       sizeof(struct keel_refusals));
}

/* The plan. */

HANDLER call_plan_commit(struct vcpu *caller, uint64_t address, uint64_t bytes)
{
    struct space *space = &caller->domain->space;
    uint64_t cpus = caller->domain->authority.self_cpus;
    struct {
        struct keel_plan plan;
        struct keel_plan_bucket bucket[16];
        struct keel_plan_slot slot[KEEL_SLOTS_MAX]; /* behind as many buckets as there are */
    } args;
    struct keel_plan *plan = &args.plan;
    struct keel_plan_slot *slots;
    int64_t status;

    if (bytes < sizeof(*plan) || bytes > sizeof(args))
        return -KEEL_EINVAL;
    status = space_read(space, IPA(address), &args, bytes);
    if (status < 0)
        return status;
    if (plan->nbuckets > ARRAY_LENGTH(args.bucket) || plan->nslots > KEEL_SLOTS_MAX ||
        bytes != sizeof(*plan) + plan->nbuckets * sizeof(args.bucket[0]) +
                     plan->nslots * sizeof(args.slot[0]))
        return -KEEL_EINVAL;
    slots = (void *)&args.bucket[plan->nbuckets];
    status =
        plan_check(cpus, plan, args.bucket, slots)
            ?: space_write(space, IPA(address + sizeof(*plan)), args.bucket, bytes - sizeof(*plan));
    cpu_window(); /* looking at the entries and acting on them, each masked alone */
    return status
               ?: plan_commit((uint64_t)caller->domain->id << 32 | caller->domain->incarnation,
                              cpus, plan, args.bucket, slots);
}

#define PLAN_READS_MAX 32

HANDLER call_plan_read(struct vcpu *caller, uint64_t list, uint64_t n, uint64_t first)
{
    struct keel_plan_vcpu entry[PLAN_READS_MAX];
    uint64_t cpus = caller->domain->authority.self_cpus;
    uint64_t found = 0;
    uint64_t i;
    int64_t status;

    if (n == 0 || n > PLAN_READS_MAX || first >= VCPUS_TOTAL)
        return -KEEL_EINVAL;
    for (i = first; i < VCPUS_TOTAL && found < n; i++) {
        const struct vcpu *vcpu = &vcpus[i];

        if (i % 64 == 0)
            cpu_window();
        if (!vcpu->used || !(vcpu->domain->cpus & cpus))
            continue;
        entry[found++] = (struct keel_plan_vcpu){
            .domain = vcpu->domain->id,
            .vcpu = vcpu->index,
            .state = vcpu->state,
            .cpu = vcpu->cpu,
            .incarnation = vcpu->domain->incarnation,
            .kind = vcpu->domain->kind,
            .cpus = vcpu->domain->cpus & cpus,
            .run_time = vcpu->run_time,
        };
    }
    status = space_write(&caller->domain->space, IPA(list), entry, found * sizeof(entry[0]));
    if (status < 0)
        return status;
    caller->registers.x[1] = i < VCPUS_TOTAL ? i : 0;
    return (int64_t)found;
}

/* The machine. */

#define TEXT_BYTES_MAX 128

HANDLER call_console_write(struct vcpu *caller, uint64_t address, uint64_t bytes)
{
    char text[TEXT_BYTES_MAX + 1];

    if (bytes > TEXT_BYTES_MAX)
        return -KEEL_EINVAL;
    return space_read(&caller->domain->space, IPA(address), text, bytes)
               ?: (int64_t)print_text(text, bytes);
}

HANDLER call_system_off(struct vcpu *caller, uint64_t reset)
{
    if (reset > 1)
        return -KEEL_EINVAL;
    arch_system_off(reset);
}

HANDLER call_trace_read(struct vcpu *caller, uint64_t index, uint64_t from, uint64_t list,
                        uint64_t n)
{
    struct cpu *cpu;
    uint64_t next;
    int64_t status;

    if (index >= cpus_online || n > KEEL_TRACE_MOST)
        return -KEEL_EINVAL;
    WRITE_ONCE(traces, n != 0);
    cpu = cpu_at((uint32_t)index);
    next = __atomic_load_n(&cpu->trace_next, __ATOMIC_ACQUIRE);
    if (next - from >= TRACE_RECORDS)
        from = next - min(next, TRACE_RECORDS / 2);
    n = min(n, min(next - from, TRACE_RECORDS - from % TRACE_RECORDS));
    status = space_write(&caller->domain->space, IPA(list), &cpu->trace[from % TRACE_RECORDS],
                         n * sizeof(cpu->trace[0]));
    if (status < 0)
        return status;
    caller->registers.x[1] = from;
    next = __atomic_load_n(&cpu->trace_next, __ATOMIC_ACQUIRE);
    return next - from < TRACE_RECORDS ? (int64_t)n : -KEEL_EAGAIN;
}

/* Building ends at the seal; a domain may always change its own memory. */
static int64_t may_build(const struct vcpu *caller, const struct domain *peer)
{
    return peer == caller->domain || peer->state == KEEL_DOMAIN_BUILDING ? 0 : -KEEL_EBUSY;
}

/* What the table says of each of these. */
#include "call_decoder.h"

/* Not in line: the decoder's frame is not the trap's to set up. */
not_inline void call_handle(struct vcpu *caller)
{
    uint64_t number = caller->registers.x[8];
    int64_t result = calls_decode(caller, number, caller->registers.x);

    if (likely(result > CALL_LEFT)) {
        if (unlikely(result == -KEEL_EACCES))
            domain_refused(caller->domain, (uint32_t)number, caller->registers.x);
        caller->registers.x[0] = (uint64_t)result;
    } else if (result == CALL_AGAIN) {
        arch_call_again(caller);
    }
}
