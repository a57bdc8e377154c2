/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the scheduler can keep what its arguments reserve: see reservations.h. */
#include "reservations.h"

#include "similar.h"
#include <reservation/reservation.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE         "scheduler-rtds"
#define PERIOD_US     10000u /* of who has a budget and no period */
#define PERIOD_US_MIN 1000u  /* the policy's limits: its parameters are checked by itself, too */
#define US_MAX        10000000u
#define PARAMETER_MAX 64

struct asked {
    uint64_t period, budget, cpus;
};

struct reader {
    const struct config *config;
    struct config_report *report;
    uint16_t scheduler;
    struct asked asked[KEEL_DOMAINS_MAX][KEEL_VCPUS_MAX];
};

#define ERROR(reader, ...) \
    config_error_in((reader)->config, (reader)->report, (reader)->scheduler, "args", __VA_ARGS__)

static uint64_t *number_of(struct asked *asked, const char *parameter)
{
    return strcmp(parameter, "period-us") == 0   ? &asked->period
           : strcmp(parameter, "budget-us") == 0 ? &asked->budget
           : strcmp(parameter, "cpus") == 0      ? &asked->cpus
                                                 : NULL;
}

static bool in_range(const char *parameter, uint64_t value)
{
    if (strcmp(parameter, "period-us") == 0)
        return value >= PERIOD_US_MIN && value <= US_MAX;
    return strcmp(parameter, "budget-us") != 0 || value <= US_MAX;
}

/* PARAMETER.NAME=N or PARAMETER.NAME/VCPU=N. What else there is, the policy knows. */
static void read_arg(struct reader *reader, const char *arg)
{
    char text[PARAMETER_MAX], similar_to[SIMILAR_TEXT];
    const char *equals = strchr(arg, '=');
    char *name, *slash, *end;
    uint64_t value, vcpu = KEEL_VCPUS_MAX;
    struct similar similar;
    uint16_t domain;

    if (!equals || (size_t)(equals - arg) >= sizeof text) {
        ERROR(reader, "\"%s\", expected PARAMETER.NAME=N", arg);
        return;
    }
    memcpy(text, arg, (size_t)(equals - arg));
    text[equals - arg] = '\0';
    name = strchr(text, '.');
    if (!name)
        return;
    *name++ = '\0';
    slash = strchr(name, '/');
    if (slash) {
        *slash = '\0';
        vcpu = strtoull(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end)
            vcpu = UINT64_MAX;
    }
    domain = config_find(reader->config, name);
    if (domain == CONFIG_NONE) {
        similar_begin(&similar, name);
        for (uint16_t id = 1; id < reader->config->ndomains; id++)
            similar_offer(&similar, reader->config->domain[id].name);
        ERROR(reader, "\"%s\": there is no \"%s\"%s, expected the name of a domain", arg, name,
              similar_text(&similar, similar_to));
        return;
    }
    if (!(reader->config->domain[domain].cpus &
          reader->config->domain[reader->scheduler].schedules)) {
        ERROR(reader,
              "\"%s\": %s runs on none of the CPUs that this one plans, expected a domain that may",
              arg, name);
        return;
    }
    if (slash && vcpu >= reader->config->domain[domain].vcpus) {
        ERROR(reader, "\"%s\": no virtual CPU of %s, expected 0 to %u", arg, name,
              reader->config->domain[domain].vcpus - 1);
        return;
    }
    value = strtoull(equals + 1, &end, 0);
    if (equals[1] < '0' || equals[1] > '9' || *end || !in_range(text, value)) {
        ERROR(reader, "\"%s\": not a number in range, expected %s", arg,
              strcmp(text, "period-us") == 0 ? "1000 to 10000000" : "0 to 10000000");
        return;
    }
    for (uint64_t v = slash ? vcpu : 0; v < (slash ? vcpu + 1 : KEEL_VCPUS_MAX); v++) {
        uint64_t *number = number_of(&reader->asked[domain][v], text);

        if (number)
            *number = value;
    }
}

/* In the order in which the policy admits them. */
static void check_all(struct reader *reader)
{
    struct reservation reservation[RESERVATIONS_MAX];
    const struct config *config = reader->config;
    uint32_t n = 0;

    for (uint16_t id = 1; id < config->ndomains; id++)
        for (uint32_t v = 0; v < config->domain[id].vcpus; v++) {
            const struct asked *asked = &reader->asked[id][v];
            uint64_t own = config->domain[id].cpus & config->domain[reader->scheduler].schedules;
            uint64_t cpus = own & asked->cpus;
            struct reservation_lack lack;
            char text[128];

            if (!asked->budget || !own)
                continue;
            if (n == RESERVATIONS_MAX) {
                ERROR(reader, "%s: more than %u reservations, expected fewer in all",
                      config->domain[id].name, RESERVATIONS_MAX);
                return;
            }
            reservation[n++] = (struct reservation){
                .cpus = cpus ? cpus : own, .budget = asked->budget, .period = asked->period};
            if (reservations_fit(reservation, n, &lack))
                continue;
            reservation_lack_text(&reservation[n - 1], &lack, text, sizeof text);
            ERROR(reader, "%s: %s, expected less in all", config->domain[id].name, text);
            return;
        }
}

static void check_one(const struct config *config, uint16_t id, struct config_report *report)
{
    static struct reader reader; /* larger than a stack should hold */
    const char *arg = config->domain[id].args;

    reader.config = config;
    reader.report = report;
    reader.scheduler = id;
    for (uint32_t i = 0; i < KEEL_DOMAINS_MAX; i++)
        for (uint32_t v = 0; v < KEEL_VCPUS_MAX; v++)
            reader.asked[i][v] = (struct asked){.period = PERIOD_US, .cpus = UINT64_MAX};
    for (uint32_t i = 0; i < config->domain[id].nargs; i++, arg += strlen(arg) + 1)
        read_arg(&reader, arg);
    check_all(&reader);
}

void config_check_reservations(const struct config *config, struct config_report *report)
{
    for (uint16_t id = 1; id < config->ndomains; id++) {
        const struct config_domain *domain = &config->domain[id];

        if (domain->role == CONFIG_ROLE_SCHEDULER && domain->image &&
            strcmp(domain->image, IMAGE) == 0)
            check_one(config, id, report);
    }
}
