/* SPDX-License-Identifier: Apache-2.0 */
/* The console's language: see command.h. */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES     40
#define BAR            40u /* the longest of a histogram */
#define RECORD_MS_MOST 60000u
#define COMMANDS       "show, histogram NAME/VCPU, reset, record MS, help"

static const char *const whats[STATISTICS_WHATS] = {"ran", "waited", "woke up", "was answered"};

static void say(const struct command_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct command_world *world, const char *format, ...)
{
    char line[COMMAND_LINE_BYTES];
    va_list list;

    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    world->say(line);
}

/* Microseconds, with a tenth: there is no floating point here. */
struct us {
    char text[24];
};

static struct us us(const struct command_world *world, uint64_t ticks)
{
    uint64_t frequency = world->statistics->frequency;
    uint64_t tenths = ticks / frequency * 10000000 + ticks % frequency * 10000000 / frequency;
    struct us us;

    snprintf(us.text, sizeof us.text, "%llu.%llu", (unsigned long long)(tenths / 10),
             (unsigned long long)(tenths % 10));
    return us;
}

static struct us percent(uint64_t part, uint64_t all)
{
    struct us percent;
    uint64_t tenths;

    for (; all > UINT64_MAX / 2000; all /= 2)
        part /= 2;
    tenths = all ? part * 1000 / all : 0;
    snprintf(percent.text, sizeof percent.text, "%llu.%llu", (unsigned long long)(tenths / 10),
             (unsigned long long)(tenths % 10));
    return percent;
}

static void name_of(const struct command_world *world, const struct statistics_vcpu *vcpu,
                    char name[NAME_BYTES])
{
    const char *its = world->domain_name(vcpu->domain);

    if (its)
        snprintf(name, NAME_BYTES, "%.31s/%u", its, vcpu->vcpu);
    else
        snprintf(name, NAME_BYTES, "%u/%u", vcpu->domain, vcpu->vcpu);
}

static void show_cpu(const struct command_world *world, uint32_t index)
{
    const struct statistics *s = world->statistics;
    const struct statistics_cpu *cpu = &s->cpu[index];
    uint64_t elapsed = world->now > s->from ? world->now - s->from : 0;

    say(world,
        "CPU %u: idle %s %%, not known %s %%, %llu switches, %llu wake-ups, %llu commits, %llu "
        "records, %llu lost",
        index, percent(statistics_idle(cpu, world->now), elapsed).text,
        percent(statistics_unknown(cpu, world->now), elapsed).text,
        (unsigned long long)cpu->switches, (unsigned long long)cpu->wakes,
        (unsigned long long)cpu->commits, (unsigned long long)cpu->records,
        (unsigned long long)cpu->lost);
}

/* ", 12 waits 1.0 2.0 3.0 4.0" */
static void series_append(const struct command_world *world, const char *what,
                          const struct statistics_series *series, uint64_t worst,
                          char line[COMMAND_LINE_BYTES])
{
    size_t used = strlen(line);

    snprintf(&line[used], COMMAND_LINE_BYTES - used, ", %s %s %s %s %s", what,
             us(world, statistics_within(series, 500)).text,
             us(world, statistics_within(series, 990)).text,
             us(world, statistics_within(series, 999)).text, us(world, worst).text);
}

static void show_vcpu(const struct command_world *world, const struct statistics_vcpu *vcpu)
{
    static const char *const states[] = {"?", "sleeps", "waits", "runs", "blocked"};
    const struct statistics *s = world->statistics;
    const struct statistics_series *series = vcpu->series;
    uint64_t elapsed = world->now > s->from ? world->now - s->from : 0;
    char line[COMMAND_LINE_BYTES], name[NAME_BYTES];

    name_of(world, vcpu, name);
    snprintf(line, sizeof line, "%s %s on %u: %s %%", name, states[vcpu->state], vcpu->cpu,
             percent(statistics_ran(vcpu, world->now), elapsed).text);
    if (vcpu->lent) {
        size_t used = strlen(line);

        snprintf(&line[used], sizeof line - used, " lent %s %%", percent(vcpu->lent, elapsed).text);
    }
    if (statistics_waited_worst(vcpu, world->now) || series[STATISTICS_WAIT].count) {
        char what[40];

        snprintf(what, sizeof what, "%llu waits",
                 (unsigned long long)series[STATISTICS_WAIT].count);
        series_append(world, what, &series[STATISTICS_WAIT],
                      statistics_waited_worst(vcpu, world->now), line);
    }
    if (series[STATISTICS_WAKE].count) {
        char what[40];

        snprintf(what, sizeof what, "%llu wake-ups",
                 (unsigned long long)series[STATISTICS_WAKE].count);
        series_append(world, what, &series[STATISTICS_WAKE], series[STATISTICS_WAKE].worst, line);
    }
    if (vcpu->exits) {
        char what[40];

        snprintf(what, sizeof what, "%llu exits", (unsigned long long)vcpu->exits);
        series_append(world, what, &series[STATISTICS_ANSWER], series[STATISTICS_ANSWER].worst,
                      line);
    }
    if (vcpu->handed) {
        size_t used = strlen(line);

        snprintf(&line[used], sizeof line - used, ", handed %llu",
                 (unsigned long long)vcpu->handed);
    }
    say(world, "%s", line);
}

