/* SPDX-License-Identifier: Apache-2.0 */
/* Dispatch: see dispatch.h. */
#include "cpu/dispatch.h"

#include "cpu/domain.h"
#include "cpu/vcpu.h"

static uint64_t ready[VCPUS_TOTAL / 64]; /* atomic: vCPUs that may be READY; a hint */
static struct bucket buckets[KEEL_BUCKETS_MAX];
uint64_t cpus_idle;
uint64_t dispatch_reserves;

/* One way for this CPU to go on. */
struct choice {
    struct vcpu *run;   /* NULL: nothing */
    struct vcpu *owner; /* on whose time */
    struct bucket *bucket;
    uint32_t rank;
    uint32_t slot;
    uint64_t deadline;
};

void dispatch_ready(const struct vcpu *vcpu)
{
    __atomic_fetch_or(&ready[vcpu->id / 64], 1ul << (vcpu->id % 64), __ATOMIC_SEQ_CST);
}

static void ready_clear(const struct vcpu *vcpu)
{
    __atomic_fetch_and(&ready[vcpu->id / 64], ~(1ul << (vcpu->id % 64)), __ATOMIC_RELAXED);
}

static bool may_run(const struct cpu *cpu, const struct vcpu *vcpu)
{
    uint8_t loaded = __atomic_load_n(&vcpu->loaded_on, __ATOMIC_ACQUIRE);

    return (vcpu->domain->cpus >> cpu->index & 1) && (loaded == CPU_NONE || loaded == cpu->index);
}

/* Whom the owner's time can run on this CPU: itself, or (D2) the service that it waits for, and whom
 * that waits for. A service that runs elsewhere ends the chain: its progress needs no help. */
static struct vcpu *help(const struct cpu *cpu, struct vcpu *owner)
{
    struct vcpu *vcpu = owner;

    for (uint32_t depth = 0; vcpu && depth <= HELP_DEPTH; depth++) {
        if (!vcpu->domain || !domain_runs(vcpu->domain))
            return NULL;
        if (vcpu == cpu->current)
            return vcpu;
        switch (__atomic_load_n(&vcpu->state, __ATOMIC_ACQUIRE)) {
        case VCPU_READY:
            return may_run(cpu, vcpu) ? vcpu : NULL;
        case VCPU_BLOCKED:
            vcpu = domains[vcpu->exit.service].vcpu[0];
            break;
        default:
            return NULL;
        }
    }
    return NULL;
}

bool dispatch_claim(struct cpu *cpu, struct vcpu *vcpu)
{
    uint8_t expected = VCPU_READY;

    if (!__atomic_compare_exchange_n(&vcpu->state, &expected, VCPU_RUNNING, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED))
        return false;
    /* Now that it can't move: it may have left its registers elsewhere since the caller looked. */
    if (unlikely(!may_run(cpu, vcpu))) {
        __atomic_store_n(&vcpu->state, VCPU_READY, __ATOMIC_SEQ_CST);
        dispatch_wake(vcpu);
        return false;
    }
    ready_clear(vcpu);
    return vcpu_claimed(cpu, vcpu);
}

/* The current turn may go on: it has time left and has not given it up. */
static bool turn_lasts(const struct cpu *cpu, uint64_t now)
{
    return cpu->owner && !cpu->yielded && now < cpu->slice_end;
}

/* Notes when a refill of the bucket of something runnable will come. */
static bool has_time(struct cpu *cpu, struct bucket *bucket, bool mine, uint64_t now,
                     uint64_t *deadline)
{
    uint64_t next;
    uint64_t left;

    *deadline = TIME_NEVER;
    if (!bucket)
        return true;
    left = bucket_left(bucket, now, &next, deadline);
    if (left || mine)
        return true;
    if (next < cpu->next_refill)
        cpu->next_refill = next;
    return false;
}

static void choose_reserve(struct cpu *cpu, uint64_t now, struct choice *best)
{
    for (uint64_t left = __atomic_load_n(&dispatch_reserves, __ATOMIC_RELAXED); left;
         left &= left - 1) {
        struct domain *domain = &domains[__builtin_ctzl(left)];
        struct vcpu *run;
        uint64_t deadline;

        if (!domain->reserve.period || !domain->vcpu[0] || !(run = help(cpu, domain->vcpu[0])))
            continue;
        bool mine = cpu->turn_rank == RANK_RESERVE && cpu->owner == domain->vcpu[0] &&
                    turn_lasts(cpu, now);

        if (!has_time(cpu, &domain->reserve, mine, now, &deadline))
            continue;
        if (!best->run || mine)
            *best = (struct choice){run, domain->vcpu[0], &domain->reserve, RANK_RESERVE,
                                    SLOT_NONE, TIME_NEVER};
    }
}

