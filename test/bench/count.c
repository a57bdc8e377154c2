/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QEMU TCG plugin that counts instructions of an emulated AArch64 machine by where they run: the
 * hypervisor's kernel, its services, everything else (guests, loader, firmware); and the longest
 * stretch in the kernel, which runs with interrupts masked, from entry to exit. With -icount the
 * figures repeat.
 *
 *   -plugin libcount.so[,OPTION=VALUE]...     prints on standard error when QEMU ends
 *
 *   victim=LO-HI      a part of the services' or guests' addresses. Counted apart from the first
 *                     mark of ROW_VICTIM to its end: what runs there ("own"); in the kernel, from an
 *                     entry from there to where it leaves, whoever is next ("kernel"), and from an
 *                     entry from elsewhere, if it leaves to there ("led")
 *   victim-in=FILE    how often each instruction of the victim's, and of the kernel's for it, was
 *                     executed meanwhile
 *   guest=LO-HI       where the guest is, under a hypervisor that is not Keel: the rest is its kernel
 *   longest=FILE      the addresses of the longest stretch, in their order
 *   paths=FILE        every instruction of each row's cheapest occurrence
 *   profile=FILE      how often each instruction of kernel and services was executed from reset to
 *                     the end of each row that begins there: FILE.ROW
 *
 * Rows: a guest or service marks (mark.h). What runs from MARK_BEGIN(n) to MARK_END(n) or to the
 * next MARK_BEGIN(n) is an occurrence of row n; the mark itself does not count. Row 0 begins at
 * reset. From ROW_KERNEL_FIRST on, what the kernel executes from the last MARK_BEGIN(n) to MARK_END(n)
 * is one, unless that is nothing.
 *
 * Written from QEMU's documentation of the plugin interface, docs/devel/tcg-plugins: version 1, or,
 * with PLUGIN_VERSION=4, what QEMU 10 has.
 */
#include "mark.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The interface, as far as it is used here. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_CB_R_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*cb)(unsigned, void *),
                                            enum qemu_plugin_cb_flags flags, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, void *),
                                    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);

#if PLUGIN_VERSION == 1
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
                                                enum qemu_plugin_op op, void *ptr, uint64_t imm);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
#else
/* GLib's arrays, which QEMU brings along. */
struct bytes {
    uint8_t *data;
    unsigned n;
};
struct register_descriptor {
    struct qemu_plugin_register *handle;
    const char *name, *feature;
};
struct registers {
    const struct register_descriptor *data;
    unsigned n;
};
struct bytes *g_byte_array_new(void);
struct bytes *g_byte_array_set_size(struct bytes *bytes, unsigned n);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t n);
struct registers *qemu_plugin_get_registers(void);
int qemu_plugin_read_register(struct qemu_plugin_register *handle, struct bytes *to);
void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, unsigned));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*cb)(unsigned, void *),
                                          enum qemu_plugin_cb_flags flags, void *data);
#endif

#define EXPORT __attribute__((visibility("default")))
EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);
EXPORT int qemu_plugin_version = PLUGIN_VERSION;

#define KERNEL_LO  0x0000800000000000ull
#define KERNEL_HI  0x0000810000000000ull
#define SERVICE_LO 0x0000001000000000ull /* where services are linked: libs/runtime */
#define SERVICE_HI 0x0000004000000000ull

#define CPUS           64
#define WFI            0xd503207fu
#define ERET           0xd69f03e0u
#define UNMASK         0xd50342ffu /* MSR DAIFClr, #2: cpu_window */
#define STACK_SHIFT    16          /* the kernel's stacks of 64 KiB, one for each CPU */
#define PATH_MAX_INSNS (1u << 16)
#define VICTIM_ROUNDS  8192
#define TRACE_MAX      (1u << 20)

enum where { IN_KERNEL, IN_SERVICE, ELSEWHERE, PLACES };

