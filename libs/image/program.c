/* SPDX-License-Identifier: Apache-2.0 */
/* A service's address space (see program.h). System V ABI for AArch64: the initial stack. */
#include "program.h"

#include <elf.h>
#include <keel/boot.h>
#include <stdio.h>
#include <string.h>

#define GUARD      (16 * KEEL_PAGE_SIZE)
#define HEAP_LEAST KEEL_PAGE_SIZE
#define AUXV_MAX   16

#define PROGRAM_REGISTERS_MAX 0x40000000ull /* of all devices, and the guards */

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) & ~(unit - 1);
}

static struct program_part *add_part(struct program *program, uint64_t address, uint64_t bytes,
                                     uint32_t perm)
{
    struct program_part *part = &program->part[program->nparts++];

    *part = (struct program_part){
        .address = address,
        .pages = round_up(bytes, KEEL_PAGE_SIZE) >> KEEL_PAGE_SHIFT,
        .perm = perm,
    };
    return part;
}

/* The vault, with what it held in the life before. */
static const char *add_vault(struct program *program, struct program_part *part,
                             const struct elf_segment *segment, const struct program_life *life)
{
    program->vault_bytes = part->pages << KEEL_PAGE_SHIFT;
    if (segment->data_bytes || segment->perm != (KEEL_PERM_READ | KEEL_PERM_WRITE) ||
        program->vault_bytes > KEEL_VAULT_BYTES_MAX)
        return "its vault has contents, cannot be written or is larger than 512K";
    if (life->vault && life->vault_bytes == program->vault_bytes) {
        part->data = life->vault;
        part->data_bytes = life->vault_bytes;
    }
    return NULL;
}

/* The program's segments; *end: the first page behind them; *pages: how many they need. NULL, or
 * what is wrong. */
static const char *add_segments(struct program *program, const struct elf_image *elf,
                                const struct program_life *life, uint64_t *end, uint64_t *pages)
{
    for (uint32_t i = 0; i < elf->nsegments; i++) {
        const struct elf_segment *segment = &elf->segment[i];
        uint64_t skip = segment->address % KEEL_PAGE_SIZE;
        struct program_part *part =
            add_part(program, segment->address - skip, skip + segment->bytes, segment->perm);

        part->skip = skip;
        part->data = segment->data;
        part->data_bytes = segment->data_bytes;
        *pages += part->pages;
        if (segment->address == KEEL_VAULT_VA) {
            const char *wrong = add_vault(program, part, segment, life);

            if (wrong)
                return wrong;
            continue;
        }
        *end = part->address + (part->pages << KEEL_PAGE_SHIFT);
    }
    return NULL;
}

/* Where there is room for `bytes` behind `end`, and the guards between them, beside the vault. */
static uint64_t beside_vault(uint64_t end, uint64_t bytes)
{
    bool meets = end < KEEL_VAULT_VA + KEEL_VAULT_BYTES_MAX && end + bytes > KEEL_VAULT_VA;

    return meets ? KEEL_VAULT_VA + KEEL_VAULT_BYTES_MAX : end;
}

/* The DEVICE edges in their order: where their registers will be mapped, and their interrupts. */
static void place_devices(struct program *program, const struct config *config,
                          const struct authority *authority, uint16_t domain, uint64_t at)
{
    uint32_t bit = 32; /* KEEL_EVENT_IRQ */

    for (uint32_t i = 0; i < authority->nedges[domain]; i++) {
        const struct authority_edge *edge = &authority->edge[domain][i];
        struct keel_device *device = &program->device[program->ndevices];

        if (!(edge->edge.rights & KEEL_RIGHT_DEVICE))
            continue;
        *device = (struct keel_device){.irq_bit = UINT32_MAX};
        memcpy(device->name, config->domain[domain].devices[edge->device].name,
               sizeof device->name);
        if (edge->edge.memory_lo <= edge->edge.memory_hi) {
            device->address = at;
            device->bytes = edge->edge.memory_hi - edge->edge.memory_lo + 1;
            at += round_up(device->bytes, KEEL_PAGE_SIZE) + GUARD;
        }
        if (edge->edge.irq_lo <= edge->edge.irq_hi) {
            device->irq_bit = bit;
            device->irqs = edge->edge.irq_hi - edge->edge.irq_lo + 1;
            bit += device->irqs;
        }
        program->ndevices++;
    }
}

/* Fills the start block for address `at`; returns its size, 0 if it is too large. */
static size_t write_block(struct program *program, const struct config *config,
                          const struct authority *authority, uint16_t domain,
                          const struct program_life *life, uint64_t at)
{
    static struct keel_connection connection[AUTHORITY_CONNECTIONS_MAX];
    struct keel_start *start = (struct keel_start *)(void *)program->block;
    uint32_t n = authority_connections(authority, config, domain, connection);
    size_t connections = round_up(sizeof *start, 16);
    size_t devices = round_up(connections + n * sizeof connection[0], 16);
    size_t size = devices + program->ndevices * sizeof program->device[0];

    if (size > sizeof program->block)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        connection[i].incarnation = life->incarnations[connection[i].domain];
    *start = (struct keel_start){
        .version = KEEL_START_VERSION,
        .size = (uint32_t)size,
        .domain = domain,
        .incarnation = life->incarnation,
        .nconnections = n,
        .ndevices = program->ndevices,
        .connections = at + connections,
        .devices = at + devices,
        .vault_lives = life->vault && life->vault_bytes == program->vault_bytes ? life->vault_lives
                                                                                : 0,
    };
    memcpy(start->name, config->domain[domain].name, sizeof start->name);
    memcpy(program->block + connections, connection, n * sizeof connection[0]);
    memcpy(program->block + devices, program->device,
           program->ndevices * sizeof program->device[0]);
    return size;
}

