/* SPDX-License-Identifier: Apache-2.0 */
/* Included before everything else in the kernel's sources for test_atomics.c: tells each atomic
 * access that reads and writes in one, and each other atomic one, before it is made. */
#ifndef ADVISORY_ATOMICS_H
#define ADVISORY_ATOMICS_H

void atomic_update(const volatile void *address); /* a loop until nobody came between, on v8.0 */
void atomic_access(const volatile void *address); /* a load or a store: done in one go */

#define __atomic_load_n(at, ...)     (atomic_access(at), __atomic_load_n(at, __VA_ARGS__))
#define __atomic_store_n(at, ...)    (atomic_access(at), __atomic_store_n(at, __VA_ARGS__))
#define __atomic_exchange_n(at, ...) (atomic_update(at), __atomic_exchange_n(at, __VA_ARGS__))
#define __atomic_fetch_add(at, ...)  (atomic_update(at), __atomic_fetch_add(at, __VA_ARGS__))
#define __atomic_fetch_sub(at, ...)  (atomic_update(at), __atomic_fetch_sub(at, __VA_ARGS__))
#define __atomic_fetch_or(at, ...)   (atomic_update(at), __atomic_fetch_or(at, __VA_ARGS__))
#define __atomic_fetch_and(at, ...)  (atomic_update(at), __atomic_fetch_and(at, __VA_ARGS__))
#define __atomic_compare_exchange_n(at, ...) \
    (atomic_update(at), __atomic_compare_exchange_n(at, __VA_ARGS__))

#endif
