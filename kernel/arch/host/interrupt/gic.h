/* SPDX-License-Identifier: Apache-2.0 */
/* A model of an interrupt controller: see interrupt/host.h. */
#include "../../aarch64/interrupt/gic.h"
