/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces: see space.h. Tables have 512 entries at each level; their format is the
 * architecture's (memory/stage2.h). A level is named by the order of what one entry maps.
 *
 * Every batch stays within one table, so that it is one walk and a row of entries. The frame of a
 * table counts its entries in `link`; a table other than the root that has none goes back to the
 * pool, after the flush that follows.
 */
#include "memory/space.h"

#include "memory/address.h"
#include "memory/cache.h"
#include "memory/stage2.h"
#include "memory/tlb.h"

#define LEVEL            9u  /* bits of index per level */
#define TEARDOWN_ENTRIES 64u /* table entries that one step of a teardown looks at */
#define TEARDOWN_POOL    32u /* pool pages that one step gives back */
#define POOL_ADD_MAX     512u
#define NOT_CLEANING     IPA(UINT64_MAX)
_Static_assert(SPACE_IPA_BITS == KEEL_PAGE_SHIFT + STAGE2_ROOT_ORDER + LEVEL,
               "IPA bits of the root");
_Static_assert(STAGE2_ENTRIES == 1u << LEVEL, "entries of a table");

/* Blocks of one size that lie side by side in one table. */
struct run {
    struct ipa ipa;
    uint64_t
        *entry; /* of the first; if tables are missing: where the first of them belongs, or NULL */
    uint64_t count;
    uint32_t order;
    uint32_t missing; /* tables on the way to the first entry */
};

static inline uint64_t index_at(struct ipa ipa, uint32_t order)
{
    return ipa.v >> (KEEL_PAGE_SHIFT + order) & (STAGE2_ENTRIES - 1);
}

static inline void entry_set(uint64_t *entry, uint64_t value)
{
    WRITE_ONCE(*entry, value);
}

/* Of all pages of a block. */
static inline void block_set(struct frame *first, uint32_t order, uint64_t word)
{
    if (order == 0)
        first->word = word;
    else
        frames_set(first, 1ul << order, word);
}

/* Of the table that an entry lies in. */
static inline struct frame *table_frame(const uint64_t *entry)
{
    return frame_of(virt_to_phys(entry));
}

/* The entry for ipa whose level is `order`, or the one above it where the walk ends. There is a
 * root, and ipa is below the limit. */
static inline uint64_t *walk(const struct space *space, struct ipa ipa, uint32_t order,
                             uint32_t *at)
{
    uint64_t *table = phys_to_virt(space->root);
    uint64_t *entry = &table[index_at(ipa, STAGE2_ROOT_ORDER)];

    *at = STAGE2_ROOT_ORDER;
    while (*at > order && stage2_is_table(*entry, *at)) {
        *at -= LEVEL;
        table = phys_to_virt(stage2_address(*entry));
        entry = &table[index_at(ipa, *at)];
    }
    return entry;
}

/* ---- the pool ---- */

/* Pages side by side. Their `link` is 0, and so leads from each to the one behind it. */
static void pool_push(struct space *space, struct frame *first, uint32_t pages)
    REQUIRES(space->lock)
{
    uint32_t number = (uint32_t)(frame_address(first).v >> KEEL_PAGE_SHIFT);

    first[pages - 1].link = space->pool.first - (number + pages);
    space->pool.first = number;
    space->pool.free += pages;
}

void *pool_take(struct space *space)
{
    struct paddr pa = PADDR((uint64_t)space->pool.first << KEEL_PAGE_SHIFT);
    struct frame *frame;

    if (space->pool.free == 0)
        return NULL;
    frame = frame_of(pa);
    space->pool.first += 1 + frame->link;
    space->pool.free--;
    frame->link = 0;
    return phys_to_virt(pa);
}

void pool_give(struct space *space, void *page)
{
    memset(page, 0, KEEL_PAGE_SIZE);
    pool_push(space, frame_of(virt_to_phys(page)), 1);
}

