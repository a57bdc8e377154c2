/* SPDX-License-Identifier: Apache-2.0 */
/* Building domains (see build.h): what program.c and guest.c lay out, in calls. */
#include "build.h"

#include "begin.h"
#include "bundle.h"
#include "memory.h"
#include "random.h"
#include "window.h"

#include <image/check.h>
#include <image/program.h>
#include <image/tree.h>
#include <keel/calls.h>
#include <keel/machine.h>
#include <stdio.h>
#include <string.h>

#define DESTROY_STEPS_MAX 10000000u

struct system builder_system;

/* Physical memory, by domain: for the kernel's use, and for its own. */
static struct {
    struct memory_runs kernel, own;
} reserved[KEEL_DOMAINS_MAX];

/* The vault that is on its way from one life to the next; and of each service's vault: */
static uint8_t vault[KEEL_VAULT_BYTES_MAX];
static uint16_t vault_owner; /* 0: nothing is kept */
static struct {
    uint64_t bytes;
    uint32_t lives; /* that its contents have passed through */
} vaults[KEEL_DOMAINS_MAX];

static keel_peer peer_of(uint16_t id)
{
    return KEEL_PEER(id, builder_system.incarnation[id]);
}

static bool told(uint16_t id, const char *property, const char *wrong)
{
    char path[64], line[256];

    config_path(&builder_system.config, id, path, sizeof path);
    config_error_line(line, sizeof line, path, property, wrong);
    printf("builder: %s\n", line);
    return false;
}

/* Whether a call of the kernel's succeeded. */
static bool done(uint16_t id, const char *call, int64_t status)
{
    char text[96];

    if (status >= 0)
        return true;
    snprintf(text, sizeof text, "the kernel refused %s: %s", call, strerror((int)-status));
    return told(id, NULL, text);
}

/* Everything that can be known before the first call. */

static const char *bundle_file(void *context, uint32_t number, const uint8_t **data, size_t *bytes)
{
    (void)context;
    if (number >= bundle_modules())
        return NULL;

    const struct cpio_file *file = &bundle_module(number)->file;
    *data = file->data;
    *bytes = file->bytes;
    return file->name;
}

bool build_check(bool derived, struct config_report *report)
{
    const struct image_source source = {.file = bundle_file};

    return image_check(&builder_system.config, derived ? &builder_system.authority : NULL, &source,
                       report);
}

/* Memory. */

static bool reserve(uint16_t id)
{
    const struct config_domain *domain = &builder_system.config.domain[id];
    unsigned order = domain->kind == CONFIG_GUEST ? KEEL_BLOCK_ORDER : 0;
    char text[96];

    if (memory_take(domain->memory >> KEEL_PAGE_SHIFT, order, &reserved[id].own) &&
        memory_take(domain->kernel_pages, 0, &reserved[id].kernel))
        return true;
    snprintf(text, sizeof text, "%lluM asked for, expected at most what is free, %lluM in all",
             (unsigned long long)(domain->memory >> 20),
             (unsigned long long)(memory_free_pages() >> (20 - KEEL_PAGE_SHIFT)));
    return told(id, "memory", text);
}

bool build_reserve(void)
{
    const struct config *config = &builder_system.config;
    bool fits = true;

    /* Guests first: theirs must be large and aligned. */
    for (uint16_t id = 1; id < config->ndomains && fits; id++)
        if (config->domain[id].kind == CONFIG_GUEST)
            fits = reserve(id);
    for (uint16_t id = 1; id < config->ndomains && fits; id++)
        if (config->domain[id].kind != CONFIG_GUEST)
            fits = reserve(id);
    return fits;
}

static bool scrub(uint16_t id, const struct memory_runs *runs)
{
    for (uint32_t i = 0; i < runs->count; i++)
        if (!done(id, "memory_scrub", window_scrub(runs->run[i].pa, runs->run[i].pages)))
            return false;
    return true;
}

/* Authority. */

