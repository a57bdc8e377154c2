/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of services: decoded from the generated table, answered in registers. */
#ifndef KERNEL_CPU_CALL_H
#define KERNEL_CPU_CALL_H

#include "base.h"

struct vcpu;

/* What a handler returns instead of a status. */
#define CALL_AGAIN INT64_MIN      /* take interrupts, then execute the call again */
#define CALL_LEFT (INT64_MIN + 1) /* the caller does not go on with a result now */

/* The call that the current service has made. */
void call_handle(struct vcpu *caller);

#endif
