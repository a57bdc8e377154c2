/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI decoding: every function in its 32- and 64-bit form, and everything else refused. */
#include "psci.h"

#include <check.h>
#include <keel/machine.h>
#include <keel/types.h>
#include <stdlib.h>

static struct psci_step call(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3)
{
    uint64_t x[4] = {x0, x1, x2, x3};
    struct psci_step step;
    psci_decode(x, 2, &step);
    return step;
}

static int64_t answer(uint64_t x0, uint64_t x1)
{
    struct psci_step step = call(x0, x1, 0, 0);
    ck_assert_int_eq(step.action, PSCI_ANSWER);
    return step.value;
}

START_TEST(versions_and_features)
{
    ck_assert_int_eq(answer(0x84000000, 0), 0x10001);
    ck_assert_int_eq(answer(0x80000000, 0), 0x10001);
    ck_assert_int_eq(answer(0x84000006, 0), 2);
    static const uint32_t present[] = {0x84000000, 0x84000001, 0xC4000001, 0x84000002, 0x84000003,
                                       0xC4000003, 0x84000004, 0xC4000004, 0x84000006, 0x84000008,
                                       0x84000009, 0x8400000A, 0x84000012, 0xC4000012, 0x80000000};
    for (unsigned i = 0; i < sizeof(present) / sizeof(present[0]); i++) {
        ck_assert_int_eq(answer(0x8400000A, present[i]), 0);
    }
    ck_assert_int_eq(answer(0x8400000A, 0xC4000002), -1); /* has no 64-bit form */
    ck_assert_int_eq(answer(0x8400000A, 0x84000005), -1); /* MIGRATE */
    ck_assert_int_eq(answer(0x80000001, 0x80000001), 0);
    ck_assert_int_eq(answer(0x80000001, 0x80008000), -1); /* ARCH_WORKAROUND_1 */
}
END_TEST

START_TEST(cpu_on)
{
    struct psci_step step = call(0xC4000003, 1, 0x123456789000, 0xAABBCCDDEEFF0011);
    ck_assert_int_eq(step.action, PSCI_ON);
    ck_assert_uint_eq(step.vcpu, 1);
    ck_assert_uint_eq(step.pc, 0x123456789000);
    ck_assert_uint_eq(step.x0, 0xAABBCCDDEEFF0011);

    step = call(0xFFFFFFFF84000003, 0xFFFFFFFF00000001, 0xFFFFFFFF40000000, 0xFFFFFFFF00000007);
    ck_assert_int_eq(step.action, PSCI_ON);
    ck_assert_uint_eq(step.vcpu, 1);
    ck_assert_uint_eq(step.pc, 0x40000000);
    ck_assert_uint_eq(step.x0, 7);

    ck_assert_int_eq(answer(0xC4000003, 2), PSCI_INVALID_PARAMETERS);
    ck_assert_int_eq(answer(0xC4000003, 0x80000001), PSCI_INVALID_PARAMETERS);
    ck_assert_int_eq(answer(0xC4000003, 0x100000000), PSCI_INVALID_PARAMETERS);
    ck_assert_int_eq(answer(0xC4000003, UINT64_MAX), PSCI_INVALID_PARAMETERS);

    ck_assert_int_eq(psci_on_status(0), PSCI_SUCCESS);
    ck_assert_int_eq(psci_on_status(-KEEL_EEXIST), PSCI_ALREADY_ON);
    ck_assert_int_eq(psci_on_status(-KEEL_EINVAL), PSCI_INVALID_PARAMETERS);
    ck_assert_int_eq(psci_on_status(-KEEL_EACCES), PSCI_INTERNAL_FAILURE);
}
END_TEST

START_TEST(affinity_off_and_suspend)
{
    struct psci_step step = call(0xC4000004, 0, 0, 0);
    ck_assert_int_eq(step.action, PSCI_AFFINITY);
    ck_assert_uint_eq(step.vcpu, 0);
    ck_assert_int_eq(call(0x84000004, 1, 0, 0).action, PSCI_AFFINITY);
    ck_assert_int_eq(call(0xC4000004, 0, 1, 0).value, PSCI_INVALID_PARAMETERS);
    ck_assert_int_eq(call(0xC4000004, 9, 0, 0).value, PSCI_INVALID_PARAMETERS);
    ck_assert_int_eq(call(0x84000002, 0, 0, 0).action, PSCI_OFF);
    ck_assert_int_eq(answer(0x84000001, 0), PSCI_SUCCESS);
    ck_assert_int_eq(answer(0xC4000001, 1u << 30), PSCI_SUCCESS);
}
END_TEST

START_TEST(system_calls)
{
    ck_assert_int_eq(call(0x84000008, 0, 0, 0).action, PSCI_STOP);
    ck_assert_int_eq(call(0x84000009, 0, 0, 0).action, PSCI_RESET);
    ck_assert_int_eq(call(0x84000012, 0, 0, 0).action, PSCI_RESET);
    ck_assert_int_eq(call(0xC4000012, 0, 0, 0).action, PSCI_RESET);
    ck_assert_int_eq(answer(0xC4000012, 0x80000000), PSCI_INVALID_PARAMETERS);
    struct psci_step step = call(KEEL_MACHINE_PANIC | 0x40000000, 0x1234567890, 0, 0);
    ck_assert_int_eq(step.action, PSCI_PANIC);
    ck_assert_int_eq(step.value, 0x1234567890);
    ck_assert_int_eq(call(KEEL_MACHINE_PANIC, 7, 0, 0).action, PSCI_PANIC);
}
END_TEST

/* Everything that is not listed above answers -1, and nothing acts on a vCPU that isn't there. */
START_TEST(unknown_is_not_supported)
{
    unsigned known = 0;
    ck_assert_int_eq(answer(0, 0), -1);
    ck_assert_int_eq(answer(0x40000000, 0), -1);
    for (uint64_t id = 0; id <= UINT32_MAX; id += id % 0x1000000 < 0x40 ? 1 : 0xFFFFC0) {
        struct psci_step step = call(id, UINT64_MAX, UINT64_MAX, UINT64_MAX);
        if (step.action != PSCI_ANSWER || step.value != -1) {
            known++;
        }
        ck_assert(step.action != PSCI_ON && step.action != PSCI_AFFINITY);
    }
    /* As many as the tests above name, less PSCI_FEATURES and SMCCC_ARCH_FEATURES (argument: -1).
     */
    ck_assert_uint_eq(known, 16);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("psci");
    tcase_add_test(tests, versions_and_features);
    tcase_add_test(tests, cpu_on);
    tcase_add_test(tests, affinity_off_and_suspend);
    tcase_add_test(tests, system_calls);
    tcase_add_test(tests, unknown_is_not_supported);

    Suite *suite = suite_create("psci");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
