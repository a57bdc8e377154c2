/* SPDX-License-Identifier: Apache-2.0 */
/* A domain that spreads its mappings uses up its own pool, and nothing else: each call that would
 * need one page more is refused as a whole, and nobody else notices. */
#include "memory_fixture.h"
#include "suite.h"

#define GREEDY 1u
#define OTHER  2u
#define POOL   FIRST_FREE
#define MEMORY (FIRST_FREE + BLOCK_PAGES)
#define SMALL  7u /* pages of the greedy one's pool; one is the root */
#define FAR(n) \
    IPA((uint64_t)(n) << 30) /* each in a table of level 2, and one of level 3, of its own */

static struct space greedy, other;
static struct space *const all[] = {&greedy, &other};

static void setup(void)
{
    ram_init();
    scrub(POOL, 64);
    scrub(MEMORY, 2 * BLOCK_PAGES);
    memset(&greedy, 0, sizeof(greedy));
    memset(&other, 0, sizeof(other));
    space_init(&greedy, GREEDY, false);
    space_init(&other, OTHER, false);
    ck_assert_int_eq(space_pool_add(&greedy, PA(POOL), SMALL), 0);
    ck_assert_int_eq(space_pool_add(&other, PA(POOL + 16), 16), 0);
    ck_assert_int_eq(space_map(&other, PA(MEMORY + 512), PAGE_IPA(16), 0, 8, R | W), 8);
    ck_assert_int_eq(space_map(&other, PA(MEMORY + 520), FAR(1), 0, 8, R | W), 8);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_int_eq(space_map(&greedy, PA(MEMORY + i), FAR(i), 0, 1, R | W), 1);
    ck_assert_uint_eq(greedy.pool.free, 0);
}

#define assert_refused(call)                                     \
    do {                                                         \
        uint64_t before_ = digest_of(all, ARRAY_LENGTH(all));    \
        ck_assert_int_eq((call), -KEEL_ENOMEM);                  \
        ck_assert(digest_of(all, ARRAY_LENGTH(all)) == before_); \
    } while (0)

START_TEST(every_way_to_a_table_is_refused)
{
    for (uint32_t n = 3; n < 512; n += 50) {
        assert_refused(space_map(&greedy, PA(MEMORY + 3), FAR(n), 0, 1, R));
        assert_refused(space_map_device(&greedy, PADDR(0x9000000), FAR(n), 0, 1));
        assert_refused(space_donate(&other, PAGE_IPA(16), &greedy, FAR(n), 0, 1, R));
    }
    assert_refused(space_map(&greedy, PA(MEMORY + 3), PAGE_IPA(512), 0, 32, R)); /* level 3 alone */
    assert_refused(space_map_device(&greedy, PADDR(0x40000000), FAR(3), 9, 1));
}
END_TEST

START_TEST(one_page_less_than_needed_is_refused)
{
    ck_assert_int_eq(space_pool_add(&greedy, PA(POOL + 8), 1), 0);
    assert_refused(space_map(&greedy, PA(MEMORY + 3), FAR(3), 0, 1, R));
    ck_assert_int_eq(space_pool_add(&greedy, PA(POOL + 9), 1), 0);
    ck_assert_int_eq(space_map(&greedy, PA(MEMORY + 3), FAR(3), 0, 1, R), 1);
    ck_assert_uint_eq(greedy.pool.free, 0);
}
END_TEST

START_TEST(what_needs_no_table_goes_on)
{
    ck_assert_int_eq(space_map(&greedy, PA(MEMORY + 3), PAGE_IPA(1), 0, 8, R), 8);
    ck_assert_int_eq(space_protect(&greedy, FAR(0), 0, 1, R), 1);
    ck_assert_int_eq(space_unmap(&greedy, FAR(2), 0, 1), 1);
    ck_assert_uint_eq(greedy.pool.free, 2);
    ck_assert_int_eq(space_map(&greedy, PA(MEMORY + 20), FAR(9), 0, 1, R), 1);
}
END_TEST

START_TEST(others_have_what_they_had)
{
    uint32_t free = other.pool.free;

    for (uint32_t n = 3; n < 512; n++)
        ck_assert_int_eq(space_map(&greedy, PA(MEMORY + 3), FAR(n), 0, 1, R), -KEEL_ENOMEM);
    ck_assert_uint_eq(other.pool.free, free);
    ck_assert_int_eq(space_map(&other, PA(MEMORY + 600), FAR(7), 0, 1, R), 1);
    ck_assert_uint_eq(other.pool.free, free - 2);
    ck_assert_uint_eq(greedy.pool.total, SMALL);
}
END_TEST

/* With nothing free in the pool, and no pages for more: the end needs none. */
START_TEST(it_can_still_be_ended)
{
    int64_t status;

    do
        status = space_teardown(&greedy);
    while (status == -KEEL_EAGAIN);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(space_pages(&greedy), 0);
    for (uint32_t i = 0; i < SMALL; i++)
        ck_assert_uint_eq(frame_at(POOL + i)->word, FRAME_WORD(FRAME_DIRTY, 0));
}
END_TEST

START_TEST(no_pool_at_all)
{
    struct space none = {0};

    space_init(&none, 9, true);
    ck_assert_int_eq(space_map(&none, PA(MEMORY + 3), PAGE_IPA(0), 0, 1, R), -KEEL_ENOMEM);
    ck_assert_int_eq(space_map(&none, PA(MEMORY + 512), PAGE_IPA(0), 9, 1, R), -KEEL_ENOMEM);
    ck_assert_int_eq(space_map_device(&none, PADDR(0x9000000), PAGE_IPA(0), 0, 1), -KEEL_ENOMEM);
    ck_assert_int_eq(space_donate(&other, PAGE_IPA(16), &none, PAGE_IPA(0), 0, 1, R), -KEEL_ENOMEM);
    ck_assert_int_eq(space_teardown(&none), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tcase = tcase_create("pool");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, every_way_to_a_table_is_refused);
    tcase_add_test(tcase, one_page_less_than_needed_is_refused);
    tcase_add_test(tcase, what_needs_no_table_goes_on);
    tcase_add_test(tcase, others_have_what_they_had);
    tcase_add_test(tcase, it_can_still_be_ended);
    tcase_add_test(tcase, no_pool_at_all);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
