/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: see machine.h. What happens when. */
#include "machine.h"

#include "cpu/bare.h"
#include "cpu/dispatch.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"
#include "fluid.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLANNER  (1ull << 32 | 1)
#define KEEP_NS  500000000ull /* between commits for the lease: as the service does */
#define START_NS 1u           /* the kernel has no plans of time 0 */

/* What a vCPU does when it runs. */
struct task {
    struct fluid_source source;
    uint64_t left; /* of the job, as of `at` while it runs; UINT64_MAX: it has no end */
    uint64_t at;
    uint64_t ready; /* since when it waits for a CPU, or is to */
    uint64_t began; /* when its turn did */
    uint64_t woken; /* and has not run since; TIME_NEVER: it has */
    uint32_t cpu;   /* where it ran last */
};

struct domain domains[KEEL_DOMAINS_MAX];

static struct {
    struct vcpu *ran[KEEL_CPUS_MAX]; /* as of the last event */
    uint64_t next[KEEL_CPUS_MAX];    /* the next event of the CPU */
    uint32_t tasks;
    struct task task[VCPUS_TOTAL];
    const struct workload *workload;
    struct metrics *metrics;

    const struct policy *policy;
    uint64_t look;    /* when the policy looks next */
    uint64_t deliver; /* when its commits arrive */
    uint64_t keep;
    struct policy_commits commits;
} machine;

/* Tasks. */

static struct task *task_of(const struct vcpu *vcpu)
{
    return &machine.task[vcpu->id];
}

static bool measuring(void)
{
    return bare.now >= machine.workload->warm_up;
}

/* Sleeps until its next job comes: the kernel's timer says so, on the CPU where it ran last. */
static void task_sleep(struct vcpu *vcpu, uint32_t cpu, uint64_t until)
{
    struct task *task = task_of(vcpu);

    task->left = fluid_source_run(&task->source);
    task->ready = task->woken = until;
    timer_set(&vcpu->timer, cpu, until);
}

static void task_begin(uint32_t id, struct domain *domain, const struct workload_guest *guest,
                       uint32_t index)
{
    struct vcpu *vcpu = &vcpus[id];
    struct task *task = &machine.task[id];
    uint64_t cpus = domain->cpus & (UINT64_MAX >> (64 - machine.workload->cpus));
    uint32_t home = id % machine.workload->cpus;

    while (!(cpus >> home & 1))
        home = (home + 1) % machine.workload->cpus;
    fluid_source_begin(&task->source, machine.workload, guest, id);
    task->cpu = home;
    vcpu->id = (uint16_t)id;
    vcpu->index = (uint8_t)index;
    vcpu->domain = domain;
    vcpu->used = true;
    vcpu->user = guest->service;
    vcpu->cpu = (uint8_t)home;
    vcpu->loaded_on = CPU_NONE;
    vcpu->state = VCPU_WAITING;
    domain->vcpu[index] = vcpu;
    task_sleep(vcpu, home, task->source.release > START_NS ? task->source.release : START_NS);
}

/* A periodic one's job was done, or is not yet at the end of the simulation. */
static void job_count(const struct vcpu *vcpu)
{
    const struct fluid_source *source = &machine.task[vcpu->id].source;
    uint64_t deadline = source->release + source->guest->period;

    if (source->guest->kind == WORKLOAD_PERIODIC && deadline >= machine.workload->warm_up &&
        deadline <= machine.workload->time && deadline <= source->guest->until)
        metrics_job(&machine.metrics->vcpu[vcpu->id], source->release, deadline, bare.now);
}

/* What runs here has done its job: it sleeps, or goes on with the next one. */
static void job_end(struct cpu *cpu)
{
    struct vcpu *vcpu = cpu->current;
    struct task *task = task_of(vcpu);
    uint64_t next;

    job_count(vcpu);
    next = fluid_source_next(&task->source, bare.now);

    if (bare.now >= task->source.guest->until)
        next = TIME_NEVER;
    if (next <= bare.now) {
        task->left = fluid_source_run(&task->source);
        return;
    }
    vcpu_leave(cpu, vcpu, VCPU_WAITING);
    if (next != TIME_NEVER)
        task_sleep(vcpu, cpu->index, next);
}

static void turn_begins(uint32_t index, struct vcpu *vcpu)
{
    struct task *task = task_of(vcpu);
    struct metrics_vcpu *metrics = &machine.metrics->vcpu[vcpu->id];

    if (measuring()) {
        metrics_turn_begins(metrics, bare.now - task->ready, index != task->cpu);
        if (task->woken != TIME_NEVER)
            metrics_latency(metrics, bare.now - task->woken);
    }
    task->woken = TIME_NEVER;
    task->cpu = index;
    task->began = task->at = bare.now;
}

