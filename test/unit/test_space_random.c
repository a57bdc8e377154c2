/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces against a model: random operations on three domains, whose results, tables,
 * frames, pools and TLB entries are compared with a plain list of who should see what after every
 * step. The invariants I1 to I6 of kernel-rules.md 6 are checked on the way. Seeds are fixed;
 * another one can be given in SPACE_SEED.
 */
#include "memory_fixture.h"

/* As ck_assert, which is too slow to be called millions of times. */
#define must(condition)                     \
    do {                                    \
        if (!(condition))                   \
            ck_abort_msg("%s", #condition); \
    } while (0)

#define SPACES 3u
#define CPUS   4u
#define STEPS  12000u
#define SEEDS  4u
#define PARKED SPACES /* a space that CPUs have loaded that run none of the others */

/* What a page of an IPA should be. */
struct cell {
    enum { NOTHING, PAGE, BLOCK, DEVICE_PAGE, DEVICE_BLOCK } kind;
    uint32_t perm;
    uint64_t pa;
};

/* The parts of an IPA that are used: ends of tables of each level lie within. */
static const struct {
    uint64_t first, pages;
} window[] = {{0, 3 * 512}, {(1ul << 18) - 512, 1024}, {(1ul << 27) - 1024, 1024}};
#define CELLS (3 * 512 + 1024 + 1024)

struct model_frame {
    uint8_t state, owner;
    uint16_t pins;
    uint64_t tag; /* first word of an OWNED page */
};

static struct space space[SPACES + 1];
static struct space *const all[] = {&space[0], &space[1], &space[2]};
static struct cell cell[SPACES][CELLS];
static struct model_frame frame[PAGES];
static struct {
    uint64_t ttbr;
    uint32_t space;
} loaded[CPUS];
static void *taken[SPACES][8]; /* pages that "rings" took from the pool */

static uint32_t random_state;

static uint32_t pick(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(random_state >> 8) * limit >> 24);
}

static struct cell *cell_at(uint32_t s, uint64_t page)
{
    uint64_t skip = 0;

    for (uint32_t i = 0; i < ARRAY_LENGTH(window); i++) {
        if (page - window[i].first < window[i].pages)
            return &cell[s][skip + page - window[i].first];
        skip += window[i].pages;
    }
    return NULL;
}

static uint64_t page_of_cell(uint64_t index)
{
    for (uint32_t i = 0;; i++) {
        if (index < window[i].pages)
            return window[i].first + index;
        index -= window[i].pages;
    }
}

static bool is_ram(const struct cell *c)
{
    return c->kind == PAGE || c->kind == BLOCK;
}

/* ---- what the kernel's state must be ---- */

static uint32_t tables_of(uint32_t s)
{
    uint32_t tables = 0;
    uint64_t gigabyte = UINT64_MAX, block = UINT64_MAX;

    for (uint32_t i = 0; i < CELLS; i++) {
        uint64_t page = page_of_cell(i);

        if (cell[s][i].kind == NOTHING)
            continue;
        if (page >> 18 != gigabyte) {
            gigabyte = page >> 18;
            tables++;
        }
        if ((cell[s][i].kind == PAGE || cell[s][i].kind == DEVICE_PAGE) && page >> 9 != block) {
            block = page >> 9;
            tables++;
        }
    }
    return tables;
}

static uint32_t taken_count(uint32_t s)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < ARRAY_LENGTH(taken[s]); i++)
        count += taken[s][i] != NULL;
    return count;
}

/* Walks everything below a table: leaves are the model's, links count entries, empty tables are
 * gone. The number of pages that leaves map. */
