/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: bytes in order, from a port of one domain to a port of another. Of a pair of ports there
 * is one stream at a time in each direction. A reader that takes no messages out of its ring stops
 * the writer: there are no other acknowledgements. Each part says where in its stream it belongs,
 * so that the death of either side neither loses nor doubles a byte, where the writer keeps what it
 * has not sent, and the reader its ring and its place, in their vaults: who sends anew what it does
 * not know to be sent is not heard twice.
 *
 * A stream that is new to the reader begins wherever it says. Positions that are left out are bytes
 * that the writer dropped.
 */
#ifndef KEEL_STREAM_H
#define KEEL_STREAM_H

#include <keel/message.h>

enum keel_stream_message {
    KEEL_STREAM_BYTES = KEEL_STREAM | 1, /* struct keel_stream_place of the first byte; the bytes */
    KEEL_STREAM_END = KEEL_STREAM | 2,   /* struct keel_stream_place behind the last byte */
    KEEL_STREAM_RESET = KEEL_STREAM | 3, /* struct keel_stream_reset: the writer gives up */
    KEEL_STREAM_REFUSE = KEEL_STREAM | 4, /* struct keel_stream_reset: the reader wants no more */
};

struct keel_stream_place {
    uint64_t stream;   /* a number that this writer never uses again; not 0 */
    uint64_t position; /* bytes since the beginning */
};
KEEL_ABI_SIZE(struct keel_stream_place, 16);

struct keel_stream_reset {
    uint64_t stream;
    int32_t reason; /* a negated enum keel_error, or what the two have agreed on */
    uint32_t reserved;
};
KEEL_ABI_SIZE(struct keel_stream_reset, 16);

#endif
