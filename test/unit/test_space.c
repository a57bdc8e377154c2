/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces: each line of the contract in memory/space.h, with AArch64's table format. */
#include "memory_fixture.h"

#define USER   1u
#define OTHER  2u
#define GUEST  3u
#define POOL   FIRST_FREE                 /* pages of the pools: 16 each */
#define MEMORY (FIRST_FREE + BLOCK_PAGES) /* clean, aligned: 2 blocks */
#define DIRTY  (FIRST_FREE + 5 * BLOCK_PAGES)

/* Calls that cleaning a block takes, and what it was for. */
#define CLEAN_STEPS ((BLOCK_PAGES + SPACE_CLEAN - 1) / SPACE_CLEAN + 1)

static struct space user, other, guest;
static struct space *const all[] = {&user, &other, &guest};

static void setup(void)
{
    ram_init();
    scrub(POOL, 64);
    scrub(MEMORY, 2 * BLOCK_PAGES);
    for (uint32_t i = 0; i < ARRAY_LENGTH(all); i++) {
        memset(all[i], 0, sizeof(*all[i]));
        space_init(all[i], (uint16_t)(USER + i), all[i] == &guest);
        ck_assert_int_eq(space_pool_add(all[i], PA(POOL + 16 * i), 16), 0);
    }
}

/* An operation that must fail with `error`, and change nothing. */
#define assert_refused(error, call)                              \
    do {                                                         \
        uint64_t before_ = digest_of(all, ARRAY_LENGTH(all));    \
        ck_assert_int_eq((call), -(error));                      \
        ck_assert(digest_of(all, ARRAY_LENGTH(all)) == before_); \
    } while (0)

static uint32_t tables_of(const struct space *space)
{
    return space->pool.total - space->pool.free - 1;
}

static uint32_t perm_at(const struct space *space, uint64_t page)
{
    uint32_t order;
    uint64_t leaf = leaf_of(space, page, &order);

    return leaf ? leaf_perm(leaf) : 0;
}

/* ---- pool ---- */

START_TEST(pool_takes_clean_frames_and_makes_a_root)
{
    struct space space = {0};

    space_init(&space, 9, false);
    ck_assert_uint_eq(space.root.v, 0);
    ck_assert_int_eq(space_pool_add(&space, PA(POOL + 48), 4), 0);
    ck_assert_uint_eq(space.root.v, PA(POOL + 48).v);
    ck_assert_uint_eq(space.pool.free, 3);
    ck_assert_uint_eq(space.pool.total, 4);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(frame_at(POOL + 48 + i)->state, FRAME_POOL);
        ck_assert_uint_eq(frame_at(POOL + 48 + i)->owner, 9);
    }
    ck_assert_int_eq(space_pool_add(&space, PA(MEMORY), 512), 0);
    ck_assert_uint_eq(space.pool.free, 515);
}
END_TEST

START_TEST(pool_refuses_what_is_not_clean)
{
    assert_refused(KEEL_EINVAL, space_pool_add(&user, PA(DIRTY), 1));
    assert_refused(KEEL_EINVAL, space_pool_add(&user, PA(POOL), 1)); /* a pool's already */
    assert_refused(KEEL_EINVAL, space_pool_add(&user, PA(MEMORY + 1023), 2));
    assert_refused(KEEL_EINVAL, space_pool_add(&user, PA(MEMORY), 0));
    assert_refused(KEEL_EINVAL, space_pool_add(&user, PA(MEMORY), 513));
    assert_refused(KEEL_EINVAL, space_pool_add(&user, PADDR(PA(MEMORY).v + 1), 1));
    assert_refused(KEEL_EINVAL, space_pool_add(&user, PADDR(0), 1));
    assert_refused(KEEL_EINVAL, space_pool_add(&user, PA(PAGES - 1), 2));
    assert_refused(KEEL_EINVAL, space_pool_add(&user, PA(BUILDER_PAGE), 1));
    assert_refused(KEEL_EINVAL, space_pool_add(&user, PA(BOOT_PAGE), 1));
}
END_TEST

START_TEST(pool_pages_are_zero_and_come_back_zero)
{
    void *taken[15];

    lock_take(&user.lock);
    for (uint32_t i = 0; i < 15; i++) {
        taken[i] = pool_take(&user);
        ck_assert_ptr_nonnull(taken[i]);
        for (uint32_t j = 0; j < KEEL_PAGE_SIZE; j++)
            ck_assert_int_eq(((char *)taken[i])[j], 0);
        memset(taken[i], 1, KEEL_PAGE_SIZE);
    }
    ck_assert_ptr_null(pool_take(&user));
    ck_assert_uint_eq(user.pool.total, 16);
    pool_give(&user, taken[3]);
    ck_assert_ptr_eq(pool_take(&user), taken[3]);
    ck_assert_int_eq(*(char *)taken[3], 0);
    lock_release(&user.lock);
    assert_refused(KEEL_ENOMEM, space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 1, R));
}
END_TEST

/* ---- map ---- */

START_TEST(map_writes_the_architectures_entries)
{
    uint32_t order;

    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 1, R | W), 1);
    ck_assert_uint_eq(leaf_of(&user, 16, &order), PA(MEMORY).v | 0x00400000000007fful);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 1), PAGE_IPA(17), 0, 1, R | X), 1);
    ck_assert_uint_eq(leaf_of(&user, 17, &order), PA(MEMORY + 1).v | 0x000000000000077ful);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 2), PAGE_IPA(18), 0, 1, R), 1);
    ck_assert_uint_eq(leaf_of(&user, 18, &order), PA(MEMORY + 2).v | 0x004000000000077ful);
    ck_assert_int_eq(space_map(&guest, PA(MEMORY + 512), PAGE_IPA(512), 9, 1, R | W | X), 1);
    ck_assert_uint_eq(leaf_of(&guest, 512, &order), PA(MEMORY + 512).v | 0x00000000000007fdul);
    ck_assert_uint_eq(order, 9);
    ck_assert_int_eq(space_map_device(&user, PADDR(0x9000000), PAGE_IPA(20), 0, 1), 1);
    ck_assert_uint_eq(leaf_of(&user, 20, &order), 0x9000000 | 0x00400000000007c7ul);
}
END_TEST

START_TEST(map_makes_frames_owned)
{
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 8, R | W), 8);
    ck_assert_uint_eq(user.pages, 8);
    for (uint32_t i = 0; i < 8; i++)
        ck_assert_uint_eq(frame_at(MEMORY + i)->word, FRAME_WORD(FRAME_OWNED, USER));
    ck_assert_uint_eq(tables_of(&user), 2);
    ck_assert_int_eq(space_map(&guest, PA(MEMORY + 512), PAGE_IPA(0), 9, 1, R | W | X), 1);
    ck_assert_uint_eq(guest.pages, 512);
    for (uint32_t i = 0; i < 512; i++)
        ck_assert_uint_eq(frame_at(MEMORY + 512 + i)->word, FRAME_WORD(FRAME_OWNED, GUEST));
    ck_assert_uint_eq(tables_of(&guest), 1);
    ck_assert_uint_eq(host_counters.flushes_ipa, 0); /* nothing was there before */
}
END_TEST

