/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual interrupts: see vgic.h. Touches hardware only through gic.h. Sections are those of the
 * GIC architecture specification, IHI 0069H; L1 to L8 are the races of kernel-rules.md 4.
 */
#include "interrupt/vgic.h"

#include "cpu/domain.h"
#include "cpu/vcpu.h"

_Static_assert(KEEL_SPIS_MAX % 32 == 0, "SPIs fill their banks");
_Static_assert(KEEL_IRQ_READS_MAX <= 32, "a read spans two banks at most");

#define ALL_BANKS ((1u << VGIC_BANKS) - 1)

/* The lowest bit's index; the word without it. */
static uint32_t first(uint32_t word)
{
    return (uint32_t)__builtin_ctz(word);
}

static uint32_t rest(uint32_t word)
{
    return word & (word - 1);
}

/* Sets bits of a word that others read without the lock. Returns those that were different. */
static uint32_t assign(uint32_t *word, uint32_t mask, bool on)
{
    uint32_t old = *word;

    WRITE_ONCE(*word, on ? old | mask : old & ~mask);
    return (on ? ~old : old) & mask;
}

static struct vgic_bank *bank_of(struct domain *domain, uint32_t vcpu, uint32_t n)
{
    return n ? &domain->arch.vgic.spi[n - 1] : &domain->vcpu[vcpu]->arch.vgic.private;
}

/* A bank as the vCPU itself sees it. */
static struct vgic_bank *own_bank(struct vcpu *vcpu, uint32_t n)
{
    return n ? &vcpu->domain->arch.vgic.spi[n - 1] : &vcpu->arch.vgic.private;
}

/* L3: the state was changed; mark, then kick. See vgic_fill for the other side. */
static void mark(struct vcpu *vcpu, uint32_t n)
{
    __atomic_fetch_or(&vcpu->arch.vgic.dirty, 1u << n, __ATOMIC_SEQ_CST);
}

/* These have changed: marks the vCPUs that have any of them, or should have, and kicks those. The lock
 * is not held: whoever makes one another vCPU's meanwhile has seen the change, and tells that one. */
static in_line void tell(struct domain *domain, const struct vgic_bank *bank, uint32_t n,
                         uint32_t mask) NO_LOCK_ANALYSIS
{
    for (uint32_t i = 0; mask && i < domain->vcpus; i++)
        if ((READ_ONCE(bank->target[i]) | READ_ONCE(bank->owned[i])) & mask) {
            struct vcpu *vcpu = domain->vcpu[i];

            mark(vcpu, n);
            vcpu_kick(vcpu);
        }
}

static uint32_t pending(const struct vgic_bank *bank) NO_LOCK_ANALYSIS
{
    return READ_ONCE(bank->latch) | (READ_ONCE(bank->line) & ~READ_ONCE(bank->edge));
}

/* Enabled, and of an enabled group. */
static uint32_t allowed(const struct vgic_bank *bank, uint32_t control) NO_LOCK_ANALYSIS
{
    uint32_t group1 = READ_ONCE(bank->group1);

    return READ_ONCE(bank->enabled) & ((control & KEEL_IRQ_GROUP1_ENABLED ? group1 : 0) |
                                  (control & KEEL_IRQ_GROUP0_ENABLED ? ~group1 : 0));
}

static uint32_t deliverable(const struct vgic_bank *bank, uint32_t control)
{
    return pending(bank) & allowed(bank, control);
}

/* Deliverable to this vCPU, and in no one's list registers or handler. */
static uint32_t candidates(const struct vgic_bank *bank, uint32_t index,
                           uint32_t control) NO_LOCK_ANALYSIS
{
    return deliverable(bank, control) & READ_ONCE(bank->target[index]) &
           ~(READ_ONCE(bank->active) | READ_ONCE(bank->loaded));
}

