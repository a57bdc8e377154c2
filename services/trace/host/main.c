/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keel-trace: what a recording of the trace service (../recording.h) tells, as figures, as a file for Perfetto, and as the pictures
 * that the simulator draws. It reads records as the service does (../statistics.h).
 */
#include "events.h"
#include "log.h"

#include <command.h>
#include <draw.h>
#include <stdlib.h>
#include <string.h>

#define PROCESS_CPUS   1u
#define PROCESS_DOMAIN 10u /* + its number */

static struct log_recording recording;
static struct statistics statistics;
static struct metrics metrics;
static struct workload workload;
static uint32_t flows;

static uint64_t ns_of(uint64_t time)
{
    uint64_t ticks = time > recording.head.from ? time - recording.head.from : 0;
    uint64_t frequency = recording.head.frequency;

    return ticks / frequency * 1000000000 + ticks % frequency * 1000000000 / frequency;
}

static const char *domain_name(uint16_t domain)
{
    return domain < KEEL_DOMAINS_MAX && *recording.name[domain] ? recording.name[domain] : NULL;
}

static struct events_track cpu_track(uint32_t cpu)
{
    return (struct events_track){PROCESS_CPUS, cpu + 1};
}

static struct events_track vcpu_track(const struct statistics_vcpu *vcpu)
{
    return (struct events_track){PROCESS_DOMAIN + vcpu->domain, vcpu->vcpu + 1u};
}

static void event(enum events_kind kind, struct events_track track, uint64_t begin, uint64_t end,
                  const char *category, const char *name)
{
    struct events_event event = {.kind = kind,
                                 .track = track,
                                 .begin = begin,
                                 .ns = end - begin,
                                 .category = category,
                                 .flow = flows};

    snprintf(event.name, sizeof event.name, "%s", name);
    events_add(&event);
}

static struct metrics_vcpu *metrics_of(const struct statistics_vcpu *vcpu)
{
    return &metrics.vcpu[vcpu - statistics.vcpu];
}

static void vcpu_name(const struct statistics_vcpu *vcpu, char name[48])
{
    if (domain_name(vcpu->domain))
        snprintf(name, 48, "%.31s/%u", domain_name(vcpu->domain), vcpu->vcpu);
    else
        snprintf(name, 48, "%u/%u", vcpu->domain, vcpu->vcpu);
}

/* The parts of steps that it ran. */
static void share_add(struct metrics_vcpu *vcpu, uint64_t begin, uint64_t end)
{
    while (begin < end) {
        uint64_t step = begin / metrics.share_step, next = (step + 1) * metrics.share_step;
        uint64_t until = next < end ? next : end;

        if (step < metrics.shares)
            vcpu->share[step] += (float)((double)(until - begin) / (double)metrics.share_step);
        begin = until;
    }
}

static void on_span(void *context, const struct statistics_vcpu *vcpu, uint64_t begin_time,
                    uint64_t end_time)
{
    uint64_t begin = ns_of(begin_time), end = ns_of(end_time);
    char name[48];

    (void)context;
    switch (vcpu->state) {
    case STATISTICS_RUNS:
        vcpu_name(vcpu, name);
        event(EVENTS_SPAN, cpu_track(vcpu->cpu), begin, end, "run", name);
        snprintf(name, sizeof name, "runs on %u", vcpu->cpu);
        event(EVENTS_SPAN, vcpu_track(vcpu), begin, end, "run", name);
        share_add(metrics_of(vcpu), begin, end);
        metrics_turn(&metrics, (struct metrics_turn){.cpu = vcpu->cpu,
                                                     .vcpu = (uint16_t)(vcpu - statistics.vcpu),
                                                     .begin = begin,
                                                     .end = end});
        break;
    case STATISTICS_READY:
        event(EVENTS_SPAN, vcpu_track(vcpu), begin, end, "wait", "waits");
        break;
    case STATISTICS_BLOCKED:
        event(EVENTS_SPAN, vcpu_track(vcpu), begin, end, "blocked", "blocked");
        break;
    default:
        break;
    }
}