START_TEST(map_keeps_write_and_execute_apart)
{
    const uint32_t bad[] = {0, W, X, W | X, R | KEEL_PERM_DEVICE, R | 16, ~0u};

    for (uint32_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 1, bad[i]));
        assert_refused(KEEL_EINVAL, space_map(&guest, PA(MEMORY), PAGE_IPA(16), 0, 1, bad[i]));
    }
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 1, R | W | X));
    ck_assert_int_eq(space_map(&guest, PA(MEMORY), PAGE_IPA(16), 0, 1, R | W | X), 1);
    ck_assert_uint_eq(perm_at(&guest, 16), R | W | X);
    ck_assert_uint_eq(host_counters.instruction_flushes, 1);
}
END_TEST

START_TEST(map_refuses_bad_ranges)
{
    const uint64_t last = (SPACE_LIMIT >> KEEL_PAGE_SHIFT) - 1;

    for (uint32_t order = 1; order < 70; order++)
        if (order != 9)
            assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), PAGE_IPA(0), order, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), PAGE_IPA(0), ~0u, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 0, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), IPA(0x10001), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), PAGE_IPA(256), 9, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PADDR(PA(MEMORY).v + 1), PAGE_IPA(1), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY + 1), PAGE_IPA(512), 9, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), IPA(SPACE_LIMIT), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), IPA(~0xffful), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), IPA(~0xffful), 0, 2, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), PAGE_IPA(last), 0, 2, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, UINT64_MAX, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 1ul << 52, R));
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(last), 0, 1, R), 1);
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY + 1), PAGE_IPA(last + 1), 0, 1, R));
}
END_TEST

START_TEST(map_refuses_frames_that_are_not_clean)
{
    assert_refused(KEEL_EINVAL, space_map(&user, PA(DIRTY), PAGE_IPA(16), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY + 1020), PAGE_IPA(16), 0, 5, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(POOL), PAGE_IPA(16), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(0), PAGE_IPA(16), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PA(BUILDER_PAGE), PAGE_IPA(16), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PADDR(0x9000000), PAGE_IPA(16), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&user, PADDR(~0xffful), PAGE_IPA(16), 0, 1, R));
    ck_assert_int_eq(space_map(&other, PA(MEMORY + 511), PAGE_IPA(16), 0, 1, R), 1);
    assert_refused(KEEL_EINVAL, space_map(&user, PA(MEMORY), PAGE_IPA(0), 9, 1, R));
    assert_refused(KEEL_EINVAL, space_map(&other, PA(MEMORY + 511), PAGE_IPA(17), 0, 1, R));
}
END_TEST

START_TEST(map_never_replaces)
{
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(20), 0, 1, R), 1);
    assert_refused(KEEL_EBUSY, space_map(&user, PA(MEMORY + 1), PAGE_IPA(20), 0, 1, R));
    assert_refused(KEEL_EBUSY, space_map(&user, PA(MEMORY + 1), PAGE_IPA(16), 0, 5, R));
    assert_refused(KEEL_EBUSY, space_map(&user, PA(MEMORY + 512), PAGE_IPA(0), 9, 1, R));
    assert_refused(KEEL_EBUSY, space_map_device(&user, PADDR(0x9000000), PAGE_IPA(20), 0, 1));
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 512), PAGE_IPA(512), 9, 1, R), 1);
    assert_refused(KEEL_EBUSY, space_map(&user, PA(MEMORY + 1), PAGE_IPA(600), 0, 1, R));
    assert_refused(KEEL_EBUSY, space_map_device(&user, PADDR(0x9000000), PAGE_IPA(600), 0, 1));
}
END_TEST

START_TEST(map_is_bounded_and_stays_in_one_table)
{
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 1000, R), SPACE_BATCH);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 100), PAGE_IPA(512 - 10), 0, 30, R), 10);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 110), PAGE_IPA(512), 0, 20, R), 20);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 512), PAGE_IPA(1024), 9, 2, R), 1);
    ck_assert_int_eq(space_map_device(&user, PADDR(0x9000000), PAGE_IPA(2048), 0, 70), SPACE_BATCH);
}
END_TEST

START_TEST(map_needs_pages_for_its_tables)
{
    struct space space = {0};

    space_init(&space, 9, false);
    assert_refused(KEEL_ENOMEM, space_map(&space, PA(MEMORY), PAGE_IPA(16), 0, 1, R));
    ck_assert_int_eq(space_pool_add(&space, PA(POOL + 48), 2), 0);
    assert_refused(KEEL_ENOMEM, space_map(&space, PA(MEMORY), PAGE_IPA(16), 0, 1, R));
    ck_assert_int_eq(space_map(&space, PA(MEMORY + 512), PAGE_IPA(0), 9, 1, R), 1);
    assert_refused(KEEL_ENOMEM, space_map(&space, PA(MEMORY), PAGE_IPA(512), 0, 1, R));
    ck_assert_int_eq(space_pool_add(&space, PA(POOL + 50), 1), 0);
    ck_assert_int_eq(space_map(&space, PA(MEMORY), PAGE_IPA(512), 0, 1, R), 1);
    ck_assert_uint_eq(space.pool.free, 0);
    ck_assert_int_eq(space_map(&space, PA(MEMORY + 1), PAGE_IPA(513), 0, 511, R), SPACE_BATCH);
    assert_refused(KEEL_ENOMEM, space_map(&space, PA(MEMORY + 80), PAGE_IPA(1024), 0, 1, R));
}
END_TEST

/* ---- boot ---- */

START_TEST(boot_mapping_is_for_the_builders_frames)
{
    struct space builder = {0};

    space_init(&builder, KEEL_DOMAIN_BUILDER, false);
    ck_assert_int_eq(space_pool_add(&builder, PA(POOL + 48), 16), 0);
    ck_assert_int_eq(space_map_boot(&builder, PA(BUILDER_PAGE), PAGE_IPA(16), 3, R | W), 0);
    ck_assert_uint_eq(builder.pages, 3);
    ck_assert_int_eq(space_map_boot(&builder, PA(BOOT_PAGE), PAGE_IPA(20), 1, R), 0);
    ck_assert_uint_eq(builder.pages, 3);
    ck_assert_int_eq(space_map_boot(&builder, PA(BOOT_PAGE), PAGE_IPA(30), 1, R | W), -KEEL_EINVAL);
    ck_assert_int_eq(space_map_boot(&builder, PA(MEMORY), PAGE_IPA(30), 1, R), -KEEL_EINVAL);
    ck_assert_int_eq(space_map_boot(&builder, PA(BUILDER_PAGE), PAGE_IPA(16), 1, R), -KEEL_EBUSY);
    ck_assert_int_eq(space_map_boot(&user, PA(BUILDER_PAGE), PAGE_IPA(30), 1, R), -KEEL_EINVAL);

    /* What the kernel still reads stays as it is. */
    assert_refused(KEEL_EINVAL, space_protect(&builder, PAGE_IPA(20), 0, 1, R | W));
    assert_refused(KEEL_EINVAL, space_unmap(&builder, PAGE_IPA(20), 0, 1));
    assert_refused(KEEL_EINVAL, space_donate(&builder, PAGE_IPA(20), &user, PAGE_IPA(16), 0, 1, R));
    ck_assert_int_eq(space_donate(&builder, PAGE_IPA(16), &user, PAGE_IPA(16), 0, 1, R), 1);
    ck_assert_int_eq(space_unmap(&builder, PAGE_IPA(17), 0, 1), 1);
    ck_assert_uint_eq(frame_at(BUILDER_PAGE + 1)->state, FRAME_DIRTY);
}
END_TEST

