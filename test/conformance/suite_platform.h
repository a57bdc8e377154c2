/* SPDX-License-Identifier: Apache-2.0 */
/* What the suite stands on: service.c, or guest.c, where addresses are those of its own tables. */
#ifndef CONFORMANCE_SUITE_PLATFORM_H
#define CONFORMANCE_SUITE_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u

/* The suite's memory, zero at first, in pages that follow each other for it. */
#define PAGES 8384u
uint8_t *platform_page(uint32_t page);

/* Two of them become special: one that is not there, and one that can only be read. */
#define PAGE_HOLE 31u
#define PAGE_READ 33u
void platform_seal(void);

/* The number of its frame, as `register_ring` wants it. */
uint64_t platform_frame(uint32_t page);

/* Frame number i that no ring can have; false: there are no more. */
bool platform_bad_frame(uint32_t i, uint64_t *frame);

int64_t platform_argo(uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4);

/* Whether a signal has come since the last time, or comes within so many milliseconds. */
bool platform_signalled(uint32_t ms);

/* A line on the console; formats: %s %u %x %lu %lx. */
__attribute__((format(printf, 1, 2))) void platform_say(const char *format, ...);

/* Tests that only this platform can make. */
struct test {
    const char *name;
    void (*run)(void);
};
extern const struct test platform_tests[];

/* The suite, which platforms start. */
bool suite_run(void);

#endif
