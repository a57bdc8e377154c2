// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams: SOCK_DGRAM. One socket receives at a port. A datagram for a port with a socket is not
 * lost: while the socket has no room, it waits in the ring, and its sender at last, too. Without a
 * socket it is dropped.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "argo.h"

#define ARGO_DGRAM_MAX	(64 * 1024)

/* In skb->cb. */
struct argo_source {
	u32 cid;
	u32 port;
};

static struct argo_sock *argo_dgram_find(u32 port)
{
	struct argo_sock *as;

	list_for_each_entry(as, &argo.dgrams, node)
		if (as->port == port)
			return as;
	return NULL;
}

static bool argo_dgram_room(const struct sock *sk)
{
	return atomic_read(&sk->sk_rmem_alloc) < READ_ONCE(sk->sk_rcvbuf);
}

/* A socket that is closed meanwhile has nothing queued any more: hence its lock. */
static void argo_dgram_deliver(struct argo_ring *ring, struct sock *sk, u32 port, u32 bytes)
{
	struct sk_buff *skb = alloc_skb(bytes, GFP_KERNEL | __GFP_NOWARN);
	struct argo_source *source;
	struct argo_sock *as;

	if (!skb)
		return;
	source = (struct argo_source *)skb->cb;
	source->cid = ring->peer;
	source->port = port;
	argo_ring_read(ring, 0, skb_put(skb, bytes), bytes);
	lock_sock(sk);
	as = argo_sk(vsock_sk(sk));
	if (list_empty(&as->node) || sock_queue_rcv_skb(sk, skb))
		kfree_skb(skb);
	release_sock(sk);
}

enum argo_verdict argo_dgram_message(struct argo_ring *ring, u32 port, u32 bytes)
{
	enum argo_verdict verdict = ARGO_TAKEN;
	struct argo_sock *as;
	struct sock *sk;

	spin_lock(&argo.lock);
	as = argo_dgram_find(ring->port);
	sk = as ? sk_vsock(as->vsk) : NULL;
	if (sk) {
		sock_hold(sk);
		/* Either this sees the room that a reader made, or the reader this. */
		WRITE_ONCE(as->stalled, true);
		smp_mb();
		if (argo_dgram_room(sk))
			WRITE_ONCE(as->stalled, false);
		else
			verdict = ARGO_STALL;
	}
	spin_unlock(&argo.lock);
	if (!sk)
		return ARGO_TAKEN;
	if (verdict == ARGO_TAKEN)
		argo_dgram_deliver(ring, sk, port, bytes);
	sock_put(sk);
	return verdict;
}

/* ---- What users do ---- */

static int argo_dgram_claim(struct vsock_sock *vsk, u32 port)
{
	struct argo_sock *as = argo_sk(vsk);
	int result = 0;

	if (port <= LAST_RESERVED_PORT && !capable(CAP_NET_BIND_SERVICE))
		return -EACCES;
	spin_lock(&argo.lock);
	if (argo_dgram_find(port)) {
		result = -EADDRINUSE;
	} else {
		as->port = port;
		list_add_tail(&as->node, &argo.dgrams);
	}
	spin_unlock(&argo.lock);
	if (!result)
		vsock_addr_init(&vsk->local_addr, argo.id, port);
	return result;
}

/* Without a port: what is to be bound is known when something is sent. */
int argo_dgram_bind(struct vsock_sock *vsk, struct sockaddr_vm *addr)
{
	if (addr->svm_port == VMADDR_PORT_ANY)
		return 0;
	for (unsigned int i = 0; i < argo.nrings; i++)
		if (argo.ring[i].port == addr->svm_port)
			return argo_dgram_claim(vsk, addr->svm_port);
	return -EACCES;
}

void argo_dgram_unbind(struct argo_sock *as)
{
	bool stalled;

	spin_lock(&argo.lock);
	list_del_init(&as->node);
	stalled = as->stalled;
	spin_unlock(&argo.lock);
	if (stalled)
		argo_kick();
}