START_TEST(boot_mapping_crosses_tables)
{
    struct keel_boot boot = {.ram_lo = HOST_RAM_PA,
                             .ram_hi = HOST_RAM_PA + HOST_RAM_BYTES,
                             .frame_table_pa = HOST_RAM_PA,
                             .frame_table_pages = TABLE_PAGES,
                             .nextents = 2};
    struct space builder = {0};
    uint32_t order;

    boot.extent[0] = (struct keel_extent){PA(100).v, 1200, 0, KEEL_EXTENT_BUNDLE, 0};
    boot.extent[1] = (struct keel_extent){PA(1300).v, 16, 0, KEEL_EXTENT_FREE, 0};
    frames_init(&boot);
    scrub(1300, 16);
    space_init(&builder, KEEL_DOMAIN_BUILDER, false);
    ck_assert_int_eq(space_pool_add(&builder, PA(1300), 16), 0);
    ck_assert_int_eq(space_map_boot(&builder, PA(100), PAGE_IPA(500), 1200, R), 0);
    for (uint32_t i = 0; i < 1200; i++)
        ck_assert_uint_eq(stage2_address(leaf_of(&builder, 500 + i, &order)).v, PA(100 + i).v);
    ck_assert_uint_eq(builder.pages, 1200);
    ck_assert_uint_eq(tables_of(&builder), 5); /* one of blocks, four of pages */
}
END_TEST

/* ---- devices ---- */

START_TEST(devices_have_no_frames)
{
    uint8_t byte;

    ck_assert_int_eq(space_map_device(&user, PADDR(0x9000000), PAGE_IPA(16), 0, 2), 2);
    ck_assert_uint_eq(perm_at(&user, 16), R | W | KEEL_PERM_DEVICE);
    ck_assert_int_eq(space_map_device(&guest, PADDR(0x200000), PAGE_IPA(512), 9, 1), 1);
    ck_assert_uint_eq(user.pages + guest.pages, 0);
    assert_refused(KEEL_EINVAL, space_protect(&user, PAGE_IPA(16), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_donate(&user, PAGE_IPA(16), &other, PAGE_IPA(16), 0, 1, R));
    ck_assert_int_eq(space_read(&user, PAGE_IPA(16), &byte, 1), -KEEL_EFAULT);
    ck_assert_int_eq(space_write(&user, PAGE_IPA(16), &byte, 1), -KEEL_EFAULT);
    assert_refused(KEEL_EINVAL, space_unmap(&guest, PAGE_IPA(512), 0, 1));
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(16), 0, 2), 2);
    ck_assert_int_eq(space_unmap(&guest, PAGE_IPA(512), 9, 1), 1);
    ck_assert_uint_eq(tables_of(&user) + tables_of(&guest), 0);
}
END_TEST

START_TEST(devices_lie_within_the_format)
{
    assert_refused(KEEL_EINVAL, space_map_device(&user, PADDR(0x9000001), PAGE_IPA(16), 0, 1));
    assert_refused(KEEL_EINVAL, space_map_device(&user, PADDR(0x9001000), PAGE_IPA(0), 9, 1));
    assert_refused(KEEL_EINVAL, space_map_device(&user, PADDR(1ul << 48), PAGE_IPA(16), 0, 1));
    assert_refused(KEEL_EINVAL, space_map_device(&user, PADDR(~0xffful), PAGE_IPA(16), 0, 1));
    assert_refused(KEEL_EINVAL, space_map_device(&user, PADDR(0x9000000), PAGE_IPA(16), 0, 0));
    assert_refused(KEEL_EINVAL, space_map_device(&user, PADDR(0x9000000), PAGE_IPA(16), 3, 1));
}
END_TEST

/* ---- unmap ---- */

START_TEST(unmap_frees_frames_and_empty_tables)
{
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(500), 0, 12, R | W), 12);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 12), PAGE_IPA(512), 0, 4, R | W), 4);
    ck_assert_uint_eq(tables_of(&user), 3);
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(500), 0, 16), 12);
    ck_assert_uint_eq(host_counters.flushes_ipa, 1); /* one a batch */
    ck_assert_uint_eq(tables_of(&user), 2);
    for (uint32_t i = 0; i < 12; i++)
        ck_assert_uint_eq(frame_at(MEMORY + i)->word, FRAME_WORD(FRAME_DIRTY, 0));
    ck_assert_uint_eq(user.pages, 4);
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(512), 0, 4), 4);
    ck_assert_uint_eq(tables_of(&user), 0);
    ck_assert_uint_eq(user.pages, 0);

    /* So a block can be mapped where pages were, and pages where a block was. */
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 512), PAGE_IPA(0), 9, 1, R | W), 1);
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(0), 9, 1), 1);
    ck_assert_uint_eq(frames_count(FRAME_DIRTY), PAGES - FIRST_FREE - 64 - 512 + 16);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 16), PAGE_IPA(0), 0, 1, R | W), 1);
}
END_TEST

START_TEST(unmap_refuses_what_is_not_mapped_so)
{
    assert_refused(KEEL_EINVAL, space_unmap(&user, PAGE_IPA(16), 0, 1));
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 4, R), 4);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 512), PAGE_IPA(512), 9, 1, R), 1);
    assert_refused(KEEL_EINVAL, space_unmap(&user, PAGE_IPA(16), 0, 5));
    assert_refused(KEEL_EINVAL, space_unmap(&user, PAGE_IPA(15), 0, 2));
    assert_refused(KEEL_EINVAL, space_unmap(&user, PAGE_IPA(0), 9, 1));
    assert_refused(KEEL_EINVAL, space_unmap(&user, PAGE_IPA(512), 0, 1));
    assert_refused(KEEL_EINVAL, space_unmap(&user, PAGE_IPA(1023), 0, 1));
    assert_refused(KEEL_EINVAL, space_unmap(&user, PAGE_IPA(1024), 9, 1));
    assert_refused(KEEL_EINVAL, space_unmap(&user, PAGE_IPA(16), 0, 0));
    assert_refused(KEEL_EINVAL, space_unmap(&user, IPA(0x10800), 0, 1));
    assert_refused(KEEL_EINVAL, space_unmap(&user, IPA(SPACE_LIMIT), 0, 1));
    assert_refused(KEEL_EINVAL, space_unmap(&user, IPA(~0xffful), 0, 2));
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(17), 0, 2), 2);
}
END_TEST

