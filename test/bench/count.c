/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QEMU TCG plugin that counts instructions of an emulated AArch64 machine by where they run: the
 * kernel, services, everything else (guests, loader, firmware); and the longest stretch in the
 * kernel, which runs with interrupts masked, from entry to exit. With -icount the figures repeat.
 *
 *   -plugin libcount.so[,profile=FILE][,longest=FILE]     prints on standard error when QEMU ends
 *
 * profile: how often each address of the kernel was executed. longest: the addresses of the longest
 * stretch, in their order.
 *
 * Marks: a guest or service executes HINT #96 + n (a no-operation): what runs between HINT #(96 +
 * 2n) and HINT #(97 + 2n) is counted as row n; of several times, the one with the fewest
 * instructions.
 *
 * Written from QEMU's documentation of the plugin interface, docs/devel/tcg-plugins: version 1, or,
 * with PLUGIN_VERSION=4, what QEMU 10 has.
 */
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
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
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

#if PLUGIN_VERSION == 1
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
                                                enum qemu_plugin_op op, void *ptr, uint64_t imm);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t n);
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
#define ROWS           16
#define WFI            0xd503207fu
#define ERET           0xd69f03e0u
#define HINT(n)        (0xd503201fu | (uint32_t)(n) << 5)
#define PROFILE_SLOTS  (1u << 16) /* 4 bytes of kernel text each */
#define PATH_MAX_INSNS (1u << 16)

enum where { IN_KERNEL, IN_SERVICE, ELSEWHERE, PLACES };

struct row {
    bool begun;
    uint64_t begin[PLACES], best[PLACES], best_sum, times;
};

/* What one CPU does in the kernel. Under -icount one CPU of the machine is emulated at a time, in
 * turns, so that a CPU's stretch may be interrupted by another CPU, and the rest is shared. */
struct stretch {
    bool started; /* the first one is the kernel's own start */
    uint64_t length;
    uint32_t path[PATH_MAX_INSNS]; /* offsets in the kernel */
};

static uint64_t counts[PLACES];
static struct row rows[ROWS];
static struct stretch stretches[CPUS], longest;
static unsigned longest_cpu;
static uint64_t profile[PROFILE_SLOTS];
static const char *profile_name, *longest_name;

static enum where place(uint64_t address)
{
    if (address >= KERNEL_LO && address < KERNEL_HI)
        return IN_KERNEL;
    return address >= SERVICE_LO && address < SERVICE_HI ? IN_SERVICE : ELSEWHERE;
}

static void in_kernel(unsigned cpu, void *data)
{
    struct stretch *stretch = &stretches[cpu];
    uint32_t offset = (uint32_t)(uintptr_t)data;

    counts[IN_KERNEL]++;
    if (stretch->length < PATH_MAX_INSNS)
        stretch->path[stretch->length] = offset;
    stretch->length++;
    if (offset / 4 < PROFILE_SLOTS)
        profile[offset / 4]++;
}

/* The kernel waits, or leaves: interrupts come in. */
static void in_kernel_end(unsigned cpu, void *data)
{
    struct stretch *stretch = &stretches[cpu];

    in_kernel(cpu, data);
    if (stretch->started && stretch->length > longest.length) {
        longest.length = stretch->length;
        memcpy(longest.path, stretch->path,
               sizeof(longest.path[0]) *
                   (stretch->length < PATH_MAX_INSNS ? stretch->length : PATH_MAX_INSNS));
        longest_cpu = cpu;
    }
    stretch->started = true;
    stretch->length = 0;
}

static void mark(unsigned cpu, void *data)
{
    struct row *row = &rows[(uintptr_t)data / 2];
    uint64_t sum = 0;

    (void)cpu;
    if ((uintptr_t)data % 2 == 0) {
        memcpy(row->begin, counts, sizeof counts);
        row->begun = true;
        return;
    }
    if (!row->begun)
        return;
    row->begun = false;
    for (int i = 0; i < PLACES; i++)
        sum += counts[i] - row->begin[i];
    if (row->times++ && sum >= row->best_sum)
        return;
    row->best_sum = sum;
    for (int i = 0; i < PLACES; i++)
        row->best[i] = counts[i] - row->begin[i];
}

