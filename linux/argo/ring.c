// SPDX-License-Identifier: GPL-2.0
/*
 * The hypercall, and our rings. Lengths and positions that are in a ring are checked, although only
 * the hypervisor writes there: one that does not add up is the end of the ring, not of the guest.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "argo.h"

#define ARGO_PAGE	4096	/* of the hypervisor's, whatever the guest's are */
#define ARGO_PAGES	((ARGO_RING_LEN + sizeof(struct argo_shared_ring)) / ARGO_PAGE)
#define ARGO_BUDGET	128	/* messages of a ring before others are looked at */

static_assert(ARGO_RING_LEN % ARGO_SLOT == 0);

/* Buffers are translated at the time of the call: they must be mapped, as all kernel memory is. */
static long argo_hvc(enum argo_op op, const void *arg1, const void *arg2, u32 arg3, u32 arg4)
{
	register unsigned long x0 asm("x0") = op;
	register unsigned long x1 asm("x1") = (unsigned long)arg1;
	register unsigned long x2 asm("x2") = (unsigned long)arg2;
	register unsigned long x3 asm("x3") = arg3;
	register unsigned long x4 asm("x4") = arg4;
	register unsigned long x16 asm("x16") = ARGO_HYPERCALL;

	asm volatile("hvc #0xea1"
		     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x16)
		     :
		     : "memory");
	return x0;
}

/* A call may be executed in parts, with interrupts taken in between, and goes on where it was when its CPU
 * comes back with the same one. So no other CPU may end it, and no other thread's come first.
 */
static int argo_call(enum argo_op op, const void *arg1, const void *arg2, u32 arg3, u32 arg4)
{
	long result;

	preempt_disable();
	result = argo_hvc(op, arg1, arg2, arg3, arg4);
	preempt_enable();
	return result >= -MAX_ERRNO && result <= INT_MAX ? result : -EIO;
}

/* Sends head and data as one message: 0, or the hypervisor's error. Of these, -EAGAIN says that it
 * will tell when there is space, -EBUSY that it will not.
 */
int argo_send(u32 src_port, u16 peer, u32 port, u32 type, const void *head, u32 head_bytes,
	      const void *data, u32 bytes)
{
	const struct argo_send_addr addr = {
		.src = { .aport = src_port, .domain_id = argo.id },
		.dst = { .aport = port, .domain_id = peer },
	};
	const struct argo_iov iov[2] = {
		{ .iov_hnd = (unsigned long)head, .iov_len = head_bytes },
		{ .iov_hnd = (unsigned long)data, .iov_len = bytes },
	};
	int result = argo_call(ARGO_SENDV, &addr, iov, bytes ? 2 : 1, type);

	return result < 0 ? result : 0;
}

int argo_notify(struct argo_ring_data *data)
{
	return argo_call(ARGO_NOTIFY, data, NULL, 0, 0);
}

/* One that can be used. */
struct argo_ring *argo_ring_find(u32 port, u32 peer)
{
	struct argo_ring *ring;

	for (ring = argo.ring; ring < argo.ring + argo.nrings; ring++)
		if (ring->port == port && ring->peer == peer && ring->shared && !ring->broken)
			return ring;
	return NULL;
}

int argo_ring_begin(struct argo_ring *ring)
{
	const struct argo_register_ring args = {
		.aport = ring->port,
		.partner_id = ring->peer,
		.len = ARGO_RING_LEN,
	};
	u64 first, *frame;
	unsigned int i;
	int result;

	INIT_LIST_HEAD(&ring->socks);
	ring->shared = alloc_pages_exact(ARGO_PAGES * ARGO_PAGE, GFP_KERNEL | __GFP_ZERO);
	frame = kmalloc_array(ARGO_PAGES, sizeof(*frame), GFP_KERNEL);
	if (!ring->shared || !frame) {
		result = -ENOMEM;
		goto out;
	}
	ring->shared->signals = ARGO_SIGNALS_WHEN_EMPTY;
	first = virt_to_phys(ring->shared) / ARGO_PAGE;
	for (i = 0; i < ARGO_PAGES; i++)
		frame[i] = first + i;
	result = argo_call(ARGO_REGISTER_RING, &args, frame, ARGO_PAGES, 0);
out:
	kfree(frame);
	if (result < 0 && ring->shared) {
		free_pages_exact(ring->shared, ARGO_PAGES * ARGO_PAGE);
		ring->shared = NULL;
	}
	return result;
}

