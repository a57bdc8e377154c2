/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interleavings of kernel/cpu/dispatch.c: two CPUs, two vCPUs, and a policy that takes the place of another one.
 * Each load or store that others see is a step, in the order of the file; a CPU that chooses lets go of its plan's lock
 * between two slots. vCPU 0 may run on CPU 0 only, vCPU 1 on both. A vCPU is woken up WAKES times, at any time; it waits
 * again when it has nothing to do, or runs on for ever. A plan lists both, in an order of its planner's, with a rank each.
 *
 *   no vCPU on two CPUs:     nor on one while another one has its registers                              (`claim`)
 *   no wake-up is lost:      when all is quiet, nobody waits who was signalled, nobody is READY while a CPU is idle that may
 *                            run it, and who may run on one CPU only is not READY while that runs worse  (`observer`)
 *   a commit during the choice is seen: what was chosen is of the plan that is there when the choice ends  (`choose`),
 *                            and when all is quiet, the best by the last plan runs                       (`observer`)
 *   a swap leaves no CPU without a plan or with a mix of two: who chooses sees one planner's, whole; an older epoch
 *                            of the same planner replaces nothing                              (`choose`, `observer`)
 *
 * Left out: buckets, deadlines, min_run, ends of turns and of leases (time), equals, helping, the reserve, death. They are
 * in test/unit/test_dispatch_random.c, one step of a CPU at a time.
 *
 * WOKEN, ENDLESS: bits of the vCPUs that are woken up, and of those that then run for ever. USER: vCPU 0 is a service, which
 * leaves no registers behind. ALONE: there is only CPU 0. SWAP: the second planner commits once, at any time; STALE: twice,
 * and the first of its commits comes once more at the end.
 *
 * Each BREAK_... takes out one rule, and the model fails: CLAIM, LOADED (two CPUs); ANNOUNCE, RESCHED, SHOWN, KICK, RELEASE,
 * TELL, RECHECK (lost wake-ups); COMMITTED, COMMIT_KICK, LOCK, EPOCH (commits).
 */

#ifndef WAKES
#define WAKES 1
#endif

#ifndef WOKEN
#define WOKEN 3
#endif
#ifndef ENDLESS
#define ENDLESS 0
#endif

#define VCPUS 2
#define NONE 2 /* no vCPU; of ranks: RANK_NONE, as nothing is better than that */
#define NO_CPU 2

mtype = { READY, RUNNING, WAITING };

/* vCPUs: vcpu.state; its bit of `ready`; whether it was signalled; loaded_on; cpu */
mtype state[VCPUS] = WAITING;
bit ready[VCPUS], event[VCPUS];
byte loaded[VCPUS] = NO_CPU, last[VCPUS];
byte on[VCPUS]; /* how many CPUs */

/* struct cpu; told: an interrupt that another CPU caused is pending */
byte current[2] = NONE, registers[2] = NONE, shown[2] = NONE;
bit resched[2], told[2], idle[2], locked[2];
/* and its plan */
byte slot[4], slots[2], planner[2], epoch[2], committed[2];

#ifdef ALONE
#define MAY(c, v) ((c) == 0)
#else
#define MAY(c, v) ((v) > 0 || (c) == 0)
#endif
#ifdef USER
#define SERVICE(v) ((v) == 0) /* has no registers to be kept */
#else
#define SERVICE(v) false
#endif
#define HERE(c, v) (MAY(c, v) && (loaded[v] == NO_CPU || loaded[v] == (c)))
#define AT(c, i) slot[2 * (c) + (i)]
#define RANK(c, v) (AT(c, 1) == (v) -> 1 : 0)
/* The order of a planner's epoch: 0 1; 1 0, later 0 1 */
#define FIRST(p, e) ((p) == 1 && (e) == 0)
#define WHOLE(c) (slots[c] == 2 && AT(c, 0) == FIRST(planner[c], epoch[c]) && AT(c, 1) == 1 - AT(c, 0))

#if defined(SWAP) || defined(STALE)
#define LOCK(c) atomic { !locked[c] -> locked[c] = 1 }
#else
#define LOCK(c) skip /* nobody else takes it */
#endif

/* cpu_kick(), of another CPU */
inline kick(c)
{
    d_step {
#ifndef BREAK_KICK
        resched[c] = 1;
#endif
        told[c] = 1
    }
}

