/* Entries over shards: try, then confirm or end. README.md says what must be so.
 *
 * One account a shard. What two shards say to each other arrives once and in its order: numbered
 * batches of steps give that. An atomic block is one durable record, so a shard that dies loses
 * nothing that is modelled, and does nothing while it is dead. An entry's number is its age, which
 * it keeps: 0 is the oldest.
 *
 * A name in capitals that is defined with -D plants a mistake.
 */

#define SHARDS 3
#ifndef TURNS
#define TURNS 4 /* attempts of one entry: more of them, and it would never come to its end */
#endif
#define LEG(entry, shard) ((entry) * SHARDS + (shard))
#define WAY(from, to) ((from) * SHARDS + (to))

#if SCENE == 2
#define ENTRIES 3
#define MONEY 3
#else
#define ENTRIES 2
#define MONEY 2
#endif

byte has[SHARDS];
byte takes[ENTRIES * SHARDS], brings[ENTRIES * SHARDS];
byte leader[ENTRIES];

inline set_up() {
#if SCENE == 1
    /* Two that want the same money on two shards; there is enough for one. */
    has[1] = 1; has[2] = 1;
    leader[0] = 0; takes[LEG(0, 1)] = 1; takes[LEG(0, 2)] = 1; brings[LEG(0, 0)] = 2;
    leader[1] = 1; takes[LEG(1, 1)] = 1; takes[LEG(1, 2)] = 1; brings[LEG(1, 0)] = 2
#elif SCENE == 2
    /* Three in a ring: each sets aside what the next one wants. */
    has[0] = 1; has[1] = 1; has[2] = 1;
    leader[0] = 0; takes[LEG(0, 0)] = 1; takes[LEG(0, 1)] = 1; brings[LEG(0, 2)] = 2;
    leader[1] = 1; takes[LEG(1, 1)] = 1; takes[LEG(1, 2)] = 1; brings[LEG(1, 0)] = 2;
    leader[2] = 2; takes[LEG(2, 2)] = 1; takes[LEG(2, 0)] = 1; brings[LEG(2, 1)] = 2
#else
    /* One whose payee pays on at once, and one that wants the payer's money too. */
    has[0] = 1; has[2] = 1;
    leader[0] = 0; takes[LEG(0, 0)] = 1; takes[LEG(0, 2)] = 1; brings[LEG(0, 1)] = 2;
    leader[1] = 2; takes[LEG(1, 2)] = 1; brings[LEG(1, 1)] = 1
#define PAYS_ON 2
#endif
}

mtype:step = { try, yes, no, busy, free, confirm, again, over };
mtype:phase = { waiting, trying, posted, refused, unanswered };

chan way[SHARDS * SHARDS] = [8] of { mtype:step, byte, byte }; /* entry, attempt */

/* What leaders have recorded of their entries: a bit a shard where there are several. */
mtype:phase phase[ENTRIES] = waiting;
byte attempt[ENTRIES];
byte agreed[ENTRIES];
byte awaited[ENTRIES]; /* who said busy and has not said free since */

/* What shards have recorded of entries that others lead. */
byte held[SHARDS];             /* set aside by tries */
byte tried[ENTRIES * SHARDS];  /* by this attempt of it; 0: nothing */
byte queue[SHARDS];            /* a bit an entry: told that it is busy */
byte called[SHARDS];           /* a bit an entry: told that it is free since */

bool dead[SHARDS];
byte spent; /* by the client of scene 3 */

#define needs(e, s) \
    (takes[LEG(e, s)] > brings[LEG(e, s)] -> takes[LEG(e, s)] - brings[LEG(e, s)] : 0)
#define has_leg(e, s) (takes[LEG(e, s)] + brings[LEG(e, s)] > 0)
#define is_final(e) (phase[e] == posted || phase[e] == refused || phase[e] == unanswered)
#define bit(n) (1 << (n))

#ifdef HELD_NOT_LOOKED_AT
#define has_room(e, s) (has[s] >= needs(e, s))
#else
#define has_room(e, s) (has[s] >= held[s] + needs(e, s))
#endif
#define can_never(e, s) (has[s] < needs(e, s))
#ifdef YOUNGER_OVERTAKES
#define is_in_turn(e, s) true
#else
#define is_in_turn(e, s) (needs(e, s) == 0 || (queue[s] & (bit(e) - 1)) == 0)
#endif

inline release(e, s) {
    if
    :: tried[LEG(e, s)] != 0 -> held[s] = held[s] - needs(e, s); tried[LEG(e, s)] = 0
    :: else
    fi;
}

