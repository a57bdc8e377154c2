/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dispatch against a model: random plans, wake-ups, blocks, yields, exits and answers, commits and deaths on one to
 * four CPUs. What runs is the kernel's dispatcher, buckets, timers, exits and domains' lives. After every step it is
 * compared with a plain list of who wants what (struct life), of what was committed and whose turn it is (struct
 * plan), and of what is in the buckets (struct pot). README.md says what is promised, and how it was shown that
 * this test sees when it is not.
 *
 * A step is one way of one CPU through the kernel and, in the windows of that (dispatch/arch/relax.h), where
 * interrupts and other CPUs come in, whole steps of others. Time is exact (a CPU takes an interrupt when it
 * comes) or late (up to LATE_NS). A seed is a process; the first is DISPATCH_SEED, DISPATCH_SEEDS says how many
 * follow, DISPATCH_STEPS how many steps each has. A failure prints its seed.
 */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/authority.h"
#include "cpu/bare.h"
#include "cpu/dispatch.h"
#include "cpu/domain.h"
#include "cpu/exit.h"
#include "cpu/vcpu.h"
#include "interrupt/irq.h"

#define US       1000ul
#define MS       (1000 * US)
#define CPUS     4u
#define DOMAINS  8u /* 1 to this */
#define VCPUS    3u /* of each, at most */
#define BUCKETS  6u
#define POTS     (2 * BUCKETS) /* two groups of CPUs, at most */
#define SLOTS    14u
#define PLANNERS 2u
#define LATE_NS  (20 * US)
#define STUCK    1000u /* ways through the kernel without time */
#define STEPS    10000u
#define SEEDS    300

/* A vCPU, as it should be. */
enum wish { STOPS, WANTS, WAITS, EXITED };

struct one {
    enum wish wish;
    uint16_t server; /* EXITED: to this domain */
    uint64_t until;  /* WAITS: at most until then */
    uint64_t had;    /* CPU time, in this life */
    uint64_t ready;  /* when it last ran, or did not want to, */
    uint64_t since;  /* or was limited hard */
    uint8_t waited;  /* as the kernel counts it */
};

static struct life {
    bool exists, runs, user;
    uint32_t n;
    uint32_t patience;
    uint64_t cpus;
    uint64_t delay, awake; /* of its reserve; since when, at the latest, it wants to run */
    bool slept;            /* since it was looked at last */
    struct one one[VCPUS];
} life[DOMAINS + 1];

/* A bucket, as it should be. */
struct pot {
    bool set;
    uint64_t budget, period, relative, left, next, deadline;
    uint64_t given_at; /* when a turn gave its rest back, or it was set, */
    uint32_t given_by; /* and where: others are not told */
    uint64_t since;    /* the last refill; of this period: */
    uint64_t used, allowed;
};

static struct pot pot[POTS]; /* of one group of CPUs behind those of the other */
static struct pot reserve[DOMAINS + 1];
static struct bucket *kernels[POTS]; /* the kernel's own */

/* Those that share a CPU: slots of a rank, or whoever has none. */
struct party {
    bool in;
    uint64_t had;
    uint64_t had_at[SLOTS + DOMAINS * VCPUS]; /* when it and the other one began to share */
};

#define PARTIES (SLOTS + DOMAINS * VCPUS)

/* Of a CPU: what was committed, and the turn of whoever runs. */
static struct plan {
    uint64_t planner, committed, lease_end, slice;
    uint32_t epoch;
    uint32_t slots;
    struct keel_plan_slot slot[SLOTS];

    struct vcpu *owner;
    uint64_t start, end, drawn;
    uint32_t turn_slot, rank;
    struct pot *pot;

    uint64_t chose;   /* when */
    uint64_t at;      /* up to when time is booked */
    uint64_t cut_end; /* of the turn of cut_slot, which gave way */
    uint32_t cut_slot;
    uint64_t old_end;            /* of what ran when the plan was replaced: it may go on */
    const struct vcpu *starving; /* who has a turn for that, */
    uint64_t starving_since;     /* and since when */
    bool yields;
    bool again;    /* a turn like the last one: perhaps the same */
    bool replaced; /* since the turn began, which may last as long as before */
    struct party party[PARTIES];
} plan[CPUS];

static struct {
    uint64_t seed, random;
    uint64_t step, steps;
    uint32_t cpus;
    bool exact;
    uint64_t users; /* bits: domains that are services */
    uint64_t falls; /* likewise: hard limits may fall */
    uint64_t period[BUCKETS];
    uint32_t cut;    /* the CPU with which the second group of CPUs begins; 0: there is one group */
    uint32_t quiet;  /* only one in so many steps does anything */
    uint32_t pause;  /* how long it is between steps */
    uint32_t deaths; /* how often */
    uint32_t depth;  /* of steps in windows of others */
    uint64_t nested; /* of these, so far */
} test;

