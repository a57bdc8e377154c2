/* SPDX-License-Identifier: Apache-2.0 */
/* A generator by hashing (see random.h): state = H(state, time), output = H(state, uses). */
#include "random.h"

#include <keel/counter.h>
#include <libfdt.h>
#include <sha256/sha256.h>
#include <string.h>

static struct {
    uint8_t state[SHA256_BYTES];
    uint64_t use; /* how many outputs there were */
} pool;

static void stir(const void *bytes, size_t n)
{
    uint8_t input[SHA256_BYTES + 256];

    if (n > 256)
        n = 256;
    memcpy(input, pool.state, SHA256_BYTES);
    memcpy(input + SHA256_BYTES, bytes, n);
    sha256(input, SHA256_BYTES + n, pool.state);
}

void random_init(const void *platform, int chosen)
{
    static const char *const seeds[] = {"rng-seed", "kaslr-seed"};

    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        int bytes;
        const void *seed = fdt_getprop(platform, chosen, seeds[i], &bytes);

        if (seed)
            stir(seed, (size_t)bytes);
    }
}

void random_bytes(uint8_t *to, size_t bytes)
{
    uint8_t out[SHA256_BYTES];

    for (; bytes; pool.use++) {
        size_t n = bytes < sizeof out ? bytes : sizeof out;
        uint64_t now = keel_counter();

        stir(&now, sizeof now);
        sha256(&pool, sizeof pool, out);
        memcpy(to, out, n);
        to += n;
        bytes -= n;
    }
    stir("used", 4); /* what was given out does not lead back */
}
