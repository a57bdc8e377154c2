/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interleavings of kernel/arch/aarch64/interrupt/vgic.c: two vCPUs on two CPUs, a level and an edge
 * interrupt (SPIs), their device, and the service that configures them. What vgic.c does under a bank's
 * lock is one atomic step here; all else interleaves: whom it concerns is looked for, marked and kicked
 * after the lock, one vCPU after the other. Device and service do a bounded number of things, so "lost"
 * is a state in which nothing moves any more although something is due.
 *
 *   no interrupt is lost:     when all is quiet, nothing that a vCPU should take waits    (`observer`)
 *   none is invented:         edges are taken at most as often as they came; a level that is taken is
 *                             high, or a kick that takes it back is under way           (`acknowledge`)
 *   calls mean what they say: what was disabled, cleared or moved isn't taken after the call has
 *                             returned, and a read tells what was true during it  (`acknowledge`, L5)
 *   calls end:                after one fold of whoever had the interrupt            (`observer`)
 *
 * Left out: SGIs (edges whose sender is a vCPU: the same rules with fewer states), SPIs that have a physical interrupt
 * (deactivated by the guest, as the timer's), and more interrupts than list registers (test/unit/test_vgic.c,
 * test/system/stress.py).
 *
 * EDGES, LEVELS, CHANGES: how often the device raises each, how many calls the service makes.
 * TIMER: the level is vCPU 0's timer, whose line moves without an exit, and whose physical interrupt
 * does not come again before it is deactivated, by the kernel, or by the end of the virtual one.
 * SWITCHES: how often another vCPU is loaded meanwhile. BUSY: guests never sleep, so no WFI brings them here.
 *
 * Each BREAK_... takes out one rule of kernel-rules.md 4, and the model fails: L1, L2, L3_DIRTY,
 * L3_SLEEP, L3_OWNER (who has it is told, not only who should), L3_TARGET (the other way round),
 * L4_WAIT, L4_PENDING, L4_MOVE, L4_CLEAR, L5, L6 (the timer's line is looked at again), L6_AGAIN (it
 * comes again behind an end that was not seen yet), L6_SWITCH (its physical interrupt is given back),
 * L8. L7 is about GICv2, whose SGIs come by a register that has no driver here.
 */

#ifndef EDGES
#define EDGES 2
#endif
#ifndef LEVELS
#define LEVELS 1
#endif
#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef SWITCHES
#define SWITCHES 0
#endif

#define LEVEL 0
#define EDGE 1
#define NOBODY 2

mtype = { RUNNING, WAITING, READY };

/* struct vgic_bank */
bit is_enabled[2], line[2], latch[2], is_active[2], loaded[2], lent[2], unlatch[2], changed[2];
bit watched[2], fresh[2];
byte target[2], owner[2];

/* struct vgic_vcpu and struct vcpu; the CPU has an IPI to take */
bit dirty[2], kicked[2];
mtype state[2] = RUNNING;

/* List registers: one for each vCPU and interrupt; ended: it asks for maintenance (EISR) */
bit lr_pending[4], lr_active[4], lr_eoi[4], lr_ended[4];
#define AT(v, i) ((v) * 2 + (i))

/* The timer's output; its physical interrupt was taken and not deactivated, and the kernel knows;
 * its list register deactivates it (HW) */
bit output, physical, held, lr_hw;
byte switches = SWITCHES;

/* What is true outside, of which the checks are made */
bit due;              /* an edge came, and none was taken or cleared since */
byte credit;          /* edges that may still be taken */
bit clearing;
byte since;           /* edges since the clear began */
byte lowering;        /* the line is low, and its vCPU is being told */
bit handled[2];       /* between acknowledge and EOI */
bit off[2];           /* disabled, and the call has returned */
byte only[2] = NOBODY; /* moved there, and the call has returned; NOBODY: anywhere */
bit was_handled, was_idle; /* at some time since the read began */
byte read_of = NOBODY;
byte working = 2;     /* device and service */

#define PENDING(i) (latch[i] || (i == LEVEL && line[i]))
#define CANDIDATE(v, i) (is_enabled[i] && PENDING(i) && target[i] == v && !is_active[i] && !loaded[i])
#define SLEEPLESS(v) (dirty[v] && (CANDIDATE(v, LEVEL) || CANDIDATE(v, EDGE)))
#define OWNED(v, i) ((is_active[i] || loaded[i]) && owner[i] == v)
#define OWN_ACTIVE(v, i) (is_active[i] && owner[i] == v && !loaded[i])
#define DELIVERABLE(i) (is_enabled[i] && PENDING(i))
#define MAINTENANCE(v) (lr_ended[AT(v, LEVEL)] || lr_ended[AT(v, EDGE)])
#define TAKES(v, i) (lr_pending[AT(v, i)] && !lr_active[AT(v, i)])