static void root_set(struct space *space, struct paddr root)
{
    space->root = root;
    space->ttbr = stage2_ttbr(root.v ? root : stage2_nothing(), space->owner);
}

int64_t space_pool_add(struct space *space, struct paddr pa, uint64_t pages)
{
    struct frame *first = frames_of(pa, pages);
    int64_t status = -KEEL_EINVAL;

    lock_take_outer(&space->lock);
    if (!space->open) {
        status = -KEEL_EBUSY;
    } else if (pages > 0 && pages <= POOL_ADD_MAX && first &&
               frames_claim(first, pages, FRAME_POOL, space->owner)) {
        pool_push(space, first, (uint32_t)pages);
        space->pool.total += (uint32_t)pages;
        if (space->root.v == 0)
            root_set(space, virt_to_phys(pool_take(space)));
        status = 0;
    }
    lock_release(&space->lock);
    return status;
}

/* ---- checks: they change nothing ---- */

static bool perm_is_valid(const struct space *space, uint64_t perm)
{
    const uint32_t write_exec = KEEL_PERM_WRITE | KEEL_PERM_EXEC;

    return (perm & KEEL_PERM_READ) && !(perm & ~(KEEL_PERM_READ | write_exec)) &&
           (space->machine || (perm & write_exec) != write_exec);
}

/* The first `max` of `count` blocks, or as many as the table has. -EINVAL. */
static int64_t run_find(const struct space *space, struct ipa ipa, uint64_t order, uint64_t count,
                        uint64_t max, struct run *run) REQUIRES(space->lock)
{
    uint64_t size = KEEL_PAGE_SIZE << (order & KEEL_BLOCK_ORDER);
    uint32_t at = 0;

    if ((order != 0 && order != KEEL_BLOCK_ORDER) || count == 0 || ipa.v % size != 0 ||
        ipa.v >= SPACE_LIMIT || count > (SPACE_LIMIT - ipa.v) / size)
        return -KEEL_EINVAL;
    run->ipa = ipa;
    run->order = (uint32_t)order;
    run->count = order == 0 ? min(min(count, max), STAGE2_ENTRIES - index_at(ipa, 0)) : 1;
    run->entry = space->root.v ? walk(space, ipa, run->order, &at) : NULL;
    run->missing = run->entry ? (at - run->order) / LEVEL : UINT32_MAX;
    return 0;
}

/* Nothing is mapped there, and there are pages for the missing tables. -EBUSY, -ENOMEM. */
static int64_t run_is_free(const struct space *space, const struct run *run) REQUIRES(space->lock)
{
    uint64_t count = run->missing ? run->entry != NULL : run->count;

    if (!space->open)
        return -KEEL_EBUSY;
    for (uint64_t i = 0; i < count; i++)
        if (run->entry[i] != 0)
            return -KEEL_EBUSY;
    return run->missing <= space->pool.free ? 0 : -KEEL_ENOMEM;
}

/* Each entry is a leaf that the owner may change: unpinned RAM of its own, or, if `device`, a
 * device's registers. -EINVAL, -EBUSY. */
static int64_t run_is_mapped(const struct space *space, const struct run *run, bool device)
{
    uint64_t word = FRAME_WORD(FRAME_OWNED, space->owner);

    if (run->missing)
        return -KEEL_EINVAL;
    for (uint64_t i = 0; i < run->count; i++) {
        uint64_t entry = run->entry[i];
        const struct frame *frame;

        if (!stage2_is_valid(entry) || stage2_is_table(entry, run->order))
            return -KEEL_EINVAL;
        if (stage2_is_device(entry)) {
            if (!device)
                return -KEEL_EINVAL;
            continue;
        }
        frame = frame_of(stage2_address(entry));
        if (frame->state != FRAME_OWNED)
            return -KEEL_EINVAL;
        if (run->order == 0 ? frame->word != word : !frames_are(frame, 1ul << run->order, word))
            return -KEEL_EBUSY;
    }
    return 0;
}

