/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4). */
#ifndef LIBS_SHA256_SHA256_H
#define LIBS_SHA256_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_TEXT  (2 * SHA256_BYTES + 1)

/* A hash that is being made. Two of as many blocks are the same if the blocks are. */
struct sha256 {
    uint32_t h[8];
};

#define SHA256_BLOCK 64u

void sha256_begin(struct sha256 *hash);

/* Adds blocks of SHA256_BLOCK bytes. */
void sha256_add(struct sha256 *hash, const void *blocks, size_t n);

/* Adds what is left, less than a block, of a message of so many bytes. */
void sha256_end(struct sha256 *hash, const void *left, size_t message_bytes,
                uint8_t digest[SHA256_BYTES]);

/* All of that. */
void sha256(const void *data, size_t bytes, uint8_t digest[SHA256_BYTES]);

/* As lower-case hexadecimal digits with a NUL. */
void sha256_text(const uint8_t digest[SHA256_BYTES], char text[SHA256_TEXT]);

#endif
