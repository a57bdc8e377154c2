/* SPDX-License-Identifier: Apache-2.0 */
/* Dispatch: see dispatch.h. */
#include "cpu/dispatch.h"

#include "cpu/domain.h"
#include "cpu/vcpu.h"

static uint64_t ready[VCPUS_TOTAL / 64]; /* atomic: vCPUs that may be READY; a hint */
uint64_t cpus_idle;
uint64_t dispatch_reserves;

#define LOOKS_MAX 8
#define LEAD_MAX  4  /* slices: of what somebody has had beyond what was due, no more counts */
#define LACK_AWAY 4  /* parts of a slice: who is away and lacks more does not count */
#define REVIEWS   16 /* of the equals' mean in a slice, at most */

/* One way for this CPU to go on. */
struct choice {
    struct vcpu *run;   /* NULL: nothing */
    struct vcpu *owner; /* on whose time */
    uint64_t rank;
    struct slot *slot; /* NULL: outside the plan */
    uint64_t deadline;
    uint64_t key; /* among its equals, the least goes first; 0: its turn goes on */
};

void dispatch_ready(const struct vcpu *vcpu)
{
    __atomic_fetch_or(&ready[vcpu->id / 64], 1ul << (vcpu->id % 64), __ATOMIC_SEQ_CST);
}

/* How long the list is: a walk stops behind it, at somebody who does not sleep. */
static void slots_end(struct cpu *cpu, uint32_t n) REQUIRES(cpu->lock)
{
    static struct vcpu vcpu = {.state = VCPU_READY}, *sentinel = &vcpu;

    cpu->slots = n;
    cpu->slot[n].vcpu = &sentinel;
    cpu->slot[n].equals = NULL;
}

/* But for its slots. */
static void plan_forget(struct cpu *cpu) REQUIRES(cpu->lock)
{
    cpu->cut_until = 0;
    cpu->lease_end = TIME_NEVER;
    cpu->best_rank = RANK_BACKGROUND;
    cpu->by_deadline = 0;
    memset(cpu->hard, 0, sizeof(cpu->hard));
    memset(cpu->place, SLOT_NONE, sizeof(cpu->place));
}

void dispatch_init(struct cpu *cpu) NO_LOCK_ANALYSIS
{
    cpu->armed = cpu->timers_due = cpu->slice_end = cpu->next_refill = TIME_NEVER;
    cpu->shown_rank = RANK_NONE;
    slots_end(cpu, 0);
    plan_forget(cpu);
    cpu->slice = time_from_ns(SLICE_DEFAULT_NS);
    cpu->background = VTIME_FIRST;
}

/* What is to be found without looking through the list. */
static void slot_note(struct cpu *cpu, uint32_t n) REQUIRES(cpu->lock)
{
    const struct slot *slot = &cpu->slot[n];
    uint8_t *place = &cpu->place[slot->domain][slot->index];

    if (*place == SLOT_NONE)
        WRITE_ONCE(*place, (uint8_t)n);
    cpu->by_deadline |= slot->flags & KEEL_SLOT_EDF ? RANK_NONE : 0;
    if (slot->flags & KEEL_SLOT_HARD)
        cpu->hard[slot->domain] |= (uint16_t)(1u << slot->index);
}

/* The lease is over: who has no hard limit shares what the others leave. Those keep what they have, and no more,
 * unless the configuration lets their limits fall. */
static void plan_end(struct cpu *cpu) REQUIRES(cpu->lock)
{
    static struct vcpu *nobody;
    uint32_t slots = cpu->slots, left = 0;

    plan_forget(cpu);
    for (uint32_t i = 0; i < slots; i++) {
        struct slot *slot = &cpu->slot[i];

        if (!(slot->flags & KEEL_SLOT_HARD) ||
            domains[slot->domain].flags & KEEL_DOMAIN_LIMITS_FALL) {
            slot->vcpu = &nobody;
            continue;
        }
        slot_note(cpu, i);
        cpu->best_rank = (uint32_t)min(cpu->best_rank, RANK_PLAN + slot->rank);
        left = i + 1;
    }
    slots_end(cpu, left);
}

void dispatch_unready(const struct vcpu *vcpu)
{
    __atomic_fetch_and(&ready[vcpu->id / 64], ~(1ul << (vcpu->id % 64)), __ATOMIC_RELAXED);
}

bool dispatch_may_run(const struct cpu *cpu, const struct vcpu *vcpu)
{
    uint32_t loaded = __atomic_load_n(&vcpu->loaded_on, __ATOMIC_ACQUIRE);

    return (vcpu->domain->cpus >> cpu->index & 1) && (loaded == CPU_NONE || loaded == cpu->index);
}

/* Whether anybody may be READY for this CPU, on which nothing runs. only: who, if it is only one, and a
 * machine's: it runs on its own time, and has nobody to be compared with. */