/* The builder's own edges lead to every domain there could be: what the table does not say goes. */
static bool own_edges(void)
{
    const struct authority *authority = &builder_system.authority;
    uint32_t n = authority->nedges[KEEL_DOMAIN_BUILDER];

    for (uint32_t i = 0; i < KEEL_EDGES_MAX; i++) {
        struct keel_edge edge = {.rights = 0};

        if (i < n)
            edge = authority->edge[KEEL_DOMAIN_BUILDER][i].edge;
        if (i == 0)
            edge.rights |= KEEL_RIGHT_BUILD; /* until the seal: to set the others */
        if (!done(KEEL_DOMAIN_BUILDER, "edge_set", keel_edge_set(BUILDER_SELF, i, &edge)))
            return false;
    }
    return true;
}

bool build_edges(void)
{
    const struct authority *authority = &builder_system.authority;

    for (uint16_t id = 1; id < builder_system.config.ndomains; id++)
        for (uint32_t i = 0; i < authority->nedges[id]; i++) {
            char call[32];

            snprintf(call, sizeof call, "edge_set (edge %u)", i);
            if (!done(id, call, keel_edge_set(KEEL_PEER(id, 0), i, &authority->edge[id][i].edge)))
                return false;
        }
    return own_edges();
}

/* Lives. */

bool build_create(uint16_t id)
{
    const struct config_domain *domain = &builder_system.config.domain[id];
    bool guest = domain->kind == CONFIG_GUEST;
    struct keel_domain_params params = {
        .kind = guest ? KEEL_DOMAIN_MACHINE : KEEL_DOMAIN_USER,
        .flags = (domain->fp ? KEEL_DOMAIN_FP : 0u) |
                 (domain->limits_fall ? KEEL_DOMAIN_LIMITS_FALL : 0u),
        .vcpus = domain->vcpus,
        .spis = domain->spis,
        .cpus = domain->cpus,
        .reserve_budget = domain->reserve_budget_us * 1000,
        .reserve_period = domain->reserve_period_us * 1000,
        .reserve_delay = domain->reserve_delay_us * 1000,
        .refusals_max = domain->refusals_max,
        .patience = (uint8_t)(domain->starving_ms / KEEL_PATIENCE_MS),
    };

    snprintf(params.name, sizeof params.name, "%.15s", domain->name);
    int64_t status = keel_domain_create(peer_of(id), &params);
    if (status > 0)
        builder_system.incarnation[id] = (uint32_t)status;
    return done(id, "domain_create", status);
}

static bool give_pool(uint16_t id)
{
    const struct memory_runs *runs = &reserved[id].kernel;

    for (uint32_t i = 0; i < runs->count; i++)
        if (!done(id, "memory_pool",
                  keel_memory_pool(peer_of(id), runs->run[i].pa, runs->run[i].pages)))
            return false;
    return true;
}

/* A module of the bundle that is what it was at boot. */
static const struct bundle_module *module(uint16_t id, const char *property, const char *name)
{
    const struct bundle_module *found = bundle_find(name);
    char text[200];

    if (!found)
        snprintf(text, sizeof text, "there is no \"%s\" in the bundle, expected one of its files",
                 name);
    else if (builder_system.incarnation[id] > 1 &&
             !bundle_intact(found)) /* the log is new at first */
        snprintf(text, sizeof text, "\"%s\" has changed since boot", name);
    else
        return found;
    (void)told(id, property, text);
    return NULL;
}

/* Vaults. */

void build_keep_vault(uint16_t from, uint16_t to)
{
    uint64_t kept = 0;

    vault_owner = 0;
    while (kept < vaults[from].bytes) {
        const struct keel_copy copy = {.here = (uint64_t)(uintptr_t)&vault[kept],
                                       .there = KEEL_VAULT_VA + kept,
                                       .bytes = vaults[from].bytes - kept};
        uint64_t part = 0;
        int64_t status = keel_copy_from(peer_of(from), &copy, 1, &part);

        if (status < 0 || (status == 0 && part == 0)) {
            (void)done(from, "copy_from (vault)", status < 0 ? status : -KEEL_EIO);
            return;
        }
        kept = status == 1 ? vaults[from].bytes : kept + part;
    }
    if (kept == 0)
        return;
    vault_owner = to;
    vaults[to] = vaults[from];
}

/* Services. */

