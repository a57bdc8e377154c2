/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters at run time: the console's language, and what is kept of it for the next life. */
#include "suite.h"

#include <command.h>
#include <keel/domain.h>
#include <settings.h>
#include <stdio.h>
#include <string.h>

static char said[4096];
static struct settings settings;
static uint32_t failures;

static uint16_t domain_find(const char *name)
{
    return strcmp(name, "one") == 0 ? 1 : strcmp(name, "two") == 0 ? 2 : POLICY_ALL;
}

static const char *domain_name(uint16_t domain)
{
    static const char *const names[] = {NULL, "one", "two"};

    return domain < 3 ? names[domain] : NULL;
}

static uint32_t snapshot(struct keel_plan_vcpu vcpus[POLICY_VCPUS_MAX])
{
    vcpus[0] = (struct keel_plan_vcpu){
        .domain = 1, .vcpu = 2, .state = 2, .cpu = 3, .cpus = 0xf, .run_time = 1234567890};
    vcpus[1] = (struct keel_plan_vcpu){.domain = 9, .state = 77, .cpus = 1};
    return 2;
}

static bool note(const char *parameter, struct policy_whom whom, uint64_t value)
{
    return settings_note(&settings, parameter, whom, value);
}

static void say(const char *line)
{
    size_t used = strlen(said);

    snprintf(&said[used], sizeof said - used, "%s\n", line);
}

static const char *command(const struct policy *policy, const char *line)
{
    const struct command_world world = {.policy = policy,
                                        .domain_find = domain_find,
                                        .domain_name = domain_name,
                                        .snapshot = snapshot,
                                        .note = note,
                                        .say = say};
    char copy[256];

    snprintf(copy, sizeof copy, "%s", line);
    said[0] = '\0';
    command_line(&world, copy);
    return said;
}

static void wrong(const char *why)
{
    (void)why;
    failures++;
}

static uint64_t value(const struct policy *policy, const char *parameter, uint16_t domain,
                      uint16_t vcpu)
{
    uint64_t found = UINT64_MAX;

    ck_assert_ptr_null(policy_get(policy, parameter, (struct policy_whom){domain, vcpu}, &found));
    return found;
}

static void begin(void)
{
    memset(&settings, 0, sizeof settings);
    failures = 0;
    policy_credit2.begin();
    policy_rtds.begin();
    policy_equal.begin();
}

START_TEST(says_and_sets)
{
    const struct policy *policy = &policy_credit2;

    ck_assert_str_eq(command(policy, "set weight.one=512 cap.two=0x10"),
                     "set: weight.one=512\nset: cap.two=0x10\n");
    ck_assert_str_eq(command(policy, "get weight.one  cap.two weight.two slice-us"),
                     "weight.one=512\ncap.two=16\nweight.two=256\nslice-us=1000\n");
    ck_assert_str_eq(command(policy, ""), "");
    ck_assert_str_eq(command(policy, "   "), "");
    ck_assert_str_eq(command(policy, "set weight.one=0 weight.two=3"),
                     "not set: weight: 0 is not 1 to 65535\nset: weight.two=3\n");
    ck_assert_str_eq(command(policy, "set weight.one"),
                     "not set: weight: expected PARAMETER=N or PARAMETER.NAME=N\n");
    ck_assert_str_eq(command(policy, "get weight.one=3"), "weight.one=3: get takes no value\n");
    ck_assert_str_eq(command(policy, "get weight.three"), "weight: there is no 'three'\n");
    ck_assert_str_eq(command(policy, "get weight"),
                     "weight: is of a domain, expected weight.NAME\n");
    ck_assert_str_eq(command(policy, "get slice-us.one"),
                     "slice-us: is of all, expected slice-us\n");
    ck_assert_ptr_nonnull(strstr(command(policy, "get"), "not understood: get;"));
    ck_assert_ptr_nonnull(strstr(command(policy, "show one"), "not understood: show;"));
    ck_assert_ptr_nonnull(strstr(command(&policy_null, "set a=1"), "a: null has no parameters"));
    ck_assert_str_eq(command(policy, "show"),
                     "policy credit2 ratelimit-us=500 slice-us=1000\n"
                     "one/2 running on 3, cpus 0xf, ran 1.234 s: weight=512 cap=0 "
                     "cpus=0xffffffffffffffff soft=0xffffffffffffffff\n"
                     "?/0 ? on 0, cpus 0x1, ran 0.000 s: weight=256 cap=0 "
                     "cpus=0xffffffffffffffff soft=0xffffffffffffffff\n");
    ck_assert_ptr_nonnull(strstr(command(policy, "help"), "  weight.DOMAIN, 1 to 65535\n"));
    ck_assert_ptr_nonnull(
        strstr(command(&policy_rtds, "help"), "budget-us.DOMAIN or .DOMAIN/VCPU, 0 to 10000000"));
}
END_TEST

