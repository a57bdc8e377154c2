// SPDX-License-Identifier: GPL-2.0
/*
 * Streams: SOCK_STREAM. A connection is named by the two domains, their ports and a number that the
 * connecting side chose. Whatever a peer says is believed for its own connections only; none of it
 * makes this side keep more than a buffer for each connection that somebody here has, or will have
 * accepted.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "argo.h"

#define ARGO_FIFO	(64 * 1024)	/* received and not read, of a connection; a power of 2 */
#define ARGO_CHUNK	(16 * 1024)	/* in one message */
#define ARGO_CHUNK_MIN	64
#define ARGO_BACKLOG	32		/* connections that nobody has accepted yet, of a listener */
#define ARGO_LOOK	(HZ / 50)	/* between two looks at peers' lives */

static unsigned int silence = 2;
module_param(silence, uint, 0644);
MODULE_PARM_DESC(silence, "seconds of silence after which a peer is asked whether it has the connection; 0: never");

static bool argo_full(int result)
{
	return result == -EAGAIN || result == -EBUSY;
}

static int argo_stream_send(const struct argo_ring *ring, u32 port, u32 flags, u32 conid,
			    const void *data, u32 bytes)
{
	const struct argo_stream_header header = { .flags = flags, .conid = conid };

	return argo_send(ring->port, ring->peer, port, ARGO_STREAM, &header, sizeof(header), data,
			 bytes);
}

/* ---- RST ---- */

/* Tells the peer, now or when it has space. If too many of these wait, or the hypervisor will not
 * tell of space, the peer finds out by its next message.
 */
static void argo_stream_reset(struct argo_ring *ring, u32 port, u32 conid, u32 reason)
{
	if (!argo_full(argo_stream_send(ring, port, ARGO_RST, conid, &reason, sizeof(reason))))
		return;
	spin_lock(&argo.lock);
	if (ring->nresets < ARGO_RESETS_MAX)
		ring->reset[ring->nresets++] = (struct argo_reset){ port, conid, reason };
	spin_unlock(&argo.lock);
	argo_kick();
}

/* Those that waited. Only the work takes them out. */
void argo_stream_resets(struct argo_ring *ring)
{
	while (READ_ONCE(ring->nresets)) {
		const struct argo_reset *reset = &ring->reset[0];

		if (argo_full(argo_stream_send(ring, reset->port, ARGO_RST, reset->conid,
					       &reset->reason, sizeof(reset->reason))))
			return;
		spin_lock(&argo.lock);
		ring->reset[0] = ring->reset[--ring->nresets];
		spin_unlock(&argo.lock);
	}
}

/* ---- Which connections there are ---- */

static struct argo_sock *argo_stream_find(struct argo_ring *ring, u32 port, u32 conid)
{
	struct argo_sock *as;

	list_for_each_entry(as, &ring->socks, node)
		if (as->conid == conid && as->peer_port == port)
			return as;
	return NULL;
}

static void argo_stream_ask_later(void)
{
	unsigned int seconds = READ_ONCE(silence);

	if (seconds)
		queue_delayed_work(argo.queue, &argo.alive, min(seconds, 86400U) * HZ);
}

/* With a number of the peer's choice, which may be taken: false; or with one of ours. */
static bool argo_stream_link(struct argo_sock *as, struct argo_ring *ring, u32 port,
			     const u32 *conid)
{
	bool taken;

	spin_lock(&argo.lock);
	do {
		as->conid = conid ? *conid : get_random_u32();
		taken = argo_stream_find(ring, port, as->conid);
	} while (taken && !conid);
	if (!taken) {
		as->ring = ring;
		as->peer_port = port;
		as->chunk = ARGO_CHUNK;
		as->heard = true;
		as->met = false;
		as->gone = false;
		as->look = argo.look_round;
		as->entry = -1;
		list_add_tail(&as->node, &ring->socks);
		sock_hold(sk_vsock(as->vsk));
	}
	spin_unlock(&argo.lock);
	if (!taken) {
		argo_stream_ask_later();
		argo_stream_look_later();
	}
	return !taken;
}

