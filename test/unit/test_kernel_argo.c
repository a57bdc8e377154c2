/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo's operations against the tables of the ABI: every operation, flag, limit and error, the
 * order of checks, no effect on errors, and the defects that the original has (A10.n). See argo.h.
 */
#include "argo_world.h"
#include "suite.h"

#define CHUNK 13312u /* bytes that are copied in one step */

#define ANY     KEEL_DOMAIN_ANY
#define DOMAINS 6u

static struct keel_argo_message_header header;
static uint8_t got[0x1000000], sent[0x1000000];

static void setup(void)
{
    world_begin(DOMAINS);
}

static void fill(uint32_t domain, uint64_t address, uint64_t bytes)
{
    world_put(domain, address, sent, bytes);
}

static void check_message(uint32_t from, uint32_t type, uint32_t bytes)
{
    EXPECT_EQ(header.len, bytes + 16);
    EXPECT_EQ(header.source.aport, PORT);
    EXPECT_EQ(header.source.domain_id, from);
    EXPECT_EQ(header.source.pad, 0);
    EXPECT_EQ(header.message_type, type);
    EXPECT(memcmp(got, sent, bytes) == 0);
}

/* ---- register ---- */

START_TEST(register_limits)
{
    static const struct {
        uint32_t len;
        int64_t pages; /* too many, too few */
        int64_t result;
    } rows[] = {
        {0, 0, -KEEL_EINVAL},
        {32, 0, -KEEL_EINVAL},
        {47, 0, -KEEL_EINVAL},
        {48, 0, 0},
        {49, 0, -KEEL_EINVAL},
        {56, 0, -KEEL_EINVAL},
        {64, 0, 0},
        {48, 1, -KEEL_EINVAL},
        {48, -1, -KEEL_EINVAL},
        {4096 - 64, 0, 0},
        {4096 - 48, 0, 0},
        {4096 - 48, -1, -KEEL_EINVAL},
        {4096 - 64, 1, -KEEL_EINVAL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct keel_argo_register_ring args = {PORT, 1, 0, rows[i].len};
        uint64_t pages = (uint64_t)(KEEL_ARGO_PAGES(rows[i].len) + rows[i].pages);
        struct holdings before = holdings(0);
        uint64_t gfn[3] = {ADDR(20) / PAGE, ADDR(21) / PAGE, ADDR(22) / PAGE};

        world_put(0, ARGS, &args, sizeof(args));
        world_put(0, GFNS, gfn, sizeof(gfn));
        EXPECT_EQ(world_call(0, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, pages, 0), rows[i].result);
        if (rows[i].result == 0) {
            EXPECT_EQ(holdings(0).pins, pages);
            EXPECT_EQ(ring_unregister(0, PORT, 1), 0);
        }
        EXPECT(same_holdings(before, holdings(0)));
    }
}
END_TEST

/* A10.4: the original documents 16 MiB and accepts less than that. The real limit, at it and
 * around. */
START_TEST(a10_4_longest_ring)
{
    struct holdings before;

    world_map(0, 0, PAGES, 2);
    before = holdings(0);
    EXPECT_EQ(ring_register(0, PORT, 1, KEEL_ARGO_RING_MAX + 16, DATA, 0), -KEEL_EINVAL);
    EXPECT_EQ(ring_register(0, PORT, 1, 0x1000000, DATA, 0), -KEEL_EINVAL);
    EXPECT_EQ(ring_register(0, PORT, 1, KEEL_ARGO_RING_MAX - 16, DATA, 0), 0);
    EXPECT_EQ(ring_unregister(0, PORT, 1), 0);
    EXPECT_EQ(ring_register(0, PORT, 1, KEEL_ARGO_RING_MAX, DATA, 0), 0);
    EXPECT_EQ(holdings(0).pins, 4096);
    EXPECT(world.steps >= 4096 / 16);
    EXPECT_EQ(domains[0].argo.rings, 1);
    /* And it takes the longest message that it can hold. */
    world_map(1, DATA, PAGES - DATA, 2);
    fill(1, ADDR(DATA) + 5, KEEL_ARGO_RING_MAX);
    EXPECT_EQ(message_send(1, 0, PORT, 3, ADDR(DATA) + 5, KEEL_ARGO_RING_MAX - 31), -KEEL_EMSGSIZE);
    EXPECT_EQ(message_send(1, 0, PORT, 3, ADDR(DATA) + 5, KEEL_ARGO_RING_MAX - 32),
              KEEL_ARGO_RING_MAX - 32);
    EXPECT(world.steps >= KEEL_ARGO_RING_MAX / CHUNK - 1);
    EXPECT(message_take(0, DATA, KEEL_ARGO_RING_MAX, &header, got));
    check_message(1, 3, KEEL_ARGO_RING_MAX - 32);
    EXPECT_EQ(ring_unregister(0, PORT, 1), 0);
    EXPECT(world.steps >= 4096 / 64);
    EXPECT(same_holdings(before, holdings(0)));
}
END_TEST

START_TEST(register_rights_and_partners)
{
    EXPECT_EQ(ring_register(0, PORT_MUTE, 1, 1024, 20, 0), -KEEL_EACCES);
    EXPECT_EQ(ring_register(0, 0x999, 1, 1024, 20, 0), -KEEL_EACCES);
    EXPECT_EQ(ring_register(0, PORT_MUTE, ANY, 1024, 20, 0), -KEEL_EACCES);
    EXPECT_EQ(ring_register(0, KEEL_PORT_KERNEL, ANY, 1024, 20, 0), -KEEL_EACCES);
    EXPECT_EQ(ring_register(0, KEEL_PORT_KERNEL, 1, 1024, 20, 0), -KEEL_EACCES);
    EXPECT_EQ(ring_register(0, PORT, KEEL_DOMAIN_KERNEL, 1024, 20, 0), -KEEL_ESRCH);
    EXPECT_EQ(ring_register(0, PORT, KEEL_DOMAINS_MAX, 1024, 20, 0), -KEEL_ESRCH);
    EXPECT_EQ(ring_register(0, PORT, 0xffff, 1024, 20, 0), -KEEL_ESRCH);
    EXPECT_EQ(ring_register(0, PORT, KEEL_DOMAINS_MAX - 1, 1024, 20, 0), 0); /* not alive: fine */
    EXPECT_EQ(ring_register(0, PORT_DEAF, ANY, 1024, 20, 0), 0);
    EXPECT_EQ(ring_register(0, KEEL_PORT_KERNEL, KEEL_DOMAIN_KERNEL, 1024, 20, 0), 0);
    EXPECT_EQ(domains[0].argo.rings, 3);
}
END_TEST

START_TEST(register_twice)
{
    struct holdings one;

    EXPECT_EQ(ring_register(0, PORT, 1, 1024, 20, KEEL_ARGO_FAIL_EXIST), 0);
    one = holdings(0);
    EXPECT_EQ(ring_register(0, PORT, 1, 1024, 20, KEEL_ARGO_FAIL_EXIST), -KEEL_EEXIST);
    EXPECT_EQ(ring_register(0, PORT, 1, 1040, 20, 0), -KEEL_EEXIST);
    EXPECT_EQ(ring_register(0, PORT, 1, 1024, 21, 0), 0); /* elsewhere: resume */
    EXPECT(same_holdings(one, holdings(0)));
    EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 8), 8);
    EXPECT(!message_take(0, 20, 1024, &header, got));
    EXPECT(message_take(0, 21, 1024, &header, got));
    /* With a message unread, in the same place: it is still there. */
    EXPECT_EQ(message_send(1, 0, PORT, 2, ADDR(DATA), 8), 8);
    EXPECT_EQ(ring_register(0, PORT, 1, 1024, 21, 0), 0);
    EXPECT(message_take(0, 21, 1024, &header, got));
    EXPECT_EQ(header.message_type, 2);
    /* A long one is replaced in steps. */
    world_map(0, 64, 2000, 2);
    EXPECT_EQ(ring_register(0, PORT2, 1, 900 * PAGE, 64, 0), 0);
    EXPECT_EQ(ring_register(0, PORT2, 1, 900 * PAGE, 1000, 0), 0);
    EXPECT(world.steps > 900 / 16);
    EXPECT_EQ(holdings(0).pins, 902);
    EXPECT_EQ(ring_unregister(0, PORT2, 1), 0);
    EXPECT(same_holdings(one, holdings(0)));
}
END_TEST

/* A10.2: ring_count grew with every registration anew, until ENOSPC without a ring. */
START_TEST(a10_2_count_of_rings)
{
    struct holdings before = holdings(0);

    for (int i = 0; i < 300; i++)
        EXPECT_EQ(ring_register(0, PORT, 1, 1024, 20, 0), 0);
    EXPECT_EQ(domains[0].argo.rings, 1);
    world_map(0, 30, 1, 1); /* a page that can't be a ring's */
    for (int i = 0; i < 300; i++)
        EXPECT_EQ(ring_register(0, PORT, 1, 1024, 30, 0), -KEEL_EINVAL);
    EXPECT_EQ(domains[0].argo.rings, 1);
    EXPECT_EQ(ring_unregister(0, PORT, 1), 0);
    EXPECT_EQ(ring_unregister(0, PORT, 1), -KEEL_ENOENT);
    EXPECT(same_holdings(before, holdings(0)));
}
END_TEST

/* A10.3, A10.8: rings that name a partner, again and again, leave nothing at the partner. */
START_TEST(a10_3_a10_8_nothing_at_the_partner)
{
    struct domain before = domains[1];

    for (int i = 0; i < 50; i++)
        for (uint32_t d = 2; d < DOMAINS; d++)
            EXPECT_EQ(ring_register(d, i % 2 ? PORT : PORT2, 1, 1024, 20, 0), 0);
    EXPECT(memcmp(&before, &domains[1], sizeof(before)) == 0);
    for (uint32_t d = 2; d < DOMAINS; d++)
        EXPECT_EQ(ring_unregister(d, PORT, 1), 0);
    EXPECT(memcmp(&before, &domains[1], sizeof(before)) == 0);
}
END_TEST

START_TEST(rings_at_the_limit)
{
    struct holdings before = holdings(0), full;
    uint32_t n = 0;

    for (uint32_t p = 0; n < KEEL_ARGO_RINGS_MAX - 1; p++)
        for (uint32_t d = 0; d < KEEL_DOMAINS_MAX && n < KEEL_ARGO_RINGS_MAX - 1; d++, n++)
            EXPECT_EQ(ring_register(0, p ? PORT2 : PORT, d, 1024, 20, 0), 0);
    EXPECT_EQ(ring_register(0, PORT_DEAF, 1, 1024, 20, 0), 0);
    EXPECT_EQ(domains[0].argo.rings, KEEL_ARGO_RINGS_MAX);
    full = holdings(0);
    EXPECT_EQ(ring_register(0, PORT_DEAF, 2, 1024, 20, 0), -KEEL_ENOSPC);
    EXPECT_EQ(ring_register(0, PORT_DEAF, ANY, 1024, 20, 0), -KEEL_ENOSPC);
    EXPECT_EQ(ring_register(0, PORT_DEAF, 1, 1024, 20, 0), 0); /* the same again is none more */
    EXPECT(same_holdings(full, holdings(0)));
    /* Each is found, and each is a ring of its own. */
    for (uint32_t d = 0; d < DOMAINS; d++)
        EXPECT_EQ(message_send(d, 0, PORT2, 1, ADDR(DATA), 1), 1);
    /* They are gone through only where somebody waits, some in each step. */
    EXPECT_EQ(notify_all(0), 0);
    EXPECT_EQ(world.steps, 1);
    for (uint32_t d = 0; d < DOMAINS; d++) {
        EXPECT_EQ(message_send(d, 0, PORT2, 1, ADDR(DATA), 900), 900);
        EXPECT_EQ(message_send(d, 0, PORT2, 1, ADDR(DATA), 900), -KEEL_EAGAIN);
    }
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(world.steps >= 2);
    for (uint32_t p = 0; p < 2; p++)
        for (uint32_t d = 0; d < KEEL_DOMAINS_MAX - p; d++)
            EXPECT_EQ(ring_unregister(0, p ? PORT2 : PORT, d), 0);
    EXPECT_EQ(ring_unregister(0, PORT_DEAF, 1), 0);
    EXPECT(same_holdings(before, holdings(0)));
}
END_TEST

