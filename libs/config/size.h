/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts of memory as Xen's command line writes them. */
#ifndef LIBS_CONFIG_SIZE_H
#define LIBS_CONFIG_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * ITEM[,ITEM...] where ITEM is SIZE, min:SIZE or max:SIZE, and SIZE is NUMBER{B,K,M,G,T}, PERCENT%
 * or NUMBER{B,K,M,G,T}+PERCENT%. Exactly one item is neither min nor max. Percentages are of
 * `total`; the part that is a percentage is rounded down to a page. Returns NULL, or what is wrong.
 */
const char *config_size(const char *text, uint64_t total, uint64_t *bytes)
    __attribute__((warn_unused_result));

#endif
