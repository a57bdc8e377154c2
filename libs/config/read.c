/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a configuration (see config.h): first every domain gets its id and name, then each node's
 * properties are read, by a table that says what may stand where. Relations between domains are
 * checked in check.c.
 */
#include "check.h"
#include "config.h"
#include "similar.h"
#include "size.h"

#include <keel/edge.h>
#include <keel/machine.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum where { IN_SERVICE = 1, IN_GUEST = 2, IN_EMULATION = 4, IN_ALL = 7 };

/* What is being read. */
struct reader {
    struct config *config;
    struct config_report *report;
    struct config_domain *domain;
    char path[160];
};

/* One property. */
struct value {
    const char *name;
    const char *data;
    int bytes;
};

struct property {
    const char *name;
    unsigned where;
    void (*read)(struct reader *reader, const struct value *value);
};

#define DEADLINE_MS     1000u /* of a service that the configuration gives none */
#define STARVING_MS     500u  /* likewise */
#define STARVING_MS_MIN 100u
#define STARVING_MS_MAX 10000u

#define ERROR(reader, value, ...) \
    config_error((reader)->report, (reader)->path, (value)->name, __VA_ARGS__)

/* Typed values: each tells what is wrong and returns false. */

static bool is_printable(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return true;
}

/* The next string of a list that starts at *at; false at its end or after an error. */
static bool next_string(struct reader *reader, const struct value *value, int *at,
                        const char **string)
{
    if (*at >= value->bytes && *at > 0)
        return false;

    size_t left = (size_t)(value->bytes - *at);
    size_t length = strnlen(value->data + *at, left);
    if (length == left || length == 0 || !is_printable(value->data + *at, length)) {
        ERROR(reader, value, "not text, expected a string in quotation marks");
        return false;
    }
    *string = value->data + *at;
    *at += (int)length + 1;
    return true;
}

static bool read_string(struct reader *reader, const struct value *value, size_t most,
                        const char **string)
{
    int at = 0;

    if (!next_string(reader, value, &at, string))
        return false;
    if (at != value->bytes) {
        ERROR(reader, value, "several strings, expected one");
        return false;
    }
    if (strlen(*string) > most) {
        ERROR(reader, value, "too long, expected at most %zu characters", most);
        return false;
    }
    return true;
}

static bool is_cells(struct reader *reader, const struct value *value)
{
    if (value->bytes > 0 && value->bytes % 4 == 0)
        return true;
    ERROR(reader, value, "not numbers, expected cells in angle brackets, like <1>");
    return false;
}

static uint32_t cell(const struct value *value, int index)
{
    fdt32_t raw;

    memcpy(&raw, value->data + index * 4, sizeof raw);
    return fdt32_to_cpu(raw);
}

static bool is_number(struct reader *reader, const struct value *value)
{
    if (!is_cells(reader, value))
        return false;
    if (value->bytes != 4) {
        ERROR(reader, value, "several numbers, expected one");
        return false;
    }
    return true;
}

static bool read_number(struct reader *reader, const struct value *value, uint32_t least,
                        uint32_t most, uint32_t *number)
{
    if (!is_number(reader, value))
        return false;
    *number = cell(value, 0);
    if (*number >= least && *number <= most)
        return true;
    ERROR(reader, value, "%u is out of range, expected %u to %u", *number, least, most);
    return false;
}

/* Reads one of the names in a list that ends with NULL; returns its index, or -1. */
static int read_choice(struct reader *reader, const struct value *value, const char *const *names)
{
    const char *string;
    char list[128];
    int used = 0;

    if (!read_string(reader, value, 64, &string))
        return -1;
    for (int i = 0; names[i]; i++) {
        if (strcmp(string, names[i]) == 0)
            return i;
        used +=
            snprintf(list + used, sizeof list - (size_t)used, "%s\"%s\"", i ? ", " : "", names[i]);
    }
    ERROR(reader, value, "\"%s\" is unknown, expected one of %s", string, list);
    return -1;
}

uint64_t config_all_cpus(const struct config *config)
{
    return UINT64_MAX >> (64 - config->platform.cpus);
}

static bool read_cpus(struct reader *reader, const struct value *value, uint64_t *cpus)
{
    uint64_t set = 0;

    if (!is_cells(reader, value))
        return false;
    for (int i = 0; i < value->bytes / 4; i++) {
        if (cell(value, i) >= reader->config->platform.cpus) {
            ERROR(reader, value, "there is no CPU %u, expected 0 to %u", cell(value, i),
                  reader->config->platform.cpus - 1);
            return false;
        }
        set |= 1ull << cell(value, i);
    }
    *cpus = set;
    return true;
}