/* An instruction: one for each time that its address was translated, so that services, which all
 * lie at the same addresses, can be told apart by what they consist of. */
struct insn {
    uint64_t address, page, times; /* page: of the emulator's memory */
    uint64_t for_victim;           /* times */
    uint32_t code;
    uint8_t where;
    struct insn *next; /* in the order of translation */
};

struct spent {
    uint64_t in[PLACES], sum;
};

struct row {
    bool begun;
    uint64_t begin[PLACES], times;
    struct spent spent[ROUNDS]; /* without the warm-ups */
    size_t trace_begin;
    const struct insn **path; /* of the cheapest occurrence */
    uint64_t path_sum;
    size_t path_insns;
};

/* What one CPU does in the kernel. Under -icount one CPU of the machine is emulated at a time, in
 * turns, so that a CPU's stretch may be interrupted by another CPU, and the rest is shared. */
struct stretch {
    bool started; /* the first one is the kernel's own start */
    uint64_t length;
    uint64_t path[PATH_MAX_INSNS];
};

static uint64_t guest_lo, guest_hi; /* not Keel */

/* What one CPU does for the victim. */
struct victim_cpu {
    bool runs;       /* it, or the kernel on its behalf; else others, or nobody */
    uint64_t kernel; /* instructions since the kernel was entered by others */
};

static uint64_t victim_lo, victim_hi;
static struct victim_cpu victim_cpus[CPUS];
static bool victim_measured;
static uint64_t victim_own, victim_kernel, victim_led, victim_rounds;
static uint64_t victim_before, victim_round[VICTIM_ROUNDS]; /* own and kernel, of each */
static uint64_t counts[PLACES];
static struct row rows[ROWS];
static struct stretch stretches[CPUS], longest;
static unsigned longest_cpu;
static struct insn *insns, **insns_end = &insns;
static const char *longest_name, *paths_name, *profile_name, *victim_name;

/* What has been executed since the first row that is open began. */
static const struct insn *trace[TRACE_MAX];
static size_t trace_insns;
static unsigned rows_open;

static enum where place(uint64_t address)
{
    if (guest_hi)
        return address >= guest_lo && address < guest_hi ? ELSEWHERE : IN_KERNEL;
    if (address >= KERNEL_LO && address < KERNEL_HI)
        return IN_KERNEL;
    return address >= SERVICE_LO && address < SERVICE_HI ? IN_SERVICE : ELSEWHERE;
}

#if PLUGIN_VERSION == 1
static unsigned cpu_now(unsigned cpu)
{
    return cpu;
}

static void find_cpu(const struct qemu_plugin_tb *tb)
{
    (void)tb;
}

static void find_cpus(qemu_plugin_id_t id)
{
    (void)id;
}
#else
/* What QEMU 10 passes as CPU is, under -icount, the CPU for which the code was translated, not the
 * one that executes it. In the kernel the stack pointer tells. */
static struct qemu_plugin_register *stack_pointer;
static uint64_t stacks[CPUS];
static _Thread_local unsigned cpu_on_stack;

static void cpu_begins(qemu_plugin_id_t id, unsigned cpu)
{
    const struct registers *registers = qemu_plugin_get_registers();

    (void)id;
    (void)cpu;
    for (unsigned i = 0; i < registers->n; i++)
        if (strcmp(registers->data[i].name, "sp") == 0)
            stack_pointer = registers->data[i].handle;
}

/* Before a block of the kernel. */
static void look_at_stack(unsigned cpu, void *data)
{
    static _Thread_local struct bytes *bytes;
    uint64_t stack;
    unsigned i = 0;

    (void)cpu;
    (void)data;
    if (!bytes)
        bytes = g_byte_array_new();
    g_byte_array_set_size(bytes, 0);
    if (qemu_plugin_read_register(stack_pointer, bytes) != sizeof stack)
        abort();
    memcpy(&stack, bytes->data, sizeof stack);
    stack >>= STACK_SHIFT;
    while (i < CPUS - 1 && stacks[i] && stacks[i] != stack)
        i++;
    stacks[i] = stack;
    cpu_on_stack = i;
}

