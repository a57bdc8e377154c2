/* SPDX-License-Identifier: Apache-2.0 */
/* The device tree that a guest gets: its virtual machine, described for an unmodified kernel. */
#ifndef LIBS_IMAGE_TREE_H
#define LIBS_IMAGE_TREE_H

#include "guest.h"

#include <config/authority.h>

#define TREE_SEED_BYTES 64

/* What is said of a guest, property `devices`, whose tree does not fit. */
#define TREE_TOO_LARGE "too many for a device tree of 64K, expected fewer"

/*
 * Writes the tree of the guest with the number `id` to `tree` (`bytes` large). authority: what the
 * configuration means; seed: random bytes for the guest, or NULL. Returns the tree's size, or 0 if it
 * does not fit.
 */
size_t tree_write(void *tree, size_t bytes, const struct config *config,
                  const struct authority *authority, uint16_t id, const struct guest_image *image,
                  const uint8_t seed[TREE_SEED_BYTES]) __attribute__((warn_unused_result));

#endif
