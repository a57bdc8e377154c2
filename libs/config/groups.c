/* SPDX-License-Identifier: Apache-2.0 */
/* Which scheduler plans which CPUs, and who runs there: see groups.h. */
#include "groups.h"

#include "check.h"
#include <keel/edge.h>
#include <stdio.h>
#include <string.h>

#define IMAGE_NULL "scheduler-null" /* the policy that gives each vCPU of a guest a CPU */
#define LIST       192              /* bytes: 64 numbers */

static bool is_scheduler(const struct config *config, uint16_t id)
{
    return config->domain[id].role == CONFIG_ROLE_SCHEDULER;
}

/* As the configuration writes them. */
static const char *list_of(uint64_t cpus, char text[LIST])
{
    size_t used = 0;

    for (; cpus; cpus &= cpus - 1)
        used += (size_t)snprintf(text + used, LIST - used, "%s%u", used ? " " : "",
                                 (unsigned)__builtin_ctzll(cpus));
    return text;
}

/* Who plans that CPU, or CONFIG_NONE. */
static uint16_t planner_of(const struct config *config, uint32_t cpu)
{
    for (uint16_t id = 1; id < config->ndomains; id++)
        if (is_scheduler(config, id) && (config->domain[id].schedules >> cpu & 1))
            return id;
    return CONFIG_NONE;
}

uint64_t config_group(const struct config *config, uint32_t cpu)
{
    uint16_t planner = planner_of(config, cpu);
    uint64_t others = 0;

    if (planner != CONFIG_NONE)
        return config->domain[planner].schedules;
    for (uint16_t id = 1; id < config->ndomains; id++)
        if (is_scheduler(config, id))
            others |= config->domain[id].schedules;
    return config_all_cpus(config) & ~others;
}

/* Of the schedulers of a group one starts at boot; those that start later take its place. */
static void check_scheduler(struct config *config, struct config_report *report, uint16_t id)
{
    const struct config_domain *domain = &config->domain[id];
    char list[LIST];

    for (uint16_t other = 1; other < id; other++) {
        const struct config_domain *first = &config->domain[other];

        if (!is_scheduler(config, other) || !(first->schedules & domain->schedules))
            continue;
        if (first->schedules != domain->schedules) {
            config_error_in(
                config, report, id, "schedules",
                "CPU %u is planned by \"%s\", expected the same CPUs as there, <%s>, or others",
                (unsigned)__builtin_ctzll(first->schedules & domain->schedules), first->name,
                list_of(first->schedules, list));
            return;
        }
        if (!first->later && !domain->later) {
            config_error_in(
                config, report, id, "role",
                "\"%s\" has the same role%s, expected one service with it that starts at boot",
                first->name, domain->schedules == config_all_cpus(config) ? "" : " for the same CPUs");
            return;
        }
    }
    if (config->scheduler == CONFIG_NONE ||
        (config->domain[config->scheduler].later && !domain->later))
        config->scheduler = id;
}

/* What schedulers plan is theirs, and said by their role. */
static void check_planners(const struct config *config, struct config_report *report, uint16_t id)
{
    const struct config_domain *domain = &config->domain[id];
    char path[128];

    for (uint32_t i = 0; i < domain->nrights; i++) {
        const struct config_right *right = &domain->rights[i];
        uint16_t planner = CONFIG_NONE;

        if (!(right->rights & KEEL_RIGHT_SCHEDULE))
            continue;
        for (uint64_t cpus = right->cpus; cpus && planner == CONFIG_NONE; cpus &= cpus - 1)
            planner = planner_of(config, (uint32_t)__builtin_ctzll(cpus));
        if (is_scheduler(config, id))
            planner = id;
        if (planner == CONFIG_NONE)
            continue;
        config_right_path(config, id, id, path, sizeof path);
        config_error(report, path, "allow",
                     "\"%s\" plans by its role, expected `schedule` for CPUs without a scheduler",
                     config->domain[planner].name);
    }
}