static void turn_ends(uint32_t index, struct vcpu *vcpu)
{
    struct task *task = task_of(vcpu);

    metrics_turn(machine.metrics, (struct metrics_turn){.cpu = (uint16_t)index,
                                                        .vcpu = vcpu->id,
                                                        .begin = task->began,
                                                        .end = bare.now});
    if (vcpu->state == VCPU_READY)
        task->ready = bare.now;
}

/* CPUs. */

static void next_set(uint32_t index)
{
    struct cpu *cpu = cpu_at(index);
    uint64_t next = cpu->arch.timer;

    if (cpu->current) {
        const struct task *task = task_of(cpu->current);
        uint64_t until = task->source.guest->until;

        if (task->left != UINT64_MAX && task->at + task->left < next)
            next = task->at + task->left;
        if (until < next)
            next = until;
    }
    machine.next[index] = next;
}

/* What was done of its job since the last event. */
static void progress(struct vcpu *vcpu)
{
    struct task *task = task_of(vcpu);
    uint64_t done = bare.now - task->at;

    task->at = bare.now;
    if (task->left != UINT64_MAX)
        task->left -= done < task->left ? done : task->left;
}

/* One way through the kernel, as an interrupt or the end of a job causes it. */
static void pass(uint32_t index)
{
    struct cpu *cpu = cpu_at(index);
    struct vcpu *before = machine.ran[index];

    machine.metrics->events++;
    if (before)
        progress(before);
    bare_pass(index);
    machine.ran[index] = cpu->current;
    if (before && before != cpu->current)
        turn_ends(index, before);
    if (cpu->current && before != cpu->current)
        turn_begins(index, cpu->current);
    next_set(index);
}

static void settle(void)
{
    while (bare.kicked)
        pass((uint32_t)__builtin_ctzll(bare.kicked));
}

/* Whether some CPU is idle and somebody, not kept by a cap, waits for it. */
static bool wasted(void)
{
    uint64_t idle = 0;

    for (uint32_t i = 0; i < machine.workload->cpus; i++)
        if (!machine.ran[i])
            idle |= 1ull << i;
    for (uint32_t i = 0; idle && i < machine.tasks; i++) {
        const struct workload_guest *guest = machine.task[i].source.guest;

        if (vcpus[i].state == VCPU_READY && !guest->cap && (guest->cpus & guest->affine & idle))
            return true;
    }
    return false;
}

/* The policy, as service.c drives it. */

static void received_now(uint64_t *received)
{
    for (uint32_t i = 0; i < machine.tasks; i++)
        received[i] = vcpus[i].run_time;
    for (uint32_t i = 0; i < machine.workload->cpus; i++) {
        const struct cpu *cpu = cpu_at(i);

        if (cpu->owner)
            received[cpu->owner->id] += bare.now - cpu->since;
    }
}

static void policy_look(void)
{
    static struct keel_plan_vcpu list[POLICY_VCPUS_MAX];
    struct policy_snapshot snapshot = {.now = bare.now, .n = machine.tasks, .vcpu = list};
    char line[224];
    uint64_t wanted;

    /* As plan_read: what was accounted so far. */
    for (uint32_t i = 0; i < machine.tasks; i++)
        list[i] = (struct keel_plan_vcpu){
            .domain = vcpus[i].domain->id,
            .vcpu = vcpus[i].index,
            .state = vcpus[i].state,
            .cpu = vcpus[i].cpu,
            .incarnation = 1,
            .kind = vcpus[i].user ? KEEL_DOMAIN_USER : KEEL_DOMAIN_MACHINE,
            .cpus = vcpus[i].domain->cpus & (UINT64_MAX >> (64 - machine.workload->cpus)),
            .run_time = vcpus[i].run_time,
        };
    machine.metrics->looks++;
    wanted = machine.policy->look(&snapshot);
    while (machine.policy->tell && machine.policy->tell(line, sizeof line))
        fprintf(stderr, "%s\n", line);
    if (bare.now >= machine.keep) {
        wanted |= policy_cpus(&snapshot);
        machine.keep = bare.now + KEEP_NS;
    }
    policy_commits_add(&machine.commits, wanted);
    machine.deliver = machine.commits.cpus ? bare.now + machine.workload->delay : TIME_NEVER;
    machine.look = bare.now + machine.policy->look_ns + machine.workload->delay;
    if (machine.look > machine.workload->dies)
        machine.look = TIME_NEVER;
}