static void on_woken(void *context, const struct statistics_vcpu *vcpu, uint64_t time, uint64_t now)
{
    char name[48];

    (void)context;
    snprintf(name, sizeof name, "woken by CPU %u", vcpu->waker);
    event(EVENTS_INSTANT, vcpu_track(vcpu), ns_of(time), ns_of(time), "wake", name);
    flows++;
    event(EVENTS_FLOW_BEGIN, vcpu_track(vcpu), ns_of(time), ns_of(time), "wake", "wake-up");
    event(EVENTS_FLOW_END, cpu_track(vcpu->cpu), ns_of(now), ns_of(now), "wake", "wake-up");
    metrics_latency(metrics_of(vcpu), ns_of(now) - ns_of(time));
}

static void on_commit(void *context, uint32_t cpu, uint32_t of, uint64_t time)
{
    char name[48];

    (void)context;
    snprintf(name, sizeof name, "commits the plan of CPU %u", of);
    event(EVENTS_INSTANT, cpu_track(cpu), ns_of(time), ns_of(time), "commit", name);
}

static void records_read(void)
{
    static const struct statistics_watch watch = {
        .span = on_span, .woken = on_woken, .commit = on_commit};

    statistics_begin(&statistics, recording.head.frequency, recording.head.cpus,
                     recording.head.from);
    statistics.watch = &watch;
    for (size_t i = 0; i < recording.n; i++) {
        struct keel_trace record = recording.record[i];
        uint32_t cpu = recording_cpu(&record);

        record.kind = (uint16_t)recording_kind(&record);
        if (record.kind == RECORDING_LOST) {
            uint32_t n = record.who | (uint32_t)record.owner << 16;
            char name[48];

            snprintf(name, sizeof name, n ? "%u records are lost" : "until here", n);
            event(EVENTS_INSTANT, cpu_track(cpu), ns_of(record.time), ns_of(record.time), "lost",
                  name);
            statistics_lost(&statistics, cpu, n);
        } else if (record.kind == RECORDING_STATE) {
            uint8_t state = (uint8_t)record.detail;
            /* What ran before the beginning is not of the recording. */
            uint64_t since = state == STATISTICS_RUNS || record.time > recording.head.from
                                 ? recording.head.from
                                 : record.time;

            statistics_put(&statistics, cpu, record.who, state, record.detail & RECORDING_WOKEN,
                           since);
        } else {
            statistics_add(&statistics, cpu, &record);
        }
    }
}

static void metrics_prepare(void)
{
    uint64_t time = ns_of(recording.head.until);

    workload.cpus = recording.head.cpus;
    workload.time = time ? time : 1;
    metrics.share_step = workload.time / METRICS_SHARES_MAX + 1;
    metrics.shares = (uint32_t)((workload.time + metrics.share_step - 1) / metrics.share_step);
}

static void tracks_name(void)
{
    char name[48];

    events_process(PROCESS_CPUS, "CPUs");
    for (uint32_t cpu = 0; cpu < recording.head.cpus; cpu++) {
        snprintf(name, sizeof name, "CPU %u", cpu);
        events_thread(cpu_track(cpu), name);
    }
    for (uint32_t domain = 0; domain < KEEL_DOMAINS_MAX; domain++) {
        bool named = false;

        for (uint32_t i = 0; i < KEEL_VCPUS_MAX; i++) {
            const struct statistics_vcpu *vcpu = statistics_find(&statistics, domain, i);

            if (!vcpu)
                continue;
            snprintf(name, sizeof name, "domain %u", domain);
            if (!named)
                events_process(PROCESS_DOMAIN + domain, domain_name((uint16_t)domain)
                                                            ? domain_name((uint16_t)domain)
                                                            : name);
            named = true;
            snprintf(name, sizeof name, "vCPU %u", i);
            events_thread(vcpu_track(vcpu), name);
        }
    }
}

