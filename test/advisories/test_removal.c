/* SPDX-License-Identifier: Apache-2.0 */
/* What is removed is gone: from the tables when the TLB is flushed, from the TLB when the call
 * returns, and no entry of it is left where a later table could be. The TLB here remembers all. */
#include "memory_fixture.h"
#include "suite.h"

#define FORMER 1u
#define OTHER  2u
#define POOL   FIRST_FREE
#define MEMORY (FIRST_FREE + BLOCK_PAGES)
#define PAGE   PAGE_IPA(700)
#define BLOCK  PAGE_IPA(1024)
#define DEVICE PADDR(0x9000000)

static struct space former, other;
static uint32_t flushes;

/* No walk that begins now finds what the flush is for. */
static void flush_finds_nothing(const struct space *space, struct ipa ipa, uint32_t order,
                                uint64_t count)
{
    flushes++;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t at;

        ck_assert_uint_eq(leaf_of(space, (ipa.v >> KEEL_PAGE_SHIFT) + (i << order), &at), 0);
    }
}

static void setup(void)
{
    ram_init();
    scrub(POOL, 64);
    scrub(MEMORY, 2 * BLOCK_PAGES);
    memset(&former, 0, sizeof(former));
    memset(&other, 0, sizeof(other));
    space_init(&former, FORMER, false);
    space_init(&other, OTHER, false);
    ck_assert_int_eq(space_pool_add(&former, PA(POOL), 16), 0);
    ck_assert_int_eq(space_pool_add(&other, PA(POOL + 16), 16), 0);
    ck_assert_int_eq(space_map(&former, PA(MEMORY), PAGE, 0, 4, R | W), 4);
    ck_assert_int_eq(space_map(&former, PA(MEMORY + BLOCK_PAGES), BLOCK, 9, 1, R | W), 1);
    ck_assert_int_eq(space_map_device(&former, DEVICE, PAGE_IPA(1), 0, 1), 1);
    /* The hardware has walked to all of it. */
    for (uint32_t i = 0; i < 4; i++)
        ck_assert(host_access(former.ttbr, PAGE_IPA(700 + i)) != 0);
    ck_assert(host_access(former.ttbr, PAGE_IPA(1024 + 100)) != 0);
    ck_assert(host_access(former.ttbr, PAGE_IPA(1)) != 0);
    flushes = 0;
    host_tlb_flushing = flush_finds_nothing;
}

/* Neither by a table nor by what a TLB remembers, nor by the kernel on its behalf. */
static void assert_gone(struct ipa ipa)
{
    char byte;

    ck_assert_uint_eq(host_access(former.ttbr, ipa), 0);
    ck_assert(!space_has(&former, ipa, false));
    ck_assert_int_eq(space_read(&former, ipa, &byte, 1), -KEEL_EFAULT);
    ck_assert_int_eq(space_copy(&other, PAGE_IPA(0), &former, ipa, 1), -KEEL_EFAULT);
}

/* Tables from this one on, itself included. */
static uint32_t tables_from(struct paddr table, uint32_t order)
{
    const uint64_t *entry = phys_to_virt(table);
    uint32_t tables = 1;

    for (uint32_t i = 0; order > 0 && i < STAGE2_ENTRIES; i++)
        if (stage2_is_table(entry[i], order))
            tables += tables_from(stage2_address(entry[i]), order - 9);
    return tables;
}

/* A page of the pool is a table that a walk reaches, or free and zero, and never both. */
static void assert_pool_is_sound(struct space *space)
{
    uint64_t *page;

    ck_assert_uint_eq(tables_from(space->root, STAGE2_ROOT_ORDER),
                      space->pool.total - space->pool.free);
    lock_take(&space->lock);
    while ((page = pool_take(space)))
        for (uint32_t i = 0; i < STAGE2_ENTRIES; i++)
            ck_assert_uint_eq(page[i], 0);
    lock_release(&space->lock);
}

