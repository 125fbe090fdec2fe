/* What is read about a time while an entry over shards is under way. An answer about T that was
 * called settled never changes, and accounts of one entry show all of it or nothing, whichever were
 * asked, whenever.
 *
 * Shard 0 leads; 1 and 2 follow. Clocks differ as much as they like: each record has any time that is
 * not before its shard's last one and, when it follows from another shard's record, not before that
 * one's either.
 */

#define SHARDS 3
#ifndef TIMES
#define TIMES 5 /* 0 is before everything */
#endif
#define NEVER TIMES

mtype:step = { try, yes, confirm };

byte now[SHARDS]; /* time of the last durable record: complete below it */

byte tried_at[SHARDS] = NEVER;
byte posted_at[SHARDS] = NEVER; /* time of the record with the row */
byte effective = NEVER;         /* E: time of the leader's record that confirms */
byte told[SHARDS] = NEVER;      /* E as the confirming step said it */
byte agreed;

mtype:answer = { unknown, nothing, all };
/* The first settled one about each time, of whichever account. */
mtype:answer answer[TIMES] = unknown;

/* With the time of the record that it came with, and E. */
chan way[SHARDS * SHARDS] = [2] of { mtype:step, byte, byte };
#define WAY(from, to) ((from) * SHARDS + (to))

/* A record of shard s at some time from `least` on. */
inline record(s, least) {
    t = (now[s] > least -> now[s] : least);
    do
    :: t < TIMES - 1 -> t++
    :: break
    od;
    now[s] = t
}

#ifdef TIME_NOT_LIFTED
#define not_before(time) 0
#else
#define not_before(time) (time)
#endif

proctype Shard(byte me) {
    byte t, at, e;
end:
    do
    :: atomic { me == 0 && tried_at[0] == NEVER ->
        record(0, 0);
        tried_at[0] = t;
        way[WAY(0, 1)]!try, t, 0;
        way[WAY(0, 2)]!try, t, 0
    }
    :: atomic { me != 0 && way[WAY(0, me)]?[try, at, e] -> way[WAY(0, me)]?try, at, e;
        record(me, not_before(at));
        tried_at[me] = t;
        way[WAY(me, 0)]!yes, t, 0
    }
    :: atomic { me == 0 && (nempty(way[WAY(1, 0)]) || nempty(way[WAY(2, 0)])) ->
        if
        :: way[WAY(1, 0)]?yes, at, e
        :: way[WAY(2, 0)]?yes, at, e
        fi;
        record(0, not_before(at));
        agreed++;
        if
        :: agreed == 2 ->
#ifdef EFFECTIVE_AT_THE_TRY
            effective = tried_at[0];
#else
            effective = t;
#endif
            posted_at[0] = t;
            way[WAY(0, 1)]!confirm, t, effective;
            way[WAY(0, 2)]!confirm, t, effective
        :: else
        fi;
    }
    :: atomic { me != 0 && way[WAY(0, me)]?[confirm, at, e] -> way[WAY(0, me)]?confirm, at, e;
        record(me, not_before(at));
        posted_at[me] = t;
        told[me] = e
    }
    :: atomic { now[me] < TIMES - 1 -> record(me, now[me] + 1) } /* a mark */
    od;
}

/* Somebody asks one shard about one time, at any moment. */
proctype Reader() {
    byte s, T;
    mtype:answer seen;
    bool settled, open;
end:
    do
    :: atomic {
        s = 0;
        do
        :: s < SHARDS - 1 -> s++
        :: break
        od;
        T = 0;
        do
        :: T < TIMES - 1 -> T++
        :: break
        od;
        open = s != 0 && tried_at[s] <= T && posted_at[s] > T;
        settled = now[s] > T;
#ifndef LEADER_NOT_AWAITED
        settled = settled && (!open || now[0] > T);
#endif
        seen = nothing;
        if
        :: posted_at[s] <= T -> seen = all
#ifndef OPEN_TRIES_NOT_READ
        :: posted_at[s] > T && open && effective <= T -> seen = all
#endif
        :: else
        fi;
        if
        :: settled ->
            assert(answer[T] == unknown || answer[T] == seen);
            answer[T] = seen
        :: else
        fi;
        seen = unknown; settled = false; open = false; s = 0; T = 0
    }
    od;
}

init {
    atomic {
        now[0] = 0;
        run Shard(0);
        run Shard(1);
        run Shard(2);
        run Reader()
    }
}