/* Whom the pictures' legends name. */
static void metrics_name(void)
{
    for (uint32_t i = 0; i < statistics.vcpus; i++) {
        const struct statistics_vcpu *vcpu = &statistics.vcpu[i];
        struct workload_guest *guest = &workload.guest[vcpu->domain];

        if (domain_name(vcpu->domain))
            snprintf(guest->name, sizeof guest->name, "%s", domain_name(vcpu->domain));
        else
            snprintf(guest->name, sizeof guest->name, "%u", vcpu->domain);
        metrics.vcpu[i].guest = guest;
        metrics.vcpu[i].index = vcpu->vcpu;
    }
    metrics.vcpus = statistics.vcpus;
}

static FILE *open_or_say(const char *name)
{
    FILE *file = fopen(name, "w");

    if (!file)
        perror(name);
    return file;
}

static bool draw_one(const char *prefix, const char *what)
{
    char name[4096];
    FILE *file;

    snprintf(name, sizeof name, "%s-%s.svg", prefix, what);
    file = open_or_say(name);
    if (!file)
        return false;
    if (strcmp(what, "timeline") == 0)
        draw_timeline(&metrics, &workload, file);
    else if (strcmp(what, "share") == 0)
        draw_share(&metrics, &workload, file);
    else
        draw_latency(&metrics, file);
    return fclose(file) == 0;
}

static void say(const char *line)
{
    printf("%s\n", line);
}

static uint16_t domain_find(const char *name)
{
    for (uint16_t domain = 0; domain < KEEL_DOMAINS_MAX; domain++)
        if (strcmp(recording.name[domain], name) == 0)
            return domain;
    return STATISTICS_NONE;
}

static void show(void)
{
    const struct command_world world = {.statistics = &statistics,
                                        .now = recording.head.until,
                                        .domain_name = domain_name,
                                        .domain_find = domain_find,
                                        .say = say};
    char line[] = "show";

    command_line(&world, line);
}

static int usage(FILE *to)
{
    fprintf(
        to,
        "Usage: keel-trace [OPTION]... LOG\n\n"
        "Reads a recording of the trace service from a console's log (-: standard input), and says what it tells.\n\n"
        "  --json FILE    writes it for Perfetto (ui.perfetto.dev) or chrome://tracing\n"
        "  --svg PREFIX   draws PREFIX-timeline.svg, PREFIX-share.svg, PREFIX-latency.svg\n"
        "  --recording N  the N-th in the log, from 1 (default: the last one)\n"
        "  --help         this text\n");
    return to == stdout ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const char *json = NULL, *svg = NULL, *name = NULL;
    unsigned number = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout);
        if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
            json = argv[++i];
        else if (strcmp(argv[i], "--svg") == 0 && i + 1 < argc)
            svg = argv[++i];
        else if (strcmp(argv[i], "--recording") == 0 && i + 1 < argc)
            number = (unsigned)strtoul(argv[++i], NULL, 10);
        else if ((*argv[i] == '-' && argv[i][1]) || name)
            return usage(stderr);
        else
            name = argv[i];
    }
    if (!name)
        return usage(stderr);

    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
    if (!file) {
        perror(name);
        return EXIT_FAILURE;
    }
    if (!log_read(file, name, number, &recording))
        return EXIT_FAILURE;
    metrics_prepare();
    records_read();
    show();
    statistics_end(&statistics, recording.head.until);
    tracks_name();
    metrics_name();
    if (json) {
        file = open_or_say(json);
        if (!file)
            return EXIT_FAILURE;
        events_write(file);
        if (fclose(file) != 0) {
            perror(json);
            return EXIT_FAILURE;
        }
    }
    return !svg || (draw_one(svg, "timeline") && draw_one(svg, "share") && draw_one(svg, "latency"))
               ? EXIT_SUCCESS
               : EXIT_FAILURE;
}