static bool ready_any(const struct cpu *cpu, struct vcpu **only)
{
    uint64_t any = 0;
    struct vcpu *vcpu;
    uint32_t base = 0;

    *only = NULL;
#pragma GCC unroll 4
    for (uint32_t i = 0; i < ARRAY_LENGTH(ready); i++) {
        uint64_t bits = READ_ONCE(ready[i]);

        if (!bits)
            continue;
        if (any)
            return true;
        any = bits;
        base = i * 64;
    }
    if (!any || any & (any - 1))
        return any;
    vcpu = &vcpus[base + (uint32_t)__builtin_ctzl(any)];
    *only = vcpu->user ? NULL : vcpu;
    return READ_ONCE(vcpu->state) == VCPU_READY &&
           dispatch_may_run(cpu, vcpu);
}

/* Whom the owner's time can run on this CPU: itself, or (D2) the service that it waits for, and whom
 * that waits for. A service that runs elsewhere ends the chain: its progress needs no help. */
static in_line struct vcpu *help(const struct cpu *cpu, struct vcpu *owner)
{
    struct vcpu *vcpu = owner;

    for (uint32_t depth = 0; vcpu && depth <= HELP_DEPTH; depth++) {
        if (!vcpu->domain || !domain_runs(vcpu->domain))
            return NULL;
        if (vcpu == cpu->current)
            return vcpu;
        switch (__atomic_load_n(&vcpu->state, __ATOMIC_ACQUIRE)) {
        case VCPU_READY:
            return dispatch_may_run(cpu, vcpu) ? vcpu : NULL;
        case VCPU_BLOCKED:
            vcpu = vcpu->exit.service->vcpu[0];
            break;
        default:
            return NULL;
        }
    }
    return NULL;
}

/* Most that are in a plan do, and cost no more than this look. */
static inline bool sleeps(const struct vcpu *owner)
{
    return !owner || (1u << VCPU_WAITING | 1u << VCPU_OFF) >> READ_ONCE(owner->state) & 1;
}

bool dispatch_claim(struct cpu *cpu, struct vcpu *vcpu)
{
    if (!vcpu_change(vcpu, VCPU_READY, VCPU_RUNNING))
        return false;
    /* Now that it can't move: it may have left its registers elsewhere since the caller looked. */
    if (unlikely(!dispatch_may_run(cpu, vcpu))) {
        __atomic_store_n(&vcpu->state, VCPU_READY, __ATOMIC_SEQ_CST);
        dispatch_wake(vcpu);
        return false;
    }
    dispatch_unready(vcpu);
    return vcpu_claimed(cpu, vcpu, 0);
}

/* Notes when a refill of the bucket of something runnable will come. */
static in_line bool has_time(struct cpu *cpu, struct bucket *bucket, bool mine, uint64_t now,
                             uint64_t *deadline)
{
    uint64_t next;
    uint64_t left;

    if (!bucket)
        return true;
    left = bucket_left(bucket, now, &next, deadline);
    if (left || mine || (bucket == cpu->turn_bucket && now < cpu->turn_start + cpu->turn_drawn))
        return true;
    cpu->next_refill = min(cpu->next_refill, next);
    return false;
}

/* After each LOOKS_MAX that were looked at, others get the lock, and interrupts come in. Whether it is another plan now:
 * then what was found is void. */
static inline bool breathe(struct cpu *cpu, uint32_t *looks) REQUIRES(cpu->lock)
{
    uint64_t plans;

    if (likely(++*looks % LOOKS_MAX))
        return false;
    plans = cpu->plans;
    lock_release(&cpu->lock);
    cpu_window();
    lock_take(&cpu->lock);
    return cpu->plans != plans;
}

/* Outside the plan, turns are in the order of virtual times: the CPU time that each has had. No more than a slice from
 * that of the last one chosen counts: sleep saves up no more turns than that, and who had the CPU alone waits no
 * longer for one. */
static inline uint64_t vtime_of(uint64_t *own, uint64_t latest, uint64_t slice)
{
    if (unlikely(*own > latest + slice))
        *own = latest + slice; /* for good: or it would be put off with the others' turns */
    return *own > latest - slice ? *own : latest - slice;
}

void dispatch_reserve_counts(const struct domain *domain)
{
    __atomic_fetch_or(&dispatch_reserves, 1ul << domain->id, __ATOMIC_SEQ_CST);
}

/* The domain's reserve need not be looked at until it wakes. */
static not_inline void reserve_rests(const struct domain *domain)
{
    __atomic_fetch_and(&dispatch_reserves, ~(1ul << domain->id), __ATOMIC_SEQ_CST);
    if (!sleeps(domain->vcpu[0])) /* it has just woken: which of the two was later? */
        dispatch_reserve_counts(domain);
}

/* `lasting`: the owner of a turn that may go on, or NULL. */
static void choose_reserve(struct cpu *cpu, uint64_t now, const struct vcpu *lasting,
                           struct choice *best) REQUIRES(cpu->lock)
{
    uint32_t looks = 0;

