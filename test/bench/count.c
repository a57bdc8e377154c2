/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QEMU TCG plugin that counts instructions of an emulated AArch64 machine by where they run: the
 * kernel, services, everything else (guests, loader, firmware); and the longest stretch in the
 * kernel, which runs with interrupts masked, from entry to exit. With -icount the figures repeat.
 *
 *   -plugin libcount.so[,profile=FILE][,stretch=FILE]     prints on standard error when QEMU ends
 *
 * profile: kernel addresses and how often each ran. stretch: the same for the longest stretch alone.
 *
 * Marks: a guest or service executes HINT #96 + n (a no-operation): what runs between HINT #(96 + 2n)
 * and HINT #(97 + 2n) is counted as row n.
 *
 * Written from QEMU's documentation of the plugin interface, version 1: docs/devel/tcg-plugins.
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
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
void qemu_plugin_outs(const char *string);

#define EXPORT __attribute__((visibility("default")))
EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);
EXPORT int qemu_plugin_version = 1;

#define KERNEL_LO 0x0000800000000000ull
#define KERNEL_HI 0x0000810000000000ull
#define SERVICE_LO 0x0000001000000000ull /* where services are linked: libs/runtime */
#define SERVICE_HI 0x0000004000000000ull

#define CPUS 64
#define ROWS 16
#define WFI 0xd503207fu
#define ERET 0xd69f03e0u
#define HINT(n) (0xd503201fu | (uint32_t)(n) << 5)
#define PROFILE_SLOTS (1u << 16) /* 4 bytes of kernel text each */

enum where { IN_KERNEL, IN_SERVICE, ELSEWHERE, PLACES };

static uint64_t counts[PLACES];
static uint64_t rows[ROWS][PLACES];
static uint64_t row_begin[ROWS][PLACES];
static uint64_t stretch[CPUS], longest[CPUS], longest_from[CPUS], longest_to[CPUS], from[CPUS];
static bool started[CPUS];
static uint64_t profile[PROFILE_SLOTS];
static const char *profile_path;
#define TRACE_MAX (1u << 20)
static uint32_t trace[CPUS][TRACE_MAX]; /* offsets in the kernel's text, of the stretch under way */
static uint32_t worst[TRACE_MAX];
static uint64_t worst_length;
static const char *stretch_path;

static enum where place(uint64_t address)
{
    if (address >= KERNEL_LO && address < KERNEL_HI)
        return IN_KERNEL;
    return address >= SERVICE_LO && address < SERVICE_HI ? IN_SERVICE : ELSEWHERE;
}

static void stretch_end(unsigned cpu, uint64_t to)
{
    /* The first one is the kernel's own start. */
    if (started[cpu] && stretch[cpu] > longest[cpu]) {
        longest[cpu] = stretch[cpu];
        longest_from[cpu] = from[cpu];
        longest_to[cpu] = to;
        if (stretch_path && stretch[cpu] > worst_length) {
            worst_length = stretch[cpu] < TRACE_MAX ? stretch[cpu] : TRACE_MAX;
            memcpy(worst, trace[cpu], worst_length * sizeof(worst[0]));
        }
    }
    if (stretch[cpu])
        started[cpu] = true;
    stretch[cpu] = 0;
}

static void in_kernel(unsigned cpu, void *data)
{
    uint64_t address = (uint64_t)(uintptr_t)data;

    counts[IN_KERNEL]++;
    if (stretch[cpu] < TRACE_MAX)
        trace[cpu][stretch[cpu]] = (uint32_t)(address - KERNEL_LO);
    if (!stretch[cpu]++)
        from[cpu] = address;
    if ((address - KERNEL_LO) / 4 < PROFILE_SLOTS)
        profile[(address - KERNEL_LO) / 4]++;
}

/* The kernel waits, or leaves: interrupts come in. */
static void in_kernel_end(unsigned cpu, void *data)
{
    in_kernel(cpu, data);
    stretch_end(cpu, (uint64_t)(uintptr_t)data);
}

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

static void mark(unsigned cpu, void *data)
{
    uintptr_t n = (uintptr_t)data;

    (void)cpu;
    for (int i = 0; i < PLACES; i++)
        if (n % 2 == 0)
            row_begin[n / 2][i] = counts[i];
        else
            rows[n / 2][i] = counts[i] - row_begin[n / 2][i];
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    static void (*const count[PLACES])(unsigned, void *) = {in_kernel, in_service, elsewhere};
    size_t n = qemu_plugin_tb_n_insns(tb);

    (void)id;
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);
        enum where where = place(address);
        void (*cb)(unsigned, void *) = count[where];
        uint32_t code;

        memcpy(&code, qemu_plugin_insn_data(insn), sizeof(code));
        if (where == IN_KERNEL && (code == WFI || code == ERET))
            cb = in_kernel_end;
        qemu_plugin_register_vcpu_insn_exec_cb(insn, cb, QEMU_PLUGIN_CB_NO_REGS,
                                               (void *)(uintptr_t)address);
        for (uintptr_t row = 0; where != IN_KERNEL && row < 2 * ROWS; row++)
            if (code == HINT(96 + row))
                qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, QEMU_PLUGIN_CB_NO_REGS,
                                                       (void *)row);
    }
}

static void report(qemu_plugin_id_t id, void *data)
{
    char line[256];

    (void)id;
    (void)data;
    snprintf(line, sizeof(line), "count: kernel %" PRIu64 " services %" PRIu64 " rest %" PRIu64 "\n",
             counts[IN_KERNEL], counts[IN_SERVICE], counts[ELSEWHERE]);
    fputs(line, stderr);
    for (int cpu = 0; cpu < CPUS; cpu++)
        if (longest[cpu])
            fprintf(stderr, "count: longest masked stretch, CPU %d: %" PRIu64 " from %#" PRIx64 " to %#" PRIx64 "\n",
                    cpu, longest[cpu], longest_from[cpu], longest_to[cpu]);
    for (int row = 0; row < ROWS; row++)
        if (rows[row][0] + rows[row][1] + rows[row][2])
            fprintf(stderr, "count: row %d: kernel %" PRIu64 " services %" PRIu64 " rest %" PRIu64 "\n",
                    row, rows[row][IN_KERNEL], rows[row][IN_SERVICE], rows[row][ELSEWHERE]);
    if (stretch_path) {
        FILE *file = fopen(stretch_path, "w");

        for (uint64_t i = 0; file && i < worst_length; i++)
            fprintf(file, "%#" PRIx64 " 1\n", (uint64_t)(KERNEL_LO + worst[i]));
        if (file)
            fclose(file);
    }
    if (profile_path) {
        FILE *file = fopen(profile_path, "w");

        for (unsigned i = 0; file && i < PROFILE_SLOTS; i++)
            if (profile[i])
                fprintf(file, "%#" PRIx64 " %" PRIu64 "\n", (uint64_t)(KERNEL_LO + 4ull * i), profile[i]);
        if (file)
            fclose(file);
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "profile=", 8) == 0)
            profile_path = strdup(argv[i] + 8);
        else if (strncmp(argv[i], "stretch=", 8) == 0)
            stretch_path = strdup(argv[i] + 8);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, report, NULL);
    return 0;
}
