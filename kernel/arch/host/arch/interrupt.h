/* SPDX-License-Identifier: Apache-2.0 */
/* Physical interrupts are a model of a GIC: see interrupt/host.h. */
#include "../../aarch64/arch/interrupt.h"