#define must(condition)                   \
    do {                                  \
        if (!(condition))                 \
            failed(#condition, __LINE__); \
    } while (0)

static void describe(void);

static noreturn void failed(const char *condition, int line)
{
    fflush(stdout);
    fprintf(stderr, "DISPATCH_SEED=%lu, step %lu (%s), CPU %u of %u, %lu ns, line %d: %s\n",
            test.seed, test.step, test.exact ? "exact" : "late", bare.here, test.cpus, bare.now,
            line, condition);
    describe();
    abort();
}

/* splitmix64: Steele, Lea, Flood, OOPSLA 2014. */
static uint64_t random_next(void)
{
    uint64_t x = (test.random += 0x9e3779b97f4a7c15u);

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint32_t pick(uint64_t limit)
{
    return (uint32_t)(random_next() % limit);
}

static bool chance(uint32_t in)
{
    return pick(in) == 0;
}

/* What the kernel needs besides. */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"

static bool sealed;

bool authority_is_sealed(void)
{
    return sealed;
}

int64_t argo_kernel_send(struct domain *to, uint32_t message_type, const void *payload,
                         uint32_t bytes)
{
    return chance(16) ? -KEEL_EAGAIN : 0;
}

int64_t argo_teardown(struct domain *domain)
{
    return chance(2) ? -KEEL_EAGAIN : 0;
}

void space_init(struct space *space, uint16_t owner, bool machine)
{
}

int64_t space_teardown(struct space *space)
{
    return 0;
}

uint64_t space_pages(struct space *space)
{
    return 0;
}

void arch_domain_init(struct domain *domain, uint32_t spis)
{
}

void arch_vcpu_init(struct vcpu *vcpu)
{
}

void arch_complete(struct vcpu *vcpu, uint64_t value)
{
}

void arch_retry(struct vcpu *vcpu)
{
}

void irqs_start(struct domain *domain)
{
}

void irqs_stop(struct domain *domain)
{
}

#pragma GCC diagnostic pop

void relax(void)
{
    failed("a lock is free", __LINE__);
}

/* Looking. */

static struct one *one_of(const struct vcpu *vcpu)
{
    return &life[vcpu->domain->id].one[vcpu->index];
}

static struct vcpu *vcpu_of(uint32_t domain, uint32_t index)
{
    return life[domain].exists && index < life[domain].n ? domains[domain].vcpu[index] : NULL;
}

/* On which CPU it runs, or `cpus`. */
static uint32_t where(const struct vcpu *vcpu)
{
    uint32_t c = 0;

    while (c < test.cpus && cpu_at(c)->current != vcpu)
        c++;
    return c;
}

static bool pending(uint32_t c)
{
    const struct cpu *cpu = cpu_at(c);

    return (bare.kicked >> c & 1) || bare.now >= cpu->arch.timer ||
           (cpu->current ? cpu->attention : cpu->resched);
}

static bool settled(void)
{
    for (uint32_t c = 0; c < test.cpus; c++)
        if (pending(c))
            return false;
    return true;
}

static bool may_run(uint32_t c, const struct vcpu *vcpu)
{
    return (life[vcpu->domain->id].cpus >> c & 1) &&
           (vcpu->loaded_on == CPU_NONE || vcpu->loaded_on == c);
}

/* D2: whom its time can run here. */
static const struct vcpu *helped(uint32_t c, const struct vcpu *owner)
{
    for (uint32_t depth = 0; owner && depth <= HELP_DEPTH; depth++) {
        const struct one *one = one_of(owner);

        if (!life[owner->domain->id].runs)
            return NULL;
        if (one->wish == EXITED) {
            owner = vcpu_of(one->server, 0);
            continue;
        }
        if (one->wish != WANTS)
            return NULL;
        return where(owner) == c || (where(owner) == test.cpus && may_run(c, owner)) ? owner : NULL;
    }
    return NULL;
}

static bool is_hard(const struct plan *its, const struct vcpu *vcpu)
{
    for (uint32_t i = 0; i < its->slots; i++)
        if (its->slot[i].domain == vcpu->domain->id && its->slot[i].vcpu == vcpu->index &&
            (its->slot[i].flags & KEEL_SLOT_HARD))
            return true;
    return false;
}

/* Groups of CPUs, each with its own planners and buckets. */

static uint64_t group_of(uint32_t c)
{
    return c < test.cut ? (1ul << test.cut) - 1 : ~0ul << test.cut;
}

static struct pot *pot_at(uint32_t c, uint32_t bucket)
{
    return &pot[(test.cut && c >= test.cut ? BUCKETS : 0) + bucket];
}

static bool falls(uint32_t domain)
{
    return test.falls >> domain & 1;
}

/* It could run, and nothing but the plan keeps it from that. */
static bool starves(const struct vcpu *vcpu)
{
    return life[vcpu->domain->id].runs && life[vcpu->domain->id].patience &&
           one_of(vcpu)->wish == WANTS && vcpu->state == VCPU_READY && where(vcpu) == test.cpus &&
           (falls(vcpu->domain->id) || !is_hard(&plan[vcpu->cpu], vcpu));
}

/* Buckets. */

/* In a period the budget is used, and what was drawn before it began. */
static void pot_refill(struct pot *its)
{
    for (; its->set && bare.now >= its->next; its->next += its->period) {
        its->left = its->allowed = its->budget;
        its->deadline = its->next + its->relative;
        its->since = its->next;
        its->used = 0;
        for (uint32_t c = 0; c < test.cpus; c++)
            if (plan[c].owner && plan[c].pot == its && plan[c].end > its->next)
                its->allowed += plan[c].end - its->next;
    }
}

static void pots_refill(void)
{
    for (uint32_t i = 0; i < POTS; i++)
        pot_refill(&pot[i]);
    for (uint32_t i = 1; i <= DOMAINS; i++)
        pot_refill(&reserve[i]);
}

static void pot_set(struct pot *its, uint64_t budget, uint64_t period, uint64_t relative)
{
    if (!its->set)
        *its = (struct pot){.set = true,
                            .left = budget,
                            .allowed = budget,
                            .since = bare.now,
                            .next = bare.now + period,
                            .deadline = bare.now + relative};
    its->budget = budget;
    its->period = period;
    its->relative = relative;
    its->left = min(its->left, budget);
    its->next = min(its->next, bare.now + period);
}

static void pot_settle(struct pot *its, uint64_t drawn, uint64_t begin)
{
    uint64_t used = bare.now - begin;

    must(used <= drawn + (test.exact ? 0 : LATE_NS));
    its->allowed += used > drawn ? used - drawn : 0;
    its->used += bare.now - (begin > its->since ? begin : its->since);
    must(its->used <= its->allowed);
    its->left = its->left + drawn > used ? min(its->left + drawn - used, its->budget) : 0;
}

/* Time. */

static uint32_t party_of(const struct plan *its, uint32_t slot, const struct vcpu *vcpu)
{
    return slot < its->slots ? slot : SLOTS + (vcpu->domain->id - 1u) * VCPUS + vcpu->index;
}

static void book(void)
{
    for (uint32_t c = 0; c < test.cpus; c++) {
        struct plan *its = &plan[c];
        const struct vcpu *owner = cpu_at(c)->owner;
        uint64_t passed = bare.now - its->at;

        its->at = bare.now;
        if (!owner)
            continue;
        one_of(owner)->had += passed;
        if (its->rank == RANK_BACKGROUND ||
            (its->rank != RANK_RESERVE && its->turn_slot < its->slots))
            its->party[party_of(its, its->turn_slot, owner)].had += passed;
    }
}

/* From now on it shares this CPU with its equals, or does not. */
static void party_set(struct plan *its, uint32_t n, bool in)
{
    struct party *party = &its->party[n];

    party->in = in;
    for (uint32_t i = 0; i < PARTIES; i++) {
        party->had_at[i] = party->had;
        its->party[i].had_at[n] = its->party[i].had;
    }
}

static void all_leave(struct plan *its)
{
    memset(its->party, 0, sizeof(its->party));
}

static uint32_t slots_of(const struct plan *its, uint32_t domain, uint32_t index)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < its->slots; i++)
        n += its->slot[i].domain == domain && its->slot[i].vcpu == index;
    return n;
}

/* Whether deadlines count in a rank: weights do not, then. */
static bool by_deadline(const struct plan *its, uint32_t rank)
{
    bool any = false;

    for (uint32_t i = 0; i < its->slots; i++)
        any |= its->slot[i].rank == rank && (its->slot[i].flags & KEEL_SLOT_EDF);
    return any;
}

static bool shares(uint32_t c, uint32_t domain, uint32_t index)
{
    const struct vcpu *vcpu = vcpu_of(domain, index);

    return vcpu && life[domain].runs && life[domain].one[index].wish == WANTS &&
           (where(vcpu) == c ? cpu_at(c)->owner == vcpu
                             : where(vcpu) == test.cpus && may_run(c, vcpu));
}

