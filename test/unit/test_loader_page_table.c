/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's page tables, walked as the manual says a CPU walks them. */
#include "loader_test.h"
#include "page_table.h"

#include <keel/arch/boot.h>
#include <keel/boot.h>

#define PAGE KEEL_PAGE_SIZE
#define GIB  (1ull << 30)
#define RW   (KEEL_PERM_READ | KEEL_PERM_WRITE)
#define RX   (KEEL_PERM_READ | KEEL_PERM_EXEC)

static struct page_table table;
static uint8_t *pool;

static void start(uint64_t pages)
{
    free(pool);
    pool = aligned_alloc(PAGE, pages * PAGE);
    ck_assert_ptr_nonnull(pool);
    memset(pool, 0, pages * PAGE);
    page_table_start(&table, (uintptr_t)pool, (uintptr_t)pool + pages * PAGE);
}

/* The leaf that maps va and its level, or 0. */
static uint64_t walk(uint64_t va, unsigned int *level)
{
    uint64_t pa = table.root;

    for (*level = 0; *level < 4; ++*level) {
        uint64_t desc = ((uint64_t *)(uintptr_t)pa)[va >> (39 - 9 * *level) & 511];

        if ((desc & 1) == 0)
            return 0;
        if (*level == 3 || (desc & 2) == 0) {
            ck_assert(*level > 0 && (*level < 3 || (desc & 2)));
            return desc;
        }
        pa = desc & 0x0000fffffffff000ull;
    }
    return 0;
}

static void expect(uint64_t va, uint64_t pa, uint32_t perm, unsigned int want_level)
{
    unsigned int level;
    uint64_t desc = walk(va, &level);
    uint64_t mask = (1ull << (39 - 9 * level)) - 1;

    ck_assert(desc != 0);
    ck_assert_uint_eq(level, want_level);
    ck_assert_uint_eq((desc & 0x0000fffffffff000ull & ~mask) | (va & mask), pa);
    ck_assert_uint_eq(desc >> 10 & 1, 1);                        /* AF */
    ck_assert_uint_eq(desc >> 7 & 1, !(perm & KEEL_PERM_WRITE)); /* AP[2] */
    ck_assert_uint_eq(desc >> 54 & 1, !(perm & KEEL_PERM_EXEC)); /* XN */
    ck_assert_uint_eq(desc >> 2 & 7,
                      perm & KEEL_PERM_DEVICE ? KEEL_EL2_ATTR_DEVICE : KEEL_EL2_ATTR_NORMAL);
    if (!(perm & KEEL_PERM_DEVICE))
        ck_assert_uint_eq(desc >> 8 & 3, 3);
}

START_TEST(uses_the_largest_blocks)
{
    uint64_t base = GIB - KEEL_BLOCK_SIZE - PAGE;
    unsigned int level;

    start(16);
    ck_good(page_table_map(&table, base, base, 2 * GIB, RW));
    expect(base, base, RW, 3);
    expect(base + PAGE, base + PAGE, RW, 2);
    expect(GIB, GIB, RW, 1);
    expect(2 * GIB - 1, 2 * GIB - 1, RW, 1);
    expect(2 * GIB, 2 * GIB, RW, 2);
    expect(base + 2 * GIB - 1, base + 2 * GIB - 1, RW, 3);
    ck_assert_uint_eq(walk(base - 1, &level), 0);
    ck_assert_uint_eq(walk(base + 2 * GIB, &level), 0);
    ck_assert_uint_eq((table.next - table.root) / PAGE, 6);
}
END_TEST

START_TEST(sets_permissions)
{
    start(16);
    ck_good(page_table_map(&table, KEEL_KERNEL_VA, 0x12345000, 2 * PAGE, RX));
    ck_good(page_table_map(&table, KEEL_KERNEL_VA + 2 * PAGE, 0x12347000, PAGE, KEEL_PERM_READ));
    ck_good(page_table_map(&table, KEEL_KERNEL_VA + 3 * PAGE, 0x12348000, PAGE, RW));
    ck_good(page_table_map(&table, 0x9000000, 0x9000000, PAGE, RW | KEEL_PERM_DEVICE));
    expect(KEEL_KERNEL_VA + PAGE + 8, 0x12346008, RX, 3);
    expect(KEEL_KERNEL_VA + 2 * PAGE, 0x12347000, KEEL_PERM_READ, 3);
    expect(KEEL_KERNEL_VA + 3 * PAGE, 0x12348000, RW, 3);
    expect(0x9000000, 0x9000000, RW | KEEL_PERM_DEVICE, 3);
}
END_TEST

START_TEST(refuses)
{
    start(8);
    ck_good(page_table_map(&table, GIB, GIB, GIB, RW));
    ck_good(page_table_map(&table, 0, 0, PAGE, RW));
    ck_bad(page_table_map(&table, GIB + PAGE, GIB + PAGE, PAGE, RW), "mapped twice");
    ck_bad(page_table_map(&table, 0, 0, PAGE, RW), "mapped twice");
    ck_bad(page_table_map(&table, 0, 0, GIB, RW), "mapped twice");
    ck_bad(page_table_map(&table, 8, 0, PAGE, RW), "page-aligned");
    ck_bad(page_table_map(&table, 0, 0, 8, RW), "page-aligned");
    ck_bad(page_table_map(&table, 1ull << 48, 0, PAGE, RW), "2^48");
    ck_bad(page_table_map(&table, 0, 1ull << 48, PAGE, RW), "2^48");
    ck_bad(page_table_map(&table, PAGE, PAGE, 0 - 2 * PAGE, RW), "2^48");
    ck_bad(page_table_map(&table, 8 * GIB, 8 * GIB, PAGE, RW | KEEL_PERM_EXEC), "executable");
    ck_bad(page_table_map(&table, 8 * GIB, 8 * GIB, PAGE, RX | KEEL_PERM_DEVICE), "executable");
    start(3);
    ck_bad(page_table_map(&table, 0, 0, PAGE, RW), "too few");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("loader_page_table");
    int result;

    tcase_add_test(tests, uses_the_largest_blocks);
    tcase_add_test(tests, sets_permissions);
    tcase_add_test(tests, refuses);
    result = run_tests(tests, "loader_page_table");
    free(pool);
    return result;
}