static unsigned cpu_now(unsigned cpu)
{
    (void)cpu;
    return cpu_on_stack;
}

static void find_cpu(struct qemu_plugin_tb *tb)
{
    if (!guest_hi && place(qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0))) == IN_KERNEL)
        qemu_plugin_register_vcpu_tb_exec_cb(tb, look_at_stack, QEMU_PLUGIN_CB_R_REGS, NULL);
}

static void find_cpus(qemu_plugin_id_t id)
{
    qemu_plugin_register_vcpu_init_cb(id, cpu_begins);
}
#endif

static void executed(const struct insn *insn)
{
    counts[insn->where]++;
    if (paths_name && rows_open && trace_insns < TRACE_MAX)
        trace[trace_insns++] = insn;
}

/* Outside the kernel, at the beginning of a block. */
static void victim_enters(unsigned cpu, void *data)
{
    struct victim_cpu *victim = &victim_cpus[cpu_now(cpu)];

    if (!victim->runs && victim_measured)
        victim_led += victim->kernel;
    victim->runs = true;
    victim->kernel = 0;
    victim_own += victim_measured ? (uintptr_t)data : 0;
}

static void victim_executes(unsigned cpu, void *data)
{
    struct insn *insn = data;

    (void)cpu;
    counts[insn->where]++;
    insn->for_victim += victim_measured;
}

static void others_enter(unsigned cpu, void *data)
{
    (void)data;
    victim_cpus[cpu_now(cpu)] = (struct victim_cpu){0};
}

static void victim_in_kernel(unsigned cpu, struct insn *insn)
{
    struct victim_cpu *victim = &victim_cpus[cpu_now(cpu)];

    if (!victim->runs)
        victim->kernel++;
    else if (victim_measured) {
        victim_kernel++;
        insn->for_victim++;
    }
}

static void in_kernel(unsigned cpu, void *data)
{
    struct stretch *stretch = &stretches[cpu_now(cpu)];
    struct insn *insn = data;

    if (victim_hi)
        victim_in_kernel(cpu, insn);
    executed(insn);
    insn->times++;
    if (stretch->length < PATH_MAX_INSNS)
        stretch->path[stretch->length] = insn->address;
    stretch->length++;
}

/* The kernel takes what is pending: a stretch ends. */
static void in_kernel_window(unsigned cpu, void *data)
{
    struct stretch *stretch = &stretches[cpu_now(cpu)];

    in_kernel(cpu, data);
    if (stretch->started && stretch->length > longest.length) {
        longest.length = stretch->length;
        memcpy(longest.path, stretch->path,
               sizeof(longest.path[0]) *
                   (stretch->length < PATH_MAX_INSNS ? stretch->length : PATH_MAX_INSNS));
        longest_cpu = cpu_now(cpu);
    }
    stretch->length = 0;
}

/* The kernel waits or leaves: a stretch ends, and the start is over. */
static void in_kernel_end(unsigned cpu, void *data)
{
    in_kernel_window(cpu, data);
    stretches[cpu_now(cpu)].started = true;
    if (((const struct insn *)data)->code == WFI)
        victim_cpus[cpu_now(cpu)] = (struct victim_cpu){0};
}

static void outside(unsigned cpu, void *data)
{
    (void)cpu;
    executed(data);
}

/* --- rows --- */

static FILE *create(const char *name)
{
    FILE *file = fopen(name, "w");

    if (!file)
        fprintf(stderr, "count: can't write %s\n", name);
    return file;
}

static void write_insn(FILE *file, const struct insn *insn, uint64_t times)
{
    fprintf(file, "%#" PRIx64 " %08" PRIx32 " %" PRIx64 " %" PRIu64 "\n", insn->address, insn->code,
            insn->page, times);
}

