/* SPDX-License-Identifier: Apache-2.0 */
/* Laying out all domains to see what is wrong (see check.h). */
#include "check.h"

#include "guest.h"
#include "program.h"
#include "tree.h"

#include <config/similar.h>
#include <keel/machine.h>
#include <string.h>

#define ADDRESSES_BITS 39 /* of a domain's address space: a root table, and two levels below */
#define ROOT_TABLES    1
#define EVENT_PAGES    2

struct check {
    const struct config *config;
    const struct authority *authority;
    const struct image_source *source;
    struct config_report *report;
};

#define ERROR(check, domain, property, ...) \
    config_error_in((check)->config, (check)->report, domain, property, __VA_ARGS__)

/* A file of the bundle; false: told. */
static bool find(const struct check *check, uint16_t id, const char *property, const char *name,
                 struct guest_file *file)
{
    char hint[SIMILAR_TEXT];
    struct similar similar;
    const char *there;

    for (uint32_t i = 0;
         (there = check->source->file(check->source->context, i, &file->data, &file->bytes)); i++)
        if (strcmp(there, name) == 0)
            return true;
    similar_begin(&similar, name);
    for (uint32_t i = 0;
         (there = check->source->file(check->source->context, i, &file->data, &file->bytes)); i++)
        similar_offer(&similar, there);
    ERROR(check, id, property, "there is no \"%s\"%s in the bundle, expected one of its files", name,
         similar_text(&similar, hint));
    return false;
}

/* What a layout says of a file's contents, or of what the domain has for them. */
static void tell_layout(const struct check *check, uint16_t id, const char *property,
                        const char *wrong)
{
    const struct config_domain *domain = &check->config->domain[id];
    bool guest = domain->kind == CONFIG_GUEST;

    if (strcmp(property, guest ? "kernel" : "image") != 0)
        ERROR(check, id, property, "%s", wrong);
    else if (strstr(wrong, "expected"))
        ERROR(check, id, property, "\"%s\": %s", domain->image, wrong);
    else
        ERROR(check, id, property, "\"%s\": %s, expected %s", domain->image, wrong,
             guest ? "an Image, an ELF file or raw code that fits its memory"
                   : "a static program for AArch64");
}

/* Kernel memory. */

/* Addresses that are mapped, and in which units: one table of the last level for each 2 MiB of
 * pages and none for blocks, one of the level above for each GiB. */
struct range {
    uint64_t first, last;
    bool blocks;
};

#define RANGES_MAX (PROGRAM_PARTS_MAX + CONFIG_DEVICES_MAX * CONFIG_REGIONS_MAX)

struct ranges {
    uint32_t count;
    struct range range[RANGES_MAX];
};

static void add(struct ranges *ranges, uint64_t address, uint64_t bytes, bool blocks)
{
    if (bytes && ranges->count < RANGES_MAX)
        ranges->range[ranges->count++] =
            (struct range){.first = address, .last = address + bytes - 1, .blocks = blocks};
}

static bool is_in(const struct ranges *ranges, uint32_t before, unsigned shift, uint64_t unit)
{
    for (uint32_t i = 0; i < before; i++)
        if (ranges->range[i].first >> shift <= unit && unit <= ranges->range[i].last >> shift)
            return true;
    return false;
}

/* Units of 2^shift bytes that the ranges touch, each once; with pages in them if `pages`. */
static uint64_t touched(const struct ranges *all, unsigned shift, bool pages)
{
    struct ranges ranges = {.count = 0};
    uint64_t units = 0;

    for (uint32_t i = 0; i < all->count; i++)
        if (!pages || !all->range[i].blocks)
            ranges.range[ranges.count++] = all->range[i];
    for (uint32_t i = 0; i < ranges.count; i++)
        for (uint64_t unit = ranges.range[i].first >> shift; unit <= ranges.range[i].last >> shift;
             unit++)
            units += !is_in(&ranges, i, shift, unit);
    return units;
}