/* Interrupts are chosen as priority << 16 | INTID: the best is the least. */
#define CHOICE_INTID(choice)    ((choice)&0xffffu)
#define CHOICE_PRIORITY(choice) ((choice) >> 16)
#define NO_CHOICE               UINT32_MAX

/* The best of a set of interrupts of bank n, which is not empty. */
static uint32_t best(const struct vgic_bank *bank, uint32_t n, uint32_t set) NO_LOCK_ANALYSIS
{
    uint32_t priority = 0;

#pragma GCC unroll 8
    for (uint32_t i = 0; i < VGIC_PRIORITY_BITS; i++) {
        uint32_t better = set & ~READ_ONCE(bank->priority[i]);

        priority |= better ? 0 : 0x80u >> i;
        set = better ? better : set;
    }
    return priority << 16 | (n * 32 + first(set));
}

static uint32_t priority(const struct vgic_bank *bank, uint32_t i) REQUIRES(bank->lock)
{
    uint32_t value = 0;

#pragma GCC unroll 8
    for (uint32_t plane = 0; plane < VGIC_PRIORITY_BITS; plane++)
        value = value << 1 | (bank->priority[plane] >> i & 1);
    return value << (8 - VGIC_PRIORITY_BITS);
}

/* Interrupts of a vCPU: a word for each of the banks. The best of them, or NO_CHOICE. */
struct set {
    uint32_t bank[VGIC_BANKS];
};

static uint32_t best_of(struct vcpu *vcpu, const struct set *set)
{
    uint32_t choice = NO_CHOICE;

    for (uint32_t n = 0; n < VGIC_BANKS; n++) {
        uint32_t other = set->bank[n] ? best(own_bank(vcpu, n), n, set->bank[n]) : NO_CHOICE;

        choice = other < choice ? other : choice;
    }
    return choice;
}

static void take_out(struct set *set, uint32_t intid)
{
    set->bank[intid / 32] &= ~(1u << intid % 32);
}

/* What the vCPU could have in list registers and has not. */
static void look(struct vcpu *vcpu, uint32_t control, struct set *active,
                 struct set *wanted) NO_LOCK_ANALYSIS
{
    for (uint32_t n = 0; n < VGIC_BANKS; n++) {
        const struct vgic_bank *bank = own_bank(vcpu, n);

        active->bank[n] = READ_ONCE(bank->active) & ~READ_ONCE(bank->loaded) & READ_ONCE(bank->owned[vcpu->index]);
        wanted->bank[n] = candidates(bank, vcpu->index, control);
    }
}

/* The physical interrupts of these: they may come again. */
static void release(uint32_t n, uint32_t mask)
{
    for (; mask; mask = rest(mask))
        gic_deactivate(n * 32 + first(mask));
}

static void set_active(struct vgic_bank *bank, uint32_t mask, bool on) REQUIRES(bank->lock)
{
    uint32_t unowned = mask & ~bank->loaded;

    for (uint32_t i = 0; on && i < KEEL_VCPUS_MAX; i++)
        unowned &= ~bank->owned[i];
    for (uint32_t i = 0; unowned && i < KEEL_VCPUS_MAX; i++)
        assign(&bank->owned[i], on ? unowned & bank->target[i] : unowned, on);
    assign(&bank->active, mask, on);
    assign(&bank->keep_active, mask & bank->loaded, true);
}