static bool read_size(struct reader *reader, const struct value *value, uint64_t unit,
                      uint64_t *bytes)
{
    const char *string;
    uint64_t size;

    if (!read_string(reader, value, 64, &string))
        return false;
    const char *wrong = config_size(string, reader->config->platform.ram, &size);
    if (wrong) {
        ERROR(reader, value, "\"%s\": %s, expected a size like 64M, 10%% or 1G+10%%", string,
              wrong);
        return false;
    }
    if (strchr(string, '%'))
        size &= ~(unit - 1);
    if (size == 0 || size % unit != 0) {
        ERROR(reader, value, "\"%s\" is not a multiple of %s, expected one above 0", string,
              unit == KEEL_PAGE_SIZE ? "4K" : "2M");
        return false;
    }
    *bytes = size;
    return true;
}

/* Properties. */

/* The name of a file in the bundle, which has no folders. */
static void read_file_name(struct reader *reader, const struct value *value, const char **name)
{
    const char *string;

    if (!read_string(reader, value, CONFIG_IMAGE_NAME_MAX, &string))
        return;
    if (strchr(string, '/'))
        ERROR(reader, value, "\"%s\" is a path, expected the name of a file in the bundle", string);
    else
        *name = string;
}

static void read_image(struct reader *reader, const struct value *value)
{
    read_file_name(reader, value, &reader->domain->image);
}

static void read_ramdisk(struct reader *reader, const struct value *value)
{
    read_file_name(reader, value, &reader->domain->ramdisk);
}

static void read_bootargs(struct reader *reader, const struct value *value)
{
    (void)read_string(reader, value, CONFIG_BOOTARGS_MAX, &reader->domain->bootargs);
}

static void read_args(struct reader *reader, const struct value *value)
{
    struct config_domain *domain = reader->domain;
    const char *string;

    if (value->bytes > CONFIG_ARGS_MAX / 2) {
        ERROR(reader, value, "too long, expected at most %d bytes", CONFIG_ARGS_MAX / 2);
        return;
    }
    for (int at = 0; next_string(reader, value, &at, &string); domain->nargs++)
        ;
    memcpy(domain->args, value->data, (size_t)value->bytes);
    domain->args_bytes = (uint32_t)value->bytes;
}

static void read_memory(struct reader *reader, const struct value *value)
{
    bool guest = reader->domain->kind == CONFIG_GUEST;

    (void)read_size(reader, value, guest ? KEEL_BLOCK_SIZE : KEEL_PAGE_SIZE,
                    &reader->domain->memory);
}

static void read_vcpus(struct reader *reader, const struct value *value)
{
    (void)read_number(reader, value, 1, KEEL_VCPUS_MAX, &reader->domain->vcpus);
}

static void read_affinity(struct reader *reader, const struct value *value)
{
    (void)read_cpus(reader, value, &reader->domain->cpus);
}

static void read_role(struct reader *reader, const struct value *value)
{
    static const char *const names[] = {"none", "console", "scheduler", NULL};
    static const enum config_role roles[] = {CONFIG_ROLE_NONE, CONFIG_ROLE_CONSOLE,
                                             CONFIG_ROLE_SCHEDULER};
    int choice = read_choice(reader, value, names);

    if (choice >= 0)
        reader->domain->role = roles[choice];
}

static void read_schedules(struct reader *reader, const struct value *value)
{
    (void)read_cpus(reader, value, &reader->domain->schedules);
}

static void read_provides(struct reader *reader, const struct value *value)
{
    struct config_domain *domain = reader->domain;

    if (!is_cells(reader, value))
        return;
    for (int i = 0; i < value->bytes / 4; i++) {
        uint32_t port = cell(value, i);

        if (port < 1 || port > 0xffff)
            ERROR(reader, value, "port %u is out of range, expected 1 to 65535", port);
        else if (domain->nprovides == CONFIG_PROVIDES_MAX)
            ERROR(reader, value, "too many ports, expected at most %d", CONFIG_PROVIDES_MAX);
        else
            domain->provides[domain->nprovides++] = port;
    }
}

/* A domain's name that is nearly this one, for a message. */
static const char *similar_domain(const struct config *config, const char *name,
                                  char text[SIMILAR_TEXT])
{
    struct similar similar;

    similar_begin(&similar, name);
    for (uint16_t id = 1; id < config->ndomains; id++)
        similar_offer(&similar, config->domain[id].name);
    return similar_text(&similar, text);
}

