/* SPDX-License-Identifier: Apache-2.0 */
/* The PL031 model: time, alarm, identity. */
#include "pl031.h"
#include "pl031_regs.h"

#include <check.h>
#include <stdlib.h>

#define EPOCH 1700000000u

static struct pl031 rtc;

static void setup(void)
{
    pl031_reset(&rtc, EPOCH);
}

START_TEST(identifies_as_arm_pl031)
{
    uint32_t id = 0, cell = 0;
    for (uint32_t i = 0; i < 4; i++) {
        id |= pl031_read(&rtc, RTCID + 4 * i, 0) << (8 * i);
        cell |= pl031_read(&rtc, RTCID + 16 + 4 * i, 0) << (8 * i);
    }
    ck_assert_uint_eq(id & 0xFFFFF, 0x41031);
    ck_assert_uint_eq(cell, 0xB105F00D);
}
END_TEST

START_TEST(counts_and_can_be_set)
{
    ck_assert_uint_eq(pl031_read(&rtc, RTCDR, 0), EPOCH);
    ck_assert_uint_eq(pl031_read(&rtc, RTCDR, 17), EPOCH + 17);
    ck_assert_uint_eq(pl031_read(&rtc, RTCCR, 17), 1);
    pl031_write(&rtc, RTCLR, 5, 20);
    ck_assert_uint_eq(pl031_read(&rtc, RTCDR, 20), 5);
    ck_assert_uint_eq(pl031_read(&rtc, RTCLR, 20), 5);
    ck_assert_uint_eq(pl031_read(&rtc, RTCDR, 23), 8);
    pl031_write(&rtc, RTCDR, 99, 23); /* read-only */
    ck_assert_uint_eq(pl031_read(&rtc, RTCDR, 23), 8);
    pl031_write(&rtc, RTCLR, UINT32_MAX, 30);
    ck_assert_uint_eq(pl031_read(&rtc, RTCDR, 31), 0);
}
END_TEST

START_TEST(alarm_comes_once_and_when_due)
{
    pl031_write(&rtc, RTCIMSC, 1, 0);
    ck_assert(!pl031_line(&rtc)); /* RTCMR was never written */
    pl031_write(&rtc, RTCMR, EPOCH + 10, 3);
    ck_assert(rtc.armed);
    ck_assert_uint_eq(rtc.alarm, 10);
    pl031_advance(&rtc, 9);
    ck_assert(!pl031_line(&rtc));
    pl031_advance(&rtc, 10);
    ck_assert(pl031_line(&rtc));
    ck_assert(!rtc.armed);
    ck_assert_uint_eq(pl031_read(&rtc, RTCMIS, 11), 1);
    pl031_write(&rtc, RTCICR, 1, 12);
    ck_assert(!pl031_line(&rtc));
    pl031_advance(&rtc, 100000);
    ck_assert(!pl031_line(&rtc));
}
END_TEST

START_TEST(alarm_follows_the_clock_and_the_mask)
{
    pl031_write(&rtc, RTCMR, EPOCH + 1000, 0);
    pl031_write(&rtc, RTCLR, EPOCH + 995, 1);
    ck_assert_uint_eq(rtc.alarm, 6);
    pl031_advance(&rtc, 6);
    ck_assert_uint_eq(pl031_read(&rtc, RTCRIS, 6), 1);
    ck_assert_uint_eq(pl031_read(&rtc, RTCMIS, 6), 0);
    ck_assert(!pl031_line(&rtc));
    pl031_write(&rtc, RTCIMSC, 0xFFFFFFFF, 6);
    ck_assert_uint_eq(pl031_read(&rtc, RTCIMSC, 6), 1);
    ck_assert(pl031_line(&rtc));
    pl031_write(&rtc, RTCMR, pl031_read(&rtc, RTCDR, 7), 7); /* now */
    ck_assert(!rtc.armed);
}
END_TEST

START_TEST(survives_any_access)
{
    uint64_t now = 0;
    srand(1);
    for (unsigned i = 0; i < 50000; i++) {
        uint32_t offset = (uint32_t)rand() & (i & 1 ? 0xFFF : 0x1C);
        uint32_t value = (uint32_t)rand() << 16 ^ (uint32_t)rand();
        now += value & 7;
        if (value & 8) {
            pl031_write(&rtc, offset, value, now);
        } else {
            pl031_read(&rtc, offset, now);
        }
        ck_assert(rtc.ris <= 1 && rtc.imsc <= 1);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("pl031");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, identifies_as_arm_pl031);
    tcase_add_test(tests, counts_and_can_be_set);
    tcase_add_test(tests, alarm_comes_once_and_when_due);
    tcase_add_test(tests, alarm_follows_the_clock_and_the_mask);
    tcase_add_test(tests, survives_any_access);

    Suite *suite = suite_create("pl031");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