    for (uint64_t left = READ_ONCE(dispatch_reserves); left;
         left &= left - 1) {
        struct domain *domain = &domains[__builtin_ctzl(left)];
        struct vcpu *owner = domain->vcpu[0];
        struct vcpu *run;
        uint64_t deadline;

        if (sleeps(owner)) {
            reserve_rests(domain);
            continue;
        }
        if (breathe(cpu, &looks))
            return;
        if (!domain->reserve.period || !(run = help(cpu, owner)))
            continue;
        bool mine = cpu->turn_rank == RANK_RESERVE && owner == lasting;
        uint64_t due = READ_ONCE(domain->reserve_due);

        if (now < due) {
            cpu->next_refill = min(cpu->next_refill, due);
            continue;
        }
        if (!has_time(cpu, &domain->reserve, mine, now, &deadline))
            continue;
        if (!best->run || mine)
            *best = (struct choice){run, owner, RANK_RESERVE, NULL, TIME_NEVER, 0};
    }
}

/* The first slot from this on whose owner does not sleep: behind the last one there is such a one. */
static inline struct slot *awake(struct slot *slot)
{
    while (sleeps(*slot->vcpu))
        slot++;
    return slot;
}

/* The slot of a turn that may go on, or NULL. */
static inline struct slot *turn_lasting(const struct cpu *cpu, const struct vcpu *lasting)
    REQUIRES(cpu->lock)
{
    struct slot *slot = lasting ? cpu->turn_slot : NULL;

    return slot && slot < &cpu->slot[cpu->slots] && *slot->vcpu == lasting ? slot : NULL;
}

/* A slot as a choice, if it can run and is better than what was found. mine: its turn lasts. */
static in_line void look(struct cpu *cpu, struct slot *slot, bool mine, uint64_t key, uint64_t now,
                         struct choice *best) REQUIRES(cpu->lock)
{
    struct vcpu *owner = *slot->vcpu, *run = help(cpu, owner);
    uint64_t deadline = TIME_NEVER;

    if (!run || !has_time(cpu, slot->bucket, mine, now, &deadline))
        return;
    if (!(slot->flags & KEEL_SLOT_EDF))
        deadline = TIME_NEVER;
    else if (best->run && (deadline > best->deadline || (deadline == best->deadline && !mine)))
        return;
    *best = (struct choice){run, owner, RANK_PLAN + slot->rank, slot, deadline, key};
}

/* A turn that lasts, or that gave way, goes on before its equals', which are not looked at. */
static not_inline bool look_on(struct cpu *cpu, struct slot *slot, bool mine, uint64_t now,
                               struct choice *best) REQUIRES(cpu->lock)
{
    look(cpu, slot, mine, 0, now, best);
    return best->run;
}

/* Runs elsewhere, or may not run here. */
static inline bool away(const struct cpu *cpu, const struct vcpu *owner)
{
    return owner != cpu->current &&
           (READ_ONCE(owner->state) == VCPU_RUNNING ||
            !(owner->domain->cpus >> cpu->index & 1));
}

/* How much more a slot has had among its equals than was due, in virtual time, within bounds. Sleep is no lack, and
 * who lacks something because it is away (its weight is 0) does not hold the mean back for long: else all
 * others would be ahead of it as far as counts, and the same. */
static inline int64_t lead_bound(const struct cpu *cpu, struct slot *slot, uint64_t mean,
                                  int64_t *weight)
{
    int64_t slice = (int64_t)slot->slice, lead = (int64_t)(slot->vtime - mean);
    int64_t lack = (int64_t)(slot->slice / LACK_AWAY);

    *weight = slot->weight;
    if (likely(lead >= -lack && lead <= LEAD_MAX * slice))
        return lead;
    if (lead < -slice || lead > 0) {
        lead = lead < 0 ? -slice : LEAD_MAX * slice;
        slot->vtime = mean + (uint64_t)lead;
    }
    if (lead < 0 && away(cpu, *slot->vcpu))
        *weight = 0;
    return lead;
}

/* Equals share by weight: EEVDF (Stoica, Abdel-Wahab, Jeffay et al., RTSS 1996). What each has had by weight is its
 * virtual time; at their mean, all have what is due. Who has had more is not eligible, and of the others the turn
 * that would end first in virtual time is next. The mean is that of the last review, over those who wanted to run:
 * time has to pass until it is another one. */
static not_inline void choose_plan(struct cpu *cpu, uint64_t now, struct slot *turn,
                                   struct choice *best) REQUIRES(cpu->lock)
{
    struct slot *cut =
        now < cpu->cut_until && cpu->cut_slot < &cpu->slot[cpu->slots] ? cpu->cut_slot : NULL;
    bool deadlines = cpu->by_deadline;
    uint64_t fresh = cpu->slice / REVIEWS;
    uint32_t looks = 0;