static void add_use(struct reader *reader, const struct value *value, const char *string,
                    bool one_way)
{
    struct config_domain *domain = reader->domain;
    char name[KEEL_NAME_MAX];
    size_t length = strcspn(string, ":");
    uint32_t port = 0;

    if (length >= sizeof name) {
        ERROR(reader, value, "\"%s\": no domain has so long a name", string);
        return;
    }
    memcpy(name, string, length);
    name[length] = '\0';
    if (string[length] == ':') {
        char *end;
        unsigned long number = strtoul(string + length + 1, &end, 0);

        if (string[length + 1] < '0' || string[length + 1] > '9' || *end || number < 1 ||
            number > 0xffff) {
            ERROR(reader, value, "\"%s\": bad port, expected NAME:PORT with PORT 1 to 65535",
                  string);
            return;
        }
        port = (uint32_t)number;
    }

    char hint[SIMILAR_TEXT];
    uint16_t peer = config_find(reader->config, name);
    if (peer == CONFIG_NONE)
        ERROR(reader, value, "there is no \"%s\"%s, expected the name of a service or guest", name,
              similar_domain(reader->config, name, hint));
    else if (domain->nuses == CONFIG_USES_MAX)
        ERROR(reader, value, "too many peers, expected at most %d", CONFIG_USES_MAX);
    else
        domain->uses[domain->nuses++] =
            (struct config_use){.peer = peer, .one_way = one_way, .port = port};
}

static void read_uses(struct reader *reader, const struct value *value)
{
    const char *string;

    for (int at = 0; next_string(reader, value, &at, &string);)
        add_use(reader, value, string, false);
}

static void read_sends(struct reader *reader, const struct value *value)
{
    const char *string;

    for (int at = 0; next_string(reader, value, &at, &string);)
        add_use(reader, value, string, true);
}

static void read_devices(struct reader *reader, const struct value *value)
{
    struct config_domain *domain = reader->domain;
    const char *string;

    for (int at = 0; next_string(reader, value, &at, &string);) {
        if (domain->ndevices == CONFIG_DEVICES_MAX) {
            ERROR(reader, value, "too many devices, expected at most %d", CONFIG_DEVICES_MAX);
            return;
        }
        const char *wrong = config_platform_device(&reader->config->platform, string,
                                                   &domain->devices[domain->ndevices]);
        if (wrong)
            ERROR(reader, value,
                  "\"%s\" %s, expected path or alias of a device with registers and interrupts",
                  string, wrong);
        else
            domain->ndevices++;
    }
}

static bool read_flag(struct reader *reader, const struct value *value)
{
    if (value->bytes)
        ERROR(reader, value, "has a value, expected none");
    return true;
}

static void read_fp(struct reader *reader, const struct value *value)
{
    reader->domain->fp = read_flag(reader, value);
}

static void read_limits_fall(struct reader *reader, const struct value *value)
{
    reader->domain->limits_fall = read_flag(reader, value);
}

static void read_start(struct reader *reader, const struct value *value)
{
    static const char *const names[] = {"boot", "later", NULL};

    reader->domain->later = read_choice(reader, value, names) == 1;
}

static void read_deadline(struct reader *reader, const struct value *value)
{
    (void)read_number(reader, value, 0, 60000, &reader->domain->deadline_ms);
}

/* The kernel counts in steps: it is never more than what is written. */
static void read_starving(struct reader *reader, const struct value *value)
{
    uint32_t ms;

    if (!is_number(reader, value))
        return;
    ms = cell(value, 0);
    if (ms && (ms < STARVING_MS_MIN || ms > STARVING_MS_MAX))
        ERROR(reader, value, "%u is out of range, expected 0 or %u to %u", ms, STARVING_MS_MIN,
              STARVING_MS_MAX);
    else
        reader->domain->starving_ms = ms;
}

/* Time that is the domain's own whatever the policy plans: <budget period> or <budget period delay>, in
 * microseconds. */
static void read_reserve(struct reader *reader, const struct value *value)
{
    struct config_domain *domain = reader->domain;

    if (!is_cells(reader, value))
        return;
    if ((value->bytes != 8 && value->bytes != 12) || cell(value, 0) < 10 || cell(value, 1) < 100 ||
        cell(value, 1) > 1000000 || cell(value, 0) > cell(value, 1) ||
        (value->bytes == 12 && cell(value, 2) > 1000000)) {
        ERROR(reader, value,
              "not <budget period> or <budget period delay>, expected microseconds: a budget from "
              "10, a period from 100 to 1000000, a delay up to 1000000");
        return;
    }
    domain->reserve_budget_us = cell(value, 0);
    domain->reserve_period_us = cell(value, 1);
    domain->reserve_delay_us = value->bytes == 12 ? cell(value, 2) : 0;
}

static void read_console(struct reader *reader, const struct value *value)
{
    static const char *const names[] = {"none", "console", NULL};

    reader->domain->console = read_choice(reader, value, names) == 1;
}

static void read_limit(struct reader *reader, const struct value *value)
{
    (void)read_number(reader, value, 0, 1000000, &reader->domain->restart.limit);
}

static void read_backoff(struct reader *reader, const struct value *value)
{
    (void)read_number(reader, value, 0, 60000, &reader->domain->restart.backoff_ms);
}