/* vcpu_kick, afterwards: looks at the vCPU's state twice. */
inline kick(v)
{
    if
    :: atomic { v == NOBODY || state[v] == READY -> v = NOBODY }
    :: atomic { v != NOBODY && state[v] == WAITING -> state[v] = READY; v = NOBODY }
    :: atomic { v != NOBODY && state[v] == RUNNING -> skip };
        atomic {
            if
            :: state[v] == RUNNING -> kicked[v] = 1
            :: else
            fi;
            v = NOBODY
        }
    fi
}

/* tell(), for one vCPU. */
inline tell_one(i, v)
{
#ifndef BREAK_L3_TARGET
    other = (target[i] == v -> v : NOBODY);
#endif
#ifndef BREAK_L3_OWNER
    other = (OWNED(v, i) -> v : other);
#endif
    if
    :: atomic { other != NOBODY -> dirty[v] = 1 };
        kick(other)
    :: atomic { other == NOBODY -> skip }
    fi
}

/* tell(): after a change under the lock, which has set `concerned`. */
inline tell(i)
{
    if
    :: atomic { concerned -> concerned = 0 };
        tell_one(i, 0);
        tell_one(i, 1)
    :: atomic { !concerned -> skip }
    fi
}

/* fold(): a list register comes back. */
inline fold_one(v, i)
{
    if
    :: loaded[i] && owner[i] == v ->
#ifdef TIMER
        if
        :: i == LEVEL && lr_hw && !lr_pending[AT(v, i)] && !lr_active[AT(v, i)] ->
            held = 0;
            line[LEVEL] = 0
        :: else
        fi;
        lr_hw = 0;
#endif
#ifndef BREAK_L4_PENDING
        latch[i] = latch[i] || (lr_pending[AT(v, i)] && lent[i] && !unlatch[i]);
#endif
        is_active[i] = lr_active[AT(v, i)];
        fresh[i] = fresh[i] || watched[i];
        loaded[i] = 0;
        lent[i] = 0;
        unlatch[i] = 0;
        changed[i] = 0;
        watched[i] = 0;
        lr_pending[AT(v, i)] = 0;
        lr_active[AT(v, i)] = 0;
        lr_eoi[AT(v, i)] = 0;
        lr_ended[AT(v, i)] = 0;
        left = left || is_active[i] || PENDING(i);
        if
        :: !is_active[i] -> owner[i] = 0
        :: else
        fi
    :: else
    fi
}

/* vgic_fold(): whoever the edge has moved to meanwhile is told. */
inline fold(v)
{
    d_step { fold_one(v, LEVEL) }
    d_step {
        fold_one(v, EDGE);
#ifndef BREAK_L4_MOVE
        concerned = PENDING(EDGE) && !is_active[EDGE] && !loaded[EDGE] && target[EDGE] != v
#endif
    }
    tell(EDGE);
    d_step {
        dirty[v] = dirty[v] || left;
        left = 0
    }
}

/* load(): under the bank's lock. */
inline load_one(v, i)
{
    d_step {
        if
        :: OWN_ACTIVE(v, i) ->
            lr_active[AT(v, i)] = 1;
            lr_pending[AT(v, i)] = i == EDGE && latch[i] && is_enabled[i] && target[i] == v;
            lr_eoi[AT(v, i)] = i == LEVEL || (PENDING(i) && !lr_pending[AT(v, i)]);
            loaded[i] = 1
        :: else ->
            if
            :: CANDIDATE(v, i) ->
                lr_pending[AT(v, i)] = 1;
                lr_eoi[AT(v, i)] = i == LEVEL;
                loaded[i] = 1;
                owner[i] = v
            :: else
            fi
        fi;
        if
        :: lr_pending[AT(v, i)] && !lent[i] ->
            lent[i] = latch[i];
            latch[i] = 0
        :: else
        fi;
#ifdef TIMER
        if
        :: i == LEVEL && held && (lr_pending[AT(v, i)] || lr_active[AT(v, i)]) ->
            lr_hw = 1;
            lr_eoi[AT(v, i)] = 0
        :: else
        fi;
#endif
#ifdef BREAK_L1
        lr_eoi[AT(v, i)] = 0
#endif
    }
}

