/* SPDX-License-Identifier: Apache-2.0 */
/* What a partner stands on: partner_service.c; or partner_guest.c, for a Xen, where there are no services. */
#ifndef CONFORMANCE_PARTNER_PLATFORM_H
#define CONFORMANCE_PARTNER_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t partner_argo(uint64_t op, const void *arg1, const void *arg2, uint64_t arg3, uint64_t arg4);

/* At least so many bytes, in pages, whose frames follow each other; NULL: there is not so much. Freed, if not
 * NULL. */
void *partner_memory(size_t bytes);
void partner_memory_free(void *memory);
uint64_t partner_frame(const void *memory);

uint16_t partner_id(void);

/* Until a signal comes, or the time does (0: never); or, if not `signal`, until then. */
void partner_wait(bool signal, uint64_t until);
uint64_t partner_now(void); /* counter ticks */
uint64_t partner_after_ms(uint32_t ms);

/* This life's end. May return: then all is to be as at the beginning of one. */
void partner_end(void);

/* The partner, which platforms start. False: it can't. */
bool partner_run(void);

#endif
