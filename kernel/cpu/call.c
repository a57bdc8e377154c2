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

#include "calls_generated.h"

void call_handle(struct vcpu *caller)
{
    int64_t result = calls_decode(caller, caller->registers.x[8], caller->registers.x);

    if (unlikely(result == CALL_AGAIN))
        arch_call_again(caller);
    else if (result != CALL_LEFT)
        caller->registers.x[0] = (uint64_t)result;
}

int64_t call_null(struct vcpu *caller)
{
    (void)caller;
    return 0;
}

/* Waiting. */

/* The caller waits for its event word; whoever's time it was goes on, if it can. */
static int64_t wait(struct vcpu *caller, uint64_t deadline)
{
    struct cpu *cpu = cpu_this();
    uint8_t waiting = VCPU_WAITING;
    uint64_t events;

    if (unlikely(__atomic_load_n(&caller->undelivered, __ATOMIC_RELAXED)))
        exit_deliver(caller->domain);
    if (!__atomic_load_n(&caller->events, __ATOMIC_RELAXED)) {
        caller->waits = true;
        if (deadline)
            timer_set(&caller->timer, cpu->index, deadline);
        vcpu_leave(cpu, caller, VCPU_WAITING);
        /* A signal came in between, and nobody has woken it yet: take it back. */
        if (likely(!__atomic_load_n(&caller->events, __ATOMIC_SEQ_CST)) ||
            !__atomic_compare_exchange_n(&caller->state, &waiting, VCPU_RUNNING, false,
                                         __ATOMIC_SEQ_CST, __ATOMIC_RELAXED) ||
            !vcpu_claimed(cpu, caller))
            return CALL_LEFT;
        cpu->current = caller;
        return (int64_t)caller->registers.x[0];
    }
    events = __atomic_exchange_n(&caller->events, 0, __ATOMIC_SEQ_CST);
    return (int64_t)events;
}

int64_t call_wait(struct vcpu *caller, uint64_t deadline)
{
    return wait(caller, deadline);
}

static int64_t answer_decode(struct vcpu *caller, struct domain *peer, uint64_t seq,
                             uint64_t action, struct vcpu **vcpu)
{
    if (action > KEEL_REPLY_OFF)
        return -KEEL_EINVAL;
    *vcpu = exit_find(caller->domain, peer, seq);
    return *vcpu ? 0 : -KEEL_ENOENT;
}

int64_t call_reply_wait(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                        uint64_t seq, uint64_t action, uint64_t value, uint64_t deadline)
{
    struct cpu *cpu = cpu_this();
    struct vcpu *vcpu;
    int64_t status = answer_decode(caller, peer, seq, action, &vcpu);

    (void)edge;
    if (unlikely(status < 0))
        return status;
    exit_answer(vcpu, action, value);
    if (unlikely(vcpu != cpu->owner)) {
        /* Answered for another CPU's machine: that one is told. */
        if (action != KEEL_REPLY_OFF)
            dispatch_wake(vcpu);
        return wait(caller, deadline);
    }
    /* Back to the machine on whose time this was: it comes first, whatever the event word says. */
    status = wait(caller, deadline);
    if (unlikely(status != CALL_LEFT)) {
        if (action != KEEL_REPLY_OFF)
            dispatch_wake(vcpu);
        __atomic_store_n(&cpu->resched, true, __ATOMIC_RELAXED);
    } else if (likely(dispatch_claim(cpu, vcpu))) {
        cpu->current = vcpu;
    }
    return status;
}

int64_t call_reply(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                   uint64_t seq, uint64_t action, uint64_t value)
{
    struct vcpu *vcpu;
    int64_t status = answer_decode(caller, peer, seq, action, &vcpu);

    (void)edge;
    if (status < 0)
        return status;
    exit_answer(vcpu, action, value);
    if (action != KEEL_REPLY_OFF)
        dispatch_wake(vcpu);
    return 0;
}

int64_t call_yield(struct vcpu *caller)
{
    (void)caller;
    dispatch_yield(cpu_this());
    return 0;
}

int64_t call_exit(struct vcpu *caller, uint64_t status)
{
    const uint64_t detail[4] = {status};

    domain_stop(caller->domain, KEEL_STOP_EXIT, detail);
    return CALL_LEFT;
}

/* Domains. */