    for (struct slot *slot = awake(cpu->slot); slot->equals && !best->run;) {
        struct slot *equals = slot->equals;
        bool review = (uint32_t)now - equals->reviewed >= fresh;
        uint64_t mean = equals->mean;
        int64_t leads = 0, weights = 0;

        if (!deadlines &&
            ((turn && turn->equals == equals && look_on(cpu, turn, true, now, best)) ||
             (cut && cut->equals == equals && look_on(cpu, cut, false, now, best))))
            return;
        for (; slot->equals == equals; slot = awake(slot + 1)) {
            int64_t lead = (int64_t)(slot->vtime - mean), weight;

            if (review) {
                lead = lead_bound(cpu, slot, mean, &weight);
                leads += lead * weight;
                weights += weight;
            } else if (unlikely(lead < -(int64_t)slot->slice)) {
                slot->vtime = mean - slot->slice; /* slept through the reviews */
            }
            uint64_t key = slot->vtime + (lead <= 0 ? slot->slice : VTIME_LATER);

            if (deadlines && (slot == turn || slot->flags & KEEL_SLOT_EDF))
                key = 0;
            if (key >= best->key && !(deadlines && slot->flags & KEEL_SLOT_EDF))
                continue;
            if (breathe(cpu, &looks))
                return;
            look(cpu, slot, slot == turn, key, now, best);
        }
        if (likely(weights)) {
            equals->mean = mean + (uint64_t)(leads / weights);
            equals->reviewed = (uint32_t)now;
        }
    }
}

/* A turn has its slot's min_run before a better slot that woke up takes its place. */
static void choose_minimum(struct cpu *cpu, uint64_t now, struct slot *turn, struct choice *best)
    REQUIRES(cpu->lock)
{
    struct vcpu *run;
    uint64_t end;

    if (!turn || best->rank >= cpu->turn_rank)
        return;
    end = cpu->turn_start + turn->min_run;
    if (now >= end || !(run = help(cpu, cpu->owner)))
        return;
    cpu->next_refill = min(cpu->next_refill, end);
    *best = (struct choice){run, cpu->owner, cpu->turn_rank, turn, TIME_NEVER, 0};
}

/* Whatever is ready and not limited hard. */
static not_inline void choose_background(struct cpu *cpu, struct vcpu *lasting, struct choice *best)
    REQUIRES(cpu->lock)
{
    struct vcpu *run;
    uint32_t looks = 0;

    if (cpu->turn_rank == RANK_BACKGROUND && lasting &&
        !(cpu->hard[lasting->domain->id] >> lasting->index & 1) && (run = help(cpu, lasting))) {
        *best = (struct choice){run, lasting, RANK_BACKGROUND, NULL, TIME_NEVER, 0};
        return;
    }
    for (uint32_t word = 0; word < VCPUS_TOTAL / 64; word++) {
        uint64_t bits = READ_ONCE(ready[word]);

        if (cpu->current && cpu->current->id / 64 == word)
            bits |= 1ul << (cpu->current->id % 64);
        for (; bits; bits &= bits - 1) {
            struct vcpu *vcpu = &vcpus[word * 64 + (uint32_t)__builtin_ctzl(bits)];
            uint64_t vtime = vtime_of(&vcpu->vtime, cpu->background, cpu->slice);

            if (breathe(cpu, &looks))
                return;
            if (vtime >= best->key || !vcpu->domain ||
                (cpu->hard[vcpu->domain->id] >> vcpu->index & 1) || help(cpu, vcpu) != vcpu)
                continue;
            *best = (struct choice){vcpu, vcpu, RANK_BACKGROUND, NULL, TIME_NEVER, vtime};
        }
    }
}

/* The next one that waits for this CPU and has not run for as long as its domain may wait, if any. Hard limits
 * count, unless the configuration lets them fall. tick: it is time to count. */
static struct vcpu *starving(struct cpu *cpu, bool tick) REQUIRES(cpu->lock)
{
    struct vcpu *found = NULL;
    uint32_t looks = 0;

    for (uint32_t word = 0; word < VCPUS_TOTAL / 64; word++)
        for (uint64_t bits = READ_ONCE(ready[word]); bits;
             bits &= bits - 1) {
            struct vcpu *vcpu = &vcpus[word * 64 + (uint32_t)__builtin_ctzl(bits)];
            const struct domain *domain = vcpu->domain;

            if (breathe(cpu, &looks))
                return NULL;
            if (vcpu->cpu != cpu->index || vcpu == cpu->current || help(cpu, vcpu) != vcpu ||
                ((cpu->hard[domain->id] >> vcpu->index & 1) &&
                 !(domain->flags & KEEL_DOMAIN_LIMITS_FALL)))
                continue;
            vcpu->waited = (uint8_t)(vcpu->waited + (tick && vcpu->waited < UINT8_MAX));
            if (domain->params.patience && vcpu->waited >= domain->params.patience)
                found = vcpu;
        }
    return found;
}