static void argo_stream_unstall(struct argo_sock *as)
{
	if (as->stalled) {
		as->stalled = false;
		argo_kick();
	}
}

/* The caller has another reference. */
static void argo_stream_unlink(struct argo_sock *as)
{
	argo_wait_end(&as->wait);
	spin_lock(&argo.lock);
	list_del_init(&as->node);
	spin_unlock(&argo.lock);
	as->ring = NULL;
	as->owed = 0;
	argo_stream_unstall(as);
	sock_put(sk_vsock(as->vsk));
}

/* The connection is over, or never was: its user finds err, or an end in order if that is 0. */
static void argo_stream_end(struct argo_sock *as, int err)
{
	struct sock *sk = sk_vsock(as->vsk);

	argo_stream_unlink(as);
	if (as->state == ARGO_CONNECTING) {
		sk->sk_state = TCP_CLOSE;
		sk->sk_socket->state = SS_UNCONNECTED;
		as->state = ARGO_NEW;
	} else {
		as->vsk->peer_shutdown = SHUTDOWN_MASK;
		as->state = ARGO_DONE;
		if (!err)
			sock_set_flag(sk, SOCK_DONE);
	}
	if (err) {
		sk->sk_err = err;
		sk_error_report(sk);
	}
	sk->sk_state_change(sk);
}

/* This side ends the connection, if there is one, and tells the other. */
void argo_stream_close(struct argo_sock *as, u32 reason)
{
	if (!as->ring)
		return;
	if (!(as->owed & ARGO_SYN))
		argo_stream_reset(as->ring, as->peer_port, as->conid, reason);
	argo_stream_unlink(as);
	as->state = as->state == ARGO_CONNECTING ? ARGO_NEW : ARGO_DONE;
}

/* Sends SYN or ACK now, or waits until the work calls again: 0. */
int argo_stream_owed(struct argo_sock *as)
{
	int result = 0;

	if (!as->ring || !as->owed)
		return 0;
	result = argo_stream_send(as->ring, as->peer_port, as->owed, as->conid, NULL, 0);
	if (argo_full(result)) {
		argo_wait_begin(&as->wait, sk_vsock(as->vsk), as->ring->peer, as->peer_port,
				sizeof(struct argo_stream_header), result == -EBUSY);
		return 0;
	}
	as->owed = 0;
	return result;
}

/* The same from the work, where nobody else looks at the result. */
void argo_stream_pay(struct argo_sock *as)
{
	if (argo_stream_owed(as) < 0)
		argo_stream_end(as, as->state == ARGO_CONNECTING ? ECONNREFUSED : ECONNRESET);
	else if (as->ring && !as->owed)
		sk_vsock(as->vsk)->sk_write_space(sk_vsock(as->vsk));
}

/* ---- Messages ---- */

static bool argo_stream_accept(struct sock *listener, struct argo_ring *ring, u32 port, u32 conid)
{
	struct vsock_sock *vsk;
	struct argo_sock *as;
	struct sock *sk;

	if (listener->sk_type != SOCK_STREAM || listener->sk_state != TCP_LISTEN ||
	    listener->sk_shutdown == SHUTDOWN_MASK || sk_acceptq_is_full(listener) ||
	    listener->sk_ack_backlog >= ARGO_BACKLOG)
		return false;
	sk = vsock_create_connected(listener);
	if (!sk)
		return false;
	lock_sock_nested(sk, SINGLE_DEPTH_NESTING);
	vsk = vsock_sk(sk);
	sk->sk_state = TCP_ESTABLISHED;
	vsock_addr_init(&vsk->local_addr, argo.id, ring->port);
	vsock_addr_init(&vsk->remote_addr, ring->peer, port);
	if (vsock_assign_transport(vsk, vsock_sk(listener)) || !argo_owns(vsk))
		goto refuse;
	as = argo_sk(vsk);
	as->state = ARGO_OPEN;
	as->owed = ARGO_ACK;
	if (!argo_stream_link(as, ring, port, &conid))
		goto refuse;
	if (argo_stream_owed(as) < 0) {
		argo_stream_unlink(as);
		goto refuse;
	}
	sk_acceptq_added(listener);
	vsock_insert_connected(vsk);
	vsock_enqueue_accept(listener, sk);
	release_sock(sk);
	return true;

refuse:
	release_sock(sk);
	sock_put(sk);
	return false;
}