START_TEST(one_vcpu)
{
    const struct policy *policy = &policy_rtds;

    ck_assert_str_eq(command(policy, "set budget-us.one=5 budget-us.one/2=7"),
                     "set: budget-us.one=5\nset: budget-us.one/2=7\n");
    ck_assert_str_eq(command(policy, "get budget-us.one/2 budget-us.one/3"),
                     "budget-us.one/2=7\nbudget-us.one/3=5\n");
    ck_assert_ptr_nonnull(
        strstr(command(policy, "show"), "ran 1.234 s: period-us=10000 budget-us=7 "));
    ck_assert_str_eq(command(policy, "set budget-us.one/16=7"),
                     "not set: budget-us: there is no 'one/16'\n");
    ck_assert_str_eq(command(policy, "set budget-us.one/-1=7"),
                     "not set: budget-us: there is no 'one/-1'\n");
}
END_TEST

/* The next life sets the same, in order; and so does another policy, as far as it has that. */
START_TEST(next_life)
{
    command(&policy_rtds,
            "set budget-us.one/2=7 budget-us.one=5 budget-us.one/3=9 period-us.two=2000");
    command(&policy_rtds, "set period-us.two=3000 budget-us.two=99999999");
    policy_rtds.begin();
    settings_apply(&settings, &policy_rtds, wrong);
    ck_assert_uint_eq(failures, 0);
    ck_assert_uint_eq(value(&policy_rtds, "budget-us", 1, 2), 5);
    ck_assert_uint_eq(value(&policy_rtds, "budget-us", 1, 3), 9);
    ck_assert_uint_eq(value(&policy_rtds, "period-us", 2, 0), 3000);
    ck_assert_uint_eq(value(&policy_rtds, "budget-us", 2, 0), 0);
    command(&policy_credit2, "set weight.one=3");
    settings_apply(&settings, &policy_equal, wrong);
    ck_assert_uint_eq(failures, 3); /* it has none of the first ones, which stay */
    ck_assert_uint_eq(value(&policy_equal, "weight", 1, POLICY_ALL), 3);
    policy_rtds.begin();
    settings_apply(&settings, &policy_rtds, wrong);
    ck_assert_uint_eq(value(&policy_rtds, "budget-us", 1, 3), 9);
}
END_TEST

/* Whatever a bad life left there. */
START_TEST(makes_no_sense)
{
    command(&policy_credit2, "set weight.one=3");
    if (_i == 0)
        settings.valid++;
    else if (_i == 1)
        settings.valid = 1;
    else if (_i == 2)
        settings.table[0].n = settings.table[1].n = SETTINGS_MAX + 1;
    else
        memset(settings.table, 'x', sizeof settings.table);
    if (_i == 3)
        settings.table[0].n = settings.table[1].n = 2;
    policy_credit2.begin();
    settings_apply(&settings, &policy_credit2, wrong);
    ck_assert_uint_eq(failures, 0);
    ck_assert_uint_eq(value(&policy_credit2, "weight", 1, POLICY_ALL), 256);
    command(&policy_credit2, "set weight.one=4");
    settings_apply(&settings, &policy_credit2, wrong);
    ck_assert_uint_eq(value(&policy_credit2, "weight", 1, POLICY_ALL), 4);
}
END_TEST