inline post(e, s) {
    has[s] = has[s] + brings[LEG(e, s)] - takes[LEG(e, s)];
    assert(has[s] >= held[s])
}

inline leave_queue(e, s) {
    queue[s] = queue[s] & ~bit(e);
    called[s] = called[s] & ~bit(e)
}

/* Tells the oldest who waits here that its turn has come; nobody behind it. */
inline call_next(s) {
    w = 0;
    do
    :: w == ENTRIES -> break
    :: w < ENTRIES && !(queue[s] & bit(w)) -> w++
    :: w < ENTRIES && (queue[s] & bit(w)) ->
        if
        :: !(called[s] & bit(w)) && (has_room(w, s) || can_never(w, s)) ->
            called[s] = called[s] | bit(w);
            if
            :: leader[w] == s -> awaited[w] = awaited[w] & ~bit(s)
            :: else ->
#ifndef NOBODY_IS_CALLED
                way[WAY(s, leader[w])]!free, w, 0
#else
                skip
#endif
            fi;
        :: else
        fi;
        break
    od;
}

inline tell(e, what) {
    o = 0;
    do
    :: o == SHARDS -> break
    :: o < SHARDS ->
        if
        :: o != leader[e] && has_leg(e, o) -> way[WAY(leader[e], o)]!what, e, attempt[e]
        :: else
        fi;
        o++
    od;
}

/* The leader's one record that ends an attempt. */
inline decide(e, how, what) {
    phase[e] = how;
    release(e, leader[e]);
    if
    :: how == posted -> post(e, leader[e])
    :: else
    fi;
    if
    :: how != waiting -> leave_queue(e, leader[e])
    :: else
    fi;
    tell(e, what);
    call_next(leader[e])
}

#define everybody(e) \
    ((has_leg(e, 0) -> 1 : 0) + (has_leg(e, 1) -> 2 : 0) + (has_leg(e, 2) -> 4 : 0))

proctype Leader(byte e) {
    byte o, w;
    byte me = leader[e];
    do
    :: atomic { !dead[me] && phase[e] == waiting && awaited[e] == 0 && has_room(e, me) &&
                is_in_turn(e, me) ->
        assert(attempt[e] < TURNS);
        attempt[e]++;
        phase[e] = trying;
        agreed[e] = bit(me);
        leave_queue(e, me);
#ifndef OWN_LEGS_NOT_TRIED
        held[me] = held[me] + needs(e, me);
        tried[LEG(e, me)] = attempt[e];
#endif
        tell(e, try);
        call_next(me)
    }
    :: atomic { !dead[me] && phase[e] == waiting && awaited[e] == 0 && can_never(e, me) ->
        decide(e, refused, over)
    }
    :: atomic { !dead[me] && phase[e] == waiting && !(queue[me] & bit(e)) && !can_never(e, me) &&
                !(has_room(e, me) && is_in_turn(e, me)) ->
        queue[me] = queue[me] | bit(e)
    }
    /* Its patience of ten seconds: only who waits for a dead shard comes to its end. */
    :: atomic { !dead[me] && phase[e] == trying && (dead[0] || dead[1] || dead[2]) ->
        decide(e, unanswered, over)
    }
    :: is_final(e) -> break
    od;
}

