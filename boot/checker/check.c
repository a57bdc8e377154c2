/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host checker: says about a system, before it boots, what the builder would say, and prints
 * the authority table that the running kernel will hold. The same library decides here and there.
 */
#include <config/authority.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (4 << 20)

static struct config config;
static struct authority authority;

static _Noreturn void fail(const char *what, const char *wrong)
{
    fprintf(stderr, "check: %s: %s\n", what, wrong);
    exit(2);
}

static void usage(FILE *to)
{
    fputs(
        "Usage: keel-check [OPTION]... --platform PLATFORM.dtb SYSTEM.dtb\n"
        "\n"
        "Checks a compiled system for the platform that a device tree describes. Prints a line\n"
        "`node: property: what is wrong, what was expected` for each mistake, and ends with 0 if there\n"
        "is none, 1 if there are some, 2 if a file cannot be read.\n"
        "\n"
        "  --platform FILE  the platform's compiled device tree\n"
        "  --authority      print the authority table, as the kernel will hold it after the seal\n"
        "  --domains        print the domains: id, kind, memory, CPUs, image\n"
        "  --help           this text\n",
        to);
}

/* The file's bytes, at a multiple of 8. */
static void *file_read(const char *name, size_t *bytes)
{
    FILE *file = fopen(name, "rb");
    uint64_t *data = malloc(FILE_BYTES_MAX);

    if (!file)
        fail(name, strerror(errno));
    if (!data)
        fail(name, "no memory");
    *bytes = fread(data, 1, FILE_BYTES_MAX, file);
    if (ferror(file))
        fail(name, strerror(errno));
    if (*bytes == FILE_BYTES_MAX)
        fail(name, "larger than 4 MiB");
    fclose(file);
    return data;
}

static void tell(void *context, const char *node, const char *property, const char *message)
{
    char line[512];

    (void)context;
    config_error_line(line, sizeof line, node, property, message);
    fprintf(stderr, "%s\n", line);
}

static void print_line(void *context, const char *line)
{
    (void)context;
    puts(line);
}

static void print_authority(void)
{
    const struct authority_source source = {.read = authority_derived, .context = &authority};
    const struct authority_sink sink = {.line = print_line};

    authority_print(&config, &source, &sink);
}

static void print_domains(void)
{
    static const char *const kinds[] = {"builder", "service", "guest", "devices"};

    for (uint16_t id = 1; id < config.ndomains; id++) {
        const struct config_domain *domain = &config.domain[id];

        printf("%2u %-8s %-24s %8lluK cpus=0x%llx vcpus=%u image=%s\n", id, kinds[domain->kind],
               domain->name, (unsigned long long)(domain->memory >> 10),
               (unsigned long long)domain->cpus, domain->vcpus, domain->image);
    }
}

static uint32_t count_edges(void)
{
    uint32_t edges = 0;

    for (uint16_t id = 0; id < config.ndomains; id++)
        edges += authority.nedges[id];
    return edges;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"platform", required_argument, NULL, 'p'},
        {"authority", no_argument, NULL, 'a'},
        {"domains", no_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct config_report report = {.tell = tell};
    struct config_platform platform;
    const char *platform_name = NULL;
    bool show_authority = false, show_domains = false;
    size_t platform_bytes, bytes;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case 'p':
            platform_name = optarg;
            break;
        case 'a':
            show_authority = true;
            break;
        case 'd':
            show_domains = true;
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            return 2;
        }
    }
    if (!platform_name || optind + 1 != argc) {
        usage(stderr);
        return 2;
    }

    const void *platform_tree = file_read(platform_name, &platform_bytes);
    const void *tree = file_read(argv[optind], &bytes);
    if (!config_platform_read(&platform, platform_tree, platform_bytes, &report) ||
        !config_read(&config, tree, bytes, &platform, &report) ||
        !authority_derive(&authority, &config, &report))
        return 1;
    if (show_domains)
        print_domains();
    if (show_authority)
        print_authority();
    if (!show_domains && !show_authority)
        printf("no mistakes: %u domains, %u edges\n", config.ndomains, count_edges());
    return 0;
}
