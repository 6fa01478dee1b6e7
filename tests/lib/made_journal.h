/*
 * made_journal.h - a journal in memory, made up by a seed, for tests of what reads journals.
 *
 * The transactions are as the engine would make them, without an engine: start, day, instruments,
 * accounts, logins, orders that rest, trade, are reduced, replaced, cancelled and rejected, every
 * rarer event once in a while, requests that clients do not see an answer to, and days that end. A
 * small model knows what is open.
 */
#ifndef WIREBOOK_TESTS_MADE_JOURNAL_H
#define WIREBOOK_TESTS_MADE_JOURNAL_H

#include "persist/export.h"

#define MADE_ACCOUNTS    5u
#define MADE_INSTRUMENTS 4u

struct made_order {
    u64 order_ref;
    u32 account;
    u32 user_ref;
    u32 leaves;
    u32 price;
    u16 instrument;
    u8 side;
};

struct made_journal {
    u64 random;
    struct slot *slots;
    u64 slots_used;
    u64 slots_room;
    u64 *begins; /* begins[seq - 1]: index of the first slot; one more at the end */
    u64 txs;
    u64 txs_room;
    u64 time_ns;
    u32 day;
    u64 order_refs;
    u64 matches;
    u32 user_refs[MADE_ACCOUNTS + 1];
    u64 session_seqs[MADE_ACCOUNTS + 1];
    struct made_order *open;
    u32 open_used;
    u32 open_room;
    /* sums for checks */
    u64 executions; /* EV_EXECUTED events */
    u64 shares;     /* sum of their quantities */
    u64 order_events;
    u64 rejects;
    u64 sessions;     /* bound, unbound, login rejected */
    u64 broken;       /* EV_BROKEN events */
    u64 broken_match; /* trades up to here are not broken any more */
    u64 controls;     /* mass cancels, disables, enables, kills, restores */
    u64 market;       /* EV_COURSE, EV_PHASE, EV_CROSS, EV_BANDS */
    u64 durable;      /* how far sources go: all, unless a test takes some back */
    u64 next;         /* of the source */
    u64 oldest;       /* sources answer CURSOR_GONE below it; 0: all is there */
    u64 broken_at;    /* sources answer CURSOR_ERROR there; 0: nowhere */
};

/* One reader of it. */
struct made_source {
    const struct made_journal *journal;
    u64 next;
    struct slot copy[TX_SLOTS_MAX]; /* what was given last: the journal itself moves as it grows */
};

/* An empty journal whose time begins at 2026-11-22 14:30 UTC. Free it with made_journal_free. */
void made_journal_init(struct made_journal *j, u64 seed);
void made_journal_free(struct made_journal *j);

/* CMD_START, day, instruments, accounts and logins; the first thing in a journal. */
void made_journal_start(struct made_journal *j, u64 epoch, u32 day);

/* What account `id` is from here on: USERid of firm F..firm_number. */
void made_journal_account(struct made_journal *j, u32 id, u32 firm_number);

/* `txs` more transactions of a trading day. */
void made_journal_trade(struct made_journal *j, u64 txs);

/* Ends the day, every open order expires; then opens `day`. */
void made_journal_next_day(struct made_journal *j, u32 day);

/* The slots of transaction `seq`, their number to `used`. */
const struct slot *made_journal_tx(const struct made_journal *j, u64 seq, u32 *used);

/* A source over the journal; `s` outlives it. */
struct export_source made_journal_source(struct made_source *s, const struct made_journal *j);

/*
 * Names as main would fill them from an engine that has applied all up to `seq`. Memory from `m`.
 */
void made_journal_names(const struct made_journal *j, struct export_names *n, struct mem *m,
                        u64 seq);

#endif
