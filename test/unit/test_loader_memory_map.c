/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's memory map: claims, allocation, the final list; a random run against a page array.
 */
#include "loader_test.h"
#include "memory_map.h"

#define BASE 0x40000000ull
#define PAGE KEEL_PAGE_SIZE
#define FREE EXTENT_MASK(KEEL_EXTENT_FREE)

static struct memory_map map;
static struct keel_boot boot;

static struct keel_extent as(uint32_t kind)
{
    return (struct keel_extent){.kind = kind};
}

static const char *claim(uint64_t base, uint64_t bytes, uint32_t from, uint32_t kind)
{
    const struct keel_extent extent = as(kind);

    return memory_map_claim(&map, base, bytes, from, &extent);
}

static void start(uint64_t pages)
{
    memset(&map, 0, sizeof(map));
    memset(&boot, 0, sizeof(boot));
    ck_good(memory_map_add(&map, BASE, pages * PAGE));
}

START_TEST(banks)
{
    start(16);
    ck_good(memory_map_add(&map, 0x1234, 3 * PAGE));    /* 2 whole pages */
    ck_good(memory_map_add(&map, BASE + 16 * PAGE, 1)); /* none */
    ck_assert_uint_eq(map.count, 2);
    ck_assert_uint_eq(map.extent[0].pa, 0x2000);
    ck_assert_uint_eq(map.extent[0].pages, 2);
    ck_bad(memory_map_add(&map, BASE + 15 * PAGE, 4 * PAGE), "overlap");
    ck_bad(memory_map_add(&map, BASE - PAGE, 2 * PAGE), "overlap");
    ck_bad(memory_map_add(&map, 0, UINT64_MAX), "2^47");
    ck_bad(memory_map_add(&map, UINT64_MAX - PAGE, PAGE), "2^47");
    ck_assert_uint_eq(map.count, 2);
}
END_TEST

START_TEST(claims)
{
    start(16);
    ck_good(claim(BASE + 4 * PAGE + 5, 2 * PAGE, FREE, KEEL_EXTENT_KERNEL)); /* touches 3 */
    ck_assert_uint_eq(map.count, 3);
    ck_assert_uint_eq(map.extent[1].pa, BASE + 4 * PAGE);
    ck_assert_uint_eq(map.extent[1].pages, 3);
    ck_bad(claim(BASE + 6 * PAGE, PAGE, FREE, KEEL_EXTENT_BOOT), "overlaps");
    ck_bad(claim(BASE + 3 * PAGE, 2 * PAGE, FREE, KEEL_EXTENT_BOOT), "overlaps");
    ck_bad(claim(BASE - 1, 2, FREE, KEEL_EXTENT_BOOT), "not in RAM");
    ck_bad(claim(BASE + 15 * PAGE, PAGE + 1, FREE, KEEL_EXTENT_BOOT), "not in RAM");
    ck_bad(claim(0, PAGE, FREE, KEEL_EXTENT_BOOT), "not in RAM");
    ck_bad(claim(UINT64_MAX - 10, 5, FREE, KEEL_EXTENT_BOOT), "wraps");
    ck_bad(claim(BASE, UINT64_MAX - BASE, FREE, KEEL_EXTENT_BOOT), "wraps");
    ck_assert_uint_eq(map.count, 3);
    ck_good(claim(0, BASE + PAGE, FREE | EXTENT_MASK(EXTENT_HOLE), KEEL_EXTENT_RESERVED));
    ck_assert_uint_eq(map.extent[0].kind, KEEL_EXTENT_RESERVED);
    ck_assert_uint_eq(map.extent[0].pages, 1);
    ck_good(claim(BASE + 8 * PAGE, 0, FREE, KEEL_EXTENT_BOOT));
    ck_assert_uint_eq(map.count, 4);
}
END_TEST

START_TEST(a_split_keeps_the_view)
{
    const struct keel_extent bundle = {.kind = KEEL_EXTENT_BUNDLE, .va = 0x1000000};

    start(16);
    ck_good(memory_map_claim(&map, BASE, 8 * PAGE, FREE, &bundle));
    ck_good(claim(BASE + 2 * PAGE, PAGE, EXTENT_MASK(KEEL_EXTENT_BUNDLE), KEEL_EXTENT_RESERVED));
    ck_assert_uint_eq(map.extent[0].va, 0x1000000);
    ck_assert_uint_eq(map.extent[1].va, 0);
    ck_assert_uint_eq(map.extent[2].va, 0x1000000 + 3 * PAGE);
}
END_TEST

START_TEST(allocates_from_the_top)
{
    const struct keel_extent kernel = as(KEEL_EXTENT_KERNEL);
    uint64_t pa = 0;

    start(16);
    ck_good(memory_map_add(&map, 0, 2 * PAGE));
    ck_good(claim(BASE + 12 * PAGE, PAGE, FREE, KEEL_EXTENT_BOOT));
    ck_good(memory_map_allocate(&map, 2, &kernel, &pa));
    ck_assert_uint_eq(pa, BASE + 14 * PAGE);
    ck_good(memory_map_allocate(&map, 2, &kernel, &pa));
    ck_assert_uint_eq(pa, BASE + 10 * PAGE);
    ck_good(memory_map_allocate(&map, 10, &kernel, &pa));
    ck_assert_uint_eq(pa, BASE);
    ck_bad(memory_map_allocate(&map, 2, &kernel, &pa), "not enough"); /* but for page 0 */
    ck_good(memory_map_allocate(&map, 1, &kernel, &pa));
    ck_assert_uint_eq(pa, BASE + 13 * PAGE);
    ck_bad(memory_map_allocate(&map, UINT64_MAX, &kernel, &pa), "not enough");
}
END_TEST