static void parties_look(uint32_t c)
{
    struct plan *its = &plan[c];

    for (uint32_t i = 0; i < its->slots; i++) {
        const struct keel_plan_slot *slot = &its->slot[i];
        bool in = slot->bucket == KEEL_BUCKET_NONE && !by_deadline(its, slot->rank) &&
                  slots_of(its, slot->domain, slot->vcpu) == 1 &&
                  shares(c, slot->domain, slot->vcpu);

        if (in != its->party[i].in)
            party_set(its, i, in);
    }
    for (uint32_t d = 1; d <= DOMAINS && test.cpus == 1; d++)
        for (uint32_t i = 0; i < VCPUS; i++) {
            uint32_t n = SLOTS + (d - 1) * VCPUS + i;
            bool in = !domains[d].reserve.period && shares(c, d, i) && !slots_of(its, d, i);

            if (in != its->party[n].in)
                party_set(its, n, in);
        }
}

static uint64_t weight_of(const struct plan *its, uint32_t n)
{
    return n < SLOTS && its->slot[n].weight ? its->slot[n].weight : KEEL_WEIGHT_DEFAULT;
}

/* Equals that want the CPU all the time: what they have had by weight is never further apart than three slices of
 * each: as it was when they began to share, and now. A weight is as exact as the kernel's arithmetic. */
static void shares_check(uint32_t c)
{
    const struct plan *its = &plan[c];

    for (uint32_t i = 0; i < PARTIES; i++)
        for (uint32_t j = 0; j < PARTIES && its->party[i].in && !its->replaced; j++) {
            const struct party *a = &its->party[i], *b = &its->party[j];

            if (i == j || !b->in || (i < SLOTS) != (j < SLOTS) ||
                (i < SLOTS && its->slot[i].rank != its->slot[j].rank))
                continue;
            double wa = (double)weight_of(its, i), wb = (double)weight_of(its, j);
            double ahead = (double)(a->had - a->had_at[j]) / wa;
            double behind = (double)(b->had - b->had_at[i]) / wb;
            double slices = 3 * (double)its->slice * (1 / wa + 1 / wb);

            must(ahead - behind <= slices + ahead * 0.005);
        }
}

/* What somebody can have here: now for sure, or if it is only the model that is not exact, perhaps. */
struct choice {
    uint32_t rank, slot;
    const struct vcpu *owner;
    uint64_t deadline;
    bool sure;
    bool told; /* this CPU could know at its last choice */
};

static struct choice choices[DOMAINS + SLOTS + DOMAINS * VCPUS];
static uint32_t nchoices;

static void choice_add(uint32_t c, const struct vcpu *owner, const struct pot *from, uint32_t rank,
                       uint32_t slot, bool mine)
{
    const struct plan *its = &plan[c];
    /* What the turn here has not used, that is: */
    bool rest = its->owner && its->pot == from && bare.now < its->start + its->drawn;
    bool sure = !from || mine || (test.exact && from->left);

    if (!owner || !helped(c, owner) || (from && !mine && test.exact && !from->left && !rest))
        return;
    choices[nchoices++] =
        (struct choice){rank,  slot,
                        owner, from ? from->deadline : TIME_NEVER,
                        sure,  !from || from->given_by == c || from->given_at < plan[c].chose};
}

/* Everything that CPU c could do, by what is promised. lasting: whose turn is not over. */
static void choices_find(uint32_t c, const struct vcpu *lasting)
{
    const struct plan *its = &plan[c];

    nchoices = 0;
    for (uint32_t d = 1; d <= DOMAINS; d++)
        if (life[d].exists && reserve[d].set && bare.now >= domains[d].reserve_due)
            choice_add(c, vcpu_of(d, 0), &reserve[d], RANK_RESERVE, SLOT_NONE,
                       its->rank == RANK_RESERVE && vcpu_of(d, 0) == lasting);
    for (uint32_t i = 0; i < its->slots; i++) {
        const struct keel_plan_slot *slot = &its->slot[i];
        const struct vcpu *owner = vcpu_of(slot->domain, slot->vcpu);

        choice_add(c, owner, slot->bucket == KEEL_BUCKET_NONE ? NULL : pot_at(c, slot->bucket),
                   RANK_PLAN + slot->rank, i, i == its->turn_slot && owner && owner == lasting);
    }
    for (uint32_t d = 1; d <= DOMAINS; d++)
        for (uint32_t i = 0; i < life[d].n; i++) {
            const struct vcpu *vcpu = vcpu_of(d, i);

            bool goes_on = its->rank == RANK_BACKGROUND && vcpu == lasting;

            if (vcpu && (goes_on || helped(c, vcpu) == vcpu) && !is_hard(its, vcpu))
                choice_add(c, vcpu, NULL, RANK_BACKGROUND, SLOT_NONE, false);
        }
}

static uint32_t best_rank(bool sure)
{
    uint32_t best = RANK_NONE;

    for (uint32_t i = 0; i < nchoices; i++)
        if ((choices[i].sure || !sure) && choices[i].rank < best)
            best = choices[i].rank;
    return best;
}

/* Its number in the plan, or SLOT_NONE. */
static uint32_t turn_slot_of(const struct cpu *cpu)
{
    return cpu->turn_slot ? (uint32_t)(cpu->turn_slot - cpu->slot) : SLOT_NONE;
}

/* For who looks for a mistake. */
static void describe(void)
{
    for (uint32_t c = 0; c < test.cpus; c++) {
        const struct cpu *cpu = cpu_at(c);
        const struct plan *its = &plan[c];

        fprintf(
            stderr,
            "CPU %u: runs %d for %d, rank %u slot %u, turn %lu to %lu, timer %lu, lease %lu, idle %lu, pending %u\n",
            c, cpu->current ? cpu->current->id : -1, cpu->owner ? cpu->owner->id : -1,
            cpu->turn_rank, turn_slot_of(cpu), cpu->turn_start, cpu->slice_end, cpu->arch.timer,
            its->lease_end, cpus_idle >> c & 1, pending(c));
        for (uint32_t i = 0; i < its->slots; i++)
            fprintf(stderr, "  slot %u: %u.%u rank %u bucket %u flags %u min_run %u weight %u\n", i,
                    its->slot[i].domain, its->slot[i].vcpu, RANK_PLAN + its->slot[i].rank,
                    its->slot[i].bucket, its->slot[i].flags, its->slot[i].min_run,
                    its->slot[i].weight);
    }
    for (uint32_t i = 0; i < POTS; i++)
        fprintf(stderr,
                "bucket %u: %lu of %lu in %lu, next %lu, deadline %lu; kernel: %lu, %lu, %lu\n", i,
                pot[i].left, pot[i].budget, pot[i].period, pot[i].next, pot[i].deadline,
                kernels[i]->left, kernels[i]->next, kernels[i]->deadline);
    for (uint32_t d = 1; d <= DOMAINS; d++)
        for (uint32_t i = 0; i < life[d].n; i++) {
            const struct vcpu *vcpu = vcpu_of(d, i);

            if (vcpu)
                fprintf(
                    stderr,
                    "%u.%u = %u: %s %s wish %d server %u, state %u, CPUs %lx, loaded %x, last on %u, reserve %lu\n",
                    d, i, vcpu->id, life[d].runs ? "runs" : "dead",
                    life[d].user ? "user" : "machine", life[d].one[i].wish, life[d].one[i].server,
                    vcpu->state, life[d].cpus & 15, vcpu->loaded_on, vcpu->cpu, reserve[d].left);
        }
    for (uint32_t i = 0; i < nchoices; i++)
        fprintf(stderr, "choice: %u rank %u slot %u deadline %lu sure %d\n", choices[i].owner->id,
                choices[i].rank, choices[i].slot, choices[i].deadline, choices[i].sure);
}