static void add_devices(const struct check *check, uint16_t id, struct ranges *ranges)
{
    const struct config_domain *domain = &check->config->domain[id];

    for (uint32_t i = 0; i < domain->ndevices; i++)
        for (uint32_t r = 0; r < domain->devices[i].nregions; r++)
            add(ranges, domain->devices[i].region[r].address, domain->devices[i].region[r].bytes,
                false);
}

static void check_quota(const struct check *check, uint16_t id, const struct ranges *ranges)
{
    const struct authority *authority = check->authority;
    uint64_t need =
        ROOT_TABLES + EVENT_PAGES + touched(ranges, 30, false) + touched(ranges, 21, true);
    char path[128];

    for (uint32_t i = 0; i < authority->nedges[id]; i++)
        if (authority->edge[id][i].edge.rights & KEEL_RIGHT_RECEIVE)
            need += CONFIG_PORT_PAGES;
    if (need <= check->config->domain[id].kernel_pages)
        return;
    config_path(check->config, id, path, sizeof path);
    strcat(path, "/quota");
    config_error(check->report, path, "kernel-memory",
                 "%uK is too little for page tables and rings, expected at least %lluK",
                 check->config->domain[id].kernel_pages * 4, (unsigned long long)need * 4);
}

/* Domains. */

static void check_service(const struct check *check, uint16_t id)
{
    static const uint32_t incarnations[KEEL_DOMAINS_MAX];
    static struct program program;
    const struct config_domain *domain = &check->config->domain[id];
    const struct program_life life = {.incarnations = incarnations};
    struct ranges ranges = {.count = 0};
    struct guest_file image;
    const char *property;

    if (!domain->image || !find(check, id, "image", domain->image, &image) || !check->authority)
        return;
    const char *wrong = program_layout(&program, check->config, check->authority, id, image.data,
                                       image.bytes, &life, &property);
    if (wrong) {
        tell_layout(check, id, property, wrong);
        return;
    }
    for (uint32_t i = 0; i < program.nparts; i++)
        add(&ranges, program.part[i].address, program.part[i].pages << KEEL_PAGE_SHIFT, false);
    for (uint32_t i = 0; i < program.ndevices; i++) {
        const struct keel_device *device = &program.device[i];

        if (device->address + device->bytes > 1ull << ADDRESSES_BITS) {
            ERROR(check, id, "devices",
                 "\"%s\" is too large for its address space, expected 512G in all", device->name);
            return;
        }
        add(&ranges, device->address, device->bytes, false);
    }
    check_quota(check, id, &ranges);
}

static void check_guest(const struct check *check, uint16_t id)
{
    static uint8_t tree[GUEST_TREE_MAX];
    static struct guest_image image;
    const struct config_domain *domain = &check->config->domain[id];
    struct guest_file kernel, ramdisk = {.data = NULL};
    struct ranges ranges = {.count = 0};
    const char *property;

    bool found = domain->image && find(check, id, "kernel", domain->image, &kernel);
    if (domain->ramdisk && !find(check, id, "ramdisk", domain->ramdisk, &ramdisk))
        found = false;
    if (!found || !check->authority)
        return;
    const char *wrong = guest_layout(&image, domain->memory, &kernel, &ramdisk, &property);
    if (wrong)
        tell_layout(check, id, property, wrong);
    else if (tree_write(tree, sizeof tree, check->config, check->authority, id, &image, NULL) == 0)
        ERROR(check, id, "devices", TREE_TOO_LARGE);
    add(&ranges, KEEL_MACHINE_RAM, domain->memory, true);
    add_devices(check, id, &ranges);
    check_quota(check, id, &ranges);
}

bool image_check(const struct config *config, const struct authority *authority,
                 const struct image_source *source, struct config_report *report)
{
    const struct check check = {
        .config = config, .authority = authority, .source = source, .report = report};
    unsigned errors = report->errors;

    for (uint16_t id = 1; id < config->ndomains; id++)
        if (config->domain[id].kind == CONFIG_GUEST)
            check_guest(&check, id);
        else
            check_service(&check, id);
    return report->errors == errors;
}
