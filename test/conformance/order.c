/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where two errors apply: every pair of faults of every operation. The one that kernel/argo/argo.h
 * names first is returned, and nothing has changed. ENOSPC, ENOMEM and EBUSY need a state of their
 * own: register-128, register-memory, wake-waiters.
 */
#include "suite.h"

struct request {
    uint64_t op, arg1, arg2, arg3, arg4;
    struct keel_argo_register_ring reg;
    struct keel_argo_unregister_ring unreg;
    struct keel_argo_send_addr addr;
    struct keel_argo_iov iov[2];
    struct keel_argo_ring_data data;
    struct keel_argo_ring_data_ent ent[2];
    uint64_t gfn;
};

struct fault {
    int64_t error;
    uint32_t slot; /* faults of the same slot exclude each other */
    void (*make)(struct request *request);
};

/* clang-format off */
static void wide3(struct request *r) { r->arg3 |= 1ull << 32; }
static void wide4(struct request *r) { r->arg4 |= 1ull << 63; }
static void flag(struct request *r) { r->arg4 |= 2; }
static void many_pages(struct request *r) { r->arg3 = 4097; }
static void bad_arg1(struct request *r) { r->arg1 = NOWHERE; }
static void bad_arg2(struct request *r) { r->arg2 = NOWHERE; }
static void arg2(struct request *r) { r->arg2 = 1; }
static void arg3(struct request *r) { r->arg3 = 1; }
static void arg4(struct request *r) { r->arg4 = 1; }
static void reg_pad(struct request *r) { r->reg.pad = 1; }
static void reg_len(struct request *r) { r->reg.len = 1032; }
static void reg_pages(struct request *r) { r->arg3 = 2; }
static void reg_partner(struct request *r) { r->reg.partner_id = 64; }
static void reg_port(struct request *r) { r->reg.aport = PORT_NONE; }
static void reg_exists(struct request *r) { r->reg.aport = PORT_B; r->arg4 |= 1; }
static void reg_other_len(struct request *r) { r->reg.aport = PORT_B; r->reg.len = 1040; }
static void reg_gfn(struct request *r) { r->gfn = UINT64_MAX; }
static void unreg_pad(struct request *r) { r->unreg.pad = 1; }
static void unreg_port(struct request *r) { r->unreg.aport = PORT_A; }
static void nine(struct request *r) { r->arg3 = 9; }
static void src_pad(struct request *r) { r->addr.src.pad = 1; }
static void dst_pad(struct request *r) { r->addr.dst.pad = 0x8000; }
static void src_domain(struct request *r) { r->addr.src.domain_id = ID_OTHER; }
static void src_port(struct request *r) { r->addr.src.aport = PORT_NONE; }
static void dst_domain(struct request *r) { r->addr.dst.domain_id = KEEL_DOMAINS_MAX; }
static void dst_kernel(struct request *r) { r->addr.dst.domain_id = KEEL_DOMAIN_KERNEL; }
static void dst_port(struct request *r) { r->addr.dst.aport = PORT_CLOSED; }
static void dst_gone(struct request *r) { r->addr.dst.domain_id = ID_GONE; }
static void dst_ended(struct request *r) { r->addr.dst.domain_id = ID_ENDED; }
static void dst_later(struct request *r) { r->addr.dst.domain_id = ID_LATER; }
static void dst_no_ring(struct request *r) { r->addr.dst.aport = PORT_B; }
static void iov_pad(struct request *r) { r->iov[1].pad = 1; }
static void iov_long(struct request *r) { r->iov[1].iov_len = 0xFFFFE1; }
static void iov_sum(struct request *r) { r->iov[1].iov_len = 0xFFFFE0; }
static void iov_ring(struct request *r) { r->iov[1].iov_len = 1024 - 32 - 8 + 1; }
static void iov_full(struct request *r) { r->iov[1].iov_len = 1024 - 32 - 8; }
static void iov_nowhere(struct request *r) { r->iov[0].iov_hnd = NOWHERE; }
static void data_many(struct request *r) { r->data.nent = 257; }
static void ent_denied(struct request *r) { r->ent[0].ring.aport = PORT_CLOSED; }
static void ent_nowhere(struct request *r) { r->arg1 = addr(PAGE_BEFORE, 4096 - 8 - 10); }
/* clang-format on */

