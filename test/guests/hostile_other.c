/* SPDX-License-Identifier: Apache-2.0 */
/* The same in the other order: two hostile guests differ in each register. */
#include "lib/guest.h"

#define ALLOWS_FIRST true
const char guest_name[] = "hostile-other";

#include "hostile.c"
