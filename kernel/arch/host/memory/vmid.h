/* SPDX-License-Identifier: Apache-2.0 */
/* The host counts spaces with AArch64's VMIDs; aarch64/memory/vmid.c is generic code. */
#include "../../aarch64/memory/vmid.h"
