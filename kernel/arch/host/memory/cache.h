/* SPDX-License-Identifier: Apache-2.0 */
/* There is nothing to maintain; host.h counts the calls. */
#include "../../aarch64/memory/cache.h"
