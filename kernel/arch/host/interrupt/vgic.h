/* SPDX-License-Identifier: Apache-2.0 */
/* aarch64/interrupt/vgic.c is generic code. */
#include "../../aarch64/interrupt/vgic.h"