int64_t call_domain_create(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                           uint64_t address)
{
    struct keel_domain_params params;
    int64_t status = space_read(&caller->domain->space, IPA(address), &params, sizeof(params));

    (void)edge;
    return status < 0 ? status : domain_create(peer, &params);
}

int64_t call_domain_seal(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge)
{
    (void)caller;
    (void)edge;
    return domain_seal(peer);
}

int64_t call_domain_run(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge)
{
    (void)caller;
    (void)edge;
    return domain_run(peer);
}

int64_t call_domain_stop(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                         uint64_t reason, uint64_t detail)
{
    const uint64_t details[4] = {detail, caller->domain->id};

    (void)edge;
    if (reason < KEEL_STOP_OFF || reason > KEEL_STOP_PANIC)
        return -KEEL_EINVAL;
    return domain_stop(peer, (uint32_t)reason, details) ? 0 : -KEEL_EBUSY;
}

int64_t call_domain_destroy(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge)
{
    (void)edge;
    return peer == caller->domain ? -KEEL_EBUSY : domain_destroy(peer);
}

int64_t call_domain_info(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                         uint64_t address)
{
    struct keel_life life;

    domain_life(peer, (uint32_t)(edge - caller->domain->authority.edge), &life);
    return space_write(&caller->domain->space, IPA(address), &life, sizeof(life));
}

/* Virtual CPUs. */

static struct vcpu *vcpu_of(struct domain *domain, uint64_t index)
{
    return index < domain->vcpus ? domain->vcpu[index] : NULL;
}

int64_t call_vcpu_start(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                        uint64_t index, uint64_t pc, uint64_t x0)
{
    struct vcpu *vcpu = vcpu_of(peer, index);
    uint8_t off = VCPU_OFF;
    uint8_t loaded;

    (void)caller;
    (void)edge;
    /* Only a machine's: at `pc`, a vCPU is at EL1. */
    if (!vcpu || vcpu->user || !domain_runs(peer))
        return -KEEL_EINVAL;
    if (!__atomic_compare_exchange_n(&vcpu->state, &off, VCPU_STARTING, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED))
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

int64_t call_vcpu_state(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                        uint64_t index)
{
    struct vcpu *vcpu = vcpu_of(peer, index);

    (void)caller;
    (void)edge;
    if (!vcpu)
        return -KEEL_EINVAL;
    return __atomic_load_n(&vcpu->state, __ATOMIC_ACQUIRE) != VCPU_OFF;
}

static bool domain_lives(const struct domain *domain)
{
    uint8_t state = __atomic_load_n(&domain->state, __ATOMIC_ACQUIRE);

    return state == KEEL_DOMAIN_SEALED || state == KEEL_DOMAIN_RUNNING;
}

static bool vcpu_rests(const struct vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->state, __ATOMIC_ACQUIRE) != VCPU_RUNNING;
}

int64_t call_vcpu_read(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                       uint64_t index, uint64_t address)
{
    struct vcpu *vcpu = vcpu_of(peer, index);
    struct keel_registers registers;

    if (!vcpu)
        return -KEEL_EINVAL;
    /* Who only builds sees nothing of a life between its beginning and its end. */
    if (!(edge->rights & KEEL_RIGHT_REGISTERS) && domain_lives(peer))
        return -KEEL_EBUSY;
    if (!vcpu_rests(vcpu))
        return -KEEL_EBUSY;
    arch_registers_read(vcpu, &registers);
    return space_write(&caller->domain->space, IPA(address), &registers, sizeof(registers));
}

int64_t call_vcpu_write(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                        uint64_t index, uint64_t address)
{
    struct vcpu *vcpu = vcpu_of(peer, index);
    struct keel_registers registers;
    int64_t status;

    if (!vcpu)
        return -KEEL_EINVAL;
    if (!(edge->rights & KEEL_RIGHT_REGISTERS) && peer->state != KEEL_DOMAIN_BUILDING)
        return -KEEL_EBUSY;
    if (!vcpu_rests(vcpu))
        return -KEEL_EBUSY;
    status = space_read(&caller->domain->space, IPA(address), &registers, sizeof(registers));
    if (status == 0)
        arch_registers_write(vcpu, &registers);
    return status;
}

/* Memory. */

int64_t call_memory_scrub(struct vcpu *caller, uint64_t pa, uint64_t pages)
{
    (void)caller;
    return frames_scrub(PADDR(pa), pages);
}

