/* SPDX-License-Identifier: Apache-2.0 */
/* The frame table: what the boot structure makes of it, scrubbing (also by two CPUs), claims. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "memory/address.h"
#include "memory/frame.h"
#include "memory/host.h"

#define PAGES       (HOST_RAM_BYTES / KEEL_PAGE_SIZE)
#define TABLE_PAGES (PAGES * sizeof(struct frame) / KEEL_PAGE_SIZE)
#define PA(page)    PADDR(HOST_RAM_PA + (uint64_t)(page)*KEEL_PAGE_SIZE)

static struct keel_boot boot;

/* RAM: the frame table and a kernel, a hole, then one extent of each kind, then free memory. */
#define HOLE     32
#define BUILDER  40
#define BUNDLE   44
#define DTB      46
#define BOOT     47
#define FIRMWARE 48
#define FREE     64

static void extent_add(uint64_t first, uint64_t end, enum keel_extent_kind kind)
{
    boot.extent[boot.nextents++] =
        (struct keel_extent){.pa = PA(first).v, .pages = end - first, .kind = kind};
}

static void setup(void)
{
    memset(host_ram, 0xa5, sizeof(host_ram));
    memset(&host_counters, 0, sizeof(host_counters));
    boot = (struct keel_boot){.ram_lo = HOST_RAM_PA,
                              .ram_hi = HOST_RAM_PA + HOST_RAM_BYTES,
                              .frame_table_pa = HOST_RAM_PA,
                              .frame_table_pages = TABLE_PAGES};
    extent_add(0, HOLE, KEEL_EXTENT_KERNEL);
    extent_add(BUILDER, BUNDLE, KEEL_EXTENT_BUILDER);
    extent_add(BUNDLE, DTB, KEEL_EXTENT_BUNDLE);
    extent_add(DTB, BOOT, KEEL_EXTENT_DTB);
    extent_add(BOOT, FIRMWARE, KEEL_EXTENT_BOOT);
    extent_add(FIRMWARE, FREE, KEEL_EXTENT_RESERVED);
    extent_add(FREE, PAGES, KEEL_EXTENT_FREE);
    frames_init(&boot);
    host_counters.pages_scrubbed = 0; /* the table's own */
}

START_TEST(boot_structure_says_who_owns_what)
{
    ck_assert_uint_eq(frames_count(FRAME_DIRTY), PAGES - FREE);
    ck_assert_uint_eq(frames_count(FRAME_OWNED), BOOT - BUILDER);
    ck_assert_uint_eq(frames_count(FRAME_RESERVED), FREE - (BOOT - BUILDER));
    for (uint32_t i = 0; i < PAGES; i++) {
        struct frame *frame = frame_of(PA(i));

        ck_assert_uint_eq(frame->word, i >= FREE                  ? FRAME_WORD(FRAME_DIRTY, 0)
                                       : i >= BUILDER && i < BOOT ? FRAME_WORD(FRAME_OWNED, 0)
                                                                  : 0);
        ck_assert_uint_eq(frame_address(frame).v, PA(i).v);
    }
}
END_TEST

START_TEST(page_zero_is_nobodys)
{
    memset(&boot.extent, 0, sizeof(boot.extent));
    boot.nextents = 1;
    boot.ram_lo = 0;
    boot.ram_hi = 8 * KEEL_PAGE_SIZE;
    boot.extent[0] = (struct keel_extent){.pages = 8, .kind = KEEL_EXTENT_FREE};
    frames_init(&boot);
    ck_assert_uint_eq(frame_of(PADDR(0))->state, FRAME_RESERVED);
    ck_assert_uint_eq(frame_of(PADDR(4096))->state, FRAME_DIRTY);
    ck_assert_int_eq(frames_scrub(PADDR(0), 1), -KEEL_EINVAL);
}
END_TEST

START_TEST(only_ram_has_frames)
{
    ck_assert_ptr_null(frame_of(PADDR(0)));
    ck_assert_ptr_null(frame_of(PADDR(HOST_RAM_PA - 1)));
    ck_assert_ptr_nonnull(frame_of(PADDR(HOST_RAM_PA + 123)));
    ck_assert_ptr_eq(frame_of(PADDR(HOST_RAM_PA + 4095)), frame_of(PA(0)));
    ck_assert_ptr_nonnull(frame_of(PADDR(HOST_RAM_PA + HOST_RAM_BYTES - 1)));
    ck_assert_ptr_null(frame_of(PADDR(HOST_RAM_PA + HOST_RAM_BYTES)));
    ck_assert_ptr_null(frame_of(PADDR(UINT64_MAX)));

    ck_assert_ptr_nonnull(frames_of(PA(0), PAGES));
    ck_assert_ptr_null(frames_of(PA(0), PAGES + 1));
    ck_assert_ptr_null(frames_of(PA(1), PAGES));
    ck_assert_ptr_null(frames_of(PA(1), UINT64_MAX));
    ck_assert_ptr_null(frames_of(PADDR(HOST_RAM_PA + 1), 1));
}
END_TEST