/* vgic_let_go() */
inline let_go()
{
    if
    :: held ->
        assert(physical);
        physical = 0;
        held = 0
    :: else
    fi
}

/* vgic_fill(), and before it the timer (L6) */
inline fill(v)
{
#if defined(TIMER) && !defined(BREAK_L6)
    if
    :: atomic { v == 0 && line[LEVEL] && !output -> skip };
        fold(v);
        d_step { let_go(); line[LEVEL] = 0 }
    :: atomic { v != 0 || !line[LEVEL] || output -> skip }
    fi;
#endif
    if
    :: atomic { dirty[v] -> skip };
        fold(v);
#ifdef BREAK_L3_DIRTY
        load_one(v, LEVEL);
        load_one(v, EDGE);
        dirty[v] = 0
#else
        dirty[v] = 0;
        load_one(v, LEVEL);
        load_one(v, EDGE)
#endif
    :: atomic { !dirty[v] -> skip }
    fi
}

inline acknowledge(v, i)
{
    lr_pending[AT(v, i)] = 0;
    lr_active[AT(v, i)] = 1;
    assert(!handled[i]);                       /* never twice at once */
    assert(!off[i]);                           /* L4, L8 */
    assert(only[i] == NOBODY || only[i] == v); /* L4 */
    handled[i] = 1;
    was_handled = was_handled || read_of == i;
    if
    :: i == EDGE ->
        assert(credit > 0);
        credit--;
        due = 0
    :: else ->
#ifdef TIMER
        assert(output)
#else
        assert(line[LEVEL] || kicked[v] || lowering > 0) /* L2 */
#endif
    fi
}

inline end(v, i)
{
    lr_active[AT(v, i)] = 0;
#ifdef TIMER
    if
    :: i == LEVEL && lr_hw ->
        assert(physical);
        physical = 0
    :: else
    fi;
#endif
    lr_ended[AT(v, i)] = lr_eoi[AT(v, i)] && !lr_pending[AT(v, i)];
    handled[i] = 0;
    was_idle = was_idle || read_of == i
}

/* The device's line falls. */
inline lower()
{
    d_step {
        line[LEVEL] = 0;
        lowering++;
#ifndef BREAK_L2
        concerned = loaded[LEVEL]
#endif
    }
    tell(LEVEL);
    lowering--
}

/* vgic_hold(): the physical interrupt was taken. */
inline hold()
{
#ifndef BREAK_L6_AGAIN
    if
    :: atomic { loaded[LEVEL] -> skip };
        fold(0)
    :: atomic { !loaded[LEVEL] -> skip }
    fi;
#endif
    d_step {
        held = 1;
        line[LEVEL] = 1
    }
    dirty[0] = 1
}

proctype vcpu(byte v)
{
    byte other = NOBODY;
    bit concerned, left;
    byte in = NOBODY; /* what the guest handles */

    do
    :: atomic { kicked[v] -> kicked[v] = 0 };
        fill(v)
    :: atomic { MAINTENANCE(v) -> skip };
        fold(v);
        fill(v)
#ifdef TIMER
    :: atomic { v == 0 && output && !physical -> physical = 1 };
        hold();
        fill(v)
    :: atomic { v == 0 && switches > 0 -> switches-- };
        fold(v);
#ifdef BREAK_L6_SWITCH
        held = 0;
#else
        d_step { let_go() };
#endif
        fill(v)
#endif
    :: atomic { in == NOBODY && TAKES(v, LEVEL) -> in = LEVEL; d_step { acknowledge(v, LEVEL) } }
    :: atomic { in == NOBODY && TAKES(v, EDGE) -> in = EDGE; d_step { acknowledge(v, EDGE) } }
    :: atomic { in == EDGE -> in = NOBODY; d_step { end(v, EDGE) } }
    :: atomic { in == LEVEL -> in = NOBODY };
        /* The handler moves its timer, or silences the device, which is an exit. */
#ifdef TIMER
        output = 0;
#else
        lower();
        fill(v);
#endif
        d_step { end(v, LEVEL) }
#ifndef BUSY
    :: atomic { in == NOBODY && !TAKES(v, LEVEL) && !TAKES(v, EDGE) && !kicked[v] &&
            !MAINTENANCE(v) && !(v == 0 && output && !physical) -> skip };
        /* WFI */
        fold(v);
#ifdef BREAK_L3_SLEEP
        if
        :: atomic { SLEEPLESS(v) -> skip }
        :: atomic { !SLEEPLESS(v) -> skip };
            state[v] = WAITING;
#else
        state[v] = WAITING;
        if
        :: atomic { SLEEPLESS(v) -> skip };
            if
            :: atomic { state[v] == WAITING -> state[v] = RUNNING }
            :: atomic { state[v] == READY -> state[v] = RUNNING }
            fi
        :: atomic { !SLEEPLESS(v) -> skip };
#endif
            do
            :: atomic { v == 0 && output && !physical -> physical = 1 };
                hold();
                other = v;
                kick(other)
            :: atomic { state[v] == READY -> state[v] = RUNNING };
                break
            od
        fi;
        fill(v)
#endif
    od
}

