/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host checker: says about a system, before it boots, what the loader and the builder would
 * say, with the places in its source, and prints the authority that the running kernel will hold
 * and what follows from it. The same libraries decide here and there.
 */
#include "machine.h"
#include "reach.h"
#include "source.h"

#include <cpio/cpio.h>
#include <errno.h>
#include <getopt.h>
#include <image/check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX   (4l << 20) /* of a device tree, compiled or not */
#define BUNDLE_BYTES_MAX (8l << 30)

static struct config config;
static struct authority authority;
static struct reach reach;
static struct source source;

/* Mistakes, in the order in which they were found. */
struct mistake {
    const struct source_span *place; /* NULL: not of the system's source */
    size_t number;
    char *text;
};

static struct mistake *mistakes;
static size_t nmistakes;

static struct {
    const char *system, *platform, *bundle, *source;
    bool authority, domains, graph;
} options;

/* What was read: everything else points into it. */
static struct input {
    const void *data;
    size_t bytes;
} system_tree, platform_tree, archive;

static _Noreturn void fail(const char *what, const char *wrong)
{
    fprintf(stderr, "check: %s: %s\n", what, wrong);
    exit(2);
}

static void *checked(void *memory)
{
    if (!memory)
        fail("memory", "there is not enough");
    return memory;
}

static void usage(FILE *to)
{
    fputs(
        "Usage: keel-check [OPTION]... --platform PLATFORM.dtb SYSTEM.dtb\n"
        "\n"
        "Checks a compiled system for the platform that a device tree describes. Prints a line\n"
        "`file:line: node: property: what is wrong, what was expected` for each mistake. Ends with 0\n"
        "if there is none, 1 if there are some, 2 if a file cannot be read.\n"
        "\n"
        "  --platform FILE  the platform's compiled device tree\n"
        "  --source FILE    the system as `dtc -T -T -I dts -O dts` writes it: for file and line\n"
        "  --bundle FILE    also check the files that the system is made of\n"
        "  --authority      print the authority table, as the kernel will hold it after the seal\n"
        "  --graph          print who can reach whom, and by what\n"
        "  --domains        print the domains: id, kind, memory, CPUs, image\n"
        "  --help           this text\n",
        to);
}

/* The file's bytes, at a multiple of 8, with a NUL behind them. */
static struct input file_read(const char *name, long most)
{
    FILE *file = fopen(name, "rb");
    long size;

    if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
        fail(name, strerror(errno));
    if (size > most)
        fail(name, "too large");
    rewind(file);
    char *data = checked(malloc((size_t)size + 1));
    if (fread(data, 1, (size_t)size, file) != (size_t)size)
        fail(name, ferror(file) ? strerror(errno) : "it changed while it was read");
    data[size] = '\0';
    fclose(file);
    return (struct input){.data = data, .bytes = (size_t)size};
}

/* Mistakes. */

static void add_mistake(const struct source_span *place, const char *text)
{
    mistakes = checked(realloc(mistakes, (nmistakes + 1) * sizeof *mistakes));
    mistakes[nmistakes] =
        (struct mistake){.place = place, .number = nmistakes, .text = checked(strdup(text))};
    nmistakes++;
}

static void tell(void *context, const char *node, const char *property, const char *message)
{
    char line[512];

    (void)context;
    config_error_line(line, sizeof line, node, property, message);
    add_mistake(node[0] == '/' && source.entries ? source_find(&source, node, property) : NULL,
                line);
}

static struct config_report report = {.tell = tell};

static void tell_twice(void *context, const char *node, const struct source_span *first,
                       const struct source_span *second)
{
    char line[512];

    (void)context;
    snprintf(line, sizeof line,
             "%s: is there twice, and first in line %u, expected different names", node,
             first->first_line);
    add_mistake(second, line);
    report.errors++;
}

/* By file and line; what has no place comes first, as nothing else counts without it. */
static int mistake_compare(const void *left, const void *right)
{
    const struct mistake *a = left, *b = right;
    int order = (a->place != NULL) - (b->place != NULL);

    if (order == 0 && a->place) {
        size_t shorter = a->place->length < b->place->length ? a->place->length : b->place->length;

        order = strncmp(a->place->file, b->place->file, shorter);
        if (order == 0)
            order = (a->place->length > b->place->length) - (a->place->length < b->place->length);
        if (order == 0)
            order = (a->place->first_line > b->place->first_line) -
                    (a->place->first_line < b->place->first_line);
    }
    return order ? order : (a->number > b->number) - (a->number < b->number);
}

static void print_mistakes(void)
{
    if (nmistakes)
        qsort(mistakes, nmistakes, sizeof *mistakes, mistake_compare);
    for (size_t i = 0; i < nmistakes; i++) {
        const struct source_span *place = mistakes[i].place;

        if (place)
            fprintf(stderr, "%.*s:%u: ", (int)place->length, place->file, place->first_line);
        fprintf(stderr, "%s\n", mistakes[i].text);
    }
}

/* Checks. */

struct bundle {
    uint32_t files;
    struct cpio_file file[IMAGE_FILES_MAX];
};

