/* SPDX-License-Identifier: Apache-2.0 */
/* Xen's grammar of sizes. */
#include "suite.h"

#include <config/size.h>
#include <stdio.h>

#define G (1ull << 30)
#define M (1ull << 20)

static const struct {
    const char *text;
    uint64_t bytes;
} good[] = {
    {"64M", 64 * M},
    {"64m", 64 * M},
    {"512B", 512},
    {"4K", 4096},
    {"1G", G},
    {"1T", 1024 * G},
    {"0M", 0},
    {"10%", 4 * G / 10 & ~4095ull},
    {"100%", 4 * G},
    {"1G+10%", G + (4 * G / 10 & ~4095ull)},
    {"512M,max:256M", 256 * M},
    {"max:256M,512M", 256 * M},
    {"10%,min:1G", G},
    {"min:64M,128M,max:1G", 128 * M},
    {"16777215T", 16777215ull << 40},
};

static const struct {
    const char *text, *wrong;
} bad[] = {
    {"", "a number is expected"},
    {"M", "a number is expected"},
    {"-1M", "a number is expected"},
    {"64", "a unit (B, K, M, G, T or %) is missing"},
    {"64Q", "a unit (B, K, M, G, T or %) is missing"},
    {"64MB", "unexpected text behind the size"},
    {"64M ", "unexpected text behind the size"},
    {"101%", "a percentage above 100"},
    {"1G+1G", "a percentage is expected after +"},
    {"10%+1G", "a percentage comes last"},
    {"10%+10%", "a percentage comes last"},
    {"1G+", "a number is expected"},
    {"1G+10%+10%", "unexpected text behind the size"},
    {"1G,2G", "more than one size"},
    {"min:1G", "a size besides min: and max: is expected"},
    {"1G,min:2G,max:1G", "min is above max"},
    {"1G,", "more than one size"},
    {"99999999999999999999G", "the number is too large"},
    {"16777216T", "the number is too large"},
    {"18446744073709551615B+100%", "the number is too large"},
};

START_TEST(test_good)
{
    uint64_t bytes = 1;

    ck_assert_ptr_null(config_size(good[_i].text, 4 * G, &bytes));
    ck_assert_uint_eq(bytes, good[_i].bytes);
}
END_TEST

START_TEST(test_bad)
{
    uint64_t bytes;
    const char *wrong = config_size(bad[_i].text, 4 * G, &bytes);

    ck_assert_ptr_nonnull(wrong);
    ck_assert_str_eq(wrong, bad[_i].wrong);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_size");
    TCase *tcase = tcase_create("size");

    tcase_add_loop_test(tcase, test_good, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(tcase, test_bad, 0, (int)(sizeof bad / sizeof bad[0]));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
