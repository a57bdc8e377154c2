/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between services. A message_type below 0x10000 is a number of the receiver's, described
 * in the header of its service. Three kinds mean the same everywhere:
 *
 *   KEEL_REQUEST | n   begins with struct keel_request. One answer is due, to the port it came from
 *   KEEL_ANSWER | n    the answer to KEEL_REQUEST | n; begins with struct keel_answer
 *   KEEL_STREAM | n    a part of a stream of bytes: keel/stream.h
 *
 * A request that its receiver does not know is answered with -KEEL_ENOSYS, one of the wrong size
 * with -KEEL_EMSGSIZE. The library has all of this for services: runtime/port.h, request.h,
 * stream.h.
 */
#ifndef KEEL_MESSAGE_H
#define KEEL_MESSAGE_H

#include <keel/types.h>

#define KEEL_MESSAGE_KIND 0xffff0000u
#define KEEL_REQUEST      0x4b520000u
#define KEEL_ANSWER       0x4b410000u
#define KEEL_STREAM       0x4b530000u

struct keel_request {
    uint64_t tag; /* comes back in the answer. The asker's incarnation (upper half), and a count */
};
KEEL_ABI_SIZE(struct keel_request, 8);

struct keel_answer {
    uint64_t tag;
    int32_t status; /* negative: enum keel_error, and nothing follows */
    uint32_t reserved;
};
KEEL_ABI_SIZE(struct keel_answer, 16);

/* Says what the payload of a message type is (of a request: behind the header), so that senders are
 * checked when they are compiled: KEEL_PAYLOAD(SENSOR_SET, struct sensor_set); */
#define KEEL_PAYLOAD(type, payload) typedef payload keel_payload_of_##type

#endif
