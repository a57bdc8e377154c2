/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the loader's parsers have in common. */
#ifndef LOADER_TEST_H
#define LOADER_TEST_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ck_good(call)                                    \
    do {                                                 \
        const char *error_ = (call);                     \
        ck_assert_msg(!error_, "%s: %s", #call, error_); \
    } while (0)

/* The call must fail with a message that has `text` in it. */
#define ck_bad(call, text)                                                          \
    do {                                                                            \
        const char *error_ = (call);                                                \
        ck_assert_msg(error_ &&strstr(error_, text), "%s: %s instead of %s", #call, \
                      error_ ? error_ : "success", text);                           \
    } while (0)

/* The same sequence in every run: xorshift64 (Marsaglia, 2003). */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A copy in memory of exactly its size, so that the sanitizer sees every read outside. */
static inline uint8_t *exact_copy(const void *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, bytes);
    return copy;
}

/* Changes 1 to 4 bytes. */
static inline void damage(uint8_t *data, size_t bytes, uint64_t *state)
{
    for (uint64_t n = random_next(state) % 4 + 1; n > 0; n--) {
        static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff, '0', 'f'};
        size_t at = random_next(state) % bytes;
        uint64_t choice = random_next(state);

        data[at] = choice % 2 ? (uint8_t)(choice >> 8) : values[(choice >> 8) % sizeof(values)];
    }
}

static inline int run_tests(TCase *tests, const char *name)
{
    Suite *suite = suite_create(name);
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
