/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder: domain 0, the only one that the kernel starts. Reads what the loader left, checks
 * the configuration, builds every domain, seals the authority, lets them run; then supervises.
 */
#include "begin.h"
#include "build.h"
#include "bundle.h"
#include "memory.h"
#include "random.h"
#include "supervise.h"

#include <keel/calls.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define SYSTEM_NAME "system.dtb"

/* What the platform's boot arguments ask for: `keel.authority` (or `authority`): print the sealed
 * table and switch off. */
static bool authority_wanted;

/* Off says that all went well. */
static _Noreturn void end(bool well)
{
    fflush(stdout);
    for (;;)
        keel_system_off(!well);
}

static _Noreturn void refuse(const char *what, const char *wrong)
{
    printf("builder: %s: %s\n", what, wrong);
    end(false);
}

static void tell(void *context, const char *node, const char *property, const char *message)
{
    char line[400];

    (void)context;
    config_error_line(line, sizeof line, node, property, message);
    printf("builder: %s\n", line);
}

static struct config_report report = {.tell = tell};

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = text; (at = strstr(at, word)); at += length)
        if ((at == text || at[-1] == ' ') && (at[length] == '\0' || at[length] == ' '))
            return true;
    return false;
}

static void read_platform(struct config_platform *platform)
{
    const struct keel_boot *boot = begin_boot();
    const void *dtb = (const void *)KEEL_BUILDER_DTB_VA;

    if (!config_platform_read(platform, dtb, boot->dtb_bytes, &report))
        end(false);
    platform->bundle = boot->bundle_bytes;
    platform->cpus = begin_cpus(); /* not those that did not start */
    if (platform->chosen < 0)
        return;
    random_init(dtb, platform->chosen);

    const char *bootargs = fdt_getprop(dtb, platform->chosen, "bootargs", NULL);
    authority_wanted =
        bootargs && (has_word(bootargs, "keel.authority") || has_word(bootargs, "authority"));
}

/* The boot log: what this system is made of. */
static void log_modules(void)
{
    char text[SHA256_TEXT];

    for (uint32_t i = 0; i < bundle_modules() && !authority_wanted; i++) {
        const struct bundle_module *module = bundle_module(i);

        sha256_text(module->digest, text);
        printf("builder: sha256 %s %9zu %s\n", text, module->file.bytes, module->file.name);
    }
}

static void read_system(const struct config_platform *platform)
{
    const char *wrong =
        bundle_open((const uint8_t *)KEEL_BUILDER_BUNDLE_VA, begin_boot()->bundle_bytes);

    if (wrong)
        refuse("bundle", wrong);
    log_modules();

    /* libfdt wants alignment, cpio gives 4 bytes. */
    static _Alignas(8) uint8_t tree[CONFIG_TREE_MAX];
    const struct bundle_module *module = bundle_find(SYSTEM_NAME);
    if (!module)
        refuse("bundle", "there is no " SYSTEM_NAME ", expected the configuration");
    if (module->file.bytes > sizeof tree)
        refuse("bundle", SYSTEM_NAME " is too large, expected at most 128K");
    memcpy(tree, module->file.data, module->file.bytes);
    bool right = config_read(&builder_system.config, tree, module->file.bytes, platform, &report) &&
                 authority_derive(&builder_system.authority, &builder_system.config, &report);
    if (!build_check(right, &report) || !right)
        end(false);
}

static bool starts_at_boot(uint16_t id)
{
    return !builder_system.config.domain[id].later;
}

static bool is_guest(uint16_t id)
{
    return builder_system.config.domain[id].kind == CONFIG_GUEST;
}

/* All of them: the seal fixes what a domain is, also of one that starts later. */
static void create_all(void)
{
    for (uint16_t id = 1; id < builder_system.config.ndomains; id++)
        if (!build_create(id))
            end(false);
}

/* Does one step for every domain of the kind that starts at boot. */
static void for_each(bool guests, bool (*step)(uint16_t id))
{
    for (uint16_t id = 1; id < builder_system.config.ndomains; id++)
        if (starts_at_boot(id) && is_guest(id) == guests && !step(id))
            end(false);
}

static bool run(uint16_t id)
{
    supervise_started(id);
    return build_run(id);
}

/* From here on the builder's words go where everybody's go; the kernel's console stays for when
 * nobody listens. */
static void use_console(void)
{
    static struct keel_connection connection[AUTHORITY_CONNECTIONS_MAX];
    uint32_t n = authority_connections(&builder_system.authority, &builder_system.config,
                                       KEEL_DOMAIN_BUILDER, connection);

    for (uint32_t i = 0; i < n; i++)
        if (connection[i].port == KEEL_PORT_CONSOLE)
            begin_console(&connection[i]);
}

static bool read_edge(void *context, uint16_t domain, uint16_t index, struct keel_edge *edge)
{
    (void)context;
    return keel_edge_read(domain, index, edge) >= 0;
}

static void print_line(void *context, const char *line)
{
    (void)context;
    puts(line);
}

static _Noreturn void print_authority(void)
{
    const struct authority_source source = {.read = read_edge};
    const struct authority_sink sink = {.line = print_line};

    authority_print(&builder_system.config, &source, &sink);
    end(true);
}

static void seal(void)
{
    int64_t status = keel_authority_seal();

    if (status < 0)
        refuse("authority_seal", strerror((int)-status));
    if (authority_wanted)
        print_authority();
}

int main(void)
{
    struct config_platform platform;

    read_platform(&platform);
    read_system(&platform);
    if (!build_reserve() || !build_edges())
        end(false);
    if (authority_wanted)
        seal();
    if (!supervise_begin())
        end(false);

    create_all();
    for_each(false, build_fill);
    printf("builder: %u domains, %llu KiB left\n", builder_system.config.ndomains,
           (unsigned long long)(memory_free_pages() << (KEEL_PAGE_SHIFT - 10)));
    for_each(false, run);
    seal();
    for_each(true, build_fill);
    for_each(true, run);
    use_console();
    supervise_run();
}
