/* SPDX-License-Identifier: Apache-2.0 */
/* The device tree that a guest gets: its virtual machine, described for an unmodified kernel. */
#ifndef BUILDER_TREE_H
#define BUILDER_TREE_H

#include "guest.h"

#define TREE_SEED_BYTES 64

/*
 * Writes the tree of `guest` to `tree` (`bytes` large). seed: random bytes for the guest, or NULL.
 * Returns the tree's size, or 0 if it does not fit.
 */
size_t tree_write(void *tree, size_t bytes, const struct config *config,
                  const struct config_domain *guest, const struct guest_image *image,
                  const uint8_t seed[TREE_SEED_BYTES]) __attribute__((warn_unused_result));

#endif