static void assert_zero(uint64_t page)
{
    const char *bytes = phys_to_virt(PA(page));

    for (uint32_t i = 0; i < KEEL_PAGE_SIZE; i++)
        ck_assert_int_eq(bytes[i], 0);
}

START_TEST(scrub_zeroes_dirty_frames_once)
{
    ck_assert_int_eq(frames_scrub(PA(FREE), 3), 3);
    ck_assert_uint_eq(frames_count(FRAME_CLEAN), 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_zero(FREE + i);
    ck_assert_int_eq(*(char *)phys_to_virt(PA(FREE + 3)), (char)0xa5);
    ck_assert_uint_eq(frame_of(PA(FREE))->word, FRAME_WORD(FRAME_CLEAN, 0));

    ck_assert_int_eq(frames_scrub(PA(FREE), 5), 5); /* clean ones count */
    ck_assert_uint_eq(host_counters.pages_scrubbed, 5);
}
END_TEST

START_TEST(scrub_is_bounded)
{
    ck_assert_int_eq(frames_scrub(PA(FREE), SCRUB_PAGES_MAX + 1), SCRUB_PAGES_MAX);
    ck_assert_int_eq(frames_scrub(PA(FREE + 100), UINT64_MAX), SCRUB_PAGES_MAX);
    ck_assert_uint_eq(host_counters.pages_scrubbed, 2 * SCRUB_PAGES_MAX);
}
END_TEST

START_TEST(scrub_stops_at_what_is_not_free)
{
    ck_assert_int_eq(frames_scrub(PA(FREE - 1), 2), -KEEL_EINVAL);
    ck_assert_int_eq(frames_scrub(PA(BUILDER), 1), -KEEL_EINVAL);
    ck_assert_int_eq(frames_scrub(PA(HOLE), 1), -KEEL_EINVAL);
    ck_assert_int_eq(frames_scrub(PA(0), 1), -KEEL_EINVAL);
    ck_assert_int_eq(frames_scrub(PADDR(0), 1), -KEEL_EINVAL);
    ck_assert_int_eq(frames_scrub(PADDR(HOST_RAM_PA + HOST_RAM_BYTES), 1), -KEEL_EINVAL);
    ck_assert_int_eq(frames_scrub(PADDR(~(KEEL_PAGE_SIZE - 1)), 8), -KEEL_EINVAL);
    ck_assert_int_eq(frames_scrub(PADDR(PA(FREE).v + 8), 1), -KEEL_EINVAL);
    ck_assert_int_eq(frames_scrub(PA(FREE), 0), -KEEL_EINVAL);
    ck_assert_int_eq(frames_scrub(PA(PAGES - 2), 4), 2);
    ck_assert_int_eq(frames_scrub(PA(FREE), 4), 4);
    ck_assert(frames_claim(frame_of(PA(FREE + 2)), 1, FRAME_OWNED, 7));
    ck_assert_int_eq(frames_scrub(PA(FREE), 4), 2);
    ck_assert_int_eq(frames_scrub(PA(FREE + 2), 2), -KEEL_EINVAL);
    ck_assert_uint_eq(host_counters.pages_scrubbed, 6);
}
END_TEST

START_TEST(claim_takes_all_or_none)
{
    struct frame *first = frame_of(PA(FREE));

    ck_assert_int_eq(frames_scrub(PA(FREE), 8), 8);
    ck_assert_int_eq(frames_scrub(PA(FREE + 8), 7), 7);
    ck_assert(!frames_claim(first, 16, FRAME_POOL, 3)); /* the last is dirty */
    ck_assert_uint_eq(frames_count(FRAME_CLEAN), 15);
    ck_assert(frames_claim(first + 1, 14, FRAME_POOL, 3));
    ck_assert_uint_eq(frames_count(FRAME_POOL), 14);
    ck_assert_uint_eq(first[1].owner, 3);
    ck_assert_uint_eq(first[1].link, 0);
    ck_assert(!frames_claim(first, 2, FRAME_OWNED, 4));
    ck_assert(!frames_claim(first + 1, 1, FRAME_OWNED, 3)); /* not twice */
    ck_assert_uint_eq(first[0].state, FRAME_CLEAN);
}
END_TEST

START_TEST(words_are_compared_whole)
{
    struct frame frame[9];
    uint64_t word = FRAME_WORD(FRAME_OWNED, 5);

    for (uint32_t n = 1; n <= ARRAY_LENGTH(frame); n++)
        for (uint32_t bad = 0; bad < n; bad++) {
            frames_set(frame, n, word);
            ck_assert(frames_are(frame, n, word));
            frame[bad].pins = 1;
            ck_assert(!frames_are(frame, n, word));
            ck_assert(bad == 0 || frames_are(frame, bad, word));
        }
}
END_TEST

/* Threads scrub the same range; meanwhile others claim what is clean: nothing is zeroed after its
 * claim, and nothing is claimed twice. */
static bool stop;
static uint8_t claims[PAGES]; /* atomic */
static uint64_t bad;          /* atomic */

static void *scrubber(void *claiming)
{
    for (uint64_t page = FREE; page < PAGES;) {
        int64_t done = frames_scrub(PA(page), SCRUB_PAGES_MAX);
        uint64_t left = PAGES - page;

        /* What another CPU is scrubbing is waited for. */
        if (!claiming && done != (int64_t)(left < SCRUB_PAGES_MAX ? left : SCRUB_PAGES_MAX))
            __atomic_fetch_add(&bad, 1, __ATOMIC_RELAXED);
        page += done > 0 ? (uint64_t)done : 1;
    }
    return NULL;
}

static void *claimer(void *claimed)
{
    for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED); sched_yield())
        for (uint64_t page = FREE; page + 3 < PAGES; page += 4)
            if (frames_claim(frame_of(PA(page)), 3, FRAME_OWNED, 1)) {
                for (uint32_t i = 0; i < 3; i++) {
                    char *bytes = phys_to_virt(PA(page + i));

                    if (bytes[0] || bytes[KEEL_PAGE_SIZE - 1] ||
                        __atomic_fetch_add(&claims[page + i], 1, __ATOMIC_RELAXED))
                        __atomic_fetch_add(&bad, 1, __ATOMIC_RELAXED);
                    memset(bytes, 0x77, KEEL_PAGE_SIZE);
                }
                *(uint64_t *)claimed += 3;
            }
    return NULL;
}