/* A look in a slow way, now and then: whether the lease is over, and who starves. They have a short turn before all
 * others, one by one. */
static not_inline bool choose_starving(struct cpu *cpu, uint64_t now, struct vcpu *lasting,
                                       struct choice *best) REQUIRES(cpu->lock)
{
    struct vcpu *owner = cpu->turn_rank == RANK_STARVING ? lasting : NULL;
    uint64_t end = cpu->turn_start + time_from_ns(STARVING_TURN_NS);
    struct vcpu *run = now < end ? help(cpu, owner) : NULL;

    if (now >= cpu->lease_end)
        plan_end(cpu);
    if (!run) {
        run = owner = starving(cpu, now >= cpu->tick);
        end = now + time_from_ns(STARVING_TURN_NS);
        cpu->tick = now >= cpu->tick ? now + time_from_ns(STARVING_TICK_NS) : cpu->tick;
    }
    cpu->review = run ? 0 : min(cpu->lease_end, cpu->tick);
    cpu->next_refill = end;
    if (run) {
        domains[cpu->planner >> 32].starves |= cpu->lease_end < TIME_NEVER;
        *best = (struct choice){run, owner, RANK_STARVING, NULL, TIME_NEVER, 0};
    }
    return run;
}

/* The one that is ready, while nothing runs, needs no comparison. False: it is time for a slow look, no slot of its has
 * time, or a reserve counts. */
static inline bool choose_only(struct cpu *cpu, uint64_t now, struct vcpu *only,
                               struct choice *best)
{
    uint32_t i;
    bool found;
    uint64_t deadline;

    lock_take(&cpu->lock);
    i = cpu->place[only->domain->id][only->index];
    found = now < cpu->review && i < cpu->slots && !only->domain->reserve.period &&
            has_time(cpu, cpu->slot[i].bucket, false, now, &deadline);
    if (found) {
        struct slot *slot = &cpu->slot[i];

        cpu->next_refill = cpu->review;
        slot->equals->mean = slot->vtime;
        *best = (struct choice){only, only, RANK_PLAN + slot->rank, slot, TIME_NEVER, 0};
    }
    lock_release(&cpu->lock);
    return found;
}

static void choose(struct cpu *cpu, uint64_t now, struct choice *best)
{
    struct vcpu *lasting = now < cpu->slice_end && !sleeps(cpu->owner) ? cpu->owner : NULL;
    struct slot *turn;
    uint64_t plans;

    lock_take(&cpu->lock);
    do {
        *best = (struct choice){.key = UINT64_MAX};
        plans = cpu->plans;
        if (unlikely(now >= cpu->review) && choose_starving(cpu, now, lasting, best))
            continue;
        cpu->next_refill = cpu->review;
        choose_reserve(cpu, now, lasting, best);
        if (best->run)
            continue;
        turn = turn_lasting(cpu, lasting);
        choose_plan(cpu, now, turn, best);
        if (best->run)
            choose_minimum(cpu, now, turn, best);
        else
            choose_background(cpu, lasting, best);
    } while (unlikely(cpu->plans != plans)); /* it was replaced meanwhile */
    lock_release(&cpu->lock);
}

void dispatch_account(struct cpu *cpu)
{
    uint64_t now = time_now(), ran = now - cpu->since;

    cpu->since = now;
    if (cpu->owner) {
        cpu->owner->run_time += ran;
        *cpu->turn_vtime += ran * cpu->turn_pace / PACE_DEFAULT;
    }
}

/* As of the last accounting. next: whose turn begins, or NULL. A turn that lasts, but must give way, goes on before
 * its equals', until it would have ended; not where deadlines count. */
static void turn_end(struct cpu *cpu, struct vcpu *next) NO_LOCK_ANALYSIS
{
    if (!sleeps(cpu->owner) && cpu->since < cpu->slice_end && cpu->turn_slot &&
        *cpu->turn_slot->vcpu == cpu->owner && !cpu->by_deadline) {
        cpu->cut_slot = cpu->turn_slot;
        cpu->cut_until = cpu->slice_end;
    }
    if (cpu->turn_bucket) {
        bucket_settle(cpu->turn_bucket, cpu->turn_drawn, cpu->since - cpu->turn_start,
                      sleeps(cpu->owner));
        cpu->turn_bucket = NULL;
    }
    cpu->owner = next;
}