static void argo_stream_syn(struct argo_ring *ring, u32 port, u32 conid)
{
	struct sockaddr_vm addr;
	struct sock *listener;
	bool accepted = false;

	vsock_addr_init(&addr, argo.id, ring->port);
	listener = vsock_find_bound_socket(&addr);
	if (listener) {
		lock_sock(listener);
		accepted = argo_stream_accept(listener, ring, port, conid);
		release_sock(listener);
		if (accepted)
			listener->sk_data_ready(listener);
		sock_put(listener);
	}
	if (!accepted)
		argo_stream_reset(ring, port, conid, ARGO_UNKNOWN);
}

static void argo_stream_opened(struct argo_sock *as)
{
	struct sock *sk = sk_vsock(as->vsk);

	as->state = ARGO_OPEN;
	sk->sk_state = TCP_ESTABLISHED;
	sk->sk_socket->state = SS_CONNECTED;
	vsock_insert_connected(as->vsk);
	sk->sk_state_change(sk);
}

/* As much of the data as its reader has room for. */
static enum argo_verdict argo_stream_data(struct argo_sock *as, struct argo_ring *ring, u32 bytes)
{
	struct sock *sk = sk_vsock(as->vsk);

	if (sk->sk_shutdown & RCV_SHUTDOWN)
		return ARGO_TAKEN;
	if (!as->fifo)
		as->fifo = kvmalloc(ARGO_FIFO, GFP_KERNEL);
	if (!as->fifo) {
		argo_stream_reset(ring, as->peer_port, as->conid, ARGO_ABORTED);
		argo_stream_end(as, ENOBUFS);
		return ARGO_TAKEN;
	}
	while (ring->done < bytes && as->in - as->out < ARGO_FIFO) {
		u32 at = as->in % ARGO_FIFO;
		u32 n = min3(bytes - ring->done, ARGO_FIFO - (as->in - as->out), ARGO_FIFO - at);

		argo_ring_read(ring, sizeof(struct argo_stream_header) + ring->done, as->fifo + at,
			       n);
		as->in += n;
		ring->done += n;
	}
	sk->sk_data_ready(sk);
	as->stalled = ring->done < bytes;
	return as->stalled ? ARGO_STALL : ARGO_TAKEN;
}

/* bytes: behind the header. */
static enum argo_verdict argo_stream_handle(struct argo_sock *as, struct argo_ring *ring, u32 flags,
					    u32 bytes)
{
	u32 reason = ARGO_CLOSED;

	WRITE_ONCE(as->heard, true);
	if (flags & ARGO_RST) {
		if (bytes >= sizeof(reason))
			argo_ring_read(ring, sizeof(struct argo_stream_header), &reason,
				       sizeof(reason));
		argo_stream_end(as, as->state == ARGO_CONNECTING ? ECONNREFUSED :
				    reason != ARGO_CLOSED ? ECONNRESET : 0);
		return ARGO_TAKEN;
	}
	if (flags & ARGO_PING)	/* what does not fit was not needed: there is something unread */
		(void)argo_stream_send(ring, as->peer_port, ARGO_PONG, as->conid, NULL, 0);
	if ((flags & ARGO_ACK) && as->state == ARGO_CONNECTING && !as->owed)
		argo_stream_opened(as);
	if (!bytes || (flags & (ARGO_PING | ARGO_PONG)))
		return ARGO_TAKEN;
	if (as->state != ARGO_OPEN) {
		argo_stream_reset(ring, as->peer_port, as->conid, ARGO_ABORTED);
		argo_stream_end(as, ECONNREFUSED);
		return ARGO_TAKEN;
	}
	return argo_stream_data(as, ring, bytes);
}

