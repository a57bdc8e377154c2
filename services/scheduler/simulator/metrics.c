/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring: see metrics.h. */
#include "metrics.h"

#include "fluid.h"
#include <math.h>
#include <string.h>

#define SAMPLES   2001u /* a second, both ends included */
#define PER_POWER 32u
#define DRAWN_NS  200000000ull

static const struct {
    uint32_t steps;
    double part;
} windows[METRICS_WINDOWS] = {{200, 0.05}, {2000, 0.01}};

/* What was had and due at the last SAMPLES steps. */
static struct {
    double received[SAMPLES][POLICY_VCPUS_MAX];
    double due[SAMPLES][POLICY_VCPUS_MAX];
    uint32_t n; /* samples so far */
} history;

void metrics_begin(struct metrics *metrics, const struct workload *workload)
{
    memset(metrics, 0, sizeof *metrics);
    history.n = 0;
    for (uint32_t i = 0; i < workload->guests; i++)
        for (uint32_t j = 0; j < workload->guest[i].vcpus; j++)
            metrics->vcpu[metrics->vcpus++] =
                (struct metrics_vcpu){.guest = &workload->guest[i], .index = j};
    metrics->turns_from = workload->warm_up;
    metrics->idle_since = UINT64_MAX;
    metrics->share_step = (workload->time - workload->warm_up) / METRICS_SHARES_MAX /
                              METRICS_STEP_NS * METRICS_STEP_NS +
                          METRICS_STEP_NS;
}

static void window_sample(struct metrics_window *window, uint32_t vcpu, uint32_t steps, double part,
                          double slice)
{
    uint32_t now = (history.n - 1) % SAMPLES, then = (history.n - 1 - steps) % SAMPLES;
    double due = history.due[now][vcpu] - history.due[then][vcpu];
    double ahead = history.received[now][vcpu] - history.received[then][vcpu] - due;

    window->most_ahead = fmax(window->most_ahead, ahead);
    window->worst = fmax(window->worst, fabs(ahead));
    window->of_limit = fmax(window->of_limit, fabs(ahead) / fmax(part * due, slice));
}

void metrics_sample(struct metrics *metrics, const struct workload *workload, uint64_t now,
                    const uint64_t *received)
{
    static double share_received[POLICY_VCPUS_MAX];
    uint32_t at = history.n++ % SAMPLES;
    bool share = (history.n - 1) % (metrics->share_step / METRICS_STEP_NS) == 0;
    bool first = history.n == 1;

    fluid_advance(now);
    metrics->measured = now - workload->warm_up;
    for (uint32_t i = 0; i < metrics->vcpus; i++) {
        struct metrics_vcpu *vcpu = &metrics->vcpu[i];
        double due = fluid_due(i), had = (double)received[i];

        history.received[at][i] = had;
        history.due[at][i] = due;
        for (uint32_t w = 0; w < METRICS_WINDOWS; w++)
            if (history.n > windows[w].steps)
                window_sample(&vcpu->window[w], i, windows[w].steps, windows[w].part,
                              (double)workload->slice);
        /* What was before the first sample does not count. */
        vcpu->received = first ? -had : vcpu->received;
        vcpu->due = first ? -due : vcpu->due;
        if (now + METRICS_STEP_NS > workload->time) {
            vcpu->received += had;
            vcpu->due += due;
        }
        if (share) {
            if (!first && metrics->shares < METRICS_SHARES_MAX)
                vcpu->share[metrics->shares] =
                    (float)((had - share_received[i]) / (double)metrics->share_step);
            share_received[i] = had;
        }
    }
    if (share && !first && metrics->shares < METRICS_SHARES_MAX)
        metrics->shares++;
}

static uint32_t bucket_of(uint64_t latency)
{
    if (latency < PER_POWER)
        return (uint32_t)latency;
    uint32_t power = 63 - (uint32_t)__builtin_clzll(latency) - 5;
    uint32_t bucket = (power + 1) * PER_POWER + (uint32_t)(latency >> power) - PER_POWER;

    return bucket < METRICS_BUCKETS ? bucket : METRICS_BUCKETS - 1;
}

static uint64_t bucket_end(uint32_t bucket)
{
    if (bucket < PER_POWER)
        return bucket;
    return ((uint64_t)(bucket % PER_POWER + PER_POWER + 1) << (bucket / PER_POWER - 1)) - 1;
}

void metrics_latency(struct metrics_vcpu *vcpu, uint64_t latency)
{
    vcpu->wakes++;
    vcpu->latency[bucket_of(latency)]++;
    if (latency > vcpu->latency_worst)
        vcpu->latency_worst = latency;
}

