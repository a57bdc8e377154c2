/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's command line: see README.md. */
#include "draw.h"
#include "machine.h"
#include "xen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ADDRESS(name) &policy_##name,
static const struct policy *const policies[] = {&xen_credit2, &xen_rtds, POLICIES(ADDRESS)};

static struct workload workload;
static struct metrics metrics;

static int usage(FILE *to)
{
    fprintf(to,
            "Usage: keel-simulate [OPTION]... WORKLOAD\n\n"
            "Runs a workload on the kernel's dispatcher with a policy; CSV on standard output.\n\n"
            "  --policy NAME  instead of the workload's\n"
            "  --svg PREFIX   draws PREFIX-timeline.svg, PREFIX-share.svg, PREFIX-latency.svg\n"
            "  --help         this text\n\nPolicies:\n");
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        fprintf(to, "  %-8s", policies[i]->name);
        for (uint32_t j = 0; j < policies[i]->parameters; j++) {
            const struct policy_parameter *parameter = &policies[i]->parameter[j];

            fprintf(to, " %s%s=%lu..%lu", parameter->name,
                    parameter->scope == POLICY_OF_MACHINE  ? ""
                    : parameter->scope == POLICY_OF_DOMAIN ? ".NAME"
                                                           : ".NAME[/VCPU]",
                    parameter->least, parameter->most);
        }
        fprintf(to, "\n");
    }
    return to == stdout ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const struct policy *policy_find(const char *name)
{
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++)
        if (strcmp(policies[i]->name, name) == 0)
            return policies[i];
    fprintf(stderr, "no such policy: '%s'\n", name);
    return NULL;
}

static FILE *open_svg(const char *prefix, const char *what)
{
    char name[4096];
    FILE *file;

    snprintf(name, sizeof name, "%s-%s.svg", prefix, what);
    file = fopen(name, "w");
    if (!file)
        perror(name);
    return file;
}

static bool draw(const char *prefix)
{
    FILE *timeline = open_svg(prefix, "timeline"), *share = open_svg(prefix, "share"),
         *latency = open_svg(prefix, "latency");

    if (!timeline || !share || !latency)
        return false;
    draw_timeline(&metrics, &workload, timeline);
    draw_share(&metrics, &workload, share);
    draw_latency(&metrics, latency);
    return !fclose(timeline) && !fclose(share) && !fclose(latency);
}

int main(int argc, char **argv)
{
    const char *name = NULL, *svg = NULL, *file_name = NULL;
    const struct policy *policy;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout);
        if (strcmp(argv[i], "--policy") == 0 && i + 1 < argc)
            name = argv[++i];
        else if (strcmp(argv[i], "--svg") == 0 && i + 1 < argc)
            svg = argv[++i];
        else if (*argv[i] == '-' || file_name)
            return usage(stderr);
        else
            file_name = argv[i];
    }
    if (!file_name)
        return usage(stderr);

    FILE *file = fopen(file_name, "r");
    if (!file) {
        perror(file_name);
        return EXIT_FAILURE;
    }
    bool good = workload_read(file, file_name, &workload);
    fclose(file);
    policy = good ? policy_find(name ? name : workload.policy) : NULL;

    if (!policy || !(xen_is(policy) ? xen_run : machine_run)(&workload, policy, &metrics))
        return EXIT_FAILURE;
    metrics_print(&metrics, stdout);

    struct rusage used;
    getrusage(xen_is(policy) ? RUSAGE_SELF : RUSAGE_CHILDREN, &used);
    fprintf(stderr, "%lu events in %ld.%06ld s of CPU time\n", metrics.events, used.ru_utime.tv_sec,
            used.ru_utime.tv_usec);
    return !svg || draw(svg) ? EXIT_SUCCESS : EXIT_FAILURE;
}