/* One field of some interrupts of a bank. Returns those of which vCPUs are to be told. */
static uint32_t apply(struct vgic_bank *bank, uint32_t n, uint32_t mask, uint32_t field,
                      uint32_t value) REQUIRES(bank->lock)
{
    uint32_t backed = bank->hw ? bank->hw & ~bank->loaded & (bank->active | bank->latch) : 0;
    uint32_t changed = 0;

    switch (field) {
    case KEEL_IRQ_ENABLED:
    case KEEL_IRQ_GROUP:
        changed = assign(field == KEEL_IRQ_GROUP ? &bank->group1 : &bank->enabled, mask, value);
        break;
    case KEEL_IRQ_TRIGGER: /* private ones are what they are */
        changed = assign(&bank->edge, n ? mask : 0, value);
        break;
    case KEEL_IRQ_PRIORITY:
#pragma GCC unroll 8
        for (uint32_t i = 0; i < VGIC_PRIORITY_BITS; i++)
            changed |= assign(&bank->priority[i], mask, value >> (7 - i) & 1);
        break;
    case KEEL_IRQ_TARGET:
        for (uint32_t i = 0; n && i < KEEL_VCPUS_MAX; i++)
            if (i == value || bank->target[i] & mask)
                changed |= assign(&bank->target[i], mask, i == value);
        break;
    case KEEL_IRQ_PENDING: /* what is made pending need not be waited for */
        assign(&bank->latch, mask, value);
        assign(&bank->unlatch, mask & bank->loaded, !value);
        changed = value ? 0 : mask;
        break;
    default:
        set_active(bank, mask, value);
        changed = mask;
        break;
    }
    changed &= bank->loaded;
    if (unlikely(changed))
        assign(&bank->changed, changed, true);
    if (unlikely(backed))
        release(n, backed & ~(bank->active | bank->latch));
    return changed | (mask & bank->enabled & pending(bank));
}

/* The part of `count` interrupts from intid that is in bank n. */
static uint32_t bank_mask(uint32_t intid, uint32_t count, uint32_t n)
{
    uint64_t mask = (((uint64_t)1 << count) - 1) << intid % 32;

    return n == intid / 32 ? (uint32_t)mask : n == intid / 32 + 1 ? (uint32_t)(mask >> 32) : 0;
}

bool vgic_has(const struct domain *domain, uint32_t vcpu, uint32_t intid, uint32_t count)
{
    return vcpu < domain->vcpus && count && count <= 32 &&
           (uint64_t)intid + count <= VGIC_PRIVATE + domain->arch.vgic.spis;
}

bool vgic_configure_valid(const struct domain *domain, struct keel_irq_configure entry)
{
    uint32_t limit = entry.field == KEEL_IRQ_PRIORITY ? 255
                     : entry.field == KEEL_IRQ_TARGET ? domain->vcpus - 1u
                                                      : 1;

    return entry.mask && entry.vcpu < domain->vcpus && entry.field < KEEL_IRQ_FIELDS &&
           entry.value <= limit &&
           entry.bank * 32u + 31 - (uint32_t)__builtin_clz(entry.mask) <
               VGIC_PRIVATE + domain->arch.vgic.spis;
}

int64_t vgic_configure(struct domain *domain, struct keel_irq_configure entry)
{
    struct vgic_bank *bank = bank_of(domain, entry.vcpu, entry.bank);
    uint64_t *waiting = &domain->arch.vgic.waiting;
    uint64_t begun = READ_ONCE(*waiting);
    uint32_t concerned = 0;
    bool waits;

    lock_take(&bank->lock);
    if (likely(begun != keel_irq_word(entry)))
        concerned = apply(bank, entry.bank, entry.mask, entry.field, entry.value);
    waits = bank->changed & entry.mask;
    lock_release(&bank->lock);
    tell(domain, bank, entry.bank, concerned);
    if (unlikely(waits || begun))
        WRITE_ONCE(*waiting, waits ? keel_irq_word(entry) : 0);
    return waits ? -KEEL_EAGAIN : 0;
}

/* The state of some interrupts of a bank; states[0] is that of INTID base. */
static void describe(const struct domain *domain, const struct vgic_bank *bank, uint32_t mask,
                     struct keel_irq_state *states) REQUIRES(bank->lock)
{
    for (uint32_t left = mask; left; left = rest(left)) {
        uint32_t bit = first(left);

        states[bit] = (struct keel_irq_state){
            .enabled = bank->enabled >> bit & 1,
            .pending = (pending(bank) | bank->lent) >> bit & 1,
            .active = bank->active >> bit & 1,
            .priority = (uint8_t)priority(bank, bit),
            .group = bank->group1 >> bit & 1,
            .trigger = bank->edge >> bit & 1,
            .line = bank->line >> bit & 1,
        };
    }
    for (uint8_t i = 0; i < domain->vcpus; i++)
        for (uint32_t left = bank->target[i] & mask; left; left = rest(left))
            states[first(left)].target = i;
}