static void read_then(struct reader *reader, const struct value *value)
{
    static const char *const names[] = {"stop", "halt", "reset", NULL};
    static const enum config_then thens[] = {CONFIG_THEN_STOP, CONFIG_THEN_HALT, CONFIG_THEN_RESET};
    int choice = read_choice(reader, value, names);

    if (choice >= 0)
        reader->domain->restart.then = thens[choice];
}

static void read_kernel_memory(struct reader *reader, const struct value *value)
{
    uint64_t bytes;

    if (!read_size(reader, value, KEEL_PAGE_SIZE, &bytes))
        return;
    if (bytes < 8 * KEEL_PAGE_SIZE || bytes > 512 * KEEL_PAGE_SIZE)
        ERROR(reader, value, "out of range, expected 32K to 2M");
    else
        reader->domain->kernel_pages = (uint32_t)(bytes / KEEL_PAGE_SIZE);
}

static void read_refusals(struct reader *reader, const struct value *value)
{
    (void)read_number(reader, value, 0, UINT32_MAX, &reader->domain->refusals_max);
}

static void read_starving_max(struct reader *reader, const struct value *value)
{
    (void)read_number(reader, value, 0, UINT32_MAX, &reader->domain->starving_max);
}

static void read_compatible(struct reader *reader, const struct value *value)
{
    (void)reader; /* was read when the domain got its id */
    (void)value;
}

static const struct property domain_properties[] = {
    {"compatible", IN_SERVICE | IN_GUEST, read_compatible},
    {"image", IN_SERVICE | IN_EMULATION, read_image},
    {"kernel", IN_GUEST, read_image},
    {"ramdisk", IN_GUEST, read_ramdisk},
    {"bootargs", IN_GUEST, read_bootargs},
    {"args", IN_SERVICE | IN_EMULATION, read_args},
    {"memory", IN_ALL, read_memory},
    {"cpus", IN_GUEST, read_vcpus},
    {"cpu-affinity", IN_ALL, read_affinity},
    {"role", IN_SERVICE, read_role},
    {"schedules", IN_SERVICE, read_schedules},
    {"provides", IN_SERVICE | IN_GUEST, read_provides},
    {"uses", IN_ALL, read_uses},
    {"sends", IN_ALL, read_sends},
    {"devices", IN_ALL, read_devices},
    {"console", IN_ALL, read_console},
    {"fp", IN_SERVICE | IN_EMULATION, read_fp},
    {"start", IN_SERVICE | IN_GUEST, read_start},
    {"reserve", IN_SERVICE | IN_EMULATION, read_reserve},
    {"deadline-ms", IN_SERVICE | IN_EMULATION, read_deadline},
    {"starving-ms", IN_ALL, read_starving},
    {"limits-fall", IN_ALL, read_limits_fall},
    {NULL, 0, NULL},
};

static const struct property restart_properties[] = {
    {"limit", IN_ALL, read_limit},
    {"backoff-ms", IN_ALL, read_backoff},
    {"then", IN_ALL, read_then},
    {NULL, 0, NULL},
};

static const struct property quota_properties[] = {
    {"kernel-memory", IN_ALL, read_kernel_memory},
    {"refusals", IN_ALL, read_refusals},
    {"starving", IN_ALL, read_starving_max},
    {NULL, 0, NULL},
};

static void tell_unknown(struct reader *reader, const struct value *value,
                         const struct property *table, unsigned where)
{
    char allowed[256] = "", hint[SIMILAR_TEXT];
    struct similar similar;
    size_t used = 0;

    similar_begin(&similar, value->name);
    for (const struct property *p = table; p->name; p++)
        if ((p->where & where) && used < sizeof allowed - 1) {
            similar_offer(&similar, p->name);
            used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s",
                                     used ? ", " : "", p->name);
        }
    ERROR(reader, value, "unknown property%s, expected %s%s", similar_text(&similar, hint),
          used ? "one of " : "none", allowed);
}

/* Reads every property of a node by the table of what may stand there. */
static void read_properties(struct reader *reader, int node, const struct property *table,
                            unsigned where)
{
    const void *dtb = reader->config->dtb;
    int property;

    fdt_for_each_property_offset(property, dtb, node)
    {
        struct value value;
        const struct property *p = table;

        value.data = fdt_getprop_by_offset(dtb, property, &value.name, &value.bytes);
        if (!value.data || strcmp(value.name, "phandle") == 0)
            continue;
        if (fdt_getprop(dtb, node, value.name, NULL) != value.data) { /* finds the first */
            ERROR(reader, &value, "is there twice, expected once");
            continue;
        }
        while (p->name && (strcmp(p->name, value.name) != 0 || !(p->where & where)))
            p++;
        if (!p->name)
            tell_unknown(reader, &value, table, where);
        else
            p->read(reader, &value);
    }
}

