/* SPDX-License-Identifier: Apache-2.0 */
/* What the devices services of tests have in common: their guest's output, and its end. */
#ifndef GUEST_H
#define GUEST_H

#include <runtime/loop.h>

/*
 * Output goes to this service's own console, HVC PSCI_SYSTEM_OFF ends the guest; other reads give 0,
 * other writes do nothing, other calls are aborted.
 */
struct loop_reply guest_exit(const struct keel_exit *exit);

#endif
