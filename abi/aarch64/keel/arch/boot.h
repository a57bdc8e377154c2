/* SPDX-License-Identifier: Apache-2.0 */
/* How the kernel's stage 1 at EL2 is laid out: agreed between the loader and the kernel's entry. */
#ifndef KEEL_AARCH64_BOOT_H
#define KEEL_AARCH64_BOOT_H

/* 48-bit addresses, 4 KiB granule, inner-shareable write-back walks; PS comes from MMFR0. */
#define KEEL_EL2_T0SZ 16
/* MAIR_EL2: index 0 normal write-back, 1 device nGnRE. */
#define KEEL_EL2_MAIR 0x04FFull
#define KEEL_EL2_ATTR_NORMAL 0
#define KEEL_EL2_ATTR_DEVICE 1

#endif