proctype device()
{
    byte other = NOBODY;
    bit concerned;
    byte e = EDGES;
    byte l = LEVELS;

    do
    :: e > 0 ->
        e--;
        d_step {
            latch[EDGE] = 1;
            due = 1;
            credit++;
            since = since + clearing;
            concerned = is_enabled[EDGE]
        }
        tell(EDGE)
#ifdef TIMER
    :: l > 0 && !output ->
        l--;
        output = 1
#else
    :: l > 0 && !line[LEVEL] ->
        l--;
        d_step {
            line[LEVEL] = 1;
            concerned = is_enabled[LEVEL]
        }
        tell(LEVEL)
    :: l < LEVELS && line[LEVEL] -> /* nobody need serve it any more (L2) */
        lower()
#endif
    :: e == 0 && l == 0 -> break
    od;
    working--
}

/* apply()'s end: whoever it concerns is told; then the call is made again until the fold has come. */
inline changes(i)
{
    changed[i] = changed[i] || loaded[i];
    concerned = loaded[i] || DELIVERABLE(i)
}

inline complete(i)
{
    tell(i);
#ifndef BREAK_L4_WAIT
    !changed[i]
#endif
}

proctype service()
{
    byte other = NOBODY;
    bit concerned;
    byte n, i;

    do
    :: n < CHANGES ->
        n++;
        if
        :: LEVELS > 0 -> i = LEVEL
        :: EDGES > 0 -> i = EDGE
        fi;
        if
        :: d_step { is_enabled[i] = 0; changes(i) };
            complete(i);
            off[i] = 1;
            d_step { off[i] = 0; is_enabled[i] = 1; concerned = DELIVERABLE(i) };
            tell(i)
#ifndef TIMER
        :: atomic { i == EDGE -> d_step {
                only[EDGE] = NOBODY;
                target[EDGE] = 1 - target[EDGE];
                changes(EDGE)
            } };
            complete(EDGE);
            only[EDGE] = target[EDGE]
#endif
        :: atomic { i == EDGE -> d_step {
                latch[EDGE] = 0;
#ifndef BREAK_L4_CLEAR
                unlatch[EDGE] = loaded[EDGE];
#endif
                changes(EDGE);
                due = 0;
                clearing = 1
            } };
            complete(EDGE);
            d_step {
                credit = (credit < since -> credit : since);
                since = 0;
                clearing = 0
            }
        :: d_step {
                read_of = i;
                was_handled = handled[i];
                was_idle = !handled[i];
                watched[i] = loaded[i];
                fresh[i] = !loaded[i];
                concerned = loaded[i]
            };
            tell(i);
#ifndef BREAK_L5
            !loaded[i] || fresh[i];
#endif
            d_step {
                assert((is_active[i] && was_handled) || (!is_active[i] && was_idle)); /* L5 */
                fresh[i] = 0;
                was_handled = 0;
                was_idle = 0;
                read_of = NOBODY
            }
        fi
    :: n == CHANGES -> break
    od;
    working--
}

proctype observer()
{
    timeout;
    assert(working == 0); /* every call ends */
    assert(!due);
#ifdef TIMER
    assert(!output && !physical);
#else
    assert(!line[LEVEL]);
#endif
#ifndef BUSY
    assert(state[0] == WAITING && state[1] == WAITING)
#endif
}

init {
    atomic {
        is_enabled[LEVEL] = 1;
        is_enabled[EDGE] = 1;
        target[EDGE] = 1;
        run vcpu(0);
        run vcpu(1);
        run device();
        run service();
#ifdef BREAK_L8
        working++;
        run service();
#endif
        run observer()
    }
}