static uint64_t check_table(uint32_t s, struct paddr table, uint32_t order, uint64_t first,
                            uint32_t *tables)
{
    const uint64_t *entry = phys_to_virt(table);
    const struct frame *own = frame_of(table);
    uint64_t mapped = 0;
    uint32_t used = 0;

    must(own->state == FRAME_POOL);
    must(own->owner == space[s].owner);
    for (uint64_t i = 0; i < 512; i++) {
        uint64_t page = first + (i << order);
        struct cell *c;

        if (!(entry[i] & 1)) {
            must(entry[i] == 0);
            continue;
        }
        used++;
        if (order > 0 && (entry[i] & 2)) {
            (*tables)++;
            mapped += check_table(s, stage2_address(entry[i]), order - 9, page, tables);
            continue;
        }
        must(order == 0 || order == 9);
        for (uint64_t j = 0; j < 1ul << order; j++) {
            c = cell_at(s, page + j);
            must(c);
            must(c->kind == (order == 0 ? PAGE : BLOCK) ||
                 c->kind == (order == 0 ? DEVICE_PAGE : DEVICE_BLOCK));
            must(c->pa == stage2_address(entry[i]).v + (j << KEEL_PAGE_SHIFT));
            must(c->perm == leaf_perm(entry[i]));
            if (!space[s].machine)
                must((c->perm & (W | X)) != (W | X));
        }
        mapped += 1ul << order;
    }
    must(own->link == used);
    must(order == 18 || used > 0);
    return mapped;
}

static void check_space(uint32_t s)
{
    uint32_t tables = 0, listed = 0;
    uint64_t mapped = 0, ram = 0, leaves = 0;

    for (uint32_t i = 0; i < CELLS; i++) {
        leaves += cell[s][i].kind != NOTHING;
        ram += is_ram(&cell[s][i]);
    }
    if (space[s].root.v != 0)
        mapped = check_table(s, space[s].root, 18, 0, &tables);
    must(mapped == leaves);
    must(space[s].pages == ram);
    must(tables == tables_of(s));
    if (space[s].root.v == 0)
        must(space[s].pool.total == 0);
    else
        must(space[s].pool.total == space[s].pool.free + 1 + tables + taken_count(s));
    for (uint64_t at = space[s].pool.first; at != 0; listed++) {
        const struct frame *f = frame_of(PADDR(at << KEEL_PAGE_SHIFT));
        const uint64_t *word = phys_to_virt(PADDR(at << KEEL_PAGE_SHIFT));

        must(f->state == FRAME_POOL);
        must(f->owner == space[s].owner);
        for (uint32_t i = 0; i < 512; i++)
            must(word[i] == 0);
        at = (uint32_t)(at + 1 + f->link);
    }
    must(listed == space[s].pool.free);
}

static void check_frames(void)
{
    static uint8_t seen[PAGES];

    memset(seen, 0, sizeof(seen));
    for (uint32_t i = 0; i < PAGES; i++) {
        const struct frame *f = frame_at(i);

        must(f->state == frame[i].state);
        must(f->pins == frame[i].pins);
        must(f->owner == frame[i].owner);
        must(f->state == FRAME_POOL || f->link == 0);
    }
    /* I1, I2: an owned frame is mapped exactly once, by its owner. */
    for (uint32_t s = 0; s < SPACES; s++)
        for (uint32_t i = 0; i < CELLS; i++)
            if (is_ram(&cell[s][i])) {
                uint64_t page = PAGE_OF(cell[s][i].pa);

                must(frame[page].state == FRAME_OWNED);
                must(frame[page].owner == space[s].owner);
                must(seen[page]++ == 0);
            }
    for (uint32_t i = FIRST_FREE; i < PAGES; i++)
        must(seen[i] == (frame[i].state == FRAME_OWNED));
}

/* No TLB anywhere knows more than the tables say. */
static void check_tlb(void)
{
    for (uint32_t i = 0; i < host_tlb_used; i++) {
        uint32_t users = 0, order = 0;

        for (uint32_t s = 0; s < SPACES; s++)
            if (space[s].ttbr >> TTBR_VMID_SHIFT == host_tlb[i].vmid &&
                leaf_of(&space[s], host_tlb[i].page, &order) == host_tlb[i].entry)
                users++;
        must(users >= 1);
        must(order == host_tlb[i].order);
    }
}

static void check_all(void)
{
    for (uint32_t s = 0; s < SPACES; s++)
        check_space(s);
    check_frames();
    check_tlb();
}