/* Turns. */

static struct pot *pot_of(const struct bucket *bucket)
{
    for (uint32_t i = 0; i < POTS; i++)
        if (bucket == kernels[i])
            return &pot[i];
    for (uint32_t i = 1; i <= DOMAINS; i++)
        if (bucket == &domains[i].reserve)
            return &reserve[i];
    must(!bucket);
    return NULL;
}

static const struct bucket *bucket_of(const struct pot *its)
{
    return its >= pot && its < pot + POTS ? kernels[its - pot] : NULL;
}

static bool turn_goes_on(uint32_t c)
{
    const struct plan *its = &plan[c];
    const struct cpu *cpu = cpu_at(c);

    return its->owner && its->owner == cpu->owner && its->start == cpu->turn_start &&
           its->rank == cpu->turn_rank && its->turn_slot == turn_slot_of(cpu) &&
           its->pot == pot_of(cpu->turn_bucket) && (!its->pot || its->drawn == cpu->turn_drawn);
}

/* Of turns that begin and end at once nothing is seen. */
static void turn_end(uint32_t c, bool lasting)
{
    struct plan *its = &plan[c];

    its->again = turn_goes_on(c);
    if (its->again && its->start == bare.now && test.nested && test.exact && bucket_of(its->pot))
        its->pot->left =
            bucket_of(its->pot)->left; /* it may have ended, and been clamped by a commit */
    if (its->again && lasting)
        return;
    if (its->owner && bare.now < its->end) {
        its->cut_end = its->end;
        its->cut_slot = its->turn_slot;
    }
    if (its->owner && its->pot) {
        pot_settle(its->pot, its->drawn, its->start);
        its->pot->given_at = bare.now;
        its->pot->given_by = c;
    }
    its->owner = NULL;
}

static void turn_begin(uint32_t c)
{
    struct plan *its = &plan[c];
    const struct cpu *cpu = cpu_at(c);
    struct pot *from;

    its->end = cpu->slice_end;
    if (!cpu->owner || turn_goes_on(c))
        return;
    from = pot_of(cpu->turn_bucket);
    must(cpu->turn_start == bare.now);
    its->owner = cpu->owner;
    its->pot = from;
    its->start = cpu->turn_start;
    its->rank = cpu->turn_rank;
    its->turn_slot = turn_slot_of(cpu);
    its->drawn = from ? cpu->turn_drawn : its->end - its->start;
    must(its->again || its->end == its->start + its->drawn);
    must(its->again || its->drawn <= its->slice || its->end <= its->old_end);
    if (its->replaced)
        all_leave(its);
    its->replaced = its->end <= its->old_end;
    if (!from)
        return;
    if (test.exact && test.depth == 0 && !test.nested && !its->again)
        must(its->drawn <= from->left && !its->drawn == !from->left); /* less, if it goes on */
    from->left -= min(its->drawn, from->left);
}

/* What a CPU decides, beside what it did before. */
struct before {
    struct vcpu *lasting;
    uint64_t start;
    uint32_t slot, rank;
};

static struct before before_of(uint32_t c)
{
    const struct cpu *cpu = cpu_at(c);

    return (struct before){cpu->owner && bare.now < cpu->slice_end ? cpu->owner : NULL,
                           cpu->turn_start, turn_slot_of(cpu), cpu->turn_rank};
}

/* A turn has its slot's min_run, but for the reserve. */
static bool minimum_lasts(uint32_t c, const struct before *before, uint32_t best)
{
    const struct plan *its = &plan[c];

    return before->lasting && before->rank != RANK_BACKGROUND && best != RANK_RESERVE &&
           best < before->rank && before->slot < its->slots &&
           vcpu_of(its->slot[before->slot].domain, its->slot[before->slot].vcpu) ==
               before->lasting &&
           bare.now < before->start + its->slot[before->slot].min_run;
}

/* At a choice: if its time can run anybody here still. */
static bool minimum(uint32_t c, const struct before *before, uint32_t best)
{
    return minimum_lasts(c, before, best) && helped(c, before->lasting);
}

/* The same before any of those who may be better, where it is not sure who is. */
static bool minimum_perhaps(uint32_t c, const struct before *before)
{
    for (uint32_t i = 0; i < nchoices; i++)
        if (minimum(c, before, choices[i].rank))
            return best_rank(true) != RANK_RESERVE;
    return false;
}

/* Which of its slots somebody has who alone is ready does not matter. */
static bool only_one(void)
{
    for (uint32_t i = 1; i < nchoices; i++)
        if (choices[i].owner != choices[0].owner)
            return false;
    return true;
}

static void choice_check(uint32_t c, const struct before *before, uint32_t cut_slot,
                         uint64_t cut_end)
{
    const struct plan *its = &plan[c];
    const struct cpu *cpu = cpu_at(c);
    const struct choice *chosen = NULL, *goes_on = NULL;
    uint64_t earliest = TIME_NEVER;
    uint32_t sure, perhaps, with = 0, without = 0; /* a deadline */

    choices_find(c, before->lasting);
    sure = best_rank(true);
    perhaps = best_rank(false);
    if (!cpu->owner) {
        must(sure == RANK_NONE);
        return;
    }
    must(cpu->current == helped(c, cpu->owner));
    if (cpu->turn_rank == RANK_STARVING) /* starving_turn */
        return;
    if (cpu->turn_start == before->start && cpu->owner == before->lasting &&
        minimum_perhaps(c, before))
        return;
    must(test.exact ? !minimum(c, before, sure) : true);
    must(cpu->turn_rank >= perhaps && cpu->turn_rank <= sure);
    for (uint32_t i = 0; i < nchoices; i++) {
        const struct choice *other = &choices[i];
        bool deadline = other->slot < SLOT_NONE && its->slot[other->slot].flags & KEEL_SLOT_EDF;

        if (other->rank != cpu->turn_rank)
            continue;
        if (other->owner == cpu->owner && other->slot == turn_slot_of(cpu))
            chosen = other;
        if (other->owner == before->lasting && other->rank == before->rank &&
            other->slot == before->slot && other->sure && !deadline)
            goes_on = other;
        if (deadline && other->sure)
            earliest = min(earliest, other->deadline);
        with += deadline;
        without += !deadline;
    }
    must(chosen);
    /* Its equals do not end it, but for one whose turn it was to be still. */
    if (goes_on && !with && !(chosen->slot == cut_slot && bare.now < cut_end)) {
        must(cpu->owner == before->lasting);
        must(turn_slot_of(cpu) != before->slot || cpu->turn_start == before->start);
    }
    if (test.exact && with && !without) {
        must(chosen->deadline == earliest || only_one());
    }
}

