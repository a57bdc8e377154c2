/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4). */
#ifndef LIBS_SHA256_SHA256_H
#define LIBS_SHA256_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_TEXT  (2 * SHA256_BYTES + 1)

void sha256(const void *data, size_t bytes, uint8_t digest[SHA256_BYTES]);

/* As lower-case hexadecimal digits with a NUL. */
void sha256_text(const uint8_t digest[SHA256_BYTES], char text[SHA256_TEXT]);

#endif