/* While a flush is under way, what it concerns still belongs to the space. */
static void flush_checks_owner(const struct space *of, struct ipa ipa, uint32_t order,
                               uint64_t count)
{
    uint32_t s = (uint32_t)(of - space);

    for (uint64_t i = 0; i < count << order; i++) {
        const struct cell *c = cell_at(s, (ipa.v >> KEEL_PAGE_SHIFT) + i);

        if (is_ram(c))
            must(frame_of(PADDR(c->pa))->word == FRAME_WORD(FRAME_OWNED, of->owner));
    }
}

/* ---- what an operation should answer: every error that applies, or the number of blocks ---- */

struct expected {
    bool einval, ebusy, enomem;
    uint64_t blocks;
};

static bool is_error(const struct expected *expected)
{
    return expected->einval || expected->ebusy || expected->enomem;
}

/* True: the operation is to be applied to the model. */
static bool judge(const struct expected *expected, int64_t result, uint64_t before)
{
    if (!is_error(expected)) {
        must(result == (int64_t)expected->blocks);
        return true;
    }
    must((result == -KEEL_EINVAL && expected->einval) ||
         (result == -KEEL_EBUSY && expected->ebusy) ||
         (result == -KEEL_ENOMEM && expected->enomem));
    must(digest_of(all, SPACES) == before);
    return false;
}

struct range {
    uint64_t page;
    uint32_t order;
    uint64_t count, blocks;
};

static struct range range_pick(void)
{
    static const uint32_t counts[] = {1, 1, 2, 3, 7, 16, 40, 64, 65, 100, 600};
    struct range range = {.order = pick(3) == 0 ? 9 : 0, .page = page_of_cell(pick(CELLS))};

    range.count = counts[pick(ARRAY_LENGTH(counts))];
    if (pick(4) != 0)
        range.page &= ~7ul; /* so that ranges meet */
    if (range.order == 9) {
        range.count = 1 + pick(3);
        if (pick(30) != 0)
            range.page &= ~511ul;
    }
    if (pick(100) == 0)
        range.order = 1 + pick(20);
    if (pick(100) == 0)
        range.count = 0;
    if (pick(100) == 0)
        range.page += 1ul << (27 + pick(20));
    return range;
}

static void range_expect(struct range *range, uint64_t max, struct expected *expected)
{
    uint64_t limit = 1ul << 27, step;

    range->blocks = 0;
    if ((range->order != 0 && range->order != 9) || range->count == 0 || range->page >= limit) {
        expected->einval = true;
        return;
    }
    step = 1ul << range->order;
    if (range->page % step != 0 || range->page + range->count * step > limit)
        expected->einval = true;
    range->blocks = range->order == 9 ? 1 : range->count;
    while (range->order == 0 &&
           (range->blocks > max || range->page / 512 != (range->page + range->blocks - 1) / 512))
        range->blocks--;
    expected->blocks = range->blocks;
}

static void free_expect(uint32_t s, const struct range *range, struct expected *expected)
{
    bool has_level2 = false, has_level3 = false;
    uint32_t needed;

    if (expected->einval)
        return;
    for (uint64_t i = 0; i < range->blocks << range->order; i++)
        if (cell_at(s, range->page + i)->kind != NOTHING)
            expected->ebusy = true;
    for (uint32_t i = 0; i < CELLS; i++) {
        uint64_t page = page_of_cell(i);

        if (cell[s][i].kind != NOTHING && page >> 18 == range->page >> 18)
            has_level2 = true;
        if ((cell[s][i].kind == PAGE || cell[s][i].kind == DEVICE_PAGE) &&
            page >> 9 == range->page >> 9)
            has_level3 = true;
    }
    needed = (has_level2 ? 0u : 1u) + (range->order == 0 && !has_level3 ? 1u : 0u);
    if (space[s].root.v == 0 || needed > space[s].pool.free)
        expected->enomem = true;
}

static void mapped_expect(uint32_t s, const struct range *range, bool device,
                          struct expected *expected)
{
    if (expected->einval)
        return;
    for (uint64_t i = 0; i < range->blocks << range->order; i++) {
        const struct cell *c = cell_at(s, range->page + i);

        if (is_ram(c)) {
            if (c->kind != (range->order == 0 ? PAGE : BLOCK))
                expected->einval = true;
            else if (frame[PAGE_OF(c->pa)].pins != 0)
                expected->ebusy = true;
        } else if (!device || c->kind != (range->order == 0 ? DEVICE_PAGE : DEVICE_BLOCK)) {
            expected->einval = true;
        }
    }
}

