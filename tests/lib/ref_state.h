/*
 * ref_state.h - the reference engine's tables, and what its files ask of each other.
 */
#ifndef WIREBOOK_TESTS_REF_STATE_H
#define WIREBOOK_TESTS_REF_STATE_H

#include "tests/lib/ref_book.h"

struct ref_order {
    bool open;
    bool resting;
    u32 executed;
    u64 due;            /* of a GTT order */
    u32 shown;          /* of a resting reserve order */
    bool again;         /* ... and it has shown its first part before */
    u64 rank;           /* when it came to its place in the queue */
    struct msg_order o; /* as announced; o.qty counts down */
};

struct ref_account {
    struct msg_account terms;
    bool stream;
    u32 bind_id;
    u64 conn;
    u16 gateway;
    u64 next_seq;
    u32 last[256];
    char blocked[8][4];
    u32 blocked_used;
};

struct ref {
    struct engine_conf conf;
    u32 chunk_fills, chunk_cancels;
    u64 seq, time, epoch, journal_id, midnight, order_ref, match;
    u32 day, day_last, bind_id, cursor;
    u8 work;
    struct msg_mass mass; /* under way, and the order that it goes on with */
    u32 mass_number;
    u8 mass_idx;
    struct ref_order *taker;
    struct ref_order *orders; /* conf.orders_max */
    struct ref_account *accounts;
    u32 accounts_used;
    struct msg_instrument *instruments;
    u32 *steps; /* what the instrument's resting prices are multiples of */
    u32 instruments_used;
    struct tx *tx;
    u32 last;
};

/* A zeroed event of the account, numbered in its stream if clients see it. */
union msg *ref_add(struct ref *r, u8 type, u32 slots, u32 account);

/* Where long work stands. */
void ref_work(struct ref *r, u8 kind);

/* The sender's account if its binding is the current one, else NULL. */
struct ref_account *ref_bound(struct ref *r, const struct cmd_head *h);

/* Orders resting on the instrument. */
u32 ref_resting_on(const struct ref *r, u32 instrument);

/* What can be met of a resting order at once. */
u32 ref_shown(const struct ref_order *o);

/* Takes `qty` shares off the order. */
void ref_cancelled(struct ref *r, struct ref_order *o, u32 qty, u8 reason);

/* ... because it met its own party: `prevented` shares were not traded at `price`. */
void ref_prevented(struct ref *r, struct ref_order *o, u32 qty, u32 prevented, u32 price, u8 letter,
                   bool taker);

/* The firm that is meant: the account's own where none is named. */
const char *ref_firm_meant(const struct ref *r, u32 account, const char *firm);

/* Goes on with r->taker. */
void ref_match(struct ref *r);

/* Goes on with r->mass. */
void ref_go_on_mass(struct ref *r);

/* True when order entry of the firm is disabled on the account. */
bool ref_blocked(const struct ref *r, u32 account, const char *firm);

void ref_enter(struct ref *r, const struct msg_enter *c);
void ref_replace(struct ref *r, const struct msg_replace *c);
void ref_cancel(struct ref *r, const struct msg_cancel *c);
void ref_tick(struct ref *r);
void ref_modify(struct ref *r, const struct msg_modify *c);
void ref_mass_cancel(struct ref *r, const struct msg_mass *c);
void ref_firm(struct ref *r, const struct msg_firm *c);

#endif
