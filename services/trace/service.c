/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace service: reads what CPUs write down (keel/trace.h) often enough not to lose any of it under an ordinary load, and keeps
 * statistics of it, which it shows on its console (command.h) and tells whom the configuration lets ask (keel/statistics.h). On request it
 * prints a recording (recording.h). Arguments: `every-ms=N`: reads so often, else as often as is needed; `records=N`: of the longest
 * recording.
 */
#include "command.h"
#include "gather.h"
#include "recording.h"

#include <keel/calls.h>
#include <keel/statistics.h>
#include <runtime/clock.h>
#include <runtime/lines.h>
#include <runtime/loop.h>
#include <runtime/port.h>
#include <runtime/start.h>
#include <runtime/stdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY_MIN_US    1000u
#define EVERY_BEGIN_US  5000u
#define EVERY_MAX_US    20000u
#define TAKEN_MANY      1024u /* of a CPU's 4,096: read more often */
#define TAKEN_FEW       256u
#define RECORDS_DEFAULT 16384u
#define RECORDS_MOST    1000000u
#define TELL_LOST_MS    1000u
#define PRINT_MS        1u
#define PRINTED_BYTES   32768u
#define RING_BYTES      4000u

_Static_assert(KEEL_STATISTICS_BUCKETS == STATISTICS_BUCKETS &&
                   KEEL_STATISTICS_WHATS == (int)STATISTICS_WHATS,
               "what is told is what there is");

static struct statistics statistics;
static struct gather gather;
static uint64_t known; /* until when the statistics go */
static uint64_t every_us = EVERY_BEGIN_US;
static bool every_fixed;

static struct {
    uint64_t untold[KEEL_CPUS_MAX]; /* records that were lost */
    uint64_t told;                  /* when that was said last */
} losses;

static struct {
    struct keel_trace *record;
    uint32_t most, n, printed;
    enum { RECORDING_NONE, RECORDING_ON, RECORDING_PRINTS } state;
    uint32_t names; /* printed, + 1 for the head */
    struct recording_head head;
    uint32_t crc;
    bool full;
} recording = {.most = RECORDS_DEFAULT};

/* Names. */

static uint16_t domain_find(const char *name)
{
    for (uint16_t domain = 0; domain < KEEL_DOMAINS_MAX; domain++) {
        const char *its = keel_domain_name(domain);

        if (its && strcmp(its, name) == 0)
            return domain;
    }
    return STATISTICS_NONE;
}

/* Printing: as fast as the console takes it. */

static struct {
    char text[PRINTED_BYTES];
    uint32_t put, got; /* counted on */
    uint32_t left_out; /* lines */
} printed;

static struct loop_timer print_timer;

static void say(const char *line)
{
    size_t n = strlen(line);

    if (sizeof printed.text - (printed.put - printed.got) < n + 1) {
        printed.left_out++;
        return;
    }
    for (size_t i = 0; i <= n; i++)
        printed.text[printed.put++ % sizeof printed.text] = i < n ? line[i] : '\n';
}

/* The next line of the recording. */
static void recording_print(void)
{
    char line[RECORDING_LINE_BYTES];
    uint32_t n = recording.n - recording.printed;

    if (recording.names == 0) {
        recording_head_write(line, &recording.head);
        recording.names++;
    } else if (recording.names <= KEEL_DOMAINS_MAX) {
        uint16_t domain = (uint16_t)(recording.names++ - 1);
        const char *name = keel_domain_name(domain);

        if (!name)
            return;
        recording_name_write(line, domain, name);
    } else if (n) {
        const struct keel_trace *record = &recording.record[recording.printed];

        n = n < RECORDING_RECORDS ? n : RECORDING_RECORDS;
        recording_records_write(line, record, n);
        recording.crc = recording_crc(recording.crc, record, n * sizeof *record);
        recording.printed += n;
    } else {
        recording_end_write(line, recording.n, recording.crc);
        recording.state = RECORDING_NONE;
    }
    say(line);
}