/* Of nodes with one name only the first is read. */
static bool is_first(struct reader *reader, const char *path, int parent, int node)
{
    const void *dtb = reader->config->dtb;

    if (fdt_subnode_offset(dtb, parent, fdt_get_name(dtb, node, NULL)) == node)
        return true;
    config_error(reader->report, path, NULL, "is there twice, expected different names");
    return false;
}

static void read_subnode(struct reader *reader, int node, const char *name,
                         const struct property *table)
{
    struct reader inner = *reader;

    snprintf(inner.path, sizeof inner.path, "%.64s/%.64s", reader->path, name);
    read_properties(&inner, node, table, IN_ALL);

    int child;
    fdt_for_each_subnode(child, reader->config->dtb, node)
    {
        char path[sizeof inner.path];

        snprintf(path, sizeof path, "%.100s/%.50s", inner.path,
                 fdt_get_name(reader->config->dtb, child, NULL));
        config_error(reader->report, path, NULL, "unknown node, expected none");
    }
}

/* `rights`: a node per domain that something may be done to, or `self`. */

static const struct {
    const char *name;
    uint32_t right;
    bool self;
} right_names[] = {
    {"read", KEEL_RIGHT_READ, false},           {"write", KEEL_RIGHT_WRITE, false},
    {"serve", KEEL_RIGHT_SERVE, false},         {"calls", KEEL_RIGHT_CALLS, false},
    {"interrupt", KEEL_RIGHT_INTERRUPT, false}, {"vcpu", KEEL_RIGHT_VCPU, false},
    {"stop", KEEL_RIGHT_STOP, false},           {"watch", KEEL_RIGHT_WATCH, false},
    {"registers", KEEL_RIGHT_REGISTERS, false}, {"schedule", KEEL_RIGHT_SCHEDULE, true},
    {"audit", KEEL_RIGHT_AUDIT, true},          {"system", KEEL_RIGHT_SYSTEM, true},
};

/* Being read: the rights, then a window of each kind. */
struct right_reader {
    struct reader reader;
    bool self;
    bool allow; /* the property is there */
    struct config_right right;
    uint32_t nwindows;
    struct {
        uint64_t lo, hi;
    } window[CONFIG_RIGHTS_MAX];
};

/* The table's functions get the reader that starts a struct right_reader. */
static struct right_reader *right_reader(struct reader *reader)
{
    return (struct right_reader *)reader;
}

static void read_allow(struct reader *reader, const struct value *value)
{
    struct right_reader *rights = right_reader(reader);
    const char *string;

    rights->allow = true;
    for (int at = 0; next_string(reader, value, &at, &string);) {
        char hint[SIMILAR_TEXT];
        struct similar similar;
        uint32_t right = 0;

        similar_begin(&similar, string);
        for (size_t i = 0; i < sizeof right_names / sizeof right_names[0]; i++) {
            if (right_names[i].self != rights->self)
                continue;
            similar_offer(&similar, right_names[i].name);
            if (strcmp(string, right_names[i].name) == 0)
                right = right_names[i].right;
        }
        if (!right)
            ERROR(reader, value, "\"%s\" is unknown%s, expected %s", string,
                  similar_text(&similar, hint),
                  rights->self ? "schedule, audit or system"
                               : "read, write, serve, calls, interrupt, vcpu, stop, watch or "
                                 "registers");
        rights->right.rights |= right;
    }
}

static void read_window(struct reader *reader, const struct value *value)
{
    struct right_reader *rights = right_reader(reader);

    if (!is_cells(reader, value))
        return;
    if (value->bytes % 16 != 0) {
        ERROR(reader, value,
              "%d cells, expected four a window: <address-high address-low "
              "size-high size-low>",
              value->bytes / 4);
        return;
    }
    for (int i = 0; i < value->bytes / 4; i += 4) {
        uint64_t address = (uint64_t)cell(value, i) << 32 | cell(value, i + 1);
        uint64_t bytes = (uint64_t)cell(value, i + 2) << 32 | cell(value, i + 3);

        if (bytes == 0 || bytes > UINT64_MAX - address || (address | bytes) % KEEL_PAGE_SIZE)
            ERROR(reader, value, "window 0x%llx, 0x%llx: expected whole pages of 4K",
                  (unsigned long long)address, (unsigned long long)bytes);
        else if (rights->nwindows == CONFIG_RIGHTS_MAX)
            ERROR(reader, value, "too many windows, expected at most %d", CONFIG_RIGHTS_MAX);
        else {
            rights->window[rights->nwindows].lo = address;
            rights->window[rights->nwindows++].hi = address + bytes - 1;
        }
    }
}