static void lease_look(uint32_t c)
{
    if (bare.now < plan[c].lease_end)
        return;
    for (uint32_t i = 0, n = plan[c].slots; i < n; i++) { /* limits stay */
        struct keel_plan_slot *slot = &plan[c].slot[i];

        if (i == 0)
            plan[c].slots = 0;
        if ((slot->flags & KEEL_SLOT_HARD) && !falls(slot->domain))
            plan[c].slots = i + 1;
        else
            *slot = (struct keel_plan_slot){.bucket = KEEL_BUCKET_NONE, .rank = slot->rank};
    }
    plan[c].lease_end = TIME_NEVER;
    plan[c].replaced = true;
    plan[c].old_end = plan[c].end;
    all_leave(&plan[c]);
}

static void woken_look(void)
{
    for (uint32_t d = 1; d <= DOMAINS; d++)
        for (uint32_t i = 0; i < life[d].n; i++) {
            const struct vcpu *vcpu = vcpu_of(d, i);
            struct one *one = &life[d].one[i];

            if (vcpu && one->wish == WAITS && bare.now >= one->until && vcpu->state != VCPU_WAITING)
                one->wish = WANTS;
        }
}

/* A turn of who starves is short, and not before its time. */
static void starving_turn(uint32_t c)
{
    struct plan *its = &plan[c];
    const struct vcpu *owner = cpu_at(c)->owner;

    if (!owner || cpu_at(c)->turn_rank != RANK_STARVING) {
        its->starving = NULL;
    } else if (owner != its->starving) {
        its->starving = owner;
        its->starving_since = bare.now;
        must(test.nested || falls(owner->domain->id) || !is_hard(its, owner));
        must(bare.now - one_of(owner)->ready >=
             (life[owner->domain->id].patience - 1) * (uint64_t)STARVING_TICK_NS);
    }
    must(!its->starving || bare.now < its->starving_since + STARVING_TURN_NS);
    if (cpu_at(c)->current)
        one_of(cpu_at(c)->current)->ready = one_of(cpu_at(c)->current)->since = bare.now;
}

/* A CPU's way out of the kernel. */
static void leave(uint32_t c)
{
    const struct cpu *cpu = cpu_at(c);
    struct before before = before_of(c);
    uint64_t start = cpu->turn_start, cut_end = plan[c].cut_end;
    uint32_t cut_slot = plan[c].cut_slot;
    const struct vcpu *owner = cpu->owner;
    bool chooses = cpu->resched || !cpu->current;

    test.depth++;
    bare_pass(c);
    test.depth--;
    starving_turn(c);
    woken_look();
    lease_look(c);
    chooses |= cpu->turn_start != start || cpu->owner != owner;
    turn_end(c, before.lasting || test.nested);
    if (chooses && test.depth == 0 && !test.nested)
        choice_check(c, &before, cut_slot, cut_end);
    turn_begin(c);
    must(!plan[c].yields || !cpu->owner || cpu->turn_start == bare.now);
    plan[c].yields = false;
    if (chooses)
        plan[c].chose = bare.now;
    if (cpu->current)
        must(life[cpu->current->domain->id].runs);
    if (test.depth == 0)
        test.nested = 0;
}

/* What is always true, and what is true when nothing is about to happen. */

static void states_check(void)
{
    static const uint8_t states[] = {
        [STOPS] = VCPU_OFF, [WANTS] = VCPU_READY, [WAITS] = VCPU_WAITING, [EXITED] = VCPU_BLOCKED};

    for (uint32_t d = 1; d <= DOMAINS; d++)
        for (uint32_t i = 0; i < life[d].n; i++) {
            const struct vcpu *vcpu = vcpu_of(d, i);
            const struct one *one = &life[d].one[i];
            uint64_t had;
            uint32_t n = 0;

            if (!vcpu)
                continue;
            had = vcpu->run_time;
            for (uint32_t c = 0; c < test.cpus; c++) {
                const struct cpu *cpu = cpu_at(c);

                n += cpu->current == vcpu;
                had += cpu->owner == vcpu ? bare.now - cpu->since : 0;
                must(cpu->current != vcpu || ((life[d].cpus >> c & 1) && vcpu->cpu == c));
            }
            must(n == (vcpu->state == VCPU_RUNNING));
            must(had == one->had);
            if (life[d].runs)
                must((vcpu->state == VCPU_RUNNING ? VCPU_READY : vcpu->state) == states[one->wish]);
        }
}

/* Who has a reserve waits for it no longer than from when it wakes up. */
static void delays_check(void)
{
    for (uint32_t d = 1; d <= DOMAINS; d++) {
        if (life[d].slept || !life[d].runs || life[d].one[0].wish != WANTS)
            life[d].awake = bare.now;
        life[d].slept = life[d].one[0].wish != WANTS;
        if (life[d].exists && reserve[d].set)
            must(domains[d].reserve_due <= life[d].awake + life[d].delay);
    }
}

static void buckets_check(void)
{
    for (uint32_t i = 0; i < POTS && test.exact; i++)
        if (pot[i].set && bare.now < kernels[i]->next) {
            must(pot[i].left == kernels[i]->left);
            must(pot[i].next == kernels[i]->next);
        }
}

static bool bound_to(const struct vcpu *vcpu, uint32_t c)
{
    return (life[vcpu->domain->id].cpus & ((1u << test.cpus) - 1)) == 1u << c;
}

static bool is_hard_anywhere(const struct vcpu *vcpu)
{
    bool hard = false;

    for (uint32_t c = 0; c < test.cpus; c++)
        hard |= is_hard(&plan[c], vcpu);
    return hard;
}

/* Whether somebody without a hard limit could run here, wherever its registers are. */
static bool wanted(uint32_t c)
{
    for (uint32_t d = 1; d <= DOMAINS; d++)
        for (uint32_t i = 0; i < life[d].n; i++) {
            const struct vcpu *vcpu = vcpu_of(d, i);

            if (vcpu && life[d].runs && (life[d].cpus >> c & 1) && life[d].one[i].wish == WANTS &&
                where(vcpu) == test.cpus && !is_hard_anywhere(vcpu))
                return true;
        }
    return false;
}

static void settled_check(void)
{
    for (uint32_t c = 0; c < test.cpus; c++) {
        const struct cpu *cpu = cpu_at(c);
        struct before before = before_of(c);

        bare.here = c;
        choices_find(c, before.lasting);
        if (!cpu->current) {
            for (uint32_t i = 0; i < nchoices; i++)
                must(!choices[i].sure || !choices[i].told || !bound_to(choices[i].owner, c) ||
                     !bound_to(helped(c, choices[i].owner), c));
            must(!wanted(c));
            continue;
        }
        must(life[cpu->current->domain->id].runs);
        for (uint32_t i = 0; i < nchoices && test.exact; i++) /* who wakes up is not kept waiting */
            if (choices[i].owner == helped(c, choices[i].owner) && choices[i].told &&
                cpu->turn_rank != RANK_STARVING && choices[i].owner != cpu->current &&
                bound_to(choices[i].owner, c)) {
                must(choices[i].rank >= cpu->turn_rank ||
                     minimum_lasts(c, &before, choices[i].rank));
            }
    }
    for (uint32_t d = 1; d <= DOMAINS; d++)
        for (uint32_t i = 0; i < life[d].n; i++) {
            const struct vcpu *vcpu = vcpu_of(d, i);

            if (vcpu && life[d].runs && life[d].one[i].wish == WAITS)
                must(life[d].one[i].until > bare.now);
        }
}