START_TEST(register_memory)
{
    struct keel_argo_register_ring args = {PORT, 1, 0, 40 * PAGE - 64};
    struct holdings before = holdings(0);
    uint64_t bad[] = {0,          NOWHERE / PAGE,   ADDR(63) / PAGE,
                      UINT64_MAX, UINT64_MAX >> 12, 1ull << 52 | ADDR(20) / PAGE};

    world_map(0, 63, 1, 1);
    for (size_t b = 0; b < ARRAY_LENGTH(bad); b++)
        for (uint32_t at = 0; at < 40; at += 3) {
            for (uint64_t i = 0; i < 40; i++) {
                uint64_t gfn = i == at ? bad[b] : ADDR(20 + i) / PAGE;

                world_put(0, GFNS + 8 * i, &gfn, 8);
            }
            world_put(0, ARGS, &args, sizeof(args));
            EXPECT_EQ(world_call(0, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, 40, 0), -KEEL_EINVAL);
            EXPECT(same_holdings(before, holdings(0)));
        }
    EXPECT_EQ(world_call(0, KEEL_ARGO_REGISTER_RING, ARGS, NOWHERE, 40, 0), -KEEL_EFAULT);
    EXPECT_EQ(world_call(0, KEEL_ARGO_REGISTER_RING, ARGS, ADDR(64) - 8 * 17, 40, 0), -KEEL_EINVAL);
    EXPECT(same_holdings(before, holdings(0)));
    for (uint64_t i = 0; i < 17; i++) {
        uint64_t gfn = ADDR(20 + i) / PAGE;

        world_put(0, ADDR(63) - 8 * 17 + 8 * i, &gfn, 8);
    }
    world_map(0, 63, 1, 0);
    EXPECT_EQ(world_call(0, KEEL_ARGO_REGISTER_RING, ARGS, ADDR(63) - 8 * 17, 40, 0), -KEEL_EFAULT);
    EXPECT(same_holdings(before, holdings(0)));
    /* The pool: a page per ring, and lists for long ones. */
    domains[0].space.pool.free = 0;
    EXPECT_EQ(ring_register(0, PORT, 1, 1024, 20, 0), -KEEL_ENOMEM);
    domains[0].space.pool.free = 1;
    EXPECT_EQ(ring_register(0, PORT, 1, 1024, 20, 0), 0);
    EXPECT_EQ(ring_unregister(0, PORT, 1), 0);
    world_map(0, 64, 1000, 2);
    domains[0].space.pool.free = 2;
    EXPECT_EQ(ring_register(0, PORT, 1, 600 * PAGE, 64, 0), -KEEL_ENOMEM);
    EXPECT_EQ(domains[0].space.pool.free, 2);
    domains[0].space.pool.free = 3;
    EXPECT_EQ(ring_register(0, PORT, 1, 600 * PAGE, 64, 0), 0);
    EXPECT_EQ(ring_unregister(0, PORT, 1), 0);
    EXPECT_EQ(domains[0].space.pool.free, 3);
    domains[0].space.pool.free = POOL;
}
END_TEST

/* Registrations of which only a part was executed. */
START_TEST(given_up_in_the_middle)
{
    struct keel_argo_register_ring args = {PORT, 1, 0, 100 * PAGE};
    struct keel_argo_unregister_ring end = {PORT, 1, 0};
    struct holdings before, live;

    world_map(0, 64, 200, 2);
    before = holdings(0);
    for (uint64_t i = 0; i < 101; i++) {
        uint64_t gfn = ADDR(64 + i) / PAGE;

        world_put(0, GFNS + 8 * i, &gfn, 8);
    }
    world_put(0, ARGS, &args, sizeof(args));
    world_put(0, ARGS + 64, &end, sizeof(end));
    EXPECT(world_step(0, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, 101, 0) == ARGO_AGAIN);
    EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 1), -KEEL_ECONNREFUSED);
    world_put(0, ARGS, &args, sizeof(args));
    /* then unregistered: it never existed */
    EXPECT_EQ(world_call(0, KEEL_ARGO_UNREGISTER_RING, ARGS + 64, 0, 0, 0), -KEEL_ENOENT);
    EXPECT(same_holdings(before, holdings(0)));
    /* then with another length */
    EXPECT(world_step(0, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, 101, 0) == ARGO_AGAIN);
    args.len = 50 * PAGE;
    world_put(0, ARGS, &args, sizeof(args));
    EXPECT_EQ(world_call(0, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, 51, KEEL_ARGO_FAIL_EXIST), 0);
    EXPECT_EQ(holdings(0).pins, 51);
    live = holdings(0);
    /* anew, but not to the end: the old one stays in service */
    EXPECT(world_step(0, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, 51, 0) == ARGO_AGAIN);
    EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 1), 1);
    EXPECT_EQ(world_call(0, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, 51, 0), 0);
    EXPECT(same_holdings(live, holdings(0)));
    /* unregistered, but not to the end; then registered */
    world_put(0, ARGS + 64, &end, sizeof(end));
    args.len = 100 * PAGE;
    world_put(0, ARGS, &args, sizeof(args));
    EXPECT_EQ(world_call(0, KEEL_ARGO_UNREGISTER_RING, ARGS + 64, 0, 0, 0), 0);
    EXPECT_EQ(world_call(0, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, 101, 0), 0);
    EXPECT(world_step(0, KEEL_ARGO_UNREGISTER_RING, ARGS + 64, 0, 0, 0) == ARGO_AGAIN);
    EXPECT_EQ(world_call(0, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, 101, KEEL_ARGO_FAIL_EXIST), 0);
    EXPECT_EQ(holdings(0).pins, 101);
    EXPECT(world_step(0, KEEL_ARGO_UNREGISTER_RING, ARGS + 64, 0, 0, 0) == ARGO_AGAIN);
    EXPECT_EQ(world_call(0, KEEL_ARGO_UNREGISTER_RING, ARGS + 64, 0, 0, 0), 0);
    EXPECT(same_holdings(before, holdings(0)));
    /* world_end takes away one that is left so */
    EXPECT(world_step(0, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, 101, 0) == ARGO_AGAIN);
}
END_TEST

/* Who begins anew, knowing nothing of a call that was given up in the middle (by a kernel that died, say), gets
 * the ring that it registers, of its own pages only. */
START_TEST(given_up_and_begun_by_another)
{
    const uint32_t len = 100 * PAGE - 64, bytes = 90 * PAGE;
    struct keel_argo_register_ring args = {PORT, 1, 0, len};
    struct holdings before;

    world_map(0, 64, 400, 2);
    world_map(1, 64, 100, 2);
    fill(1, ADDR(64), bytes);
    before = holdings(0);
    for (uint32_t old = 0; old < 2; old++)
        for (uint32_t steps = 1; steps < 12; steps++) {
            if (old)
                EXPECT_EQ(ring_register(0, PORT, 1, len, 64, 0), 0);
            for (uint64_t i = 0; i < 100; i++) {
                const uint64_t gfn[2] = {ADDR(164 + i) / PAGE, ADDR(264 + i) / PAGE};

                world_put(0, GFNS + 8 * i, &gfn[0], 8);
                world_put(0, GFNS + PAGE + 8 * i, &gfn[1], 8);
            }
            world_put(0, ARGS, &args, sizeof(args));
            world_put(0, ARGS + 64, &args, sizeof(args));
            for (uint32_t n = 0; n < steps; n++)
                if (world_step(0, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, 100, 0) == 0)
                    break;
            EXPECT_EQ(world_call(0, KEEL_ARGO_REGISTER_RING, ARGS + 64, GFNS + PAGE, 100, 0), 0);
            EXPECT_EQ(message_send(1, 0, PORT, 7, ADDR(64), bytes), bytes);
            EXPECT(message_take(0, 264, len, &header, got));
            check_message(1, 7, bytes);
            EXPECT_EQ(holdings(0).pins, 100);
            EXPECT_EQ(ring_unregister(0, PORT, 1), 0);
            EXPECT(same_holdings(before, holdings(0)));
        }
}
END_TEST

/* ---- every pair of errors: the first of the table is returned, and nothing has changed ---- */

struct request {
    uint64_t op, arg1, arg2, arg3, arg4;
    struct keel_argo_register_ring reg;
    struct keel_argo_unregister_ring unreg;
    struct keel_argo_send_addr addr;
    struct keel_argo_iov iov[2];
    uint64_t gfn;
};

#define SENDER 1u