static void write_profile(enum bench_row row)
{
    char name[4096];
    FILE *file;

    snprintf(name, sizeof name, "%s.%d", profile_name, row);
    file = create(name);
    for (struct insn *insn = insns; file && insn; insn = insn->next)
        if (insn->times)
            write_insn(file, insn, insn->times);
    if (file)
        fclose(file);
}

static void path_keep(struct row *row)
{
    size_t n = trace_insns - row->trace_begin;

    row->path = realloc(row->path, (n ? n : 1) * sizeof row->path[0]);
    if (!row->path)
        abort();
    memcpy(row->path, trace + row->trace_begin, n * sizeof row->path[0]);
    row->path_insns = n;
}

static bool kernel_only(const struct row *row)
{
    return row >= &rows[ROW_KERNEL_FIRST];
}

static void occurrence_end(struct row *row)
{
    uint64_t warm_ups = row > &rows[ROW_ONCE_LAST] ? WARM_UPS : 0;
    struct spent spent = {0};

    row->begun = false;
    rows_open--;
    if (kernel_only(row) && counts[IN_KERNEL] == row->begin[IN_KERNEL])
        return;
    if (row->times >= ROUNDS || row->times++ < warm_ups)
        return;
    for (int i = 0; i < (kernel_only(row) ? IN_KERNEL + 1 : PLACES); i++) {
        spent.in[i] = counts[i] - row->begin[i];
        spent.sum += spent.in[i];
    }
    row->spent[row->times - 1 - warm_ups] = spent;
    if (paths_name && (!row->path_sum || spent.sum < row->path_sum)) {
        row->path_sum = spent.sum;
        path_keep(row);
    }
}

static void occurrence_begin(struct row *row)
{
    memcpy(row->begin, counts, sizeof counts);
    row->begun = true;
    if (rows_open++ == 0)
        trace_insns = 0;
    row->trace_begin = trace_insns;
}

/* Reset is before all that is counted. */
static void once_end(enum bench_row row)
{
    if (rows[row].times)
        return;
    rows_open++;
    occurrence_end(&rows[row]);
    if (profile_name)
        write_profile(row);
}

/* A round ends, and another begins. */
static void victim_mark(bool more)
{
    uint64_t sum = victim_own + victim_kernel;

    if (victim_measured && victim_rounds < VICTIM_ROUNDS)
        victim_round[victim_rounds++] = sum - victim_before;
    victim_before = sum;
    victim_measured = more;
}

#define MARK_DATA(number, where) ((void *)(uintptr_t)((number)*PLACES + (where)))

static void mark(unsigned cpu, void *data)
{
    uintptr_t number = (uintptr_t)data / PLACES;
    enum where where = (uintptr_t)data % PLACES;
    struct row *row = &rows[number / 2];

    (void)cpu;
    if (number / 2 == ROW_VICTIM)
        victim_mark(number % 2 == 0);
    counts[where]--; /* marks do not count */
    if (rows_open && trace_insns && paths_name)
        trace_insns--;
    if (number / 2 <= ROW_ONCE_LAST) {
        once_end(number / 2);
        return;
    }
    if (row->begun && number % 2 == 0 && kernel_only(row))
        rows_open--;
    else if (row->begun)
        occurrence_end(row);
    if (number % 2 == 0)
        occurrence_begin(row);
}

/* --- translation --- */

#if PLUGIN_VERSION == 1
static void count_one(struct qemu_plugin_insn *insn, enum where where)
{
    qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &counts[where], 1);
}

static void count_times(struct qemu_plugin_insn *insn, uint64_t *times)
{
    qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, times, 1);
}

static uint32_t code_of(const struct qemu_plugin_insn *insn)
{
    uint32_t code;

    memcpy(&code, qemu_plugin_insn_data(insn), sizeof code);
    return code;
}
#else
static void add_one(unsigned cpu, void *data)
{
    (void)cpu;
    ++*(uint64_t *)data;
}