/* Nobody waits for a CPU longer than its domain's patience, whatever the plans say. */
static void starving_look(void)
{
    for (uint32_t d = 1; d <= DOMAINS; d++)
        for (uint32_t i = 0; i < life[d].n; i++) {
            const struct vcpu *vcpu = vcpu_of(d, i);

            if (!vcpu)
                continue;
            /* Who was claimed and preempted at once has run, for no time. */
            if (vcpu->state != VCPU_READY || vcpu->waited < one_of(vcpu)->waited)
                one_of(vcpu)->ready = one_of(vcpu)->since = bare.now;
            if (!starves(vcpu))
                one_of(vcpu)->since = bare.now;
            one_of(vcpu)->waited = vcpu->waited;
            must(bare.now - one_of(vcpu)->since <= life[d].patience * KEEL_PATIENCE_MS * MS);
        }
}

/* Steps. */

static void became_ready(struct vcpu *vcpu)
{
    if (one_of(vcpu)->wish == WAITS)
        one_of(vcpu)->wish = WANTS;
}

static struct vcpu *vcpu_pick(void)
{
    uint32_t d = 1 + pick(DOMAINS);

    return life[d].exists ? vcpu_of(d, pick(life[d].n)) : NULL;
}

static void wake(struct vcpu *vcpu)
{
    if (!vcpu)
        return;
    became_ready(vcpu);
    if (vcpu->user)
        vcpu_signal(vcpu, 2);
    else
        vcpu_kick(vcpu);
}

/* As call_wait, and a machine's WFI. True: it waits. */
static bool wait(struct cpu *cpu, struct vcpu *vcpu)
{
    uint64_t until = chance(2) ? bare.now + 1 + pick(2 * MS) : TIME_NEVER;

    if (vcpu->user && vcpu->events) {
        vcpu->events = 0;
        return false;
    }
    vcpu->waits = vcpu->user;
    if (until != TIME_NEVER)
        timer_set(&vcpu->timer, cpu->index, until);
    vcpu_leave(cpu, vcpu, VCPU_WAITING);
    one_of(vcpu)->wish = WAITS;
    one_of(vcpu)->until = until;
    life[vcpu->domain->id].slept = true;
    return true;
}

static void exits(struct cpu *cpu, struct vcpu *vcpu)
{
    static struct route routes[DOMAINS + 1];
    uint32_t d = 1 + pick(DOMAINS);

    if (!life[d].user)
        return;
    routes[d].service = &domains[d];
    one_of(vcpu)->wish = EXITED;
    life[vcpu->domain->id].slept = true;
    one_of(vcpu)->server = (uint16_t)d;
    if (life[d].runs)
        became_ready(vcpu_of(d, 0));
    exit_raise(cpu, vcpu, &routes[d]);
}

static struct vcpu *client_pick(uint32_t server)
{
    uint32_t first = 1 + pick(DOMAINS);

    for (uint32_t n = 0; n < DOMAINS; n++) {
        uint32_t d = (first + n) % DOMAINS + 1;

        for (uint32_t i = 0; i < life[d].n; i++) {
            struct vcpu *vcpu = vcpu_of(d, i);

            if (vcpu && life[d].one[i].wish == EXITED && life[d].one[i].server == server)
                return vcpu;
        }
    }
    return NULL;
}

static void answer(struct vcpu *client)
{
    bool off = chance(8);

    one_of(client)->wish = off ? STOPS : WANTS;
    if (exit_answer(client, off ? KEEL_REPLY_OFF : KEEL_REPLY_DONE, 0, VCPU_READY))
        dispatch_wake(client);
}

/* As call_reply_wait. */
static void reply_wait(struct cpu *cpu, struct vcpu *server)
{
    struct vcpu *client = client_pick(server->domain->id);

    if (!client)
        return;
    if (client != cpu->owner) {
        answer(client);
        wait(cpu, server);
        return;
    }
    one_of(client)->wish = WANTS;
    if (wait(cpu, server) && dispatch_may_run(cpu, client)) {
        if (exit_answer(client, KEEL_REPLY_DONE, 0, VCPU_RUNNING) && vcpu_claimed(cpu, client, 0))
            cpu->current = client;
    } else {
        if (exit_answer(client, KEEL_REPLY_DONE, 0, VCPU_READY))
            dispatch_wake(client);
        cpu->resched = true;
    }
}

static void start(struct vcpu *vcpu)
{
    if (!vcpu || !life[vcpu->domain->id].runs || !vcpu_change(vcpu, VCPU_OFF, VCPU_STARTING))
        return;
    one_of(vcpu)->wish = WANTS;
    __atomic_store_n(&vcpu->state, VCPU_READY, __ATOMIC_SEQ_CST);
    dispatch_wake(vcpu);
}

static void yields(struct cpu *cpu)
{
    struct plan *its = &plan[cpu->index];

    if (its->rank == RANK_BACKGROUND || its->rank != RANK_RESERVE)
        party_set(its, party_of(its, its->turn_slot, cpu->owner), false);
    its->yields = true;
    dispatch_yield(cpu);
}

/* Lives. */

static void create(uint32_t d)
{
    struct keel_domain_params params = {.kind = test.users >> d & 1 ? KEEL_DOMAIN_USER
                                                                    : KEEL_DOMAIN_MACHINE,
                                        .vcpus = 1,
                                        .cpus = chance(2) ? 1ul << pick(test.cpus) : ~0ul,
                                        .patience = chance(4) ? 0 : (uint8_t)(3 + pick(8)),
                                        .flags = falls(d) ? KEEL_DOMAIN_LIMITS_FALL : 0};

    if (chance(4))
        params.cpus = 1 + pick(15);
    if (!(params.cpus & ((1u << test.cpus) - 1)))
        return;
    if (params.kind == KEEL_DOMAIN_MACHINE)
        params.vcpus = 1 + pick(VCPUS);
    else if (chance(6)) {
        params.reserve_period = (uint32_t)(MS + pick(10 * MS));
        params.reserve_budget = params.reserve_period / (4 + pick(20));
        params.reserve_delay = chance(2) ? 0 : pick(10 * MS);
    }
    sealed = false;
    must(domain_create(&domains[d], &params) > 0);
    sealed = true;
    must(domain_seal(&domains[d]) == 0);
    life[d] = (struct life){.exists = true,
                            .runs = true,
                            .user = params.kind == KEEL_DOMAIN_USER,
                            .n = params.vcpus,
                            .patience = params.patience,
                            .cpus = params.cpus,
                            .delay = params.reserve_delay,
                            .awake = bare.now};
    life[d].one[0].wish = WANTS;
    for (uint32_t i = 0; i < VCPUS; i++)
        life[d].one[i].ready = life[d].one[i].since = bare.now;
    reserve[d].set = false;
    if (params.reserve_period)
        pot_set(&reserve[d], params.reserve_budget, params.reserve_period, params.reserve_period);
    must(domain_run(&domains[d]) == 0);
}