/* ---- acts: they can't fail ---- */

/* Makes the missing tables, from the pool. */
static void run_build(struct space *space, struct run *run) REQUIRES(space->lock)
{
    while (run->missing > 0) {
        uint64_t *table = pool_take(space);

        CHECK(table);
        entry_set(run->entry, stage2_table(virt_to_phys(table)));
        table_frame(run->entry)->link++;
        run->missing--;
        run->entry = &table[index_at(run->ipa, run->order + LEVEL * run->missing)];
    }
}

static void run_map(struct space *space, struct run *run, struct paddr pa, uint32_t perm)
    REQUIRES(space->lock)
{
    uint64_t size = KEEL_PAGE_SIZE << run->order;

    run_build(space, run);
    for (uint64_t i = 0; i < run->count; i++)
        entry_set(&run->entry[i], stage2_leaf(PADDR(pa.v + i * size), run->order, perm));
    table_frame(run->entry)->link += (uint32_t)run->count;
    stage2_publish();
}

/* Break: nothing is reachable through the entries any more, but they still tell what was. The
 * caller makes them zero. Tables that are empty
 * now are in the pool at once, but nothing is taken from it until the flush is done. */
static void run_break(struct space *space, const struct run *run) REQUIRES(space->lock)
{
    uint64_t *entry = run->entry, entries = run->count;
    uint32_t order = run->order, at;

    for (uint64_t i = 0; i < run->count; i++)
        entry_set(&entry[i], stage2_broken(entry[i]));
    while ((table_frame(entry)->link -= (uint32_t)entries) == 0 && order < STAGE2_ROOT_ORDER) {
        pool_push(space, table_frame(entry), 1);
        order += LEVEL;
        entry = walk(space, run->ipa, order, &at);
        entries = 1;
        entry_set(entry, 0);
    }
    space->cleaning = NOT_CLEANING;
    space_forget(space);
    tlb_flush_ipa(space, run->ipa, run->order, run->count);
}

static void run_unmap(struct space *space, struct run *run) REQUIRES(space->lock)
{
    run_break(space, run);
    for (uint64_t i = 0; i < run->count; i++) {
        uint64_t entry = run->entry[i];

        run->entry[i] = 0;
        if (!stage2_is_device(entry)) {
            struct frame *frame = frame_of(stage2_address(entry));

            if (frame->state == FRAME_OWNED) {
                block_set(frame, run->order, FRAME_WORD(FRAME_DIRTY, 0));
                space->pages -= 1ul << run->order;
            }
        }
    }
}

static void run_protect(struct space *space, const struct run *run, uint32_t perm)
    REQUIRES(space->lock)
{
    for (uint64_t i = 0; i < run->count; i++)
        entry_set(&run->entry[i], stage2_leaf(stage2_address(run->entry[i]), run->order, perm));
    space_forget(space);
    tlb_flush_ipa(space, run->ipa, run->order, run->count);
}

/* RAM of its own, as run_is_mapped says, whose caches are clean: for what will be fetched as
 * instructions, or read with caches off. At most SPACE_CLEAN pages are cleaned; -EAGAIN: not all are
 * done yet, or the rest of the work on a whole block is a step of its own. Between the steps a block
 * stays as it was (run_break): it is looked at when they begin and when they are done. */
static int64_t run_is_clean(struct space *space, const struct run *run) REQUIRES(space->lock)
{
    uint64_t pages = run->count << run->order;
    int64_t status;
    uint32_t i;

    if (run->missing || space->cleaning.v != run->ipa.v || space->cleaned == pages) {
        status = run_is_mapped(space, run, false);
        if (status < 0)
            return status;
    }
    cpu_window(); /* and what was looked at */
    if (space->cleaning.v != run->ipa.v) {
        space->cleaning = run->ipa;
        space->cleaned = 0;
    }
    for (i = 0; i < SPACE_CLEAN && space->cleaned < pages; i++) {
        struct paddr block = stage2_address(run->entry[space->cleaned >> run->order]);
        uint64_t page = space->cleaned & ((1ul << run->order) - 1);

        cache_clean_page(phys_to_virt(PADDR(block.v + page * KEEL_PAGE_SIZE)));
        space->cleaned++;
    }
    if (space->cleaned < pages || (i > 0 && run->order > 0))
        return -KEEL_EAGAIN;
    space->cleaning = NOT_CLEANING;
    return 0;
}

