/* SPDX-License-Identifier: Apache-2.0 */
/* The trace service's console, and recordings as text. */
#include "suite.h"

#include <command.h>
#include <recording.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HZ    10000000u /* a tick is a tenth of a microsecond */
#define ONE   0x100
#define TWO   0x201
#define OTHER 0x900

static struct statistics s;
static char said[8192];
static uint64_t recorded; /* ms */
static bool refuse;

static const char *domain_name(uint16_t domain)
{
    static const char *const names[] = {"builder", "one", "two"};

    return domain < 3 ? names[domain] : NULL;
}

static uint16_t domain_find(const char *name)
{
    return strcmp(name, "one") == 0 ? 1 : strcmp(name, "two") == 0 ? 2 : STATISTICS_NONE;
}

static const char *record(uint64_t ms)
{
    recorded = ms;
    return refuse ? "it records already" : NULL;
}

static void say(const char *line)
{
    size_t used = strlen(said);

    ck_assert_uint_lt(strlen(line), COMMAND_LINE_BYTES);
    snprintf(&said[used], sizeof said - used, "%s\n", line);
}

static const char *command(const char *line, uint64_t now)
{
    const struct command_world world = {.statistics = &s,
                                        .now = now,
                                        .domain_name = domain_name,
                                        .domain_find = domain_find,
                                        .record = record,
                                        .say = say};
    char copy[128];

    snprintf(copy, sizeof copy, "%s", line);
    said[0] = '\0';
    command_line(&world, copy);
    return said;
}

static void add(uint32_t cpu, uint64_t time, uint16_t kind, uint16_t who, uint16_t owner,
                uint16_t detail)
{
    statistics_add(&s, cpu, &(struct keel_trace){time, who, owner, kind, detail});
}

/* 10 ms on one CPU: one runs, asks somebody; two is woken, runs, and sleeps. */
static void begin(void)
{
    statistics_begin(&s, HZ, 1, 0);
    statistics_put(&s, 0, ONE, STATISTICS_RUNS, false, 0);
    statistics_put(&s, 0, TWO, STATISTICS_SLEEPS, false, 0);
    statistics_put(&s, 0, OTHER, STATISTICS_SLEEPS, false, 0);
    add(0, 10000, KEEL_TRACE_RUN, OTHER, ONE, 1);
    add(0, 15000, KEEL_TRACE_RUN, ONE, ONE, 1);
    add(0, 50000, KEEL_TRACE_WAKE, TWO, ONE, 0);
    add(0, 50035, KEEL_TRACE_PREEMPTED, ONE, TWO, 0);
    add(0, 50035, KEEL_TRACE_RUN, TWO, TWO, 1);
    add(0, 75035, KEEL_TRACE_RUN, ONE, ONE, 1);
    add(0, 90000, KEEL_TRACE_EXIT, ONE, ONE, OTHER >> 8);
    add(0, 90000, KEEL_TRACE_RUN, KEEL_TRACE_NOBODY, KEEL_TRACE_NOBODY, 0);
}

START_TEST(shows)
{
    begin();
    ck_assert_str_eq(
        command("show", 100000),
        "10.0 ms; times: p50 p99 p99.9 worst, in us\n"
        "CPU 0: idle 10.0 %, not known 0.0 %, 4 switches, 1 wake-ups, 0 commits, 8 records, 0 lost\n"
        "one/0 blocked on 0: 60.0 % lent 5.0 %, 1 waits 2500.0 2500.0 2500.0 2500.0, 2 exits 500.0 "
        "500.0 500.0 500.0\n"
        "two/1 sleeps on 0: 25.0 %, 1 waits 3.5 3.5 3.5 3.5, 1 wake-ups 3.5 3.5 3.5 3.5\n"
        "9/0 sleeps on 0: 5.0 %, handed 1\n");
    statistics_lost(&s, 0, 12);
    ck_assert_ptr_nonnull(strstr(command("show", 200000), "idle 0.0 %, not known 55.0 %"));
    ck_assert_ptr_nonnull(strstr(said, ", 12 lost\n"));
    ck_assert_ptr_nonnull(strstr(said, "one/0 ? on 0"));
    ck_assert_str_eq(command("reset", 200000), "reset\n");
    ck_assert_ptr_nonnull(strstr(command("show", 200000), "0.0 ms;"));
    ck_assert_ptr_nonnull(strstr(said, "one/0 ? on 0: 0.0 %\n"));
    /* The longest times there are do not spoil a line. */
    for (uint32_t what = 0; what < STATISTICS_WHATS; what++)
        statistics_note(&s.vcpu[0].series[what], UINT64_MAX / 4);
    s.vcpu[0].exits = s.vcpu[0].handed = s.vcpu[0].lent = UINT64_MAX;
    (void)command("show", UINT64_MAX);
    (void)command("histogram one/0", UINT64_MAX);
}
END_TEST