/* One part of an address space, from the first frames of *runs, which are taken out of it. */
static bool give_part(uint16_t id, const struct program_part *part, struct memory_runs *runs)
{
    const struct guest_piece piece = {
        .ipa = part->address + part->skip,
        .data = part->data,
        .bytes = part->data_bytes,
    };
    uint64_t address = part->address;
    uint64_t left = part->pages;

    for (uint32_t i = 0; i < runs->count && left; i++) {
        struct memory_run *run = &runs->run[i];
        uint64_t n = run->pages < left ? run->pages : left;
        int64_t status =
            n == 0       ? 0
            : part->data ? window_fill(peer_of(id), run->pa, address, 0, n, part->perm, &piece, 1)
                         : window_map(peer_of(id), run->pa, address, 0, n, part->perm);

        if (!done(id, part->data ? "memory_donate" : "memory_map", status))
            return false;
        run->pa += n << KEEL_PAGE_SHIFT;
        run->pages -= n;
        address += n << KEEL_PAGE_SHIFT;
        left -= n;
    }
    return true;
}

/* The registers of the service's devices, where its start block says. */
static bool give_devices(uint16_t id, const struct program *program)
{
    const struct authority *authority = &builder_system.authority;
    uint32_t n = 0;

    for (uint32_t i = 0; i < authority->nedges[id]; i++) {
        const struct keel_edge *edge = &authority->edge[id][i].edge;

        if (!(edge->rights & KEEL_RIGHT_DEVICE))
            continue;
        const struct keel_device *device = &program->device[n++];
        if (device->bytes && !done(id, "memory_map (device)",
                                   window_map(peer_of(id), edge->memory_lo, device->address, 0,
                                              device->bytes >> KEEL_PAGE_SHIFT,
                                              KEEL_PERM_READ | KEEL_PERM_WRITE | KEEL_PERM_DEVICE)))
            return false;
    }
    return true;
}

static bool fill_service(uint16_t id)
{
    static struct program program;
    const struct config_domain *domain = &builder_system.config.domain[id];
    struct program_life life = {
        .incarnation = builder_system.incarnation[id],
        .incarnations = builder_system.incarnation,
        .vault = vault_owner == id ? vault : NULL,
        .vault_bytes = vaults[id].bytes,
        .vault_lives = vaults[id].lives + 1,
    };
    const struct bundle_module *image = module(id, "image", domain->image);
    const char *property, *wrong;

    if (!image)
        return false;
    random_bytes(life.random, sizeof life.random);
    wrong = program_layout(&program, &builder_system.config, &builder_system.authority, id,
                           image->file.data, image->file.bytes, &life, &property);
    if (wrong)
        return told(id, property, wrong);
    vaults[id].bytes = program.vault_bytes;
    vaults[id].lives = vault_owner == id ? vaults[id].lives + 1 : 0;
    vault_owner = 0;
    if (!scrub(id, &reserved[id].own))
        return false;

    struct memory_runs runs = reserved[id].own;
    for (uint32_t i = 0; i < program.nparts; i++)
        if (!give_part(id, &program.part[i], &runs))
            return false;
    if (!give_devices(id, &program))
        return false;
    const struct keel_registers registers = {.pc = program.entry, .sp = program.sp};
    return done(id, "vcpu_write", keel_vcpu_write(peer_of(id), 0, &registers));
}

/* Guests. */

static bool has_piece(const struct guest_image *image, uint64_t ipa, uint64_t bytes)
{
    for (uint32_t i = 0; i < image->npieces; i++)
        if (image->piece[i].ipa < ipa + bytes && ipa < image->piece[i].ipa + image->piece[i].bytes)
            return true;
    return false;
}

/* Blocks from `ipa`: up to `most` alike, that is, all with contents or all without. */
static uint64_t alike(const struct guest_image *image, uint64_t ipa, uint64_t most)
{
    bool full = has_piece(image, ipa, KEEL_BLOCK_SIZE);
    uint64_t n = 1;

    while (n < most && has_piece(image, ipa + n * KEEL_BLOCK_SIZE, KEEL_BLOCK_SIZE) == full)
        n++;
    return n;
}

