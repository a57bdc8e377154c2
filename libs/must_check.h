/* SPDX-License-Identifier: Apache-2.0 */
/* For functions that can fail: the compiler refuses to let their result be ignored. */
#ifndef MUST_CHECK_H
#define MUST_CHECK_H

#define must_check __attribute__((warn_unused_result))

#endif