static void read_interrupts(struct reader *reader, const struct value *value)
{
    struct config_right *right = &right_reader(reader)->right;

    right->irq_lo = right->irq_hi = 0; /* after a mistake: not missing, and nobody's */
    if (!is_cells(reader, value))
        return;
    if (value->bytes != 8 || cell(value, 0) > cell(value, 1) ||
        cell(value, 1) >= 32 + KEEL_SPIS_MAX) {
        ERROR(reader, value, "not a range, expected <first last> with last at most %d",
              32 + KEEL_SPIS_MAX - 1);
        return;
    }
    right->irq_lo = cell(value, 0);
    right->irq_hi = cell(value, 1);
}

static void read_right_cpus(struct reader *reader, const struct value *value)
{
    (void)read_cpus(reader, value, &right_reader(reader)->right.cpus);
}

static const struct property right_properties[] = {
    {"allow", IN_ALL, read_allow},
    {"memory", IN_ALL, read_window},
    {"interrupts", IN_ALL, read_interrupts},
    {"cpus", IN_ALL, read_right_cpus},
    {NULL, 0, NULL},
};

static void add_right(struct right_reader *rights)
{
    struct reader *reader = &rights->reader;
    struct config_domain *domain = reader->domain;

    if (domain->nrights == CONFIG_RIGHTS_MAX) {
        config_error(reader->report, reader->path, NULL,
                     "too many rights and windows, expected at most %d in all", CONFIG_RIGHTS_MAX);
        return;
    }
    domain->rights[domain->nrights++] = rights->right;
}

static void read_right(struct reader *reader, int node, const char *name)
{
    const struct config *config = reader->config;
    struct right_reader rights = {.reader = *reader};
    struct config_right *right = &rights.right;

    snprintf(rights.reader.path, sizeof rights.reader.path, "%.64s/rights/%.64s", reader->path,
             name);
    rights.self = strcmp(name, "self") == 0;
    right->target =
        rights.self ? (uint16_t)(reader->domain - config->domain) : config_find(config, name);
    if (right->target == CONFIG_NONE) {
        char hint[SIMILAR_TEXT];

        config_error(reader->report, rights.reader.path, NULL,
                     "there is no \"%s\"%s, expected the name of a service or guest, or self", name,
                     similar_domain(config, name, hint));
        return;
    }
    if (!rights.self && (right->target == KEEL_DOMAIN_BUILDER ||
                         right->target == reader->domain - config->domain)) {
        config_error(
            reader->report, rights.reader.path, NULL,
            "nobody has such rights over the builder, or over itself by its name, expected "
            "another service or guest, or self");
        return;
    }
    right->irq_lo = 1; /* none */
    right->cpus = config_all_cpus(config);
    read_properties(&rights.reader, node, right_properties, IN_ALL);

    bool needs_window = (right->rights & KEEL_RIGHT_SERVE) != 0;
    if (!rights.allow)
        config_error(reader->report, rights.reader.path, "allow", "missing, expected rights");
    if (needs_window && rights.nwindows == 0)
        config_error(reader->report, rights.reader.path, "memory",
                     "missing, expected the window of addresses to serve");
    if ((right->rights & KEEL_RIGHT_INTERRUPT) && right->irq_lo > right->irq_hi)
        config_error(reader->report, rights.reader.path, "interrupts",
                     "missing, expected the range <first last>");
    if (rights.nwindows == 0) {
        right->memory_hi = UINT64_MAX;
        if (!(right->rights & (KEEL_RIGHT_READ | KEEL_RIGHT_WRITE))) {
            right->memory_lo = KEEL_PAGE_SIZE; /* none */
            right->memory_hi = KEEL_PAGE_SIZE - 1;
        }
        add_right(&rights);
    }
    for (uint32_t i = 0; i < rights.nwindows; i++) {
        right->memory_lo = rights.window[i].lo;
        right->memory_hi = rights.window[i].hi;
        add_right(&rights);
        right->rights &= KEEL_RIGHT_READ | KEEL_RIGHT_WRITE | KEEL_RIGHT_SERVE;
        right->irq_lo = 1; /* the first edge has what needs no window */
        right->irq_hi = 0;
    }
}

static void read_rights(struct reader *reader, int node)
{
    const void *dtb = reader->config->dtb;
    static const struct property none[] = {{NULL, 0, NULL}};
    struct reader inner = *reader;
    int child;

    snprintf(inner.path, sizeof inner.path, "%.64s/rights", reader->path);
    read_properties(&inner, node, none, IN_ALL);
    fdt_for_each_subnode(child, dtb, node)
    {
        const char *name = fdt_get_name(dtb, child, NULL);

        snprintf(inner.path, sizeof inner.path, "%.64s/rights/%.64s", reader->path, name);
        if (is_first(&inner, inner.path, node, child))
            read_right(reader, child, name);
    }
}

/* Domains. */

static void read_domain(struct reader *reader, uint16_t id, int node);

