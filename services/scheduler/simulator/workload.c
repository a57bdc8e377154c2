/* SPDX-License-Identifier: Apache-2.0 */
/* Workload files: see workload.h and README.md. */
#include "workload.h"

#include <keel/domain.h>
#include <stdlib.h>
#include <string.h>

#define NEVER UINT64_MAX

/* One line, word by word. */
struct reader {
    struct workload *workload;
    char *rest;
};

static char *word(struct reader *reader)
{
    return strtok_r(NULL, " \t\r\n", &reader->rest);
}

/* 10s, 5ms, 250us, 100ns. */
static bool read_time(const char *text, uint64_t *ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};
    char *end;

    if (!text || *text < '0' || *text > '9')
        return false;
    *ns = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(end, units[i].unit) == 0 && *ns <= NEVER / 2 / units[i].ns) {
            *ns *= units[i].ns;
            return true;
        }
    return false;
}

static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    char *end;

    if (!text || *text < '0' || *text > '9')
        return false;
    *number = strtoull(text, &end, 0);
    return !*end && *number >= least && *number <= most;
}

/* 0-3,5 */
static bool read_cpus(const char *text, uint64_t *cpus)
{
    char *end;

    *cpus = 0;
    while (text && *text >= '0' && *text <= '9') {
        uint64_t first = strtoull(text, &end, 10), last = first;

        if (*end == '-')
            last = strtoull(end + 1, &end, 10);
        if (last >= KEEL_CPUS_MAX || first > last)
            return false;
        for (; first <= last; first++)
            *cpus |= 1ull << first;
        if (!*end)
            return true;
        text = *end == ',' ? end + 1 : NULL;
    }
    return false;
}

static struct workload_guest *guest_find(struct workload *workload, const char *name)
{
    for (uint32_t i = 0; i < workload->guests; i++)
        if (strcmp(workload->guest[i].name, name) == 0)
            return &workload->guest[i];
    return NULL;
}

static const char *read_guest(struct reader *reader, bool service)
{
    struct workload *workload = reader->workload;
    struct workload_guest *guest = &workload->guest[workload->guests];
    const char *name = word(reader), *key;
    uint64_t vcpus = 1;

    if (workload->guests == KEEL_DOMAINS_MAX - 1)
        return "too many guests";
    if (!name || strlen(name) >= sizeof guest->name || guest_find(workload, name))
        return "expected a new name";
    *guest = (struct workload_guest){.service = service,
                                     .cpus = NEVER,
                                     .until = NEVER,
                                     .phase = NEVER,
                                     .weight = WORKLOAD_WEIGHT,
                                     .affine = NEVER,
                                     .soft = NEVER};
    strcpy(guest->name, name);
    while ((key = word(reader))) {
        bool good = true;

        if (strcmp(key, "busy") == 0) {
            guest->kind = WORKLOAD_BUSY;
        } else if (strcmp(key, "periodic") == 0 || strcmp(key, "think") == 0) {
            guest->kind = *key == 'p' ? WORKLOAD_PERIODIC : WORKLOAD_THINK;
            good = read_time(word(reader), &guest->period) && guest->period &&
                   read_time(word(reader), &guest->run) && guest->run;
        } else if (strcmp(key, "vcpus") == 0) {
            good = read_number(word(reader), 1, KEEL_VCPUS_MAX, &vcpus);
        } else if (strcmp(key, "cpus") == 0) {
            good = read_cpus(word(reader), &guest->cpus);
        } else if (strcmp(key, "phase") == 0) {
            good = read_time(word(reader), &guest->phase);
        } else if (strcmp(key, "from") == 0) {
            good = read_time(word(reader), &guest->from);
        } else if (strcmp(key, "until") == 0) {
            good = read_time(word(reader), &guest->until);
        } else {
            return "expected busy, periodic PERIOD RUN, think SLEEP RUN, vcpus N, cpus LIST, "
                   "phase TIME, from TIME or until TIME";
        }
        if (!good)
            return "bad value";
    }
    guest->vcpus = (uint32_t)vcpus;
    workload->guests++;
    return NULL;
}