/* A life that died while it noted something: as if it had not. */
START_TEST(dies_in_between)
{
    struct settings before;

    command(&policy_credit2, "set weight.one=3");
    before = settings;
    command(&policy_credit2, "set weight.one=4");
    settings.valid = before.valid;
    policy_credit2.begin();
    settings_apply(&settings, &policy_credit2, wrong);
    ck_assert_uint_eq(value(&policy_credit2, "weight", 1, POLICY_ALL), 3);
}
END_TEST

START_TEST(room)
{
    for (uint16_t i = 0; i < SETTINGS_MAX; i++)
        ck_assert(settings_note(&settings, "p", (struct policy_whom){i / 16, i % 16}, i));
    ck_assert(!settings_note(&settings, "q", (struct policy_whom){1, 1}, 1));
    ck_assert(
        settings_note(&settings, "p", (struct policy_whom){1, 1}, 1)); /* in the place of one */
    ck_assert(settings_note(&settings, "p", (struct policy_whom){1, POLICY_ALL}, 1)); /* of 16 */
    ck_assert(settings_note(&settings, "q", (struct policy_whom){1, 1}, 1));
    ck_assert(
        !settings_note(&settings, "a-parameter-with-a-long-name", (struct policy_whom){1, 1}, 1));
    settings_apply(&settings, &policy_null, wrong);
    ck_assert_uint_eq(failures, SETTINGS_MAX - 16 + 2);
}
END_TEST

/* Of who runs in several groups, what it had in this one: CPUs 0 and 1. */
START_TEST(time_in_a_group)
{
    static struct policy_times times;
    struct keel_plan_vcpu service = {
        .domain = 5, .kind = KEEL_DOMAIN_USER, .incarnation = 1, .cpu = 1, .cpus = 3};
    struct keel_plan_vcpu guest = {
        .domain = 5, .kind = KEEL_DOMAIN_MACHINE, .incarnation = 1, .cpu = 2, .cpus = 3};

    memset(&times, 0, sizeof times);
    ck_assert_uint_eq(policy_own_time(&times, &service, 1000), 1000);
    service.cpu = 2; /* and had 500 there */
    ck_assert_uint_eq(policy_own_time(&times, &service, 1500), 1000);
    ck_assert_uint_eq(policy_own_time(&times, &service, 1500), 1000); /* it sleeps there */
    service.cpu = 0;
    ck_assert_uint_eq(policy_own_time(&times, &service, 1600), 1100);
    service.cpu = 63;
    ck_assert_uint_eq(policy_own_time(&times, &service, 1700), 1100);
    service.cpu = 64; /* there is none */
    ck_assert_uint_eq(policy_own_time(&times, &service, 1800), 1100);
    /* A new life has had nothing. */
    service.incarnation = 2;
    service.cpu = 0;
    ck_assert_uint_eq(policy_own_time(&times, &service, 7), 7);
    /* A guest is in one group. */
    ck_assert_uint_eq(policy_own_time(&times, &guest, 3000), 3000);
    service.domain = KEEL_DOMAINS_MAX;
    ck_assert_uint_eq(policy_own_time(&times, &service, 1), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler_control");
    TCase *tcase = tcase_create("control");

    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, says_and_sets);
    tcase_add_test(tcase, one_vcpu);
    tcase_add_test(tcase, next_life);
    tcase_add_loop_test(tcase, makes_no_sense, 0, 4);
    tcase_add_test(tcase, dies_in_between);
    tcase_add_test(tcase, room);
    tcase_add_test(tcase, time_in_a_group);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