static void show(const struct command_world *world)
{
    const struct statistics *s = world->statistics;

    say(world, "%s ms; times: p50 p99 p99.9 worst, in us",
        us(world, world->now > s->from ? (world->now - s->from) / 1000 : 0).text);
    for (uint32_t i = 0; i < s->cpus; i++)
        show_cpu(world, i);
    for (uint32_t domain = 0; domain < KEEL_DOMAINS_MAX; domain++)
        for (uint32_t vcpu = 0; vcpu < KEEL_VCPUS_MAX; vcpu++) {
            const struct statistics_vcpu *its = statistics_find(s, domain, vcpu);

            if (its)
                show_vcpu(world, its);
        }
}

static void histogram_of(const struct command_world *world, const char *name, const char *what,
                         const struct statistics_series *series)
{
    uint32_t most = 0;

    say(world, "%s %s %llu times, %s us in all, at most %s", name, what,
        (unsigned long long)series->count, us(world, series->sum).text,
        us(world, series->worst).text);
    for (uint32_t i = 0; i < STATISTICS_BUCKETS; i++)
        most = series->bucket[i] > most ? series->bucket[i] : most;
    for (uint32_t i = 0; i < STATISTICS_BUCKETS; i++) {
        char bar[BAR + 1];
        uint32_t n = (uint32_t)(most ? (uint64_t)series->bucket[i] * BAR / most : 0);

        if (!series->bucket[i])
            continue;
        memset(bar, '#', n);
        bar[n] = '\0';
        say(world, "  up to %10s us %8u %s",
            us(world,
               statistics_bucket_end(i) < series->worst ? statistics_bucket_end(i) : series->worst)
                .text,
            series->bucket[i], bar);
    }
}

/* NAME/VCPU, NAME, or N/VCPU. */
static const struct statistics_vcpu *vcpu_find(const struct command_world *world, char *text)
{
    char *slash = strchr(text, '/'), *end = text;
    unsigned long vcpu = 0, domain;

    if (slash) {
        *slash = '\0';
        vcpu = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || *end)
            return NULL;
    }
    domain = world->domain_find(text);
    if (domain == STATISTICS_NONE) {
        domain = strtoul(text, &end, 10);
        if (end == text || *end)
            return NULL;
    }
    return domain < KEEL_DOMAINS_MAX && vcpu < KEEL_VCPUS_MAX
               ? statistics_find(world->statistics, (uint32_t)domain, (uint32_t)vcpu)
               : NULL;
}

static void histogram(const struct command_world *world, char *text)
{
    char name[NAME_BYTES];
    const struct statistics_vcpu *vcpu;

    snprintf(name, sizeof name, "%s", text);
    vcpu = vcpu_find(world, text);
    if (!vcpu) {
        say(world, "no vCPU '%s' was seen; expected NAME/VCPU", name);
        return;
    }
    name_of(world, vcpu, name);
    for (uint32_t what = 0; what < STATISTICS_WHATS; what++)
        if (vcpu->series[what].count)
            histogram_of(world, name, whats[what], &vcpu->series[what]);
}

static void record(const struct command_world *world, const char *text)
{
    char *end;
    unsigned long ms = strtoul(text, &end, 10);
    const char *why = end == text || *end || ms < 1 || ms > RECORD_MS_MOST
                          ? "expected 1 to 60000 milliseconds"
                          : world->record(ms);

    if (why)
        say(world, "not recorded: %s", why);
}

static void help(const struct command_world *world)
{
    say(world, "show                 what each CPU and vCPU did since the last reset");
    say(world, "histogram NAME/VCPU  how long it ran, waited, took to run when woken, to be "
               "answered");
    say(world, "reset                begins anew");
    say(world, "record MS            prints what happens in that time, for keel-trace");
}

void command_line(const struct command_world *world, char *line)
{
    char *rest = NULL, *verb = strtok_r(line, " \t", &rest), *word, *more;

    if (!verb)
        return;
    word = strtok_r(NULL, " \t", &rest);
    more = word ? strtok_r(NULL, " \t", &rest) : NULL;
    if (strcmp(verb, "show") == 0 && !word) {
        show(world);
    } else if (strcmp(verb, "histogram") == 0 && word && !more) {
        histogram(world, word);
    } else if (strcmp(verb, "record") == 0 && word && !more) {
        record(world, word);
    } else if (strcmp(verb, "reset") == 0 && !word) {
        statistics_reset(world->statistics, world->now);
        say(world, "reset");
    } else if (strcmp(verb, "help") == 0 && !word) {
        help(world);
    } else {
        say(world, "not understood: %s; there are " COMMANDS, verb);
    }
}