/* What memory says of a loaded one was true when it was loaded. It is told only if that was after
 * the question, which is after a fold (L5); and no such answer is used up before all are there, so
 * that the caller does not chase busy vCPUs in turn. */
int64_t vgic_read(struct domain *domain, uint32_t vcpu, uint32_t intid, uint32_t n,
                  struct keel_irq_state *states)
{
    uint32_t at = intid / 32;
    uint32_t last = (intid + n - 1) / 32;
    uint32_t waits = 0;

    for (uint32_t b = at; b <= last; b++) {
        struct vgic_bank *bank = bank_of(domain, vcpu, b);
        uint32_t mask = bank_mask(intid, n, b);
        uint32_t stale;

        lock_take(&bank->lock);
        stale = mask & bank->loaded & ~bank->fresh;
        waits |= stale;
        assign(&bank->watched, stale, true);
        assign(&bank->fresh, mask & ~bank->loaded, true);
        describe(domain, bank, mask, states + (int64_t)b * 32 - intid);
        lock_release(&bank->lock);
        tell(domain, bank, b, stale);
    }
    for (uint32_t b = at; b <= last && !waits; b++) {
        struct vgic_bank *bank = bank_of(domain, vcpu, b);

        lock_take(&bank->lock);
        assign(&bank->fresh, bank_mask(intid, n, b), false);
        lock_release(&bank->lock);
    }
    return waits ? -KEEL_EAGAIN : 0;
}

/* The enables are stored before the vCPUs' are looked at; vgic_fill does it the other way round. */
int64_t vgic_control(struct domain *domain, uint32_t control)
{
    bool waits = false;

    __atomic_store_n(&domain->arch.vgic.control, control, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < domain->vcpus; i++) {
        struct vcpu *vcpu = domain->vcpu[i];
        uint8_t filled = __atomic_load_n(&vcpu->arch.vgic.control, __ATOMIC_SEQ_CST);

        __atomic_fetch_or(&vcpu->arch.vgic.dirty, ALL_BANKS, __ATOMIC_SEQ_CST);
        vcpu_kick(vcpu);
        waits = waits || (filled != VGIC_CONTROL_NONE && filled != control);
    }
    return waits ? -KEEL_EAGAIN : 0;
}

/* A line changes: that concerns somebody if an interrupt becomes deliverable, or if it is a level
 * that is taken back from a list register. Of a physical interrupt only the arrival is seen, of a pulse
 * only the edge. */
static in_line void raise(struct domain *domain, struct vgic_bank *bank, uint32_t intid, bool level,
                          bool pulse)
{
    uint32_t bit = 1u << intid % 32;
    uint32_t change;

    lock_take(&bank->lock);
    change = level ? bank->hw & bit : 0;
    change |= pulse ? bank->edge & bit : assign(&bank->line, bit & ~bank->hw, level);
    if (level)
        WRITE_ONCE(bank->latch, bank->latch | (change & (bank->edge | bank->hw)));
    change &= level ? bank->enabled : bank->loaded & ~bank->edge;
    lock_release(&bank->lock);
    tell(domain, bank, intid / 32, change);
}

void vgic_raise(struct domain *domain, uint32_t intid, bool level)
{
    if (intid >= VGIC_PRIVATE && intid - VGIC_PRIVATE < domain->arch.vgic.spis)
        raise(domain, bank_of(domain, 0, intid / 32), intid, level, false);
}

