/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After boot the builder is the supervisor: it learns how domains end, starts them again as the
 * configuration says, and answers requests (keel/supervisor.h). It waits for nobody.
 */
#ifndef BUILDER_SUPERVISE_H
#define BUILDER_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

/* Registers for events, before the first domain runs. False: told. */
bool supervise_begin(void) __attribute__((warn_unused_result));

/* A domain was started. */
void supervise_started(uint16_t id);

/* Serves events for ever. */
_Noreturn void supervise_run(void);

#endif