enum argo_verdict argo_stream_message(struct argo_ring *ring, u32 port, u32 bytes)
{
	enum argo_verdict verdict = ARGO_TAKEN;
	struct argo_stream_header header;
	struct sock *sk = NULL;
	struct argo_sock *as;

	if (bytes < sizeof(header))
		return ARGO_TAKEN;
	argo_ring_read(ring, 0, &header, sizeof(header));
	if (header.flags & ARGO_SYN) {
		argo_stream_syn(ring, port, header.conid);
		return ARGO_TAKEN;
	}
	spin_lock(&argo.lock);
	as = argo_stream_find(ring, port, header.conid);
	if (as) {
		sk = sk_vsock(as->vsk);
		sock_hold(sk);
	}
	spin_unlock(&argo.lock);
	if (!sk) {
		if (!(header.flags & ARGO_RST))
			argo_stream_reset(ring, port, header.conid, ARGO_UNKNOWN);
		return ARGO_TAKEN;
	}
	as = argo_lock(sk);
	/* It may have been closed meanwhile, and the peer was told. */
	if (as && as->ring == ring && as->conid == header.conid && as->peer_port == port)
		verdict = argo_stream_handle(as, ring, header.flags, bytes - sizeof(header));
	argo_unlock(sk);
	return verdict;
}

/* ---- Who is silent, and what is broken ---- */

/* The next connection of a ring, with a reference: to be asked, or any. */
static struct sock *argo_stream_next(struct argo_ring *ring, bool ask)
{
	struct argo_sock *as;
	struct sock *sk = NULL;

	spin_lock(&argo.lock);
	list_for_each_entry(as, &ring->socks, node)
		if (!ask || as->ask) {
			as->ask = false;
			sk = sk_vsock(as->vsk);
			sock_hold(sk);
			break;
		}
	spin_unlock(&argo.lock);
	return sk;
}

/* Asks those whose peer has said nothing for a while: who only reads would not learn that the peer
 * died. If it did, there is no ring, or its next life knows of no connection, and says so.
 */
static bool argo_stream_ask(struct argo_ring *ring)
{
	struct argo_sock *as;
	struct sock *sk;
	bool any = false;
	int result;

	spin_lock(&argo.lock);
	list_for_each_entry(as, &ring->socks, node) {
		any = true;
		as->ask = !READ_ONCE(as->heard);
		WRITE_ONCE(as->heard, false);
	}
	spin_unlock(&argo.lock);
	while ((sk = argo_stream_next(ring, true))) {
		as = argo_lock(sk);
		if (as && as->ring == ring && as->state == ARGO_OPEN) {
			result = argo_stream_send(ring, as->peer_port, ARGO_PING, as->conid, NULL,
						  0);
			if (result < 0 && !argo_full(result))
				argo_stream_end(as, ECONNRESET);
		}
		argo_unlock(sk);
	}
	return any;
}

void argo_stream_alive(struct work_struct *work)
{
	struct argo_ring *ring;
	bool any = false;

	for (ring = argo.ring; ring < argo.ring + argo.nrings; ring++)
		any |= argo_stream_ask(ring);
	if (any)
		argo_stream_ask_later();
}

/* ---- Whose life it is ---- */

/* The hypervisor says once that a ring of somebody who was asked about has come or gone, by an
 * interrupt like any other. So it is asked again after each, but not too often.
 */
void argo_stream_look_later(void)
{
	unsigned long next = READ_ONCE(argo.looked) + ARGO_LOOK;

	queue_delayed_work(argo.queue, &argo.look,
			   time_before(jiffies, next) ? next - jiffies : 0);
}