struct fault {
    int64_t error;
    int slot; /* faults of the same slot exclude each other */
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
static void reg_partner(struct request *r) { r->reg.partner_id = 64; }
static void reg_port(struct request *r) { r->reg.aport = PORT_MUTE; }
static void reg_exists(struct request *r) { r->reg.aport = PORT2; r->arg4 |= 1; }
static void reg_no_pool(struct request *r) { (void)r; domains[SENDER].space.pool.free = 0; }
static void reg_gfn(struct request *r) { r->gfn = 0; }
static void unreg_pad(struct request *r) { r->unreg.pad = 1; }
static void unreg_port(struct request *r) { r->unreg.aport = PORT; }
static void nine(struct request *r) { r->arg3 = 9; }
static void src_pad(struct request *r) { r->addr.src.pad = 1; }
static void dst_pad(struct request *r) { r->addr.dst.pad = 0x8000; }
static void src_domain(struct request *r) { r->addr.src.domain_id = 2; }
static void src_port(struct request *r) { r->addr.src.aport = PORT_MUTE; }
static void dst_domain(struct request *r) { r->addr.dst.domain_id = KEEL_DOMAINS_MAX; }
static void dst_kernel(struct request *r) { r->addr.dst.domain_id = KEEL_DOMAIN_KERNEL; }
static void dst_port(struct request *r) { r->addr.dst.aport = PORT_DEAF; }
static void dst_absent(struct request *r) { r->addr.dst.domain_id = 60; }
static void dst_stopped(struct request *r) { r->addr.dst.domain_id = 3; }
static void dst_no_ring(struct request *r) { r->addr.dst.aport = PORT2; }
static void iov_pad(struct request *r) { r->iov[1].pad = 1; }
static void iov_long(struct request *r) { r->iov[1].iov_len = 0xFFFFE1; }
static void iov_sum(struct request *r) { r->iov[1].iov_len = 0xFFFFE0; }
static void iov_ring(struct request *r) { r->iov[1].iov_len = 1024 - 32 - 8 + 1; }
static void iov_full(struct request *r) { r->iov[1].iov_len = 1024 - 32 - 8; }
static void iov_nowhere(struct request *r) { r->iov[0].iov_hnd = NOWHERE; }
/* clang-format on */

static const struct fault register_faults[] = {
    {-KEEL_EINVAL, 3, wide3},      {-KEEL_EINVAL, 4, wide4},       {-KEEL_EINVAL, 4, flag},
    {-KEEL_EINVAL, 3, many_pages}, {-KEEL_EFAULT, 1, bad_arg1},    {-KEEL_EINVAL, 5, reg_pad},
    {-KEEL_EINVAL, 6, reg_len},    {-KEEL_ESRCH, 7, reg_partner},  {-KEEL_EACCES, 8, reg_port},
    {-KEEL_EEXIST, 8, reg_exists}, {-KEEL_ENOMEM, 9, reg_no_pool}, {-KEEL_EFAULT, 2, bad_arg2},
    {-KEEL_EINVAL, 10, reg_gfn},
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
    {-KEEL_ESRCH, 9, dst_absent},
    {-KEEL_ECONNREFUSED, 9, dst_stopped},
    {-KEEL_ECONNREFUSED, 10, dst_no_ring},
    {-KEEL_EINVAL, 11, iov_pad},
    {-KEEL_EINVAL, 12, iov_long},
    {-KEEL_EMSGSIZE, 12, iov_sum},
    {-KEEL_EMSGSIZE, 12, iov_ring},
    {-KEEL_EAGAIN, 12, iov_full},
    {-KEEL_EFAULT, 13, iov_nowhere},
};

static int64_t execute(const struct request *r)
{
    world_put(SENDER, ARGS, &r->addr, sizeof(r->addr));
    if (r->op == KEEL_ARGO_REGISTER_RING)
        world_put(SENDER, ARGS, &r->reg, sizeof(r->reg));
    if (r->op == KEEL_ARGO_UNREGISTER_RING)
        world_put(SENDER, ARGS, &r->unreg, sizeof(r->unreg));
    world_put(SENDER, IOVS, r->iov, sizeof(r->iov));
    world_put(SENDER, GFNS, &r->gfn, sizeof(r->gfn));
    return world_call(SENDER, r->op, r->arg1, r->arg2, r->arg3, r->arg4);
}

static void every_pair(const struct request *good, const struct fault *faults, size_t n)
{
    static uint8_t ring_before[PAGE];
    unsigned pairs = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++) {
            struct request r = *good;
            struct holdings before = holdings(SENDER);
            int64_t result;

            if (j != i && faults[j].slot == faults[i].slot)
                continue;
            memcpy(ring_before, world.page[2][20], PAGE);
            if (j != i)
                faults[j].make(&r);
            faults[i].make(&r);
            result = execute(&r);
            domains[SENDER].space.pool.free = (uint32_t)before.pool;
            if (result != faults[i].error)
                ck_abort_msg("op %ld, faults %zu and %zu: %ld", r.op, i, j, result);
            EXPECT(same_holdings(before, holdings(SENDER)));
            /* Nothing is visible: tx_ptr, and everything up to it. */
            EXPECT(memcmp(ring_before, world.page[2][20], 64) == 0);
            pairs++;
        }
    EXPECT(pairs > n);
}

START_TEST(order_of_errors)
{
    struct request good = {
        .arg1 = ARGS,
        .reg = {PORT, 2, 0, 1024},
        .unreg = {PORT2, 2, 0},
        .addr = {{PORT, SENDER, 0}, {PORT, 2, 0}},
        .iov = {{ADDR(DATA), 8, 0}, {ADDR(DATA), 8, 0}},
        .gfn = ADDR(30) / PAGE,
    };

    EXPECT_EQ(ring_register(SENDER, PORT2, 2, 1024, 31, 0), 0);
    EXPECT_EQ(ring_register(2, PORT, SENDER, 1024, 20, 0), 0);
    EXPECT_EQ(ring_register(3, PORT, SENDER, 1024, 20, 0), 0);
    EXPECT_EQ(message_send(SENDER, 2, PORT, 1, ADDR(DATA), 16), 16); /* so that it can be full */
    domains[3].state = KEEL_DOMAIN_STOPPED;

    good.op = KEEL_ARGO_REGISTER_RING, good.arg2 = GFNS, good.arg3 = 1;
    every_pair(&good, register_faults, ARRAY_LENGTH(register_faults));
    good.op = KEEL_ARGO_UNREGISTER_RING, good.arg2 = 0, good.arg3 = 0;
    every_pair(&good, unregister_faults, ARRAY_LENGTH(unregister_faults));
    good.op = KEEL_ARGO_SENDV, good.arg2 = IOVS, good.arg3 = 2;
    every_pair(&good, sendv_faults, ARRAY_LENGTH(sendv_faults));
    /* And without faults all of them work. */
    EXPECT_EQ(execute(&good), 16);
    good.op = KEEL_ARGO_REGISTER_RING, good.arg2 = GFNS, good.arg3 = 1;
    EXPECT_EQ(execute(&good), 0);
    good.op = KEEL_ARGO_UNREGISTER_RING, good.arg2 = 0, good.arg3 = 0;
    EXPECT_EQ(execute(&good), 0);
    domains[3].state = KEEL_DOMAIN_RUNNING;
}
END_TEST

START_TEST(unknown_operations)
{
    static const uint64_t ops[] = {0, 5, 6, 7, 8, 39, UINT32_MAX, 1ull << 32 | 3, UINT64_MAX};

    for (size_t i = 0; i < ARRAY_LENGTH(ops); i++) {
        EXPECT_EQ(world_call(0, ops[i], ARGS, 0, 0, 0), -KEEL_EOPNOTSUPP);
        EXPECT_EQ(world_call(0, ops[i], ARGS, 0, 1ull << 32, 0), -KEEL_EINVAL);
    }
    EXPECT_EQ(world_call(0, KEEL_ARGO_NOTIFY, 0, 1, 0, 0), -KEEL_EINVAL);
    EXPECT_EQ(world_call(0, KEEL_ARGO_NOTIFY, 0, 0, 1, 0), -KEEL_EINVAL);
    EXPECT_EQ(world_call(0, KEEL_ARGO_NOTIFY, 0, 0, 0, 1), -KEEL_EINVAL);
}
END_TEST

/* ---- sendv ---- */

START_TEST(sends_any_length)
{
    for (uint32_t len = 48; len <= 3 * PAGE; len += len < 256 ? 16 : 2032)
        for (uint32_t self = 0; self < 2; self++) {
            uint32_t to = self ? 1 : 0;

            EXPECT_EQ(ring_register(to, PORT, 1, len, 20, 0), 0);
            fill(1, ADDR(DATA) + 3000, len);
            for (uint32_t n = 0; n <= len - 32; n += n < 300 || n > len - 64 ? 1 : 97) {
                EXPECT_EQ(message_send(1, to, PORT, n, ADDR(DATA) + 3000, n), n);
                EXPECT(took_signal(to));
                EXPECT(message_take(to, 20, len, &header, got));
                check_message(1, n, n);
                EXPECT(!message_take(to, 20, len, &header, got));
            }
            EXPECT_EQ(message_send(1, to, PORT, 1, ADDR(DATA), len - 31), -KEEL_EMSGSIZE);
            EXPECT(!took_signal(to));
            EXPECT_EQ(ring_unregister(to, PORT, 1), 0);
        }
}
END_TEST

/* What OpenXT's driver for Linux hands over, and finds in its ring, byte by byte: written by hand from the published headers (argo.md, A3 and
 * A12), without a structure of Keel's. A ring of its default length; a connection is asked for, a word is sent by it, and a datagram. */
START_TEST(bytes_on_the_wire)
{
    static const uint8_t registration[12] = {
        0x00, 0x01, 0x00, 0x00, /* aport 0x100 */
        0x03, 0x00, 0x00, 0x00, /* partner_id 3, pad */
        0xb0, 0xff, 0x01, 0x00, /* len: 32 pages less 80 bytes */
    };
    static const uint8_t addresses[16] = {
        0x00, 0x02, 0x00, 0x00, 0xf4, 0x7f, 0x00, 0x00, /* src: aport 0x200, DOMID_INVALID: the caller, pad */
        0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* dst: aport 0x100, domain 0, pad */
    };
    static const uint8_t syn_buffer[16] = {
        0x00, 0xc0, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, /* iov_hnd 0x4000c000 */
        0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* iov_len, pad */
    };
    static const uint8_t word_buffers[32] = {
        0x08, 0xc0, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x10, 0xc0, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    };
    static const uint8_t memory[21] = {
        0x01, 0x00, 0x00, 0x00, 0x44, 0x33, 0x22, 0x11, /* SYN, conid */
        0x00, 0x00, 0x00, 0x00, 0x44, 0x33, 0x22, 0x11, /* data, conid */
        'h',  'e',  'l',  'l',  'o',
    };
    static const uint8_t pointers[8] = {0x00, 0x00, 0x00, 0x00, 0x60, 0x00, 0x00, 0x00}; /* rx_ptr, tx_ptr */
    static const uint8_t expected[96] = {
        0x18, 0x00, 0x00, 0x00,                         /* len 24: with these 16, without padding */
        0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, /* source: aport 0x200, domain 3, pad */
        0x6d, 0x52, 0x74, 0x35,                         /* message_type: a stream's */
        0x01, 0x00, 0x00, 0x00, 0x44, 0x33, 0x22, 0x11, /* SYN, conid */
        0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, /* padding, as it was */
        0x1d, 0x00, 0x00, 0x00,                         /* len 29 */
        0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, /* source */
        0x6d, 0x52, 0x74, 0x35,                         /* message_type */
        0x00, 0x00, 0x00, 0x00, 0x44, 0x33, 0x22, 0x11, /* data, conid */
        'h',  'e',  'l',  'l',  'o',  0xee, 0xee, 0xee, /* and padding */
        0x15, 0x00, 0x00, 0x00,                         /* len 21 */
        0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, /* source */
        0x4d, 0x72, 0x47, 0x64,                         /* message_type: a datagram's */
        'h',  'e',  'l',  'l',  'o',  0xee, 0xee, 0xee, /* without a header of its own */
        0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
    };
    static const uint8_t zero[56];
    uint8_t *ring = world_at(0, ADDR(20));
    uint64_t gfn[32];

    for (uint32_t i = 0; i < 32; i++)
        gfn[i] = 0x40000 + 20 + i;
    memset(ring, 0, 64);
    memset(ring + 64, 0xee, PAGE - 64);
    world_put(0, ARGS, registration, sizeof registration);
    world_put(0, GFNS, gfn, sizeof gfn);
    EXPECT_EQ(world_call(0, 1, ARGS, GFNS, 32, 0), 0);
    world_put(3, ARGS, addresses, sizeof addresses);
    world_put(3, 0x4000c000, memory, sizeof memory);
    world_put(3, IOVS, syn_buffer, sizeof syn_buffer);
    EXPECT_EQ(world_call(3, 3, ARGS, IOVS, 1, 0x3574526d), 8);
    world_put(3, IOVS, word_buffers, sizeof word_buffers);
    EXPECT_EQ(world_call(3, 3, ARGS, IOVS, 2, 0x3574526d), 13);
    world_put(3, IOVS, word_buffers + 16, 16);
    EXPECT_EQ(world_call(3, 3, ARGS, IOVS, 1, 0x6447724d), 5);
    EXPECT(memcmp(ring, pointers, sizeof pointers) == 0);
    EXPECT(memcmp(ring + 8, zero, sizeof zero) == 0);
    EXPECT(memcmp(ring + 64, expected, sizeof expected) == 0);
    EXPECT_EQ(ring[64 + sizeof expected], 0xee);
}
END_TEST