void vgic_pulse(struct domain *domain, uint32_t intid)
{
    raise(domain, bank_of(domain, 0, intid / 32), intid, true, true);
}

void vgic_raise_private(struct vcpu *vcpu, uint32_t intid, bool level)
{
    raise(vcpu->domain, &vcpu->arch.vgic.private, intid, level, false);
}

void vgic_hold(struct vcpu *vcpu, uint32_t intid)
{
    struct vgic_bank *bank = &vcpu->arch.vgic.private;

    /* It comes again: the guest has ended the last one, and the list register says so. */
    if (READ_ONCE(bank->loaded) >> intid & 1)
        vgic_fold(vcpu);
    vcpu->arch.vgic.held |= 1u << intid;
    lock_take(&bank->lock);
    WRITE_ONCE(bank->line, bank->line | 1u << intid);
    lock_release(&bank->lock);
    mark(vcpu, 0);
    vcpu_kick(vcpu);
}

void vgic_let_go(struct vcpu *vcpu, uint32_t intid)
{
    if (!(vcpu->arch.vgic.held >> intid & 1))
        return;
    vcpu->arch.vgic.held &= ~(1u << intid);
    gic_deactivate(intid);
}

/* An SGI to oneself that is in a list register already, handled or not, becomes pending there. Not if
 * this vCPU has been told of a change that it has not seen; one of which it is told after this comes after it. */
static bool send_loaded(struct vcpu *vcpu, struct vgic_bank *bank, uint32_t intid)
    REQUIRES(bank->lock)
{
    struct vgic_vcpu *vgic = &vcpu->arch.vgic;
    uint32_t bit = 1u << intid;

    if (!(bank->loaded & ~bank->latch & allowed(bank, vgic->control) & bit) || vgic->watch ||
        READ_ONCE(vgic->dirty))
        return false;
    gic_lr_pend(vgic->slot[intid]);
    assign(&bank->lent, bit, true);
    return true;
}

/* 12.2.15 ICC_SGI1R_EL1: Aff3 55:48, RS 47:44, IRM 40, Aff2 39:32, INTID 27:24, Aff1 23:16, target
 * list 15:0. vCPU n is at affinity 0.0.0.n. */
void vgic_sgi(struct vcpu *from, uint64_t value, bool group1)
{
    struct domain *domain = from->domain;
    uint32_t intid = value >> 24 & 15;
    uint32_t bit = 1u << intid;
    uint32_t list = (uint32_t)value & 0xffff;

    if (value >> 40 & 1)
        list = 0xffffu & ~(1u << from->index);
    else if (value & 0x00fff0ff00ff0000ull)
        list = 0;
    for (list &= (1u << domain->vcpus) - 1; list; list = rest(list)) {
        struct vcpu *vcpu = domain->vcpu[first(list)];
        struct vgic_bank *bank = &vcpu->arch.vgic.private;
        uint32_t wakes = 0;

        lock_take(&bank->lock);
        if (!(bank->group1 & bit) == !group1 && !(vcpu == from && send_loaded(vcpu, bank, intid))) {
            assign(&bank->latch, bit, true);
            wakes = bank->enabled & bit;
        }
        lock_release(&bank->lock);
        if (wakes)
            mark(vcpu, 0);
        if (wakes && vcpu != from) /* which fills on its way out */
            vcpu_kick(vcpu);
    }
}

static void deactivate(struct vcpu *vcpu, uint32_t intid)
{
    uint32_t n = intid / 32;
    struct vgic_bank *bank = own_bank(vcpu, n);
    uint32_t concerned;

    lock_take(&bank->lock);
    concerned = apply(bank, n, 1u << intid % 32, KEEL_IRQ_ACTIVE, 0);
    lock_release(&bank->lock);
    tell(vcpu->domain, bank, n, concerned);
}

