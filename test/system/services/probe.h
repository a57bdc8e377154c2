/* SPDX-License-Identifier: Apache-2.0 */
/* Registers that C does not name: see probe.c. */
#ifndef PROBE_H
#define PROBE_H

#include <stdint.h>

/* Puts patterns into the vector registers, FPCR and FPSR; looks whether they are still there (0).
 */
void probe_fp_fill(void);
uint64_t probe_fp_check(void);

/* A call without arguments, with all registers full of patterns. Returns a mask of those that
 * changed. */
uint64_t probe_call(uint64_t number);

#endif
