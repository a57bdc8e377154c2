/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what CPUs wrote down (keel/trace.h) to what each vCPU had. Makes no calls, allocates nothing: the service and
 * the host's tool (host/) read records by it, tests say them. All times are counter ticks.
 *
 * Records come by statistics_add in the order of their times, of each CPU in the order in which it wrote them. A vCPU
 *
 *   RUNS     from a RUN of it to whatever comes first: PREEMPTED or EXIT of it, or another RUN on that CPU, which is all that
 *            tells of it when it waits (WFI, `wait`), or asks a service that runs at once, on its time;
 *   READY    from PREEMPTED or WAKE to RUN. That is a *wait*; from WAKE, it is a *wake-up*, too. A WAKE of who is READY tells nothing: another
 *            CPU is asked to take it; nor does PREEMPTED: it was chosen, and put back before it ran;
 *   BLOCKED  from EXIT, or the RUN of the service that it asks and that is *handed* the CPU, to RUN (answered by whom it was handed to), or to
 *            WAKE (answered from elsewhere). From the beginning of that to RUN is an *answer*; one that takes more than 10 s counts as none: it
 *            was switched off. To be handed the CPU is no wake-up;
 *   SLEEPS   else, once something is known of it.
 *
 * What CPUs do at once they write down in any order. Who wakes somebody changes its state first, and another CPU may write RUN before
 * the WAKE is written: that is then the first record of its CPU since, and comes within LATE_NS. So a RUN of who sleeps, without either of these,
 * is a wake-up of length 0, to which such a WAKE belongs. And any WAKE of who RUNS says that it waited in between, but one that may be such a late
 * one says so only if the CPU chooses within DOUBT_NS after it: it chooses at once when somebody leaves it.
 *
 * A life ends without a record: a vCPU of which there is a record of another life begins anew. After records were lost, nothing is known
 * of anybody but those that run on other CPUs, and until that CPU's next record, no wait or answer that begins counts. A WAKE of somebody of whom
 * nothing was known begins no wait that counts: it may be a late one.
 */
#ifndef TRACE_STATISTICS_H
#define TRACE_STATISTICS_H

#include <keel/trace.h>
#include <stdbool.h>

#define STATISTICS_VCPUS_MAX 256u
#define STATISTICS_BUCKETS   64u /* two for each power of two; the last one has all that is longer */
#define STATISTICS_NONE      0xffffu
#define STATISTICS_LATE_NS   1000000u
#define STATISTICS_DOUBT_NS  50000u
#define STATISTICS_OFF_S     10u

enum statistics_state {
    STATISTICS_UNKNOWN,
    STATISTICS_SLEEPS,
    STATISTICS_READY,
    STATISTICS_RUNS,
    STATISTICS_BLOCKED,
};

enum statistics_what {
    STATISTICS_RUN,
    STATISTICS_WAIT,
    STATISTICS_WAKE,
    STATISTICS_ANSWER,
    STATISTICS_WHATS,
};

/* How long something took, each time. */
struct statistics_series {
    uint64_t count, sum, worst;
    uint32_t bucket[STATISTICS_BUCKETS];
};

struct statistics_vcpu {
    uint16_t domain;
    uint8_t vcpu;
    uint8_t life;   /* its last bits */
    uint8_t state;  /* enum statistics_state */
    uint8_t cpu;    /* where it runs, or did */
    bool woken;     /* READY by WAKE, */
    uint8_t waker;  /* by this CPU */
    bool doubtful;  /* READY, or perhaps it sleeps */
    bool guessed;   /* READY, after nothing was known of it: does not count as a wait */
    bool unsure;    /* its last WAKE was of that kind */
    bool asked;     /* EXIT, and did not run since */
    uint64_t since; /* it is in that state */
    uint64_t asked_at;
    uint64_t early; /* when it ran, and the WAKE was not there; 0: that did not happen */
    uint64_t doubt; /* a WAKE while it RUNS; 0: none */
    uint64_t seen;  /* when it ran, and nothing was known of it before; 0: it was */
    uint64_t told;  /* its last RUN */
    uint64_t exits;
    uint64_t handed;
    uint64_t lent; /* that others ran on its time */
    struct statistics_series series[STATISTICS_WHATS];
};