/* What the loader and the builder look at before they read the configuration. */
static void bundle_read(struct bundle *bundle)
{
    struct cpio_file file;
    const char *wrong = cpio_check(archive.data, archive.bytes);

    if (wrong) {
        config_error(&report, "bundle", NULL, "%s, expected a cpio archive (newc)", wrong);
        return;
    }
    for (size_t at = 0; !cpio_next(archive.data, archive.bytes, &at, &file) && file.name;) {
        if (bundle->files == IMAGE_FILES_MAX) {
            config_error(&report, "bundle", NULL, "more than %d files, expected fewer",
                         IMAGE_FILES_MAX);
            return;
        }
        bundle->file[bundle->files++] = file;
    }
    cpio_find(archive.data, archive.bytes, "builder", &file);
    wrong = file.name ? machine_builder(file.data, file.bytes) : "there is no such file";
    if (wrong)
        config_error(&report, "bundle", "builder",
                     "%s, expected the program that builds the others", wrong);
}

static const char *bundle_file(void *context, uint32_t number, const uint8_t **data, size_t *bytes)
{
    const struct bundle *bundle = context;

    if (number >= bundle->files)
        return NULL;
    *data = bundle->file[number].data;
    *bytes = bundle->file[number].bytes;
    return bundle->file[number].name;
}

static void places_read(void)
{
    static struct input text;

    text = file_read(options.source, TEXT_BYTES_MAX);

    if (!source_read(&source, text.data, text.bytes))
        fail(options.source, "it is not what dtc -T -T writes");
    source_twice(&source, tell_twice, NULL);
}

/* Everything; false: there are mistakes. */
static bool check(void)
{
    static struct bundle bundle;
    const struct image_source files = {.file = bundle_file, .context = &bundle};
    struct config_platform platform;
    uint32_t cpus;

    platform_tree = file_read(options.platform, TEXT_BYTES_MAX);
    system_tree = file_read(options.system, TEXT_BYTES_MAX);
    if (options.source)
        places_read();
    if (options.bundle) {
        archive = file_read(options.bundle, BUNDLE_BYTES_MAX);
        bundle_read(&bundle);
    }
    if (!config_platform_read(&platform, platform_tree.data, platform_tree.bytes, &report) ||
        !machine_check(platform_tree.data, platform_tree.bytes, &cpus, &report))
        return false;
    platform.cpus = cpus;
    platform.bundle = archive.bytes;

    bool right = config_read(&config, system_tree.data, system_tree.bytes, &platform, &report) &&
                 authority_derive(&authority, &config, &report);
    if (bundle.files)
        right &= image_check(&config, right ? &authority : NULL, &files, &report);
    return right && report.errors == 0;
}

/* Answers. */

static void print_line(void *context, const char *line)
{
    (void)context;
    puts(line);
}

static const struct authority_sink sink = {.line = print_line};

static void print_authority(void)
{
    const struct authority_source table = {.read = authority_derived, .context = &authority};

    authority_print(&config, &table, &sink);
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

static void print_summary(void)
{
    const struct config_platform *platform = &config.platform;
    uint32_t edges = 0;

    for (uint16_t id = 0; id < config.ndomains; id++)
        edges += authority.nedges[id];
    if (source.entries && source.entry[0].nspans)
        printf("%.*s: ", (int)source.entry[0].span[0].length, source.entry[0].span[0].file);
    printf("no mistakes for %s (%s) with %u CPUs and %lluM: %u domains, %u edges\n",
           config.platform_name, config_platform_compatible(platform), platform->cpus,
           (unsigned long long)(platform->ram >> 20), config.ndomains, edges);
}

static void read_options(int argc, char **argv)
{
    static const struct option table[] = {
        {"platform", required_argument, NULL, 'p'}, {"source", required_argument, NULL, 's'},
        {"bundle", required_argument, NULL, 'b'},   {"authority", no_argument, NULL, 'a'},
        {"graph", no_argument, NULL, 'g'},          {"domains", no_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };

    for (int option; (option = getopt_long(argc, argv, "", table, NULL)) >= 0;) {
        switch (option) {
        case 'p':
            options.platform = optarg;
            break;
        case 's':
            options.source = optarg;
            break;
        case 'b':
            options.bundle = optarg;
            break;
        case 'a':
            options.authority = true;
            break;
        case 'g':
            options.graph = true;
            break;
        case 'd':
            options.domains = true;
            break;
        case 'h':
            usage(stdout);
            exit(0);
        default:
            exit(2);
        }
    }
    if (!options.platform || optind + 1 != argc) {
        usage(stderr);
        exit(2);
    }
    options.system = argv[optind];
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    bool right = check();
    print_mistakes();
    if (!right)
        return 1;
    if (options.domains)
        print_domains();
    if (options.authority)
        print_authority();
    if (options.graph) {
        reach_find(&reach, &authority, config.ndomains);
        reach_print(&reach, &config, &sink);
    }
    if (!options.domains && !options.authority && !options.graph)
        print_summary();
    return 0;
}
