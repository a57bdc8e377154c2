// SPDX-License-Identifier: GPL-2.0
/*
 * Messages between domains of the Keel hypervisor, as AF_VSOCK sockets. A peer's CID is its domain
 * id. The device-tree node is described in Keel's abi/argo-binding.md; README.md says the rest.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "argo.h"

#define ARGO_RETRY	(HZ / 50)

struct argo argo;
static const struct vsock_transport argo_transport;

void argo_kick(void)
{
	queue_work(argo.queue, &argo.rx);
}

bool argo_owns(const struct vsock_sock *vsk)
{
	return vsk->transport == &argo_transport;
}

/* Locks a socket that was found in a list; NULL: it has gone to another transport since. */
struct argo_sock *argo_lock(struct sock *sk)
{
	lock_sock(sk);
	return argo_owns(vsock_sk(sk)) ? argo_sk(vsock_sk(sk)) : NULL;
}

/* And gives up the reference that it was found with. */
void argo_unlock(struct sock *sk)
{
	release_sock(sk);
	sock_put(sk);
}

/* ---- Waiting for space ---- */

/* The hypervisor said -EAGAIN, or -EBUSY (busy). The work looks at once whether there is space by
 * now, so that nothing is missed between the hypervisor's answer and this.
 */
void argo_wait_begin(struct argo_wait *wait, struct sock *sk, u16 peer, u32 port, u32 need,
		     bool busy)
{
	spin_lock(&argo.lock);
	wait->sk = sk;
	wait->peer = peer;
	wait->port = port;
	wait->need = need;
	wait->entry = -1;
	wait->round = argo.round;
	if (list_empty(&wait->node))
		list_add_tail(&wait->node, &argo.waits);
	spin_unlock(&argo.lock);
	if (busy)
		queue_delayed_work(argo.queue, &argo.retry, ARGO_RETRY);
	else
		argo_kick();
}

/* Whether it was still waiting. */
bool argo_wait_end(struct argo_wait *wait)
{
	bool waited;

	spin_lock(&argo.lock);
	waited = !list_empty(&wait->node);
	list_del_init(&wait->node);
	spin_unlock(&argo.lock);
	return waited;
}

/* Puts those who wait, and were not asked for in this round, into the query. */
static void argo_query_fill(struct argo_ring_data *query)
{
	struct argo_wait *wait;

	query->nent = 0;
	query->pad = 0;
	spin_lock(&argo.lock);
	list_for_each_entry(wait, &argo.waits, node) {
		if (wait->round == argo.round || query->nent == ARGO_QUERY)
			continue;
		wait->round = argo.round;
		wait->entry = query->nent++;
		query->ent[wait->entry] = (struct argo_ring_data_ent){
			.ring = { .aport = wait->port, .domain_id = wait->peer },
			.space_required = wait->need,
		};
	}
	spin_unlock(&argo.lock);
}

/* Wakes those who have space, or whose ring is gone: they find out when they try. If the query was
 * refused as a whole, that is all who are in it.
 */
static void argo_query_wake(const struct argo_ring_data *query, bool refused)
{
	struct argo_wait *wait, *next;
	bool busy = false;

	spin_lock(&argo.lock);
	list_for_each_entry_safe(wait, next, &argo.waits, node) {
		u16 flags;

		if (wait->entry < 0)
			continue;
		flags = query->ent[wait->entry].flags;
		wait->entry = -1;
		busy |= flags & ARGO_RING_EBUSY;
		if (!refused && (flags & ARGO_RING_EXISTS) &&
		    !(flags & (ARGO_RING_SUFFICIENT | ARGO_RING_EMSGSIZE)))
			continue;
		list_del_init(&wait->node);
		wait->sk->sk_write_space(wait->sk);
	}
	spin_unlock(&argo.lock);
	if (busy)
		queue_delayed_work(argo.queue, &argo.retry, ARGO_RETRY);
}

/* A stream that owes a control message, and does not wait for space; with a reference. */
static struct sock *argo_next_owing(void)
{
	struct argo_ring *ring;
	struct argo_sock *as;
	struct sock *sk = NULL;

	spin_lock(&argo.lock);
	for (ring = argo.ring; !sk && ring < argo.ring + argo.nrings; ring++)
		list_for_each_entry(as, &ring->socks, node)
			if (READ_ONCE(as->owed) && list_empty(&as->wait.node)) {
				sk = sk_vsock(as->vsk);
				sock_hold(sk);
				break;
			}
	spin_unlock(&argo.lock);
	return sk;
}

/* One call tells the hypervisor that we have read, which wakes who waits for our space, and asks for
 * the space that we wait for. There may be more of us than fit in one.
 */