static struct vcpu *slot_vcpu(const struct slot *slot)
{
    return domains[slot->entry.domain].vcpu[slot->entry.vcpu];
}

static void choose_plan(struct cpu *cpu, uint64_t now, struct choice *best) REQUIRES(cpu->lock)
{
    for (uint32_t i = 0; i < cpu->slots; i++) {
        const struct slot *slot = &cpu->slot[i];
        struct vcpu *owner = slot_vcpu(slot);
        uint32_t rank = RANK_PLAN + slot->entry.rank;
        bool mine = i == cpu->turn_slot && owner == cpu->owner && turn_lasts(cpu, now);
        struct bucket *bucket = NULL;
        struct vcpu *run;
        uint64_t deadline;

        if (best->run && rank > best->rank)
            break;
        if (!owner || !(run = help(cpu, owner)))
            continue;
        if (slot->entry.bucket != KEEL_BUCKET_NONE)
            bucket = &buckets[slot->entry.bucket];
        if (!has_time(cpu, bucket, mine, now, &deadline))
            continue;
        if (!(slot->entry.flags & KEEL_SLOT_EDF))
            deadline = TIME_NEVER;
        if (!best->run || deadline < best->deadline || (mine && deadline == best->deadline))
            *best = (struct choice){run, owner, bucket, rank, i, deadline};
    }
}

/* A turn has its slot's min_run before a better slot that woke up takes its place. */
static void choose_minimum(struct cpu *cpu, uint64_t now, struct choice *best) REQUIRES(cpu->lock)
{
    uint32_t i = cpu->turn_slot;
    uint64_t end = i < cpu->slots ? cpu->turn_start + cpu->slot[i].min_run : 0;
    struct vcpu *run;

    if (now >= end || best->rank >= cpu->turn_rank || !turn_lasts(cpu, now) ||
        slot_vcpu(&cpu->slot[i]) != cpu->owner || !(run = help(cpu, cpu->owner)))
        return;
    if (end < cpu->next_refill)
        cpu->next_refill = end;
    *best = (struct choice){run, cpu->owner, cpu->turn_bucket, cpu->turn_rank, i, TIME_NEVER};
}

/* In rotation, whatever is ready and not limited hard. */
static void choose_background(struct cpu *cpu, uint64_t now, struct choice *best)
    REQUIRES(cpu->lock)
{
    struct vcpu *run;

    if (cpu->turn_rank == RANK_BACKGROUND && turn_lasts(cpu, now) &&
        (run = help(cpu, cpu->owner))) {
        *best = (struct choice){run, cpu->owner, NULL, RANK_BACKGROUND, SLOT_NONE, TIME_NEVER};
        return;
    }
    for (uint32_t step = 0; step <= VCPUS_TOTAL / 64; step++) {
        uint32_t first = cpu->background + 1;
        uint32_t word = (first / 64 + step) % (VCPUS_TOTAL / 64);
        uint64_t bits = __atomic_load_n(&ready[word], __ATOMIC_SEQ_CST);

        if (cpu->current && cpu->current->id / 64 == word)
            bits |= 1ul << (cpu->current->id % 64);
        if (step == 0)
            bits &= ~0ul << (first % 64);
        for (; bits; bits &= bits - 1) {
            struct vcpu *vcpu = &vcpus[word * 64 + (uint32_t)__builtin_ctzl(bits)];

            if (!vcpu->domain || (cpu->hard[vcpu->domain->id] >> vcpu->index & 1) ||
                help(cpu, vcpu) != vcpu)
                continue;
            *best = (struct choice){vcpu, vcpu, NULL, RANK_BACKGROUND, SLOT_NONE, TIME_NEVER};
            return;
        }
    }
}

/* A turn that used up its slice, or yielded, goes behind its equals. */
static void rotate(struct cpu *cpu) REQUIRES(cpu->lock)
{
    uint32_t i = cpu->turn_slot;

    if (i >= cpu->slots)
        return;
    struct slot moved = cpu->slot[i];

    for (; i + 1 < cpu->slots && cpu->slot[i + 1].entry.rank == moved.entry.rank; i++)
        cpu->slot[i] = cpu->slot[i + 1];
    cpu->slot[i] = moved;
    cpu->turn_slot = SLOT_NONE;
}

static struct choice choose(struct cpu *cpu, uint64_t now)
{
    struct choice best = {0};

