/* SPDX-License-Identifier: Apache-2.0 */
/* The part of SHA-256 that CPUs have instructions for. */
#ifndef SHA256_INSTRUCTIONS_H
#define SHA256_INSTRUCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Adds blocks of 64 bytes to the hash h, with the constants k. False: this CPU cannot, and nothing is
 * done. */
bool sha256_instructions(uint32_t h[8], const uint8_t *block, size_t blocks, const uint32_t k[64]);

#endif
