/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters at run time: see control.h. */
#include "control.h"

#include "command.h"
#include "settings.h"
#include <keel/edge.h>
#include <keel/scheduler.h>
#include <runtime/lines.h>
#include <runtime/port.h>
#include <runtime/start.h>
#include <runtime/vault.h>
#include <stdio.h>
#include <string.h>

#define RING_BYTES     4000u
#define PARAMETERS_MAX 32u

static struct settings settings VAULT;
static const struct policy *the_policy;
static uint32_t (*the_snapshot)(struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX]);

uint16_t control_domain_find(const char *name)
{
    const struct keel_connection *connection = keel_connection_find(name);

    return connection ? connection->domain : POLICY_ALL;
}

static bool note(const char *parameter, struct policy_whom whom, uint64_t value)
{
    return settings_note(&settings, parameter, whom, value);
}

/* The console. */

static void say(const char *line)
{
    printf("%s\n", line);
}

static void on_line(char *line)
{
    const struct command_world world = {.policy = the_policy,
                                        .domain_find = control_domain_find,
                                        .domain_name = keel_domain_name,
                                        .snapshot = the_snapshot,
                                        .note = note,
                                        .say = say};

    command_line(&world, line);
}

/* Requests. */

static bool on_parameters(void *context, const struct message *message)
{
    static struct keel_scheduler_parameter list[PARAMETERS_MAX];
    uint32_t n = the_policy->parameters < PARAMETERS_MAX ? the_policy->parameters : PARAMETERS_MAX;

    (void)context;
    for (uint32_t i = 0; i < n; i++) {
        const struct policy_parameter *parameter = &the_policy->parameter[i];

        list[i] = (struct keel_scheduler_parameter){
            .scope = parameter->scope, .least = parameter->least, .most = parameter->most};
        snprintf(list[i].name, sizeof list[i].name, "%s", parameter->name);
    }
    message_answer(message, 0, list, n * sizeof list[0]);
    return true;
}

static bool on_value(void *context, const struct message *message)
{
    struct keel_scheduler_request request =
        *(const struct keel_scheduler_request *)message->payload;
    const struct policy_whom whom = {request.domain, request.vcpu};
    struct keel_scheduler_value answer = {0};
    const char *why = NULL;

    (void)context;
    request.parameter[sizeof request.parameter - 1] = '\0';
    if (message->type == KEEL_SCHEDULER_SET)
        why = policy_set(the_policy, request.parameter, whom, request.value);
    if (!why)
        why = policy_get(the_policy, request.parameter, whom, &answer.value);
    if (why)
        snprintf(answer.wrong, sizeof answer.wrong, "%s", why);
    else if (message->type == KEEL_SCHEDULER_SET && !note(request.parameter, whom, request.value))
        printf("%s was set, until the scheduler is started again: too much was set\n",
               request.parameter);
    message_answer(message, 0, &answer, sizeof answer);
    return true;
}

static bool on_vcpus(void *context, const struct message *message)
{
    static struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX];
    static struct keel_scheduler_vcpu list[POLICY_VCPUS_MAX];
    uint32_t n = the_snapshot(vcpus);

    (void)context;
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct keel_scheduler_vcpu){.domain = vcpus[i].domain,
                                               .vcpu = vcpus[i].vcpu,
                                               .state = vcpus[i].state,
                                               .cpu = vcpus[i].cpu,
                                               .cpus = vcpus[i].cpus,
                                               .run_ns = vcpus[i].run_time};
    message_answer(message, 0, list, n * sizeof list[0]);
    return true;
}

static void requests_listen(void)
{
    static const struct message_type types[] = {
        {.type = KEEL_SCHEDULER_PARAMETERS,
         .bytes = sizeof(struct keel_scheduler_request),
         .handler = on_parameters},
        {.type = KEEL_SCHEDULER_GET,
         .bytes = sizeof(struct keel_scheduler_request),
         .handler = on_value},
        {.type = KEEL_SCHEDULER_SET,
         .bytes = sizeof(struct keel_scheduler_request),
         .handler = on_value},
        {.type = KEEL_SCHEDULER_VCPUS,
         .bytes = sizeof(struct keel_scheduler_request),
         .handler = on_vcpus},
    };
    static struct port port = {.types = types, .ntypes = sizeof types / sizeof types[0]};

    if (port_offer(&port, KEEL_SCHEDULER_PORT, RING_BYTES) < 0)
        printf("no port for requests\n");
}

static void on_wrong(const char *why)
{
    printf("as it was set before: %s\n", why);
}

void control_begin(const struct policy *policy,
                   uint32_t (*snapshot)(struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX]))
{
    the_policy = policy;
    the_snapshot = snapshot;
    settings_apply(&settings, policy, on_wrong);
    lines_listen(on_line);
    requests_listen();
}
