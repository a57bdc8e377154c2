/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What crosses the guest's boundary: Argo's calls and structures, as abi/keel/argo.h of Keel has
 * them (abi_check.c compares), and what is in a stream's messages.
 */
#ifndef ARGO_ABI_H
#define ARGO_ABI_H

#include <linux/types.h>

#define ARGO_HYPERCALL	39	/* in x16, with HVC #0xEA1 */

enum argo_op {
	ARGO_REGISTER_RING = 1,
	ARGO_UNREGISTER_RING = 2,
	ARGO_SENDV = 3,
	ARGO_NOTIFY = 4,
};

#define ARGO_SLOT	16
#define ARGO_RINGS_MAX	128	/* of a domain */

struct argo_addr {
	__u32 aport;
	__u16 domain_id;
	__u16 pad;
};

struct argo_send_addr {
	struct argo_addr src;
	struct argo_addr dst;
};

struct argo_iov {
	__u64 iov_hnd;
	__u32 iov_len;
	__u32 pad;
};

struct argo_register_ring {
	__u32 aport;
	__u16 partner_id;
	__u16 pad;
	__u32 len;
};

struct argo_unregister_ring {
	__u32 aport;
	__u16 partner_id;
	__u16 pad;
};

enum argo_signals {
	ARGO_SIGNALS_WHEN_EMPTY = 1,	/* for a message when all before it were received */
};

struct argo_shared_ring {
	__u32 rx_ptr;		/* ours */
	__u32 tx_ptr;		/* the hypervisor's */
	__u32 signals;		/* ours: enum argo_signals */
	__u8 reserved[52];
	__u8 ring[];
};

struct argo_message_header {
	__u32 len;		/* with these 16 bytes */
	struct argo_addr source;
	__u32 message_type;
};

struct argo_ring_data_ent {
	struct argo_addr ring;
	__u16 flags;
	__u16 life;		/* another: the owner has begun again */
	__u32 space_required;
	__u32 max_message_size;
};

struct argo_ring_data {
	__u32 nent;
	__u32 pad;
	struct argo_ring_data_ent ent[];
};

/* struct argo_ring_data_ent.flags */
#define ARGO_RING_EXISTS	0x01
#define ARGO_RING_SHARED	0x02
#define ARGO_RING_EMPTY		0x04
#define ARGO_RING_SUFFICIENT	0x08
#define ARGO_RING_EMSGSIZE	0x10
#define ARGO_RING_EBUSY		0x20

/* Message types, and what a stream's messages begin with: OpenXT's. */
#define ARGO_DGRAM	0x6447724d
#define ARGO_STREAM	0x3574526d

struct argo_stream_header {
	__u32 flags;		/* 0: data */
	__u32 conid;
};

#define ARGO_SYN	0x001
#define ARGO_ACK	0x002
#define ARGO_RST	0x004
#define ARGO_PING	0x100
#define ARGO_PONG	0x200

/* Behind the header of an RST, a __u32 says why. Without it: ARGO_CLOSED. */
enum argo_reason {
	ARGO_CLOSED = 0,	/* all that was sent was before it */
	ARGO_ABORTED = 1,	/* the sender was killed, or left something unread */
	ARGO_UNKNOWN = 2,	/* no such connection here */
};

#endif