void argo_ring_end(struct argo_ring *ring)
{
	const struct argo_unregister_ring args = {
		.aport = ring->port,
		.partner_id = ring->peer,
	};

	/* If the hypervisor keeps it, so do we: it may write there. */
	if (ring->shared && argo_call(ARGO_UNREGISTER_RING, &args, NULL, 0, 0) == 0)
		free_pages_exact(ring->shared, ARGO_PAGES * ARGO_PAGE);
	ring->shared = NULL;
}

static void argo_ring_read_at(const struct argo_ring *ring, u32 at, void *to, u32 bytes)
{
	u32 first;

	if (at >= ARGO_RING_LEN)
		at -= ARGO_RING_LEN;
	first = min_t(u32, bytes, ARGO_RING_LEN - at);
	memcpy(to, ring->shared->ring + at, first);
	memcpy(to + first, ring->shared->ring, bytes - first);
}

/* Copies from the payload of the message at rx. Offset and bytes are within it. */
void argo_ring_read(const struct argo_ring *ring, u32 offset, void *to, u32 bytes)
{
	argo_ring_read_at(ring, ring->rx + sizeof(struct argo_message_header) + offset, to, bytes);
}

static enum argo_verdict argo_ring_message(struct argo_ring *ring,
					   const struct argo_message_header *header)
{
	u32 bytes = header->len - sizeof(*header);

	if (header->source.domain_id != ring->peer)
		return ARGO_TAKEN;
	switch (header->message_type) {
	case ARGO_STREAM:
		return argo_stream_message(ring, header->source.aport, bytes);
	case ARGO_DGRAM:
		return argo_dgram_message(ring, header->source.aport, bytes);
	}
	return ARGO_TAKEN;
}

/* Bytes that the message at rx takes in the ring; 0: none that can be. */
static u32 argo_ring_header(const struct argo_ring *ring, u32 tx,
			    struct argo_message_header *header)
{
	u32 unread = tx - ring->rx + (tx < ring->rx ? ARGO_RING_LEN : 0);

	if (tx >= ARGO_RING_LEN || tx % ARGO_SLOT)
		return 0;
	argo_ring_read_at(ring, ring->rx, header, sizeof(*header));
	if (header->len < sizeof(*header) || header->len > unread)
		return 0;
	return ALIGN(header->len, ARGO_SLOT);
}

/* Whether all that has come was taken. */
bool argo_ring_empty(const struct argo_ring *ring)
{
	return !ring->shared || ring->rx == smp_load_acquire(&ring->shared->tx_ptr);
}

/* Hands messages to their sockets, until there are none, one can't be taken, or so many were that
 * others have their turn: true then.
 */
bool argo_ring_drain(struct argo_ring *ring, bool *consumed)
{
	struct argo_message_header header;
	unsigned int budget = ARGO_BUDGET;
	u32 tx, bytes;

	if (!ring->shared || ring->broken)
		return false;
	tx = smp_load_acquire(&ring->shared->tx_ptr);
	while (ring->rx != tx && budget--) {
		bytes = argo_ring_header(ring, tx, &header);
		if (!bytes) {
			dev_err(argo.dev, "ring of port %u for domain %u is damaged, and not used any more\n",
				ring->port, ring->peer);
			ring->broken = true;
			argo_stream_break(ring);
			return false;
		}
		if (argo_ring_message(ring, &header) == ARGO_STALL)
			return false;
		ring->done = 0;
		ring->rx += bytes;
		if (ring->rx >= ARGO_RING_LEN)
			ring->rx -= ARGO_RING_LEN;
		/* The hypervisor may write there once it sees this: what was read is read. */
		smp_store_release(&ring->shared->rx_ptr, ring->rx);
		*consumed = true;
		if (ring->rx == tx) {
			/* It sees that this was all, and interrupts for the next; or this sees that. */
			smp_mb();
			tx = smp_load_acquire(&ring->shared->tx_ptr);
		}
		cond_resched();
	}
	return ring->rx != tx;
}