/* Who asks for it is signalled for a message only when all before it are taken. */
START_TEST(signals_when_empty)
{
    struct keel_argo_ring *ring = (void *)world_at(0, ADDR(20));

    for (uint32_t partner = 1; partner <= ANY; partner += ANY - 1) {
        EXPECT_EQ(ring_register(0, PORT, partner, 2048, 20, 0), 0);
        ring->signals = KEEL_ARGO_SIGNALS_WHEN_EMPTY;
        for (uint32_t turn = 0; turn < 100; turn++) {
            EXPECT_EQ(message_send(1, 0, PORT, turn, ADDR(DATA), 40), 40);
            EXPECT(took_signal(0));
            for (uint32_t more = 0; more < turn % 4; more++) {
                EXPECT_EQ(message_send(1, 0, PORT, turn, ADDR(DATA), 4), 4);
                EXPECT(!took_signal(0));
                EXPECT(message_take(0, 20, 2048, &header, got));
            }
            EXPECT(message_take(0, 20, 2048, &header, got));
        }
        ring->signals = 2; /* nothing */
        EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 40), 40);
        EXPECT(took_signal(0));
        EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 40), 40);
        EXPECT(took_signal(0));
        EXPECT(message_take(0, 20, 2048, &header, got) && message_take(0, 20, 2048, &header, got));
        EXPECT_EQ(ring_unregister(0, PORT, partner), 0);
    }
}
END_TEST

START_TEST(gathers_buffers)
{
    struct keel_argo_send_addr addr = {{PORT, ANY, 0}, {PORT, 0, 0}};
    struct keel_argo_iov iov[9];

    EXPECT_EQ(ring_register(0, PORT, 1, 9 * PAGE, 20, 0), 0);
    fill(1, ADDR(DATA), 20 * PAGE);
    srandom(1);
    for (uint32_t round = 0; round < 3000; round++) {
        uint32_t n = (uint32_t)random() % 9, total = 0;

        for (uint32_t i = 0; i < n; i++) {
            uint32_t bytes = (uint32_t)random() % (round % 3 ? 40 : 4400);

            if (random() % 4 == 0)
                bytes = 0;
            /* Scattered: what comes next is copied to where it does not come next. */
            uint64_t at = ADDR(40) + 5000 * (n - i) % (20 * PAGE) + (uint64_t)random() % 600;
            world_put(1, at, sent + total, 0);
            iov[i] = (struct keel_argo_iov){at, bytes, 0};
            if (bytes == 0)
                iov[i].iov_hnd = NOWHERE;
            total += bytes;
        }
        total = 0;
        for (uint32_t i = 0; i < n; i++) {
            /* overlapping buffers: the message is what memory holds at the end */
            if (iov[i].iov_len)
                world_put(1, iov[i].iov_hnd, sent + total, iov[i].iov_len);
            total += iov[i].iov_len;
        }
        uint8_t *expected = malloc(total + 1);
        total = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (iov[i].iov_len)
                world_get(1, iov[i].iov_hnd, expected + total, iov[i].iov_len);
            total += iov[i].iov_len;
        }
        world_put(1, ARGS, &addr, sizeof(addr));
        world_put(1, IOVS, iov, n * sizeof(iov[0]));
        EXPECT_EQ(world_call(1, KEEL_ARGO_SENDV, ARGS, n ? IOVS : 0, n, round), total);
        EXPECT(message_take(0, 20, 9 * PAGE, &header, got));
        EXPECT_EQ(header.len, total + 16);
        EXPECT_EQ(header.source.domain_id, 1);
        EXPECT(memcmp(got, expected, total) == 0);
        free(expected);
    }
}
END_TEST

START_TEST(source_ports)
{
    static const struct {
        uint32_t port;
        int64_t result;
    } rows[] = {
        {0, 4},
        {PORT, 4},
        {PORT_DEAF, 4},
        {PORT_MUTE, -KEEL_EACCES},
        {1, -KEEL_EACCES},
        {KEEL_PORT_CONSOLE, -KEEL_EACCES},
        {KEEL_PORT_STDIO, -KEEL_EACCES},
        {KEEL_PORT_GUEST, -KEEL_EACCES},
        {KEEL_PORT_SUPERVISOR, -KEEL_EACCES},
        {KEEL_PORT_CONTROL, -KEEL_EACCES},
        {KEEL_PORT_CONTROL + 1, -KEEL_EACCES},
        {KEEL_PORT_KERNEL, -KEEL_EACCES},
        {UINT32_MAX, -KEEL_EACCES},
    };

    EXPECT_EQ(ring_register(0, PORT, ANY, 4096, 20, 0), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct keel_argo_send_addr addr = {{rows[i].port, 1, 0}, {PORT, 0, 0}};

        message_args(1, 0, PORT, ADDR(DATA), 4);
        world_put(1, ARGS, &addr, sizeof(addr));
        EXPECT_EQ(world_call(1, KEEL_ARGO_SENDV, ARGS, IOVS, 1, 0), rows[i].result);
        if (rows[i].result >= 0) {
            EXPECT(message_take(0, 20, 4096, &header, got));
            EXPECT_EQ(header.source.aport, rows[i].port);
        }
    }
}
END_TEST

START_TEST(rights_to_send)
{
    EXPECT_EQ(ring_register(0, PORT, ANY, 4096, 20, 0), 0);
    EXPECT_EQ(ring_register(0, PORT_DEAF, ANY, 4096, 21, 0), 0);
    EXPECT_EQ(ring_register(0, KEEL_PORT_KERNEL, KEEL_DOMAIN_KERNEL, 4096, 22, 0), 0);
    EXPECT_EQ(message_send(1, 0, PORT_DEAF, 0, ADDR(DATA), 4), -KEEL_EACCES);
    EXPECT_EQ(message_send(0, 0, PORT_DEAF, 0, ADDR(DATA), 4), -KEEL_EACCES);
    EXPECT_EQ(message_send(1, 0, KEEL_PORT_KERNEL, 0, ADDR(DATA), 4), -KEEL_EACCES);
    EXPECT_EQ(message_send(1, 0, PORT_MUTE, 0, ADDR(DATA), 4), -KEEL_ECONNREFUSED);
    domains[0].authority.port[0].senders = 1u << 2 | 1u << 5; /* each sender has its bit */
    for (uint32_t d = 0; d < DOMAINS; d++)
        EXPECT_EQ(message_send(d, 0, PORT, 0, ADDR(DATA), 4), d == 2 || d == 5 ? 4 : -KEEL_EACCES);
}
END_TEST

/* What was allowed is known the next time, and nothing else is: not one bit of the addresses. */
START_TEST(allowed_addresses)
{
    const struct keel_argo_send_addr sources[] = {{{PORT, 0, 0}, {PORT, 1, 0}},
                                                  {{PORT, ANY, 0}, {PORT, 1, 0}},
                                                  {{0, ANY, 0}, {PORT, 1, 0}},
                                                  {{PORT2, 0, 0}, {PORT2, 1, 0}}};

    EXPECT_EQ(ring_register(1, PORT, 0, 4000, 20, 0), 0);
    EXPECT_EQ(ring_register(1, PORT2, 0, 4000, 30, 0), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(sources); i++)
        for (uint32_t bit = 0; bit < 128; bit++) {
            struct keel_argo_send_addr addr = sources[i];
            int64_t first;

            world_put(0, ARGS, &addr, sizeof(addr));
            EXPECT_EQ(world_call(0, KEEL_ARGO_SENDV, ARGS, IOVS, 0, 1), 0);
            ((uint8_t *)&addr)[bit / 8] ^= (uint8_t)(1 << bit % 8);
            world_put(0, ARGS, &addr, sizeof(addr));
            domains[0].argo.to = NULL;
            first = world_call(0, KEEL_ARGO_SENDV, ARGS, IOVS, 0, 1);
            world_put(0, ARGS, &sources[i], sizeof(addr));
            EXPECT_EQ(world_call(0, KEEL_ARGO_SENDV, ARGS, IOVS, 0, 1), 0);
            world_put(0, ARGS, &addr, sizeof(addr));
            EXPECT_EQ(world_call(0, KEEL_ARGO_SENDV, ARGS, IOVS, 0, 1), first);
            while (message_take(1, 20, 4000, &header, got) ||
                   message_take(1, 30, 4000, &header, got))
                EXPECT(header.source.domain_id == 0 && header.source.pad == 0);
        }
    /* Nor is nothing at all, before anything was allowed. */
    domains[1].argo.to = NULL;
    memset(domains[1].argo.allowed, 0, sizeof(domains[1].argo.allowed));
    world_put(1, ARGS, &(struct keel_argo_send_addr){{0, 0, 0}, {0, 0, 0}}, 16);
    EXPECT_EQ(world_call(1, KEEL_ARGO_SENDV, ARGS, IOVS, 0, 1), -KEEL_EPERM);
}
END_TEST

/* A service's pages are translated once, as long as they stay; a machine's in each step, as it may
 * change its tables whenever it likes. Neither is written to because it could be read. */
START_TEST(pages_that_were_read)
{
    EXPECT_EQ(ring_register(1, PORT, ANY, 8000, 20, 0), 0);
    for (uint32_t from = 2; from < 4; from++) {
        bool machine = domains[from].kind == KEEL_DOMAIN_MACHINE;
        struct keel_argo_ring_data data = {.nent = 1};
        uint64_t page = DATA + 3;

        fill(from, ADDR(page), 64);
        EXPECT_EQ(message_send(from, 1, PORT, 1, ADDR(page), 64), 64);
        EXPECT_EQ(message_step(from, 1, 1), 64);
        EXPECT_EQ(world.translated, machine ? 3 : 0);
        world_put(from, ADDR(page), &data, sizeof(data));
        world_map(from, (uint32_t)page, 1, 1);
        EXPECT_EQ(message_step(from, 1, 1), 64);
        EXPECT_EQ(world_call(from, KEEL_ARGO_NOTIFY, ADDR(page), 0, 0, 0), -KEEL_EFAULT);
        if (machine)
            world.access[from][page] = 0; /* by itself: nobody is told */
        else
            world_map(from, (uint32_t)page, 1, 0);
        EXPECT_EQ(message_step(from, 1, 1), -KEEL_EFAULT);
        while (message_take(1, 20, 8000, &header, got))
            ;
    }
}
END_TEST

