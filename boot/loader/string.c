/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mem* and str* functions that libfdt, the compiler and the loader need. The MMU is off, so
 * every access goes to the bus and must be aligned: the two that move much data use the largest
 * words that both ends allow, and what is in the bundle is aligned to 4 bytes.
 */
#include <string.h>

#include <stdint.h>

static int aligned(const void *a, const void *b, uintptr_t to)
{
    return (((uintptr_t)a | (uintptr_t)b) & (to - 1)) == 0;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    unsigned char *t = to;
    const unsigned char *f = from;

    if (aligned(t, f, 8)) {
#pragma GCC unroll 8
        for (; bytes >= 8; bytes -= 8, t += 8, f += 8)
            *(uint64_t *)t = *(const uint64_t *)f;
    } else if (aligned(t, f, 4)) {
#pragma GCC unroll 8
        for (; bytes >= 4; bytes -= 4, t += 4, f += 4)
            *(uint32_t *)t = *(const uint32_t *)f;
    }
    while (bytes-- > 0)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    unsigned char *t = to;
    const unsigned char *f = from;

    if (t <= f || t >= f + bytes)
        return memcpy(to, from, bytes);
    while (bytes-- > 0)
        t[bytes] = f[bytes];
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    unsigned char *t = to;
    uint64_t word = 0x0101010101010101ull * (unsigned char)value;

    if (aligned(t, t, 8)) {
#pragma GCC unroll 32
        for (; bytes >= 8; bytes -= 8, t += 8)
            *(uint64_t *)t = word;
    }
    while (bytes-- > 0)
        *t++ = (unsigned char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const unsigned char *x = a, *y = b;

    for (; bytes > 0; bytes--, x++, y++) {
        if (*x != *y)
            return *x < *y ? -1 : 1;
    }
    return 0;
}

void *memchr(const void *from, int value, size_t bytes)
{
    const unsigned char *f = from;

    for (; bytes > 0; bytes--, f++) {
        if (*f == (unsigned char)value)
            return (void *)(uintptr_t)f;
    }
    return NULL;
}

size_t strlen(const char *string)
{
    size_t length = 0;

    while (string[length])
        length++;
    return length;
}

size_t strnlen(const char *string, size_t limit)
{
    size_t length = 0;

    while (length < limit && string[length])
        length++;
    return length;
}

int strncmp(const char *a, const char *b, size_t limit)
{
    for (; limit > 0; limit--, a++, b++) {
        if (*a != *b)
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        if (!*a)
            return 0;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strrchr(const char *string, int value)
{
    size_t i = strlen(string) + 1;

    while (i-- > 0) {
        if (string[i] == (char)value)
            return (char *)(uintptr_t)&string[i];
    }
    return NULL;
}