static void tell_unknown_node(struct reader *reader, const char *path, const char *name, bool guest)
{
    static const char *const names[] = {"restart", "quota", "rights", "emulation"};
    char hint[SIMILAR_TEXT];
    struct similar similar;

    similar_begin(&similar, name);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (i != (guest ? 2 : 3))
            similar_offer(&similar, names[i]);
    config_error(reader->report, path, NULL, "unknown node%s, expected %s",
                 similar_text(&similar, hint),
                 guest ? "restart, quota or emulation" : "restart, quota or rights");
}

static void read_domain_subnodes(struct reader *reader, int node)
{
    const struct config *config = reader->config;
    int child;

    fdt_for_each_subnode(child, config->dtb, node)
    {
        const char *name = fdt_get_name(config->dtb, child, NULL);
        bool guest = reader->domain->kind == CONFIG_GUEST;
        char path[sizeof reader->path];

        snprintf(path, sizeof path, "%.64s/%.64s", reader->path, name);
        if (!is_first(reader, path, node, child))
            continue;
        if (strcmp(name, "restart") == 0)
            read_subnode(reader, child, name, restart_properties);
        else if (strcmp(name, "quota") == 0)
            read_subnode(reader, child, name, quota_properties);
        else if (strcmp(name, "rights") == 0 && !guest)
            read_rights(reader, child);
        else if (strcmp(name, "emulation") == 0 && guest)
            read_domain(reader, reader->domain->pair, child);
        else
            tell_unknown_node(reader, path, name, guest);
    }
}

/* The path of the domain, its properties, its nodes. */
static void read_domain(struct reader *outer, uint16_t id, int node)
{
    struct reader reader = *outer;

    reader.domain = &reader.config->domain[id];
    reader.domain->node = node;
    config_path(reader.config, id, reader.path, sizeof reader.path);

    unsigned where = reader.domain->kind == CONFIG_GUEST       ? IN_GUEST
                     : reader.domain->kind == CONFIG_EMULATION ? IN_EMULATION
                                                               : IN_SERVICE;
    read_properties(&reader, node, domain_properties, where);
    read_domain_subnodes(&reader, node);
}

static void domain_defaults(const struct config *config, struct config_domain *domain)
{
    domain->pair = CONFIG_NONE;
    domain->cpus = config_all_cpus(config);
    domain->console = true;
    domain->vcpus = 1;
    domain->memory = domain->kind == CONFIG_GUEST ? 0 : KEEL_BLOCK_SIZE / 2;
    domain->restart = (struct config_restart){.limit = 10, .then = CONFIG_THEN_STOP};
    domain->deadline_ms = DEADLINE_MS;
    domain->starving_ms = STARVING_MS;
}

static bool is_name(const char *name)
{
    size_t length = strlen(name);

    if (length < 1 || length > CONFIG_DOMAIN_NAME_MAX)
        return false;
    for (; *name; name++)
        if (!(*name >= 'a' && *name <= 'z') && !(*name >= 'A' && *name <= 'Z') &&
            !(*name >= '0' && *name <= '9') && *name != '-' && *name != '_')
            return false;
    return true;
}

static struct config_domain *add_domain(struct config *config, enum config_kind kind, int node)
{
    struct config_domain *domain = &config->domain[config->ndomains++];

    domain->kind = kind;
    domain->node = node;
    domain_defaults(config, domain);
    return domain;
}

/* One node below the root: gives it, and the emulation that it needs, their ids. */
static void add_node(struct reader *reader, int node)
{
    struct config *config = reader->config;
    const char *name = fdt_get_name(config->dtb, node, NULL);
    const char *compatible = fdt_stringlist_get(config->dtb, node, "compatible", 0, NULL);
    char path[128];

    snprintf(path, sizeof path, "/%s", name);
    if (!is_name(name) || strcmp(name, "builder") == 0 || strcmp(name, "self") == 0) {
        config_error(reader->report, path, NULL,
                     "cannot be a name, expected 1 to %d letters, digits, - or _, and not builder "
                     "or self",
                     CONFIG_DOMAIN_NAME_MAX);
        return;
    }
    if (config_find(config, name) != CONFIG_NONE) {
        config_error(reader->report, path, NULL, "is there twice, expected different names");
        return;
    }
    bool guest = compatible && strcmp(compatible, "keel,guest") == 0;
    if (!guest && (!compatible || strcmp(compatible, "keel,service") != 0)) {
        config_error(reader->report, path, "compatible",
                     "%s, expected \"keel,service\" or \"keel,guest\"",
                     compatible ? "unknown" : "missing");
        return;
    }
    if (config->ndomains + (guest ? 2 : 1) > KEEL_DOMAINS_MAX) {
        config_error(reader->report, path, NULL,
                     "too many domains, expected at most %d, those that are derived included",
                     KEEL_DOMAINS_MAX);
        return;
    }

    uint16_t id = (uint16_t)config->ndomains;
    struct config_domain *domain = add_domain(config, guest ? CONFIG_GUEST : CONFIG_SERVICE, node);
    strcpy(domain->name, name);
    if (guest) {
        struct config_domain *emulation = add_domain(config, CONFIG_EMULATION, 0);

        snprintf(emulation->name, sizeof emulation->name, "%s.devices", name);
        emulation->image = "devices";
        emulation->pair = id;
        domain->pair = (uint16_t)(id + 1);
    } else if (strcmp(name, "console") == 0) {
        domain->role = CONFIG_ROLE_CONSOLE;
    } else if (strcmp(name, "scheduler") == 0) {
        domain->role = CONFIG_ROLE_SCHEDULER;
    }
}