START_TEST(finishes)
{
    const struct keel_extent text = {
        .kind = KEEL_EXTENT_BUILDER, .va = 0x2000, .perm = KEEL_PERM_READ};
    struct keel_extent more = text;

    start(16);
    ck_good(memory_map_add(&map, BASE + 32 * PAGE, 4 * PAGE));
    ck_good(claim(BASE, 2 * PAGE, FREE, EXTENT_SCRATCH));
    ck_good(memory_map_claim(&map, BASE + 4 * PAGE, 2 * PAGE, FREE, &text));
    more.va += 2 * PAGE; /* goes on */
    ck_good(memory_map_claim(&map, BASE + 6 * PAGE, PAGE, FREE, &more));
    more.va += 2 * PAGE; /* a gap in the builder's view */
    ck_good(memory_map_claim(&map, BASE + 7 * PAGE, PAGE, FREE, &more));
    ck_good(memory_map_finish(&map, &boot));
    ck_assert_uint_eq(boot.nextents, 5);
    ck_assert_uint_eq(boot.ram_lo, BASE);
    ck_assert_uint_eq(boot.ram_hi, BASE + 36 * PAGE);
    ck_assert_uint_eq(boot.extent[0].kind, KEEL_EXTENT_FREE);
    ck_assert_uint_eq(boot.extent[0].pages, 4);
    ck_assert_uint_eq(boot.extent[1].pages, 3);
    ck_assert_uint_eq(boot.extent[2].pages, 1);
    ck_assert_uint_eq(boot.extent[3].pages, 8);
    ck_assert_uint_eq(boot.extent[4].pa, BASE + 32 * PAGE);
}
END_TEST

START_TEST(too_many_pieces)
{
    const char *error = NULL;

    start(1000);
    for (uint64_t i = 0; i < 32; i++)
        ck_good(claim(BASE + (2 * i + 1) * PAGE, PAGE, FREE, KEEL_EXTENT_KERNEL));
    ck_bad(memory_map_finish(&map, &boot), "more than 64");
    for (uint64_t i = 32; i < 400 && !error; i++)
        error = claim(BASE + (2 * i + 1) * PAGE, PAGE, FREE, KEEL_EXTENT_KERNEL);
    ck_bad(error, "too many pieces");
    memset(&map, 0, sizeof(map));
    ck_bad(memory_map_finish(&map, &boot), "no RAM");
}
END_TEST

/* Claims at random, mirrored in an array of kinds; in the end both must say the same. */
START_TEST(agrees_with_an_array)
{
    enum { PAGES = 40 };
    static const uint32_t masks[] = {FREE, FREE | EXTENT_MASK(KEEL_EXTENT_RESERVED), 0x1ff,
                                     FREE | EXTENT_MASK(EXTENT_HOLE)};
    uint64_t state = 3;

    for (int run = 0; run < 3000; run++) {
        uint32_t kind[PAGES];

        start(PAGES - 10);
        for (uint32_t i = 0; i < PAGES; i++)
            kind[i] = i < PAGES - 10 ? KEEL_EXTENT_FREE : EXTENT_HOLE;
        for (int step = 0; step < 12; step++) {
            uint64_t first = random_next(&state) % PAGES;
            uint64_t count = random_next(&state) % (PAGES - first) + 1;
            uint32_t mask = masks[random_next(&state) % 4];
            uint32_t to = (uint32_t)(random_next(&state) % EXTENT_HOLE);
            int may = 1;

            for (uint64_t i = first; i < first + count; i++)
                may &= (mask >> kind[i] & 1) != 0;
            ck_assert_int_eq(!claim(BASE + first * PAGE, count * PAGE, mask, to), may);
            for (uint64_t i = first; may && i < first + count; i++)
                kind[i] = kind[i] == EXTENT_HOLE ? EXTENT_HOLE : to;
        }
        ck_good(memory_map_finish(&map, &boot));
        for (uint32_t e = 0, page = 0; e < boot.nextents; e++) {
            ck_assert_uint_eq(boot.extent[e].pa, BASE + page * PAGE);
            if (e > 0)
                ck_assert_uint_ne(boot.extent[e].kind, boot.extent[e - 1].kind);
            for (uint64_t i = 0; i < boot.extent[e].pages; i++, page++)
                ck_assert_uint_eq(boot.extent[e].kind,
                                  kind[page] == EXTENT_SCRATCH ? KEEL_EXTENT_FREE : kind[page]);
            if (e == boot.nextents - 1)
                ck_assert_uint_eq(page, PAGES - 10);
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("loader_memory_map");

    tcase_add_test(tests, banks);
    tcase_add_test(tests, claims);
    tcase_add_test(tests, a_split_keeps_the_view);
    tcase_add_test(tests, allocates_from_the_top);
    tcase_add_test(tests, finishes);
    tcase_add_test(tests, too_many_pieces);
    tcase_add_test(tests, agrees_with_an_array);
    return run_tests(tests, "loader_memory_map");
}