/* dispatch_wake() */
inline wake(v)
{
    target = loaded[v];
    d_step {
        ready[v] = 1; /* no other step comes between it and the next one that matters */
        others = (idle[0] && MAY(0, v)) + 2 * (idle[1] && MAY(1, v));
        if
        :: target != NO_CPU -> skip
        :: target == NO_CPU && others > 0 && !(others >> last[v] & 1) -> target = (others & 1 -> 0 : 1)
        :: else -> target = (MAY(last[v], v) -> last[v] : 0)
        fi
    };
    if
    :: atomic { others > 0 || RANK(target, v) < shown[target] -> others = 0 };
        kick(target)
    :: else
    fi;
    target = 0
}

/* choose(): whom, of which rank */
inline choose()
{
    LOCK(me);
    do
    :: d_step { best = NONE; rank = 0; seen = committed[me]; assert(WHOLE(me)) };
        do
        :: atomic { rank < slots[me] && best == NONE ->
                if
                :: AT(me, rank) == current[me] -> best = AT(me, rank)
                :: AT(me, rank) != current[me] && state[AT(me, rank)] == READY && HERE(me, AT(me, rank)) ->
                    best = AT(me, rank)
                :: else -> rank++
                fi
            };
#if defined(SWAP) || defined(STALE)
            /* breathe() */
            if
            :: atomic { best == NONE && rank < slots[me] -> locked[me] = 0 };
                LOCK(me)
            :: atomic { !(best == NONE && rank < slots[me]) -> skip }
            fi
#endif
        :: atomic { rank >= slots[me] || best != NONE -> break }
        od;
#ifndef BREAK_COMMITTED
        if
        :: seen != committed[me]
        :: atomic { seen == committed[me] -> break }
        fi
#else
        break
#endif
    od;
    atomic {
        assert(seen == committed[me]);
        seen = 0;
        locked[me] = 0
    }
}

/* dispatch_claim(): else best is NONE */
inline claim()
{
    if
#ifdef BREAK_CLAIM
    :: state[best] == READY ->
        state[best] = RUNNING;
#else
    :: atomic { state[best] == READY -> state[best] = RUNNING };
#endif
        if
#ifndef BREAK_LOADED
        :: atomic { !HERE(me, best) -> state[best] = READY };
            wake(best);
            best = NONE
#endif
        :: else ->
            d_step {
                on[best]++;
                assert(on[best] == 1);
                assert(HERE(me, best));
                ready[best] = 0;
                last[best] = me
            }
        fi
    :: atomic { state[best] != READY -> best = NONE }
    fi
}

/* tell() */
inline tell()
{
    v = 0;
    do
    :: atomic { v < VCPUS && ready[v] ->
            others = (best == NONE -> MAY(me, v) : idle[1 - me] && MAY(1 - me, v));
            target = loaded[v]
        };
        if
        :: atomic { others && (target == NO_CPU -> best != NONE : target != me) && !resched[1 - me] -> skip };
            kick(1 - me)
        :: else
        fi;
        v++
    :: atomic { v < VCPUS && !ready[v] -> v++ }
    :: atomic { v == VCPUS -> v = 0; others = 0; target = 0; break }
    od
}

