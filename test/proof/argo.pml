/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interleavings of kernel/argo/argo.c: two senders, one ring, its receiver, each on a CPU of its own. Each
 * store that others can see is a step. Senders may be preempted, and one of them killed, wherever they do not
 * hold the ring's lock (the kernel is not preempted there). They send a bounded number of messages, short
 * ones in one step of the kernel and long ones in two, so "lost" is a state in which nothing moves any more
 * although something is due.
 *
 *   no half message is visible: what lies between rx_ptr and tx_ptr is whole, of one life of one sender,
 *                               each message once, and in its sender's order             (`read`)
 *   no wake-up is lost:         when all is quiet, everything was sent and received       (`observer`)
 *   who does not run delays nobody: so, too. A long message begins again at most once, but for each time
 *                               that its slice was over, or its sender did not run        (`take`)
 *
 * Left out: quotas of wildcard rings, a full table of waiters (EBUSY: the sender comes again by itself), hostile
 * rx_ptr (test/unit/test_kernel_ring.c), the order of stores on a weak machine but for where it is the algorithm's.
 *
 * FIRST, SECOND: how many messages each sends. LONG: of both lengths, as it likes; else all are short. KILL: the
 * first one is killed once, at any time, and begins anew. GONE: it does not. ENDS: the receiver unregisters its
 * ring at any time. QUIET: the receiver asks for a signal only when it has found its ring empty; that takes a ring
 * for two messages (CELLS).
 *
 * Each BREAK_... takes out one rule, and the model fails: OWNER, LOCK, INCARNATION, PUBLISH (half messages);
 * PROTECT, RUNNING (delay); SIGNAL, WAIT, RECHECK, SEEN, FIND, RETIRE, QUIET (lost wake-ups).
 */

#ifndef FIRST
#define FIRST 2
#endif
#ifndef SECOND
#define SECOND 2
#endif

#ifndef CELLS
#define CELLS 4 /* of the ring; a message has one for its header, and one or two for the rest */
#endif
#define NOBODY 2
#define RECEIVER 2

/* What a cell holds: of whom, in which life, which message, of which length, which part of it. */
#define CELL(s, l, n, k, part) (1 + (part) + 3 * ((k) + 2 * ((n) + 4 * ((l) + 2 * (s)))))
#define KIND(c) (((c) - 1) / 3 % 2)
#define NUMBER(c) (((c) - 1) / 6 % 4)
#define LIFE(c) (((c) - 1) / 24 % 2)
#define SENDER(c) (((c) - 1) / 48)

/* The ring's page */
byte cell[CELLS], tx_ptr, rx_ptr;

/* struct argo_ring; found: it is in its domain's table */
bit locked, found = 1;
byte put, seen = 255;
byte need[2]; /* of those who wait */

/* struct append */
byte owner = NOBODY, owner_number, owner_done;
bit owner_life, owner_protected;

/* vCPUs: the event word's bit; whether it runs */
bit event[3], running[2] = 1;

byte may_restart[2]; /* how often the message that is being sent */
byte working = 2;
byte sent, received;

#define TX (put % CELLS)
#define AT(n) ((put + (n)) % CELLS)
#define NEED(k) (2 + (k))
#define UNREAD(from) ((TX + CELLS - (from)) % CELLS)
#define FITS(n, from) ((n) <= CELLS - 1 - UNREAD(from))

#ifdef BREAK_RUNNING
#define DISTURBED (owner != NOBODY && owner != s && owner_protected)
#else
#define DISTURBED (owner != NOBODY && owner != s && owner_protected && running[owner])
#endif

#ifdef BREAK_INCARNATION
#define MINE (owner == s && owner_number == number)
#else
#define MINE (owner == s && owner_number == number && owner_life == life)
#endif

