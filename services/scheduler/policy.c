/* SPDX-License-Identifier: Apache-2.0 */
/* What policies, and those who drive them, share: see policy.h. */
#include "policy.h"

#include <keel/domain.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t policy_cpus(const struct policy_snapshot *snapshot)
{
    uint64_t cpus = 0;

    for (uint32_t i = 0; i < snapshot->n; i++)
        cpus |= snapshot->vcpu[i].cpus;
    return cpus;
}

bool policy_same(const struct keel_plan_vcpu *a, uint32_t na, const struct keel_plan_vcpu *b,
                 uint32_t nb)
{
    if (na != nb)
        return false;
    for (uint32_t i = 0; i < na; i++)
        if (a[i].domain != b[i].domain || a[i].vcpu != b[i].vcpu ||
            a[i].incarnation != b[i].incarnation || a[i].cpus != b[i].cpus)
            return false;
    return true;
}

bool policy_take(const struct policy_snapshot *snapshot, struct keel_plan_vcpu *list, uint32_t *n)
{
    uint32_t taken = 0;
    bool changed = false;

    for (uint32_t i = 0; i < snapshot->n && taken < POLICY_VCPUS_MAX; i++) {
        const struct keel_plan_vcpu *vcpu = &snapshot->vcpu[i];

        if (vcpu->domain >= KEEL_DOMAINS_MAX || vcpu->vcpu >= KEEL_VCPUS_MAX || !vcpu->cpus)
            continue;
        changed |= taken >= *n || !policy_same(vcpu, 1, &list[taken], 1);
        list[taken++] = *vcpu;
    }
    changed |= taken != *n;
    *n = taken;
    return changed;
}

static char wrong[192];

static const char *wrong_because(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *wrong_because(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(wrong, sizeof wrong, format, list);
    va_end(list);
    return wrong;
}

int policy_parameter_find(const struct policy *policy, const char *name)
{
    for (uint32_t i = 0; i < policy->parameters; i++)
        if (strcmp(policy->parameter[i].name, name) == 0)
            return (int)i;
    return -1;
}

static const char *unknown(const struct policy *policy, const char *name)
{
    size_t used;

    wrong_because("%s: %s has %s", name, policy->name,
                  policy->parameters ? "no such parameter, but" : "no parameters");
    for (uint32_t i = 0; i < policy->parameters; i++) {
        used = strlen(wrong);
        snprintf(&wrong[used], sizeof wrong - used, " %s", policy->parameter[i].name);
    }
    return wrong;
}

/* What is wrong with whom it is for. */
static const char *whom_wrong(const struct policy_parameter *parameter, struct policy_whom whom)
{
    bool machine = parameter->scope == POLICY_OF_MACHINE;

    if ((whom.domain == POLICY_ALL) != machine)
        return wrong_because("%s: is of %s, expected %s%s", parameter->name,
                             machine ? "all" : "a domain", parameter->name, machine ? "" : ".NAME");
    if (machine)
        return NULL;
    if (whom.domain >= KEEL_DOMAINS_MAX || (whom.vcpu >= KEEL_VCPUS_MAX && whom.vcpu != POLICY_ALL))
        return wrong_because("%s: there is no such vCPU", parameter->name);
    if (whom.vcpu != POLICY_ALL && parameter->scope != POLICY_OF_VCPU)
        return wrong_because("%s: is of a domain, not of one vCPU", parameter->name);
    return NULL;
}

const char *policy_set(const struct policy *policy, const char *name, struct policy_whom whom,
                       uint64_t value)
{
    int index = policy_parameter_find(policy, name);
    const struct policy_parameter *parameter;
    const char *why;

    if (index < 0)
        return unknown(policy, name);
    parameter = &policy->parameter[index];
    why = whom_wrong(parameter, whom);
    if (why)
        return why;
    if (value < parameter->least || value > parameter->most)
        return wrong_because("%s: %llu is not %llu to %llu", name, (unsigned long long)value,
                             (unsigned long long)parameter->least,
                             (unsigned long long)parameter->most);
    why = policy->set((uint32_t)index, whom, value);
    return why ? wrong_because("%s: %s", name, why) : NULL;
}

const char *policy_get(const struct policy *policy, const char *name, struct policy_whom whom,
                       uint64_t *value)
{
    int index = policy_parameter_find(policy, name);
    const char *why;

    if (index < 0)
        return unknown(policy, name);
    why = whom_wrong(&policy->parameter[index], whom);
    if (!why)
        *value = policy->get((uint32_t)index, whom);
    return why;
}

/* NAME or NAME/VCPU */
static bool whom_read(char *text, uint16_t (*domain_find)(const char *name),
                      struct policy_whom *whom)
{
    char *slash = strchr(text, '/'), *end = NULL;
    unsigned long vcpu = POLICY_ALL;

    if (slash) {
        vcpu = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end || vcpu >= KEEL_VCPUS_MAX)
            return false;
        *slash = '\0';
    }
    *whom = (struct policy_whom){.domain = domain_find(text), .vcpu = (uint16_t)vcpu};
    if (slash)
        *slash = '/';
    return whom->domain < KEEL_DOMAINS_MAX;
}

