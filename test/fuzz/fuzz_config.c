/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A system's configuration, as checker and builder read it: what is refused has been told in one
 * clear line for each mistake; what is accepted fits the builder, and the kernel takes every edge.
 */
#include "fuzz.h"
#include "kernel_authority.h"
#include "tree_mutator.h"

#include <config/authority.h>
#include <config/groups.h>
#include <elf.h>
#include <image/check.h>
#include <image/program.h>
#include <image/tree.h>
#include <keel/boot.h>
#include <keel/machine.h>
#include <libfdt.h>

#define ADDRESSES (1ull << 39) /* of a domain's address space */

static const char *const words[] = {
    "a",
    "b",
    "console",
    "scheduler",
    "linux1",
    "linux1.devices",
    "builder",
    "self",
    "emulation",
    "rights",
    "restart",
    "quota",
    "compatible",
    "keel,system",
    "keel,service",
    "keel,guest",
    "platform",
    "qemu-virt",
    "zcu102",
    "image",
    "kernel",
    "ramdisk",
    "bootargs",
    "args",
    "memory",
    "cpus",
    "cpu-affinity",
    "role",
    "schedules",
    "provides",
    "uses",
    "sends",
    "devices",
    "fp",
    "start",
    "reserve",
    "deadline-ms",
    "limit",
    "backoff-ms",
    "then",
    "kernel-memory",
    "allow",
    "interrupts",
    "read",
    "write",
    "serve",
    "calls",
    "interrupt",
    "vcpu",
    "stop",
    "watch",
    "registers",
    "schedule",
    "scheduler",
    "scheduler-null",
    "audit",
    "system",
    "none",
    "boot",
    "later",
    "halt",
    "reset",
    "b:7",
    "b:0x10",
    "console:256",
    "64K",
    "2M",
    "16M",
    "512M",
    "10%",
    "1G+10%",
    "min:4M,50%",
    "max:1T,100%",
    "128K",
    "/pl011@9000000",
    "serial0",
    "/pl031@9010000",
    "/pl061@9030000",
    "/virtio@a000000",
    "/virtio@a000200",
    "/two@b010000",
    "/many@b100000",
    "/bus@c000000/inner@1000",
    "/high@8000000000",
    "/reserved-memory/firmware@50000000",
    "weight.a=3",
    "phandle",
    "__symbols__",
    "hello.bin",
};

const struct tree_words tree_words = {words, sizeof words / sizeof words[0]};

static void tell(void *context, const char *node, const char *property, const char *message)
{
    unsigned *told = context;
    char line[1024];

    must_be_message(message);
    config_error_line(line, sizeof line, node, property, message);
    must_be_message(line);
    ++*told;
}

static const struct config_platform *the_platform(void)
{
    static struct config_platform platform;
    static _Alignas(8) uint8_t tree[1 << 16];
    unsigned told = 0;
    struct config_report report = {.tell = tell, .context = &told};

    if (!platform.dtb) {
        FILE *file = fopen(PLATFORM_DTB, "rb");

        must(file);
        size_t bytes = fread(tree, 1, sizeof tree, file);
        fclose(file);
        must(config_platform_read(&platform, tree, bytes, &report));
    }
    return &platform;
}

static void check_name(const char *name)
{
    must(memchr(name, 0, KEEL_NAME_MAX) && name[0]);
}

/* One domain by itself: what the builder takes for granted. */
/* A guest is in one group of CPUs, and of two schedulers' groups none is a part of the other. */
static void check_groups(const struct config *config, const struct config_domain *domain)
{
    if (domain->kind == CONFIG_GUEST)
        must(!(domain->cpus & ~config_group(config, (uint32_t)__builtin_ctzll(domain->cpus))));
    must(!domain->schedules == (domain->role != CONFIG_ROLE_SCHEDULER));
    must(!(domain->schedules >> config->platform.cpus));
    for (uint16_t id = 1; id < config->ndomains; id++)
        must(config->domain[id].schedules == domain->schedules ||
             !(config->domain[id].schedules & domain->schedules));
}