/* ---- operations ---- */

void space_init(struct space *space, uint16_t owner, bool machine)
{
    lock_take_outer(&space->lock);
    CHECK(space->root.v == 0 && space->pool.total == 0 && space->pages == 0);
    space->open = true;
    space->owner = owner;
    space->machine = machine;
    space->cleaning = NOT_CLEANING;
    space->teardown = 0;
    root_set(space, PADDR(0));
    space_forget(space);
    memset(space->last_vcpu, 0, sizeof(space->last_vcpu));
    lock_release(&space->lock);
}

/* The last check takes the frames. boot: instead of clean ones, those that space_map_boot is for.
 */
static int64_t map(struct space *space, struct paddr pa, struct ipa ipa, uint64_t order,
                   uint64_t count, uint64_t perm, bool boot)
{
    struct run run;
    int64_t status;

    lock_take_outer(&space->lock);
    status = run_find(space, ipa, order, count, SPACE_BATCH, &run);
    if (status == 0)
        status = pa.v % (KEEL_PAGE_SIZE << order) ? -KEEL_EINVAL : run_is_free(space, &run);
    if (status == 0 && !(perm & KEEL_PERM_DEVICE)) {
        uint64_t pages = run.count << order;
        struct frame *frame = frames_of(pa, pages);

        if (frame && (boot ? frames_are(frame, pages, FRAME_WORD(FRAME_OWNED, space->owner))
                           : frames_claim(frame, pages, FRAME_OWNED, space->owner)))
            space->pages += pages;
        else if (!frame || !boot || (perm & KEEL_PERM_WRITE) ||
                 !frames_are(frame, pages, FRAME_WORD(FRAME_RESERVED, 0)))
            status = -KEEL_EINVAL;
    }
    if (status == 0) {
        cpu_window(); /* looking and acting, each masked alone: here and below */
        run_map(space, &run, pa, (uint32_t)perm);
        if (perm & KEEL_PERM_EXEC)
            cache_forget_instructions();
        status = (int64_t)run.count;
    }
    lock_release(&space->lock);
    return status;
}

int64_t space_map(struct space *space, struct paddr pa, struct ipa ipa, uint64_t order,
                  uint64_t count, uint64_t perm)
{
    return perm_is_valid(space, perm) ? map(space, pa, ipa, order, count, perm, false)
                                      : -KEEL_EINVAL;
}

int64_t space_map_device(struct space *space, struct paddr pa, struct ipa ipa, uint64_t order,
                         uint64_t count)
{
    if (pa.v >= STAGE2_PA_LIMIT - SPACE_LIMIT) /* more than `count` blocks can be */
        return -KEEL_EINVAL;
    return map(space, pa, ipa, order, count, KEEL_PERM_READ | KEEL_PERM_WRITE | KEEL_PERM_DEVICE,
               false);
}

int64_t space_map_boot(struct space *space, struct paddr pa, struct ipa ipa, uint64_t pages,
                       uint64_t perm)
{
    int64_t status = perm_is_valid(space, perm) ? 0 : -KEEL_EINVAL;

    for (uint64_t done = 0; status >= 0 && done < pages; done += (uint64_t)status)
        status = map(space, PADDR(pa.v + done * KEEL_PAGE_SIZE), IPA(ipa.v + done * KEEL_PAGE_SIZE),
                     0, pages - done, perm, true);
    return status < 0 ? status : 0;
}

