/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two pairs of services that have nothing to do with each other send messages: 6 to 1 and 2 to 3,
 * each pair on CPUs of its own. What each of the two sends writes in the kernel is seen by
 * comparing all of the kernel's variables and all RAM before and after. A lock that was taken has
 * another ticket afterwards, so it is among them. The two sets have no line of 64 bytes in common,
 * but for those of the variables below. An input says the sizes, and whether the receivers wait.
 */
#include "kernel_world.h"

#include "argo/argo.h"
#include "cpu/call.h"
#include "cpu/dispatch.h"
#include "interrupt/irq.h"
#include "memory/address.h"
#include <unistd.h>

#include "call_grammar.h"

#define LINE      64u
#define ARGS      WORLD_RW_IPA /* first page of each service */
#define RING      (WORLD_RW_IPA + KEEL_PAGE_SIZE)
#define DATA      (WORLD_RW_IPA + KEEL_PAGE_SIZE) /* senders have no ring */
#define STEPS     100u
#define BYTES_MAX 6000u

/* By the linker, if there are any. */
extern char __start_kernel_bss[] __attribute__((weak)), __stop_kernel_bss[] __attribute__((weak));
extern char __start_kernel_data[] __attribute__((weak)), __stop_kernel_data[] __attribute__((weak));

/* Variables that both may write, and why. */
static const struct {
    const char *name, *why;
} shared[] = {
    {"ready",
     "a bit for each virtual CPU that can run, looked at by every CPU that has nothing to do"},
    {"here", "of the host's machine, and none of the kernel's: which CPU this is"},
};

/* ---- the kernel's memory, in three pieces ---- */

static struct piece {
    char *from;
    size_t bytes;
    char *before;
} pieces[3];

__attribute__((no_sanitize("address", "undefined", "coverage"), no_builtin("memcpy"))) static void
copy(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes / 8; i++)
        ((uint64_t *)(void *)to)[i] = ((const uint64_t *)(const void *)from)[i];
}

__attribute__((no_sanitize("address", "undefined", "coverage"), no_builtin("memcmp"))) static bool
same(const char *a, const char *b)
{
    uint64_t differs = 0;

    for (size_t i = 0; i < LINE / 8; i++)
        differs |= ((const uint64_t *)(const void *)a)[i] ^ ((const uint64_t *)(const void *)b)[i];
    return !differs;
}

static void piece_begin(struct piece *piece, char *from, char *to)
{
    piece->from = (char *)((uintptr_t)from & ~(uintptr_t)(LINE - 1));
    piece->bytes = ((size_t)(to - piece->from)) & ~(size_t)(LINE - 1);
    piece->before = malloc(piece->bytes);
    must(piece->before);
}

static void look(void)
{
    if (!pieces[0].from) {
        piece_begin(&pieces[0], __start_kernel_bss, __stop_kernel_bss);
        piece_begin(&pieces[1], __start_kernel_data, __stop_kernel_data);
        piece_begin(&pieces[2], host_ram, host_ram + HOST_RAM_BYTES);
    }
    for (size_t i = 0; i < 3; i++)
        copy(pieces[i].before, pieces[i].from, pieces[i].bytes);
}

#define LINES_MAX 4096u
struct lines {
    uint32_t n;
    const char *at[LINES_MAX];
};

/* What has been written since the last look, in the order of addresses. */
static void written(struct lines *lines)
{
    lines->n = 0;
    for (size_t i = 0; i < 3; i++)
        for (size_t at = 0; at < pieces[i].bytes; at += LINE)
            if (!same(pieces[i].from + at, pieces[i].before + at)) {
                must(lines->n < LINES_MAX);
                lines->at[lines->n++] = pieces[i].from + at;
            }
}

/* ---- names of variables ---- */

#define SYMBOLS_MAX 4096u
static struct symbol {
    const char *at;
    size_t bytes;
    char name[56];
} symbols[SYMBOLS_MAX];
static uint32_t nsymbols;

/* This program's variables, of nm, moved to where it was loaded. */
static void symbols_read(void)
{
    char path[512], command[600];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    unsigned long address, bytes, known = 0;
    char kind, name[56];

    must(n > 0);
    path[n] = '\0';
    snprintf(command, sizeof command, "nm -S %s", path);
    FILE *nm = popen(command, "r");

    must(nm);
    while (nsymbols < SYMBOLS_MAX && fgets(command, sizeof command, nm)) {
        if (sscanf(command, "%lx %lx %c %55s", &address, &bytes, &kind, name) != 4 ||
            !strchr("bBdD", kind))
            continue;
        struct symbol *symbol = &symbols[nsymbols++];

        *symbol = (struct symbol){(const char *)address, bytes, ""};
        snprintf(symbol->name, sizeof symbol->name, "%s", name);
        if (strcmp(name, "domains") == 0)
            known = address;
    }
    must(pclose(nm) == 0 && known);
    for (uint32_t i = 0; i < nsymbols; i++)
        symbols[i].at = (const char *)((uintptr_t)symbols[i].at + (uintptr_t)domains - known);
}