static void argo_notify_all(bool consumed)
{
	static union argo_query query;
	struct argo_sock *as;
	bool asked = false;
	struct sock *sk;

	argo.round++;
	for (;;) {
		argo_query_fill(&query.data);
		if (!query.data.nent && !consumed)
			break;
		consumed = false;
		asked = query.data.nent;
		argo_query_wake(&query.data, argo_notify(&query.data) < 0);
	}
	while (asked && (sk = argo_next_owing())) {
		as = argo_lock(sk);
		if (as)
			argo_stream_pay(as);
		argo_unlock(sk);
	}
}

/* ---- The work ---- */

static void argo_work(void)
{
	struct argo_ring *ring;
	bool consumed = false, more = false;

	for (ring = argo.ring; ring < argo.ring + argo.nrings; ring++) {
		more |= argo_ring_drain(ring, &consumed);
		argo_stream_resets(ring);
	}
	argo_notify_all(consumed);
	if (more)
		argo_kick();
	argo_stream_look_later();
}

static void argo_rx(struct work_struct *work)
{
	argo_work();
}

static irqreturn_t argo_interrupt(int irq, void *data)
{
	argo_kick();
	return IRQ_HANDLED;
}

/* ---- The socket layer's side ---- */

static int argo_init_sock(struct vsock_sock *vsk, struct vsock_sock *parent)
{
	struct argo_sock *as = kzalloc(sizeof(*as), GFP_KERNEL);

	if (!as)
		return -ENOMEM;
	as->vsk = vsk;
	INIT_LIST_HEAD(&as->node);
	INIT_LIST_HEAD(&as->wait.node);
	vsk->trans = as;
	return 0;
}

static void argo_release(struct vsock_sock *vsk)
{
	struct argo_sock *as = argo_sk(vsk);
	bool killed = current->flags & PF_SIGNALED;

	if (sk_vsock(vsk)->sk_type == SOCK_DGRAM)
		argo_dgram_unbind(as);
	else
		argo_stream_close(as, killed || argo_stream_unread(as) ? ARGO_ABORTED : ARGO_CLOSED);
	vsock_remove_sock(vsk);
}

static void argo_destruct(struct vsock_sock *vsk)
{
	struct argo_sock *as = argo_sk(vsk);

	kvfree(as->fifo);
	kfree(as);
	vsk->trans = NULL;
}

static bool argo_dgram_allow(u32 cid, u32 port)
{
	return true;		/* the hypervisor decides */
}

static bool argo_stream_allow(u32 cid, u32 port)
{
	return true;
}

static u64 argo_stream_rcvhiwat(struct vsock_sock *vsk)
{
	return U64_MAX;		/* reads of any size are served in parts */
}

static bool argo_stream_is_active(struct vsock_sock *vsk)
{
	return argo_sk(vsk)->state >= ARGO_OPEN;
}

static int argo_poll_in(struct vsock_sock *vsk, size_t target, bool *ready)
{
	*ready = argo_stream_unread(argo_sk(vsk));
	return 0;
}

static int argo_poll_out(struct vsock_sock *vsk, size_t target, bool *space)
{
	*space = argo_stream_has_space(vsk) > 0;
	return 0;
}

static int argo_recv_nothing(struct vsock_sock *vsk, size_t target,
			     struct vsock_transport_recv_notify_data *data)
{
	return 0;
}

static int argo_recv_after(struct vsock_sock *vsk, size_t target, ssize_t copied, bool read,
			   struct vsock_transport_recv_notify_data *data)
{
	return 0;
}

static int argo_send_nothing(struct vsock_sock *vsk, struct vsock_transport_send_notify_data *data)
{
	return 0;
}

static int argo_send_after(struct vsock_sock *vsk, ssize_t written,
			   struct vsock_transport_send_notify_data *data)
{
	return 0;
}

static u32 argo_local_cid(void)
{
	return argo.id;
}

static const struct vsock_transport argo_transport = {
	.module = THIS_MODULE,
	.init = argo_init_sock,
	.destruct = argo_destruct,
	.release = argo_release,
	.cancel_pkt = argo_stream_cancel,
	.connect = argo_stream_connect,
	.dgram_bind = argo_dgram_bind,
	.dgram_dequeue = argo_dgram_dequeue,
	.dgram_enqueue = argo_dgram_enqueue,
	.dgram_allow = argo_dgram_allow,
	.stream_dequeue = argo_stream_dequeue,
	.stream_enqueue = argo_stream_enqueue,
	.stream_has_data = argo_stream_has_data,
	.stream_has_space = argo_stream_has_space,
	.stream_rcvhiwat = argo_stream_rcvhiwat,
	.stream_is_active = argo_stream_is_active,
	.stream_allow = argo_stream_allow,
	.notify_poll_in = argo_poll_in,
	.notify_poll_out = argo_poll_out,
	.notify_recv_init = argo_recv_nothing,
	.notify_recv_pre_block = argo_recv_nothing,
	.notify_recv_pre_dequeue = argo_recv_nothing,
	.notify_recv_post_dequeue = argo_recv_after,
	.notify_send_init = argo_send_nothing,
	.notify_send_pre_block = argo_send_nothing,
	.notify_send_pre_enqueue = argo_send_nothing,
	.notify_send_post_enqueue = argo_send_after,
	.shutdown = argo_stream_shutdown,
	.get_local_cid = argo_local_cid,
};