START_TEST(partner_before_wildcard)
{
    EXPECT_EQ(ring_register(0, PORT, ANY, 4096, 20, 0), 0);
    EXPECT_EQ(ring_register(0, PORT, 1, 4096, 22, 0), 0);
    EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 4), 4);
    EXPECT_EQ(message_send(2, 0, PORT, 2, ADDR(DATA), 4), 4);
    EXPECT(message_take(0, 22, 4096, &header, got) && header.source.domain_id == 1);
    EXPECT(message_take(0, 20, 4096, &header, got) && header.source.domain_id == 2);
    EXPECT_EQ(ring_unregister(0, PORT, 1), 0);
    EXPECT_EQ(message_send(1, 0, PORT, 3, ADDR(DATA), 4), 4);
    EXPECT(message_take(0, 20, 4096, &header, got) && header.source.domain_id == 1);
}
END_TEST

/* Also A10.5: steps, whose work world_step bounds. */
START_TEST(long_messages_in_steps)
{
    static const uint32_t sizes[] = {4096,  13311, 13312, 13313, 26624,
                                     30000, 65535, 65536, 65537, 1000000};
    uint32_t len = 300 * PAGE;

    world_map(0, 64, 400, 2);
    world_map(1, 64, 400, 2);
    EXPECT_EQ(ring_register(0, PORT, 1, len, 64, 0), 0);
    fill(1, ADDR(64) + 123, 1000000);
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        const struct keel_argo_ring *ring = (const void *)world.page[0][64];
        uint32_t tx = ring->tx_ptr, steps = 0;
        struct holdings before[2] = {holdings(0), holdings(1)};
        int64_t result;

        message_args(1, 0, PORT, ADDR(64) + 123, sizes[i]);
        while ((result = message_step(1, 7, 1)) == ARGO_AGAIN) {
            EXPECT_EQ(ring->tx_ptr, tx); /* nothing is visible */
            EXPECT(!took_signal(0));
            steps++;
        }
        EXPECT_EQ(result, sizes[i]);
        if (world_flat)
            EXPECT_EQ(steps, (sizes[i] - 1) / CHUNK);
        else /* each goes from and to at least two pages */
            EXPECT(steps >= (sizes[i] - 1) / CHUNK && steps <= (sizes[i] - 1) / (2 * PAGE));
        EXPECT(took_signal(0));
        EXPECT(same_holdings(before[0], holdings(0)) && same_holdings(before[1], holdings(1)));
        EXPECT(message_take(0, 64, len, &header, got));
        check_message(1, 7, sizes[i]);
    }
    /* A buffer that ends in the middle: nothing was published, nothing is left. */
    world_map(1, 200, 1, 0);
    for (uint32_t i = 0; i < 5; i++) {
        EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(200) - 4096 * i - 1, 70000), -KEEL_EFAULT);
        EXPECT(!message_take(0, 64, len, &header, got));
    }
    EXPECT_EQ(message_send(1, 0, PORT, 7, ADDR(64) + 123, 70000), 70000);
    EXPECT(message_take(0, 64, len, &header, got));
    check_message(1, 7, 70000);
}
END_TEST

/* ---- the restartable exclusive append ---- */

#define LONG 60000u /* bytes, in `longs` steps and the last one */
#define WIDE (64u * PAGE - 64)

static uint32_t longs;

static void two_senders(void)
{
    world_map(0, 64, 64, 2);
    for (uint32_t d = 1; d < DOMAINS; d++) {
        fill(d, ADDR(DATA), LONG);
        message_args(d, 0, PORT, ADDR(DATA), LONG);
    }
    EXPECT_EQ(ring_register(0, PORT, ANY, WIDE, 64, 0), 0);
    for (longs = 0; message_step(1, 1, 1) == ARGO_AGAIN; longs++)
        ;
    EXPECT(longs >= (LONG - 1) / CHUNK);
    EXPECT(message_take(0, 64, WIDE, &header, got));
}

static void steps(uint32_t domain, uint32_t n)
{
    while (n--)
        EXPECT(message_step(domain, domain, 1) == ARGO_AGAIN);
}

static void finish(uint32_t domain)
{
    int64_t result;

    do
        result = message_step(domain, domain, 1);
    while (result == ARGO_AGAIN);
    EXPECT_EQ(result, LONG);
}

static void take(uint32_t from, uint32_t bytes)
{
    EXPECT(message_take(0, 64, WIDE, &header, got));
    check_message(from, from, bytes);
}

START_TEST(a_short_message_overtakes)
{
    two_senders();
    steps(1, 3);
    EXPECT_EQ(message_send(2, 0, PORT, 2, ADDR(DATA), 4096), 4096);
    take(2, 4096);
    steps(1, longs); /* from the start */
    /* Now it is protected: the short one has to come again, */
    message_args(2, 0, PORT, ADDR(DATA), 100);
    EXPECT(message_step(2, 2, 1) == ARGO_AGAIN);
    EXPECT_EQ(message_step(1, 1, 1), LONG);
    EXPECT_EQ(message_step(2, 2, 1), 100);
    take(1, LONG);
    take(2, 100);
    EXPECT(!message_take(0, 64, WIDE, &header, got));
}
END_TEST

START_TEST(protection_ends)
{
    for (uint32_t how = 0; how < 3; how++) {
        two_senders();
        steps(1, 3);
        EXPECT_EQ(message_send(2, 0, PORT, 2, ADDR(DATA), 10), 10);
        steps(1, 3);
        message_args(2, 0, PORT, ADDR(DATA), 10);
        EXPECT(message_step(2, 2, 1) == ARGO_AGAIN);
        if (how == 0)
            world.now += 63999;
        EXPECT(message_step(2, 2, 1) == ARGO_AGAIN);
        if (how == 0)
            world.now += 1; /* its time is over, */
        else if (how == 1)
            world_vcpu(1)->state = VCPU_READY; /* it lost its CPU, */
        else
            world_vcpu(1)->state = VCPU_OFF; /* it is dead */
        EXPECT_EQ(message_step(2, 2, 1), 10);
        world_vcpu(1)->state = VCPU_RUNNING;
        finish(1);
        take(2, 10);
        take(2, 10);
        take(1, LONG);
    }
}
END_TEST

START_TEST(nobody_is_in_the_way_of_oneself)
{
    two_senders();
    steps(1, 3);
    EXPECT_EQ(message_send(2, 0, PORT, 2, ADDR(DATA), 10), 10);
    steps(1, 1); /* protected, and given up for another one */
    message_args(1, 0, PORT, ADDR(DATA), 100);
    EXPECT_EQ(message_step(1, 1, 1), 100);
    take(2, 10);
    take(1, 100);
}
END_TEST

/* Where the first bytes of the next message's payload will be. */
static uint8_t *next_payload(void)
{
    const struct keel_argo_ring *ring = (const void *)world.page[0][64];
    uint32_t byte = (ring->tx_ptr + 16) % WIDE + 64;

    return world.page[0][64 + byte / PAGE] + byte % PAGE;
}

/* However many compete: each starts again at most once. Who starts writes the first bytes. */
START_TEST(one_restart_each)
{
    static const uint8_t untouched[16] = {0};
    uint8_t kept[sizeof(untouched)];
    uint32_t starts[DOMAINS] = {0}, restarts = 0, done = 0, rounds = 0;

    two_senders();
    while (done != (1u << DOMAINS) - 2) {
        EXPECT(rounds++ < 1000);
        for (uint32_t d = 1; d < DOMAINS; d++) {
            uint8_t *first = next_payload();
            int64_t result;

            if (done >> d & 1)
                continue;
            memcpy(kept, first, sizeof(kept));
            memcpy(first, untouched, sizeof(untouched));
            world.now += 100;
            result = message_step(d, d, 1);
            if (memcmp(first, untouched, sizeof(untouched)) == 0) {
                memcpy(first, kept, sizeof(kept));
            } else if (++starts[d] > 1) {
                EXPECT_EQ(starts[d], 2);
                restarts++;
            }
            if (result == -KEEL_EAGAIN) { /* half the ring of one, but four fill it */
                while (message_take(0, 64, WIDE, &header, got))
                    check_message(header.source.domain_id, header.source.domain_id, LONG);
                EXPECT_EQ(notify_all(0), 0);
                EXPECT(took_signal(d));
                starts[d] = 0; /* its message begins anew */
            } else if (result != ARGO_AGAIN) {
                EXPECT_EQ(result, LONG);
                done |= 1u << d;
            }
        }
    }
    while (message_take(0, 64, WIDE, &header, got))
        check_message(header.source.domain_id, header.source.domain_id, LONG);
    EXPECT(restarts > 0);
}
END_TEST

/* Chunks in one call, as long as the CPU has nothing better to do. What happens between two of them: */
static void it_is_interrupted(void)
{
    world.alone = false;
}

static void it_is_overtaken(void)
{
    EXPECT_EQ(message_send(2, 0, PORT, 2, ADDR(DATA), 10), 10);
}

static void it_is_moved_on(void)
{
    world.alone = false;
    EXPECT_EQ(message_step(2, 2, 1), ARGO_AGAIN); /* a long one, which is not finished */
}

static void the_ring_goes(void)
{
    EXPECT_EQ(ring_unregister(0, PORT, ANY), 0);
}

static void the_ring_is_new(void)
{
    EXPECT_EQ(ring_register(0, PORT, ANY, WIDE, 64, 0), 0);
}

static void its_buffer_goes(void)
{
    world_map(1, DATA + 5, 1, 0);
}

START_TEST(chunks_in_one_call)
{
    static const struct {
        void (*between)(void);
        int64_t first, then; /* results of this call, and of those after it */
        bool overtaken;
    } cases[] = {
        {NULL, LONG, 0, false},
        {it_is_interrupted, ARGO_AGAIN, LONG, false},
        {it_is_overtaken, ARGO_AGAIN, LONG, true},
        {it_is_moved_on, ARGO_AGAIN, LONG, false},
        {the_ring_is_new, ARGO_AGAIN, LONG, false},
        {its_buffer_goes, -KEEL_EFAULT, -KEEL_EFAULT, false},
        {the_ring_goes, -KEEL_ECONNREFUSED, -KEEL_ECONNREFUSED, false},
    };

    two_senders();
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        world.alone = true;
        world.between = cases[i].between;
        EXPECT_EQ(message_step(1, 1, 1), cases[i].first);
        EXPECT(!world.between);
        world.alone = true;
        if (cases[i].first != LONG)
            EXPECT_EQ(message_step(1, 1, 1), cases[i].then);
        if (cases[i].overtaken)
            take(2, 10);
        if (cases[i].first == LONG || cases[i].then == LONG)
            take(1, LONG);
        EXPECT(!message_take(0, 64, WIDE, &header, got));
        message_args(2, 0, PORT, ADDR(DATA), LONG);
    }
}
END_TEST