static bool give_ram(uint16_t id, const struct guest_image *image)
{
    const uint32_t perm = KEEL_PERM_READ | KEEL_PERM_WRITE | KEEL_PERM_EXEC;
    uint64_t ipa = KEEL_MACHINE_RAM;

    for (uint32_t i = 0; i < reserved[id].own.count; i++) {
        uint64_t pa = reserved[id].own.run[i].pa;
        uint64_t blocks = reserved[id].own.run[i].pages >> KEEL_BLOCK_ORDER;

        while (blocks) {
            uint64_t n = alike(image, ipa, blocks);
            int64_t status = has_piece(image, ipa, KEEL_BLOCK_SIZE)
                                 ? window_fill(peer_of(id), pa, ipa, KEEL_BLOCK_ORDER, n, perm,
                                               image->piece, image->npieces)
                                 : window_map(peer_of(id), pa, ipa, KEEL_BLOCK_ORDER, n, perm);

            if (!done(id, "memory_map", status))
                return false;
            blocks -= n;
            pa += n * KEEL_BLOCK_SIZE;
            ipa += n * KEEL_BLOCK_SIZE;
        }
    }
    return true;
}

/* Devices that are passed through appear where they are. */
static bool give_machine_devices(uint16_t id)
{
    const struct authority *authority = &builder_system.authority;

    for (uint32_t i = 0; i < authority->nedges[id]; i++) {
        const struct keel_edge *edge = &authority->edge[id][i].edge;

        if (!(edge->rights & KEEL_RIGHT_DEVICE) || edge->memory_lo > edge->memory_hi)
            continue;
        if (!done(id, "memory_map (device)",
                  window_map(peer_of(id), edge->memory_lo, edge->memory_lo, 0,
                             (edge->memory_hi - edge->memory_lo + 1) >> KEEL_PAGE_SHIFT,
                             KEEL_PERM_READ | KEEL_PERM_WRITE | KEEL_PERM_DEVICE)))
            return false;
    }
    return true;
}

static bool guest_image_make(uint16_t id, struct guest_image *image)
{
    static uint8_t tree[GUEST_TREE_MAX];
    const struct config_domain *domain = &builder_system.config.domain[id];
    const struct bundle_module *kernel = module(id, "kernel", domain->image);
    const struct bundle_module *ramdisk = NULL;
    struct guest_file kernel_file, ramdisk_file = {.data = NULL};
    uint8_t seed[TREE_SEED_BYTES];
    const char *property, *wrong;

    if (domain->ramdisk)
        ramdisk = module(id, "ramdisk", domain->ramdisk);
    if (!kernel || (domain->ramdisk && !ramdisk))
        return false;
    kernel_file = (struct guest_file){.data = kernel->file.data, .bytes = kernel->file.bytes};
    if (ramdisk)
        ramdisk_file =
            (struct guest_file){.data = ramdisk->file.data, .bytes = ramdisk->file.bytes};
    wrong = guest_layout(image, domain->memory, &kernel_file, &ramdisk_file, &property);
    if (wrong)
        return told(id, property, wrong);

    random_bytes(seed, sizeof seed);
    size_t bytes = tree_write(tree, sizeof tree, &builder_system.config, &builder_system.authority,
                              id, image, seed);
    if (bytes == 0)
        return told(id, "devices", TREE_TOO_LARGE);
    guest_add_tree(image, tree, bytes);
    return true;
}

static bool fill_guest(uint16_t id)
{
    static struct guest_image image;
    struct keel_registers registers = {.pc = 0};

    if (!guest_image_make(id, &image))
        return false;
    if (!scrub(id, &reserved[id].own) || !give_ram(id, &image) || !give_machine_devices(id))
        return false;
    registers.pc = image.entry;
    registers.x[0] = image.dtb;
    return done(id, "vcpu_write", keel_vcpu_write(peer_of(id), 0, &registers));
}

bool build_fill(uint16_t id)
{
    bool guest = builder_system.config.domain[id].kind == CONFIG_GUEST;

    return scrub(id, &reserved[id].kernel) && give_pool(id) &&
           (guest ? fill_guest(id) : fill_service(id)) &&
           done(id, "domain_seal", keel_domain_seal(peer_of(id)));
}

bool build_run(uint16_t id)
{
    return done(id, "domain_run", keel_domain_run(peer_of(id)));
}

bool build_destroy(uint16_t id)
{
    int64_t status = -KEEL_EAGAIN;

    for (uint32_t i = 0; i < DESTROY_STEPS_MAX && status == -KEEL_EAGAIN; i++)
        status = keel_domain_destroy(peer_of(id));
    return done(id, "domain_destroy", status);
}
