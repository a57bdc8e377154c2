/* SPDX-License-Identifier: Apache-2.0 */
/* How the loader's checks report: NULL, or what is wrong as one clause of a console line. */
#ifndef LOADER_ERROR_H
#define LOADER_ERROR_H

#include "must_check.h"

typedef const char *loader_error;

/* For a chain of checks: the first failure is the answer. */
#define TRY(call)                     \
    do {                              \
        loader_error error_ = (call); \
        if (error_)                   \
            return error_;            \
    } while (0)

#endif