static void turn_begin(struct cpu *cpu, const struct choice *choice) NO_LOCK_ANALYSIS
{
    struct slot *slot = choice->slot;
    uint64_t slice = cpu->slice;

    cpu->turn_start = cpu->since;
    cpu->turn_vtime = slot ? &slot->vtime : &choice->owner->vtime;
    cpu->turn_pace = slot ? slot->pace : PACE_DEFAULT;
    if (unlikely(!slot && choice->key)) {
        *cpu->turn_vtime = choice->key;
        if (choice->key > cpu->background)
            cpu->background = choice->key;
    }
    if (unlikely(cpu->cut_until > cpu->turn_start) && slot &&
        slot->equals == cpu->cut_slot->equals) {
        if (slot == cpu->cut_slot)
            slice = cpu->cut_until - cpu->turn_start;
        cpu->cut_until = 0;
    }
    cpu->turn_rank = (uint16_t)choice->rank;
    cpu->turn_slot = slot;
    if (slot)
        cpu->turn_bucket = slot->bucket;
    else if (choice->rank == RANK_RESERVE)
        cpu->turn_bucket = &choice->owner->domain->reserve;
    if (cpu->turn_bucket)
        slice = cpu->turn_drawn = bucket_draw(cpu->turn_bucket, slice, cpu->since);
    cpu->slice_end = cpu->turn_start + slice;
}

/* What ran here goes on elsewhere, or later, or never. */
static void release(struct cpu *cpu, struct vcpu *vcpu)
{
    trace(KEEL_TRACE_PREEMPTED, vcpu, !domain_runs(vcpu->domain));
    arch_save(cpu, vcpu);
    if (cpu->arch.loaded == vcpu)
        arch_unload(cpu);
    if (!domain_runs(vcpu->domain)) {
        __atomic_store_n(&vcpu->state, VCPU_OFF, __ATOMIC_SEQ_CST);
        return;
    }
    __atomic_store_n(&vcpu->state, VCPU_READY, __ATOMIC_SEQ_CST);
    dispatch_ready(vcpu);

    uint64_t others = __atomic_load_n(&cpus_idle, __ATOMIC_SEQ_CST) & vcpu->domain->cpus;

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

    if (state == VCPU_READY || state == VCPU_OFF || !domain_runs(loaded->domain))
        arch_unload(cpu);
    if (state == VCPU_READY)
        dispatch_wake(loaded);
}

/* Somebody is READY, and CPUs are idle that may run it: one of them is told, or the CPU that has its registers. */
static inline void tell(const struct cpu *cpu, uint64_t idle)
{
#pragma GCC unroll 4
    for (uint32_t i = 0; i < ARRAY_LENGTH(ready); i++)
        for (uint64_t bits = __atomic_load_n(&ready[i], __ATOMIC_SEQ_CST); bits; bits &= bits - 1) {
            const struct vcpu *vcpu = &vcpus[i * 64 + (uint32_t)__builtin_ctzl(bits)];
            uint64_t cpus = idle & vcpu->domain->cpus;
            uint32_t target = __atomic_load_n(&vcpu->loaded_on, __ATOMIC_SEQ_CST);

            if (target == CPU_NONE && cpus)
                target = (uint32_t)__builtin_ctzl(cpus);
            if (cpus && target != cpu->index &&
                !__atomic_load_n(&cpu_at(target)->resched, __ATOMIC_SEQ_CST))
                cpu_kick(target);
        }
}

void dispatch(struct cpu *cpu)
{
    uint64_t idle = 1ul << cpu->index;
    bool announced = READ_ONCE(cpus_idle) & idle;
    struct choice choice;
    struct vcpu *only;

    WRITE_ONCE(cpu->shown_rank, RANK_NONE);
    dispatch_account(cpu);
    for (;;) {
        /* From here on, whoever makes somebody READY sees that this CPU chooses, or is seen. */
        WRITE_ONCE(cpu->resched, false);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        cpu->next_refill = TIME_NEVER;
        if (!cpu->current && !ready_any(cpu, &only))
            choice.run = choice.owner = NULL;
        else if (cpu->current || !only || !choose_only(cpu, cpu->since, only, &choice))
            choose(cpu, cpu->since, &choice);
        if (choice.run || announced)
            break;
        /* Announce it first, then look once more: a wake-up sees either. */
        __atomic_fetch_or(&cpus_idle, idle, __ATOMIC_RELAXED);
        announced = true;
    }
    if (choice.run && choice.run != cpu->current && !dispatch_claim(cpu, choice.run)) {
        WRITE_ONCE(cpu->resched, true);
        return; /* somebody was quicker: choose again */
    }
    if (choice.run && announced)
        idle = __atomic_and_fetch(&cpus_idle, ~idle, __ATOMIC_SEQ_CST);
    if (announced && idle)
        tell(cpu, idle);

    bool same = choice.run && choice.owner == cpu->owner && choice.slot == cpu->turn_slot &&
                choice.rank == cpu->turn_rank && cpu->since < cpu->slice_end;

    if (!same)
        turn_end(cpu, choice.owner);
    if (cpu->current && cpu->current != choice.run)
        release(cpu, cpu->current);
    cpu->current = choice.run;
    if (!same && choice.run)
        turn_begin(cpu, &choice);
    if (choice.run)
        __atomic_store_n(&cpu->shown_rank, (uint32_t)choice.rank | cpu->by_deadline,
                         __ATOMIC_RELEASE);
    release_loaded(cpu);
    cpu_arm(cpu);
}

