/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of the kernel, kept and put back. */
#ifndef TEST_FUZZ_SNAPSHOT_H
#define TEST_FUZZ_SNAPSHOT_H

struct snapshot;

/* Of all files that were compiled with kernel_sections.h, as they are now. */
struct snapshot *snapshot_take(void);
void snapshot_restore(const struct snapshot *snapshot);

#endif
