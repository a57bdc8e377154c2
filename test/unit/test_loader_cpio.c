/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's cpio reader: good archives, each field wrong, damage at random. */
#include "cpio.h"
#include "loader_test.h"

#include <stdio.h>

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

/* cpio_find on a copy; the file's position is left in *at. */
static const char *find(size_t bytes, size_t *at, size_t *size)
{
    uint8_t *copy = exact_copy(archive, bytes);
    struct cpio_file file = {NULL, 0};
    const char *error = cpio_find(copy, bytes, "builder", &file);

    if (!error) {
        *at = (size_t)(file.data - copy);
        *size = file.bytes;
        ck_assert(*at <= bytes && *size <= bytes - *at);
    }
    free(copy);
    return error;
}

static const char *fails(void)
{
    size_t at, size;

    return find(used, &at, &size);
}

START_TEST(finds_the_file)
{
    size_t at = 0, size = 0;

    usual();
    ck_good(find(used, &at, &size));
    ck_assert_uint_eq(size, 33);
    ck_assert_int_eq(archive[at], 'd');
    ck_assert_int_eq(archive[at - 1], 0);

    start();
    entry("./builder", 0100755, 1, 0);
    entry("TRAILER!!!", 0, 1, 0);
    ck_good(find(used, &at, &size));
    ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(refuses_what_is_not_one_regular_file)
{
    start();
    entry("TRAILER!!!", 0, 1, 0);
    ck_bad(fails(), "no such entry");

    start();
    entry("builder", 0100755, 1, 4);
    entry("builder", 0100755, 1, 4);
    entry("TRAILER!!!", 0, 1, 0);
    ck_bad(fails(), "two entries");

    start();
    entry("builder", 0040755, 1, 0);
    entry("TRAILER!!!", 0, 1, 0);
    ck_bad(fails(), "regular file");

    start();
    entry("builder", 0100755, 2, 4);
    entry("TRAILER!!!", 0, 1, 0);
    ck_bad(fails(), "single link");
}
END_TEST

START_TEST(refuses_bad_fields)
{
    usual();
    archive[5] = '2';
    ck_bad(fails(), "070701");
    for (size_t at = 6; at < 110; at++) {
        usual();
        archive[at] = 'g';
        ck_bad(fails(), "hexadecimal");
    }

    usual();
    memcpy(archive + 6 + 6 * 8, "FFFFFFFF", 8);
    ck_bad(fails(), "data lies outside");
    usual();
    memcpy(archive + 6 + 11 * 8, "00000000", 8);
    ck_bad(fails(), "name is empty");
    usual();
    memcpy(archive + 6 + 11 * 8, "FFFFFFFF", 8);
    ck_bad(fails(), "longer than 4096");
    usual();
    memcpy(archive + 6 + 11 * 8, "00001000", 8);
    ck_bad(fails(), "name lies outside");
    usual();
    memcpy(archive + 6 + 11 * 8, "00000005", 8);
    ck_bad(fails(), "only zero byte");
    usual();
    archive[110] = 0;
    ck_bad(fails(), "only zero byte");
}
END_TEST

START_TEST(refuses_every_shorter_archive)
{
    size_t at, size;

    usual();
    for (size_t bytes = 0; bytes < used - 1; bytes++)
        ck_assert_ptr_nonnull(find(bytes, &at, &size));
}
END_TEST

START_TEST(survives_damage)
{
    uint64_t state = 1;
    size_t at, size;

    for (int i = 0; i < 20000; i++) {
        usual();
        damage((uint8_t *)archive, used, &state);
        (void)!find(used, &at, &size);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("loader_cpio");

    tcase_add_test(tests, finds_the_file);
    tcase_add_test(tests, refuses_what_is_not_one_regular_file);
    tcase_add_test(tests, refuses_bad_fields);
    tcase_add_test(tests, refuses_every_shorter_archive);
    tcase_add_test(tests, survives_damage);
    return run_tests(tests, "loader_cpio");
}