static const struct fault register_faults[] = {
    {-KEEL_EINVAL, 3, wide3},      {-KEEL_EINVAL, 4, wide4},      {-KEEL_EINVAL, 4, flag},
    {-KEEL_EINVAL, 3, many_pages}, {-KEEL_EFAULT, 1, bad_arg1},   {-KEEL_EINVAL, 5, reg_pad},
    {-KEEL_EINVAL, 6, reg_len},    {-KEEL_EINVAL, 3, reg_pages},  {-KEEL_ESRCH, 7, reg_partner},
    {-KEEL_EACCES, 8, reg_port},   {-KEEL_EEXIST, 8, reg_exists}, {-KEEL_EEXIST, 8, reg_other_len},
    {-KEEL_EFAULT, 2, bad_arg2},   {-KEEL_EINVAL, 10, reg_gfn},
};
static const struct fault unregister_faults[] = {
    {-KEEL_EINVAL, 3, wide3},     {-KEEL_EINVAL, 4, wide4},      {-KEEL_EINVAL, 2, arg2},
    {-KEEL_EINVAL, 3, arg3},      {-KEEL_EINVAL, 4, arg4},       {-KEEL_EFAULT, 1, bad_arg1},
    {-KEEL_EINVAL, 5, unreg_pad}, {-KEEL_ENOENT, 6, unreg_port},
};
static const struct fault sendv_faults[] = {
    {-KEEL_EINVAL, 3, wide3},
    {-KEEL_EINVAL, 4, wide4},
    {-KEEL_EFAULT, 1, bad_arg1},
    {-KEEL_EINVAL, 3, nine},
    {-KEEL_EFAULT, 2, bad_arg2},
    {-KEEL_EINVAL, 5, src_pad},
    {-KEEL_EINVAL, 6, dst_pad},
    {-KEEL_EPERM, 7, src_domain},
    {-KEEL_EACCES, 8, src_port},
    {-KEEL_ESRCH, 9, dst_domain},
    {-KEEL_ESRCH, 9, dst_kernel},
    {-KEEL_EACCES, 10, dst_port},
    {-KEEL_ESRCH, 9, dst_gone},
    {-KEEL_ECONNREFUSED, 9, dst_ended},
    {-KEEL_ECONNREFUSED, 9, dst_later},
    {-KEEL_ECONNREFUSED, 10, dst_no_ring},
    {-KEEL_EINVAL, 11, iov_pad},
    {-KEEL_EINVAL, 12, iov_long},
    {-KEEL_EMSGSIZE, 12, iov_sum},
    {-KEEL_EMSGSIZE, 12, iov_ring},
    {-KEEL_EAGAIN, 12, iov_full},
    {-KEEL_EFAULT, 13, iov_nowhere},
};
static const struct fault notify_faults[] = {
    {-KEEL_EINVAL, 3, wide3},     {-KEEL_EINVAL, 4, wide4},       {-KEEL_EINVAL, 2, arg2},
    {-KEEL_EINVAL, 3, arg3},      {-KEEL_EINVAL, 4, arg4},        {-KEEL_EFAULT, 1, bad_arg1},
    {-KEEL_EACCES, 5, data_many}, {-KEEL_EFAULT, 1, ent_nowhere}, {-KEEL_EACCES, 6, ent_denied},
};

static void write(const struct request *r)
{
    const uint64_t at1 = r->arg1 == NOWHERE ? addr(PAGE_ARGS, 0) : r->arg1;

    switch (r->op) {
    case KEEL_ARGO_REGISTER_RING:
        bytes_copy(at(at1), &r->reg, sizeof(r->reg));
        break;
    case KEEL_ARGO_UNREGISTER_RING:
        bytes_copy(at(at1), &r->unreg, sizeof(r->unreg));
        break;
    case KEEL_ARGO_SENDV:
        bytes_copy(at(at1), &r->addr, sizeof(r->addr));
        break;
    default: {
        uint32_t there = (uint32_t)(PAGE - at1 % PAGE);

        bytes_copy(at(at1), &r->data, sizeof(r->data));
        if (there > 8 + sizeof(r->ent))
            there = 8 + sizeof(r->ent);
        bytes_copy(at(at1 + 8), r->ent, there - 8);
        break;
    }
    }
    bytes_copy(at(addr(PAGE_IOVS, 0)), r->iov, sizeof(r->iov));
    bytes_copy(at(addr(PAGE_GFNS, 0)), &r->gfn, sizeof(r->gfn));
}

