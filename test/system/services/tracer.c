/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads traces itself, and asks the trace service. Arguments, in order: `read`: what the call says to good and bad arguments;
 * `ask`: what the service says over Argo (abi/keel/statistics.h); a number of seconds, which are waited.
 */
#include <keel/calls.h>
#include <keel/statistics.h>
#include <runtime/clock.h>
#include <runtime/events.h>
#include <runtime/request.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS 5000u
#define RING_BYTES  0x8000u
#define SECOND      1000u

static struct client client;

static void tell(const char *what, int64_t status)
{
    if (status < 0)
        printf("%s: %s\n", what, strerror((int)-status));
    else
        printf("%s: %lld\n", what, (long long)status);
}

static uint64_t number; /* of the first record of the last call */

static int64_t trace_read(uint64_t cpu, uint64_t from, struct keel_trace *list, uint64_t n)
{
    int64_t status;

    do
        status = keel_trace_read(cpu, from, list, n, &number);
    while (status == -KEEL_EAGAIN);
    return status;
}

static void calls(void)
{
    static struct keel_trace list[KEEL_TRACE_MOST];
    static const uint64_t bad[] = {1, KEEL_CPUS_MAX, UINT64_MAX};
    uint64_t next;
    int64_t n;

    (void)trace_read(0, 0, list, KEEL_TRACE_MOST); /* it writes from now on */
    (void)events_wait_for(0, clock_after_ms(20));
    n = trace_read(0, 0, list, KEEL_TRACE_MOST);
    tell("read", n < 0 ? n : n > 0);
    if (n >= 0) {
        next = number + (uint64_t)n;
        for (int64_t i = 0; i < n; i++)
            if (list[i].kind < KEEL_TRACE_RUN || list[i].kind > KEEL_TRACE_COMMIT ||
                (i && list[i].time < list[i - 1].time))
                printf("record %lld makes no sense\n", (long long)i);
        tell("one record is read again", trace_read(0, next - 1, &list[1], 1));
        tell("it is the same one", number == next - 1 && memcmp(&list[1], &list[n == 1 ? 0 : n - 1],
                                                                sizeof list[0]) == 0);
        n = trace_read(0, next + 1000000, list, 8);
        tell("far ahead: what there is", n < 0 ? n : n == 8 && number < next + 1000000);
        n = trace_read(0, UINT64_MAX - 5000, list, 8);
        tell("before it began: what there is", n < 0 ? n : n == 8 && number < next + 1000000);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        tell("a CPU that there is not", trace_read(bad[i], 0, list, 1));
    tell("too many", trace_read(0, 0, list, KEEL_TRACE_MOST + 1));
    tell("far too many", trace_read(0, 0, list, UINT64_MAX));
    tell("to nowhere", trace_read(0, 0, (struct keel_trace *)(uintptr_t)8, 1));
    tell("to the kernel", trace_read(0, 0, (struct keel_trace *)(uintptr_t)UINT64_MAX, 1));
    tell("to what it may not write", trace_read(0, 0, (struct keel_trace *)(uintptr_t)tell, 1));
    tell("no more of it", trace_read(0, 0, list, 0));
}

static void ask(void)
{
    static struct keel_statistics_cpu cpu[KEEL_STATISTICS_MOST];
    static struct keel_statistics_vcpu vcpu[KEEL_STATISTICS_MOST];
    static struct keel_statistics_histogram histogram;
    struct keel_statistics_request body = {0};
    struct request request = {.answer = cpu, .answer_most = sizeof cpu};
    const uint64_t deadline = clock_after_ms(DEADLINE_MS);
    uint64_t wakes = 0, n = 0;
    int status = request_wait(&request, &client, KEEL_STATISTICS_CPUS, &body, deadline);

    for (uint32_t i = 0; status >= 0 && i < request.got / sizeof cpu[0]; i++)
        printf("cpu %u: of %llu us idle %llu, unknown %llu; %llu records, %llu lost\n", i,
               (unsigned long long)cpu[i].since / 1000, (unsigned long long)cpu[i].idle / 1000,
               (unsigned long long)cpu[i].unknown / 1000, (unsigned long long)cpu[i].records,
               (unsigned long long)cpu[i].lost);
    request = (struct request){.answer = vcpu, .answer_most = sizeof vcpu};
    status = request_wait(&request, &client, KEEL_STATISTICS_VCPUS, &body, deadline);
    for (uint32_t i = 0; status >= 0 && i < request.got / sizeof vcpu[0]; i++) {
        const struct keel_statistics_times *wake = &vcpu[i].times[KEEL_STATISTICS_WAKE];

        printf("vcpu %u/%u: state %u, ran %llu us, %llu wake-ups, %llu %llu %llu %llu ns\n",
               vcpu[i].domain, vcpu[i].vcpu, vcpu[i].state, (unsigned long long)vcpu[i].ran / 1000,
               (unsigned long long)wake->count, (unsigned long long)wake->p50,
               (unsigned long long)wake->p99, (unsigned long long)wake->p999,
               (unsigned long long)wake->worst);
        if (wake->count > wakes) { /* of whom most is known */
            wakes = wake->count;
            body.domain = vcpu[i].domain;
            body.vcpu = vcpu[i].vcpu;
        }
    }
    body.what = KEEL_STATISTICS_WAKE;
    request = (struct request){.answer = &histogram, .answer_bytes = sizeof histogram};
    status = request_wait(&request, &client, KEEL_STATISTICS_HISTOGRAM, &body, deadline);
    for (uint32_t i = 0; status >= 0 && i < KEEL_STATISTICS_BUCKETS; i++)
        n += histogram.bucket[i];
    tell("histogram: as many as it says",
         status < 0 ? status : n >= wakes && wakes > 0 && n == histogram.count);
    body.what = KEEL_STATISTICS_WHATS;
    request = (struct request){.answer = &histogram, .answer_bytes = sizeof histogram};
    tell("histogram of nothing",
         request_wait(&request, &client, KEEL_STATISTICS_HISTOGRAM, &body, deadline));
    body.domain = 60000;
    request = (struct request){.answer = &histogram, .answer_bytes = sizeof histogram};
    tell("histogram of nobody",
         request_wait(&request, &client, KEEL_STATISTICS_HISTOGRAM, &body, deadline));
    body.first = 1000;
    request = (struct request){.answer = vcpu, .answer_most = sizeof vcpu};
    status = request_wait(&request, &client, KEEL_STATISTICS_VCPUS, &body, deadline);
    tell("behind the last one", status < 0 ? status : (int64_t)request.got);
    request = (struct request){0};
    tell("reset", request_wait(&request, &client, KEEL_STATISTICS_RESET, &body, deadline));
    body.first = 0;
    request = (struct request){.answer = cpu, .answer_most = sizeof cpu};
    status = request_wait(&request, &client, KEEL_STATISTICS_CPUS, &body, deadline);
    tell("and it is", status < 0 ? status : cpu[0].since < 100 * CLOCK_NS_PER_MS);
}

int main(int argc, char **argv)
{
    bool asks = false;

    for (int i = 1; i < argc; i++)
        asks |= strcmp(argv[i], "ask") == 0;
    if (asks) {
        int status = client_open(
            &client, keel_connection_with(NULL, KEEL_STATISTICS_PORT, KEEL_RIGHT_SEND), RING_BYTES);

        if (status < 0) {
            printf("no trace service: %s\n", strerror(-status));
            return 1;
        }
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "read") == 0)
            calls();
        else if (strcmp(argv[i], "ask") == 0)
            ask();
        else
            (void)events_wait_for(0, clock_after_ms(SECOND * strtoull(argv[i], NULL, 10)));
    }
    printf("done\n");
    loop_run();
}