/* Whether a variable that may be shared lies in the line; names all that do if not. */
static bool may_be_shared(const char *line)
{
    static bool told[sizeof shared / sizeof shared[0]];
    bool may = false;

    if (nsymbols == 0)
        symbols_read();
    for (uint32_t i = 0; i < nsymbols; i++)
        for (size_t k = 0; k < sizeof shared / sizeof shared[0]; k++) {
            if (symbols[i].at >= line + LINE || symbols[i].at + symbols[i].bytes <= line ||
                strcmp(symbols[i].name, shared[k].name) != 0)
                continue;
            may = true;
            if (!told[k])
                fprintf(stderr, "both write %s: %s\n", shared[k].name, shared[k].why);
            told[k] = true;
        }
    for (uint32_t i = 0; !may && i < nsymbols; i++)
        if (symbols[i].at < line + LINE && symbols[i].at + symbols[i].bytes > line)
            fprintf(stderr, "both write %p: %s + %#lx\n", (const void *)line, symbols[i].name,
                    (unsigned long)(line - symbols[i].at));
    return may;
}

/* ---- the pairs ---- */

static int64_t argo(uint16_t id, uint32_t cpu, uint64_t op, uint64_t arg1, uint64_t arg2,
                    uint64_t arg3)
{
    int64_t result = ARGO_AGAIN;

    host_on(cpu);
    memcpy(domains[id].vcpu[0]->registers.x, (const uint64_t[]){op, arg1, arg2, arg3, 0}, 5 * sizeof op);
    for (uint32_t i = 0; i < STEPS && result == ARGO_AGAIN; i++)
        result = argo_call_service(domains[id].vcpu[0]);
    return result;
}

static void ring(uint16_t id, uint32_t cpu, uint16_t partner)
{
    const struct keel_argo_register_ring args = {WORLD_PORT, partner, 0, 2 * KEEL_PAGE_SIZE - 64};
    const uint64_t frames[] = {RING >> KEEL_PAGE_SHIFT, (RING >> KEEL_PAGE_SHIFT) + 1};

    must(world_store(&domains[id], ARGS, &args, sizeof args));
    must(world_store(&domains[id], ARGS + 64, frames, sizeof frames));
    must(argo(id, cpu, KEEL_ARGO_REGISTER_RING, ARGS, ARGS + 64, 2) == 0);
}

/* The arguments, then the send alone. */
static void prepare(uint16_t id, uint16_t to, uint32_t bytes)
{
    const struct keel_argo_send_addr addr = {{0, KEEL_DOMAIN_ANY, 0}, {WORLD_PORT, to, 0}};
    const struct keel_argo_iov iov = {DATA, bytes, 0};
    static uint8_t content[BYTES_MAX];

    must(world_store(&domains[id], ARGS, &addr, sizeof addr));
    must(world_store(&domains[id], ARGS + 64, &iov, sizeof iov));
    for (uint32_t i = 0; i < BYTES_MAX; i++)
        content[i] = (uint8_t)(i * 7 + id);
    must(world_store(&domains[id], DATA, content, sizeof content));
}

static void waits(uint16_t id)
{
    domains[id].vcpu[0]->state = VCPU_WAITING;
    domains[id].vcpu[0]->events = 0;
}

/* How many lines each wrote, of the shortest and the longest. */
static void tell(const struct lines *first, const struct lines *second, uint32_t both)
{
    static uint32_t most;

    if (first->n + second->n > most) {
        most = first->n + second->n;
        fprintf(stderr, "the pairs write %u and %u lines, both of them %u\n", first->n, second->n,
                both);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct lines first, second;
    struct input input = {data, bytes};
    uint32_t size[2] = {input_below(&input, BYTES_MAX), input_below(&input, BYTES_MAX)}, both = 0;
    bool wait = input_below(&input, 2);

    world_begin(WORLD_RUNNING);
    host_on(0);
    ring(1, 0, input_below(&input, 2) ? 6 : KEEL_DOMAIN_ANY);
    ring(3, 1, input_below(&input, 2) ? 2 : KEEL_DOMAIN_ANY);
    prepare(6, 1, size[0]);
    prepare(2, 3, size[1]);
    if (wait) {
        waits(1);
        waits(3);
    }
    look();
    int64_t sent = argo(6, 0, KEEL_ARGO_SENDV, ARGS, ARGS + 64, 1);

    written(&first);
    must(sent == size[0] || sent == -KEEL_EMSGSIZE);
    look();
    sent = argo(2, 1, KEEL_ARGO_SENDV, ARGS, ARGS + 64, 1);
    written(&second);
    must(sent == size[1] || sent == -KEEL_EMSGSIZE);
    bool fine = true;

    for (uint32_t i = 0, k = 0; i < first.n; i++) {
        while (k < second.n && second.at[k] < first.at[i])
            k++;
        if (k < second.n && second.at[k] == first.at[i]) {
            fine = may_be_shared(first.at[i]) && fine;
            both++;
        }
    }
    tell(&first, &second, both);
    must(fine);
    must(first.n > 0 && second.n > 0);
    return 0;
}