/* perm 0: unmaps. Permissions change without a break: neither address nor attributes do (Arm ARM
 * D8.14). */
static int64_t change(struct space *space, struct ipa ipa, uint64_t order, uint64_t count,
                      uint64_t perm)
{
    bool exec = perm & KEEL_PERM_EXEC;
    struct run run;
    int64_t status;

    lock_take_outer(&space->lock);
    status = run_find(space, ipa, order, count, exec ? SPACE_CLEAN : SPACE_BATCH, &run)
                 ?: (exec ? run_is_clean(space, &run) : run_is_mapped(space, &run, perm == 0));
    if (status == 0) {
        cpu_window();
        if (perm == 0)
            run_unmap(space, &run);
        else
            run_protect(space, &run, (uint32_t)perm);
        if (exec)
            cache_forget_instructions();
        status = (int64_t)run.count;
    }
    lock_release(&space->lock);
    return status;
}

int64_t space_unmap(struct space *space, struct ipa ipa, uint64_t order, uint64_t count)
{
    return change(space, ipa, order, count, 0);
}

int64_t space_protect(struct space *space, struct ipa ipa, uint64_t order, uint64_t count,
                      uint64_t perm)
{
    return perm_is_valid(space, perm) ? change(space, ipa, order, count, perm) : -KEEL_EINVAL;
}

static void lock_both(struct space *a, struct space *b) ACQUIRES(a->lock, b->lock) NO_LOCK_ANALYSIS
{
    lock_take_outer(a->owner <= b->owner ? &a->lock : &b->lock);
    if (a != b)
        lock_take_outer(a->owner <= b->owner ? &b->lock : &a->lock);
}

static void release_both(struct space *a, struct space *b)
    RELEASES(a->lock, b->lock) NO_LOCK_ANALYSIS
{
    if (a != b)
        lock_release(&b->lock);
    lock_release(&a->lock);
}

static void donate(struct space *from, struct run *source, struct space *to, struct run *target,
                   uint32_t perm) REQUIRES(from->lock, to->lock)
{
    uint64_t word = FRAME_WORD(FRAME_OWNED, to->owner);
    uint64_t pages = source->count << source->order;

    run_break(from, source);
    run_build(to, target);
    for (uint64_t i = 0; i < source->count; i++) {
        struct paddr pa = stage2_address(source->entry[i]);

        source->entry[i] = 0;
        block_set(frame_of(pa), source->order, word);
        entry_set(&target->entry[i], stage2_leaf(pa, target->order, perm));
    }
    table_frame(target->entry)->link += (uint32_t)target->count;
    stage2_publish();
    from->pages -= pages;
    to->pages += pages;
}

int64_t space_donate(struct space *from, struct ipa from_ipa, struct space *to, struct ipa to_ipa,
                     uint64_t order, uint64_t count, uint64_t perm)
{
    bool clean = to->machine || (perm & KEEL_PERM_EXEC);
    struct run source, target;
    int64_t status;

    if (from == to || !perm_is_valid(to, perm))
        return -KEEL_EINVAL;
    lock_both(from, to);
    status = run_find(to, to_ipa, order, count, clean ? SPACE_CLEAN : SPACE_BATCH, &target)
                 ?: run_find(from, from_ipa, order, count, target.count, &source);
    if (status == 0) {
        target.count = source.count;
        status = run_is_free(to, &target)
                     ?: (clean ? run_is_clean(from, &source) : run_is_mapped(from, &source, false));
    }
    if (status == 0) {
        cpu_window();
        donate(from, &source, to, &target, (uint32_t)perm);
        if (perm & KEEL_PERM_EXEC)
            cache_forget_instructions();
        status = (int64_t)target.count;
    }
    release_both(from, to);
    return status;
}

/* ---- the kernel's own accesses ---- */

