/* SPDX-License-Identifier: Apache-2.0 */
/* Where there are no instructions for SHA-256, or where they are not to be used. */
#include "../instructions.h"

bool sha256_instructions(uint32_t h[8], const uint8_t *block, size_t blocks, const uint32_t k[64])
{
    (void)h;
    (void)block;
    (void)blocks;
    (void)k;
    return false;
}
