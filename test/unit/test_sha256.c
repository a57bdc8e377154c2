/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against published vectors, and every length around the block's edges against a chain. */
#include "suite.h"

#include <sha256/sha256.h>
#include <stdlib.h>
#include <string.h>

static void is(const void *data, size_t bytes, const char *expected)
{
    uint8_t digest[SHA256_BYTES];
    char text[SHA256_TEXT];

    sha256(data, bytes, digest);
    sha256_text(digest, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(test_vectors)
{
    char *million = malloc(1000000);

    /* FIPS 180-4 examples; the empty message; RFC 6234's "a" a million times. */
    is("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    is("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    memset(million, 'a', 1000000);
    is(million, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}
END_TEST

/* H(digest so far, n bytes) for n = 0..299: the value was computed with Python's hashlib. */
START_TEST(test_all_lengths)
{
    uint8_t message[SHA256_BYTES + 300] = {0};
    uint8_t digest[SHA256_BYTES] = {0};

    for (size_t n = 0; n < 300; n++) {
        memcpy(message, digest, sizeof digest);
        memset(message + SHA256_BYTES, (int)n & 0xff, n);
        sha256(message, SHA256_BYTES + n, digest);
    }
    char text[SHA256_TEXT];
    sha256_text(digest, text);
    ck_assert_str_eq(text, "538699283253f92f6da5d1ac04d1d2101213c0e3d9fc9e3b21b19b5d3711b571");
}
END_TEST

/* In parts as in one. */
START_TEST(test_parts)
{
    uint8_t message[300], whole[SHA256_BYTES], parts[SHA256_BYTES];

    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n <= sizeof message; n++)
        for (size_t first = 0; first <= n / SHA256_BLOCK; first++) {
            const size_t blocks = n / SHA256_BLOCK;
            struct sha256 hash;

            sha256(message, n, whole);
            sha256_begin(&hash);
            sha256_add(&hash, message, first);
            sha256_add(&hash, message + first * SHA256_BLOCK, blocks - first);
            sha256_end(&hash, message + blocks * SHA256_BLOCK, n, parts);
            ck_assert_mem_eq(whole, parts, sizeof whole);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sha256");
    TCase *tcase = tcase_create("sha256");

    tcase_add_test(tcase, test_vectors);
    tcase_add_test(tcase, test_all_lengths);
    tcase_add_test(tcase, test_parts);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