void vgic_deactivate(struct vcpu *vcpu, uint32_t intid)
{
    if (!vgic_has(vcpu->domain, vcpu->index, intid, 1))
        return;
    vgic_fold(vcpu);
    deactivate(vcpu, intid);
}

/* A list register comes back. Returns the bank's bit, if the interrupt still wants something. */
static uint32_t fold(struct vcpu *vcpu, uint32_t slot)
{
    struct vgic_lr lr = gic_lr_take(slot);
    uint32_t n = lr.intid / 32;
    uint32_t bit = 1u << lr.intid % 32;
    struct vgic_bank *bank = own_bank(vcpu, n);
    uint32_t flags = lr.flags;
    bool ended =
        flags < LR_PENDING && flags & LR_HW; /* hardware has deactivated the physical one */
    uint32_t left, moved;

    lock_take(&bank->lock);
    if (ended && n == 0) { /* held; comes again if the line is high */
        vcpu->arch.vgic.held &= ~bit;
        WRITE_ONCE(bank->line, bank->line & ~bit);
    }
    /* What somebody asked of it meanwhile goes before what the list register says. */
    if (unlikely((bank->changed | bank->watched) & bit)) {
        if (bank->unlatch & bit) { /* what it cleared may have come after that */
            flags &= ~(uint32_t)LR_PENDING;
            ended = false;
        }
        if (bank->keep_active & bit)
            flags = (flags & ~(uint32_t)LR_ACTIVE) | (bank->active & bit ? LR_ACTIVE : 0);
        bank->fresh |= bank->watched & bit;
        bank->unlatch &= ~bit;
        bank->keep_active &= ~bit;
        bank->changed &= ~bit;
        bank->watched &= ~bit;
    }
    /* The latch is used up only if the guest has acknowledged; what came since is in `latch`. */
    if (flags & LR_PENDING)
        WRITE_ONCE(bank->latch, bank->latch | (bank->lent & bit));
    WRITE_ONCE(bank->active, (bank->active & ~bit) | (flags & LR_ACTIVE ? bit : 0));
    if (!(flags & LR_ACTIVE))
        WRITE_ONCE(bank->owned[vcpu->index], bank->owned[vcpu->index] & ~bit);
    WRITE_ONCE(bank->loaded, bank->loaded & ~bit);
    bank->lent &= ~bit;
    left = (pending(bank) | bank->active) & bit;
    if (bank->hw & bit && !ended)
        release(n, bit & ~(bank->active | bank->latch));
    moved = left ? left & ~(bank->active | bank->target[vcpu->index]) : 0;
    lock_release(&bank->lock);
    if (unlikely(moved))
        tell(vcpu->domain, bank, n, moved);
    return left ? 1u << n : 0;
}

void vgic_fold(struct vcpu *vcpu)
{
    struct vgic_vcpu *vgic = &vcpu->arch.vgic;
    uint32_t left = 0;

    if (!vgic_is_filled(vgic))
        return;
    if (unlikely(vgic->watch)) {
        uint32_t ends = vgic->watch & GIC_WATCH_EOI ? gic_eois() : 0;
        struct set spilled, none;
        uint32_t next;

        /* EOIs of active ones that had no list register come in the order of priority (4.8.3; with
         * EOImode 1 they end nothing, and DIR is trapped). */
        look(vcpu, 0, &spilled, &none);
        for (; ends && (next = best_of(vcpu, &spilled)) != NO_CHOICE; ends--) {
            deactivate(vcpu, CHOICE_INTID(next));
            take_out(&spilled, CHOICE_INTID(next));
        }
        gic_watch(0);
        vgic->watch = 0;
        left = ALL_BANKS;
    }
    for (uint32_t used = vgic->used; used; used = rest(used))
        left |= fold(vcpu, first(used));
    vgic->used = 0;
    __atomic_store_n(&vgic->control, VGIC_CONTROL_NONE, __ATOMIC_RELEASE);
    if (left)
        __atomic_fetch_or(&vgic->dirty, left, __ATOMIC_RELAXED);
}