/* ---- The device ---- */

/* Calls for each port that a peer may send to; returns how many there are. */
static unsigned int argo_read_ports(struct device_node *node, struct argo_ring *ring,
				    unsigned int room)
{
	struct device_node *child;
	unsigned int n = 0;
	u32 peer, port;

	for_each_child_of_node(node, child) {
		int ports = of_property_count_u32_elems(child, "receive-ports");
		int i;

		if (of_property_read_u32(child, "reg", &peer) || peer > U16_MAX)
			continue;
		for (i = 0; i < ports; i++) {
			if (of_property_read_u32_index(child, "receive-ports", i, &port))
				continue;
			if (n < room) {
				ring[n].port = port;
				ring[n].peer = peer;
			}
			n++;
		}
	}
	return n;
}

/* The hypervisor writes to a ring from here on: all that looks at it is there already. */
static void argo_begin_rings(void)
{
	unsigned int i;

	for (i = 0; i < argo.nrings; i++) {
		int result = argo_ring_begin(&argo.ring[i]);

		if (result < 0)
			dev_warn(argo.dev, "no ring at port %u for domain %u (%d)\n",
				 argo.ring[i].port, argo.ring[i].peer, result);
	}
}

static void argo_end(void *data)
{
	unsigned int i;

	/* No socket is left, and no interrupt comes: nothing of this is queued again. */
	cancel_delayed_work_sync(&argo.alive);
	cancel_delayed_work_sync(&argo.retry);
	cancel_work_sync(&argo.rx);
	cancel_delayed_work_sync(&argo.look);
	destroy_workqueue(argo.queue);
	for (i = 0; i < argo.nrings; i++)
		argo_ring_end(&argo.ring[i]);
	argo.dev = NULL;
}

static void argo_unregister(void *data)
{
	vsock_core_unregister(&argo_transport);
}

static int argo_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	unsigned int nrings;
	int irq, result;
	u32 id;

	if (argo.dev)
		return -EBUSY;
	if (of_property_read_u32(dev->of_node, "domain-id", &id) || id > U16_MAX)
		return dev_err_probe(dev, -EINVAL, "no domain-id\n");
	irq = platform_get_irq(pdev, 0);
	if (irq < 0)
		return irq;

	argo.id = id;
	spin_lock_init(&argo.lock);
	INIT_LIST_HEAD(&argo.dgrams);
	INIT_LIST_HEAD(&argo.waits);
	INIT_WORK(&argo.rx, argo_rx);
	INIT_DELAYED_WORK(&argo.retry, argo_rx);
	INIT_DELAYED_WORK(&argo.alive, argo_stream_alive);
	INIT_DELAYED_WORK(&argo.look, argo_stream_look);
	argo.looked = jiffies;

	nrings = argo_read_ports(dev->of_node, NULL, 0);
	if (nrings > ARGO_RINGS_MAX) {
		dev_warn(dev, "%u rings to be had, %u are used\n", nrings, ARGO_RINGS_MAX);
		nrings = ARGO_RINGS_MAX;
	}
	argo.ring = devm_kcalloc(dev, nrings, sizeof(*argo.ring), GFP_KERNEL);
	if (!argo.ring)
		return -ENOMEM;
	argo_read_ports(dev->of_node, argo.ring, nrings);
	argo.nrings = nrings;
	argo.queue = alloc_ordered_workqueue("keel-argo", 0);
	if (!argo.queue)
		return -ENOMEM;
	argo.dev = dev;
	argo_begin_rings();
	result = devm_add_action_or_reset(dev, argo_end, NULL);
	if (result < 0)
		return result;
	result = devm_request_irq(dev, irq, argo_interrupt, 0, "keel-argo", NULL);
	if (result < 0)
		return result;
	result = vsock_core_register(&argo_transport,
				     VSOCK_TRANSPORT_F_G2H | VSOCK_TRANSPORT_F_DGRAM);
	if (result < 0)
		return dev_err_probe(dev, result, "sockets belong to another transport\n");
	result = devm_add_action_or_reset(dev, argo_unregister, NULL);
	if (result == 0)
		argo_kick();
	return result;
}

static const struct of_device_id argo_of_match[] = {
	{ .compatible = "keel,argo" },
	{ }
};
MODULE_DEVICE_TABLE(of, argo_of_match);

/* It can't be unbound: the sockets that hold the module hold it, too. */
static struct platform_driver argo_driver = {
	.probe = argo_probe,
	.driver = {
		.name = "keel-argo",
		.of_match_table = argo_of_match,
		.suppress_bind_attrs = true,
	},
};
module_platform_driver(argo_driver);

MODULE_DESCRIPTION("AF_VSOCK sockets over Argo, the messages of the Keel hypervisor");
MODULE_LICENSE("GPL");
