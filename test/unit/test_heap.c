/* SPDX-License-Identifier: Apache-2.0 */
/* Memory below malloc: permissions as the kernel is asked for them, and what a program may not
 * have. */
#include <runtime/heap.h>
#include <runtime/start.h>

#include <check.h>
#include <errno.h>
#include <keel/boot.h>
#include <keel/calls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES     64u
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define WRITABLE  (PROT_READ | PROT_WRITE)

static _Alignas(KEEL_PAGE_SIZE) uint8_t heap[PAGES * KEEL_PAGE_SIZE];
static int perms[PAGES]; /* of each page, as the fake kernel was told */
static int calls, step, refusal;

const struct keel_start *keel_start(void)
{
    static struct keel_start start;
    start.heap = (uintptr_t)heap;
    start.heap_bytes = sizeof(heap);
    return &start;
}

keel_peer keel_self(void)
{
    return KEEL_PEER(3, 4);
}

int64_t keel_memory_protect(keel_peer peer, uint64_t ipa, uint64_t order, uint64_t count,
                            uint64_t perm)
{
    calls++;
    ck_assert_uint_eq(peer, KEEL_PEER(3, 4));
    ck_assert_uint_eq(order, 0);
    ck_assert_uint_gt(count, 0);
    if (refusal != 0)
        return refusal;
    uint64_t done = step != 0 && count > (uint64_t)step ? (uint64_t)step : count;
    for (uint64_t i = 0; i < done; i++)
        perms[(ipa - (uintptr_t)heap) / KEEL_PAGE_SIZE + i] = (int)perm;
    return (int64_t)done;
}

static uint8_t *map(size_t pages, int protection)
{
    long address = heap_map(pages * KEEL_PAGE_SIZE, protection, ANONYMOUS);
    ck_assert_int_gt(address, 0);
    return (uint8_t *)address;
}

static int perm_of(const uint8_t *address)
{
    return perms[(address - heap) / (ptrdiff_t)KEEL_PAGE_SIZE];
}

static void setup(void)
{
    for (size_t i = 0; i < PAGES; i++)
        perms[i] = KEEL_PERM_READ | KEEL_PERM_WRITE;
    calls = 0;
}

START_TEST(ordinary_memory_needs_no_call)
{
    uint8_t *two = map(2, WRITABLE);
    memset(two, 1, 2 * KEEL_PAGE_SIZE);
    ck_assert_int_eq(heap_protect(two, KEEL_PAGE_SIZE, WRITABLE), 0);
    ck_assert_int_eq(heap_unmap(two, 2 * KEEL_PAGE_SIZE), 0);
    ck_assert_int_eq(calls, 0);
    ck_assert_uint_eq(map(1, WRITABLE)[0], 0);
}
END_TEST

START_TEST(nothing_is_executable)
{
    uint8_t *page = map(1, WRITABLE);
    ck_assert_int_eq(heap_map(1, PROT_READ | PROT_EXEC, ANONYMOUS), -EACCES);
    ck_assert_int_eq(heap_protect(page, 1, PROT_READ | PROT_EXEC), -EACCES);
    ck_assert_int_eq(calls, 0);
}
END_TEST

START_TEST(guard_pages_are_shut_and_opened_in_steps)
{
    step = 2;
    uint8_t *five = map(5, PROT_NONE);
    ck_assert_int_eq(calls, 3);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(perm_of(five + i * KEEL_PAGE_SIZE), 0);
    ck_assert_int_eq(heap_protect(five + KEEL_PAGE_SIZE, 3 * KEEL_PAGE_SIZE, WRITABLE), 0);
    ck_assert_int_eq(perm_of(five), 0);
    ck_assert_int_eq(perm_of(five + KEEL_PAGE_SIZE), KEEL_PERM_READ | KEEL_PERM_WRITE);
    ck_assert_int_eq(perm_of(five + 4 * KEEL_PAGE_SIZE), 0);
    ck_assert_int_eq(heap_protect(five + KEEL_PAGE_SIZE, 1, PROT_READ), 0);
    ck_assert_int_eq(perm_of(five + KEEL_PAGE_SIZE), KEEL_PERM_READ);
    /* Given back, all of it is read-write again before it is zeroed. */
    ck_assert_int_eq(heap_unmap(five, 5 * KEEL_PAGE_SIZE), 0);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(perm_of(five + i * KEEL_PAGE_SIZE), KEEL_PERM_READ | KEEL_PERM_WRITE);
}
END_TEST

START_TEST(a_kernel_that_refuses_is_heard)
{
    uint8_t *page = map(1, WRITABLE);
    refusal = -KEEL_EINVAL;
    ck_assert_int_eq(heap_protect(page, 1, PROT_NONE), -EINVAL);
    uint8_t *guard = map(1, PROT_NONE); /* but malloc still gets its memory */
    ck_assert_int_eq(heap_protect(guard, 1, WRITABLE), 0);
    refusal = 0;
    ck_assert_int_eq(heap_unmap(guard, 1), 0);
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
    uint8_t *page = map(1, WRITABLE);
    ck_assert_int_eq(heap_map(0, WRITABLE, ANONYMOUS), -EINVAL);
    ck_assert_int_eq(heap_map(1, WRITABLE, MAP_PRIVATE), -ENODEV);
    ck_assert_int_eq(heap_map(1, WRITABLE, ANONYMOUS | MAP_FIXED), -EINVAL);
    ck_assert_int_eq(heap_map(sizeof(heap), WRITABLE, ANONYMOUS), -ENOMEM);
    ck_assert_int_eq(heap_map(SIZE_MAX, WRITABLE, ANONYMOUS), -EINVAL);
    ck_assert_int_eq(heap_unmap(page + 1, 1), -EINVAL);
    ck_assert_int_eq(heap_unmap(page, SIZE_MAX), -EINVAL);
    ck_assert_int_eq(heap_unmap(page + KEEL_PAGE_SIZE, 1), -EINVAL);
    ck_assert_int_eq(heap_protect(page, 2 * KEEL_PAGE_SIZE, PROT_READ), -ENOMEM);
}
END_TEST

START_TEST(advice_that_promises_zero_zeroes)
{
    uint8_t *page = map(1, WRITABLE);
    page[5] = 5;
    ck_assert_int_eq(heap_advise(page, KEEL_PAGE_SIZE, MADV_WILLNEED), 0);
    ck_assert_uint_eq(page[5], 5);
    ck_assert_int_eq(heap_advise(page, KEEL_PAGE_SIZE, MADV_DONTNEED), 0);
    ck_assert_uint_eq(page[5], 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("heap");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, ordinary_memory_needs_no_call);
    tcase_add_test(tests, nothing_is_executable);
    tcase_add_test(tests, guard_pages_are_shut_and_opened_in_steps);
    tcase_add_test(tests, a_kernel_that_refuses_is_heard);
    tcase_add_test(tests, what_cannot_be_is_refused);
    tcase_add_test(tests, advice_that_promises_zero_zeroes);

    Suite *suite = suite_create("heap");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