/* A half message ends with its sender: the next life begins at the beginning. */
START_TEST(a_half_message_dies)
{
    two_senders();
    for (uint32_t i = 0; i < LONG; i += 8)
        world_put(1, ADDR(DATA) + i, "WRONG!!!", 8);
    steps(1, 3);
    domains[1].incarnation++;
    fill(1, ADDR(DATA), LONG);
    steps(1, longs);
    EXPECT_EQ(message_step(1, 1, 1), LONG);
    take(1, LONG);

    /* Nor does it continue as another message of the same vCPU, */
    message_args(1, 0, PORT, ADDR(DATA) + 1, LONG);
    steps(1, 3);
    message_args(1, 0, PORT, ADDR(DATA), LONG);
    finish(1);
    take(1, LONG);
    /* of another type, */
    EXPECT(message_step(1, 99, 1) == ARGO_AGAIN);
    finish(1);
    take(1, LONG);
    EXPECT(!message_take(0, 64, WIDE, &header, got));
    /* or into a ring that was registered anew in between. */
    steps(1, 3);
    EXPECT_EQ(ring_register(0, PORT, ANY, WIDE, 64, 0), 0);
    finish(1);
    take(1, LONG);
    steps(1, 3);
    EXPECT_EQ(ring_unregister(0, PORT, ANY), 0);
    EXPECT_EQ(message_step(1, 1, 1), -KEEL_ECONNREFUSED);
}
END_TEST

/* A half message that was given up in one ring is no part of another message of the same vCPU, whose own ring
 * goes in the middle, so that it would come to that one: nor is what was looked at there true here. */
static void its_own_ring_goes(void)
{
    EXPECT_EQ(ring_unregister(0, PORT, 1), 0);
}

START_TEST(a_half_message_in_another_ring)
{
    const uint32_t longer = 1000000;

    two_senders();
    world_map(0, 200, 300, 2);
    world_map(1, 64, 300, 2);
    for (uint32_t i = 0; i < 2; i++) {
        message_args(1, 0, PORT, ADDR(DATA), LONG);
        steps(1, 3);
        EXPECT_EQ(ring_register(0, PORT, 1, 300 * PAGE - 64, 200, 0), 0);
        fill(1, ADDR(64), longer);
        message_args(1, 0, PORT, ADDR(64), i == 0 ? LONG - 1 : longer);
        world.alone = true;
        world.between = its_own_ring_goes;
        EXPECT_EQ(message_step(1, 1, 1), ARGO_AGAIN);
        EXPECT(!world.between);
        EXPECT_EQ(message_step(1, 1, 1), i == 0 ? (int64_t)LONG - 1 : -KEEL_EMSGSIZE);
        world.alone = false;
        if (i == 0)
            take(1, LONG - 1);
        EXPECT(!message_take(0, 64, WIDE, &header, got));
    }
}
END_TEST

/*
 * Anything between two chunks: rings for all and for one that come, go and are replaced, other senders,
 * messages that are given up for others. Whatever arrives is a message that was sent, whole.
 */
enum { AREAS = 3, KINDS = 3 };
static const struct {
    uint32_t partner, first, pages;
} area[AREAS] = {{ANY, 64, 64}, {1, 130, 20}, {2, 160, 300}};
static const uint32_t kind_bytes[KINDS] = {LONG, 20001, 1000000};

static void ring_change(void)
{
    const uint32_t i = (uint32_t)random() % AREAS;

    if (random() % 2)
        EXPECT_EQ(
            ring_register(0, PORT, area[i].partner, area[i].pages * PAGE - 64, area[i].first, 0),
            0);
    else
        (void)ring_unregister(0, PORT, area[i].partner);
}

/* Of a kind: what it is, where it lies, and its type belong together. */
static int64_t kind_step(uint32_t from, uint32_t kind)
{
    message_args(from, 0, PORT, ADDR(64) + 512 * kind, kind_bytes[kind]);
    return message_step(from, kind, 1);
}

static void anything(void)
{
    world.alone = random() % 8 != 0;
    if (random() % 3 == 0)
        (void)kind_step(1 + (uint32_t)random() % 2, (uint32_t)random() % KINDS);
    for (uint32_t n = (uint32_t)random() % 4; n > 0; n--)
        ring_change();
    if (random() % 4)
        world.between = anything;
}

static uint32_t all_taken(void)
{
    uint32_t taken = 0;

    for (uint32_t i = 0; i < AREAS; i++)
        for (; message_take(0, area[i].first, area[i].pages * PAGE - 64, &header, got); taken++) {
            EXPECT(header.message_type < KINDS);
            EXPECT_EQ(header.len, kind_bytes[header.message_type] + 16);
            EXPECT(memcmp(got, sent + 512 * header.message_type, header.len - 16) == 0);
        }
    return taken;
}

START_TEST(anything_between_chunks)
{
    uint32_t taken = 0, done = 0;

    srandom(11);
    world_map(0, 64, 400, 2);
    for (uint32_t from = 1; from < 3; from++) {
        world_map(from, 64, 300, 2);
        fill(from, ADDR(64), 1100000);
    }
    for (uint32_t round = 0; round < 3000; round++) {
        const uint32_t from = 1 + (uint32_t)random() % 2, kind = (uint32_t)random() % KINDS;
        int64_t result = ARGO_AGAIN;

        world.alone = random() % 2;
        world.between = random() % 4 ? anything : NULL;
        for (uint32_t steps = 1 + (uint32_t)random() % 8; steps > 0 && result == ARGO_AGAIN;
             steps--)
            result = kind_step(from, kind);
        EXPECT(result == ARGO_AGAIN || result == kind_bytes[kind] || result == -KEEL_EAGAIN ||
               result == -KEEL_EMSGSIZE || result == -KEEL_ECONNREFUSED);
        done += result == kind_bytes[kind];
        world.between = NULL;
        if (random() % 4 == 0)
            ring_change();
        taken += all_taken();
    }
    EXPECT(done > 200 && taken >= done / 2);
}
END_TEST

/* ---- waiting ---- */

START_TEST(waits_and_is_woken)
{
    uint8_t *page;

    EXPECT_EQ(ring_register(0, PORT, 1, 1024, 20, 0), 0);
    EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 600), 600);
    EXPECT_EQ(message_send(1, 0, PORT, 2, ADDR(DATA), 600), -KEEL_EAGAIN);
    EXPECT_EQ(message_send(1, 0, PORT, 2, ADDR(DATA), 500), -KEEL_EAGAIN);
    page = world.page[0][20];
    EXPECT_EQ(((struct keel_argo_ring *)(void *)page)->tx_ptr, 624);
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(!took_signal(1)); /* there is no space yet */
    took_signal(0);
    EXPECT(message_take(0, 20, 1024, &header, got));
    EXPECT(!took_signal(1)); /* not before notify: the ABI is so */
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(took_signal(1));
    EXPECT_EQ(world.signals[1], 1);
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(!took_signal(1)); /* once */
    EXPECT_EQ(message_send(1, 0, PORT, 2, ADDR(DATA), 600), 600);
}
END_TEST

START_TEST(wakes_only_who_fits)
{
    EXPECT_EQ(ring_register(0, PORT, 0, 1024, 20, 0), 0); /* not for others */
    EXPECT_EQ(ring_register(0, PORT, ANY, 4096, 22, 0), 0);
    EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 200), 200);
    EXPECT_EQ(message_send(2, 0, PORT, 1, ADDR(DATA), 2032), 2032);
    EXPECT_EQ(message_send(3, 0, PORT, 1, ADDR(DATA), 2032), -KEEL_EAGAIN);
    EXPECT_EQ(message_send(4, 0, PORT, 1, ADDR(DATA), 1900), -KEEL_EAGAIN);
    EXPECT(message_take(0, 22, 4096, &header, got));
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(!took_signal(3) && took_signal(4)); /* not held back by who needs more */
    EXPECT(message_take(0, 22, 4096, &header, got));
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(took_signal(3) && !took_signal(4));
}
END_TEST

static void a_ring_of_forty(void)
{
    world_end();
    world_begin(40);
    EXPECT_EQ(ring_register(0, PORT, ANY, 1024, 20, 0), 0);
}

static void thirty_two_wait(void)
{
    EXPECT_EQ(message_send(38, 0, PORT, 1, ADDR(DATA), 480), 480);
    EXPECT_EQ(message_send(39, 0, PORT, 1, ADDR(DATA), 480), 480);
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t d = 1; d <= 32; d++)
            EXPECT_EQ(message_send(d, 0, PORT, 1, ADDR(DATA), 100), -KEEL_EAGAIN);
    EXPECT_EQ(message_send(33, 0, PORT, 1, ADDR(DATA), 100), -KEEL_EBUSY);
    EXPECT_EQ(message_send(32, 0, PORT, 1, ADDR(DATA), 100), -KEEL_EAGAIN);
}

static void thirty_two_waiters(void)
{
    a_ring_of_forty();
    thirty_two_wait();
}

static void all_woken(void)
{
    for (uint32_t d = 1; d < 40; d++)
        EXPECT_EQ(took_signal(d), d <= 32);
}

START_TEST(waiters_at_the_limit)
{
    struct holdings before;

    thirty_two_waiters();
    before = holdings(0);
    EXPECT(message_take(0, 20, 1024, &header, got));
    EXPECT(message_take(0, 20, 1024, &header, got));
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(world.steps >= 4); /* eight in each step */
    all_woken();
    EXPECT_EQ(message_send(33, 0, PORT, 1, ADDR(DATA), 100), 100);
    EXPECT(same_holdings(before, holdings(0)));
}
END_TEST

/* A10.6: to send, to wait and to wake take no memory: pools are empty at both ends. */
START_TEST(a10_6_no_memory_to_send)
{
    a_ring_of_forty();
    for (uint32_t d = 0; d < 40; d++)
        domains[d].space.pool.free = 0;
    thirty_two_wait();
    EXPECT(message_take(0, 20, 1024, &header, got));
    EXPECT(message_take(0, 20, 1024, &header, got));
    EXPECT_EQ(notify_all(0), 0);
    all_woken();
    for (uint32_t d = 1; d <= 4; d++)
        EXPECT_EQ(message_send(d, 0, PORT, 1, ADDR(DATA), 100), 100);
    for (uint32_t d = 0; d < 40; d++)
        domains[d].space.pool.free = POOL - (d == 0); /* the ring's page */
}
END_TEST

/* A10.9: who waits for a ring is told when it ends, however it ends. */
START_TEST(a10_9_waiters_are_told)
{
    thirty_two_waiters();
    EXPECT_EQ(ring_unregister(0, PORT, ANY), 0);
    all_woken();
    EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 100), -KEEL_ECONNREFUSED);
    thirty_two_waiters();
    EXPECT_EQ(ring_register(0, PORT, ANY, 1024, 21, 0), 0);
    all_woken();
    thirty_two_waiters();
    domains[0].state = KEEL_DOMAIN_STOPPED;
    while (argo_teardown(&domains[0]) != 0)
        ;
    all_woken();
    domains[0].state = KEEL_DOMAIN_RUNNING;
    /* And a ring for a partner outlives it: its next life finds it. */
    memset(world.page[0][20], 0, 64);
    EXPECT_EQ(ring_register(0, PORT, 1, 1024, 20, 0), 0);
    domains[1].state = KEEL_DOMAIN_STOPPED;
    while (argo_teardown(&domains[1]) != 0)
        ;
    domains[1].state = KEEL_DOMAIN_RUNNING;
    domains[1].incarnation++;
    EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 100), 100);
}
END_TEST