/* Puts the peers of connections that were not asked about in this look into the query. */
static void argo_look_fill(struct argo_ring *ring, struct argo_ring_data *query)
{
	struct argo_sock *as;
	unsigned int i;

	query->nent = 0;
	query->pad = 0;
	spin_lock(&argo.lock);
	list_for_each_entry(as, &ring->socks, node) {
		as->entry = -1;
		if (as->look == argo.look_round)
			continue;
		for (i = 0; i < query->nent; i++)
			if (query->ent[i].ring.aport == as->peer_port)
				break;
		if (i == ARGO_QUERY)
			continue;
		if (i == query->nent)
			query->ent[query->nent++] = (struct argo_ring_data_ent){
				.ring = { .aport = as->peer_port, .domain_id = ring->peer },
				.space_required = U32_MAX,	/* not to be told of space */
			};
		as->look = argo.look_round;
		as->entry = i;
	}
	spin_unlock(&argo.lock);
}

/* Of a SYN that was not sent yet, its sending finds out. */
static bool argo_look_settle(struct argo_ring *ring, const struct argo_ring_data *query)
{
	struct argo_sock *as;
	bool any = false;

	spin_lock(&argo.lock);
	list_for_each_entry(as, &ring->socks, node) {
		const struct argo_ring_data_ent *ent;

		if (as->entry < 0)
			continue;
		ent = &query->ent[as->entry];
		as->entry = -1;
		if (!(ent->flags & ARGO_RING_EXISTS))
			as->gone |= !(READ_ONCE(as->owed) & ARGO_SYN);
		else if (as->met)
			as->gone |= as->life != ent->life;
		else
			as->life = ent->life;
		as->met |= ent->flags & ARGO_RING_EXISTS;
		any |= as->gone;
	}
	spin_unlock(&argo.lock);
	return any;
}

static struct sock *argo_look_next(struct argo_ring *ring)
{
	struct argo_sock *as;
	struct sock *sk = NULL;

	spin_lock(&argo.lock);
	list_for_each_entry(as, &ring->socks, node)
		if (as->gone) {
			as->gone = false;
			sk = sk_vsock(as->vsk);
			sock_hold(sk);
			break;
		}
	spin_unlock(&argo.lock);
	return sk;
}

/* What the former life sent comes first: if some of it is not taken yet, another time. */
static void argo_look_end(struct argo_ring *ring)
{
	struct argo_sock *as;
	struct sock *sk;

	if (!argo_ring_empty(ring))
		return;
	while ((sk = argo_look_next(ring))) {
		as = argo_lock(sk);
		if (as && as->ring == ring)
			argo_stream_end(as, as->state == ARGO_CONNECTING ? ECONNREFUSED :
									   ECONNRESET);
		argo_unlock(sk);
	}
}

void argo_stream_look(struct work_struct *work)
{
	static union argo_query query;
	struct argo_ring *ring;
	bool any;

	WRITE_ONCE(argo.looked, jiffies);
	argo.look_round++;
	for (ring = argo.ring; ring < argo.ring + argo.nrings; ring++) {
		any = false;
		for (;;) {
			argo_look_fill(ring, &query.data);
			if (!query.data.nent || argo_notify(&query.data) < 0)
				break;
			any |= argo_look_settle(ring, &query.data);
		}
		if (any)
			argo_look_end(ring);
	}
}

/* Nothing that is in the ring can be relied on any more. */
void argo_stream_break(struct argo_ring *ring)
{
	struct argo_sock *as;
	struct sock *sk;

	while ((sk = argo_stream_next(ring, false))) {
		as = argo_lock(sk);
		if (as && as->ring == ring)
			argo_stream_end(as, EIO);
		argo_unlock(sk);
	}
}

/* ---- What users do ---- */

/* Our port: the one that the socket is bound to, or the peer's own number, as `uses` of Keel's
 * configuration has it; or any that the peer may answer at.
 */
static struct argo_ring *argo_stream_ring(struct vsock_sock *vsk)
{
	u32 peer = vsk->remote_addr.svm_cid;
	struct argo_ring *ring = argo_ring_find(vsk->local_addr.svm_port, peer);

	if (!ring)
		ring = argo_ring_find(vsk->remote_addr.svm_port, peer);
	for (unsigned int i = 0; !ring && i < argo.nrings; i++)
		ring = argo_ring_find(argo.ring[i].port, peer);
	return ring;
}