/* What a parameter means to the reference. */
static const char *read_parameter(struct reader *reader)
{
    struct workload *workload = reader->workload;
    const char *text = word(reader), *dot, *equals;

    if (!text || strlen(text) >= sizeof workload->parameter[0] ||
        workload->parameters == WORKLOAD_PARAMETERS_MAX)
        return "expected PARAMETER=N or PARAMETER.NAME=N";
    strcpy(workload->parameter[workload->parameters++], text);
    dot = strchr(text, '.');
    equals = strchr(text, '=');
    if (dot && equals > dot) {
        char name[WORKLOAD_NAME_BYTES];

        snprintf(name, sizeof name, "%.*s", (int)(equals - dot - 1), dot + 1);
        struct workload_guest *guest = guest_find(workload, name);
        uint64_t value = strtoull(equals + 1, NULL, 0);

        if (!guest)
            return "no such guest, expected its line before this one";
        if (strncmp(text, "weight.", 7) == 0)
            guest->weight = (uint32_t)value;
        if (strncmp(text, "cap.", 4) == 0)
            guest->cap = (uint32_t)value;
        if (strncmp(text, "cpus.", 5) == 0)
            guest->affine = value;
        if (strncmp(text, "soft.", 5) == 0)
            guest->soft = value;
    }
    return NULL;
}

static const char *read_line(struct reader *reader, const char *key)
{
    struct workload *workload = reader->workload;
    const struct {
        const char *key;
        uint64_t *time;
    } times[] = {{"time", &workload->time},
                 {"warm-up", &workload->warm_up},
                 {"delay", &workload->delay},
                 {"dies", &workload->dies},
                 {"slice", &workload->slice}};
    uint64_t number;

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (strcmp(key, times[i].key) == 0)
            return read_time(word(reader), times[i].time) ? NULL : "expected a time";
    if (strcmp(key, "guest") == 0 || strcmp(key, "service") == 0)
        return read_guest(reader, *key == 's');
    if (strcmp(key, "set") == 0)
        return read_parameter(reader);
    if (strcmp(key, "seed") == 0)
        return read_number(word(reader), 0, NEVER, &workload->seed) ? NULL : "expected a number";
    if (strcmp(key, "cpus") == 0) {
        if (!read_number(word(reader), 1, KEEL_CPUS_MAX, &number))
            return "expected 1 to 64 CPUs";
        workload->cpus = (uint32_t)number;
        return NULL;
    }
    if (strcmp(key, "policy") == 0) {
        const char *name = word(reader);

        if (!name || strlen(name) >= sizeof workload->policy)
            return "expected a policy";
        strcpy(workload->policy, name);
        return NULL;
    }
    return "expected cpus, time, warm-up, delay, dies, slice, seed, policy, guest, service or set";
}

static const char *check(const struct workload *workload)
{
    uint64_t cpus = NEVER >> (64 - workload->cpus), vcpus = 0;

    if (!workload->guests)
        return "no guests";
    for (uint32_t i = 0; i < workload->guests; i++) {
        vcpus += workload->guest[i].vcpus;
        if (!(workload->guest[i].cpus & workload->guest[i].affine & cpus))
            return "a guest that may run on no CPU";
    }
    if (vcpus > POLICY_VCPUS_MAX)
        return "more than 256 vCPUs";
    if (workload->warm_up >= workload->time)
        return "nothing is left after warm-up";
    return NULL;
}

bool workload_read(FILE *file, const char *name, struct workload *workload)
{
    char line[256];
    unsigned number = 0;
    const char *error = NULL;

    memset(workload, 0, sizeof *workload);
    workload->cpus = 1;
    workload->time = 1000000000;
    workload->slice = 1000000;
    workload->dies = NEVER;
    while (!error && fgets(line, sizeof line, file)) {
        struct reader reader = {.workload = workload};
        char *comment = strchr(line, '#'), *key;

        number++;
        if (comment)
            *comment = '\0';
        key = strtok_r(line, " \t\r\n", &reader.rest);
        if (key)
            error = read_line(&reader, key);
    }
    if (!error)
        error = check(workload);
    if (error)
        fprintf(stderr, "%s:%u: %s\n", name, number, error);
    return !error;
}