static bool perm_expect(uint32_t s, uint32_t perm)
{
    return perm == R || perm == (R | W) || perm == (R | X) ||
           (perm == (R | W | X) && space[s].machine);
}

/* ---- operations, on both ---- */

static void cells_set(uint32_t s, const struct range *range, uint64_t pa, uint32_t perm)
{
    bool device = perm & KEEL_PERM_DEVICE;

    for (uint64_t i = 0; i < range->blocks << range->order; i++)
        *cell_at(s, range->page + i) =
            (struct cell){.kind = range->order == 0 ? (device ? DEVICE_PAGE : PAGE)
                                                    : (device ? DEVICE_BLOCK : BLOCK),
                          .perm = perm,
                          .pa = pa + (i << KEEL_PAGE_SHIFT)};
}

static void do_map(uint32_t s)
{
    struct expected expected = {0};
    struct range range = range_pick();
    uint64_t page = FIRST_FREE + pick(PAGES - FIRST_FREE), before;
    uint32_t perm = pick(8) == 0 ? pick(16) : R | (pick(2) ? W : 0);
    int64_t result;

    if (range.order == 9 && pick(8) != 0)
        page &= ~511ul;
    range_expect(&range, SPACE_BATCH, &expected);
    if (!perm_expect(s, perm) || page % (1ul << range.order) != 0)
        expected.einval = true;
    free_expect(s, &range, &expected);
    for (uint64_t i = 0; i < range.blocks << range.order; i++)
        if (page + i >= PAGES || frame[page + i].state != FRAME_CLEAN)
            expected.einval = true;
    before = digest_of(all, SPACES);
    result = space_map(&space[s], PA(page), PAGE_IPA(range.page), range.order, range.count, perm);
    if (!judge(&expected, result, before))
        return;
    cells_set(s, &range, PA(page).v, perm);
    for (uint64_t i = 0; i < range.blocks << range.order; i++) {
        frame[page + i] =
            (struct model_frame){.state = FRAME_OWNED, .owner = (uint8_t)space[s].owner};
        must(*(uint64_t *)phys_to_virt(PA(page + i)) == 0);
    }
}

static void do_map_device(uint32_t s)
{
    struct expected expected = {0};
    struct range range = range_pick();
    uint64_t pa = (0x8000000 + ((uint64_t)pick(1024) << 21)), before;
    int64_t result;

    range_expect(&range, SPACE_BATCH, &expected);
    free_expect(s, &range, &expected);
    before = digest_of(all, SPACES);
    result = space_map_device(&space[s], PADDR(pa), PAGE_IPA(range.page), range.order, range.count);
    if (judge(&expected, result, before))
        cells_set(s, &range, pa, R | W | KEEL_PERM_DEVICE);
}

static void do_unmap(uint32_t s)
{
    struct expected expected = {0};
    struct range range = range_pick();
    uint64_t before;
    int64_t result;

    range_expect(&range, SPACE_BATCH, &expected);
    mapped_expect(s, &range, true, &expected);
    before = digest_of(all, SPACES);
    result = space_unmap(&space[s], PAGE_IPA(range.page), range.order, range.count);
    if (!judge(&expected, result, before))
        return;
    for (uint64_t i = 0; i < range.blocks << range.order; i++) {
        struct cell *c = cell_at(s, range.page + i);

        if (is_ram(c))
            frame[PAGE_OF(c->pa)] = (struct model_frame){.state = FRAME_DIRTY};
        *c = (struct cell){.kind = NOTHING};
    }
}

