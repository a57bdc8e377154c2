/* SPDX-License-Identifier: Apache-2.0 */
/* Memory is zero when it is given, whatever way it came back; and what is given is what was asked
 * for, to the page. */
#include "memory_fixture.h"
#include "suite.h"

#define FORMER 1u
#define NEXT   2u
#define POOL   FIRST_FREE
#define MEMORY (FIRST_FREE + BLOCK_PAGES)
#define SECRET 0x5a

static struct space former, next;

static void setup(void)
{
    ram_init();
    scrub(POOL, 64);
    scrub(MEMORY, 2 * BLOCK_PAGES);
    memset(&former, 0, sizeof(former));
    memset(&next, 0, sizeof(next));
    space_init(&former, FORMER, false);
    space_init(&next, NEXT, false);
    ck_assert_int_eq(space_pool_add(&former, PA(POOL), 16), 0);
    ck_assert_int_eq(space_pool_add(&next, PA(POOL + 16), 16), 0);
}

static bool is_zero(uint64_t page)
{
    const uint64_t *word = phys_to_virt(PA(page));

    for (uint32_t i = 0; i < KEEL_PAGE_SIZE / sizeof(*word); i++)
        if (word[i] != 0)
            return false;
    return true;
}

/* Whatever can be given without another look is zero, and whatever a domain owns is in `pages`. */
static void assert_sound(void)
{
    uint64_t owned[3] = {0};

    for (uint64_t i = 0; i < PAGES; i++) {
        const struct frame *frame = frame_at(i);

        ck_assert_msg(frame->state != FRAME_CLEAN || is_zero(i), "page %lu", i);
        if ((frame->state == FRAME_OWNED || frame->state == FRAME_POOL) && frame->owner != 0)
            owned[frame->owner]++;
    }
    ck_assert_uint_eq(owned[FORMER], space_pages(&former));
    ck_assert_uint_eq(owned[NEXT], space_pages(&next));
}

static void write_secret(struct ipa ipa, uint64_t pages)
{
    char secret[256];

    memset(secret, SECRET, sizeof(secret));
    for (uint64_t i = 0; i < pages * (KEEL_PAGE_SIZE / sizeof(secret)); i++)
        ck_assert_int_eq(
            space_write(&former, IPA(ipa.v + i * sizeof(secret)), secret, sizeof(secret)), 0);
}

/* No way to `next` for pages that nobody scrubbed; all ways once somebody has. */
static void assert_given_clean(uint64_t page, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) {
        ck_assert_int_lt(space_map(&next, PA(page + i), PAGE_IPA(1024), 0, 1, R), 0);
        ck_assert_int_lt(space_pool_add(&next, PA(page + i), 1), 0);
    }
    if (pages == BLOCK_PAGES)
        ck_assert_int_lt(space_map(&next, PA(page), PAGE_IPA(1024), 9, 1, R), 0);
    scrub(page, pages);
    assert_sound();
    for (uint64_t i = 0; i < pages; i++)
        ck_assert_int_eq(space_map(&next, PA(page + i), PAGE_IPA(1024 + i), 0, 1, R), 1);
    for (uint64_t i = 0; i < pages; i++)
        ck_assert(is_zero(page + i));
    assert_sound();
}

START_TEST(of_unmapped_pages)
{
    ck_assert_int_eq(space_map(&former, PA(MEMORY), PAGE_IPA(16), 0, 8, R | W), 8);
    write_secret(PAGE_IPA(16), 8);
    ck_assert_int_eq(space_unmap(&former, PAGE_IPA(16), 0, 8), 8);
    assert_given_clean(MEMORY, 8);
}
END_TEST

START_TEST(of_an_unmapped_block)
{
    ck_assert_int_eq(space_map(&former, PA(MEMORY), PAGE_IPA(512), 9, 1, R | W), 1);
    write_secret(PAGE_IPA(512), BLOCK_PAGES);
    ck_assert_int_eq(space_unmap(&former, PAGE_IPA(512), 9, 1), 1);
    assert_given_clean(MEMORY, BLOCK_PAGES);
}
END_TEST

