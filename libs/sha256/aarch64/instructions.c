/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by the instructions of FEAT_SHA256 (Arm ARM, C7.2: SHA256H, SHA256H2, SHA256SU0, SHA256SU1). */
#include "../instructions.h"

#include <arm_neon.h>
#include <sys/auxv.h>

bool sha256_instructions(uint32_t h[8], const uint8_t *block, size_t blocks, const uint32_t k[64])
{
    if ((getauxval(AT_HWCAP) & HWCAP_SHA2) == 0)
        return false;

    uint32x4_t abcd = vld1q_u32(h), efgh = vld1q_u32(h + 4);

    for (; blocks > 0; blocks--, block += 64) {
        const uint32x4_t abcd_before = abcd, efgh_before = efgh;
        uint32x4_t w[4];

#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 16 * i)));
        /* Four rounds a turn; w has the words of these and of the next twelve. */
#pragma GCC unroll 16
        for (int t = 0; t < 16; t++) {
            const uint32x4_t wk = vaddq_u32(w[t % 4], vld1q_u32(k + 4 * t)), a = abcd;

            if (t < 12)
                w[t % 4] = vsha256su1q_u32(vsha256su0q_u32(w[t % 4], w[(t + 1) % 4]),
                                           w[(t + 2) % 4], w[(t + 3) % 4]);
            abcd = vsha256hq_u32(abcd, efgh, wk);
            efgh = vsha256h2q_u32(efgh, a, wk);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(h, abcd);
    vst1q_u32(h + 4, efgh);
    return true;
}