static void do_protect(uint32_t s)
{
    struct expected expected = {0};
    struct range range = range_pick();
    uint32_t perm = pick(8) == 0 ? pick(16) : R | (pick(2) ? W : 0) | (pick(4) ? 0 : X);
    uint64_t before;
    int64_t result;

    range_expect(&range, (perm & X) ? SPACE_CLEAN : SPACE_BATCH, &expected);
    if (!perm_expect(s, perm))
        expected.einval = true;
    mapped_expect(s, &range, false, &expected);
    before = digest_of(all, SPACES);
    do
        result = space_protect(&space[s], PAGE_IPA(range.page), range.order, range.count, perm);
    while (result == -KEEL_EAGAIN && range.order == 9);
    if (judge(&expected, result, before))
        for (uint64_t i = 0; i < range.blocks << range.order; i++)
            cell_at(s, range.page + i)->perm = perm;
}

static void do_donate(uint32_t s)
{
    struct expected expected = {0}, unused = {0};
    struct range from = range_pick(), to = range_pick();
    uint32_t t = pick(20) == 0 ? s : (s + 1 + pick(SPACES - 1)) % SPACES;
    uint32_t perm = pick(8) == 0 ? pick(16) : R | (pick(2) ? W : 0) | (pick(4) ? 0 : X);
    uint64_t max = (perm & X) || space[t].machine ? SPACE_CLEAN : SPACE_BATCH, before;
    int64_t result;

    to.order = from.order;
    to.count = from.count;
    if (to.order == 9)
        to.page &= ~511ul;
    range_expect(&from, max, &expected);
    range_expect(&to, max, &expected);
    from.blocks = to.blocks = from.blocks < to.blocks ? from.blocks : to.blocks;
    expected.blocks = from.blocks;
    if (s == t || !perm_expect(t, perm))
        expected.einval = true;
    unused.einval = expected.einval;
    mapped_expect(s, &from, false, &expected);
    free_expect(t, &to, &unused); /* its own errors, whatever the source's are */
    expected.ebusy |= unused.ebusy;
    expected.enomem |= unused.enomem;
    before = digest_of(all, SPACES);
    do
        result = space_donate(&space[s], PAGE_IPA(from.page), &space[t], PAGE_IPA(to.page),
                              from.order, from.count, perm);
    while (result == -KEEL_EAGAIN && from.order == 9);
    if (!judge(&expected, result, before))
        return;
    for (uint64_t i = 0; i < from.blocks << from.order; i++) {
        struct cell *source = cell_at(s, from.page + i), *target = cell_at(t, to.page + i);

        *target = *source;
        target->perm = perm;
        frame[PAGE_OF(target->pa)].owner = (uint8_t)space[t].owner;
        *source = (struct cell){.kind = NOTHING};
    }
}

static void do_scrub(void)
{
    uint64_t page = FIRST_FREE + pick(PAGES - FIRST_FREE), count = 1 + pick(20), done = 0;
    int64_t result = frames_scrub(PA(page), count);

    while (done < count && done < SCRUB_PAGES_MAX && page + done < PAGES &&
           (frame[page + done].state == FRAME_DIRTY || frame[page + done].state == FRAME_CLEAN))
        frame[page + done++].state = FRAME_CLEAN;
    must(result == (done ? (int64_t)done : -KEEL_EINVAL));
}

static void do_scrub_much(void)
{
    uint64_t page = (FIRST_FREE + pick(PAGES - FIRST_FREE)) & ~511ul;

    for (uint64_t i = page; i < page + 512; i++)
        if (frame[i].state == FRAME_DIRTY) {
            must(frames_scrub(PA(i), 1) == 1);
            frame[i].state = FRAME_CLEAN;
        }
}

static void do_pool_add(uint32_t s)
{
    uint64_t page = FIRST_FREE + pick(PAGES - FIRST_FREE), count = pick(8), before;
    bool good = count > 0 && page + count <= PAGES && space[s].pool.total < 24;
    int64_t result;

    if (space[s].pool.total >= 24) /* pools stay small, so that they run out */
        return;
    for (uint64_t i = 0; good && i < count; i++)
        good = frame[page + i].state == FRAME_CLEAN;
    before = digest_of(all, SPACES);
    result = space_pool_add(&space[s], PA(page), count);
    must(result == (good ? 0 : -KEEL_EINVAL));
    if (!good)
        must(digest_of(all, SPACES) == before);
    for (uint64_t i = 0; good && i < count; i++)
        frame[page + i] =
            (struct model_frame){.state = FRAME_POOL, .owner = (uint8_t)space[s].owner};
}