static void lives(uint32_t d)
{
    static const uint64_t detail[4];

    if (!life[d].exists) {
        create(d);
    } else if (life[d].runs) {
        must(domain_stop(&domains[d], KEEL_STOP_REFUSED, detail));
        life[d].runs = false;
    } else {
        int64_t status = domain_destroy(&domains[d]);

        must(status == 0 || status == -KEEL_EAGAIN);
        life[d].exists = status != 0;
        if (status == 0)
            reserve[d].set = false;
    }
}

/* Commits. */

static struct keel_plan_bucket bucket_make(int32_t *expected)
{
    struct keel_plan_bucket bucket = {.index = (uint16_t)pick(BUCKETS), .status = 77};

    bucket.period = test.period[bucket.index];
    bucket.budget = chance(8) ? pick(bucket.period * 2) : pick(bucket.period / 2);
    bucket.deadline = chance(2) ? 0 : 1 + pick(bucket.period);
    *expected = 0;
    if (chance(16)) {
        *expected = -KEEL_EINVAL;
        switch (pick(5)) {
        case 0:
            bucket.index = (uint16_t)(KEEL_BUCKETS_MAX + pick(2) * 0x7f80u);
            break;
        case 1:
            bucket.flags = KEEL_BUCKET_CBS + 1;
            break;
        case 2:
            bucket.period = chance(2) ? 99999 : 10000000001ul;
            bucket.budget = bucket.deadline = 0;
            break;
        case 3:
            bucket.budget = bucket.period * KEEL_CPUS_MAX + 1;
            break;
        default:
            bucket.deadline = bucket.period + 1;
        }
    }
    return bucket;
}

static struct keel_plan_slot slot_make(uint8_t *rank, int32_t *expected)
{
    static const uint32_t weights[] = {0, 256, 512, 1, 64, 1000, 65535};
    struct keel_plan_slot slot = {.domain = (uint16_t)(1 + pick(DOMAINS)),
                                  .vcpu = (uint16_t)(chance(2) ? 0 : pick(VCPUS)),
                                  .bucket = KEEL_BUCKET_NONE,
                                  .weight = weights[pick(ARRAY_LENGTH(weights))],
                                  .status = 77};

    if (chance(3))
        slot.bucket = (uint16_t)pick(BUCKETS);
    if (chance(4))
        slot.flags = (uint8_t)pick(4);
    if (chance(4))
        slot.min_run = pick(600 * US);
    slot.rank = (uint8_t)(*rank + (chance(2) ? 0 : pick(3)));
    *expected = 0;
    if (chance(16)) {
        *expected = -KEEL_EINVAL;
        switch (pick(6)) {
        case 0:
            slot.domain = KEEL_DOMAINS_MAX;
            break;
        case 1:
            slot.vcpu = KEEL_VCPUS_MAX;
            break;
        case 2:
            slot.weight = KEEL_WEIGHT_MAX + 1;
            break;
        case 3:
            slot.bucket = KEEL_BUCKET_NONE - 1;
            break;
        case 4:
            slot.flags = 4;
            break;
        default:
            slot.rank = *rank ? (uint8_t)(*rank - 1) : 0;
            *expected = *rank ? -KEEL_EINVAL : 0;
        }
    }
    if (*expected == 0)
        *rank = slot.rank;
    return slot;
}

static void committed(uint32_t c, uint64_t planner, const struct keel_plan *made,
                      const struct keel_plan_bucket *buckets, const struct keel_plan_slot *slots)
{
    struct plan *its = &plan[c];

    for (uint32_t i = 0; i < made->nbuckets; i++)
        if (buckets[i].status == 0) {
            struct pot *set = pot_at(c, buckets[i].index);

            pot_set(set, buckets[i].budget, buckets[i].period,
                    buckets[i].deadline ? buckets[i].deadline : buckets[i].period);
            set->given_at = bare.now;
            set->given_by = c;
        }
    its->planner = planner;
    its->epoch = made->epoch;
    its->committed = bare.now;
    its->slice = made->slice ? made->slice : SLICE_DEFAULT_NS;
    its->lease_end = bare.now + (made->lease ? made->lease : LEASE_DEFAULT_NS);
    its->slots = 0;
    for (uint32_t i = 0; i < made->nslots; i++)
        if (slots[i].status == 0)
            its->slot[its->slots++] = slots[i];
    its->replaced = true;
    its->old_end = its->end;
    all_leave(its);
}

static void commit(void)
{
    static union {
        struct cpu cpu;
        char bytes[CPU_BYTES];
    } was;
    uint16_t c = (uint16_t)pick(test.cpus);
    const struct plan *its = &plan[c];
    uint64_t planner = 1 + pick(PLANNERS), cpus = chance(16) ? random_next() : ~0ul, next, deadline;
    struct keel_plan made = {.epoch = its->epoch + pick(3) - (its->epoch && chance(4)),
                             .cpu = c,
                             .nbuckets = (uint16_t)pick(BUCKETS),
                             .nslots = (uint16_t)pick(SLOTS + 1)};
    struct keel_plan_bucket buckets[BUCKETS];
    struct keel_plan_slot slots[SLOTS];
    int32_t bucket_expected[BUCKETS], slot_expected[SLOTS];
    uint8_t rank = 0;
    int64_t expected = 0, status;

    made.slice = chance(4) ? 0 : (uint32_t)(100 * US + pick(2 * MS));
    made.lease = chance(2) ? 0 : 1 + pick(chance(2) ? MS : 20 * MS);
    for (uint32_t i = 0; i < made.nbuckets; i++)
        buckets[i] = bucket_make(&bucket_expected[i]);
    for (uint32_t i = 0; i < made.nslots; i++)
        slots[i] = slot_make(&rank, &slot_expected[i]);
    if (!(cpus >> c & 1))
        expected = -KEEL_EACCES;
    if (chance(32)) {
        expected = -KEEL_EINVAL;
        switch (pick(5)) {
        case 0:
            made.cpu = (uint16_t)test.cpus;
            break;
        case 1:
            made.flags = 1;
            break;
        case 2:
            made.lease = LEASE_MAX_NS + 1;
            break;
        case 3:
            made.slice = SLICE_MIN_NS - 1;
            break;
        default:
            made.nslots = KEEL_SLOTS_MAX + 1;
        }
    }
    for (uint32_t i = 0; i < POTS; i++) /* refills that are due are not put off */
        bucket_left(kernels[i], bare.now, &next, &deadline);
    memcpy(&was, &bare.cpu[c], sizeof(was));
    status = plan_check(cpus, &made, buckets, slots);
    must(status == expected);
    must(memcmp(&was, &bare.cpu[c], sizeof(was)) == 0);
    if (status < 0)
        return;
    for (uint32_t i = 0; i < made.nbuckets; i++)
        must(buckets[i].status == bucket_expected[i]);
    for (uint32_t i = 0; i < made.nslots; i++)
        must(slots[i].status == slot_expected[i]);
    if (planner == its->planner && made.epoch < its->epoch)
        expected = -KEEL_ESTALE;
    else if (its->committed && bare.now < its->committed + COMMIT_MIN_NS)
        expected = -KEEL_EAGAIN;
    status = plan_commit(planner, group_of(c), &made, buckets, slots);
    must(status == expected);
    if (status == 0) {
        committed(c, planner, &made, buckets, slots);
        must(pending(c));
        return;
    }
    was.cpu.lock = cpu_at(c)->lock;
    must(memcmp(&was, &bare.cpu[c], sizeof(was)) == 0);
}

