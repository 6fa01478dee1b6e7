/*
 * engine.h - the matching engine: commands in, transactions out. One thread.
 *
 * The core is a pure function of its state, one command and the time: engine_step. It makes no
 * system call and reads no clock, so the same commands give the same bytes anywhere. It decides,
 * writes its decisions as events, and changes its state only by applying those events - the same
 * code that recovery uses (engine_apply). engine_do_work is the thin agent around it: command rings
 * in, event rings and the transaction ring out.
 */
#ifndef WIREBOOK_ENGINE_ENGINE_H
#define WIREBOOK_ENGINE_ENGINE_H

#include "engine/base/mem.h"
#include "engine/base/metrics.h"
#include "engine/base/ring.h"
#include "engine/base/stamps.h"
#include "engine/msg/msg.h"

struct engine;

/* Sizes of the pools; all memory is taken by engine_new. */
struct engine_conf {
    u32 accounts_max;    /* 1..ACCOUNTS_MAX */
    u32 instruments_max; /* 1..INSTRUMENTS_MAX */
    u32 orders_max;      /* open orders, 1..ORDERS_MAX */
    u32 gateways;        /* 1..GATEWAYS_MAX */
    u64 hash_key[2];     /* of the tables: secret, random for each process but in tests. It reaches
                            neither an event nor the state's hash: replays may have another */
};

#define ENGINE_CMD_RINGS_MAX (GATEWAYS_MAX + 2u)

/*
 * The rings around an engine. Gateway i's commands come by cmd[i], its events leave by events[i].
 */
struct engine_rings {
    struct ring *cmd[ENGINE_CMD_RINGS_MAX]; /* gateways first, then main's and admin's */
    u32 cmd_used;
    struct ring *events[GATEWAYS_MAX];
    u32 events_used;
    struct ring *tx;       /* to persist: whole transactions */
    struct ring *answers;  /* to admin: EV_OPERATED and EV_SEEN; NULL: nobody asks */
    struct stamps *stamps; /* when commands came and were matched; NULL: not wanted */
};

/* One transaction: the numbered and stamped command, then its events. */
struct tx {
    u32 used; /* slots */
    struct slot slots[TX_SLOTS_MAX];
};

/* An empty engine with its memory from `m`. */
struct engine *engine_new(const struct engine_conf *conf, struct mem *m);

/* What it was made with. */
const struct engine_conf *engine_conf(const struct engine *e);

/* Another number of gateways than it was made with. Before engine_attach. */
void engine_gateways_set(struct engine *e, u32 gateways);

/* Gives the engine its rings. Before engine_do_work. */
void engine_attach(struct engine *e, const struct engine_rings *rings);

/*
 * One command of `cmd` at `now_ns`. Returns true when it made events: then `out` holds the
 * transaction. Returns false when it made none (a resend, a superfluous cancel, a stale binding):
 * then nothing but counters has changed. Must not be called while engine_busy.
 */
bool engine_step(struct engine *e, const union msg *cmd, u64 now_ns, struct tx *out);

#define ENGINE_AHEAD_CMDS 32u /* so many commands ahead of the next one are worth announcing */

/*
 * A command that is going to be stepped later, behind those announced before it; only its first
 * slot is read, and only now. Brings what it will need into the cache and changes nothing else.
 */
void engine_ahead(struct engine *e, const union msg *cmd);

/* True when the engine has work of its own that comes before all commands (a CONTINUE). */
bool engine_busy(const struct engine *e);

/* The next piece of that work; `out` holds the transaction. Only while engine_busy. */
void engine_continue(struct engine *e, u64 now_ns, struct tx *out);

/*
 * True when an order ends by time at `now_ns`, an instrument's pause does, or its bands move: a
 * CMD_TICK is to be stepped, again until nothing is due, before any other command.
 */
bool engine_due(const struct engine *e, u64 now_ns);

/*
 * Applies one journalled transaction without matching again: recovery. Returns NULL, or what about
 * it cannot be (a gap in seq, an unknown order): then the journal and this state do not fit.
 */
const char *engine_apply(struct engine *e, const struct slot *tx, u32 slots);

/* A pool of engine_conf that is too small for what is to be recovered. */
struct engine_unfit {
    const char *pool; /* the name of its field in engine_conf; NULL: all are large enough */
    u32 max;          /* what it was given */
    u32 need;         /* what the transaction needs; those behind it may need more */
};

/*
 * After engine_apply has refused: whether it was for want of room alone. Then the journal is whole,
 * and larger pools are the remedy. Valid as long as the engine.
 */
const struct engine_unfit *engine_unfit(const struct engine *e);

/* The agent's turn: at most ENGINE_CMDS_PER_TURN commands, round robin over the rings. */
int engine_do_work(void *engine, u64 now_ns);

/* Number of the last transaction; 0 before the first. */
u64 engine_seq(const struct engine *e);

