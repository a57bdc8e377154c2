/* SPDX-License-Identifier: Apache-2.0 */
/* The page allocator below malloc: nothing twice, everything zero, everything back. */
#include <runtime/pages.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PAGES 1000u

static uint8_t *region;
static struct pages pages;

static void setup(void)
{
    region = aligned_alloc(KEEL_PAGE_SIZE, PAGES * KEEL_PAGE_SIZE);
    ck_assert_ptr_nonnull(region);
    memset(region, 0, PAGES * KEEL_PAGE_SIZE);
    ck_assert(pages_init(&pages, region, PAGES * KEEL_PAGE_SIZE));
}

static void teardown(void)
{
    free(region);
}

static bool zero(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

START_TEST(a_region_needs_room_for_a_page)
{
    struct pages small;
    ck_assert(!pages_init(&small, region, 0));
    ck_assert(!pages_init(&small, region, KEEL_PAGE_SIZE));
    ck_assert(pages_init(&small, region, 2 * KEEL_PAGE_SIZE));
    ck_assert_uint_eq(small.count, 1);
    void *page = pages_take(&small, 1);
    ck_assert_ptr_eq(page, region + KEEL_PAGE_SIZE);
    ck_assert_ptr_null(pages_take(&small, 1));
}
END_TEST

START_TEST(all_pages_can_be_taken_and_come_back)
{
    size_t count = pages.count;
    ck_assert_ptr_null(pages_take(&pages, 0));
    ck_assert_ptr_null(pages_take(&pages, count + 1));
    uint8_t *all = pages_take(&pages, count);
    ck_assert_ptr_nonnull(all);
    memset(all, 0xFF, count * KEEL_PAGE_SIZE);
    ck_assert_ptr_null(pages_take(&pages, 1));
    ck_assert(pages_give(&pages, all, count));
    ck_assert_uint_eq(pages.free, count);
    all = pages_take(&pages, count);
    ck_assert(zero(all, count * KEEL_PAGE_SIZE));
}
END_TEST

START_TEST(holes_are_found_and_merge)
{
    uint8_t *first = pages_take(&pages, 100);
    uint8_t *second = pages_take(&pages, 64);
    uint8_t *third = pages_take(&pages, pages.free);
    ck_assert_ptr_nonnull(third);
    ck_assert(pages_give(&pages, second, 64));
    ck_assert_ptr_null(pages_take(&pages, 65));
    ck_assert(pages_give(&pages, first + 99 * KEEL_PAGE_SIZE, 1)); /* part of a mapping */
    ck_assert_ptr_eq(pages_take(&pages, 65), first + 99 * KEEL_PAGE_SIZE);
}
END_TEST

START_TEST(what_is_not_in_use_cannot_be_given)
{
    uint8_t *two = pages_take(&pages, 2);
    ck_assert(!pages_give(&pages, two, 3));
    ck_assert(!pages_give(&pages, two, 0));
    ck_assert(!pages_give(&pages, two + 1, 1));
    ck_assert(!pages_give(&pages, region, 1)); /* the bitmaps themselves */
    ck_assert(!pages_give(&pages, region - KEEL_PAGE_SIZE, 1));
    ck_assert(!pages_give(&pages, two + pages.count * KEEL_PAGE_SIZE, 1));
    ck_assert(!pages_give(&pages, two, SIZE_MAX));
    ck_assert(pages_give(&pages, two, 2));
    ck_assert(!pages_give(&pages, two, 1));
}
END_TEST

START_TEST(the_shut_mark_is_of_one_page)
{
    uint8_t *three = pages_take(&pages, 3);
    pages_set_shut(&pages, three + KEEL_PAGE_SIZE, true);
    ck_assert(!pages_shut(&pages, three));
    ck_assert(pages_shut(&pages, three + KEEL_PAGE_SIZE));
    ck_assert(!pages_shut(&pages, three + 2 * KEEL_PAGE_SIZE));
    pages_set_shut(&pages, three + KEEL_PAGE_SIZE, false);
    ck_assert(!pages_shut(&pages, three + KEEL_PAGE_SIZE));
}
END_TEST

/* Against a plain list of what is in use, with a tag in every page. */
START_TEST(at_random_nothing_overlaps)
{
    struct {
        uint8_t *at;
        size_t n;
    } taken[64] = {0};
    srand(1);
    for (int round = 0; round < 20000; round++) {
        size_t i = (size_t)rand() % 64;
        if (taken[i].at != NULL) {
            for (size_t k = 0; k < taken[i].n; k++)
                ck_assert_uint_eq(taken[i].at[k * KEEL_PAGE_SIZE + 17], (uint8_t)(i + 1));
            ck_assert(pages_give(&pages, taken[i].at, taken[i].n));
            taken[i].at = NULL;
            continue;
        }
        size_t n = 1 + (size_t)rand() % (rand() % 8 ? 8 : 150);
        taken[i].at = pages_take(&pages, n);
        taken[i].n = n;
        for (size_t k = 0; taken[i].at != NULL && k < n; k++) {
            ck_assert_uint_eq(taken[i].at[k * KEEL_PAGE_SIZE + 17], 0);
            taken[i].at[k * KEEL_PAGE_SIZE + 17] = (uint8_t)(i + 1);
        }
    }
    for (size_t i = 0; i < 64; i++)
        ck_assert(taken[i].at == NULL || pages_give(&pages, taken[i].at, taken[i].n));
    ck_assert_uint_eq(pages.free, pages.count);
    ck_assert_ptr_nonnull(pages_take(&pages, pages.count));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pages");
    TCase *tcase = tcase_create("pages");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_region_needs_room_for_a_page);
    tcase_add_test(tcase, all_pages_can_be_taken_and_come_back);
    tcase_add_test(tcase, holes_are_found_and_merge);
    tcase_add_test(tcase, what_is_not_in_use_cannot_be_given);
    tcase_add_test(tcase, the_shut_mark_is_of_one_page);
    tcase_add_test(tcase, at_random_nothing_overlaps);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