#if PLUGIN_VERSION == 1
static void count_one(struct qemu_plugin_insn *insn, enum where where)
{
    qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &counts[where], 1);
}

static uint32_t code_of(const struct qemu_plugin_insn *insn)
{
    uint32_t code;

    memcpy(&code, qemu_plugin_insn_data(insn), sizeof code);
    return code;
}
#else
static void in_service(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    counts[IN_SERVICE]++;
}

static void elsewhere(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    counts[ELSEWHERE]++;
}

static void count_one(struct qemu_plugin_insn *insn, enum where where)
{
    qemu_plugin_register_vcpu_insn_exec_cb(insn, where == IN_SERVICE ? in_service : elsewhere,
                                           QEMU_PLUGIN_CB_NO_REGS, NULL);
}

static uint32_t code_of(const struct qemu_plugin_insn *insn)
{
    uint32_t code = 0;

    qemu_plugin_insn_data(insn, &code, sizeof code);
    return code;
}
#endif

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);

    (void)id;
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);
        enum where where = place(address);
        uint32_t code = code_of(insn);

        if (where == IN_KERNEL) {
            qemu_plugin_register_vcpu_insn_exec_cb(
                insn, code == WFI || code == ERET ? in_kernel_end : in_kernel,
                QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)(address - KERNEL_LO));
            continue;
        }
        count_one(insn, where);
        for (uintptr_t m = 0; m < 2ul * ROWS; m++)
            if (code == HINT(96 + m))
                qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, QEMU_PLUGIN_CB_NO_REGS,
                                                       (void *)m);
    }
}

static FILE *create(const char *name)
{
    FILE *file = fopen(name, "w");

    if (!file)
        fprintf(stderr, "count: can't write %s\n", name);
    return file;
}

static void write_profile(void)
{
    FILE *file = create(profile_name);

    for (unsigned i = 0; file && i < PROFILE_SLOTS; i++)
        if (profile[i])
            fprintf(file, "%#llx %" PRIu64 "\n", KERNEL_LO + 4ull * i, profile[i]);
    if (file)
        fclose(file);
}

static void write_longest(void)
{
    FILE *file = create(longest_name);

    for (unsigned i = 0; file && i < longest.length && i < PATH_MAX_INSNS; i++)
        fprintf(file, "%#llx\n", KERNEL_LO + longest.path[i]);
    if (file)
        fclose(file);
}

static void report(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    fprintf(stderr, "count: kernel %" PRIu64 " services %" PRIu64 " rest %" PRIu64 "\n",
            counts[IN_KERNEL], counts[IN_SERVICE], counts[ELSEWHERE]);
    fprintf(stderr, "count: longest masked stretch: %" PRIu64 " on CPU %u\n", longest.length,
            longest_cpu);
    /* One of the two marks is counted, too. */
    for (unsigned i = 0; i < ROWS; i++)
        if (rows[i].times)
            fprintf(stderr,
                    "count: row %u: kernel %" PRIu64 " services %" PRIu64 " rest %" PRIu64
                    " times %" PRIu64 "\n",
                    i, rows[i].best[IN_KERNEL], rows[i].best[IN_SERVICE], rows[i].best[ELSEWHERE],
                    rows[i].times);
    if (profile_name)
        write_profile();
    if (longest_name)
        write_longest();
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "profile=", 8) == 0)
            profile_name = strdup(argv[i] + 8);
        if (strncmp(argv[i], "longest=", 8) == 0)
            longest_name = strdup(argv[i] + 8);
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, report, NULL);
    return 0;
}