static void check_domain(const struct config *config, uint16_t id)
{
    const struct config_domain *domain = &config->domain[id];
    uint32_t ends = 0;

    check_name(domain->name);
    must(config_find(config, domain->name) == id);
    must(domain->image && domain->image[0] && strlen(domain->image) <= CONFIG_IMAGE_NAME_MAX);
    must(domain->nargs <= CONFIG_ARGS_MAX && domain->args_bytes <= CONFIG_ARGS_MAX);
    for (uint32_t i = 0; i < domain->args_bytes; i++)
        ends += domain->args[i] == '\0';
    must(ends == domain->nargs);
    must(domain->args_bytes == 0 || domain->args[domain->args_bytes - 1] == '\0');
    if (id == KEEL_DOMAIN_BUILDER)
        return;
    must(domain->memory > 0 && domain->memory % KEEL_PAGE_SIZE == 0);
    must(domain->kind != CONFIG_GUEST || domain->memory % KEEL_BLOCK_SIZE == 0);
    must(domain->cpus && !(domain->cpus >> config->platform.cpus));
    must(domain->vcpus >= 1 && domain->vcpus <= KEEL_VCPUS_MAX);
    must(domain->kind == CONFIG_GUEST || domain->vcpus == 1);
    must(domain->spis <= KEEL_SPIS_MAX);
    must(domain->reserve_budget_us <= domain->reserve_period_us);
    must(domain->reserve_delay_us <= 1000000);
    must(domain->nprovides <= CONFIG_PROVIDES_MAX && domain->nuses <= CONFIG_USES_MAX &&
         domain->nrights <= CONFIG_RIGHTS_MAX && domain->ndevices <= CONFIG_DEVICES_MAX);
    for (uint32_t i = 0; i < domain->nuses; i++)
        must(domain->uses[i].peer < config->ndomains && domain->uses[i].peer != id &&
             domain->uses[i].port);
    if (domain->kind == CONFIG_GUEST || domain->kind == CONFIG_EMULATION)
        must(config->domain[domain->pair].pair == id);
    check_groups(config, domain);
}

static void check_config(const struct config *config)
{
    uint64_t memory = 0;

    must(config->ndomains >= 1 && config->ndomains <= KEEL_DOMAINS_MAX);
    for (uint16_t id = 0; id < config->ndomains; id++) {
        check_domain(config, id);
        memory += id ? config->domain[id].memory : 0;
    }
    must(memory <= config->platform.ram);
    must(config->console == CONFIG_NONE || config->console < config->ndomains);
    must(config->scheduler == CONFIG_NONE || config->scheduler < config->ndomains);
}

/* The kernel takes all edges, in the builder's order. */
static void check_kernel(const struct config *config, const struct authority *authority)
{
    kernel_authority_begin(0x40000000, 0x10fffffff);
    for (uint16_t id = 1; id < config->ndomains; id++)
        for (uint32_t i = 0; i < authority->nedges[id]; i++)
            must(kernel_authority_set(id, i, &authority->edge[id][i].edge) == 0);
    for (uint32_t i = 0; i < authority->nedges[0]; i++)
        must(kernel_authority_set(0, i, &authority->edge[0][i].edge) == 0);
}

/* The smallest program there is. */
static const struct {
    Elf64_Ehdr file;
    Elf64_Phdr segment;
    uint32_t code;
} program_image = {
    .file = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
             .e_type = ET_EXEC,
             .e_machine = EM_AARCH64,
             .e_version = EV_CURRENT,
             .e_entry = 0x10000,
             .e_phoff = sizeof(Elf64_Ehdr),
             .e_ehsize = sizeof(Elf64_Ehdr),
             .e_phentsize = sizeof(Elf64_Phdr),
             .e_phnum = 1,
             .e_shentsize = sizeof(Elf64_Shdr)},
    .segment = {.p_type = PT_LOAD,
                .p_flags = PF_R | PF_X,
                .p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
                .p_vaddr = 0x10000,
                .p_paddr = KEEL_MACHINE_RAM,
                .p_filesz = 4,
                .p_memsz = 4},
};

