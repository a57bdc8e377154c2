/* SPDX-License-Identifier: Apache-2.0 */
/* Running one suite with TAP on standard output. */
#ifndef TEST_SUITE_H
#define TEST_SUITE_H

#include <check.h>

static inline int suite_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
