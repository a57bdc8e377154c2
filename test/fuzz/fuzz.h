/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share. A target defines LLVMFuzzerTestOneInput; libFuzzer does the rest. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's interface. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t bytes, size_t most);

/* What has to hold whatever the input is. */
#define must(condition)                                                           \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "%s:%d: must(%s)\n", __FILE__, __LINE__, #condition); \
            abort();                                                              \
        }                                                                         \
    } while (0)

/* What is left of an input that is read from its beginning; zeros behind its end. */
struct input {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t input_take(struct input *input, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && input->left; i++, input->left--)
        value |= (uint64_t)*input->at++ << (8 * i);
    return value;
}

/* A number below `limit`, which is at least 1. */
static inline uint32_t input_below(struct input *input, uint32_t limit)
{
    return (uint32_t)input_take(input, limit > 256 ? 2 : 1) % limit;
}

/* A copy in memory of exactly its size, so that every read outside is seen. At a multiple of 16. */
static inline uint8_t *exact_copy(const void *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);

    must(copy);
    if (bytes)
        memcpy(copy, data, bytes);
    return copy;
}

/* A message as a user gets it: one line of printable characters, and not cut off. */
static inline void must_be_message(const char *text)
{
    must(text && text[0]);
    for (; *text; text++)
        must(*text >= ' ' && *text <= '~');
}

/* For mutators: xorshift32 (Marsaglia, 2003) from libFuzzer's seed. */
static inline uint32_t random_below(unsigned *seed, uint32_t limit)
{
    if (*seed == 0)
        *seed = 1;
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed % limit;
}

/* A number that arithmetic is likely to get wrong, or a small one. */
static inline uint64_t random_number(unsigned *seed)
{
    static const uint64_t numbers[] = {0x7f,       0x80,       0xff,       0x100,      0xfff,
                                       0x1000,     0x1001,     0xffff,     0x10000,    0x200000,
                                       0x7fffffff, 0x80000000, 0xffffffff, 0x40000000, 1ull << 32,
                                       1ull << 38, 1ull << 39, 1ull << 47, 1ull << 48, INT64_MAX,
                                       1ull << 63, ~0xfffull,  UINT64_MAX};

    return random_below(seed, 3) ? numbers[random_below(seed, sizeof numbers / sizeof numbers[0])]
                                 : random_below(seed, 32);
}

#endif