/* A bundle that has whatever is asked for: two files for each domain. */
static const char *bundle_file(void *context, uint32_t number, const uint8_t **data, size_t *bytes)
{
    static const uint8_t raw[16];
    const struct config *config = context;
    uint32_t id = number / 2;

    if (id >= config->ndomains)
        return NULL;
    const struct config_domain *domain = &config->domain[id];
    bool service = domain->kind != CONFIG_GUEST;
    const char *name = number % 2 ? domain->ramdisk : domain->image;

    *data = service ? (const uint8_t *)&program_image : raw;
    *bytes = service ? sizeof program_image : sizeof raw;
    return name ? name : "-";
}

/* A service's address space, start block and initial stack, as it was found to fit. */
static void check_service(const struct config *config, const struct authority *authority,
                          uint16_t id)
{
    static struct program program;
    static const uint32_t incarnations[KEEL_DOMAINS_MAX];
    const struct program_life life = {.incarnation = 1, .incarnations = incarnations};
    const char *property = NULL;
    uint64_t pages = 0;

    must(!program_layout(&program, config, authority, id, (const uint8_t *)&program_image,
                         sizeof program_image, &life, &property));
    must(program.nparts <= PROGRAM_PARTS_MAX);
    for (uint32_t i = 0; i < program.nparts; i++) {
        const struct program_part *part = &program.part[i];

        pages += part->pages;
        must(part->address % KEEL_PAGE_SIZE == 0 && part->pages);
        must(part->skip + part->data_bytes <= part->pages << KEEL_PAGE_SHIFT);
        must(i == 0 || part->address > part[-1].address + (part[-1].pages << KEEL_PAGE_SHIFT) - 1);
    }
    must(pages << KEEL_PAGE_SHIFT == config->domain[id].memory);
    for (uint32_t i = 0; i < program.ndevices; i++)
        must(program.device[i].address + program.device[i].bytes <= ADDRESSES);
}

static void check_guest(const struct config *config, const struct authority *authority, uint16_t id)
{
    static _Alignas(8) uint8_t tree[GUEST_TREE_MAX];
    static const uint8_t seed[TREE_SEED_BYTES], code[16];
    const struct config_domain *domain = &config->domain[id];
    struct guest_image image;
    const struct guest_file kernel = {code, sizeof code}, none = {NULL, 0};
    const char *property = NULL;

    must(!guest_layout(&image, domain->memory, &kernel, &none, &property));
    size_t bytes = tree_write(tree, sizeof tree, config, authority, id, &image, seed);
    must(bytes && fdt_check_full(tree, bytes) == 0);
    guest_add_tree(&image, tree, bytes);
    for (uint32_t i = 0; i < domain->ndevices; i++)
        for (uint32_t r = 0; r < domain->devices[i].nregions; r++)
            must(domain->devices[i].region[r].address + domain->devices[i].region[r].bytes <=
                 ADDRESSES);
}

static void print_line(void *context, const char *line)
{
    (void)context;
    must_be_message(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct config config;
    static struct authority authority;
    static struct keel_connection connection[AUTHORITY_CONNECTIONS_MAX];
    unsigned told = 0;
    struct config_report report = {.tell = tell, .context = &told};
    uint8_t *tree = exact_copy(data, bytes);
    bool good = config_read(&config, tree, bytes, the_platform(), &report);

    must(good == (told == 0) && report.errors == told);
    if (good) {
        check_config(&config);
        good = authority_derive(&authority, &config, &report);
        must(good == (told == 0));
    }
    if (good) {
        const struct authority_source source = {.read = authority_derived, .context = &authority};
        const struct authority_sink sink = {.line = print_line};

        const struct image_source bundle = {.file = bundle_file, .context = &config};

        check_kernel(&config, &authority);
        authority_print(&config, &source, &sink);
        for (uint16_t id = 0; id < config.ndomains; id++) {
            uint32_t n = authority_connections(&authority, &config, id, connection);

            must(n <= AUTHORITY_CONNECTIONS_MAX);
            for (uint32_t i = 0; i < n; i++)
                check_name(connection[i].name);
        }
        good = image_check(&config, &authority, &bundle, &report);
        must(good == (told == 0));
        for (uint16_t id = 1; id < config.ndomains && good; id++) {
            if (config.domain[id].kind == CONFIG_GUEST)
                check_guest(&config, &authority, id);
            else
                check_service(&config, &authority, id);
        }
    }
    free(tree);
    return 0;
}