static int64_t execute(const struct request *r)
{
    write(r);
    return argo(r->op, r->arg1, r->arg2, r->arg3, r->arg4);
}

static void every_pair(const struct request *good, const struct fault *faults, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = i; j < n; j++) {
            struct request r;

            bytes_copy(&r, good, sizeof(r));
            if (j != i && faults[j].slot == faults[i].slot)
                continue;
            if (j != i)
                faults[j].make(&r);
            faults[i].make(&r);
            suite_about("operation, faults", good->op << 32 | i << 16 | j);
            EQ(execute(&r), faults[i].error);
        }
}

static struct request good;

static void begin(uint64_t op, uint64_t arg2, uint64_t arg3)
{
    static const struct request all = {
        .reg = {PORT_A, ID_PARTNER, 0, 1024},
        .unreg = {PORT_B, ID_PARTNER, 0},
        .addr = {{PORT_A, ID_SUITE, 0}, {PORT_A, ID_PARTNER, 0}},
        .data = {2, 0},
        .ent = {{{PORT_A, ID_PARTNER, 0}, 0, 0, 1, 0}, {{PORT_A, ID_PARTNER, 0}, 0, 0, 1, 0}},
    };

    bytes_copy(&good, &all, sizeof(good));
    good.op = op;
    good.arg1 = addr(PAGE_ARGS, 0);
    good.arg2 = arg2;
    good.arg3 = arg3;
    good.gfn = platform_frame(PAGE_RING + 1);
    for (uint32_t i = 0; i < 2; i++)
        good.iov[i] = (struct keel_argo_iov){addr(PAGE_SMALL, 0), 8, 0};
    EQ(ring_new(PORT_B, ID_PARTNER, 1024, PAGE_RING), 0);
    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    EQ(message_send(ID_PARTNER, 0, 0, 16), 16); /* so that it can be full */
}

#define N(list) (sizeof(list) / sizeof((list)[0]))

static void order_register(void)
{
    begin(KEEL_ARGO_REGISTER_RING, addr(PAGE_GFNS, 0), 1);
    every_pair(&good, register_faults, N(register_faults));
    EQ(ring_unregister(PORT_A, ID_PARTNER), -KEEL_ENOENT);
    EQ(execute(&good), 0);
    EQ(ring_unregister(PORT_A, ID_PARTNER), 0);
}

static void order_unregister(void)
{
    begin(KEEL_ARGO_UNREGISTER_RING, 0, 0);
    every_pair(&good, unregister_faults, N(unregister_faults));
    EQ(execute(&good), 0);
    EQ(execute(&good), -KEEL_ENOENT);
}

static void order_sendv(void)
{
    struct answer answer;

    begin(KEEL_ARGO_SENDV, addr(PAGE_IOVS, 0), 2);
    every_pair(&good, sendv_faults, N(sendv_faults));
    EQ(execute(&good), 16);
    answer = takes(ID_PARTNER, ID_SUITE, 1, 16, 0, 0);
    EQ(answer.wrong, 0);
    EQ(takes(ID_PARTNER, ID_SUITE, 99, 16, 0, 0).count, 1); /* and none from before */
}

static void order_notify(void)
{
    begin(KEEL_ARGO_NOTIFY, 0, 0);
    every_pair(&good, notify_faults, N(notify_faults));
    EQ(execute(&good), 0);
}

const struct test order_tests[] = {
    {"order-register", order_register},
    {"order-unregister", order_unregister},
    {"order-sendv", order_sendv},
    {"order-notify", order_notify},
    {NULL, NULL},
};