int argo_stream_connect(struct vsock_sock *vsk)
{
	struct argo_ring *ring = argo_stream_ring(vsk);
	struct argo_sock *as = argo_sk(vsk);
	int result;

	if (!ring)
		return -EACCES;
	argo_stream_close(as, ARGO_CLOSED);
	as->state = ARGO_CONNECTING;
	as->owed = ARGO_SYN;
	argo_stream_link(as, ring, vsk->remote_addr.svm_port, NULL);
	result = argo_stream_owed(as);
	if (result < 0) {
		argo_stream_unlink(as);
		as->state = ARGO_NEW;
	}
	return result == -ESRCH ? -ECONNREFUSED : result;
}

/* The user waits no longer. */
int argo_stream_cancel(struct vsock_sock *vsk)
{
	argo_stream_close(argo_sk(vsk), ARGO_CLOSED);
	return 0;
}

/* The other side can only be told of the end of both directions. */
int argo_stream_shutdown(struct vsock_sock *vsk, int mode)
{
	struct argo_sock *as = argo_sk(vsk);

	if (sk_vsock(vsk)->sk_shutdown == SHUTDOWN_MASK)
		argo_stream_close(as, argo_stream_unread(as) ? ARGO_ABORTED : ARGO_CLOSED);
	if (mode & RCV_SHUTDOWN) {
		as->out = as->in;
		argo_stream_unstall(as);
	}
	return 0;
}

bool argo_stream_unread(const struct argo_sock *as)
{
	return as->in != as->out;
}

s64 argo_stream_has_data(struct vsock_sock *vsk)
{
	return argo_sk(vsk)->in - argo_sk(vsk)->out;
}

s64 argo_stream_has_space(struct vsock_sock *vsk)
{
	struct argo_sock *as = argo_sk(vsk);

	return as->state != ARGO_OPEN || as->owed || !list_empty(&as->wait.node) ? 0 : as->chunk;
}

ssize_t argo_stream_dequeue(struct vsock_sock *vsk, struct msghdr *msg, size_t len, int flags)
{
	struct argo_sock *as = argo_sk(vsk);
	u32 out = as->out;
	size_t done = 0;
	int result = 0;

	while (done < len && out != as->in && !result) {
		u32 at = out % ARGO_FIFO;
		u32 n = min_t(size_t, len - done, min(as->in - out, ARGO_FIFO - at));

		result = memcpy_to_msg(msg, as->fifo + at, n);
		if (!result) {
			out += n;
			done += n;
		}
	}
	if (!(flags & MSG_PEEK)) {
		as->out = out;
		if (as->in - out <= ARGO_FIFO / 2)
			argo_stream_unstall(as);
	}
	return done ? done : result;
}

/* Nothing is kept here: what was sent is in the peer's ring. 0: there was no space, or it is over,
 * which the caller sees at the socket.
 */
ssize_t argo_stream_enqueue(struct vsock_sock *vsk, struct msghdr *msg, size_t len)
{
	struct argo_sock *as = argo_sk(vsk);
	u32 bytes = min_t(size_t, len, as->chunk);
	int result;
	void *data;

	if (!as->ring)
		return -EPIPE;
	data = kmalloc(bytes, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	result = memcpy_from_msg(data, msg, bytes);
	if (!result) {
		result = argo_stream_send(as->ring, as->peer_port, 0, as->conid, data, bytes);
		if (result < 0)
			iov_iter_revert(&msg->msg_iter, bytes);
	} else {
		bytes = 0;
	}
	kfree(data);
	if (!result || !bytes)
		return result ? result : bytes;
	if (argo_full(result))
		argo_wait_begin(&as->wait, sk_vsock(vsk), as->ring->peer, as->peer_port,
				sizeof(struct argo_stream_header) + bytes, result == -EBUSY);
	else if (result == -EMSGSIZE && as->chunk > ARGO_CHUNK_MIN)
		as->chunk /= 2;		/* the peer's ring is a small one */
	else
		argo_stream_end(as, ECONNRESET);
	return 0;
}