    cpu->next_refill = TIME_NEVER;
    lock_take(&cpu->lock);
    if (now >= cpu->lease_end && cpu->slots) {
        cpu->slots = 0;
        memset(cpu->hard, 0, sizeof(cpu->hard)); /* the plan's limits end with it */
    }
    if (cpu->owner && !turn_lasts(cpu, now)) {
        if (cpu->turn_rank == RANK_BACKGROUND)
            cpu->background = cpu->owner->id;
        rotate(cpu);
    }
    choose_reserve(cpu, now, &best);
    if (!best.run) {
        choose_plan(cpu, now, &best);
        if (best.run)
            choose_minimum(cpu, now, &best);
    }
    if (!best.run)
        choose_background(cpu, now, &best);
    lock_release(&cpu->lock);
    return best;
}

void dispatch_account(struct cpu *cpu)
{
    uint64_t now = time_now();

    if (cpu->owner)
        cpu->owner->run_time += now - cpu->since;
    cpu->since = now;
}

static void turn_end(struct cpu *cpu)
{
    dispatch_account(cpu);
    if (cpu->turn_bucket)
        bucket_settle(cpu->turn_bucket, cpu->turn_drawn, cpu->since - cpu->turn_start);
    cpu->turn_bucket = NULL;
    cpu->owner = NULL;
    cpu->yielded = false;
}

static void turn_begin(struct cpu *cpu, const struct choice *choice)
{
    uint64_t slice = cpu->slice;

    cpu->owner = choice->owner;
    cpu->turn_start = cpu->since;
    cpu->turn_rank = (uint16_t)choice->rank;
    cpu->turn_slot = choice->slot;
    cpu->turn_bucket = choice->bucket;
    if (choice->bucket)
        slice = cpu->turn_drawn = bucket_draw(choice->bucket, slice);
    cpu->slice_end = cpu->turn_start + slice;
}

/* What ran here goes on elsewhere, or later, or never. */
static void release(struct cpu *cpu, struct vcpu *vcpu)
{
    arch_save(cpu, vcpu);
    if (cpu->arch.loaded == vcpu)
        arch_unload(cpu);
    if (!domain_runs(vcpu->domain)) {
        __atomic_store_n(&vcpu->state, VCPU_OFF, __ATOMIC_SEQ_CST);
        return;
    }
    __atomic_store_n(&vcpu->state, VCPU_READY, __ATOMIC_SEQ_CST);
    dispatch_ready(vcpu);

    uint64_t others = __atomic_load_n(&cpus_idle, __ATOMIC_SEQ_CST) & vcpu->domain->cpus &
                      ~(1ul << cpu->index);

    if (others)
        cpu_kick((uint32_t)__builtin_ctzl(others));
}

/* A machine that is ready, but not here and now, must not be kept by its registers being here. */
static void release_loaded(struct cpu *cpu)
{
    struct vcpu *loaded = cpu->arch.loaded;

    if (!loaded || loaded == cpu->current)
        return;
    uint8_t state = __atomic_load_n(&loaded->state, __ATOMIC_SEQ_CST);

    if (state == VCPU_READY) {
        arch_unload(cpu);
        dispatch_wake(loaded);
    } else if (!domain_runs(loaded->domain) || state == VCPU_OFF) {
        arch_unload(cpu);
    }
}

void dispatch(struct cpu *cpu)
{
    struct choice choice;
    uint64_t idle = 1ul << cpu->index;

    for (;;) {
        __atomic_store_n(&cpu->resched, false, __ATOMIC_SEQ_CST);
        dispatch_account(cpu);
        choice = choose(cpu, cpu->since);
        if (choice.run || (__atomic_load_n(&cpus_idle, __ATOMIC_RELAXED) & idle))
            break;
        /* Announce it first, then look once more: a wake-up sees either. */
        __atomic_fetch_or(&cpus_idle, idle, __ATOMIC_SEQ_CST);
    }
    if (choice.run)
        __atomic_fetch_and(&cpus_idle, ~idle, __ATOMIC_RELAXED);

    if (choice.run && choice.run != cpu->current && !dispatch_claim(cpu, choice.run)) {
        __atomic_store_n(&cpu->resched, true, __ATOMIC_RELAXED);
        return; /* somebody was quicker: choose again */
    }
    bool same = choice.run && choice.owner == cpu->owner && choice.slot == cpu->turn_slot &&
                choice.rank == cpu->turn_rank && turn_lasts(cpu, cpu->since);

    if (!same)
        turn_end(cpu);
    if (cpu->current && cpu->current != choice.run)
        release(cpu, cpu->current);
    cpu->current = choice.run;
    if (!same && choice.run)
        turn_begin(cpu, &choice);
    release_loaded(cpu);
    cpu_arm(cpu);
}