static void count_one(struct qemu_plugin_insn *insn, enum where where)
{
    qemu_plugin_register_vcpu_insn_exec_cb(insn, add_one, QEMU_PLUGIN_CB_NO_REGS, &counts[where]);
}

static void count_times(struct qemu_plugin_insn *insn, uint64_t *times)
{
    qemu_plugin_register_vcpu_insn_exec_cb(insn, add_one, QEMU_PLUGIN_CB_NO_REGS, times);
}

static uint32_t code_of(const struct qemu_plugin_insn *insn)
{
    uint32_t code = 0;

    qemu_plugin_insn_data(insn, &code, sizeof code);
    return code;
}
#endif

static struct insn *insn_keep(struct qemu_plugin_insn *from, uint32_t code, enum where where)
{
    struct insn *insn = calloc(1, sizeof *insn);

    if (!insn)
        abort();
    insn->address = qemu_plugin_insn_vaddr(from);
    insn->page = (uintptr_t)qemu_plugin_insn_haddr(from) >> 12;
    insn->code = code;
    insn->where = (uint8_t)where;
    *insns_end = insn;
    insns_end = &insn->next;
    return insn;
}

/* What is translated is executed next: the first of a service is where the builder begins; after
 * that, the first of anything else is where the guest does. */
static void look_for_milestones(enum where where)
{
    if (where == IN_SERVICE)
        once_end(ROW_BUILDER);
    if (where == ELSEWHERE && rows[ROW_BUILDER].times)
        once_end(ROW_GUEST);
}

static bool in_victim(const struct qemu_plugin_insn *insn)
{
    uint64_t address = qemu_plugin_insn_vaddr(insn);

    return address >= victim_lo && address < victim_hi;
}

/* A block that an exception ends early counts whole: a few instructions too many. */
static void watch_victim(struct qemu_plugin_tb *tb, size_t n)
{
    struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);

    qemu_plugin_register_vcpu_insn_exec_cb(first, in_victim(first) ? victim_enters : others_enter,
                                           QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)n);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);

    (void)id;
    look_for_milestones(place(qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0))));
    find_cpu(tb);
    if (victim_hi && place(qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0))) != IN_KERNEL)
        watch_victim(tb, n);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        enum where where = place(qemu_plugin_insn_vaddr(insn));
        uint32_t code = code_of(insn);

        if (where == IN_KERNEL && !guest_hi) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn,
                                                   code == WFI || code == ERET ? in_kernel_end
                                                   : code == UNMASK            ? in_kernel_window
                                                                               : in_kernel,
                                                   QEMU_PLUGIN_CB_NO_REGS,
                                                   insn_keep(insn, code, where));
        } else if (paths_name) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, outside, QEMU_PLUGIN_CB_NO_REGS,
                                                   insn_keep(insn, code, where));
        } else if (victim_name && in_victim(insn)) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, victim_executes, QEMU_PLUGIN_CB_NO_REGS,
                                                   insn_keep(insn, code, where));
        } else {
            count_one(insn, where);
            if (profile_name && where == IN_SERVICE)
                count_times(insn, &insn_keep(insn, code, where)->times);
        }
        for (uintptr_t m = 0; m < 2ul * ROWS; m++)
            if (code == (0xd280001fu | (uint32_t)(MARK_FIRST + m) << 5))
                qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, QEMU_PLUGIN_CB_NO_REGS,
                                                       MARK_DATA(m, where));
    }
}

/* --- the end --- */

static void write_longest(void)
{
    FILE *file = create(longest_name);

    for (unsigned i = 0; file && i < longest.length && i < PATH_MAX_INSNS; i++)
        fprintf(file, "%#" PRIx64 "\n", longest.path[i]);
    if (file)
        fclose(file);
}