proctype cpu(byte me)
{
    byte best, rank, seen, target, others, v;
    bit announced, waits;

    do
    :: atomic { resched[me] || (current[me] == NONE && !waits) ->
            /* dispatch() */
#ifndef BREAK_SHOWN
            shown[me] = NONE;
#endif
            announced = idle[me]
        };
        do
        ::
#ifndef BREAK_RESCHED
            resched[me] = 0;
#endif
            choose();
            if
            :: atomic { best != NONE || announced -> break }
            :: atomic { best == NONE && !announced -> announced = 1; idle[me] = 1 }
#ifdef BREAK_ANNOUNCE
                break
#endif
            fi
        od;
#ifdef BREAK_RESCHED
        resched[me] = 0;
#endif
        if
        :: best != NONE && best != current[me] ->
            claim();
            if
            :: atomic { best == NONE -> resched[me] = 1; rank = 0; announced = 0 };
                goto chosen
            :: atomic { best != NONE -> idle[me] = 0 }
            fi
        :: atomic { best == NONE -> skip }
        :: atomic { best != NONE && best == current[me] -> skip }
        fi;
#ifndef BREAK_TELL
        if
        :: announced -> tell()
        :: else
        fi;
#endif
        /* release() */
        if
        :: atomic { current[me] != NONE && current[me] != best ->
                v = current[me];
                on[v]--;
                if
                :: registers[me] == v -> registers[me] = NONE; loaded[v] = NO_CPU
                :: else
                fi
            };
            d_step { state[v] = READY; ready[v] = 1 };
#ifndef BREAK_RELEASE
            if
            :: atomic { idle[1 - me] && MAY(1 - me, v) -> v = 0 };
                kick(1 - me)
            :: atomic { !(idle[1 - me] && MAY(1 - me, v)) -> v = 0 }
            fi
#else
            v = 0
#endif
        :: else
        fi;
        atomic {
            current[me] = best;
            if
            :: best != NONE -> shown[me] = rank
            :: else
            fi;
            waits = best == NONE;
            best = 0;
            rank = 0;
            announced = 0
        };
        /* release_loaded() */
        if
        :: atomic { registers[me] != NONE && registers[me] != current[me] && state[registers[me]] == READY ->
                v = registers[me];
                registers[me] = NONE;
                loaded[v] = NO_CPU
            };
            wake(v);
            v = 0
        :: else
        fi
chosen:
        skip
    :: atomic { waits && told[me] -> told[me] = 0; waits = 0 } /* arch_idle() */
    :: atomic { current[me] != NONE && !resched[me] ->
            /* arch_enter() */
            if
            :: registers[me] == current[me] || SERVICE(current[me])
            :: else ->
                if
                :: registers[me] != NONE -> loaded[registers[me]] = NO_CPU
                :: else
                fi;
                registers[me] = current[me];
                assert(loaded[current[me]] == NO_CPU || loaded[current[me]] == me);
                loaded[current[me]] = me
            fi
        };
        if
        :: atomic { told[me] -> told[me] = 0 }
        :: atomic { event[current[me]] -> event[current[me]] = 0 }
        :: atomic { !event[current[me]] && !(ENDLESS >> current[me] & 1) -> v = current[me] }
            /* vcpu_leave(), and a signal that came in between is taken back */
            d_step { current[me] = NONE; on[v]-- };
            state[v] = WAITING;
#ifndef BREAK_RECHECK
            if
            :: atomic { event[v] && state[v] == WAITING -> state[v] = RUNNING };
                d_step { on[v]++; assert(on[v] == 1); current[me] = v; v = 0 }
            :: else -> v = 0
            fi
#else
            v = 0
#endif
        fi
    od
}

/* vcpu_signal(), by whatever has to do with it */
proctype device(byte v)
{
    byte n, target, others;

    do
    :: atomic { n < WAKES -> n++ };
        event[v] = 1;
        if
        :: atomic { state[v] == WAITING -> state[v] = READY };
            wake(v)
        :: atomic { state[v] != WAITING -> skip }
        fi
    :: atomic { n == WAKES -> break }
    od
}

/* plan_commit() */
inline commit(c, e)
{
#ifndef BREAK_LOCK
    LOCK(c);
#endif
    if
#ifndef BREAK_EPOCH
    :: atomic { planner[c] == 1 && (e) < epoch[c] -> locked[c] = 0 }
#endif
    :: else ->
        d_step { planner[c] = 1; epoch[c] = e };
        committed[c]++;
        slots[c] = 0;
        AT(c, 0) = FIRST(1, e);
        AT(c, 1) = 1 - FIRST(1, e);
        slots[c] = 2;
#ifndef BREAK_LOCK
        locked[c] = 0;
#endif
#ifndef BREAK_COMMIT_KICK
        kick(c)
#endif
    fi
}

proctype policy()
{
#ifdef STALE
    commit(0, 0);
    commit(0, 1);
    commit(0, 0)
#else
    commit(0, 0);
    commit(1, 0)
#endif
}

#define WORSE(c, v) (current[c] != NONE && MAY(c, v) && RANK(c, v) < RANK(c, current[c]))

proctype observer()
{
    byte v;

    timeout;
    do
    :: v < VCPUS ->
        assert(state[v] != WAITING || !event[v]);
        if
        :: state[v] == READY ->
            assert(current[0] != NONE || !MAY(0, v));
            assert(current[1] != NONE || !MAY(1, v));
            assert(MAY(1, v) || !WORSE(0, v))
        :: else
        fi;
        v++
    :: else -> break
    od;
    assert(WHOLE(0) && WHOLE(1));
#ifdef SWAP
    assert(planner[0] == 1 && planner[1] == 1);
#endif
#ifdef STALE
    assert(epoch[0] == 1);
#endif
}

init {
    atomic {
        AT(0, 1) = 1;
        AT(1, 1) = 1;
        slots[0] = 2;
        slots[1] = 2;
        run cpu(0);
#ifndef ALONE
        run cpu(1);
#endif
#if WOKEN & 1
        run device(0);
#endif
#if WOKEN & 2
        run device(1);
#endif
#if defined(SWAP) || defined(STALE)
        run policy();
#endif
        run observer()
    }
}