void metrics_job(struct metrics_vcpu *vcpu, uint64_t released, uint64_t deadline, uint64_t done)
{
    uint64_t response = done - released;

    vcpu->jobs++;
    vcpu->response += response;
    if (response > vcpu->response_worst)
        vcpu->response_worst = response;
    vcpu->misses += done > deadline;
    if (done > deadline && done - deadline > vcpu->late_worst)
        vcpu->late_worst = done - deadline;
}

uint64_t metrics_percentile(const struct metrics_vcpu *vcpu, double part)
{
    uint64_t within = 0;

    for (uint32_t i = 0; i < METRICS_BUCKETS; i++) {
        within += vcpu->latency[i];
        if (within && (double)within >= part * (double)vcpu->wakes)
            return bucket_end(i) < vcpu->latency_worst ? bucket_end(i) : vcpu->latency_worst;
    }
    return 0;
}

void metrics_turn_begins(struct metrics_vcpu *vcpu, uint64_t waited, bool moved)
{
    vcpu->switches++;
    vcpu->moves += moved;
    if (waited > vcpu->gap)
        vcpu->gap = waited;
}

void metrics_idle(struct metrics *metrics, bool wasted, uint64_t now)
{
    if (!wasted && metrics->idle_since != UINT64_MAX && now >= metrics->turns_from) {
        uint64_t took = now - metrics->idle_since;

        metrics->idle_total += took;
        if (took > metrics->idle_worst)
            metrics->idle_worst = took;
    }
    if (!wasted)
        metrics->idle_since = UINT64_MAX;
    else if (metrics->idle_since == UINT64_MAX)
        metrics->idle_since = now;
}

void metrics_turn(struct metrics *metrics, struct metrics_turn turn)
{
    uint64_t from = turn.begin > metrics->turns_from ? turn.begin : metrics->turns_from;
    struct metrics_vcpu *vcpu = &metrics->vcpu[turn.vcpu];

    if (turn.end > from && vcpu->guest && !(vcpu->guest->soft >> turn.cpu & 1))
        vcpu->elsewhere += turn.end - from;
    if (turn.end > metrics->turns_from && turn.begin < metrics->turns_from + DRAWN_NS &&
        metrics->turns < METRICS_TURNS_MAX)
        metrics->turn[metrics->turns++] = turn;
}

static double us(double ns)
{
    return ns / 1000;
}

void metrics_print(const struct metrics *metrics, FILE *to)
{
    double seconds = (double)metrics->measured / 1e9;
    uint64_t switches = 0;

    fprintf(
        to,
        "vcpu,weight,cap,share_percent,due_percent,error_100ms_us,of_limit_100ms,error_1s_us,"
        "of_limit_1s,wakes,latency_p50_us,latency_p99_us,latency_p99.9_us,latency_worst_us,"
        "gap_us,switches_per_s,moves_per_s,jobs,misses,late_worst_us,response_mean_us,response_worst_us,elsewhere_percent\n");
    for (uint32_t i = 0; i < metrics->vcpus; i++) {
        const struct metrics_vcpu *vcpu = &metrics->vcpu[i];

        fprintf(to, "%s.%u,%u,%u,%.3f,%.3f", vcpu->guest->name, vcpu->index, vcpu->guest->weight,
                vcpu->guest->cap, vcpu->received / seconds / 1e7, vcpu->due / seconds / 1e7);
        for (uint32_t w = 0; w < METRICS_WINDOWS; w++)
            fprintf(to, ",%.1f,%.3f", us(vcpu->window[w].worst), vcpu->window[w].of_limit);
        fprintf(
            to, ",%lu,%.1f,%.1f,%.1f,%.1f,%.1f,%.1f,%.1f", vcpu->wakes,
            us((double)metrics_percentile(vcpu, 0.5)), us((double)metrics_percentile(vcpu, 0.99)),
            us((double)metrics_percentile(vcpu, 0.999)), us((double)vcpu->latency_worst),
            us((double)vcpu->gap), (double)vcpu->switches / seconds, (double)vcpu->moves / seconds);
        fprintf(to, ",%lu,%lu,%.1f,%.1f,%.1f,%.3f\n", vcpu->jobs, vcpu->misses,
                us((double)vcpu->late_worst),
                vcpu->jobs ? us((double)vcpu->response / (double)vcpu->jobs) : 0.0,
                us((double)vcpu->response_worst), (double)vcpu->elsewhere / seconds / 1e7);
        switches += vcpu->switches;
    }
    fprintf(to,
            "# measured_s=%.3f events=%lu looks=%lu commits=%lu refused=%lu switches_per_s=%.1f "
            "idle_while_runnable_us=%.1f idle_worst_us=%.1f\n",
            seconds, metrics->events, metrics->looks, metrics->commits, metrics->refused,
            (double)switches / seconds, us((double)metrics->idle_total),
            us((double)metrics->idle_worst));
}
