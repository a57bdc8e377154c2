/* SPDX-License-Identifier: Apache-2.0 */
/* Machines of the host build have no tables of their own: stage 1 is off. */
#include "../../aarch64/memory/guest.h"
