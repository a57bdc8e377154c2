/* SPDX-License-Identifier: Apache-2.0 */
/* Cache maintenance by range: what wraps or ends outside is refused and touches nothing; of what is
 * done, each page is cleaned once, and none beside it. */
#include "memory_fixture.h"
#include "suite.h"

#define USER   1u
#define GUEST  3u
#define POOL   FIRST_FREE
#define MEMORY (FIRST_FREE + BLOCK_PAGES)
#define LAST   (SPACE_LIMIT / KEEL_PAGE_SIZE - 1) /* page of the IPA space */

static struct space user, guest;
static struct space *const all[] = {&user, &guest};
static uint8_t cleaned[PAGES];

void __real_cache_clean_page(void *page);
void __wrap_cache_clean_page(void *page);

void __wrap_cache_clean_page(void *page)
{
    cleaned[PAGE_OF(virt_to_phys(page).v)]++;
    __real_cache_clean_page(page);
}

static void setup(void)
{
    ram_init();
    scrub(POOL, 32);
    scrub(MEMORY, 2 * BLOCK_PAGES);
    scrub(PAGES - 1, 1);
    memset(cleaned, 0, sizeof(cleaned));
    memset(&user, 0, sizeof(user));
    memset(&guest, 0, sizeof(guest));
    space_init(&user, USER, false);
    space_init(&guest, GUEST, true);
    ck_assert_int_eq(space_pool_add(&user, PA(POOL), 16), 0);
    ck_assert_int_eq(space_pool_add(&guest, PA(POOL + 16), 16), 0);
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(0), 9, 1, R | W), 1);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 512), PAGE_IPA(512), 0, 20, R | W), 20);
    ck_assert_int_eq(space_map(&user, PA(PAGES - 1), PAGE_IPA(LAST), 0, 1, R | W), 1);
}

/* Pages from `first` were cleaned once each, and no others. */
static void assert_cleaned(uint64_t first, uint64_t pages)
{
    for (uint64_t i = 0; i < PAGES; i++)
        ck_assert_msg(cleaned[i] == (i - first < pages), "page %lu cleaned %u times", i,
                      cleaned[i]);
}

/* A page or two at one end, if their bytes are counted in 64 bits. */
static const struct {
    uint64_t page;
    uint32_t order;
    uint64_t count;
} wrapping[] = {
    {512, 0, UINT64_MAX},
    {512, 0, 1ul << 52},
    {512, 0, (1ul << 52) - 511},
    {513, 0, (1ul << 52) - 1},
    {0, 9, 1ul << 43},
    {0, 9, (1ul << 43) + 1},
    {0, 9, UINT64_MAX},
    {LAST, 0, 2},
    {LAST, 0, UINT64_MAX},
    {LAST, 0, 1ul << 52},
    {LAST + 1, 0, 1},
    {(1ul << 52) - 1, 0, 1},
    {(1ul << 52) - 1, 0, 2},
    {(1ul << 52) - 512, 9, 2},
};

START_TEST(a_range_that_wraps_touches_nothing)
{
    uint64_t before = digest_of(all, ARRAY_LENGTH(all));

    for (uint32_t i = 0; i < ARRAY_LENGTH(wrapping); i++) {
        struct ipa ipa = PAGE_IPA(wrapping[i].page);
        uint32_t order = wrapping[i].order;
        uint64_t count = wrapping[i].count;

        ck_assert_int_eq(space_protect(&user, ipa, order, count, R | X), -KEEL_EINVAL);
        ck_assert_int_eq(space_donate(&user, ipa, &guest, PAGE_IPA(0), order, count, R | X),
                         -KEEL_EINVAL);
        ck_assert_int_eq(space_donate(&user, PAGE_IPA(512), &guest, ipa, order, count, R | X),
                         -KEEL_EINVAL);
        ck_assert_int_eq(space_unmap(&user, ipa, order, count), -KEEL_EINVAL);
    }
    assert_cleaned(0, 0);
    ck_assert_uint_eq(host_counters.instruction_flushes, 0);
    ck_assert(digest_of(all, ARRAY_LENGTH(all)) == before);
}
END_TEST

START_TEST(each_page_is_cleaned_once)
{
    for (uint64_t done = 0; done < 20;) {
        int64_t status =
            space_donate(&user, PAGE_IPA(512 + done), &guest, PAGE_IPA(done), 0, 20 - done, R | X);

        ck_assert_int_gt(status, 0);
        done += (uint64_t)status;
    }
    assert_cleaned(MEMORY + 512, 20);
}
END_TEST

START_TEST(each_page_of_a_block_is_cleaned_once)
{
    int64_t status;
    uint32_t steps = 0;

    do {
        status = space_donate(&user, PAGE_IPA(0), &guest, PAGE_IPA(0), 9, 1, R | W);
        ck_assert_uint_le(++steps, BLOCK_PAGES);
    } while (status == -KEEL_EAGAIN);
    ck_assert_int_eq(status, 1);
    assert_cleaned(MEMORY, BLOCK_PAGES);
}
END_TEST

/* The last page of the IPA space, which is the last of RAM: both ends are at the limit. */
START_TEST(the_last_page_is_cleaned_alone)
{
    ck_assert_int_eq(space_protect(&user, PAGE_IPA(LAST), 0, 1, R | X), 1);
    assert_cleaned(PAGES - 1, 1);
}
END_TEST

START_TEST(a_scrub_ends_where_memory_does)
{
    ck_assert_int_eq(frames_scrub(PA(PAGES - 1), 1), -KEEL_EINVAL); /* somebody's */
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(LAST), 0, 1), 1);
    ck_assert_int_eq(frames_scrub(PA(PAGES - 2), UINT64_MAX), 2);
    ck_assert_int_eq(frames_scrub(PA(PAGES), 1), -KEEL_EINVAL);
    ck_assert_int_eq(frames_scrub(PADDR(UINT64_MAX - KEEL_PAGE_SIZE + 1), UINT64_MAX),
                     -KEEL_EINVAL);
    ck_assert_int_eq(space_pool_add(&user, PA(PAGES - 1), UINT64_MAX), -KEEL_EINVAL);
    ck_assert_int_eq(space_pool_add(&user, PA(MEMORY + 1000), 1ul << 52), -KEEL_EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache_range");
    TCase *tcase = tcase_create("cache_range");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, a_range_that_wraps_touches_nothing);
    tcase_add_test(tcase, each_page_is_cleaned_once);
    tcase_add_test(tcase, each_page_of_a_block_is_cleaned_once);
    tcase_add_test(tcase, the_last_page_is_cleaned_alone);
    tcase_add_test(tcase, a_scrub_ends_where_memory_does);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