/* Until there may be space; the socket is unlocked meanwhile. */
static int argo_dgram_wait(struct sock *sk, struct argo_wait *wait, long *timeout)
{
	DEFINE_WAIT_FUNC(entry, woken_wake_function);

	add_wait_queue(sk_sleep(sk), &entry);
	release_sock(sk);
	while (!list_empty_careful(&wait->node) && *timeout && !signal_pending(current))
		*timeout = wait_woken(&entry, TASK_INTERRUPTIBLE, *timeout);
	lock_sock(sk);
	remove_wait_queue(sk_sleep(sk), &entry);
	if (!argo_wait_end(wait))
		return 0;
	return signal_pending(current) ? sock_intr_errno(*timeout) : -EAGAIN;
}

static int argo_dgram_send(struct sock *sk, const struct sockaddr_vm *to, const void *data,
			   u32 bytes, long timeout)
{
	u32 port = argo_sk(vsock_sk(sk))->port;
	struct argo_wait wait;
	int result;

	INIT_LIST_HEAD(&wait.node);
	for (;;) {
		result = argo_send(port, to->svm_cid, to->svm_port, ARGO_DGRAM, data, bytes, NULL,
				   0);
		if ((result != -EAGAIN && result != -EBUSY) || !timeout)
			break;
		argo_wait_begin(&wait, sk, to->svm_cid, to->svm_port, bytes, result == -EBUSY);
		result = argo_dgram_wait(sk, &wait, &timeout);
		if (result)
			return result;
	}
	return result == -EBUSY ? -EAGAIN : result == -ESRCH ? -ECONNREFUSED : result;
}

int argo_dgram_enqueue(struct vsock_sock *vsk, struct sockaddr_vm *addr, struct msghdr *msg,
		       size_t len)
{
	const struct sockaddr_vm to = *addr;	/* it may be the socket's, which changes */
	struct sock *sk = sk_vsock(vsk);
	void *data;
	int result;

	if (len > ARGO_DGRAM_MAX)
		return -EMSGSIZE;
	if (to.svm_cid > U16_MAX)
		return -EACCES;
	/* Answers come to the port of the same number, if the peer may answer. */
	if (!vsock_addr_bound(&vsk->local_addr) && argo_ring_find(to.svm_port, to.svm_cid)) {
		result = argo_dgram_claim(vsk, to.svm_port);
		if (result)
			return result;
	}
	data = kvmalloc(len, GFP_KERNEL);
	if (!data && len)
		return -ENOMEM;
	result = memcpy_from_msg(data, msg, len);
	if (!result)
		result = argo_dgram_send(sk, &to, data, len,
					 sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT));
	kvfree(data);
	return result ? result : len;
}

int argo_dgram_dequeue(struct vsock_sock *vsk, struct msghdr *msg, size_t len, int flags)
{
	struct argo_sock *as = argo_sk(vsk);
	struct sock *sk = sk_vsock(vsk);
	const struct argo_source *source;
	struct sk_buff *skb;
	size_t bytes;
	int result;

	if (flags & (MSG_OOB | MSG_ERRQUEUE))
		return -EOPNOTSUPP;
	skb = skb_recv_datagram(sk, flags, &result);
	if (!skb)
		return result;
	bytes = min_t(size_t, len, skb->len);
	if (bytes < skb->len)
		msg->msg_flags |= MSG_TRUNC;
	result = skb_copy_datagram_msg(skb, 0, msg, bytes);
	if (!result) {
		result = flags & MSG_TRUNC ? skb->len : bytes;
		source = (const struct argo_source *)skb->cb;
		if (msg->msg_name) {
			vsock_addr_init(msg->msg_name, source->cid, source->port);
			msg->msg_namelen = sizeof(struct sockaddr_vm);
		}
	}
	skb_free_datagram(sk, skb);
	smp_mb();
	if (READ_ONCE(as->stalled) && argo_dgram_room(sk)) {
		WRITE_ONCE(as->stalled, false);
		argo_kick();
	}
	return result;
}
