/* SPDX-License-Identifier: Apache-2.0 */
/* The calls as unit tests of libs/ see them: functions that the test defines, instead of SVC. */
#ifndef KEEL_CALLS_H
#define KEEL_CALLS_H

#include <keel/argo.h>
#include <keel/domain.h>
#include <keel/edge.h>
#include <keel/event.h>

int64_t keel_wait(uint64_t deadline);
int64_t keel_reply_wait(keel_peer peer, uint64_t seq, uint64_t action, uint64_t value,
                        uint64_t deadline);
int64_t keel_reply(keel_peer peer, uint64_t seq, uint64_t action, uint64_t value);
int64_t keel_memory_protect(keel_peer peer, uint64_t ipa, uint64_t order, uint64_t count,
                            uint64_t perm);
int64_t keel_irq_done(uint64_t bits);
int64_t keel_domain_info(keel_peer peer, struct keel_life *life);
int64_t keel_console_write(const char *text, uint64_t bytes);
int64_t keel_argo(uint64_t op, const struct keel_argo_send_addr *arg1,
                  const struct keel_argo_iov *arg2, uint64_t arg3, uint64_t arg4);

#endif