not_inline int64_t space_translate(struct space *space, struct ipa ipa, enum space_access access,
                                   uint64_t most, void **address)
{
    uint64_t bytes, size;
    const uint64_t *entry;
    uint32_t at;

    if (unlikely(ipa.v >= SPACE_LIMIT || space->root.v == 0))
        return -KEEL_EFAULT;
    entry = walk(space, ipa, 0, &at);
    if (unlikely(!stage2_is_ram(*entry, access == SPACE_WRITE)))
        return -KEEL_EFAULT;
    size = KEEL_PAGE_SIZE << at;
    bytes = size - (ipa.v & (size - 1));
    *address = phys_to_virt(PADDR(stage2_address(*entry).v + size - bytes));
    for (uint64_t i = index_at(ipa, at);
         bytes < most && ++i < STAGE2_ENTRIES && entry[1] == entry[0] + size; entry++)
        bytes += size;
    return (int64_t)bytes;
}

inline bool space_reach(const struct space *space, struct paddr pa, uint8_t **address)
{
    uint64_t index = (pa.v >> KEEL_PAGE_SHIFT) - frame_table.first;

    *address = phys_to_virt(pa);
    return index < frame_table.total &&
           (uint16_t)frame_table.frame[index].word == FRAME_WORD(FRAME_OWNED, space->owner);
}

bool space_has(struct space *space, struct ipa ipa, bool write)
{
    uint64_t entry = 0;
    uint32_t at;

    lock_take_outer(&space->lock);
    if (ipa.v < SPACE_LIMIT && space->root.v)
        entry = *walk(space, ipa, 0, &at);
    lock_release(&space->lock);
    return stage2_is_valid(entry) && (!write || (entry & STAGE2_S2AP_WRITE));
}

uint64_t space_pages(struct space *space)
{
    lock_take_outer(&space->lock);
    uint64_t pages = space->pages + space->pool.total;
    lock_release(&space->lock);
    return pages;
}

/* READ: from the space to the buffer; WRITE: the reverse. */
static inline int64_t transfer(struct space *space, struct ipa ipa, enum space_access access,
                               char *buffer, uint64_t bytes)
{
    bool read = access == SPACE_READ;
    char *part, *next = NULL;
    int64_t first, rest = 0;

    lock_take_outer(&space->lock);
    first = space_translate(space, ipa, access, bytes, (void **)&part);
    if (unlikely(first > 0 && (uint64_t)first < bytes))
        rest = space_translate(space, IPA(ipa.v + (uint64_t)first), access, bytes, (void **)&next);
    if (likely(first > 0 && rest >= 0 && bytes <= KEEL_PAGE_SIZE &&
               (uint64_t)(first + rest) >= bytes)) {
        uint64_t here = min(bytes, (uint64_t)first);

        memcpy(read ? buffer : part, read ? part : buffer, here);
        if (unlikely(here < bytes))
            memcpy(read ? buffer + here : next, read ? next : buffer + here, bytes - here);
    } else {
        first = -KEEL_EFAULT;
    }
    lock_release(&space->lock);
    return first < 0 ? first : 0;
}

int64_t space_read(struct space *space, struct ipa from, void *to, uint64_t bytes)
{
    return transfer(space, from, SPACE_READ, to, bytes);
}

int64_t space_write(struct space *space, struct ipa to, const void *from, uint64_t bytes)
{
    return transfer(space, to, SPACE_WRITE, (char *)(uintptr_t)from, bytes); /* is only read */
}