/* Building ends at the seal; a domain may always change its own memory. */
static bool may_build(const struct vcpu *caller, const struct domain *peer)
{
    return peer == caller->domain || peer->state == KEEL_DOMAIN_BUILDING;
}

int64_t call_memory_pool(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                         uint64_t pa, uint64_t pages)
{
    (void)edge;
    if (!may_build(caller, peer))
        return -KEEL_EBUSY;
    return space_pool_add(&peer->space, PADDR(pa), pages);
}

int64_t call_memory_map(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                        uint64_t pa, uint64_t ipa, uint64_t order, uint64_t count, uint64_t perm)
{
    if (!may_build(caller, peer))
        return -KEEL_EBUSY;
    if ((order != 0 && order != KEEL_BLOCK_ORDER) || count == 0 || count > 1ul << 28 ||
        perm > (KEEL_PERM_READ | KEEL_PERM_WRITE | KEEL_PERM_EXEC | KEEL_PERM_DEVICE))
        return -KEEL_EINVAL;
    if (perm & KEEL_PERM_DEVICE) {
        if (!authority_device(peer, pa, count << (order + KEEL_PAGE_SHIFT)))
            return -KEEL_EINVAL;
        return space_map_device(&peer->space, PADDR(pa), IPA(ipa), (uint32_t)order, count);
    }
    /* Free memory is the builder's to hand out, to itself and to what it builds. */
    if (!(edge->rights & KEEL_RIGHT_BUILD) && caller->domain->id != KEEL_DOMAIN_BUILDER)
        return -KEEL_EACCES;
    return space_map(&peer->space, PADDR(pa), IPA(ipa), (uint32_t)order, count, (uint32_t)perm);
}

int64_t call_memory_unmap(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                          uint64_t ipa, uint64_t order, uint64_t count)
{
    (void)edge;
    if (!may_build(caller, peer))
        return -KEEL_EBUSY;
    if (order > KEEL_BLOCK_ORDER)
        return -KEEL_EINVAL;
    return space_unmap(&peer->space, IPA(ipa), (uint32_t)order, count);
}

int64_t call_memory_protect(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                            uint64_t ipa, uint64_t order, uint64_t count, uint64_t perm)
{
    (void)edge;
    if (!may_build(caller, peer))
        return -KEEL_EBUSY;
    if (order > KEEL_BLOCK_ORDER || perm > KEEL_PERM_DEVICE)
        return -KEEL_EINVAL;
    return space_protect(&peer->space, IPA(ipa), (uint32_t)order, count, (uint32_t)perm);
}

int64_t call_memory_donate(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                           uint64_t from, uint64_t to, uint64_t order, uint64_t count,
                           uint64_t perm)
{
    (void)edge;
    if (peer == caller->domain || order > KEEL_BLOCK_ORDER || perm > KEEL_PERM_DEVICE)
        return -KEEL_EINVAL;
    if (peer->state != KEEL_DOMAIN_BUILDING)
        return -KEEL_EBUSY;
    return space_donate(&caller->domain->space, IPA(from), &peer->space, IPA(to), (uint32_t)order,
                        count, (uint32_t)perm);
}

#define COPY_BYTES_MAX 4096u

/* The window holds the whole range; bytes > 0. */
static bool window_has(const struct keel_edge *edge, uint64_t ipa, uint64_t bytes)
{
    return ipa >= edge->memory_lo && ipa <= edge->memory_hi && bytes - 1 <= edge->memory_hi - ipa;
}