/* ---- protect ---- */

START_TEST(protect_changes_permissions_with_one_flush)
{
    uint64_t word = 1;

    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 4, R | W), 4);
    ck_assert_int_eq(space_protect(&user, PAGE_IPA(16), 0, 3, R), 3);
    ck_assert_uint_eq(host_counters.flushes_ipa, 1);
    ck_assert_uint_eq(perm_at(&user, 16), R);
    ck_assert_uint_eq(perm_at(&user, 18), R);
    ck_assert_uint_eq(perm_at(&user, 19), R | W);
    ck_assert_int_eq(space_write(&user, PAGE_IPA(16), &word, 8), -KEEL_EFAULT);
    ck_assert_int_eq(space_read(&user, PAGE_IPA(16), &word, 8), 0);
    ck_assert_uint_eq(host_counters.pages_cleaned, 0);
    ck_assert_int_eq(space_protect(&user, PAGE_IPA(16), 0, 4, R | X), 4);
    ck_assert_uint_eq(perm_at(&user, 19), R | X);
    ck_assert_uint_eq(host_counters.pages_cleaned, 4);
    ck_assert_uint_eq(host_counters.instruction_flushes, 1);
    assert_refused(KEEL_EINVAL, space_protect(&user, PAGE_IPA(16), 0, 4, R | W | X));
    assert_refused(KEEL_EINVAL, space_protect(&user, PAGE_IPA(16), 0, 4, 0));
    assert_refused(KEEL_EINVAL, space_protect(&user, PAGE_IPA(16), 0, 5, R));
    assert_refused(KEEL_EINVAL, space_protect(&user, PAGE_IPA(0), 9, 1, R));
    ck_assert_uint_eq(user.pages, 4);
}
END_TEST

START_TEST(protect_cleans_a_block_in_steps)
{
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(512), 9, 1, R | W), 1);
    ck_assert_int_eq(space_protect(&user, PAGE_IPA(512), 9, 1, R | W), 1);
    for (uint32_t i = 1; i < CLEAN_STEPS; i++) {
        assert_refused(KEEL_EAGAIN, space_protect(&user, PAGE_IPA(512), 9, 1, R | X));
        ck_assert_uint_eq(host_counters.pages_cleaned,
                          SPACE_CLEAN * i < 512 ? SPACE_CLEAN * i : 512);
    }
    ck_assert_int_eq(space_protect(&user, PAGE_IPA(512), 9, 1, R | X), 1);
    ck_assert_uint_eq(host_counters.pages_cleaned, 512);
    ck_assert_uint_eq(perm_at(&user, 1000), R | X);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 512), PAGE_IPA(0), 0, 20, R | W), 20);
    ck_assert_int_eq(space_protect(&user, PAGE_IPA(0), 0, 20, R | X), SPACE_CLEAN);
}
END_TEST

/* What was cleaned of a block says nothing about what comes there next. */
START_TEST(cleaning_begins_again_after_unmap)
{
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(512), 9, 1, R | W), 1);
    assert_refused(KEEL_EAGAIN, space_protect(&user, PAGE_IPA(512), 9, 1, R | X));
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(512), 9, 1), 1);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 512), PAGE_IPA(512), 9, 1, R | W), 1);
    for (uint32_t i = 1; i < CLEAN_STEPS; i++)
        assert_refused(KEEL_EAGAIN, space_protect(&user, PAGE_IPA(512), 9, 1, R | X));
    ck_assert_int_eq(space_protect(&user, PAGE_IPA(512), 9, 1, R | X), 1);
    ck_assert_uint_eq(host_counters.pages_cleaned, 512 + SPACE_CLEAN);
}
END_TEST

/* What was looked at before the first step is looked at again after the last. */
START_TEST(pin_during_cleaning_is_seen)
{
    void *address;

    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(512), 9, 1, R | W), 1);
    assert_refused(KEEL_EAGAIN, space_protect(&user, PAGE_IPA(512), 9, 1, R | X));
    ck_assert_int_eq(space_pin(&user, PAGE_IPA(700), &address), 0);
    for (uint32_t i = 2; i < CLEAN_STEPS; i++)
        assert_refused(KEEL_EAGAIN, space_protect(&user, PAGE_IPA(512), 9, 1, R | X));
    assert_refused(KEEL_EBUSY, space_protect(&user, PAGE_IPA(512), 9, 1, R | X));
    space_unpin(address);
    ck_assert_int_eq(space_protect(&user, PAGE_IPA(512), 9, 1, R | X), 1);
}
END_TEST

/* ---- donate ---- */

START_TEST(donate_moves_pages_with_their_contents)
{
    uint64_t word = 0x1234567890abcdef, seen = 0;

    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 4, R | W), 4);
    ck_assert_int_eq(space_write(&user, IPA(0x11008), &word, 8), 0);
    ck_assert_int_eq(space_donate(&user, PAGE_IPA(16), &other, PAGE_IPA(700), 0, 2, R), 2);
    ck_assert_int_eq(space_read(&other, IPA(701 * 4096 + 8), &seen, 8), 0);
    ck_assert_uint_eq(seen, word);
    ck_assert_int_eq(space_read(&user, IPA(0x11008), &seen, 8), -KEEL_EFAULT);
    ck_assert_uint_eq(perm_at(&other, 700), R);
    ck_assert_uint_eq(frame_at(MEMORY)->word, FRAME_WORD(FRAME_OWNED, OTHER));
    ck_assert_uint_eq(frame_at(MEMORY + 2)->word, FRAME_WORD(FRAME_OWNED, USER));
    ck_assert_uint_eq(user.pages, 2);
    ck_assert_uint_eq(other.pages, 2);
    ck_assert_uint_eq(host_counters.flushes_ipa, 1);
    ck_assert_uint_eq(host_counters.pages_cleaned, 0);
    ck_assert_int_eq(space_donate(&user, PAGE_IPA(18), &other, PAGE_IPA(702), 0, 2, R | X), 2);
    ck_assert_uint_eq(host_counters.pages_cleaned, 2);
    ck_assert_uint_eq(tables_of(&user), 0);
    ck_assert_uint_eq(tables_of(&other), 2);
}
END_TEST