START_TEST(cpus_may_scrub_at_once)
{
    pthread_t thread[4];

    for (uint32_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, scrubber, NULL), 0);
    for (uint32_t i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    ck_assert_uint_eq(bad, 0);
    ck_assert_uint_eq(host_counters.pages_scrubbed, PAGES - FREE);
    ck_assert_uint_eq(frames_count(FRAME_CLEAN), PAGES - FREE);
}
END_TEST

START_TEST(cpus_may_scrub_and_claim_at_once)
{
    pthread_t thread[5];
    uint64_t claimed[2] = {0};

    for (uint32_t i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&thread[3 + i], NULL, claimer, &claimed[i]), 0);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, scrubber, &stop), 0);
    for (uint32_t i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (uint32_t i = 3; i < 5; i++)
        pthread_join(thread[i], NULL);

    ck_assert_uint_eq(bad, 0);
    ck_assert_uint_eq(host_counters.pages_scrubbed, PAGES - FREE);
    ck_assert_uint_eq(frames_count(FRAME_BUSY) + frames_count(FRAME_DIRTY), 0);
    ck_assert_uint_eq(frames_count(FRAME_CLEAN), PAGES - FREE - claimed[0] - claimed[1]);
    for (uint64_t page = FREE; page < PAGES; page++)
        if (*(char *)phys_to_virt(PA(page)) != (claims[page] ? 0x77 : 0))
            bad++;
    ck_assert_uint_eq(bad, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frame");
    TCase *tcase = tcase_create("frame");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, boot_structure_says_who_owns_what);
    tcase_add_test(tcase, page_zero_is_nobodys);
    tcase_add_test(tcase, only_ram_has_frames);
    tcase_add_test(tcase, scrub_zeroes_dirty_frames_once);
    tcase_add_test(tcase, scrub_is_bounded);
    tcase_add_test(tcase, scrub_stops_at_what_is_not_free);
    tcase_add_test(tcase, claim_takes_all_or_none);
    tcase_add_test(tcase, words_are_compared_whole);
    tcase_add_test(tcase, cpus_may_scrub_at_once);
    tcase_add_test(tcase, cpus_may_scrub_and_claim_at_once);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