/*
 * Puts those of bank n, and of `mask`, that the vCPU can have into list registers, as far as there
 * are free ones: false if that was not far enough. An edge that is pending again while it is active
 * can wait in the same list register, if no others wait to come first.
 */
static in_line bool load(struct vcpu *vcpu, uint32_t n, uint32_t mask, uint32_t control,
                         bool others)
{
    struct vgic_vcpu *vgic = &vcpu->arch.vgic;
    struct vgic_bank *bank = own_bank(vcpu, n);
    uint32_t free = ((1u << gic_lrs()) - 1) & ~(uint32_t)vgic->used;
    uint32_t ready, mine, active, wanted, left, pends, waits, hw, ends;

    lock_take(&bank->lock);
    ready = deliverable(bank, control);
    mine = ready & bank->target[vcpu->index];
    active = bank->active & bank->owned[vcpu->index];
    wanted = (active | (mine & ~bank->active)) & ~bank->loaded & mask;
    pends = ~active | (others ? 0 : mine & bank->edge & ~bank->hw);
    /* What must be looked at again at its end: a level (L1), a pending one left behind. Of one
     * that is held the physical interrupt does that. */
    waits = ready & ~pends;
    hw = (bank->hw & ~waits) | (n ? 0 : vgic->held);
    ends = ~hw & (waits | ~bank->edge);
    for (left = wanted; left && free; left = rest(left), free = rest(free)) {
        uint32_t i = first(left);
        uint32_t slot = first(free);
        struct vgic_lr lr = {
            .intid = (uint16_t)(n * 32 + i),
            .priority = (uint8_t)priority(bank, i),
            .flags = (uint8_t)((bank->group1 >> i & 1) * LR_GROUP1 | (hw >> i & 1) * LR_HW |
                               (pends >> i & 1) * LR_PENDING | (active >> i & 1) * LR_ACTIVE |
                               (ends >> i & 1) * LR_EOI),
        };

        vgic->used |= (uint8_t)(1u << slot);
        if (lr.intid < VGIC_SGIS)
            vgic->slot[lr.intid] = (uint8_t)slot;
        gic_lr_put(slot, lr);
    }
    wanted &= ~left; /* those that found one */
    if (wanted) {
        WRITE_ONCE(bank->lent, bank->lent | (bank->latch & wanted & pends));
        WRITE_ONCE(bank->latch, bank->latch & ~(wanted & pends));
        WRITE_ONCE(bank->loaded, bank->loaded | wanted);
        WRITE_ONCE(bank->owned[vcpu->index], bank->owned[vcpu->index] | wanted);
    }
    lock_release(&bank->lock);
    return !left;
}

/*
 * More than list registers. Active interrupts first, but the best pending one always finds a place:
 * so whenever some wait outside (NPIE), one inside is pending, and the maintenance interrupt that
 * asks for more comes only after the guest has taken one. Active ones that find none are ended by
 * count. One that was changed since it was chosen is not loaded; then this vCPU was marked again.
 */
static void fill_by_priority(struct vcpu *vcpu, uint32_t control)
{
    struct vgic_vcpu *vgic = &vcpu->arch.vgic;
    struct set active, wanted;
    bool others;

    look(vcpu, control, &active, &wanted);
    others = best_of(vcpu, &wanted) != NO_CHOICE;
    for (uint32_t free = gic_lrs(); free; free--) {
        uint32_t next = free > others ? best_of(vcpu, &active) : NO_CHOICE;
        uint32_t intid;

        if (next == NO_CHOICE)
            next = best_of(vcpu, &wanted);
        if (next == NO_CHOICE)
            break;
        intid = CHOICE_INTID(next);
        (void)load(vcpu, intid / 32, 1u << intid % 32, control, others);
        take_out(&active, intid);
        take_out(&wanted, intid);
    }
    vgic->watch = (uint8_t)((best_of(vcpu, &wanted) != NO_CHOICE ? GIC_WATCH_NONE_PENDING : 0) |
                            (best_of(vcpu, &active) != NO_CHOICE ? GIC_WATCH_EOI : 0));
    gic_watch(vgic->watch);
}