/* Who asked about a ring is told when it comes, is replaced or goes, and which it was. */
static void told_of(uint32_t asker, bool exists, uint32_t life)
{
    struct keel_argo_ring_data data = {1, 0};
    struct keel_argo_ring_data_ent entry = {{PORT, 0, 0}, 0xffff, 0xffff, 16, 0};

    EXPECT(took_signal(asker));
    EXPECT(!took_signal(asker));
    world_put(asker, ADDR(40), &data, sizeof(data));
    world_put(asker, ADDR(40) + sizeof(data), &entry, sizeof(entry));
    EXPECT_EQ(world_call(asker, KEEL_ARGO_NOTIFY, ADDR(40), 0, 0, 0), 0);
    world_get(asker, ADDR(40) + sizeof(data), &entry, sizeof(entry));
    EXPECT_EQ(entry.flags & KEEL_ARGO_EXISTS, exists);
    EXPECT_EQ(entry.life, life);
}

START_TEST(rings_that_come_and_go_are_told)
{
    domains[0].incarnation = 0x10005;
    for (uint32_t asker = 1; asker < 4; asker++) {
        vcpu_signal(world_vcpu(asker), 1ul << KEEL_EVENT_ARGO);
        told_of(asker, false, 5);
    }
    EXPECT_EQ(ring_register(0, PORT, ANY, 1024, 20, 0), 0);
    for (uint32_t asker = 1; asker < 4; asker++)
        told_of(asker, true, 5);
    EXPECT(!took_signal(4));                                /* did not ask */
    EXPECT_EQ(ring_register(0, PORT, ANY, 1024, 21, 0), 0); /* in place of the other */
    for (uint32_t asker = 1; asker < 4; asker++)
        told_of(asker, true, 5);
    EXPECT_EQ(ring_unregister(0, PORT, ANY), 0);
    told_of(1, false, 5);
    EXPECT_EQ(ring_register(0, PORT, ANY, 1024, 20, 0), 0);
    told_of(1, true, 5);
    EXPECT(took_signal(2)); /* once for both, as it has not asked in between */
    EXPECT(!took_signal(2));
    domains[0].state = KEEL_DOMAIN_STOPPED;
    while (argo_teardown(&domains[0]) != 0)
        ;
    told_of(1, false, 5);
    domains[0].state = KEEL_DOMAIN_RUNNING;
    domains[0].incarnation++;
    EXPECT_EQ(ring_register(0, PORT, ANY, 1024, 20, 0), 0);
    told_of(1, true, 6);
    /* Without the right to send there, nobody is told anything. */
    vcpu_signal(world_vcpu(1), 1ul << KEEL_EVENT_ARGO);
    told_of(1, true, 6);
    world_get(1, ADDR(40), got, 28);
    world_put(5, ADDR(40), got, 28);
    domains[0].authority.port[0].senders &= ~(1ul << 5);
    EXPECT_EQ(world_call(5, KEEL_ARGO_NOTIFY, ADDR(40), 0, 0, 0), -KEEL_EACCES);
    EXPECT_EQ(domains[0].argo.askers, 1ul << 1);
}
END_TEST

/* A waiter that died is nobody: its signal goes nowhere, its place becomes free. */
START_TEST(a_dead_waiter)
{
    EXPECT_EQ(ring_register(0, PORT, 1, 1024, 20, 0), 0);
    EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 900), 900);
    EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 900), -KEEL_EAGAIN);
    domains[1].state = KEEL_DOMAIN_STOPPED;
    EXPECT(message_take(0, 20, 1024, &header, got));
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(!took_signal(1));
    domains[1].state = KEEL_DOMAIN_RUNNING;
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(!took_signal(1));
}
END_TEST

/* ---- notify ---- */

static void query(uint32_t n, uint32_t to, uint32_t port, uint32_t space)
{
    struct keel_argo_ring_data data = {n + 1, 0};
    struct keel_argo_ring_data_ent entry = {{port, (uint16_t)to, 0}, 0xffff, 0, space, 77};

    world_put(1, ADDR(40), &data, sizeof(data));
    world_put(1, ADDR(40) + 8 + 20 * n, &entry, sizeof(entry));
}

static void answer(uint32_t n, uint32_t flags, uint32_t max)
{
    struct keel_argo_ring_data_ent entry;

    world_get(1, ADDR(40) + 8 + 20 * n, &entry, sizeof(entry));
    EXPECT_EQ(entry.flags, flags);
    EXPECT_EQ(entry.max_message_size, max);
}

START_TEST(notify_describes_rings)
{
    EXPECT_EQ(ring_register(0, PORT, 1, 1024, 20, 0), 0);
    EXPECT_EQ(ring_register(2, PORT, ANY, 1024, 20, 0), 0);
    EXPECT_EQ(ring_register(3, PORT, ANY, 40 * PAGE, 20, 0), 0);
    EXPECT_EQ(ring_register(4, PORT, 1, 1024, 20, 0), 0);
    EXPECT_EQ(message_send(1, 0, PORT, 1, ADDR(DATA), 496), 496);
    query(0, 0, PORT, 480); /* 512 are free, one slot of them never used */
    query(1, 0, PORT, 481);
    query(2, 0, PORT, 993); /* more than ever */
    query(3, 2, PORT, 496); /* half of the ring at most */
    query(4, 2, PORT, 497);
    query(5, 3, PORT, 65536); /* or 64 KiB */
    query(6, 3, PORT, 65537);
    query(7, 5, PORT, 1);  /* no ring */
    query(8, 60, PORT, 1); /* no domain */
    query(9, 0x7ff4, PORT, 1);
    query(10, 4, PORT, 0);
    query(11, 2, PORT, UINT32_MAX);
    query(12, 2, PORT_MUTE, 1); /* nobody receives there */
    EXPECT_EQ(world_call(1, KEEL_ARGO_NOTIFY, ADDR(40), 0, 0, 0), 0);
    EXPECT_EQ(world.steps, 2);
    answer(0, KEEL_ARGO_EXISTS | KEEL_ARGO_SUFFICIENT, 992);
    answer(1, KEEL_ARGO_EXISTS, 992);
    answer(2, KEEL_ARGO_EXISTS | KEEL_ARGO_NOTIFY_EMSGSIZE, 992);
    answer(3, KEEL_ARGO_EXISTS | KEEL_ARGO_SHARED | KEEL_ARGO_EMPTY | KEEL_ARGO_SUFFICIENT, 496);
    answer(4, KEEL_ARGO_EXISTS | KEEL_ARGO_SHARED | KEEL_ARGO_EMPTY | KEEL_ARGO_NOTIFY_EMSGSIZE,
           496);
    answer(5, KEEL_ARGO_EXISTS | KEEL_ARGO_SHARED | KEEL_ARGO_EMPTY | KEEL_ARGO_SUFFICIENT, 65536);
    answer(6, KEEL_ARGO_EXISTS | KEEL_ARGO_SHARED | KEEL_ARGO_EMPTY | KEEL_ARGO_NOTIFY_EMSGSIZE,
           65536);
    answer(7, 0, 0);
    answer(8, 0, 0);
    answer(9, 0, 0);
    answer(10, KEEL_ARGO_EXISTS | KEEL_ARGO_EMPTY | KEEL_ARGO_SUFFICIENT, 992);
    answer(11, KEEL_ARGO_EXISTS | KEEL_ARGO_SHARED | KEEL_ARGO_EMPTY | KEEL_ARGO_NOTIFY_EMSGSIZE,
           496);
    answer(12, 0, 0);
    /* Entry 1 waits now. */
    EXPECT(!took_signal(1));
    EXPECT(message_take(0, 20, 1024, &header, got));
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(took_signal(1));
    /* What was said to be the most is accepted, a byte more is not. */
    fill(1, ADDR(DATA), 70000);
    EXPECT_EQ(message_send(1, 3, PORT, 1, ADDR(DATA), 65537), -KEEL_EMSGSIZE);
    EXPECT_EQ(message_send(1, 3, PORT, 1, ADDR(DATA), 65536), 65536);
    EXPECT_EQ(message_send(1, 2, PORT, 1, ADDR(DATA), 497), -KEEL_EMSGSIZE);
    EXPECT_EQ(message_send(1, 2, PORT, 1, ADDR(DATA), 496), 496);
}
END_TEST

START_TEST(notify_limits)
{
    EXPECT_EQ(ring_register(0, PORT, ANY, 1024, 20, 0), 0);
    for (uint32_t i = 0; i < 256; i++)
        query(i, i % 3 ? 0 : 63, PORT, 10);
    EXPECT_EQ(world_call(1, KEEL_ARGO_NOTIFY, ADDR(40), 0, 0, 0), 0);
    EXPECT_EQ(world.steps, 256 / 8);
    for (uint32_t i = 0; i < 256; i++)
        answer(i,
               i % 3 ? KEEL_ARGO_EXISTS | KEEL_ARGO_SHARED | KEEL_ARGO_EMPTY | KEEL_ARGO_SUFFICIENT
                     : 0,
               i % 3 ? 496 : 0);
    query(256, 0, PORT, 10);
    EXPECT_EQ(world_call(1, KEEL_ARGO_NOTIFY, ADDR(40), 0, 0, 0), -KEEL_EACCES);
    EXPECT_EQ(world_call(1, KEEL_ARGO_NOTIFY, NOWHERE, 0, 0, 0), -KEEL_EFAULT);
    query(100, 0, PORT_DEAF, 10);
    EXPECT_EQ(world_call(1, KEEL_ARGO_NOTIFY, ADDR(40), 0, 0, 0), -KEEL_EACCES);
    answer(100, 0xffff, 77); /* not described */
    /* Entries that can't be read or written. */
    query(0, 0, PORT, 10);
    uint8_t bytes[28];
    world_get(1, ADDR(40), bytes, 28);
    world_map(1, 63, 1, 0);
    world_put(1, ADDR(63) - 8, bytes, 8);
    EXPECT_EQ(world_call(1, KEEL_ARGO_NOTIFY, ADDR(63) - 8, 0, 0, 0), -KEEL_EFAULT);
    world_put(1, ADDR(63) - 28, bytes, 28);
    EXPECT_EQ(world_call(1, KEEL_ARGO_NOTIFY, ADDR(63) - 28, 0, 0, 0), 0);
    world_map(1, 62, 1, 1);
    EXPECT_EQ(world_call(1, KEEL_ARGO_NOTIFY, ADDR(63) - 28, 0, 0, 0), -KEEL_EFAULT);
    struct keel_argo_ring_data none = {0, 0};
    world_put(1, ADDR(40), &none, sizeof(none));
    EXPECT_EQ(world_call(1, KEEL_ARGO_NOTIFY, ADDR(40), 0, 0, 0), 0);
}
END_TEST

START_TEST(notify_busy)
{
    thirty_two_waiters();
    struct keel_argo_ring_data data = {1, 0};
    struct keel_argo_ring_data_ent entry = {{PORT, 0, 0}, 0, 0, 100, 0};

    world_put(33, ADDR(40), &data, sizeof(data));
    world_put(33, ADDR(40) + 8, &entry, sizeof(entry));
    EXPECT_EQ(world_call(33, KEEL_ARGO_NOTIFY, ADDR(40), 0, 0, 0), 0);
    world_get(33, ADDR(40) + 8, &entry, sizeof(entry));
    EXPECT_EQ(entry.flags, KEEL_ARGO_EXISTS | KEEL_ARGO_SHARED | KEEL_ARGO_NOTIFY_EBUSY);
}
END_TEST