static void write_paths(void)
{
    FILE *file = create(paths_name);

    for (unsigned r = 0; file && r < ROWS; r++) {
        fprintf(file, "row %u\n", r);
        for (size_t i = 0; i < rows[r].path_insns; i++)
            write_insn(file, rows[r].path[i], 1);
    }
    if (file)
        fclose(file);
}

/* Every instruction of the victim's, and of the kernel's on its behalf. */
static void write_victim(void)
{
    FILE *file = create(victim_name);

    for (struct insn *insn = insns; file && insn; insn = insn->next)
        if (insn->for_victim)
            write_insn(file, insn, insn->for_victim);
    if (file)
        fclose(file);
}

static int compare(const void *one, const void *other)
{
    uint64_t a = ((const struct spent *)one)->sum, b = ((const struct spent *)other)->sum;

    return (a > b) - (a < b);
}

/* The median: what a timer's interrupt adds to a few does not change it. */
static void report_row(unsigned number)
{
    struct row *row = &rows[number];
    uint64_t times = row->times - (number > ROW_ONCE_LAST ? WARM_UPS : 0), sum = 0;
    const struct spent *median = &row->spent[times / 2];

    qsort(row->spent, times, sizeof row->spent[0], compare);
    for (uint64_t i = 0; i < times; i++)
        sum += row->spent[i].sum;
    fprintf(stderr,
            "count: row %u: times %" PRIu64 " kernel %" PRIu64 " services %" PRIu64 " rest %" PRIu64
            " least %" PRIu64 " mean %" PRIu64 " most %" PRIu64 "\n",
            number, times, median->in[IN_KERNEL], median->in[IN_SERVICE], median->in[ELSEWHERE],
            row->spent[0].sum, sum / times, row->spent[times - 1].sum);
}

static int compare_numbers(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

    return (a > b) - (a < b);
}

static void report_victim(void)
{
    qsort(victim_round, victim_rounds, sizeof victim_round[0], compare_numbers);
    fprintf(stderr,
            "count: victim: rounds %" PRIu64 " own %" PRIu64 " kernel %" PRIu64 " led %" PRIu64
            " median %" PRIu64 "\n",
            victim_rounds, victim_own, victim_kernel, victim_led, victim_round[victim_rounds / 2]);
}

static void report(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    fprintf(stderr, "count: kernel %" PRIu64 " services %" PRIu64 " rest %" PRIu64 "\n",
            counts[IN_KERNEL], counts[IN_SERVICE], counts[ELSEWHERE]);
    fprintf(stderr, "count: longest masked stretch: %" PRIu64 " on CPU %u\n", longest.length,
            longest_cpu);
    if (victim_hi)
        report_victim();
    for (unsigned i = 0; i < ROWS; i++)
        if (rows[i].times > (i > ROW_ONCE_LAST ? WARM_UPS : 0))
            report_row(i);
    if (longest_name)
        write_longest();
    if (paths_name)
        write_paths();
    if (victim_name)
        write_victim();
}

static const char *value_of(const char *argument, const char *option)
{
    size_t n = strlen(option);

    return strncmp(argument, option, n) == 0 ? argument + n : NULL;
}

static void option(const char *argument)
{
    const char *value;

    if ((value = value_of(argument, "longest=")))
        longest_name = strdup(value);
    else if ((value = value_of(argument, "paths=")))
        paths_name = strdup(value);
    else if ((value = value_of(argument, "profile=")))
        profile_name = strdup(value);
    else if ((value = value_of(argument, "victim-in=")))
        victim_name = strdup(value);
    else if ((value = value_of(argument, "victim=")))
        sscanf(value, "%" SCNx64 "-%" SCNx64, &victim_lo, &victim_hi);
    else if (!(value = value_of(argument, "guest=")) ||
             sscanf(value, "%" SCNx64 "-%" SCNx64, &guest_lo, &guest_hi) != 2)
        fprintf(stderr, "count: no such option: %s\n", argument);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        option(argv[i]);
    find_cpus(id);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, report, NULL);
    return 0;
}