static not_inline void refill(struct vcpu *vcpu)
{
    struct vgic_vcpu *vgic = &vcpu->arch.vgic;
    uint32_t *enables = &vcpu->domain->arch.vgic.control;
    bool fits = true;
    uint32_t banks, control;

    do {
        if (vgic_is_filled(vgic))
            vgic_fold(vcpu);
        banks = __atomic_exchange_n(&vgic->dirty, 0, __ATOMIC_SEQ_CST);
        do {
            control = __atomic_load_n(enables, __ATOMIC_SEQ_CST);
            __atomic_store_n(&vgic->control, (uint8_t)control, __ATOMIC_SEQ_CST);
        } while (control != __atomic_load_n(enables, __ATOMIC_SEQ_CST));
        if (unlikely(!fits)) {
            fill_by_priority(vcpu, control);
            break;
        }
        for (uint32_t left = banks; left && fits; left = rest(left)) /* mostly all find one */
            fits = load(vcpu, first(left), ~0u, control, false);
    } while (unlikely(!fits));
    if (!vgic->used)
        __atomic_store_n(&vgic->control, VGIC_CONTROL_NONE, __ATOMIC_RELEASE);
}

void vgic_fill(struct vcpu *vcpu)
{
    if (unlikely(__atomic_load_n(&vcpu->arch.vgic.dirty, __ATOMIC_SEQ_CST)))
        refill(vcpu);
}

bool vgic_pending(struct vcpu *vcpu)
{
    const struct domain *domain = vcpu->domain;
    struct set active, wanted;
    uint32_t vmcr, next;

    if (likely(!__atomic_load_n(&vcpu->arch.vgic.dirty, __ATOMIC_SEQ_CST)))
        return false;
    vmcr = gic_vmcr();
    look(vcpu, READ_ONCE(domain->arch.vgic.control) & vmcr, &active,
         &wanted);
    next = best_of(vcpu, &wanted);
    return next != NO_CHOICE && CHOICE_PRIORITY(next) < vmcr >> 24;
}

void vgic_domain_init(struct domain *domain, uint32_t spis)
{
    struct vgic *vgic = &domain->arch.vgic;

    vgic->spis = spis;
    WRITE_ONCE(vgic->control, 0);
    WRITE_ONCE(vgic->waiting, 0);
    for (uint32_t i = 0; i < ARRAY_LENGTH(vgic->spi); i++) {
        struct vgic_bank *bank = &vgic->spi[i];

        /* The lock itself is kept: a call for the previous life may still hold it. */
        lock_take(&bank->lock);
        memset((char *)bank + sizeof(bank->lock), 0, sizeof(*bank) - sizeof(bank->lock));
        assign(&bank->target[0], ~0u, true);
        lock_release(&bank->lock);
    }
}

void vgic_vcpu_init(struct vcpu *vcpu)
{
    struct vgic_vcpu *vgic = &vcpu->arch.vgic;
    struct vgic_bank *bank = &vgic->private;

    lock_take(&bank->lock);
    assign(&bank->edge, (1u << VGIC_SGIS) - 1, true);
    assign(&bank->target[vcpu->index], ~0u, true);
    lock_release(&bank->lock);
    vgic->control = VGIC_CONTROL_NONE;
}

void vgic_back(struct domain *domain, uint32_t intid)
{
    if (intid >= VGIC_PRIVATE && intid - VGIC_PRIVATE < domain->arch.vgic.spis) {
        struct vgic_bank *bank = bank_of(domain, 0, intid / 32);

        lock_take(&bank->lock);
        assign(&bank->hw, 1u << intid % 32, true);
        lock_release(&bank->lock);
    }
}
