/* SPDX-License-Identifier: Apache-2.0 */
/* What every file of the kernel may use: address types, checks, results that cannot be ignored. */
#ifndef KERNEL_BASE_H
#define KERNEL_BASE_H

#include <keel/types.h>
#include <stdbool.h>

/* Addresses that cannot be mixed up. */
struct paddr {
    uint64_t v;
};
struct ipa {
    uint64_t v;
};
#define PADDR(value) ((struct paddr){(value)})
#define IPA(value) ((struct ipa){(value)})

#define must_check __attribute__((warn_unused_result))
#define in_line inline __attribute__((always_inline))
#define not_inline __attribute__((noinline))
#define noreturn __attribute__((noreturn))
#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
/* One access to what others read or write meanwhile, without order: for a relaxed atomic one GCC takes an instruction
 * more, but ThreadSanitizer knows only that. */
#ifdef __SANITIZE_THREAD__
#define READ_ONCE(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define WRITE_ONCE(word, value) __atomic_store_n(&(word), value, __ATOMIC_RELAXED)
#else
#define READ_ONCE(word) (*(const volatile __typeof__(word) *)(const volatile void *)&(word))
#define WRITE_ONCE(word, value) (*(volatile __typeof__(word) *)(volatile void *)&(word) = (value))
#endif
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* What cannot be false unless the kernel itself is broken. Always compiled in. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (unlikely(!(condition)))                                                                \
            check_failed(__FILE__, __LINE__, #condition);                                          \
    } while (0)
noreturn void check_failed(const char *file, int line, const char *condition);

/* The kernel's console. How many characters it took now; bytes <= 128. */
must_check uint64_t print_text(const char *text, uint64_t bytes);
/* %s %u %x %lu %lx. Polls: at boot, and at the end of the builder. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Without the lock, whose holder may be what is broken. */
void print_broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

#endif