/* Writes the initial stack downwards from `top`, the end of the stack: strings, then argc, argv,
 * envp and auxv. Returns false if it does not fit. */
static bool write_stack(struct program *program, const struct config_domain *domain,
                        const struct elf_image *elf, const struct program_life *life,
                        uint64_t block, uint64_t top)
{
    uint64_t base = top - sizeof program->top; /* address of program->top[0] */
    size_t name = strlen(domain->name) + 1;
    size_t text = sizeof program->top - round_up(PROGRAM_RANDOM + name + domain->args_bytes, 16);
    const uint64_t auxv[][2] = {
        {AT_PAGESZ, KEEL_PAGE_SIZE}, {AT_PHDR, elf->phdr},   {AT_PHENT, elf->phent},
        {AT_PHNUM, elf->phnum},      {AT_ENTRY, elf->entry}, {AT_SECURE, 0},
        {AT_RANDOM, base + text},    {KEEL_AT_START, block}, {AT_NULL, 0},
    };
    size_t words = 1 + 1 + domain->nargs + 1 + 1 + 2 * sizeof auxv / sizeof auxv[0];
    size_t sp = text - round_up(words * sizeof(uint64_t), 16);
    uint64_t argument = base + text + PROGRAM_RANDOM;
    uint64_t *word = (uint64_t *)(void *)(program->top + sp);

    if (words * sizeof(uint64_t) + 16 > text)
        return false;
    memcpy(program->top + text, life->random, PROGRAM_RANDOM);
    memcpy(program->top + text + PROGRAM_RANDOM, domain->name, name);
    memcpy(program->top + text + PROGRAM_RANDOM + name, domain->args, domain->args_bytes);
    *word++ = 1 + domain->nargs;
    for (uint32_t i = 0; i < 1 + domain->nargs; i++) {
        *word++ = argument;
        argument += strlen((const char *)program->top + (argument - base)) + 1;
    }
    *word++ = 0; /* end of argv */
    *word++ = 0; /* end of envp */
    memcpy(word, auxv, sizeof auxv);
    program->sp = base + sp;
    return true;
}

const char *program_layout(struct program *program, const struct config *config,
                           const struct authority *authority, uint16_t id, const uint8_t *image,
                           size_t bytes, const struct program_life *life, const char **property)
{
    static char text[96];
    const struct config_domain *domain = &config->domain[id];
    struct elf_image elf;
    uint64_t end = 0, pages = 0;

    memset(program, 0, sizeof *program);
    *property = "image";
    const char *wrong =
        elf_image_read(image, bytes, ELF_SERVICE, KEEL_PAGE_SIZE, PROGRAM_LIMIT, &elf);
    if (wrong)
        return wrong;
    program->entry = elf.entry;
    wrong = add_segments(program, &elf, life, &end, &pages);
    if (wrong)
        return wrong;
    end = beside_vault(end, domain->memory + PROGRAM_REGISTERS_MAX);

    /* Addresses: block, stack, heap, devices. */
    uint64_t block = end + GUARD;
    uint64_t stack = block + PROGRAM_BLOCK_MAX + GUARD;
    uint64_t heap = stack + PROGRAM_STACK + GUARD;
    uint64_t fixed = pages * KEEL_PAGE_SIZE + PROGRAM_BLOCK_MAX + PROGRAM_STACK;

    *property = "memory";
    if (domain->memory < fixed + HEAP_LEAST) {
        snprintf(text, sizeof text, "too little for its image, expected at least %lluK",
                 (unsigned long long)((fixed + HEAP_LEAST) >> 10));
        return text;
    }
    uint64_t heap_bytes = domain->memory - fixed;
    place_devices(program, config, authority, id, heap + heap_bytes + GUARD);

    size_t size = write_block(program, config, authority, id, life, block);
    *property = "uses";
    if (size == 0)
        return "too many connections for a start block, expected fewer";
    struct keel_start *start = (struct keel_start *)(void *)program->block;
    start->stack = stack;
    start->stack_bytes = PROGRAM_STACK;
    start->heap = heap;
    start->heap_bytes = heap_bytes;
    *property = "args";
    if (!write_stack(program, domain, &elf, life, block, stack + PROGRAM_STACK))
        return "too long for the initial stack, expected fewer";

    struct program_part *part = add_part(program, block, PROGRAM_BLOCK_MAX, KEEL_PERM_READ);
    part->data = program->block;
    part->data_bytes = size;
    (void)add_part(program, stack, PROGRAM_STACK - PROGRAM_TOP_MAX,
                   KEEL_PERM_READ | KEEL_PERM_WRITE);
    part = add_part(program, stack + PROGRAM_STACK - PROGRAM_TOP_MAX, PROGRAM_TOP_MAX,
                    KEEL_PERM_READ | KEEL_PERM_WRITE);
    part->data = program->top;
    part->data_bytes = sizeof program->top;
    (void)add_part(program, heap, heap_bytes, KEEL_PERM_READ | KEEL_PERM_WRITE);
    return NULL;
}