static void check_guest(struct config *config, struct config_report *report, uint16_t id)
{
    const struct config_domain *guest = &config->domain[id];
    struct config_domain *emulation = &config->domain[guest->pair];
    uint32_t first = (uint32_t)__builtin_ctzll(guest->cpus);
    uint64_t group = config_group(config, first), others = guest->cpus & ~group;
    char name[2][KEEL_NAME_MAX + 2];

    if (!others) {
        if (!config_has_property(config, guest->pair, "cpu-affinity"))
            emulation->cpus = group;
        return;
    }
    for (uint32_t i = 0; i < 2; i++) {
        uint16_t planner = planner_of(config, i == 0 ? first : (uint32_t)__builtin_ctzll(others));

        if (planner == CONFIG_NONE)
            strcpy(name[i], "no scheduler");
        else
            snprintf(name[i], sizeof name[i], "\"%s\"", config->domain[planner].name);
    }
    config_error_in(config, report, id, "cpu-affinity",
                    "CPU %u is planned by %s, and CPU %u by %s, expected CPUs of one of them",
                    first, name[0], (unsigned)__builtin_ctzll(others), name[1]);
}

/* A CPU of the set for one more vCPU of the guest: a free one, or one whose holder can have another. (Augmenting paths:
 * Kuhn, Naval Research Logistics 2, 1955.) `seen`: CPUs that were tried. */
static bool seat(const struct config *config, uint64_t set, uint16_t guest,
                 uint16_t holder[KEEL_CPUS_MAX], uint64_t *seen)
{
    for (uint64_t cpus = config->domain[guest].cpus & set & ~*seen; cpus; cpus &= cpus - 1) {
        uint32_t cpu = (uint32_t)__builtin_ctzll(cpus);

        if (*seen >> cpu & 1)
            continue;
        *seen |= 1ull << cpu;
        if (holder[cpu] == CONFIG_NONE || seat(config, set, holder[cpu], holder, seen)) {
            holder[cpu] = guest;
            return true;
        }
    }
    return false;
}

/* With the null policy who has no CPU of its own does not run at all. */
static void check_null(const struct config *config, struct config_report *report, uint16_t id)
{
    const struct config_domain *domain = &config->domain[id];
    uint16_t holder[KEEL_CPUS_MAX];

    if (!domain->image || strcmp(domain->image, IMAGE_NULL) != 0)
        return;
    for (uint32_t cpu = 0; cpu < KEEL_CPUS_MAX; cpu++)
        holder[cpu] = CONFIG_NONE;
    for (uint16_t guest = 1; guest < config->ndomains; guest++) {
        uint64_t seen = 0;
        uint32_t vcpu = 0;

        if (config->domain[guest].kind != CONFIG_GUEST ||
            !(config->domain[guest].cpus & domain->schedules))
            continue;
        while (vcpu < config->domain[guest].vcpus &&
               seat(config, domain->schedules, guest, holder, &seen)) {
            seen = 0;
            vcpu++;
        }
        if (vcpu < config->domain[guest].vcpus)
            config_error_in(
                config, report, guest, "cpus",
                "no CPU is left for virtual CPU %u: \"%s\" (%s) gives each its own, expected "
                "fewer, or more CPUs",
                vcpu, domain->name, IMAGE_NULL);
    }
}

void config_check_groups(struct config *config, struct config_report *report)
{
    unsigned errors = report->errors;

    for (uint16_t id = 1; id < config->ndomains; id++) {
        struct config_domain *domain = &config->domain[id];

        if (!is_scheduler(config, id)) {
            if (domain->schedules)
                config_error_in(config, report, id, "schedules",
                                "is for who has the role \"scheduler\", expected that or none");
            continue;
        }
        if (!domain->schedules && !config_has_property(config, id, "schedules"))
            domain->schedules = config_all_cpus(config);
        if (!config_has_property(config, id, "cpu-affinity"))
            domain->cpus = domain->schedules;
        check_scheduler(config, report, id);
    }
    for (uint16_t id = 1; id < config->ndomains; id++)
        check_planners(config, report, id);
    if (report->errors != errors)
        return;
    config->domain[KEEL_DOMAIN_BUILDER].cpus = config_group(config, 0);
    for (uint16_t id = 1; id < config->ndomains; id++) {
        if (config->domain[id].kind == CONFIG_GUEST)
            check_guest(config, report, id);
        if (is_scheduler(config, id))
            check_null(config, report, id);
    }
}