static void read_platform_name(struct reader *reader, const struct value *value)
{
    struct config *config = reader->config;
    const char *name;
    bool known;

    if (!read_string(reader, value, 64, &name))
        return;
    config->platform_name = name;
    if (!config_platform_is(&config->platform, name, &known))
        ERROR(reader, value, "\"%s\" %s, expected %s", name,
              known ? "is not this machine" : "is unknown",
              known ? "the platform that this system was written for"
                    : "qemu-virt, qemu-sbsa or zcu102");
}

static void read_system_compatible(struct reader *reader, const struct value *value)
{
    if (fdt_node_check_compatible(reader->config->dtb, 0, "keel,system") != 0)
        ERROR(reader, value, "no Keel system, expected \"keel,system\"");
}

static const struct property root_properties[] = {
    {"compatible", IN_ALL, read_system_compatible},
    {"platform", IN_ALL, read_platform_name},
    {NULL, 0, NULL},
};

static void read_root(struct reader *reader)
{
    struct config *config = reader->config;
    int node;

    strcpy(reader->path, "/");
    read_properties(reader, 0, root_properties, IN_ALL);
    if (!fdt_getprop(config->dtb, 0, "compatible", NULL))
        config_error(reader->report, "/", "compatible", "missing, expected \"keel,system\"");
    if (!fdt_getprop(config->dtb, 0, "platform", NULL))
        config_error(reader->report, "/", "platform", "missing, expected a name like qemu-virt");

    struct config_domain *builder = add_domain(config, CONFIG_BUILDER, 0);
    strcpy(builder->name, "builder");
    builder->image = "builder";
    fdt_for_each_subnode(node, config->dtb,
                         0) if (strcmp(fdt_get_name(config->dtb, node, NULL), "__symbols__") != 0)
        add_node(reader, node);
}

bool config_read(struct config *config, const void *dtb, size_t bytes,
                 const struct config_platform *platform, struct config_report *report)
{
    struct reader reader = {.config = config, .report = report};
    unsigned errors = report->errors;
    const char *wrong = config_tree_check(dtb, bytes);

    memset(config, 0, sizeof *config);
    config->dtb = dtb;
    config->platform = *platform;
    config->console = CONFIG_NONE;
    config->scheduler = CONFIG_NONE;
    if (wrong)
        config_error(report, "/", NULL, "not a device tree (%s), expected what dtc writes", wrong);
    if (bytes > CONFIG_TREE_MAX)
        config_error(report, "/", NULL, "%zu bytes are too many, expected at most %dK", bytes,
                     CONFIG_TREE_MAX >> 10);
    if (wrong || bytes > CONFIG_TREE_MAX)
        return false;
    read_root(&reader);
    for (uint16_t id = 1; id < config->ndomains; id++)
        if (config->domain[id].kind != CONFIG_EMULATION)
            read_domain(&reader, id, config->domain[id].node);
    config_check(config, report);
    return report->errors == errors;
}

uint16_t config_find(const struct config *config, const char *name)
{
    for (uint16_t id = 0; id < config->ndomains; id++)
        if (strcmp(config->domain[id].name, name) == 0)
            return id;
    return CONFIG_NONE;
}

void config_path(const struct config *config, uint16_t id, char *path, size_t size)
{
    const struct config_domain *domain = &config->domain[id];

    if (domain->kind == CONFIG_EMULATION)
        snprintf(path, size, "/%s/emulation", config->domain[domain->pair].name);
    else
        snprintf(path, size, "/%s", id == 0 ? "" : domain->name);
}

void config_error_in(const struct config *config, struct config_report *report, uint16_t id,
                     const char *property, const char *format, ...)
{
    char path[128];
    va_list arguments;

    config_path(config, id, path, sizeof path);
    va_start(arguments, format);
    config_error_v(report, path, property, format, arguments);
    va_end(arguments);
}

void config_right_path(const struct config *config, uint16_t id, uint16_t target, char *path,
                       size_t size)
{
    char holder[64];

    config_path(config, id, holder, sizeof holder);
    snprintf(path, size, "%s/rights/%s", holder,
             target == id ? "self" : config->domain[target].name);
}
