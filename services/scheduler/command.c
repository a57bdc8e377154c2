/* SPDX-License-Identifier: Apache-2.0 */
/* The console's language: see command.h. */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 256

static void say(const struct command_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct command_world *world, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list list;

    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    world->say(line);
}

static void set(const struct command_world *world, const char *text)
{
    const char *why = policy_argument(world->policy, text, world->domain_find);
    struct policy_setting setting;
    bool valued;

    if (why) {
        say(world, "not set: %s", why);
        return;
    }
    (void)policy_read(text, world->domain_find, &setting, &valued);
    say(world, "set: %s%s", text,
        world->note(setting.parameter, setting.whom, setting.value)
            ? ""
            : ", until the scheduler is started again: too much was set");
}

static void get(const struct command_world *world, const char *text)
{
    struct policy_setting setting;
    bool valued;
    const char *why = policy_read(text, world->domain_find, &setting, &valued);

    if (!why && valued) {
        say(world, "%s: get takes no value", text);
        return;
    }
    if (!why)
        why = policy_get(world->policy, setting.parameter, setting.whom, &setting.value);
    if (why)
        say(world, "%s", why);
    else
        say(world, "%s=%llu", text, (unsigned long long)setting.value);
}

/* The parameters of a scope, with their values. */
static void parameters_append(const struct command_world *world, bool machine,
                              struct policy_whom whom, char *line, size_t bytes)
{
    for (uint32_t i = 0; i < world->policy->parameters; i++) {
        const struct policy_parameter *parameter = &world->policy->parameter[i];
        size_t used = strlen(line);
        struct policy_whom its = whom;

        if ((parameter->scope == POLICY_OF_MACHINE) != machine)
            continue;
        if (parameter->scope == POLICY_OF_DOMAIN)
            its.vcpu = POLICY_ALL;
        snprintf(&line[used], bytes - used,
                 parameter->most == UINT64_MAX ? " %s=0x%llx" : " %s=%llu", parameter->name,
                 (unsigned long long)world->policy->get(i, its));
    }
}

static void show(const struct command_world *world)
{
    static const char *const states[] = {"off", "ready", "running", "waiting", "blocked"};
    static struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX];
    uint32_t n = world->snapshot(vcpus);
    char line[LINE_BYTES];

    snprintf(line, sizeof line, "policy %s", world->policy->name);
    parameters_append(world, true, (struct policy_whom){POLICY_ALL, POLICY_ALL}, line, sizeof line);
    say(world, "%s", line);
    for (uint32_t i = 0; i < n; i++) {
        const struct keel_plan_vcpu *vcpu = &vcpus[i];
        const char *name = world->domain_name(vcpu->domain);

        snprintf(
            line, sizeof line,
            "%.31s/%u %s on %u, cpus 0x%llx, ran %llu.%03llu s:", name ? name : "?", vcpu->vcpu,
            vcpu->state < sizeof states / sizeof states[0] ? states[vcpu->state] : "?", vcpu->cpu,
            (unsigned long long)vcpu->cpus, (unsigned long long)(vcpu->run_time / 1000000000),
            (unsigned long long)(vcpu->run_time / 1000000 % 1000));
        parameters_append(world, false, (struct policy_whom){vcpu->domain, vcpu->vcpu}, line,
                          sizeof line);
        say(world, "%s", line);
    }
}

static void help(const struct command_world *world)
{
    say(world, "set PARAMETER=N, get PARAMETER, show, help; %s has:", world->policy->name);
    for (uint32_t i = 0; i < world->policy->parameters; i++) {
        const struct policy_parameter *parameter = &world->policy->parameter[i];

        say(world, "  %s%s, %llu to %llu", parameter->name,
            parameter->scope == POLICY_OF_MACHINE  ? ""
            : parameter->scope == POLICY_OF_DOMAIN ? ".DOMAIN"
                                                   : ".DOMAIN or .DOMAIN/VCPU",
            (unsigned long long)parameter->least, (unsigned long long)parameter->most);
    }
}

void command_line(const struct command_world *world, char *line)
{
    char *rest = NULL, *verb = strtok_r(line, " \t", &rest), *word;
    void (*each)(const struct command_world *, const char *) = NULL;

    if (!verb)
        return;
    if (strcmp(verb, "set") == 0)
        each = set;
    else if (strcmp(verb, "get") == 0)
        each = get;
    word = strtok_r(NULL, " \t", &rest);
    if (each && word) {
        for (; word; word = strtok_r(NULL, " \t", &rest))
            each(world, word);
    } else if (strcmp(verb, "show") == 0 && !word) {
        show(world);
    } else if (strcmp(verb, "help") == 0 && !word) {
        help(world);
    } else {
        say(world, "not understood: %s; there are set PARAMETER=N, get PARAMETER, show, help",
            verb);
    }
}