/* At most COPY_BYTES_MAX in all; the caller comes again for the rest. */
static int64_t copy(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                    uint64_t list, uint64_t n, bool to_peer)
{
    struct space *here = &caller->domain->space;
    struct keel_copy entry[KEEL_COPIES_MAX];
    uint64_t left = COPY_BYTES_MAX;
    int64_t status;
    uint64_t i;

    if (n == 0 || n > KEEL_COPIES_MAX)
        return -KEEL_EINVAL;
    status = space_read(here, IPA(list), entry, n * sizeof(entry[0]));
    if (status < 0)
        return status;
    for (i = 0; i < n; i++)
        if (entry[i].bytes && !window_has(edge, entry[i].there, entry[i].bytes))
            return -KEEL_EACCES;
    caller->registers.x[1] = 0;
    for (i = 0; i < n; i++) {
        uint64_t done = 0;

        while (done < entry[i].bytes && left) {
            uint64_t bytes = entry[i].bytes - done < left ? entry[i].bytes - done : left;
            struct ipa mine = IPA(entry[i].here + done);
            struct ipa theirs = IPA(entry[i].there + done);

            status = to_peer ? space_copy(&peer->space, theirs, here, mine, bytes)
                             : space_copy(here, mine, &peer->space, theirs, bytes);
            if (status <= 0) {
                caller->registers.x[1] = done;
                return i || done ? (int64_t)i : status;
            }
            done += (uint64_t)status;
            left -= (uint64_t)status;
        }
        if (done < entry[i].bytes) {
            caller->registers.x[1] = done;
            break;
        }
    }
    return (int64_t)i;
}

int64_t call_copy_from(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                       uint64_t list, uint64_t n)
{
    return copy(caller, peer, edge, list, n, false);
}

int64_t call_copy_to(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                     uint64_t list, uint64_t n)
{
    return copy(caller, peer, edge, list, n, true);
}

/* Virtual interrupts. */

static bool window_irqs(const struct keel_edge *edge, uint64_t first, uint64_t count)
{
    return first >= edge->irq_lo && first <= edge->irq_hi && count - 1 <= edge->irq_hi - first;
}

/* A machine that lives, or is being built. */
static bool has_irqs(const struct domain *domain)
{
    return domain->kind == KEEL_DOMAIN_MACHINE && domain_exists(domain);
}

int64_t call_irq_configure(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                           uint64_t list, uint64_t n)
{
    struct keel_irq_configure entry[KEEL_IRQ_CONFIGURES_MAX];
    int64_t status;

    if (n == 0 || n > KEEL_IRQ_CONFIGURES_MAX || !has_irqs(peer))
        return -KEEL_EINVAL;
    status = space_read(&caller->domain->space, IPA(list), entry, n * sizeof(entry[0]));
    if (status < 0)
        return status;
    for (uint64_t i = 0; i < n; i++) {
        if (!vgic_configure_valid(peer, &entry[i]))
            return -KEEL_EINVAL;
        if (!window_irqs(edge, entry[i].intid, entry[i].count))
            return -KEEL_EACCES;
    }
    return vgic_configure(peer, entry, (uint32_t)n);
}

int64_t call_irq_controller(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                            uint64_t control)
{
    (void)caller;
    (void)edge;
    if (control & ~(uint64_t)(KEEL_IRQ_GROUP0_ENABLED | KEEL_IRQ_GROUP1_ENABLED) || !has_irqs(peer))
        return -KEEL_EINVAL;
    return vgic_control(peer, (uint32_t)control);
}

int64_t call_irq_raise(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                       uint64_t intid, uint64_t level)
{
    (void)caller;
    if (level > 1 || !has_irqs(peer) || intid < VGIC_PRIVATE || intid > UINT16_MAX ||
        !vgic_has(peer, 0, (uint32_t)intid, 1))
        return -KEEL_EINVAL;
    if (!window_irqs(edge, intid, 1))
        return -KEEL_EACCES;
    vgic_raise(peer, (uint32_t)intid, level);
    return 0;
}

int64_t call_irq_read(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                      uint64_t vcpu, uint64_t intid, uint64_t list, uint64_t n)
{
    struct keel_irq_state state[KEEL_IRQ_READS_MAX];
    int64_t status;

    if (n == 0 || n > KEEL_IRQ_READS_MAX || !has_irqs(peer) || vcpu >= KEEL_VCPUS_MAX ||
        intid > UINT16_MAX || !vgic_has(peer, (uint32_t)vcpu, (uint32_t)intid, (uint32_t)n))
        return -KEEL_EINVAL;
    if (!window_irqs(edge, intid, n))
        return -KEEL_EACCES;
    status = vgic_read(peer, (uint32_t)vcpu, (uint32_t)intid, (uint32_t)n, state);
    return status < 0 ? status : space_write(&caller->domain->space, IPA(list), state,
                                             n * sizeof(state[0]));
}

int64_t call_irq_done(struct vcpu *caller, uint64_t bits)
{
    return irq_done(caller->domain, bits);
}

/* Argo. */

