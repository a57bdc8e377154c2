/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes device trees as trees: bytes that are changed at random hardly ever are one any more.
 * What is no tree, and some of what is, is left to libFuzzer.
 */
#ifndef TEST_FUZZ_TREE_MUTATOR_H
#define TEST_FUZZ_TREE_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

/* Every target that is linked with tree_mutator.c has: names of nodes and properties, and text
 * values, that mean something to what is tested. */
extern const struct tree_words {
    const char *const *word;
    uint32_t words;
} tree_words;

#endif
