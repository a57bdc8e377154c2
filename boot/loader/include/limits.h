/* SPDX-License-Identifier: Apache-2.0 */
/* The limits that libfdt uses; gcc's own header wants a C library's behind it. */
#ifndef LOADER_LIMITS_H
#define LOADER_LIMITS_H

#define INT_MAX  __INT_MAX__
#define UINT_MAX (__INT_MAX__ * 2u + 1u)

#endif