/* Pages, a block, tables and the rest of the pool. */
START_TEST(of_a_domain_that_died)
{
    int64_t status;

    ck_assert_int_eq(space_map(&former, PA(MEMORY), PAGE_IPA(16), 0, 8, R | W), 8);
    ck_assert_int_eq(space_map(&former, PA(MEMORY + 512), PAGE_IPA(512), 9, 1, R | W), 1);
    write_secret(PAGE_IPA(16), 8);
    write_secret(PAGE_IPA(512), BLOCK_PAGES);
    do
        status = space_teardown(&former);
    while (status == -KEEL_EAGAIN);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(space_pages(&former), 0);
    ck_assert_int_eq(space_pool_add(&next, PA(POOL + 32), 16), 0);
    assert_given_clean(MEMORY, 8);
    for (uint32_t i = 0; i < 16; i++)
        ck_assert_int_eq(space_map(&next, PA(POOL + i), PAGE_IPA(16), 0, 1, R), -KEEL_EINVAL);
}
END_TEST

/* A kernel page that was a table, or a ring's, is none of what it was when it is used again. */
START_TEST(of_kernel_pages)
{
    void *page;

    ck_assert_int_eq(space_map(&former, PA(MEMORY), PAGE_IPA(16), 0, 32, R | W), 32);
    ck_assert_int_eq(space_unmap(&former, PAGE_IPA(16), 0, 32), 32);
    lock_take(&former.lock);
    page = pool_take(&former);
    memset(page, SECRET, KEEL_PAGE_SIZE);
    pool_give(&former, page);
    for (uint32_t i = 0; i < 15; i++) {
        page = pool_take(&former);
        ck_assert_ptr_nonnull(page);
        ck_assert(is_zero(PAGE_OF(virt_to_phys(page).v)));
    }
    ck_assert_ptr_null(pool_take(&former));
    lock_release(&former.lock);
}
END_TEST

START_TEST(half_clean_is_not_clean)
{
    scrub(MEMORY + 2 * BLOCK_PAGES, BLOCK_PAGES - 1);
    ck_assert_int_eq(space_map(&next, PA(MEMORY + 2 * BLOCK_PAGES), PAGE_IPA(512), 9, 1, R),
                     -KEEL_EINVAL);
    ck_assert_int_eq(space_pool_add(&next, PA(MEMORY + 2 * BLOCK_PAGES), BLOCK_PAGES),
                     -KEEL_EINVAL);
    assert_sound();
}
END_TEST

/* The pages asked for, and neither the next one nor a rounded number. */
START_TEST(no_page_more_than_asked_for)
{
    static const uint32_t counts[] = {1, 2, 3, 7, 31, 32};
    uint64_t page = MEMORY;

    for (uint32_t i = 0; i < ARRAY_LENGTH(counts); i++) {
        uint64_t before = space_pages(&next);

        ck_assert_int_eq(space_map(&next, PA(page), PAGE_IPA(512 * i), 0, counts[i], R), counts[i]);
        ck_assert_uint_eq(space_pages(&next), before + counts[i]);
        for (uint32_t j = 0; j < counts[i]; j++)
            ck_assert_uint_eq(frame_at(page + j)->word, FRAME_WORD(FRAME_OWNED, NEXT));
        page += counts[i];
        ck_assert_uint_eq(frame_at(page)->word, FRAME_WORD(FRAME_CLEAN, 0));
        assert_sound();
    }
    ck_assert_int_eq(space_pool_add(&next, PA(POOL + 32), 7), 0);
    ck_assert_uint_eq(frame_at(POOL + 39)->word, FRAME_WORD(FRAME_CLEAN, 0));
    assert_sound();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scrub");
    TCase *tcase = tcase_create("scrub");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, of_unmapped_pages);
    tcase_add_test(tcase, of_an_unmapped_block);
    tcase_add_test(tcase, of_a_domain_that_died);
    tcase_add_test(tcase, of_kernel_pages);
    tcase_add_test(tcase, half_clean_is_not_clean);
    tcase_add_test(tcase, no_page_more_than_asked_for);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