static void print(void *context)
{
    while (stdio_room() > COMMAND_LINE_BYTES) {
        if (printed.put == printed.got && recording.state == RECORDING_PRINTS)
            recording_print();
        else if (printed.put == printed.got)
            break;
        while (printed.got != printed.put && stdio_room() > COMMAND_LINE_BYTES) {
            char line[COMMAND_LINE_BYTES];
            uint32_t n = 0;

            do
                line[n] = printed.text[printed.got++ % sizeof printed.text];
            while (line[n++] != '\n' && n < sizeof line);
            fwrite(line, 1, n, stdout);
            fflush(stdout);
        }
    }
    if (printed.left_out && printed.put == printed.got) {
        printf("%u lines are left out: too much to be said\n", printed.left_out);
        printed.left_out = 0;
    }
    if (printed.put != printed.got || recording.state == RECORDING_PRINTS)
        loop_timer_set(&print_timer, clock_after_ms(PRINT_MS), print, context);
}

/* Reading. */

static void recording_add(struct keel_trace record, uint32_t cpu)
{
    if (recording.state != RECORDING_ON || recording.full)
        return;
    if (recording.n == recording.most) {
        recording.full = true;
        recording.head.until = record.time;
        return;
    }
    record.kind = (uint16_t)(record.kind | cpu << 8);
    recording.record[recording.n++] = record;
}

static void on_record(void *context, uint32_t cpu, const struct keel_trace *record)
{
    (void)context;
    statistics_add(&statistics, cpu, record);
    if (record->time >= recording.head.from && record->time < recording.head.until)
        recording_add(*record, cpu);
}

static void on_lost(void *context, uint32_t cpu, uint64_t n)
{
    uint32_t told = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;

    (void)context;
    statistics_lost(&statistics, cpu, n);
    losses.untold[cpu] += n;
    if (statistics.now >= recording.head.from)
        recording_add((struct keel_trace){.time = statistics.now,
                                          .kind = RECORDING_LOST,
                                          .who = (uint16_t)told,
                                          .owner = (uint16_t)(told >> 16)},
                      cpu);
}

static int64_t on_read(uint64_t cpu, uint64_t from, struct keel_trace *list, uint64_t n,
                       uint64_t *first)
{
    return keel_trace_read(cpu, from, list, n, first);
}

static void losses_tell(void)
{
    for (uint32_t cpu = 0; cpu < gather.cpus; cpu++) {
        char line[COMMAND_LINE_BYTES];

        if (!losses.untold[cpu])
            continue;
        snprintf(line, sizeof line, "CPU %u: %llu records were lost", cpu,
                 (unsigned long long)losses.untold[cpu]);
        say(line);
        losses.untold[cpu] = 0;
    }
    losses.told = keel_counter();
}

static void recording_end(void)
{
    if (recording.full) {
        char line[COMMAND_LINE_BYTES];

        snprintf(line, sizeof line, "the recording ends after %u records: records=%u is its most",
                 recording.n, recording.most);
        say(line);
    }
    recording.state = RECORDING_PRINTS;
    recording.printed = recording.names = 0;
    recording.crc = RECORDING_CRC_BEGIN;
}

static void look(void *context)
{
    static struct loop_timer timer;
    uint64_t until = keel_counter();
    uint32_t taken = gather_until(&gather, until);

    known = until;
    if (!every_fixed && taken > TAKEN_MANY && every_us > EVERY_MIN_US)
        every_us /= 2;
    else if (!every_fixed && taken < TAKEN_FEW && every_us < EVERY_MAX_US)
        every_us += every_us / 4;
    if (recording.state == RECORDING_ON && (recording.full || until >= recording.head.until))
        recording_end();
    if (until - losses.told >= clock_ticks(TELL_LOST_MS * CLOCK_NS_PER_MS))
        losses_tell();
    if (!print_timer.deadline)
        print(NULL);
    loop_timer_set(&timer, until + clock_ticks(every_us * 1000), look, context);
}

/* The console. */

/* What is known as it begins. */
static void recording_states(void)
{
    for (uint32_t i = 0; i < statistics.vcpus; i++) {
        const struct statistics_vcpu *vcpu = &statistics.vcpu[i];

        recording_add(
            (struct keel_trace){.time = vcpu->since,
                                .kind = RECORDING_STATE,
                                .who = statistics_who(vcpu),
                                .detail =
                                    (uint16_t)(vcpu->state | (vcpu->woken ? RECORDING_WOKEN : 0))},
            vcpu->cpu);
    }
    for (uint32_t cpu = 0; cpu < statistics.cpus; cpu++)
        if (statistics.cpu[cpu].known && statistics.cpu[cpu].idles)
            recording_add((struct keel_trace){.time = recording.head.from,
                                              .kind = KEEL_TRACE_RUN,
                                              .who = KEEL_TRACE_NOBODY,
                                              .owner = KEEL_TRACE_NOBODY},
                          cpu);
}