/* What one shard has sent to another. */
proctype Link(byte from, to) {
    byte e, a, o, w;
end:
    do
    :: atomic { !dead[to] && way[WAY(from, to)]?[try, e, a] -> way[WAY(from, to)]?try, e, a;
        if
        :: has_room(e, to) && is_in_turn(e, to) ->
            /* Nobody younger takes what an older one was told to wait for. */
            assert(needs(e, to) == 0 || (queue[to] & (bit(e) - 1)) == 0);
            leave_queue(e, to);
            held[to] = held[to] + needs(e, to);
            tried[LEG(e, to)] = a;
            way[WAY(to, from)]!yes, e, a
        :: can_never(e, to) ->
            leave_queue(e, to);
            way[WAY(to, from)]!no, e, a
        :: else ->
            queue[to] = queue[to] | bit(e);
            called[to] = called[to] & ~bit(e);
            way[WAY(to, from)]!busy, e, a
        fi;
        call_next(to)
    }
    :: atomic { !dead[to] && way[WAY(from, to)]?[confirm, e, a] -> way[WAY(from, to)]?confirm, e, a;
        assert(tried[LEG(e, to)] == a);
        release(e, to);
        post(e, to);
        call_next(to)
    }
    :: atomic { !dead[to] && way[WAY(from, to)]?[again, e, a] -> way[WAY(from, to)]?again, e, a;
        release(e, to);
        call_next(to)
    }
    :: atomic { !dead[to] && way[WAY(from, to)]?[over, e, a] -> way[WAY(from, to)]?over, e, a;
        release(e, to);
#ifndef ENDED_STAY_IN_THE_QUEUE
        leave_queue(e, to);
#endif
        call_next(to)
    }
    :: atomic { !dead[to] && way[WAY(from, to)]?[yes, e, a] -> way[WAY(from, to)]?yes, e, a;
#ifdef LATE_ANSWER_COUNTS
        if
        :: phase[e] != posted ->
#else
        if
        :: phase[e] == trying && attempt[e] == a ->
#endif
            agreed[e] = agreed[e] | bit(from);
            if
            :: agreed[e] == everybody(e) -> decide(e, posted, confirm)
            :: else
            fi;
        :: else
        fi;
    }
    :: atomic { !dead[to] && way[WAY(from, to)]?[no, e, a] -> way[WAY(from, to)]?no, e, a;
        if
        :: phase[e] == trying && attempt[e] == a -> decide(e, refused, over)
        :: else
        fi;
    }
    :: atomic { !dead[to] && way[WAY(from, to)]?[busy, e, a] -> way[WAY(from, to)]?busy, e, a;
        if
        :: phase[e] == trying && attempt[e] == a -> 
#ifndef RETRIES_AT_ONCE
            awaited[e] = awaited[e] | bit(from);
#endif
            decide(e, waiting, again)
        :: phase[e] == waiting && attempt[e] == a -> awaited[e] = awaited[e] | bit(from)
        :: else
        fi;
    }
    :: atomic { !dead[to] && way[WAY(from, to)]?[free, e, a] -> way[WAY(from, to)]?free, e, a;
        awaited[e] = awaited[e] & ~bit(from)
    }
#ifdef TRIES_EXPIRE
    /* A follower that decides alone after its own ten seconds. */
    :: atomic { !dead[to] && dead[from] ->
        e = 0;
        do
        :: e == ENTRIES -> break
        :: e < ENTRIES && leader[e] == from -> release(e, to); e++
        :: else -> e++
        od;
    }
#endif
    od;
}

/* A shard dies once, and lives again. Meanwhile two seconds pass: nobody keeps a place for it. */
proctype Death() {
    byte s, e, w, at;
    if
    :: s = 0
    :: s = 1
    :: s = 2
    fi;
    if
    :: true ->
        dead[s] = true;
        do
        :: atomic { e < ENTRIES && leader[e] == s ->
            at = 0;
            do
            :: at == SHARDS -> break
            :: at < SHARDS && at != s ->
                if
                :: (queue[at] & bit(e)) && !(called[at] & bit(e)) -> way[WAY(at, s)]!free, e, 0
                :: else
                fi;
                leave_queue(e, at);
                call_next(at);
                at++
            :: else -> at++
            od;
            e++
        }
        :: e < ENTRIES && leader[e] != s -> e++
        :: break
        od;
        dead[s] = false
    :: true
    fi;
}

/* The client spends what an entry brought it on shard 1 as soon as it is told that it is posted. */
proctype Client() {
#ifdef PAYS_ON
end:
    phase[0] == posted;
#ifndef AFTER_LEFT_OUT
    /* The line carries `after`: it is parked until shard 1 has taken what shard 0 sent so far. */
    empty(way[WAY(0, 1)]);
#endif
    atomic { !dead[1] ->
        assert(has[1] >= held[1] + PAYS_ON);
        has[1] = has[1] - PAYS_ON;
        spent = PAYS_ON
    }
#else
    skip
#endif
}

init {
    byte e, s, t;
    atomic {
        set_up();
        e = 0;
        do
        :: e < ENTRIES -> run Leader(e); e++
        :: else -> break
        od;
        s = 0;
        do
        :: s < SHARDS ->
            t = 0;
            do
            :: t < SHARDS && t != s -> run Link(s, t); t++
            :: t < SHARDS && t == s -> t++
            :: else -> break
            od;
            s++
        :: else -> break
        od;
#ifndef NOBODY_DIES
        run Death();
#endif
        run Client()
    }
    /* Nobody can do anything any more: everything has come to an end, and nothing is set aside. */
    timeout;
    e = 0;
    do
    :: e < ENTRIES -> assert(is_final(e)); e++
    :: else -> break
    od;
    assert(held[0] + held[1] + held[2] == 0);
    assert(has[0] + has[1] + has[2] + spent == MONEY)
}