START_TEST(donate_to_a_machine_cleans_to_memory)
{
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(512), 9, 1, R | W), 1);
    for (uint32_t i = 1; i < CLEAN_STEPS; i++)
        assert_refused(KEEL_EAGAIN,
                       space_donate(&user, PAGE_IPA(512), &guest, PAGE_IPA(1024), 9, 1, R | W));
    ck_assert_int_eq(space_donate(&user, PAGE_IPA(512), &guest, PAGE_IPA(1024), 9, 1, R | W), 1);
    ck_assert_uint_eq(host_counters.pages_cleaned, 512);
    ck_assert_uint_eq(guest.pages, 512);
    ck_assert_uint_eq(frame_at(MEMORY + 511)->word, FRAME_WORD(FRAME_OWNED, GUEST));
}
END_TEST

/* A batch ends where either table does. */
START_TEST(donate_stays_in_one_table_of_each)
{
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(500), 0, 12, R | W), 12);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 12), PAGE_IPA(512), 0, 12, R | W), 12);
    ck_assert_int_eq(space_donate(&user, PAGE_IPA(500), &other, PAGE_IPA(507), 0, 24, R), 5);
    ck_assert_int_eq(space_donate(&user, PAGE_IPA(505), &other, PAGE_IPA(512), 0, 19, R), 7);
    ck_assert_int_eq(space_donate(&user, PAGE_IPA(512), &other, PAGE_IPA(519), 0, 12, R), 12);
    ck_assert_uint_eq(user.pages, 0);
    ck_assert_uint_eq(other.pages, 24);
}
END_TEST

START_TEST(donate_refuses)
{
    struct space poor = {0};

    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 4, R | W), 4);
    ck_assert_int_eq(space_map(&other, PA(MEMORY + 4), PAGE_IPA(18), 0, 1, R | W), 1);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 512), PAGE_IPA(512), 9, 1, R | W), 1);
    assert_refused(KEEL_EINVAL, space_donate(&user, PAGE_IPA(16), &user, PAGE_IPA(90), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_donate(&user, PAGE_IPA(16), &other, PAGE_IPA(9), 0, 1, W));
    assert_refused(KEEL_EINVAL,
                   space_donate(&user, PAGE_IPA(16), &other, PAGE_IPA(9), 0, 1, R | W | X));
    assert_refused(KEEL_EINVAL, space_donate(&user, PAGE_IPA(16), &other, PAGE_IPA(9), 0, 5, R));
    assert_refused(KEEL_EINVAL, space_donate(&user, PAGE_IPA(16), &other, PAGE_IPA(9), 0, 0, R));
    assert_refused(KEEL_EINVAL, space_donate(&user, PAGE_IPA(16), &other, PAGE_IPA(9), 1, 1, R));
    assert_refused(KEEL_EINVAL, space_donate(&user, IPA(0x10010), &other, PAGE_IPA(9), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_donate(&user, PAGE_IPA(16), &other, IPA(0x9001), 0, 1, R));
    assert_refused(KEEL_EINVAL,
                   space_donate(&user, PAGE_IPA(16), &other, IPA(SPACE_LIMIT), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_donate(&user, IPA(~0xffful), &other, PAGE_IPA(9), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_donate(&user, PAGE_IPA(600), &other, PAGE_IPA(9), 0, 1, R));
    assert_refused(KEEL_EINVAL, space_donate(&user, PAGE_IPA(0), &other, PAGE_IPA(512), 9, 1, R));
    assert_refused(KEEL_EBUSY, space_donate(&user, PAGE_IPA(16), &other, PAGE_IPA(16), 0, 3, R));
    assert_refused(KEEL_EBUSY, space_donate(&user, PAGE_IPA(512), &other, PAGE_IPA(0), 9, 1, R));
    space_init(&poor, 9, false);
    assert_refused(KEEL_ENOMEM, space_donate(&user, PAGE_IPA(16), &poor, PAGE_IPA(16), 0, 1, R));
}
END_TEST

/* At the flush the pages are in nobody's tables, and still the giver's. */
static uint32_t flushes_seen;

static void flush_sees_nobody(const struct space *space, struct ipa ipa, uint32_t order,
                              uint64_t count)
{
    uint32_t at;

    flushes_seen++;
    for (uint64_t i = 0; i < count << order; i++) {
        ck_assert_uint_eq(leaf_of(space, (ipa.v >> KEEL_PAGE_SHIFT) + i, &at), 0);
        ck_assert_uint_eq(leaf_of(&other, (ipa.v >> KEEL_PAGE_SHIFT) + i, &at), 0);
        ck_assert_uint_eq(frame_at(MEMORY + i)->word, FRAME_WORD(FRAME_OWNED, space->owner));
    }
}

START_TEST(break_comes_before_make)
{
    flushes_seen = 0;
    host_tlb_flushing = flush_sees_nobody;
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 4, R | W), 4);
    ck_assert_int_eq(space_donate(&user, PAGE_IPA(16), &other, PAGE_IPA(16), 0, 4, R), 4);
    host_tlb_flushing = NULL;
    ck_assert_int_eq(space_unmap(&other, PAGE_IPA(16), 0, 4), 4);
    host_tlb_flushing = flush_sees_nobody;
    scrub(MEMORY, 4);
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(512), 9, 1, R | W), 1);
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(512), 9, 1), 1);
    ck_assert_uint_eq(flushes_seen, 2);
}
END_TEST

/* ---- the kernel's accesses ---- */

static void two_pages(struct space *space, uint64_t first, uint64_t second)
{
    ck_assert_int_eq(space_map(space, PA(first), PAGE_IPA(16), 0, 1, R | W), 1);
    ck_assert_int_eq(space_map(space, PA(second), PAGE_IPA(17), 0, 1, R | W), 1);
}

START_TEST(translate_tells_address_and_what_lies_side_by_side)
{
    void *address;

    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 3, R), 3);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 5), PAGE_IPA(19), 0, 1, R), 1);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 6), PAGE_IPA(20), 0, 1, R | W), 1);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 512), PAGE_IPA(512), 9, 1, R | W), 1);
    lock_take(&user.lock);
    ck_assert_int_eq(space_translate(&user, IPA(0x10123), SPACE_READ, 0, &address), 4096 - 0x123);
    ck_assert_ptr_eq(address, (char *)phys_to_virt(PA(MEMORY)) + 0x123);
    ck_assert_int_eq(space_translate(&user, IPA(0x10123), SPACE_READ, 4096, &address),
                     2 * 4096 - 0x123);
    ck_assert_int_eq(space_translate(&user, IPA(0x10123), SPACE_READ, UINT64_MAX, &address),
                     3 * 4096 - 0x123);
    /* Nor do pages that may be used otherwise. */
    ck_assert_int_eq(space_translate(&user, PAGE_IPA(19), SPACE_READ, UINT64_MAX, &address), 4096);
    ck_assert_int_eq(space_translate(&user, PAGE_IPA(20), SPACE_READ, UINT64_MAX, &address), 4096);
    ck_assert_int_eq(space_translate(&user, IPA(0x10123), SPACE_WRITE, 0, &address), -KEEL_EFAULT);
    ck_assert_int_eq(space_translate(&user, IPA(0x2ff00f), SPACE_WRITE, 0, &address),
                     257 * 4096 - 0xf);
    ck_assert_ptr_eq(address, (char *)phys_to_virt(PA(MEMORY + 512 + 255)) + 0xf);
    for (uint32_t bit = 39; bit < 64; bit++)
        ck_assert_int_eq(
            space_translate(&user, IPA(0x10123 | 1ul << bit), SPACE_READ, UINT64_MAX, &address),
            -KEEL_EFAULT);
    lock_release(&user.lock);
}
END_TEST