/* Whether the vCPU, READY now, takes the place of what a CPU runs. That shows its rank after it has
 * looked who is READY, and none while it looks: either it has seen this one, or this one is told. What a
 * service runs as may be the rank of the best of those who wait for it. A plan that is replaced meanwhile is
 * no harm: the CPU is told of that, too. */
static in_line bool wins(const struct cpu *cpu, const struct vcpu *vcpu,
                         const struct domain *domain) NO_LOCK_ANALYSIS
{
    uint32_t shown = __atomic_load_n(&cpu->shown_rank, __ATOMIC_SEQ_CST);
    uint32_t i;

    if (vcpu->user)
        return READ_ONCE(cpu->best_rank) < shown;
    i = READ_ONCE(cpu->place[domain->id][vcpu->index]);
    return (i < SLOT_NONE ? RANK_PLAN + cpu->slot[i].rank : RANK_BACKGROUND) < shown;
}

static in_line void wake(struct vcpu *vcpu, const struct domain *domain, bool reserve)
{
    uint32_t loaded = __atomic_load_n(&vcpu->loaded_on, __ATOMIC_SEQ_CST);
    uint64_t cpus = domain->cpus;
    uint32_t target = vcpu->cpu;
    uint64_t idle;

    dispatch_ready(vcpu);
    idle = __atomic_load_n(&cpus_idle, __ATOMIC_SEQ_CST) & cpus;
    if (loaded != CPU_NONE)
        target = loaded; /* which lets go of it, if it is to run elsewhere */
    else if (idle && !(idle >> target & 1))
        target = (uint32_t)__builtin_ctzl(idle);
    if (idle || reserve || wins(cpu_at(target), vcpu, domain))
        cpu_kick(target);
}

/* Who has a reserve, which leaves the plan some time first, or is traced. Apart, or the common path would keep
 * registers for it. */
static not_inline void wake_seldom(struct vcpu *vcpu)
{
    struct domain *domain = vcpu->domain;
    bool reserve = domain->reserve.period;

    trace(KEEL_TRACE_WAKE, vcpu, vcpu->cpu);
    if (reserve) {
        WRITE_ONCE(domain->reserve_due, time_now() + time_from_ns(domain->params.reserve_delay));
        dispatch_reserve_counts(domain);
    }
    wake(vcpu, domain, reserve);
}

void dispatch_wake(struct vcpu *vcpu)
{
    const struct domain *domain = vcpu->domain;

    if (unlikely(READ_ONCE(traces) | domain->reserve.period))
        wake_seldom(vcpu);
    else
        wake(vcpu, domain, false);
}

void dispatch_yield(struct cpu *cpu)
{
    uint64_t now = time_now(), left = now < cpu->slice_end ? cpu->slice_end - now : 0;

    *cpu->turn_vtime += left * cpu->turn_pace / PACE_DEFAULT; /* as if it had used that */
    cpu->slice_end = now;
    WRITE_ONCE(cpu->resched, true);
}

static bool bucket_valid(const struct keel_plan_bucket *bucket)
{
    return bucket->index < KEEL_BUCKETS_MAX && bucket->flags <= KEEL_BUCKET_CBS &&
           bucket->period >= 100000 && bucket->period <= 10000000000ul &&
           bucket->budget <= bucket->period * KEEL_CPUS_MAX && bucket->deadline <= bucket->period;
}

static bool slot_valid(const struct keel_plan_slot *slot)
{
    return slot->domain < KEEL_DOMAINS_MAX && slot->vcpu < KEEL_VCPUS_MAX &&
           slot->weight <= KEEL_WEIGHT_MAX &&
           (slot->bucket < KEEL_BUCKETS_MAX || slot->bucket == KEEL_BUCKET_NONE) &&
           !(slot->flags & ~(uint32_t)(KEEL_SLOT_HARD | KEEL_SLOT_EDF));
}

int64_t plan_check(uint64_t cpus, const struct keel_plan *plan, struct keel_plan_bucket *list,
                   struct keel_plan_slot *slots)
{
    uint8_t rank = 0;

    if (plan->cpu >= cpus_online || plan->flags || plan->nslots > KEEL_SLOTS_MAX ||
        plan->lease > LEASE_MAX_NS || (plan->slice && plan->slice < SLICE_MIN_NS))
        return -KEEL_EINVAL;
    if (!(cpus >> plan->cpu & 1))
        return -KEEL_EACCES;
    for (uint32_t i = 0; i < plan->nbuckets; i++)
        list[i].status = bucket_valid(&list[i]) ? 0 : -KEEL_EINVAL;
    for (uint32_t i = 0; i < plan->nslots; i++) {
        slots[i].status = slots[i].rank >= rank && slot_valid(&slots[i]) ? 0 : -KEEL_EINVAL;
        if (slots[i].status == 0)
            rank = slots[i].rank;
    }
    return 0;
}