static const char *record(uint64_t ms)
{
    if (recording.state == RECORDING_ON)
        return "it records already";
    if (recording.state == RECORDING_PRINTS)
        return "the last one is still being printed";
    if (!recording.record)
        recording.record = malloc(recording.most * sizeof recording.record[0]);
    if (!recording.record)
        return "no memory: less records=N, or more memory";
    recording.n = 0;
    recording.full = false;
    recording.head = (struct recording_head){.frequency = statistics.frequency,
                                             .cpus = statistics.cpus,
                                             .from = known,
                                             .until = known + clock_ticks(ms * CLOCK_NS_PER_MS)};
    recording.state = RECORDING_ON;
    recording_states();
    return NULL;
}

static void on_line(char *line)
{
    const struct command_world world = {.statistics = &statistics,
                                        .now = known,
                                        .domain_name = keel_domain_name,
                                        .domain_find = domain_find,
                                        .record = record,
                                        .say = say};

    command_line(&world, line);
    print(NULL);
}

/* Requests. */

static bool on_cpus(void *context, const struct message *message)
{
    static struct keel_statistics_cpu list[KEEL_STATISTICS_MOST];
    const struct keel_statistics_request *request = message->payload;
    uint32_t n = 0;

    (void)context;
    for (uint32_t i = request->first; i < statistics.cpus && n < KEEL_STATISTICS_MOST; i++) {
        const struct statistics_cpu *cpu = &statistics.cpu[i];

        list[n++] =
            (struct keel_statistics_cpu){.since = clock_ns(known - statistics.from),
                                         .idle = clock_ns(statistics_idle(cpu, known)),
                                         .unknown = clock_ns(statistics_unknown(cpu, known)),
                                         .switches = cpu->switches,
                                         .wakes = cpu->wakes,
                                         .commits = cpu->commits,
                                         .records = cpu->records,
                                         .lost = cpu->lost};
    }
    message_answer(message, 0, list, n * sizeof list[0]);
    return true;
}

static struct keel_statistics_times times_of(const struct statistics_series *series)
{
    return (struct keel_statistics_times){.count = series->count,
                                          .sum = clock_ns(series->sum),
                                          .worst = clock_ns(series->worst),
                                          .p50 = clock_ns(statistics_within(series, 500)),
                                          .p99 = clock_ns(statistics_within(series, 990)),
                                          .p999 = clock_ns(statistics_within(series, 999))};
}

static bool on_vcpus(void *context, const struct message *message)
{
    static const uint16_t states[] = {
        [STATISTICS_UNKNOWN] = 0, [STATISTICS_SLEEPS] = 3,  [STATISTICS_READY] = 1,
        [STATISTICS_RUNS] = 2,    [STATISTICS_BLOCKED] = 4,
    };
    static struct keel_statistics_vcpu list[KEEL_STATISTICS_MOST];
    const struct keel_statistics_request *request = message->payload;
    uint32_t n = 0;

    (void)context;
    for (uint32_t i = request->first; i < statistics.vcpus && n < KEEL_STATISTICS_MOST; i++) {
        const struct statistics_vcpu *vcpu = &statistics.vcpu[i];
        struct keel_statistics_vcpu *its = &list[n++];

        *its = (struct keel_statistics_vcpu){.domain = vcpu->domain,
                                             .vcpu = vcpu->vcpu,
                                             .state = states[vcpu->state],
                                             .cpu = vcpu->cpu,
                                             .ran = clock_ns(statistics_ran(vcpu, known)),
                                             .lent = clock_ns(vcpu->lent),
                                             .exits = vcpu->exits,
                                             .handed = vcpu->handed};
        for (uint32_t what = 0; what < STATISTICS_WHATS; what++)
            its->times[what] = times_of(&vcpu->series[what]);
        its->times[STATISTICS_WAIT].worst = clock_ns(statistics_waited_worst(vcpu, known));
    }
    message_answer(message, 0, list, n * sizeof list[0]);
    return true;
}