const char *policy_read(const char *text, uint16_t (*domain_find)(const char *name),
                        struct policy_setting *setting, bool *valued)
{
    size_t bytes = strcspn(text, "=");
    char *dot, *end;

    *valued = text[bytes] == '=';
    *setting = (struct policy_setting){.whom = {POLICY_ALL, POLICY_ALL}};
    if (bytes == 0 || bytes >= sizeof setting->parameter)
        return wrong_because("expected PARAMETER or PARAMETER.NAME");
    memcpy(setting->parameter, text, bytes);
    dot = strchr(setting->parameter, '.');
    if (dot) {
        *dot = '\0';
        if (!whom_read(dot + 1, domain_find, &setting->whom))
            return wrong_because("%s: there is no '%s'", setting->parameter, dot + 1);
    }
    if (!*valued)
        return NULL;
    text += bytes + 1;
    setting->value = strtoull(text, &end, 0);
    if (*text < '0' || *text > '9' || *end)
        return wrong_because("%s: '%s' is no number", setting->parameter, text);
    return NULL;
}

const char *policy_argument(const struct policy *policy, const char *argument,
                            uint16_t (*domain_find)(const char *name))
{
    struct policy_setting setting;
    bool valued;
    const char *why = policy_read(argument, domain_find, &setting, &valued);

    if (why)
        return why;
    if (!valued)
        return wrong_because("%s: expected PARAMETER=N or PARAMETER.NAME=N", setting.parameter);
    return policy_set(policy, setting.parameter, setting.whom, setting.value);
}

uint64_t policy_own_time(struct policy_times *times, const struct keel_plan_vcpu *vcpu,
                         uint64_t run_time)
{
    uint64_t *seen, *elsewhere;

    if (vcpu->kind != KEEL_DOMAIN_USER || vcpu->domain >= KEEL_DOMAINS_MAX)
        return run_time;
    seen = &times->service[vcpu->domain].seen;
    elsewhere = &times->service[vcpu->domain].elsewhere;
    if (times->service[vcpu->domain].incarnation != vcpu->incarnation) {
        times->service[vcpu->domain].incarnation = vcpu->incarnation;
        *seen = *elsewhere = 0;
    }
    if (vcpu->cpu >= KEEL_CPUS_MAX || !(vcpu->cpus >> vcpu->cpu & 1))
        *elsewhere += run_time - *seen;
    *seen = run_time;
    return run_time - *elsewhere;
}

void policy_commits_add(struct policy_commits *commits, uint64_t cpus)
{
    commits->cpus |= cpus;
    for (; cpus; cpus &= cpus - 1)
        commits->part[__builtin_ctzll(cpus)] = 0;
}

void policy_commit_make(const struct policy *policy, struct policy_commits *commits, uint16_t cpu,
                        uint32_t epoch, struct policy_plan *to, bool *more)
{
    memset(to, 0, sizeof *to);
    *more = policy->plan(cpu, commits->part[cpu], to);
    to->plan.cpu = cpu;
    to->plan.epoch = epoch;
    if (!to->plan.lease)
        to->plan.lease = POLICY_LEASE_NS;
}

void policy_commit_done(struct policy_commits *commits, uint16_t cpu, int64_t status, bool more)
{
    if (status == -KEEL_EAGAIN)
        return;
    commits->part[cpu] = more ? commits->part[cpu] + 1 : 0;
    if (!more)
        commits->cpus &= ~(1ull << cpu);
}