static void policy_commit(void)
{
    static struct policy_plan plan;

    bare.here = 0;
    machine.deliver = TIME_NEVER;
    for (uint16_t cpu = 0; cpu < machine.workload->cpus; cpu++) {
        bool more;
        int64_t status;

        if (!(machine.commits.cpus >> cpu & 1))
            continue;
        policy_commit_make(machine.policy, &machine.commits, cpu, 1, &plan, &more);
        status = plan_check(UINT64_MAX, &plan.plan, plan.bucket, plan.slot);
        if (status == 0)
            status = plan_commit(PLANNER, UINT64_MAX, &plan.plan, plan.bucket, plan.slot);
        machine.metrics->commits++;
        policy_commit_done(&machine.commits, cpu, status, more);
        if (status < 0 && status != -KEEL_EAGAIN)
            machine.metrics->refused++;
        for (uint32_t i = 0; i < plan.plan.nbuckets; i++)
            machine.metrics->refused += plan.bucket[i].status != 0;
        for (uint32_t i = 0; i < plan.plan.nslots; i++)
            machine.metrics->refused += plan.slot[i].status != 0;
    }
    /* The commit's CPU is told as all others are. */
    if (cpu_at(0)->resched)
        arch_kick(0);
}

/* All of it. */

static void machine_begin(const struct workload *workload)
{
    memset(&machine, 0, sizeof machine);
    machine.workload = workload;
    machine.look = START_NS;
    machine.deliver = TIME_NEVER;
    bare_begin(workload->cpus, START_NS);
    for (uint32_t i = 0; i < workload->guests; i++) {
        const struct workload_guest *guest = &workload->guest[i];
        struct domain *domain = &domains[i + 1];

        domain->id = (uint16_t)(i + 1);
        domain->vcpus = (uint8_t)guest->vcpus;
        domain->cpus = guest->cpus;
        domain->state = KEEL_DOMAIN_RUNNING;
        for (uint32_t j = 0; j < guest->vcpus; j++)
            task_begin(machine.tasks++, domain, guest, j);
    }
    bare.kicked = UINT64_MAX >> (64 - workload->cpus);
}

static uint16_t guest_find(const char *name)
{
    for (uint32_t i = 0; i < machine.workload->guests; i++)
        if (strcmp(machine.workload->guest[i].name, name) == 0)
            return (uint16_t)(i + 1);
    return POLICY_ALL;
}

/* When the next event comes; on which CPUs is found when it has come. */
static uint64_t next_event(uint64_t sample)
{
    uint64_t next = sample;

    for (uint32_t i = 0; i < machine.workload->cpus; i++)
        next = machine.next[i] < next ? machine.next[i] : next;
    next = machine.look < next ? machine.look : next;
    next = machine.deliver < next ? machine.deliver : next;
    return next > bare.now ? next : bare.now;
}

/* What is due now on a CPU. */
static void cpu_event(uint32_t index)
{
    struct cpu *cpu = cpu_at(index);

    bare.here = index;
    if (cpu->current) {
        const struct task *task = task_of(cpu->current);

        progress(cpu->current);
        if (!task->left || bare.now >= task->source.guest->until)
            job_end(cpu);
    }
    pass(index);
}

static bool run(const struct workload *workload, const struct policy *policy,
                struct metrics *metrics)
{
    static uint64_t received[POLICY_VCPUS_MAX];
    uint64_t sample = (workload->warm_up + METRICS_STEP_NS - 1) / METRICS_STEP_NS * METRICS_STEP_NS;

    machine_begin(workload);
    metrics_begin(metrics, workload);
    fluid_begin(workload);
    machine.metrics = metrics;
    machine.policy = policy;
    policy->begin();
    for (uint32_t i = 0; i < workload->parameters; i++) {
        const char *wrong = policy_argument(policy, workload->parameter[i], guest_find);

        if (wrong) {
            fprintf(stderr, "%s: not understood: %s: %s\n", policy->name, workload->parameter[i],
                    wrong);
            return false;
        }
    }
    settle();
    while (bare.now < workload->time) {
        bare.now = next_event(sample);
        for (uint32_t i = 0; i < workload->cpus; i++)
            if (machine.next[i] <= bare.now)
                cpu_event(i);
        if (machine.look <= bare.now)
            policy_look();
        if (machine.deliver <= bare.now)
            policy_commit();
        settle();
        metrics_idle(metrics, wasted(), bare.now);
        if (bare.now >= sample) {
            received_now(received);
            metrics_sample(metrics, workload, sample, received);
            sample += METRICS_STEP_NS;
        }
    }
    for (uint32_t i = 0; i < workload->cpus; i++)
        if (machine.ran[i])
            turn_ends(i, machine.ran[i]);
    for (uint32_t i = 0; i < machine.tasks; i++)
        job_count(&vcpus[i]); /* those whose time is over */
    return true;
}

/* Some of the kernel's state is its own, and begins with the program: each run has a process. */
bool machine_run(const struct workload *workload, const struct policy *policy,
                 struct metrics *metrics)
{
    struct metrics *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 1;
    pid_t child;

    if (shared == MAP_FAILED)
        return false;
    child = fork();
    if (child == 0)
        _exit(!run(workload, policy, shared));
    if (child > 0 && waitpid(child, &status, 0) == child)
        *metrics = *shared;
    munmap(shared, sizeof *shared);
    return status == 0;
}