START_TEST(histograms)
{
    begin();
    ck_assert_str_eq(command("histogram two/1", 100000),
                     "two/1 ran 1 times, 2500.0 us in all, at most 2500.0\n"
                     "  up to     2500.0 us        1 ########################################\n"
                     "two/1 waited 1 times, 3.5 us in all, at most 3.5\n"
                     "  up to        3.5 us        1 ########################################\n"
                     "two/1 woke up 1 times, 3.5 us in all, at most 3.5\n"
                     "  up to        3.5 us        1 ########################################\n");
    ck_assert_ptr_nonnull(strstr(command("histogram one", 100000), "one/0 was answered 1 times"));
    ck_assert_ptr_nonnull(strstr(command("histogram 9/0", 100000), "9/0 ran 1 times"));
    ck_assert_str_eq(command("histogram one/1", 100000),
                     "no vCPU 'one/1' was seen; expected NAME/VCPU\n");
    ck_assert_ptr_nonnull(strstr(command("histogram three/0", 100000), "no vCPU 'three/0'"));
    ck_assert_ptr_nonnull(strstr(command("histogram one/", 100000), "no vCPU 'one/'"));
    ck_assert_ptr_nonnull(strstr(command("histogram one/-1", 100000), "no vCPU 'one/-1'"));
    ck_assert_ptr_nonnull(strstr(command("histogram 64/0", 100000), "no vCPU '64/0'"));
    ck_assert_ptr_nonnull(strstr(command("histogram 1/99999999999999999999", 100000), "no vCPU"));
}
END_TEST

START_TEST(others)
{
    begin();
    ck_assert_str_eq(command("", 0), "");
    ck_assert_str_eq(command("  ", 0), "");
    ck_assert_ptr_nonnull(strstr(command("help", 0), "record MS"));
    ck_assert_str_eq(command("record 250", 0), "");
    ck_assert_uint_eq(recorded, 250);
    refuse = true;
    ck_assert_str_eq(command("record 1", 0), "not recorded: it records already\n");
    recorded = 0;
    for (size_t i = 0; i < 5; i++) {
        static const char *const bad[] = {"record 0", "record -1", "record x", "record 60001",
                                          "record 5x"};

        ck_assert_str_eq(command(bad[i], 0), "not recorded: expected 1 to 60000 milliseconds\n");
    }
    ck_assert_uint_eq(recorded, 0);
    for (size_t i = 0; i < 6; i++) {
        static const char *const bad[] = {"show me",   "record",    "record 1 2",
                                          "histogram", "reset all", "set a=1"};

        ck_assert_ptr_nonnull(strstr(command(bad[i], 0), "not understood: "));
    }
}
END_TEST

START_TEST(recordings)
{
    struct keel_trace records[RECORDING_RECORDS], got[RECORDING_RECORDS];
    const struct recording_head head = {
        .frequency = HZ, .cpus = 64, .from = 5, .until = UINT64_MAX};
    struct recording_head head_got;
    char line[RECORDING_LINE_BYTES], name[32];
    uint32_t domain, crc;
    uint64_t n;

    ck_assert_uint_eq(recording_crc(RECORDING_CRC_BEGIN, "123456789", 9), 0xcbf43926);
    ck_assert_uint_eq(recording_crc(recording_crc(RECORDING_CRC_BEGIN, "1234", 4), "56789", 5),
                      0xcbf43926);
    srand(3);
    for (uint32_t i = 0; i < sizeof records; i++)
        ((uint8_t *)records)[i] = (uint8_t)rand();
    for (uint32_t i = 1; i <= RECORDING_RECORDS; i++) {
        recording_records_write(line, records, i);
        ck_assert_uint_lt(strlen(line), RECORDING_LINE_BYTES);
        ck_assert_uint_eq(recording_records_read(line + strlen(RECORDING_MARK), got), i);
        ck_assert_mem_eq(records, got, i * sizeof records[0]);
    }
    recording_records_write(line, records, 1);
    line[strlen(line) - 4] = '\0';
    ck_assert_uint_eq(recording_records_read(line + strlen(RECORDING_MARK), got), 0);
    ck_assert_uint_eq(recording_records_read("= ", got), 0);
    ck_assert_uint_eq(recording_records_read("= !AAA", got), 0);
    memset(line, 'A', sizeof line);
    memcpy(line, "= ", 2);
    line[sizeof line - 1] = '\0';
    ck_assert_uint_eq(recording_records_read(line, got), 0);
    recording_head_write(line, &head);
    ck_assert(recording_head_read(line + strlen(RECORDING_MARK), &head_got));
    ck_assert(head_got.frequency == HZ && head_got.cpus == 64 && head_got.from == 5 &&
              head_got.until == UINT64_MAX);
    ck_assert(!recording_head_read("recording 1 frequency 5 cpus 65 from 1 until 2", &head_got));
    ck_assert(!recording_head_read("recording 1 frequency 5 cpus 0 from 1 until 2", &head_got));
    ck_assert(!recording_head_read("recording 1 frequency 5 cpus 1 from 3 until 2", &head_got));
    recording_name_write(line, 63, "a-name.devices");
    ck_assert(recording_name_read(line + strlen(RECORDING_MARK), &domain, name));
    ck_assert_uint_eq(domain, 63);
    ck_assert_str_eq(name, "a-name.devices");
    ck_assert(!recording_name_read("domain 64 a", &domain, name));
    recording_end_write(line, 77, 0xabc);
    ck_assert(recording_end_read(line + strlen(RECORDING_MARK), &n, &crc));
    ck_assert(n == 77 && crc == 0xabc);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace_command");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, shows);
    tcase_add_test(tcase, histograms);
    tcase_add_test(tcase, others);
    tcase_add_test(tcase, recordings);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