struct statistics_cpu {
    bool known; /* since `since`: what runs */
    bool idles;
    uint16_t running; /* index of a vCPU, or STATISTICS_NONE */
    uint16_t last;    /* the last one that ran */
    uint16_t owner;
    uint64_t since;  /* known or not, idle or not */
    uint64_t booked; /* until here, the owner's time is booked */
    uint64_t before; /* time of its last record */
    uint64_t idle, unknown;
    uint64_t switches; /* to another vCPU than the last one */
    uint64_t records, lost, wakes, commits;
};

/* Who wants to be told as it happens: all of these, or none. */
struct statistics_watch {
    /* A vCPU was in `state` for that long. */
    void (*span)(void *context, const struct statistics_vcpu *vcpu, uint64_t begin, uint64_t end);
    /* It runs, and was woken at `time`. */
    void (*woken)(void *context, const struct statistics_vcpu *vcpu, uint64_t time, uint64_t now);
    void (*commit)(void *context, uint32_t cpu, uint32_t of, uint64_t time);
    void *context;
};

struct statistics {
    uint64_t frequency; /* of the counter */
    uint64_t from;      /* all of it is since then */
    uint64_t now;       /* of the last record */
    const struct statistics_watch *watch;
    uint64_t gaps; /* bit n: records of CPU n are missing */
    uint32_t cpus, vcpus;
    struct statistics_cpu cpu[KEEL_CPUS_MAX];
    uint16_t index[KEEL_DOMAINS_MAX][KEEL_VCPUS_MAX]; /* + 1, in `vcpu`; 0: not seen yet */
    struct statistics_vcpu vcpu[STATISTICS_VCPUS_MAX];
};

void statistics_begin(struct statistics *statistics, uint64_t frequency, uint32_t cpus,
                      uint64_t now);

/* What the CPU wrote. What makes no sense is passed over. */
void statistics_add(struct statistics *statistics, uint32_t cpu, const struct keel_trace *record);

/* What is known from elsewhere of a vCPU (as records have it) of which nothing is: since `time` it is in that state; woken: READY by
 * WAKE. */
void statistics_put(struct statistics *statistics, uint32_t cpu, uint16_t who, uint8_t state,
                    bool woken, uint64_t time);

/* As records have it. */
static inline uint16_t statistics_who(const struct statistics_vcpu *vcpu)
{
    return KEEL_TRACE_WHO(vcpu->domain, vcpu->life, vcpu->vcpu);
}

/* n records of the CPU are missing from here on; 0: until here. */
void statistics_lost(struct statistics *statistics, uint32_t cpu, uint64_t n);

/* Figures begin anew; what is known of states stays. */
void statistics_reset(struct statistics *statistics, uint64_t now);

/* Tells the watch what lasts. */
void statistics_end(struct statistics *statistics, uint64_t now);

/* What lasts included. */
uint64_t statistics_ran(const struct statistics_vcpu *vcpu, uint64_t now);
uint64_t statistics_waited_worst(const struct statistics_vcpu *vcpu, uint64_t now);
uint64_t statistics_idle(const struct statistics_cpu *cpu, uint64_t now);
uint64_t statistics_unknown(const struct statistics_cpu *cpu, uint64_t now);

/* The vCPU, or NULL: not seen. */
const struct statistics_vcpu *statistics_find(const struct statistics *statistics, uint32_t domain,
                                              uint32_t vcpu);

void statistics_note(struct statistics_series *series, uint64_t ticks);

/* So many thousandths of them took no longer than this: the upper bound of a bucket, or the worst. */
uint64_t statistics_within(const struct statistics_series *series, uint32_t thousandths);

/* What a bucket has: from the end of the one before, exclusive, to this. */
uint64_t statistics_bucket_end(uint32_t bucket);

#endif
