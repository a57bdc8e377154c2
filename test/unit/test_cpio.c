/* SPDX-License-Identifier: Apache-2.0 */
/* The cpio reader: good archives, each field wrong, damage at random. */
#include "cpio.h"
#include "loader_test.h"

#include <stdio.h>
#include <sys/mman.h>

static char archive[8192];
static size_t used;

/* One entry with the fields that matter; the data is `size` times the letter d. */
static void entry(const char *name, unsigned int mode, unsigned int links, size_t size)
{
    int header = snprintf(archive + used, sizeof(archive) - used,
                          "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1u, mode,
                          0u, 0u, links, 0u, size, 0u, 0u, 0u, 0u, strlen(name) + 1, 0u);

    ck_assert_int_eq(header, 110);
    used += 110;
    memcpy(archive + used, name, strlen(name) + 1);
    used = (used + strlen(name) + 1 + 3) & ~(size_t)3;
    memset(archive + used, 'd', size);
    used = (used + size + 3) & ~(size_t)3;
}

static void start(void)
{
    memset(archive, 0, sizeof(archive));
    used = 0;
}

static void usual(void)
{
    start();
    entry("first", 0100644, 1, 5);
    entry("builder", 0100755, 1, 33);
    entry("TRAILER!!!", 0, 1, 0);
}

/*
 * cpio_check on a copy; and if that is good, everything in it is walked and found. The position and
 * size of the builder are left in *at and *size, 0 if there is none.
 */
static const char *check(size_t bytes, size_t *at, size_t *size)
{
    uint8_t *copy = exact_copy(archive, bytes);
    const char *error = cpio_check(copy, bytes);
    struct cpio_file file, same;
    size_t next = 0;

    *at = *size = 0;
    while (!error) {
        ck_good(cpio_next(copy, bytes, &next, &file));
        if (!file.name)
            break;
        ck_assert((size_t)(file.data - copy) <= bytes);
        ck_assert(file.bytes <= bytes - (size_t)(file.data - copy));
        cpio_find(copy, bytes, file.name, &same);
        ck_assert_ptr_eq(same.data, file.data);
        if (strcmp(file.name, "builder") == 0) {
            *at = (size_t)(file.data - copy);
            *size = file.bytes;
        }
    }
    free(copy);
    return error;
}

static const char *check_all(void)
{
    size_t at, size;

    return check(used, &at, &size);
}

START_TEST(finds_the_file)
{
    size_t at, size;

    usual();
    ck_good(check(used, &at, &size));
    ck_assert_uint_eq(size, 33);
    ck_assert_int_eq(archive[at], 'd');
    ck_assert_int_eq(archive[at - 1], 0);

    start();
    entry("./builder", 0100755, 1, 0);
    entry("TRAILER!!!", 0, 1, 0);
    ck_good(check(used, &at, &size));
    ck_assert_uint_eq(size, 0);
    ck_assert_uint_gt(at, 0);
}
END_TEST

START_TEST(tells_kinds_apart)
{
    struct cpio_file file;
    size_t at, size;

    start();
    entry("builder", 0040755, 2, 0); /* a folder */
    entry("link", 0120777, 1, 4);
    entry("TRAILER!!!", 0, 1, 0);
    ck_good(check(used, &at, &size));
    ck_assert_uint_eq(at, 0);
    cpio_find((const uint8_t *)archive, used, "builder", &file);
    ck_assert_ptr_null(file.name);

    start();
    entry("builder", 0100755, 1, 4);
    entry("./builder", 0100755, 1, 4);
    entry("TRAILER!!!", 0, 1, 0);
    ck_bad(check_all(), "same name");

    start();
    entry("builder", 0100755, 2, 4);
    entry("TRAILER!!!", 0, 1, 0);
    ck_bad(check_all(), "hard link");
}
END_TEST

START_TEST(refuses_bad_fields)
{
    usual();
    archive[5] = '2';
    ck_bad(check_all(), "070701");
    for (size_t at = 6; at < 110; at++) {
        usual();
        archive[at] = 'g';
        ck_bad(check_all(), "hexadecimal");
    }

    usual();
    memcpy(archive + 6 + 6 * 8, "FFFFFFFF", 8);
    ck_bad(check_all(), "data lies outside");
    usual();
    memcpy(archive + 6 + 11 * 8, "00000000", 8);
    ck_bad(check_all(), "name is empty");
    usual();
    memcpy(archive + 6 + 11 * 8, "FFFFFFFF", 8);
    ck_bad(check_all(), "longer than 4096");
    usual();
    memcpy(archive + 6 + 11 * 8, "00001000", 8);
    ck_bad(check_all(), "name lies outside");
    usual();
    memcpy(archive + 6 + 11 * 8, "00000005", 8);
    ck_bad(check_all(), "only zero byte");
    usual();
    archive[110] = 0;
    ck_bad(check_all(), "only zero byte");
}
END_TEST

START_TEST(refuses_every_shorter_archive)
{
    size_t at, size;

    usual();
    for (size_t bytes = 0; bytes < used - 1; bytes++)
        ck_assert_ptr_nonnull(check(bytes, &at, &size));
}
END_TEST

/* A page of data lies between two entries, and nobody may touch it. */
START_TEST(steps_over_what_cannot_be_read)
{
    const size_t page = 4096, header = 116;
    uint8_t *memory =
        mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *begin = memory + page - header;
    size_t at = 0, bytes, data;

    ck_assert_ptr_ne(memory, MAP_FAILED);
    start();
    entry("first", 0100644, 1, page);
    data = used;
    entry("folder", 0040755, 2, 0);
    entry("TRAILER!!!", 0, 1, 0);
    ck_assert_uint_eq(data, header + page);
    bytes = used;
    memcpy(begin, archive, bytes);
    ck_assert_int_eq(mprotect(memory + page, page, PROT_NONE), 0);

    ck_good(cpio_step(begin, bytes, &at));
    ck_assert_uint_eq(at, data);
    ck_good(cpio_step(begin, bytes, &at)); /* a folder is an entry, too */
    ck_assert_uint_gt(at, data);
    data = at;
    ck_good(cpio_step(begin, bytes, &at));
    ck_assert_uint_eq(at, data);
    ck_bad(cpio_step(begin, data, &at), "TRAILER");
    begin[3] = 'x';
    at = 0;
    ck_bad(cpio_step(begin, bytes, &at), "070701");
    ck_assert_uint_eq(at, 0);
    munmap(memory, 3 * page);
}
END_TEST

START_TEST(survives_damage)
{
    uint64_t state = 1;
    size_t at, size;

    for (int i = 0; i < 20000; i++) {
        usual();
        damage((uint8_t *)archive, used, &state);
        (void)!check(used, &at, &size);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("cpio");

    tcase_add_test(tests, finds_the_file);
    tcase_add_test(tests, tells_kinds_apart);
    tcase_add_test(tests, refuses_bad_fields);
    tcase_add_test(tests, refuses_every_shorter_archive);
    tcase_add_test(tests, steps_over_what_cannot_be_read);
    tcase_add_test(tests, survives_damage);
    return run_tests(tests, "cpio");
}
