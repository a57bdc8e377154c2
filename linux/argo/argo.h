/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keel's Argo for Linux: what the parts of the module know of each other.
 *
 * All messages are looked at by one work item, argo.rx. Whatever has a socket is changed with that
 * socket's lock held (lock_sock). argo.lock, a spinlock, is taken within it: it guards which
 * sockets there are at which ring, and who waits for space.
 */
#ifndef ARGO_H
#define ARGO_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/af_vsock.h>

#include "abi.h"

#define ARGO_RING_LEN	(128 * 1024 - sizeof(struct argo_shared_ring))
#define ARGO_RESETS_MAX	64	/* that wait for space, of a ring */
#define ARGO_QUERY	32	/* entries of one query */

/* A ring that one peer sends to, at one of our ports. There from probe to remove. */
struct argo_ring {
	u32 port;
	u16 peer;
	bool broken;		/* it had what no hypervisor writes, and is not looked at again */
	struct argo_shared_ring *shared;
	u32 rx;			/* our own copy of rx_ptr */
	u32 done;		/* payload of the message at rx that its reader has already */
	/* Under argo.lock: */
	struct list_head socks;	/* struct argo_sock, connections */
	unsigned int nresets;
	struct argo_reset {
		u32 port;
		u32 conid;
		u32 reason;
	} reset[ARGO_RESETS_MAX];
};

/* Somebody who waits for space in a peer's ring. Under argo.lock. */
struct argo_wait {
	struct list_head node;	/* argo.waits; empty: nothing to wait for */
	struct sock *sk;	/* is there as long as this is in the list */
	u32 port;
	u16 peer;
	u32 need;
	u32 round;		/* of argo_notify_all, that it was last asked for in */
	int entry;		/* of the query; negative: none */
};

enum argo_state {
	ARGO_NEW,
	ARGO_CONNECTING,
	ARGO_OPEN,
	ARGO_DONE,		/* ended; what was received may still be read */
};

/* A socket's part that is ours: vsk->trans. Under the socket's lock, but for the lists. */
struct argo_sock {
	struct list_head node;	/* stream: ring->socks, holds a reference; datagrams: argo.dgrams */
	struct vsock_sock *vsk;
	struct argo_wait wait;
	bool stalled;		/* a message waits in a ring until this is read */
	/* Datagrams: */
	u32 port;		/* where it receives, if it is in the list */
	/* Streams: */
	struct argo_ring *ring;	/* NULL: no connection, or no more */
	enum argo_state state;
	u32 peer_port;
	u32 conid;
	u32 owed;		/* ARGO_SYN or ARGO_ACK: to be sent when there is space */
	u32 chunk;		/* bytes in one message */
	bool heard;		/* since the last look */
	bool ask;		/* to be asked whether it is still there */
	bool met;		/* life is known */
	bool gone;		/* the peer's ring, or the life that it was of */
	u16 life;
	u32 look;		/* round of argo_stream_look; */
	int entry;		/* and of its query */
	u8 *fifo;		/* what was received; NULL: nothing yet */
	u32 in, out;		/* free running */
};

struct argo {
	struct device *dev;
	u16 id;			/* this domain */
	struct workqueue_struct *queue;	/* one at a time */
	struct work_struct rx;
	struct delayed_work retry;	/* the hypervisor had no place for another waiter */
	struct delayed_work alive;
	struct delayed_work look;
	unsigned long looked;		/* jiffies */
	u32 look_round;
	unsigned int nrings;
	struct argo_ring *ring;
	spinlock_t lock;
	struct list_head dgrams;
	struct list_head waits;
	u32 round;
};

extern struct argo argo;

/* What a handler of messages says. */
enum argo_verdict {
	ARGO_TAKEN,
	ARGO_STALL,		/* not all of it: again when its reader has read */
};

static inline struct argo_sock *argo_sk(struct vsock_sock *vsk)
{
	return vsk->trans;
}

/* main.c */
void argo_kick(void);
bool argo_owns(const struct vsock_sock *vsk);
struct argo_sock *argo_lock(struct sock *sk);
void argo_unlock(struct sock *sk);
void argo_wait_begin(struct argo_wait *wait, struct sock *sk, u16 peer, u32 port, u32 need,
		     bool busy);
bool argo_wait_end(struct argo_wait *wait);

/* ring.c */
struct argo_ring *argo_ring_find(u32 port, u32 peer);
int argo_ring_begin(struct argo_ring *ring);
void argo_ring_end(struct argo_ring *ring);
void argo_ring_read(const struct argo_ring *ring, u32 offset, void *to, u32 bytes);
bool argo_ring_drain(struct argo_ring *ring, bool *consumed);
int argo_send(u32 src_port, u16 peer, u32 port, u32 type, const void *head, u32 head_bytes,
	      const void *data, u32 bytes);
int argo_notify(struct argo_ring_data *data);
bool argo_ring_empty(const struct argo_ring *ring);

/* Room for a query of ARGO_QUERY entries. */
union argo_query {
	struct argo_ring_data data;
	u8 bytes[sizeof(struct argo_ring_data) + ARGO_QUERY * sizeof(struct argo_ring_data_ent)];
};

/* stream.c */
enum argo_verdict argo_stream_message(struct argo_ring *ring, u32 port, u32 bytes);
void argo_stream_resets(struct argo_ring *ring);
int argo_stream_owed(struct argo_sock *as);
void argo_stream_pay(struct argo_sock *as);
void argo_stream_alive(struct work_struct *work);
void argo_stream_look(struct work_struct *work);
void argo_stream_look_later(void);
void argo_stream_break(struct argo_ring *ring);
void argo_stream_close(struct argo_sock *as, u32 reason);
bool argo_stream_unread(const struct argo_sock *as);
int argo_stream_connect(struct vsock_sock *vsk);
int argo_stream_cancel(struct vsock_sock *vsk);
int argo_stream_shutdown(struct vsock_sock *vsk, int mode);
ssize_t argo_stream_dequeue(struct vsock_sock *vsk, struct msghdr *msg, size_t len, int flags);
ssize_t argo_stream_enqueue(struct vsock_sock *vsk, struct msghdr *msg, size_t len);
s64 argo_stream_has_data(struct vsock_sock *vsk);
s64 argo_stream_has_space(struct vsock_sock *vsk);

/* datagram.c */
enum argo_verdict argo_dgram_message(struct argo_ring *ring, u32 port, u32 bytes);
int argo_dgram_bind(struct vsock_sock *vsk, struct sockaddr_vm *addr);
void argo_dgram_unbind(struct argo_sock *as);
int argo_dgram_enqueue(struct vsock_sock *vsk, struct sockaddr_vm *to, struct msghdr *msg,
		       size_t len);
int argo_dgram_dequeue(struct vsock_sock *vsk, struct msghdr *msg, size_t len, int flags);

#endif