int64_t space_copy(struct space *to, struct ipa to_ipa, struct space *from, struct ipa from_ipa,
                   uint64_t bytes)
{
    uint64_t done = 0;

    bytes = min(bytes, KEEL_PAGE_SIZE);
    lock_both(to, from);
    while (done < bytes) {
        void *target, *source;
        int64_t here = space_translate(to, IPA(to_ipa.v + done), SPACE_WRITE, bytes, &target);
        int64_t there = space_translate(from, IPA(from_ipa.v + done), SPACE_READ, bytes, &source);
        uint64_t step = min(bytes - done, min((uint64_t)here, (uint64_t)there));

        if (here < 0 || there < 0)
            break;
        memmove(target, source, step);
        done += step;
    }
    release_both(to, from);
    return done > 0 || bytes == 0 ? (int64_t)done : -KEEL_EFAULT;
}

int64_t space_pin(struct space *space, struct ipa ipa, void **address)
{
    void *target;
    int64_t status = space_translate(space, ipa, SPACE_WRITE, 0, &target);
    struct frame *frame = status > 0 ? frame_of(virt_to_phys(target)) : NULL;

    if (!frame || frame->state != FRAME_OWNED)
        return -KEEL_EFAULT;
    if (READ_ONCE(frame->pins) == UINT16_MAX)
        return -KEEL_EBUSY;
    __atomic_fetch_add(&frame->pins, 1, __ATOMIC_RELAXED);
    *address = target;
    return 0;
}

void space_unpin(void *address)
{
    struct frame *frame = frame_of(virt_to_phys(address));

    CHECK(frame && __atomic_fetch_sub(&frame->pins, 1, __ATOMIC_RELEASE) > 0);
}

void space_enter(struct space *space, uint32_t cpu, uint32_t vcpu)
{
    if (likely(space->last_vcpu[cpu] == vcpu + 1))
        return;
    if (space->last_vcpu[cpu] != 0)
        tlb_flush_local(space->ttbr);
    space->last_vcpu[cpu] = (uint8_t)(vcpu + 1);
}

/* ---- the end ---- */

/* Unmaps the leaf, or the row of them, at the cursor, or moves the cursor over a hole. */
static bool teardown_leaves(struct space *space) REQUIRES(space->lock)
{
    uint32_t at;
    struct run run = {.ipa = IPA(space->teardown)};

    run.entry = walk(space, run.ipa, 0, &at);
    run.order = at;
    if (*run.entry == 0) {
        space->teardown = (space->teardown | ((KEEL_PAGE_SIZE << at) - 1)) + 1;
        return false;
    }
    run.ipa.v &= ~((KEEL_PAGE_SIZE << at) - 1);
    while (run.count < (at == 0 ? SPACE_BATCH : 1) &&
           index_at(run.ipa, at) + run.count < STAGE2_ENTRIES && run.entry[run.count] != 0)
        run.count++;
    cpu_window(); /* the holes before it, and it, each masked alone */
    CHECK(run_is_mapped(space, &run, true) != -KEEL_EBUSY);
    cpu_window();
    run_unmap(space, &run);
    return true;
}

static void teardown_pool(struct space *space) REQUIRES(space->lock)
{
    if (space->root.v != 0) {
        CHECK(frame_of(space->root)->link == 0);
        pool_push(space, frame_of(space->root), 1);
        root_set(space, PADDR(0));
        CHECK(space->pool.free == space->pool.total && space->pages == 0);
    }
    for (uint32_t i = 0; i < TEARDOWN_POOL && space->pool.free > 0; i++) {
        frame_of(virt_to_phys(pool_take(space)))->word = FRAME_WORD(FRAME_DIRTY, 0);
        space->pool.total--;
    }
}

int64_t space_teardown(struct space *space)
{
    int64_t status = 0;

    lock_take_outer(&space->lock);
    space->open = false;
    for (uint32_t i = 0; space->root.v != 0 && space->teardown < SPACE_LIMIT; i++)
        if (i == TEARDOWN_ENTRIES || teardown_leaves(space)) {
            status = -KEEL_EAGAIN;
            break;
        }
    if (status == 0) {
        teardown_pool(space);
        status = space->pool.total > 0 ? -KEEL_EAGAIN : 0;
    }
    lock_release(&space->lock);
    return status;
}