/* Its time, ns since 1970 UTC: no later transaction will have an earlier one. */
u64 engine_time_ns(const struct engine *e);

/* The epoch of the last CMD_START, 0 before it. */
u64 engine_epoch(const struct engine *e);

/* What tells this journal from all others: drawn for its first CMD_START; 0 before that. */
u64 engine_journal_id(const struct engine *e);

/* The open trading day as yyyymmdd; 0 when none is open. */
u32 engine_day(const struct engine *e);

/* The day that was opened last, 0 before the first: only later ones can be opened. */
u32 engine_day_last(const struct engine *e);

/* The open day as a gauge that other threads may read while the engine runs. */
const struct metric *engine_day_gauge(const struct engine *e);

/*
 * The venue's phase (enum phase), and when the last change that the schedule has brought was due
 * (ns since 1970 UTC; 0: none yet), as gauges that other threads may read.
 */
const struct metric *engine_phase_gauge(const struct engine *e);
const struct metric *engine_course_gauge(const struct engine *e);

/* A hash over the whole state that recovery must restore; equal states have equal hashes. */
u64 engine_state_hash(const struct engine *e);

/* ---- reference data, as the journal knows it; ids are from 1 without gaps ---- */
u32 engine_accounts(const struct engine *e);
u32 engine_instruments(const struct engine *e);
/* The EV_ACCOUNT / EV_INSTRUMENT that last set them; NULL for an unknown id. */
const struct msg_account *engine_account(const struct engine *e, u32 account);
const struct msg_instrument *engine_instrument(const struct engine *e, u16 instrument);
/* The id of a padded, upper-case user name or symbol; 0 when there is none. */
u32 engine_account_find(const struct engine *e, const char user[6]);
u16 engine_instrument_find(const struct engine *e, const char symbol[8]);
/*
 * What the party that `scope` and `user` or `firm` of `m` name says of its four limits to `m`; all
 * 0 when it is unknown. Returns true when it says anything.
 */
bool engine_limit(const struct engine *e, struct msg_limit *m);
/*
 * What the gateways are to check of the orders of a known account: the EV_CHECKS that last set it,
 * all zero when there was none.
 */
const struct msg_checks *engine_checks(const struct engine *e, u32 account);
/* Named profiles, by id from 1: the EV_PROFILE that last set one, NULL for an unknown id; the id of
 * a padded, upper-case name, 0 when there is none. */
u32 engine_profiles(const struct engine *e);
const struct msg_profile *engine_profile(const struct engine *e, u32 id);
u32 engine_profile_find(const struct engine *e, const char name[8]);
/*
 * Symbols on lists of what may not be traded: places from 1 to engine_listed, and what is at one as
 * the event that put it there (all zero: nothing); what holds of `c`'s symbol, kind and party.
 */
enum listed_state {
    LISTED_ON = 1,
    LISTED_HELD = 2, /* by an operator: the files do not change it */
};
u32 engine_listed(const struct engine *e);
void engine_listed_entry(const struct engine *e, u32 id, struct msg_listed *out);
u8 engine_listed_state(const struct engine *e, const struct msg_listed *c);
/* Firms that have, or had, limits, by id from 1; the name of one. */
u32 engine_firms(const struct engine *e);
void engine_firm(const struct engine *e, u32 id, char firm[4]);
/* session_seq of the account's next message of this day, from 1. */
u64 engine_next_session_seq(const struct engine *e, u32 account);

/* ---- what tests and tools ask ---- */
u32 engine_open_orders(const struct engine *e);
/* Best price of a side ('B' or 'S') and the shares there; 0 when the side is empty. */
u32 engine_best_price(const struct engine *e, u16 instrument, char side);
u64 engine_best_qty(const struct engine *e, u16 instrument, char side);
/* Where the instrument stands in its day (enum phase). */
u8 engine_phase(const struct engine *e, u16 instrument);

/* What an instrument's next cross would give as things are. */
struct indication {
    u64 paired;    /* shares that would trade */
    u64 imbalance; /* shares that the other side lacks */
    u32 price;     /* 0: nothing would trade */
    u8 cross;      /* O C H; 0: none is near, and all else is 0 */
    u8 side;       /* B S: of which there are too many; N: none */
    bool found;    /* these hold; false: more prices meet than were to be looked at */
};

/* The cross that the instrument comes to next (O C H), as far as it is near; 0: none is. */
u8 engine_cross_next(const struct engine *e, u16 instrument);

/*
 * The indication before it, to `out`, found as the cross finds its price; looks at `*prices` prices
 * at most and takes off what it needed. Changes nothing.
 */
void engine_indication(const struct engine *e, u16 instrument, u32 *prices, struct indication *out);

/* Asserts every invariant of books, indexes and sums; slow. For tests and the simulator. */
void engine_check(const struct engine *e);

#endif