/* append_step(): `again`, or else how much is in place is `done`. */
inline take()
{
    if
#ifdef BREAK_OWNER
    :: atomic { done > 0 -> skip }
    :: atomic { done == 0 && MINE -> done = owner_done }
    :: atomic { done == 0 && !MINE && DISTURBED -> again = 1 }
    :: atomic { done == 0 && !MINE ->
#else
    :: atomic { MINE -> done = owner_done }
    :: atomic { !MINE && DISTURBED -> again = 1 }
    :: atomic { !MINE -> /* if it is disturbed: the time is over that it was given */
#endif
        if
        :: owner != NOBODY && owner != s && owner_protected -> may_restart[owner]++
        :: else
        fi;
        owner = NOBODY;
        assert(!copied || may_restart[s] > 0);
        may_restart[s] = may_restart[s] - copied;
        if
        :: kind ->
            owner = s;
            owner_life = life;
            owner_number = number;
#ifndef BREAK_PROTECT
            owner_protected = copied;
#endif
            owner_done = 0
        :: else
        fi;
        done = 0
    }
    fi
}

/* ring_publish() */
inline publish()
{
#ifdef BREAK_SIGNAL
    event[RECEIVER] = 1;
#endif
    d_step {
        owner = NOBODY;
        at = TX;
#ifdef BREAK_QUIET
        quiet = rx_ptr != at;
#endif
        put = put + NEED(kind)
    }
#ifdef BREAK_PUBLISH
    tx_ptr = TX;
    cell[at] = CELL(s, life, number, kind, 0);
#else
    cell[at] = CELL(s, life, number, kind, 0);
    tx_ptr = TX;
#endif
    /* ring_wants_signal() */
#if defined(QUIET) && !defined(BREAK_QUIET)
    quiet = rx_ptr != at;
#endif
    d_step {
        locked = 0;
        sent++
    }
#ifndef BREAK_SIGNAL
    event[RECEIVER] = event[RECEIVER] || !quiet;
    quiet = 0
#endif
}

proctype sender(byte s; byte messages)
{
    byte number, done, from, at;
    bit kind, copied, again, quiet;
    bit life; /* 1: it was killed */

begin:
    do
    :: atomic { number < messages ->
            if
            :: kind = 0
#ifdef LONG
            :: kind = 1
#endif
            fi;
            copied = 0;
            done = 0;
            may_restart[s] = 1
        };
execute:
        if
        :: skip
        :: running[s] = 0;
            running[s] = 1
#ifdef KILL
        :: atomic { s == 0 && !life -> goto killed }
#endif
        fi;
        /* enter() */
#ifdef BREAK_FIND
        if
        :: atomic { !found -> goto refused }
        :: atomic { found -> skip }
        fi;
        atomic { !locked -> locked = 1 };
#else
        if
        :: atomic { !found -> goto refused }
        :: atomic { found && !locked -> locked = 1 }
        fi;
#endif
        from = rx_ptr;
        if
        :: atomic { FITS(NEED(kind), from) -> again = 0 };
            take();
            if
            :: atomic { again -> again = 0; locked = 0 };
                atomic { !DISTURBED || !found -> skip };
                goto execute
            :: atomic { !again && kind == 1 && done == 0 -> at = AT(1) };
#ifdef BREAK_LOCK
                locked = 0;
#endif
                cell[at] = CELL(s, life, number, kind, 1);
                d_step {
                    owner_done = 1;
#ifdef BREAK_OWNER
                    done = 1;
#endif
                    copied = 1;
                    at = 0;
                    from = 0;
#ifndef BREAK_OWNER
                    done = 0;
#endif
                    locked = 0
                };
                goto execute
            :: atomic { !again && (kind == 0 || done > 0) -> skip };
                cell[AT(1 + kind)] = CELL(s, life, number, kind, 1 + kind);
                publish();
                d_step {
                    number++;
                    at = 0;
                    from = 0;
                    done = 0;
                    copied = 0;
                    kind = 0;
                    may_restart[s] = 0
                }
            fi
        :: atomic { !FITS(NEED(kind), from) -> skip };
            /* wait_for() */
            need[s] = (need[s] < NEED(kind) -> NEED(kind) : need[s]);
            again = 0;
#ifndef BREAK_RECHECK
            again = rx_ptr != from;
#endif
            locked = 0;
            event[s] = event[s] || again;
            /* EAGAIN: another call, when it is told. */
            d_step {
                running[s] = 0;
                copied = 0;
                from = 0;
                again = 0
            }
            if
            :: atomic { event[s] -> event[s] = 0; running[s] = 1 }
#ifdef KILL
            :: atomic { s == 0 && !life -> goto killed }
#endif
            fi;
            goto execute
        fi
    :: atomic { number == messages -> goto refused }
    od;
#ifdef KILL
killed:
    atomic {
        life = 1;
        number = 0;
        running[s] = 0;
        event[s] = 0
    }
#ifndef GONE
    running[s] = 1;
    goto begin;
#endif
#endif
refused:
    running[s] = 0;
    working--
}

proctype receiver()
{
    byte c, i, from, served;
    byte next[2];
    bit life;

    do
    :: event[RECEIVER] ->
#ifndef BREAK_WAIT
        event[RECEIVER] = 0;
#endif
        served = 0;
        do
        :: atomic { tx_ptr != rx_ptr -> c = cell[rx_ptr] };
            /* read */
            d_step {
                assert(c != 0 && (c - 1) % 3 == 0);
                if
                :: SENDER(c) == 0 && LIFE(c) != life ->
                    life = 1;
                    next[0] = 0
                :: else
                fi;
                assert(SENDER(c) == 1 || LIFE(c) == life);
                assert(NUMBER(c) == next[SENDER(c)]);
                next[SENDER(c)]++
            }
#ifdef LONG
            if
            :: atomic { KIND(c) == 1 -> assert(cell[(rx_ptr + 1) % CELLS] == c + 1) }
            :: else
            fi;
#endif
            assert(cell[(rx_ptr + 1 + KIND(c)) % CELLS] == c + 1 + KIND(c));
            d_step {
                cell[rx_ptr] = 0;
                cell[(rx_ptr + 1) % CELLS] = 0;
                if
                :: KIND(c) == 1 -> cell[(rx_ptr + 2) % CELLS] = 0
                :: else
                fi;
                received++;
                served = 1;
                rx_ptr = (rx_ptr + NEED(KIND(c))) % CELLS;
                c = 0
            }
        :: atomic { tx_ptr == rx_ptr -> break }
        od;
#ifdef BREAK_WAIT
        event[RECEIVER] = 0;
#endif
        /* notify_waiters(), at most one of them at a time */
        do
        :: atomic { !served || (need[0] == 0 && need[1] == 0) -> break };
        :: atomic { served && (need[0] != 0 || need[1] != 0) -> skip };
            if
            :: atomic { seen == put - UNREAD(rx_ptr) -> break }
            :: atomic { seen != put - UNREAD(rx_ptr) && !locked -> locked = 1 }
            fi;
            d_step {
                i = 0;
                do
                :: i < 2 && (need[i] == 0 || !FITS(need[i], rx_ptr)) -> i++
                :: else -> break
                od;
                if
                :: i < 2 -> need[i] = 0
                :: else
                fi;
                if
#ifndef BREAK_SEEN
                :: i == 2 -> seen = put - UNREAD(rx_ptr)
#else
                :: true -> seen = put - UNREAD(rx_ptr)
#endif
                :: else
                fi
            }
            locked = 0;
            if
            :: atomic { i < 2 -> event[i] = 1; i = 0 }
            :: atomic { i == 2 -> i = 0; break }
            fi
        od
#ifdef ENDS
    :: found = 0;
        /* retire() */
        atomic { !locked -> locked = 1 };
        d_step {
            served = (need[0] != 0) + 2 * (need[1] != 0);
            need[0] = 0;
            need[1] = 0
        }
        locked = 0;
#ifndef BREAK_RETIRE
        event[0] = event[0] || served % 2;
        event[1] = event[1] || served / 2;
#endif
        break
#endif
    od
}

proctype observer()
{
    timeout;
    assert(working == 0); /* nobody waits */
    assert(!locked);
#ifndef ENDS
    assert(received == sent)
#endif
}

init {
    atomic {
        run sender(0, FIRST);
        run sender(1, SECOND);
        run receiver();
        run observer()
    }
}
