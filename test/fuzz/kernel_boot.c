/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's check of what the loader hands over, for who does not know the kernel's headers. */
#include "main.h"

const char *kernel_boot_check(const struct keel_boot *boot);

const char *kernel_boot_check(const struct keel_boot *boot)
{
    bool voice;

    return boot_check(boot, &voice);
}