START_TEST(unmapped_pages_are_gone)
{
    ck_assert_int_eq(space_unmap(&former, PAGE, 0, 3), 3);
    ck_assert_uint_eq(flushes, 1);
    for (uint32_t i = 0; i < 3; i++)
        assert_gone(PAGE_IPA(700 + i));
    ck_assert(host_access(former.ttbr, PAGE_IPA(703)) != 0); /* and no other */
    ck_assert_int_eq(space_unmap(&former, PAGE_IPA(703), 0, 1), 1);
    assert_gone(PAGE_IPA(703));
    assert_pool_is_sound(&former);
}
END_TEST

START_TEST(an_unmapped_block_is_gone)
{
    ck_assert_int_eq(space_unmap(&former, BLOCK, 9, 1), 1);
    ck_assert_uint_eq(flushes, 1);
    assert_gone(BLOCK);
    assert_gone(PAGE_IPA(1024 + 100));
    assert_gone(PAGE_IPA(1024 + 511));
}
END_TEST

START_TEST(an_unmapped_device_is_gone)
{
    ck_assert_int_eq(space_unmap(&former, PAGE_IPA(1), 0, 1), 1);
    ck_assert_uint_eq(flushes, 1);
    ck_assert_uint_eq(host_access(former.ttbr, PAGE_IPA(1)), 0);
    assert_pool_is_sound(&former);
}
END_TEST

START_TEST(what_was_donated_is_gone)
{
    ck_assert_int_eq(space_donate(&former, PAGE, &other, PAGE_IPA(0), 0, 4, R), 4);
    ck_assert_int_eq(space_donate(&former, BLOCK, &other, PAGE_IPA(512), 9, 1, R), 1);
    ck_assert_uint_eq(flushes, 2);
    for (uint32_t i = 0; i < 4; i++)
        assert_gone(PAGE_IPA(700 + i));
    assert_gone(PAGE_IPA(1024 + 100));
    assert_pool_is_sound(&former);
}
END_TEST

START_TEST(a_permission_that_was_taken_is_gone)
{
    host_tlb_flushing = NULL; /* what is read stays */
    ck_assert_int_eq(space_protect(&former, PAGE, 0, 4, R), 4);
    ck_assert_int_eq(space_protect(&former, BLOCK, 9, 1, R), 1);
    for (uint32_t i = 0; i < 4; i++)
        ck_assert_uint_eq(leaf_perm(host_access(former.ttbr, PAGE_IPA(700 + i))), R);
    ck_assert_uint_eq(leaf_perm(host_access(former.ttbr, PAGE_IPA(1024 + 100))), R);
    ck_assert_int_eq(space_write(&former, PAGE, "", 1), -KEEL_EFAULT);
    ck_assert(!space_has(&former, PAGE, true));
}
END_TEST

START_TEST(a_death_leaves_nothing)
{
    uint64_t ttbr = former.ttbr;
    int64_t status;

    do
        status = space_teardown(&former);
    while (status == -KEEL_EAGAIN);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_ge(flushes, 3);
    for (uint32_t i = 0; i < host_tlb_used; i++)
        ck_assert_uint_ne(host_tlb[i].vmid, ttbr >> TTBR_VMID_SHIFT);
    ck_assert_uint_eq(former.root.v, 0);
    ck_assert_uint_ne(former.ttbr, ttbr);
    ck_assert(!space_has(&former, PAGE, false));
    for (uint32_t i = 0; i < PAGES; i++)
        ck_assert(frame_at(i)->owner != FORMER);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("removal");
    TCase *tcase = tcase_create("removal");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, unmapped_pages_are_gone);
    tcase_add_test(tcase, an_unmapped_block_is_gone);
    tcase_add_test(tcase, an_unmapped_device_is_gone);
    tcase_add_test(tcase, what_was_donated_is_gone);
    tcase_add_test(tcase, a_permission_that_was_taken_is_gone);
    tcase_add_test(tcase, a_death_leaves_nothing);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