/* As Argo does with a page that it has translated. */
static void remember(struct space *space, uint64_t page)
{
    uint64_t last = (page + 1) * 4096 - 1;
    void *address;

    lock_take(&space->lock);
    ck_assert_int_gt(space_translate(space, PAGE_IPA(page), SPACE_READ, 0, &address), 0);
    space->recent[page % ARRAY_LENGTH(space->recent)] = (struct space_recent){last, address};
    lock_release(&space->lock);
}

static bool remembers(const struct space *space, uint64_t page)
{
    return space->recent[page % ARRAY_LENGTH(space->recent)].last == (page + 1) * 4096 - 1;
}

START_TEST(what_was_read_is_forgotten_with_its_mapping)
{
    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 4, R | W), 4);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 512), PAGE_IPA(512), 9, 1, R | W), 1);
    for (uint64_t page = 16; page < 20; page++) /* one in each place */
        remember(&user, page);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 4), PAGE_IPA(20), 0, 1, R | W), 1);
    ck_assert(remembers(&user, 16) &&
              remembers(&user, 19)); /* nothing that was there has changed */
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(19), 0, 1), 1);
    ck_assert(!remembers(&user, 19));
    remember(&user, 18);
    ck_assert_int_eq(space_protect(&user, PAGE_IPA(18), 0, 1, R), 1);
    ck_assert(!remembers(&user, 18));
    remember(&user, 17);
    ck_assert_int_eq(space_donate(&user, PAGE_IPA(17), &other, PAGE_IPA(17), 0, 1, R | W), 1);
    ck_assert(!remembers(&user, 17));
    remember(&user, 600);
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(512), 9, 1), 1);
    ck_assert(!remembers(&user, 600));
    remember(&user, 16);
    while (space_teardown(&user) != 0)
        ;
    ck_assert(!remembers(&user, 16));
    user.recent[0].last = 0x10fff; /* whatever was left */
    space_init(&user, user.owner, false);
    ck_assert(!remembers(&user, 16));
}
END_TEST

START_TEST(read_and_write_cross_pages)
{
    uint8_t out[4096], in[4096];

    two_pages(&user, MEMORY + 7, MEMORY + 3);
    for (uint32_t i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7 + i / 256);
    for (uint64_t bytes = 0; bytes <= 4096; bytes += bytes < 70 ? 1 : bytes / 2) {
        for (uint64_t offset = 0; offset + bytes <= 8192; offset += 443) {
            memset(in, 0, sizeof(in));
            ck_assert_int_eq(space_write(&user, IPA(0x10000 + offset), out, bytes), 0);
            ck_assert_int_eq(space_read(&user, IPA(0x10000 + offset), in, bytes), 0);
            ck_assert_int_eq(memcmp(in, out, bytes), 0);
        }
    }
    ck_assert_int_eq(space_write(&user, IPA(0x10ffe), "abcd", 4), 0);
    ck_assert_int_eq(memcmp((char *)phys_to_virt(PA(MEMORY + 7)) + 4094, "ab", 2), 0);
    ck_assert_int_eq(memcmp(phys_to_virt(PA(MEMORY + 3)), "cd", 2), 0);
}
END_TEST

START_TEST(read_and_write_are_all_or_nothing)
{
    static char buffer[8192];
    const uint64_t last = SPACE_LIMIT - 4096;

    two_pages(&user, MEMORY, MEMORY + 1);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 2), PAGE_IPA(18), 0, 1, R), 1);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 3), IPA(last), 0, 1, R | W), 1);
    memset(buffer, 1, sizeof(buffer));
    ck_assert_int_eq(space_write(&user, IPA(0x11ffc), buffer, 8), -KEEL_EFAULT);
    ck_assert_int_eq(((char *)phys_to_virt(PA(MEMORY + 1)))[0xffc], 0);
    ck_assert_int_eq(space_read(&user, IPA(0x12ffc), buffer, 8), -KEEL_EFAULT);
    ck_assert_int_eq(buffer[0], 1);
    ck_assert_int_eq(space_read(&user, IPA(0xfffc), buffer, 8), -KEEL_EFAULT);
    ck_assert_int_eq(space_read(&user, IPA(0x10000), buffer, 4097), -KEEL_EFAULT);
    ck_assert_int_eq(space_read(&user, IPA(0x10001), buffer, UINT64_MAX), -KEEL_EFAULT);
    ck_assert_int_eq(space_read(&user, IPA(last), buffer, 4096), 0);
    ck_assert_int_eq(space_read(&user, IPA(last + 4), buffer, 4096), -KEEL_EFAULT);
    for (uint64_t back = 1; back < 64; back++) {
        ck_assert_int_eq(space_read(&user, IPA(0 - back), buffer, 64), -KEEL_EFAULT);
        ck_assert_int_eq(space_write(&user, IPA(0 - back), buffer, 64), -KEEL_EFAULT);
    }
    ck_assert_int_eq(space_read(&user, IPA(UINT64_MAX), buffer, 1), -KEEL_EFAULT);
}
END_TEST

START_TEST(copy_goes_to_the_first_fault)
{
    static char text[8192], seen[4096];

    two_pages(&user, MEMORY + 7, MEMORY + 3);
    two_pages(&other, MEMORY + 2, MEMORY + 9);
    for (uint32_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 13 + i / 512);
    ck_assert_int_eq(space_write(&user, IPA(0x10000), text, 4096), 0);
    ck_assert_int_eq(space_write(&user, IPA(0x11000), text + 4096, 4096), 0);

    ck_assert_int_eq(space_copy(&other, IPA(0x10801), &user, IPA(0x10803), 9999), 4096);
    ck_assert_int_eq(space_read(&other, IPA(0x10801), seen, 4096), 0);
    ck_assert_int_eq(memcmp(seen, text + 0x803, 4096), 0);
    ck_assert_int_eq(space_copy(&other, IPA(0x10000), &user, IPA(0x11f00), 4096), 256);
    ck_assert_int_eq(space_copy(&other, IPA(0x11f80), &user, IPA(0x10000), 4096), 128);
    ck_assert_int_eq(space_copy(&other, IPA(0x11ff0), &user, IPA(0x11ff8), 64), 8);
    ck_assert_int_eq(space_copy(&other, IPA(0x12000), &user, IPA(0x10000), 1), -KEEL_EFAULT);
    ck_assert_int_eq(space_copy(&other, IPA(0x10000), &user, IPA(0x12000), 1), -KEEL_EFAULT);
    ck_assert_int_eq(space_copy(&other, IPA(0), &user, IPA(~0ul), 64), -KEEL_EFAULT);
    ck_assert_int_eq(space_copy(&other, IPA(~0ul), &user, IPA(0x10000), 64), -KEEL_EFAULT);
    ck_assert_int_eq(space_copy(&other, IPA(~0ul), &user, IPA(0x10000), 0), 0);
    ck_assert_int_eq(space_protect(&other, PAGE_IPA(16), 0, 1, R), 1);
    ck_assert_int_eq(space_copy(&other, IPA(0x10000), &user, IPA(0x10000), 8), -KEEL_EFAULT);

    /* Within one space too, overlapping. */
    ck_assert_int_eq(space_copy(&user, IPA(0x10010), &user, IPA(0x10000), 1000), 1000);
    ck_assert_int_eq(space_read(&user, IPA(0x10010), seen, 1000), 0);
    ck_assert_int_eq(memcmp(seen, text, 1000), 0);
}
END_TEST

