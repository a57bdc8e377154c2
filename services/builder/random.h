/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes for stack protectors and for guests' own generators, from the seed that the
 * platform's device tree brings (/chosen: rng-seed, kaslr-seed). Without a seed they are different
 * each time, but not secret: only the counter goes in.
 */
#ifndef BUILDER_RANDOM_H
#define BUILDER_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_init(const void *platform, int chosen);
void random_bytes(uint8_t *to, size_t bytes);

#endif
