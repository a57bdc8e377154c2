/* SPDX-License-Identifier: Apache-2.0 */
/* For unit tests: the test says what time it is. */
#ifndef KEEL_COUNTER_H
#define KEEL_COUNTER_H

#include <stdint.h>

uint64_t keel_counter(void);
uint64_t keel_counter_frequency(void);

#endif