/* ---- pins ---- */

START_TEST(pinned_pages_stay)
{
    void *address[2];

    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 4, R | W), 4);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 512), PAGE_IPA(512), 9, 1, R | W), 1);
    lock_take(&user.lock);
    ck_assert_int_eq(space_pin(&user, PAGE_IPA(18), &address[0]), 0);
    ck_assert_int_eq(space_pin(&user, PAGE_IPA(1023), &address[1]), 0);
    lock_release(&user.lock);
    ck_assert_ptr_eq(address[0], phys_to_virt(PA(MEMORY + 2)));
    ck_assert_ptr_eq(address[1], phys_to_virt(PA(MEMORY + 512 + 511)));

    assert_refused(KEEL_EBUSY, space_unmap(&user, PAGE_IPA(16), 0, 4));
    assert_refused(KEEL_EBUSY, space_unmap(&user, PAGE_IPA(512), 9, 1));
    assert_refused(KEEL_EBUSY, space_protect(&user, PAGE_IPA(18), 0, 1, R));
    assert_refused(KEEL_EBUSY, space_donate(&user, PAGE_IPA(17), &other, PAGE_IPA(9), 0, 2, R));
    assert_refused(KEEL_EBUSY, space_donate(&user, PAGE_IPA(512), &other, PAGE_IPA(512), 9, 1, R));
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(16), 0, 2), 2);
    space_unpin(address[0]);
    space_unpin((char *)address[1] + 100);
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(18), 0, 2), 2);
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(512), 9, 1), 1);
}
END_TEST

START_TEST(only_own_writable_ram_is_pinned)
{
    struct space builder = {0};
    void *address = NULL;

    ck_assert_int_eq(space_map(&user, PA(MEMORY), PAGE_IPA(16), 0, 1, R), 1);
    ck_assert_int_eq(space_map_device(&user, PADDR(0x9000000), PAGE_IPA(17), 0, 1), 1);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 1), PAGE_IPA(18), 0, 1, R | W), 1);
    lock_take(&user.lock);
    ck_assert_int_eq(space_pin(&user, PAGE_IPA(16), &address), -KEEL_EFAULT);
    ck_assert_int_eq(space_pin(&user, PAGE_IPA(17), &address), -KEEL_EFAULT);
    ck_assert_int_eq(space_pin(&user, PAGE_IPA(19), &address), -KEEL_EFAULT);
    ck_assert_int_eq(space_pin(&user, IPA(SPACE_LIMIT), &address), -KEEL_EFAULT);
    ck_assert_int_eq(space_pin(&builder, PAGE_IPA(16), &address), -KEEL_EFAULT); /* no root */
    ck_assert_ptr_null(address);
    for (uint32_t i = 0; i < UINT16_MAX; i++)
        ck_assert_int_eq(space_pin(&user, PAGE_IPA(18), &address), 0);
    ck_assert_int_eq(space_pin(&user, PAGE_IPA(18), &address), -KEEL_EBUSY);
    lock_release(&user.lock);
    for (uint32_t i = 0; i < UINT16_MAX; i++)
        space_unpin(address);
    ck_assert_int_eq(space_unmap(&user, PAGE_IPA(18), 0, 1), 1);
}
END_TEST

/* ---- teardown ---- */

START_TEST(teardown_gives_everything_back_in_bounded_steps)
{
    const uint64_t top = SPACE_LIMIT >> KEEL_PAGE_SHIFT;
    uint64_t dirty = frames_count(FRAME_DIRTY), clean = frames_count(FRAME_CLEAN);
    uint64_t pool = frames_count(FRAME_POOL);
    uint32_t steps = 0;
    int64_t status;

    for (uint32_t i = 0; i < 10; i++)
        ck_assert_int_eq(space_map(&guest, PA(MEMORY + 32 * i), PAGE_IPA(32 * i), 0, 32, R | W | X),
                         32);
    ck_assert_int_eq(space_map(&guest, PA(MEMORY + 512), PAGE_IPA(5120), 9, 1, R | W), 1);
    ck_assert_int_eq(space_map(&guest, PA(MEMORY + 320), PAGE_IPA(top - 1), 0, 1, R), 1);
    ck_assert_int_eq(space_map_device(&guest, PADDR(0x200000), PAGE_IPA(1 << 20), 9, 1), 1);
    do {
        uint64_t before = frames_count(FRAME_DIRTY);

        status = space_teardown(&guest);
        ck_assert_uint_le(frames_count(FRAME_DIRTY) - before, 512);
        ck_assert_uint_lt(++steps, 100);
        ck_assert(status == 0 || status == -KEEL_EAGAIN);
    } while (status != 0);
    ck_assert_int_eq(space_teardown(&guest), 0);     /* nothing is left */
    ck_assert_uint_eq(frames_count(FRAME_OWNED), 3); /* of the boot structure */
    ck_assert_uint_eq(frames_count(FRAME_DIRTY), dirty + 320 + 512 + 1 + 16);
    ck_assert_uint_eq(frames_count(FRAME_CLEAN), clean - 320 - 512 - 1);
    ck_assert_uint_eq(frames_count(FRAME_POOL), pool - 16);
    ck_assert_uint_eq(guest.root.v, 0);
    ck_assert_uint_eq(guest.pool.total + guest.pool.free + guest.pool.first, 0);

    space_init(&guest, GUEST, true); /* the next life */
    scrub(POOL + 32, 16);
    ck_assert_int_eq(space_pool_add(&guest, PA(POOL + 32), 16), 0);
    ck_assert_int_eq(space_map(&guest, PA(MEMORY + 400), PAGE_IPA(0), 0, 1, R), 1);
}
END_TEST

