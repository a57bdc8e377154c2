/* SPDX-License-Identifier: Apache-2.0 */
/* A model of a TLB: see host.h. */
#include "../../aarch64/memory/tlb.h"