static void do_ring_page(uint32_t s)
{
    uint32_t i = pick(ARRAY_LENGTH(taken[s]));

    lock_take(&space[s].lock);
    if (taken[s][i]) {
        memset(taken[s][i], 0x5a, KEEL_PAGE_SIZE);
        pool_give(&space[s], taken[s][i]);
        taken[s][i] = NULL;
    } else {
        bool any = space[s].pool.free > 0;

        taken[s][i] = pool_take(&space[s]);
        must((taken[s][i] != NULL) == any);
    }
    lock_release(&space[s].lock);
}

static struct cell *some_cell(uint32_t s, uint64_t *page)
{
    for (uint32_t tries = 0; tries < 50; tries++) {
        uint32_t i = pick(CELLS);

        *page = page_of_cell(i);
        if (cell[s][i].kind != NOTHING)
            return &cell[s][i];
    }
    return cell_at(s, *page);
}

static void do_pin(uint32_t s)
{
    uint64_t page;
    struct cell *c = some_cell(s, &page);
    bool good = is_ram(c) && (c->perm & W);
    void *address;

    lock_take(&space[s].lock);
    must(space_pin(&space[s], PAGE_IPA(page), &address) == (good ? 0 : -KEEL_EFAULT));
    lock_release(&space[s].lock);
    if (good) {
        must(virt_to_phys(address).v == c->pa);
        frame[PAGE_OF(c->pa)].pins++;
    }
}

static void do_unpin(void)
{
    for (uint32_t tries = 0; tries < 4; tries++) {
        uint32_t start = pick(PAGES);

        for (uint32_t i = start; i < PAGES; i++)
            if (frame[i].pins > 0) {
                space_unpin(phys_to_virt(PA(i)));
                frame[i].pins--;
                break;
            }
    }
}

static void do_write(uint32_t s)
{
    uint64_t page, tag = pick(1 << 24), seen = 0;
    struct cell *c = some_cell(s, &page);
    bool good = is_ram(c) && (c->perm & W);

    must(space_write(&space[s], PAGE_IPA(page), &tag, 8) == (good ? 0 : -KEEL_EFAULT));
    if (good)
        frame[PAGE_OF(c->pa)].tag = tag;
    must(space_read(&space[s], PAGE_IPA(page), &seen, 8) == (is_ram(c) ? 0 : -KEEL_EFAULT));
    if (is_ram(c))
        must(seen == frame[PAGE_OF(c->pa)].tag);
}

static void do_copy(uint32_t s)
{
    uint64_t from, to;
    uint32_t t = pick(SPACES);
    struct cell *source = some_cell(s, &from), *target = some_cell(t, &to);
    bool good = is_ram(source) && is_ram(target) && (target->perm & W);

    must(space_copy(&space[t], PAGE_IPA(to), &space[s], PAGE_IPA(from), 8) ==
         (good ? 8 : -KEEL_EFAULT));
    if (good)
        frame[PAGE_OF(target->pa)].tag = frame[PAGE_OF(source->pa)].tag;
}

/* A CPU runs the space, and reaches what it should, through a TLB that forgets nothing by itself.
 */
static void do_run(uint32_t s)
{
    uint32_t cpu = pick(CPUS);
    uint64_t page;

    space_enter(&space[s], cpu, s == 2 ? pick(2) : 0);
    loaded[cpu].ttbr = space[s].ttbr;
    loaded[cpu].space = s;
    for (uint32_t i = 0; i < CPUS; i++)
        if (loaded[i].ttbr)
            must((loaded[i].ttbr >> TTBR_VMID_SHIFT == loaded[cpu].ttbr >> TTBR_VMID_SHIFT) ==
                 (loaded[i].space == s));
    for (uint32_t i = 0; s != PARKED && space[s].root.v != 0 && i < 8; i++) {
        struct cell *c = some_cell(s, &page);
        uint64_t entry = host_access(loaded[cpu].ttbr, PAGE_IPA(page));

        if (c->kind == NOTHING) {
            must(entry == 0);
            continue;
        }
        must(leaf_perm(entry) == c->perm);
        if (c->kind == PAGE || c->kind == DEVICE_PAGE)
            must(stage2_address(entry).v == c->pa);
        else
            must(stage2_address(entry).v == (c->pa & ~(KEEL_BLOCK_SIZE - 1)));
    }
}

