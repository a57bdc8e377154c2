/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a scheduler over Argo (abi/keel/scheduler.h), and says what it answers. Arguments, in order: SECONDS, which are waited first;
 * `PARAMETER:DOMAIN:N` is set, `PARAMETER:DOMAIN` is read; `list` is all there is.
 */
#include <keel/scheduler.h>
#include <runtime/clock.h>
#include <runtime/events.h>
#include <runtime/request.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS 5000u
#define RING_BYTES  0x4000u

static struct client client;

static void value(char *text)
{
    static struct keel_scheduler_value answer;
    struct request request = {.answer = &answer, .answer_bytes = sizeof answer};
    struct keel_scheduler_request body = {.vcpu = KEEL_SCHEDULER_ALL};
    char *domain = strchr(text, ':'), *number;
    int status;

    *domain++ = '\0';
    number = strchr(domain, ':');
    snprintf(body.parameter, sizeof body.parameter, "%s", text);
    body.domain = (uint16_t)atoi(domain);
    if (number) {
        body.value = strtoull(number + 1, NULL, 10);
        status =
            request_wait(&request, &client, KEEL_SCHEDULER_SET, &body, clock_after_ms(DEADLINE_MS));
    } else {
        status =
            request_wait(&request, &client, KEEL_SCHEDULER_GET, &body, clock_after_ms(DEADLINE_MS));
    }
    if (status < 0)
        printf("%s: %s\n", text, strerror(-status));
    else
        printf("%s of domain %u: %s %llu\n", text, body.domain, answer.wrong,
               (unsigned long long)answer.value);
}

static void list(void)
{
    static struct keel_scheduler_parameter parameter[64];
    static struct keel_scheduler_vcpu vcpu[256];
    static const struct keel_scheduler_request body;
    struct request request = {.answer = parameter, .answer_most = sizeof parameter};
    int status = request_wait(&request, &client, KEEL_SCHEDULER_PARAMETERS, &body,
                              clock_after_ms(DEADLINE_MS));

    for (uint32_t i = 0; status >= 0 && i < request.got / sizeof parameter[0]; i++)
        printf("parameter %s, %u, %llu to %llu\n", parameter[i].name, parameter[i].scope,
               (unsigned long long)parameter[i].least, (unsigned long long)parameter[i].most);
    request = (struct request){.answer = vcpu, .answer_most = sizeof vcpu};
    status =
        request_wait(&request, &client, KEEL_SCHEDULER_VCPUS, &body, clock_after_ms(DEADLINE_MS));
    for (uint32_t i = 0; status >= 0 && i < request.got / sizeof vcpu[0]; i++)
        printf("vcpu %u/%u ran %llu us\n", vcpu[i].domain, vcpu[i].vcpu,
               (unsigned long long)vcpu[i].run_ns / 1000);
    if (status < 0)
        printf("list: %s\n", strerror(-status));
}

int main(int argc, char **argv)
{
    int status = client_open(
        &client, keel_connection_with(NULL, KEEL_SCHEDULER_PORT, KEEL_RIGHT_SEND), RING_BYTES);

    if (status < 0) {
        printf("no scheduler: %s\n", strerror(-status));
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "list") == 0)
            list();
        else if (strchr(argv[i], ':'))
            value(argv[i]);
        else
            (void)events_wait_for(0, clock_after_ms(1000ull * strtoull(argv[i], NULL, 10)));
    }
    printf("done\n");
    loop_run();
}