/* Entry n of those that count, as it will be in the CPU's list. */
static void slot_make(struct cpu *cpu, struct bucket *buckets, struct slot *made, uint32_t n,
                      uint64_t slice, const struct keel_plan_slot *entry)
{
    struct slot *slot = &made[n];

    slot->vcpu = &domains[entry->domain].vcpu[entry->vcpu];
    slot->domain = (uint8_t)entry->domain;
    slot->index = (uint8_t)entry->vcpu;
    slot->bucket = entry->bucket != KEEL_BUCKET_NONE ? &buckets[entry->bucket] : NULL;
    slot->rank = entry->rank;
    slot->flags = entry->flags;
    slot->min_run = time_from_ns(entry->min_run);
    slot->weight = (uint16_t)(entry->weight ?: KEEL_WEIGHT_DEFAULT);
    slot->pace = KEEL_WEIGHT_DEFAULT * PACE_DEFAULT / slot->weight;
    slot->slice = slice * slot->pace / PACE_DEFAULT;
    slot->mean = VTIME_FIRST;
    slot->equals = n && slot[-1].rank == entry->rank ? slot[-1].equals : &cpu->slot[n];
}

/* The turn that goes on is booked where its owner is now. */
static void turn_book(struct cpu *cpu) REQUIRES(cpu->lock)
{
    const struct vcpu *owner = cpu->owner;
    uint32_t i = owner && cpu->turn_slot ? cpu->place[owner->domain->id][owner->index] : SLOT_NONE;

    if (i < cpu->slots)
        cpu->turn_vtime = &cpu->slot[i].vtime;
}

/* Between so many buckets or slots interrupts come in; only to put the list in place they don't. */
#define COMMIT_STEP 16

int64_t plan_commit(uint64_t planner, uint64_t cpus, const struct keel_plan *plan,
                    const struct keel_plan_bucket *list, const struct keel_plan_slot *slots)
{
    struct cpu *cpu = cpu_at(plan->cpu);
    struct bucket *buckets = cpu_at((uint32_t)__builtin_ctzl(cpus))->bucket; /* of the group */
    uint64_t now = time_now(), slice = time_from_ns(plan->slice ? plan->slice : SLICE_DEFAULT_NS);
    uint64_t lead[KEEL_SLOTS_MAX];
    struct slot made[KEEL_SLOTS_MAX];
    bool stale, early;
    uint32_t n = 0;

    lock_take(&cpu->lock);
    stale = cpu->planner == planner && plan->epoch < cpu->epoch;
    early = cpu->committed && now < cpu->committed + time_from_ns(COMMIT_MIN_NS);
    if (!stale && !early) {
        cpu->planner = planner;
        cpu->epoch = plan->epoch;
        cpu->committed = now;
        for (uint32_t i = 0; i < plan->nslots; i++) {
            uint32_t old = slots[i].status ? SLOT_NONE : cpu->place[slots[i].domain][slots[i].vcpu];

            lead[i] = old < cpu->slots ? cpu->slot[old].vtime - cpu->slot[old].equals->mean : 0;
        }
    }
    lock_release(&cpu->lock);
    if (stale || early)
        return stale ? -KEEL_ESTALE : -KEEL_EAGAIN;
    for (uint32_t i = 0; i < plan->nbuckets; i++)
        if (list[i].status == 0)
            bucket_set(&buckets[list[i].index], &list[i], now);
    for (uint32_t i = 0; i < plan->nslots; i++) {
        if (i % COMMIT_STEP == 0)
            cpu_window();
        if (slots[i].status == 0) {
            slot_make(cpu, buckets, made, n, slice, &slots[i]);
            made[n].vtime = VTIME_FIRST + lead[i];
            made[n++].reviewed = (uint32_t)(now - slice); /* it will be at once */
        }
    }
    cpu_window();
    lock_take(&cpu->lock);
    if (cpu->committed == now) { /* else another one has been quicker meanwhile */
        plan_forget(cpu);
        cpu->plans++;
        cpu->slice = slice;
        cpu->lease_end = now + time_from_ns(plan->lease ? plan->lease : LEASE_DEFAULT_NS);
        cpu->review = min(cpu->review, cpu->lease_end);
        memcpy(cpu->slot, made, n * sizeof(made[0]));
        for (uint32_t i = 0; i < n; i++)
            slot_note(cpu, i);
        slots_end(cpu, n);
        if (n)
            cpu->best_rank = RANK_PLAN + cpu->slot[0].rank;
        turn_book(cpu);
    }
    lock_release(&cpu->lock);
    trace(KEEL_TRACE_COMMIT, cpu_this()->current, plan->cpu);
    cpu_kick(plan->cpu);
    return 0;
}