/* What a CPU does when it enters the kernel, besides what it is told. */
static void act(uint32_t c)
{
    struct cpu *cpu = cpu_at(c);
    struct vcpu *vcpu = cpu->current;
    uint32_t kind = pick(64);

    bare.here = c;
    if (kind < 30 || !vcpu) {
        wake(vcpu_pick());
    } else if (!life[vcpu->domain->id].runs) {
        return; /* it is about to be told */
    } else if (kind < 37) {
        wait(cpu, vcpu);
    } else if (kind < 41) {
        yields(cpu);
    } else if (kind < 50) {
        if (vcpu->user)
            reply_wait(cpu, vcpu);
        else
            exits(cpu, vcpu);
    } else if (kind < 53) {
        struct vcpu *client = client_pick(1 + pick(DOMAINS));

        if (client && vcpu->user)
            answer(client);
    } else if (kind < 54 && !vcpu->user) {
        vcpu_leave(cpu, vcpu, VCPU_OFF);
        one_of(vcpu)->wish = STOPS;
    } else if (kind < 58) {
        start(vcpu_pick());
    } else if (kind < 62) {
        commit();
    }
    if (chance(test.deaths))
        lives(1 + pick(DOMAINS));
}

static void step(uint32_t c)
{
    if ((!pending(c) || chance(2)) && chance(test.quiet))
        act(c);
    leave(c);
}

/* All that is due happens, and comes to an end. */
static void settle(void)
{
    for (uint32_t n = 0; !settled(); n++) {
        uint32_t c = pick(test.cpus);

        must(n < STUCK);
        if (pending(c))
            leave(c);
    }
}

/* In a window of a CPU: an interrupt, or another CPU. */
void window(void)
{
    uint32_t here = bare.here, other = pick(test.cpus);
    bool idle = bare.idle;

    if (test.depth != 1 || !chance(8))
        return;
    test.depth++;
    test.nested++;
    turn_end(here, true);
    turn_begin(here);
    if (other == here)
        wake(vcpu_pick());
    else
        step(other);
    bare.here = here;
    bare.idle = idle;
    test.depth--;
}

/* Nothing happens for a while, but what is due interrupts. */
static void time_passes(void)
{
    static uint64_t since[CPUS]; /* is this CPU's interrupt due; TIME_NEVER: it is not */
    uint64_t until = bare.now + 1 + pick(test.pause);

    for (uint32_t c = 0; c < test.cpus; c++) {
        if (!pending(c))
            since[c] = TIME_NEVER;
        else if (since[c] == TIME_NEVER || since[c] == 0)
            since[c] = bare.now;
        uint64_t due = min(since[c], cpu_at(c)->arch.timer);

        if (due < until)
            until = min(until, due + (test.exact ? 0 : LATE_NS));
    }
    if (until <= bare.now)
        return;
    for (uint32_t c = 0; c < test.cpus; c++)
        if (since[c] == TIME_NEVER && cpu_at(c)->arch.timer <= until)
            since[c] = cpu_at(c)->arch.timer;
    bare.now = until;
    book();
    pots_refill();
    for (uint32_t c = 0; c < test.cpus; c++)
        lease_look(c);
}

/* Where the kernel keeps its buckets: each group's at its first CPU. */
static void buckets_find(void)
{
    for (uint32_t i = 0; i < POTS; i++)
        kernels[i] = &cpu_at(i < BUCKETS ? 0 : test.cut)->bucket[i % BUCKETS];
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoul(text, NULL, 0) : otherwise;
}

START_TEST(keeps_what_is_promised)
{
    static const uint32_t pauses[] = {2 * US, 30 * US, 500 * US, 5 * MS};
    static const uint32_t deaths[] = {20, 200, 3000};
    static const uint32_t quiets[] = {1, 1, 4, 50};

    test.seed = test.random = number("DISPATCH_SEED", 1) + (uint64_t)_i;
    test.steps = number("DISPATCH_STEPS", STEPS);
    test.cpus = 1 + pick(CPUS);
    test.users = random_next() & random_next();
    test.falls = random_next();
    for (uint32_t i = 0; i < BUCKETS; i++)
        test.period[i] = 100 * US + pick(chance(2) ? 3 * MS : 30 * MS);
    test.exact = !chance(4);
    test.pause = pauses[pick(ARRAY_LENGTH(pauses))];
    test.quiet = quiets[pick(ARRAY_LENGTH(quiets))];
    test.deaths = deaths[pick(ARRAY_LENGTH(deaths))];
    test.cut = pick(test.cpus);
    bare_begin(test.cpus, 1);
    buckets_find();
    for (uint32_t c = 0; c < test.cpus; c++)
        plan[c] = (struct plan){
            .at = 1, .slice = SLICE_DEFAULT_NS, .lease_end = TIME_NEVER, .turn_slot = SLOT_NONE};
    for (uint16_t d = 1; d <= DOMAINS; d++) {
        domains[d].id = d;
        domains[d].flags = falls(d) ? KEEL_DOMAIN_LIMITS_FALL : 0; /* though it may not live yet */
        create(d);
    }
    for (uint32_t c = 0; c < test.cpus; c++)
        leave(c);
    for (test.step = 0; test.step < test.steps; test.step++) {
        step(pick(test.cpus));
        if (chance(4))
            settle();
        states_check();
        delays_check();
        buckets_check();
        for (uint32_t c = 0; c < test.cpus; c++)
            parties_look(c);
        if (settled())
            settled_check();
        starving_look();
        time_passes();
        starving_look();
        for (uint32_t c = 0; c < test.cpus && test.exact; c++)
            shares_check(c);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dispatch_random");
    TCase *tcase = tcase_create("dispatch_random");
    int seeds = (int)number("DISPATCH_SEEDS", SEEDS);

    tcase_set_timeout(tcase, 600);
    tcase_add_loop_test(tcase, keeps_what_is_promised, 0, seeds);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