START_TEST(teardown_of_nothing)
{
    struct space space = {0};

    space_init(&space, 9, false);
    ck_assert_int_eq(space_teardown(&space), 0);
    space_init(&space, 9, false);
    ck_assert_int_eq(space_pool_add(&space, PA(MEMORY), 400), 0);
    while (space_teardown(&space) != 0)
        ;
    ck_assert_uint_eq(frame_at(MEMORY + 399)->word, FRAME_WORD(FRAME_DIRTY, 0));
}
END_TEST

/* Somebody who holds BUILD on another CPU does not notice the end in time. */
START_TEST(teardown_takes_nothing_more)
{
    ck_assert_int_eq(space_map(&guest, PA(MEMORY), PAGE_IPA(0), 0, 32, R), 32);
    ck_assert_int_eq(space_map(&guest, PA(MEMORY + 64), PAGE_IPA(64), 0, 32, R), 32);
    ck_assert_int_eq(space_map(&user, PA(MEMORY + 128), PAGE_IPA(16), 0, 1, R | W), 1);
    ck_assert_int_eq(space_teardown(&guest), -KEEL_EAGAIN);
    for (uint32_t i = 0; i < 2; i++) {
        assert_refused(KEEL_EBUSY, space_map(&guest, PA(MEMORY + 200), PAGE_IPA(0), 0, 1, R));
        assert_refused(KEEL_EBUSY, space_map_device(&guest, PADDR(0x9000000), PAGE_IPA(0), 0, 1));
        assert_refused(KEEL_EBUSY, space_pool_add(&guest, PA(MEMORY + 200), 1));
        assert_refused(KEEL_EBUSY, space_donate(&user, PAGE_IPA(16), &guest, PAGE_IPA(0), 0, 1, R));
        while (space_teardown(&guest) != 0)
            ;
    }
    space_init(&guest, GUEST, true);
}
END_TEST

START_TEST(teardown_of_the_builder_leaves_the_boot_page)
{
    struct space builder = {0};

    space_init(&builder, KEEL_DOMAIN_BUILDER, false);
    ck_assert_int_eq(space_pool_add(&builder, PA(POOL + 48), 16), 0);
    ck_assert_int_eq(space_map_boot(&builder, PA(BOOT_PAGE), PAGE_IPA(16), 1, R), 0);
    ck_assert_int_eq(space_map_boot(&builder, PA(BUILDER_PAGE), PAGE_IPA(17), 3, R | X), 0);
    while (space_teardown(&builder) != 0)
        ;
    ck_assert_uint_eq(frame_at(BOOT_PAGE)->word, FRAME_WORD(FRAME_RESERVED, 0));
    ck_assert_uint_eq(frame_at(BUILDER_PAGE)->state, FRAME_DIRTY);
}
END_TEST

/* ---- VMIDs ---- */

START_TEST(each_space_has_root_and_vmid)
{
    ck_assert_uint_ne(user.ttbr >> TTBR_VMID_SHIFT, 0);
    ck_assert_uint_eq(user.ttbr & 0xffffffffffff, user.root.v);
    ck_assert_uint_ne(user.ttbr >> TTBR_VMID_SHIFT, other.ttbr >> TTBR_VMID_SHIFT);
}
END_TEST

/* kernel-rules.md 1 (b) */
START_TEST(another_vcpu_of_a_domain_finds_no_stage_1)
{
    space_enter(&guest, 0, 0);
    ck_assert_uint_eq(host_counters.flushes_local, 0);
    space_enter(&user, 0, 0);
    space_enter(&guest, 0, 0);
    space_enter(&guest, 1, 1);
    ck_assert_uint_eq(host_counters.flushes_local, 0);
    space_enter(&user, 0, 0);
    space_enter(&guest, 0, 1);
    ck_assert_uint_eq(host_counters.flushes_local, 1);
    space_enter(&guest, 0, 1);
    ck_assert_uint_eq(host_counters.flushes_local, 1);
    space_enter(&guest, 0, 0);
    ck_assert_uint_eq(host_counters.flushes_local, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("space");
    TCase *tcase = tcase_create("space");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, pool_takes_clean_frames_and_makes_a_root);
    tcase_add_test(tcase, pool_refuses_what_is_not_clean);
    tcase_add_test(tcase, pool_pages_are_zero_and_come_back_zero);
    tcase_add_test(tcase, map_writes_the_architectures_entries);
    tcase_add_test(tcase, map_makes_frames_owned);
    tcase_add_test(tcase, map_keeps_write_and_execute_apart);
    tcase_add_test(tcase, map_refuses_bad_ranges);
    tcase_add_test(tcase, map_refuses_frames_that_are_not_clean);
    tcase_add_test(tcase, map_never_replaces);
    tcase_add_test(tcase, map_is_bounded_and_stays_in_one_table);
    tcase_add_test(tcase, map_needs_pages_for_its_tables);
    tcase_add_test(tcase, boot_mapping_is_for_the_builders_frames);
    tcase_add_test(tcase, boot_mapping_crosses_tables);
    tcase_add_test(tcase, devices_have_no_frames);
    tcase_add_test(tcase, devices_lie_within_the_format);
    tcase_add_test(tcase, unmap_frees_frames_and_empty_tables);
    tcase_add_test(tcase, unmap_refuses_what_is_not_mapped_so);
    tcase_add_test(tcase, protect_changes_permissions_with_one_flush);
    tcase_add_test(tcase, protect_cleans_a_block_in_steps);
    tcase_add_test(tcase, cleaning_begins_again_after_unmap);
    tcase_add_test(tcase, pin_during_cleaning_is_seen);
    tcase_add_test(tcase, donate_moves_pages_with_their_contents);
    tcase_add_test(tcase, donate_to_a_machine_cleans_to_memory);
    tcase_add_test(tcase, donate_stays_in_one_table_of_each);
    tcase_add_test(tcase, donate_refuses);
    tcase_add_test(tcase, break_comes_before_make);
    tcase_add_test(tcase, translate_tells_address_and_what_lies_side_by_side);
    tcase_add_test(tcase, what_was_read_is_forgotten_with_its_mapping);
    tcase_add_test(tcase, read_and_write_cross_pages);
    tcase_add_test(tcase, read_and_write_are_all_or_nothing);
    tcase_add_test(tcase, copy_goes_to_the_first_fault);
    tcase_add_test(tcase, pinned_pages_stay);
    tcase_add_test(tcase, only_own_writable_ram_is_pinned);
    tcase_add_test(tcase, teardown_gives_everything_back_in_bounded_steps);
    tcase_add_test(tcase, teardown_of_nothing);
    tcase_add_test(tcase, teardown_takes_nothing_more);
    tcase_add_test(tcase, teardown_of_the_builder_leaves_the_boot_page);
    tcase_add_test(tcase, each_space_has_root_and_vmid);
    tcase_add_test(tcase, another_vcpu_of_a_domain_finds_no_stage_1);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