static bool on_histogram(void *context, const struct message *message)
{
    static struct keel_statistics_histogram answer;
    const struct keel_statistics_request *request = message->payload;
    const struct statistics_vcpu *vcpu =
        statistics_find(&statistics, request->domain, request->vcpu);
    const struct statistics_series *series;

    (void)context;
    if (!vcpu || request->what >= STATISTICS_WHATS) {
        message_answer(message, vcpu ? -KEEL_EINVAL : -KEEL_ENOENT, NULL, 0);
        return true;
    }
    series = &vcpu->series[request->what];
    answer.count = series->count;
    answer.sum = clock_ns(series->sum);
    answer.worst = clock_ns(series->worst);
    for (uint32_t i = 0; i < STATISTICS_BUCKETS; i++) {
        answer.bucket[i] = series->bucket[i];
        answer.end[i] =
            i < STATISTICS_BUCKETS - 1 ? clock_ns(statistics_bucket_end(i)) : UINT64_MAX;
    }
    message_answer(message, 0, &answer, sizeof answer);
    return true;
}

static bool on_reset(void *context, const struct message *message)
{
    (void)context;
    statistics_reset(&statistics, known);
    message_answer(message, 0, NULL, 0);
    return true;
}

static void requests_listen(void)
{
    static const struct message_type types[] = {
        {.type = KEEL_STATISTICS_CPUS,
         .bytes = sizeof(struct keel_statistics_request),
         .handler = on_cpus},
        {.type = KEEL_STATISTICS_VCPUS,
         .bytes = sizeof(struct keel_statistics_request),
         .handler = on_vcpus},
        {.type = KEEL_STATISTICS_HISTOGRAM,
         .bytes = sizeof(struct keel_statistics_request),
         .handler = on_histogram},
        {.type = KEEL_STATISTICS_RESET,
         .bytes = sizeof(struct keel_statistics_request),
         .handler = on_reset},
    };
    static struct port port = {.types = types, .ntypes = sizeof types / sizeof types[0]};

    if (port_offer(&port, KEEL_STATISTICS_PORT, RING_BYTES) < 0)
        printf("no port for requests\n");
}

/* NULL, or what is wrong with it. */
static const char *argument(const char *text)
{
    const char *value = strchr(text, '=');
    char *end;
    unsigned long n = value ? strtoul(value + 1, &end, 10) : 0;

    if (!value || end == value + 1 || *end || n < 1)
        return "expected every-ms=N or records=N";
    if (strncmp(text, "every-ms=", 9) == 0) {
        if (n > 10000)
            return "at most 10000";
        every_us = 1000 * n;
        every_fixed = true;
    } else if (strncmp(text, "records=", 8) == 0) {
        if (n > RECORDS_MOST)
            return "at most 1000000";
        recording.most = (uint32_t)n;
    } else {
        return "expected every-ms=N or records=N";
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct gather_ends ends = {.read = on_read, .record = on_record, .lost = on_lost};
    struct keel_trace record;
    uint64_t first;
    int64_t status = 0;
    uint32_t cpus = 0;

    for (int i = 1; i < argc; i++) {
        const char *wrong = argument(argv[i]);

        if (wrong) {
            printf("argument not understood: %s: %s\n", argv[i], wrong);
            return EXIT_FAILURE;
        }
    }
    known = keel_counter();
    while (cpus < KEEL_CPUS_MAX) {
        status = keel_trace_read(cpus, 0, &record, 1, &first);
        if (status < 0 && status != -KEEL_EAGAIN)
            break;
        cpus++;
    }
    if (cpus == 0) {
        printf("traces can't be read: %s; it needs rights { self { allow = \"audit\"; }; }\n",
               strerror((int)-status));
        return EXIT_FAILURE;
    }
    gather = (struct gather){
        .ends = &ends, .from = known, .cpus = cpus, .cpu = calloc(cpus, sizeof gather.cpu[0])};
    if (!gather.cpu) {
        printf("no memory\n");
        return EXIT_FAILURE;
    }
    statistics_begin(&statistics, keel_counter_frequency(), cpus, known);
    lines_listen(on_line);
    requests_listen();
    look(NULL);
    loop_run();
}
