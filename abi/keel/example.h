/* SPDX-License-Identifier: Apache-2.0 */
/* What the example service understands, at its port 7. */
#ifndef KEEL_EXAMPLE_H
#define KEEL_EXAMPLE_H

#include <keel/message.h>

#define KEEL_EXAMPLE_BYTES_MAX 256u

enum keel_example_message {
    KEEL_EXAMPLE_ECHO = KEEL_REQUEST | 1, /* any bytes, at most so many; answer: the same bytes */
};

#endif