/* I5: the end of a life, in steps, and the next one. */
static void do_die(uint32_t s)
{
    uint32_t steps = 0;

    for (uint32_t cpu = 0; cpu < CPUS; cpu++)
        if (loaded[cpu].ttbr && loaded[cpu].space == s) {
            loaded[cpu].ttbr = space[PARKED].ttbr;
            loaded[cpu].space = PARKED;
        }
    for (uint32_t i = 0; i < PAGES; i++)
        for (; frame[i].owner == space[s].owner && frame[i].pins > 0; frame[i].pins--)
            space_unpin(phys_to_virt(PA(i)));
    for (uint32_t i = 0; i < ARRAY_LENGTH(taken[s]); i++)
        if (taken[s][i]) {
            lock_take(&space[s].lock);
            pool_give(&space[s], taken[s][i]);
            lock_release(&space[s].lock);
            taken[s][i] = NULL;
        }
    while (space_teardown(&space[s]) == -KEEL_EAGAIN) {
        check_tlb();
        must(++steps < 1000);
    }
    for (uint32_t i = 0; i < PAGES; i++)
        if (frame[i].owner == space[s].owner)
            frame[i] = (struct model_frame){.state = FRAME_DIRTY};
    memset(cell[s], 0, sizeof(cell[s]));
    check_all();
    space_init(&space[s], space[s].owner, space[s].machine);
}

static void step(void)
{
    uint32_t s = pick(SPACES), what = pick(1000);

    if (what < 230)
        do_map(s);
    else if (what < 260)
        do_map_device(s);
    else if (what < 400)
        do_unmap(s);
    else if (what < 480)
        do_protect(s);
    else if (what < 620)
        do_donate(s);
    else if (what < 660)
        do_scrub();
    else if (what < 690)
        do_scrub_much();
    else if (what < 730)
        do_pool_add(s);
    else if (what < 750)
        do_ring_page(s);
    else if (what < 765)
        do_pin(s);
    else if (what < 800)
        do_unpin();
    else if (what < 870)
        do_write(s);
    else if (what < 900)
        do_copy(s);
    else if (what < 996)
        do_run(pick(20) == 0 ? PARKED : s);
    else
        do_die(s);
}

static void random_run(uint32_t seed)
{
    random_state = seed;
    ram_init();
    host_tlb_flushing = flush_checks_owner;
    memset(cell, 0, sizeof(cell));
    memset(frame, 0, sizeof(frame));
    memset(taken, 0, sizeof(taken));
    memset(loaded, 0, sizeof(loaded));
    memset(space, 0, sizeof(space));
    for (uint32_t i = 0; i < 3; i++)
        frame[BUILDER_PAGE + i].state = FRAME_OWNED;
    for (uint32_t i = FIRST_FREE; i < PAGES; i++)
        frame[i].state = FRAME_DIRTY;
    for (uint32_t s = 0; s <= PARKED; s++)
        space_init(&space[s], (uint16_t)(1 + s), s == 2);
    for (uint32_t i = 0; i < STEPS; i++) {
        step();
        if (i % 4 == 0)
            check_all();
    }
    for (uint32_t s = 0; s < SPACES; s++)
        do_die(s);
    must(frames_count(FRAME_DIRTY) + frames_count(FRAME_CLEAN) == PAGES - FIRST_FREE);
}

START_TEST(random_operations_match_the_model)
{
    const char *seed = getenv("SPACE_SEED");

    random_run(seed ? (uint32_t)strtoul(seed, NULL, 0) : (uint32_t)_i + 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("space_random");
    TCase *tcase = tcase_create("space_random");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, random_operations_match_the_model, 0, SEEDS);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