void dispatch_wake(struct vcpu *vcpu)
{
    uint8_t loaded = __atomic_load_n(&vcpu->loaded_on, __ATOMIC_SEQ_CST);
    uint64_t idle;

    dispatch_ready(vcpu);
    if (loaded != CPU_NONE) {
        cpu_kick(loaded);
        return;
    }
    idle = __atomic_load_n(&cpus_idle, __ATOMIC_SEQ_CST) & vcpu->domain->cpus;
    if (idle >> vcpu->cpu & 1)
        cpu_kick(vcpu->cpu);
    else if (idle)
        cpu_kick((uint32_t)__builtin_ctzl(idle));
    else if (vcpu->domain->cpus >> vcpu->cpu & 1)
        cpu_kick(vcpu->cpu);
    else
        cpu_kick((uint32_t)__builtin_ctzl(vcpu->domain->cpus));
}

void dispatch_yield(struct cpu *cpu)
{
    cpu->yielded = true;
    __atomic_store_n(&cpu->resched, true, __ATOMIC_RELAXED);
}

static int32_t bucket_check(const struct keel_plan_bucket *bucket)
{
    if (bucket->index >= KEEL_BUCKETS_MAX || bucket->reserved || bucket->period < 100000 ||
        bucket->period > 10000000000ul || bucket->budget > bucket->period * KEEL_CPUS_MAX ||
        bucket->deadline > bucket->period)
        return -KEEL_EINVAL;
    return 0;
}

static int32_t slot_check(const struct keel_plan_slot *slot)
{
    if (slot->domain >= KEEL_DOMAINS_MAX || slot->vcpu >= KEEL_VCPUS_MAX ||
        (slot->bucket >= KEEL_BUCKETS_MAX && slot->bucket != KEEL_BUCKET_NONE) ||
        (slot->flags & ~(uint32_t)(KEEL_SLOT_HARD | KEEL_SLOT_EDF)))
        return -KEEL_EINVAL;
    return 0;
}

int64_t plan_check(uint64_t cpus, const struct keel_plan *plan, struct keel_plan_bucket *list,
                   struct keel_plan_slot *slots)
{
    uint8_t rank = 0;

    if (plan->cpu >= cpus_online || plan->flags || plan->nslots > KEEL_SLOTS_MAX ||
        (plan->slice && plan->slice < SLICE_MIN_NS))
        return -KEEL_EINVAL;
    if (!(cpus >> plan->cpu & 1))
        return -KEEL_EACCES;
    for (uint32_t i = 0; i < plan->nbuckets; i++)
        list[i].status = bucket_check(&list[i]);
    for (uint32_t i = 0; i < plan->nslots; i++) {
        slots[i].status = slots[i].rank < rank ? -KEEL_EINVAL : slot_check(&slots[i]);
        if (slots[i].status == 0)
            rank = slots[i].rank;
    }
    return 0;
}

static void slot_add(struct cpu *cpu, const struct keel_plan_slot *entry) REQUIRES(cpu->lock)
{
    cpu->slot[cpu->slots++] =
        (struct slot){.entry = *entry, .min_run = time_from_ns(entry->min_run)};
    if (entry->flags & KEEL_SLOT_HARD)
        cpu->hard[entry->domain] |= (uint16_t)(1u << entry->vcpu);
}

int64_t plan_commit(const struct keel_plan *plan, const struct keel_plan_bucket *list,
                    const struct keel_plan_slot *slots)
{
    struct cpu *cpu = cpu_at(plan->cpu);
    uint64_t now = time_now();
    uint64_t lease = time_from_ns(plan->lease);

    lock_take(&cpu->lock);
    if (plan->epoch < cpu->epoch) {
        lock_release(&cpu->lock);
        return -KEEL_ESTALE;
    }
    for (uint32_t i = 0; i < plan->nbuckets; i++)
        if (list[i].status == 0)
            bucket_set(&buckets[list[i].index], time_from_ns(list[i].budget),
                       time_from_ns(list[i].period),
                       time_from_ns(list[i].deadline ? list[i].deadline : list[i].period), now);
    cpu->epoch = plan->epoch;
    cpu->slice = time_from_ns(plan->slice ? plan->slice : SLICE_DEFAULT_NS);
    cpu->lease_end = plan->lease && lease < TIME_NEVER - now ? now + lease : TIME_NEVER;
    cpu->slots = 0;
    cpu->turn_slot = SLOT_NONE;
    memset(cpu->hard, 0, sizeof(cpu->hard));
    for (uint32_t i = 0; i < plan->nslots; i++)
        if (slots[i].status == 0)
            slot_add(cpu, &slots[i]);
    lock_release(&cpu->lock);
    cpu_kick(plan->cpu);
    return 0;
}
