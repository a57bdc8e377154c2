/* SPDX-License-Identifier: Apache-2.0 */
/* For unit tests of what makes calls: the test is the kernel, and defines keel_call itself. */
#ifndef KEEL_ARCH_CALL_H
#define KEEL_ARCH_CALL_H

#include <keel/types.h>

int64_t keel_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                  uint64_t f, uint64_t *second);

#endif
