/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (see sha256.h). Names as in FIPS 180-4, sections 4.1.2, 4.2.2, 5 and 6.2. */
#include "sha256.h"

#include "instructions.h"

#include <string.h>

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotr(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static inline uint32_t load_be(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, sizeof value);
    return __builtin_bswap32(value); /* all targets are little-endian */
}

/* Round t: v[0..7] are a to h, turned by t instead of moved; w[t % 16] is W_t. */
#define V(i) v[((i)-t) & 7]
#define ROUND                                                                                      \
    {                                                                                              \
        uint32_t e = V(4), a = V(0);                                                               \
        uint32_t t1 = V(7) + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) +                            \
                      (V(6) ^ (e & (V(5) ^ V(6)))) + k[from + t] + w[t];                           \
        uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & V(1)) ^ (V(2) & (a ^ V(1)))); \
                                                                                                   \
        V(3) += t1;                                                                                \
        V(7) = t1 + t2;                                                                            \
    }

static void compress(uint32_t h[8], const uint8_t *block)
{
    uint32_t w[16], v[8];

#pragma GCC unroll 16
    for (unsigned t = 0; t < 16; t++)
        w[t] = load_be(block + 4 * t);
    memcpy(v, h, sizeof v);
    for (unsigned from = 0;; from += 16) {
#pragma GCC unroll 16
        for (unsigned t = 0; t < 16; t++)
            ROUND
        if (from == 48)
            break;
#pragma GCC unroll 16
        for (unsigned t = 0; t < 16; t++) {
            uint32_t w15 = w[(t + 1) & 15], w2 = w[(t + 14) & 15];

            w[t] += (rotr(w15, 7) ^ rotr(w15, 18) ^ w15 >> 3) + w[(t + 9) & 15] +
                    (rotr(w2, 17) ^ rotr(w2, 19) ^ w2 >> 10);
        }
    }
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++)
        h[i] += v[i];
}

static void add(uint32_t h[8], const uint8_t *block, size_t blocks)
{
    if (sha256_instructions(h, block, blocks, k))
        return;
    for (; blocks > 0; blocks--, block += SHA256_BLOCK)
        compress(h, block);
}

void sha256_begin(struct sha256 *hash)
{
    *hash = (struct sha256){{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                             0x1f83d9ab, 0x5be0cd19}};
}

void sha256_add(struct sha256 *hash, const void *blocks, size_t n)
{
    add(hash->h, blocks, n);
}

void sha256_end(struct sha256 *hash, const void *left, size_t message_bytes,
                uint8_t digest[SHA256_BYTES])
{
    const size_t bytes = message_bytes % SHA256_BLOCK;
    const size_t padded = bytes + 9 <= SHA256_BLOCK ? SHA256_BLOCK : 2 * SHA256_BLOCK;
    uint8_t tail[2 * SHA256_BLOCK] = {0};

    if (bytes > 0)
        memcpy(tail, left, bytes);
    tail[bytes] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        tail[padded - 1 - i] = (uint8_t)((uint64_t)message_bytes * 8 >> 8 * i);
    add(hash->h, tail, padded / SHA256_BLOCK);
    for (unsigned i = 0; i < SHA256_BYTES; i++)
        digest[i] = (uint8_t)(hash->h[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256(const void *data, size_t bytes, uint8_t digest[SHA256_BYTES])
{
    struct sha256 hash;

    sha256_begin(&hash);
    sha256_add(&hash, data, bytes / SHA256_BLOCK);
    sha256_end(&hash, (const uint8_t *)data + (bytes - bytes % SHA256_BLOCK), bytes, digest);
}

void sha256_text(const uint8_t digest[SHA256_BYTES], char text[SHA256_TEXT])
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < SHA256_BYTES; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[2 * SHA256_BYTES] = '\0';
}
