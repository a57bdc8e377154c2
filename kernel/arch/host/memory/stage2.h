/* SPDX-License-Identifier: Apache-2.0 */
/* Entries are data: the host's tables have AArch64's format, so that tests check it. */
#include "../../aarch64/memory/stage2.h"