int64_t call_argo(struct vcpu *caller, uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
                  uint64_t arg4)
{
    _Static_assert(ARGO_AGAIN == CALL_AGAIN, "one value for: execute the call again");
    bool had = argo_has_kernel_ring(caller->domain);
    int64_t status = argo_call(caller, op, arg1, arg2, arg3, arg4);

    /* A new kernel ring: what waits for this service is delivered again. */
    if (!had && argo_has_kernel_ring(caller->domain))
        exit_replay(caller->domain);
    return status;
}

/* Authority. */

int64_t call_edge_set(struct vcpu *caller, struct domain *peer, const struct keel_edge *edge,
                      uint64_t index, uint64_t address)
{
    struct keel_edge new;
    int64_t status = space_read(&caller->domain->space, IPA(address), &new, sizeof(new));

    (void)edge;
    if (status < 0)
        return status;
    return index < KEEL_EDGES_MAX ? authority_edge_set(peer, (uint32_t)index, &new) : -KEEL_EINVAL;
}

int64_t call_edge_read(struct vcpu *caller, uint64_t domain, uint64_t index, uint64_t address)
{
    if (domain >= KEEL_DOMAINS_MAX || index >= KEEL_EDGES_MAX)
        return -KEEL_EINVAL;
    return space_write(&caller->domain->space, IPA(address),
                       &domains[domain].authority.edge[index], sizeof(struct keel_edge));
}

int64_t call_authority_seal(struct vcpu *caller)
{
    (void)caller;
    return authority_seal();
}

/* The plan. */

int64_t call_plan_commit(struct vcpu *caller, uint64_t address, uint64_t bytes)
{
    struct space *space = &caller->domain->space;
    struct keel_plan plan;
    struct keel_plan_bucket buckets[16];
    struct keel_plan_slot slots[KEEL_SLOTS_MAX];
    int64_t status;

    if (bytes < sizeof(plan))
        return -KEEL_EINVAL;
    status = space_read(space, IPA(address), &plan, sizeof(plan));
    if (status < 0)
        return status;
    if (plan.nbuckets > ARRAY_LENGTH(buckets) || plan.nslots > KEEL_SLOTS_MAX ||
        bytes != sizeof(plan) + plan.nbuckets * sizeof(buckets[0]) + plan.nslots * sizeof(slots[0]))
        return -KEEL_EINVAL;

    struct ipa bucket_list = IPA(address + sizeof(plan));
    struct ipa slot_list = IPA(bucket_list.v + plan.nbuckets * sizeof(buckets[0]));

    status = space_read(space, bucket_list, buckets, plan.nbuckets * sizeof(buckets[0]));
    if (status == 0)
        status = space_read(space, slot_list, slots, plan.nslots * sizeof(slots[0]));
    if (status == 0)
        status = plan_check(caller->domain->authority.self_cpus, &plan, buckets, slots);
    if (status == 0)
        status = space_write(space, bucket_list, buckets, plan.nbuckets * sizeof(buckets[0]));
    if (status == 0)
        status = space_write(space, slot_list, slots, plan.nslots * sizeof(slots[0]));
    return status == 0 ? plan_commit(&plan, buckets, slots) : status;
}

#define PLAN_READS_MAX 32

int64_t call_plan_read(struct vcpu *caller, uint64_t list, uint64_t n, uint64_t first)
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

        if (!vcpu->used || !(vcpu->domain->cpus & cpus))
            continue;
        entry[found++] = (struct keel_plan_vcpu){
            .domain = vcpu->domain->id,
            .vcpu = vcpu->index,
            .state = vcpu->state,
            .cpu = vcpu->cpu,
            .incarnation = vcpu->domain->incarnation,
            .kind = vcpu->domain->kind,
            .cpus = vcpu->domain->cpus,
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

int64_t call_console_write(struct vcpu *caller, uint64_t address, uint64_t bytes)
{
    char text[TEXT_BYTES_MAX + 1];
    int64_t status;

    if (bytes > TEXT_BYTES_MAX)
        return -KEEL_EINVAL;
    status = space_read(&caller->domain->space, IPA(address), text, bytes);
    if (status < 0)
        return status;
    print_text(text, bytes);
    return 0;
}

int64_t call_system_off(struct vcpu *caller, uint64_t reset)
{
    (void)caller;
    if (reset > 1)
        return -KEEL_EINVAL;
    arch_system_off(reset);
}