/* Many rings with many waiters each: all are woken, a few in each step. */
START_TEST(notify_in_steps)
{
    world_end();
    world_begin(34);
    for (uint32_t d = 1; d < 34; d++) {
        EXPECT_EQ(ring_register(0, PORT, d, 1024, d + 20, 0), 0);
        EXPECT_EQ(message_send(d, 0, PORT, 1, ADDR(DATA), 900), 900);
        EXPECT_EQ(message_send(d, 0, PORT, 1, ADDR(DATA), 900), -KEEL_EAGAIN);
    }
    EXPECT_EQ(notify_all(0), 0);
    for (uint32_t d = 1; d < 34; d++) {
        EXPECT(!took_signal(d));
        if (d % 2)
            EXPECT(message_take(0, d + 20, 1024, &header, got));
    }
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(world.steps >= 4);
    for (uint32_t d = 1; d < 34; d++)
        EXPECT_EQ(took_signal(d), d % 2);
}
END_TEST

/* ---- A10.7: quotas of wildcard rings ---- */

START_TEST(a10_7_half_a_wildcard_ring)
{
    EXPECT_EQ(ring_register(0, PORT, ANY, 1024, 20, 0), 0);
    for (uint32_t i = 0; i < 8; i++)
        EXPECT_EQ(message_send(1, 0, PORT, i, ADDR(DATA), 48), 48);
    EXPECT_EQ(message_send(1, 0, PORT, 8, ADDR(DATA), 0), -KEEL_EAGAIN);
    for (uint32_t i = 0; i < 7; i++)
        EXPECT_EQ(message_send(2, 0, PORT, i, ADDR(DATA), 48), 48);
    EXPECT_EQ(message_send(2, 0, PORT, 8, ADDR(DATA), 48), -KEEL_EAGAIN); /* full, but for a slot */
    EXPECT_EQ(message_send(2, 0, PORT, 8, ADDR(DATA), 32), 32);
    while (message_take(0, 20, 1024, &header, got))
        ;
    EXPECT_EQ(notify_all(0), 0);
    EXPECT(took_signal(1) && took_signal(2));
    for (uint32_t i = 0; i < 8; i++)
        EXPECT_EQ(message_send(1, 0, PORT, i, ADDR(DATA), 48), 48);
    EXPECT_EQ(message_send(1, 0, PORT, 8, ADDR(DATA), 0), -KEEL_EAGAIN);
    /* A partner's ring is all the partner's. */
    EXPECT_EQ(ring_register(0, PORT, 1, 1024, 22, 0), 0);
    EXPECT_EQ(message_send(1, 0, PORT, 8, ADDR(DATA), 992), 992);
}
END_TEST

/* ---- against a model ---- */

/* Random messages of several senders to several rings; each ring is a queue in the model. What a
 * sender has unread in a wildcard ring stays below half; when a ring was emptied all of it is free.
 */
START_TEST(model)
{
    enum { RINGS = 4, QUEUE = 4096 };
    static const uint32_t lens[RINGS] = {48, 1024, 5 * PAGE, 12 * PAGE};
    static struct {
        uint32_t from, bytes, seed;
    } queue[RINGS][QUEUE];
    uint32_t head[RINGS] = {0}, tail[RINGS] = {0}, used[RINGS] = {0};
    uint32_t share[RINGS][DOMAINS] = {{0}};
    bool waits[RINGS][DOMAINS] = {{0}};
    uint64_t delivered = 0, refused = 0;

    srandom(7);
    for (uint32_t i = 0; i < RINGS; i++)
        EXPECT_EQ(ring_register(i % 2, i < 2 ? PORT : PORT2, ANY, lens[i], 20 + i * 10 / 2, 0), 0);
    for (uint32_t round = 0; round < 200000; round++) {
        uint32_t r = (uint32_t)random() % RINGS, len = lens[r], first = 20 + r * 10 / 2;

        if (random() % 3) {
            uint32_t from = (uint32_t)random() % DOMAINS;
            uint32_t max = (len / 2 + 15) / 16 * 16 - 16;
            uint32_t bytes = (uint32_t)random() % (max + 2), seed = (uint32_t)random() % 100000;
            int64_t result;

            if (random() % 2)
                bytes %= 65;
            world_put(from, ADDR(DATA) + 77, sent + seed, bytes);
            result = message_send(from, r % 2, r < 2 ? PORT : PORT2, seed, ADDR(DATA) + 77, bytes);
            if (bytes > max) {
                EXPECT_EQ(result, -KEEL_EMSGSIZE);
            } else if (result == -KEEL_EAGAIN) {
                EXPECT(used[r] != 0);
                waits[r][from] = true;
                refused++;
            } else {
                EXPECT_EQ(result, bytes);
                used[r] += ring_need(bytes);
                share[r][from] += ring_need(bytes);
                EXPECT(used[r] <= len - 16);
                EXPECT(share[r][from] <= (len / 2 + 15) / 16 * 16);
                queue[r][tail[r] % QUEUE].from = from;
                queue[r][tail[r] % QUEUE].bytes = bytes;
                queue[r][tail[r]++ % QUEUE].seed = seed;
            }
        } else {
            uint32_t n = (uint32_t)random() % 8;

            while (n-- && head[r] != tail[r]) {
                uint32_t from = queue[r][head[r] % QUEUE].from;
                uint32_t bytes = queue[r][head[r] % QUEUE].bytes;

                EXPECT(message_take(r % 2, first, len, &header, got));
                EXPECT_EQ(header.len, bytes + 16);
                EXPECT_EQ(header.source.domain_id, from);
                EXPECT_EQ(header.message_type, queue[r][head[r] % QUEUE].seed);
                EXPECT(memcmp(got, sent + header.message_type, bytes) == 0);
                used[r] -= ring_need(bytes);
                share[r][from] -= ring_need(bytes);
                head[r]++;
                delivered++;
            }
            EXPECT_EQ(notify_all(r % 2), 0);
            if (head[r] == tail[r]) {
                EXPECT(!message_take(r % 2, first, len, &header, got));
                /* Nobody sleeps beside an empty ring. */
                for (uint32_t d = 0; d < DOMAINS; d++)
                    if (waits[r][d]) {
                        EXPECT(world_vcpu(d)->events != 0);
                        waits[r][d] = false;
                    }
            }
        }
    }
    EXPECT(delivered > 50000 && refused > 1000);
}
END_TEST

/* ---- the kernel's messages ---- */

START_TEST(kernel_messages)
{
    EXPECT_EQ(argo_kernel_send(&domains[0], 1, sent, 64), -KEEL_ENOENT);
    for (uint32_t len = 48; len <= 2 * PAGE; len += len < 512 ? 16 : 496) {
        uint64_t put = 0;

        memset(world.page[0][20], 0, 64);
        EXPECT_EQ(ring_register(0, KEEL_PORT_KERNEL, KEEL_DOMAIN_KERNEL, len, 20, 0), 0);
        for (uint32_t round = 0; round < 400; round++) {
            uint32_t bytes = round % 3 ? 64 : round % 257;
            int64_t result = argo_kernel_send(&domains[0], round, sent, bytes);

            if (result == 0) {
                put++;
            } else {
                EXPECT_EQ(result, -KEEL_EAGAIN);
                EXPECT(put != 0 || ring_need(bytes) > len - 16);
            }
            if (result == -KEEL_EAGAIN || round % 5 == 0)
                while (message_take(0, 20, len, &header, got)) {
                    EXPECT_EQ(header.source.domain_id, KEEL_DOMAIN_KERNEL);
                    EXPECT_EQ(header.source.aport, KEEL_PORT_KERNEL);
                    EXPECT_EQ(header.len,
                              16 + (header.message_type % 3 ? 64 : header.message_type % 257));
                    EXPECT(memcmp(got, sent, header.len - 16) == 0);
                    put--;
                }
        }
        EXPECT(!took_signal(0));
        EXPECT_EQ(ring_unregister(0, KEEL_PORT_KERNEL, KEEL_DOMAIN_KERNEL), 0);
        EXPECT_EQ(argo_kernel_send(&domains[0], 1, sent, 64), -KEEL_ENOENT);
    }
}
END_TEST

static void setup_mixed(void)
{
    world_machines = 0xaaaaaaaaaaaaaaaa;
    world_begin(DOMAINS);
}

static void setup_flat(void)
{
    world_flat = true;
    setup_mixed();
}

static void tests_add(Suite *suite, const char *name, void (*begin)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, begin, world_end);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, register_limits);
    tcase_add_test(tests, a10_4_longest_ring);
    tcase_add_test(tests, register_rights_and_partners);
    tcase_add_test(tests, register_twice);
    tcase_add_test(tests, a10_2_count_of_rings);
    tcase_add_test(tests, a10_3_a10_8_nothing_at_the_partner);
    tcase_add_test(tests, rings_at_the_limit);
    tcase_add_test(tests, register_memory);
    tcase_add_test(tests, given_up_in_the_middle);
    tcase_add_test(tests, given_up_and_begun_by_another);
    tcase_add_test(tests, order_of_errors);
    tcase_add_test(tests, unknown_operations);
    tcase_add_test(tests, sends_any_length);
    tcase_add_test(tests, bytes_on_the_wire);
    tcase_add_test(tests, gathers_buffers);
    tcase_add_test(tests, signals_when_empty);
    tcase_add_test(tests, source_ports);
    tcase_add_test(tests, rights_to_send);
    tcase_add_test(tests, allowed_addresses);
    tcase_add_test(tests, pages_that_were_read);
    tcase_add_test(tests, partner_before_wildcard);
    tcase_add_test(tests, long_messages_in_steps);
    tcase_add_test(tests, a_short_message_overtakes);
    tcase_add_test(tests, protection_ends);
    tcase_add_test(tests, nobody_is_in_the_way_of_oneself);
    tcase_add_test(tests, one_restart_each);
    tcase_add_test(tests, chunks_in_one_call);
    tcase_add_test(tests, a_half_message_dies);
    tcase_add_test(tests, a_half_message_in_another_ring);
    tcase_add_test(tests, anything_between_chunks);
    tcase_add_test(tests, waits_and_is_woken);
    tcase_add_test(tests, wakes_only_who_fits);
    tcase_add_test(tests, waiters_at_the_limit);
    tcase_add_test(tests, a10_6_no_memory_to_send);
    tcase_add_test(tests, a10_9_waiters_are_told);
    tcase_add_test(tests, rings_that_come_and_go_are_told);
    tcase_add_test(tests, a_dead_waiter);
    tcase_add_test(tests, notify_describes_rings);
    tcase_add_test(tests, notify_limits);
    tcase_add_test(tests, notify_busy);
    tcase_add_test(tests, notify_in_steps);
    tcase_add_test(tests, a10_7_half_a_wildcard_ring);
    tcase_add_test(tests, model);
    tcase_add_test(tests, kernel_messages);
    suite_add_tcase(suite, tests);
}

int main(void)
{
    Suite *suite = suite_create("kernel_argo");

    for (uint32_t i = 0; i < sizeof(sent); i++)
        sent[i] = (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
    tests_add(suite, "services", setup);
    tests_add(suite, "machines", setup_mixed); /* every second domain is one */
    tests_add(suite, "flat", setup_flat);
    return suite_run(suite);
}
