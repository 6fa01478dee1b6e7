/*
 * risk.h - what accounts and firms have at stake: open exposure, what they traded today, positions.
 *
 *   EV_LIMIT ──▶ a party is watched: its open orders are counted, then
 *   accept + │ replace - + │ cancel - │ fill -, traded +, position + - │ break: traded -
 *
 * A party is an account or a firm. Exposure is price times open shares; an order counts at the
 * price that it was announced with, one without a limit at the last trade or else the instrument's
 * reference price. Nothing is counted for a party before its first limit, and nothing at all while
 * nobody has one: e->risk_on says so to the common path. What was traded and the positions begin
 * anew with each day. Engine thread; only apply_*.c changes it, so recovery has the same.
 *
 * Invariant: for each party the exposure, and for each position the open shares, are the sums over
 * its open orders (risk_recount).
 */
#ifndef WIREBOOK_ENGINE_RISK_H
#define WIREBOOK_ENGINE_RISK_H

#include "engine/msg/msg.h"
#include "engine/names.h"

struct engine;

/* Price units times shares. An order is up to 2 * 10^15: 64 bits would not hold a pool of them. */
__extension__ typedef unsigned __int128 money;

/* What is counted of a party, or of an order for one. */
enum counted {
    COUNT_MONEY = 1,  /* exposure and what was traded */
    COUNT_SHARES = 2, /* positions */
};

struct party {
    money exposure;
    money traded;     /* today */
    u64 exposure_max; /* as in struct msg_limit: what holds, whoever says it */
    u64 daily_max;
    u64 position_max;
    u64 money_match;  /* the first trade that counts */
    u64 shares_match; /* ... */
    u16 collar_bps;
    u8 watched; /* enum counted */
    u8 begun;   /* WORK_COUNT: ... which its open orders are still to be counted for */
    u8 source;  /* of `own`: enum check_source */
    u8 zero[3];
    struct risk_values own; /* what it says itself */
};

/* Of a party in an instrument. */
struct position {
    i64 net; /* bought less sold today */
    u64 buy; /* open to buy */
    u64 sell;
};

/* How an order is counted. Written when it is announced or a party begins to be watched. */
struct stake {
    u32 price;
    u16 firm;   /* id; 0: none that has limits */
    u8 account; /* enum counted */
    u8 of_firm; /* enum counted */
};

struct risk {
    struct party *accounts; /* by id */
    struct party *firms;    /* by id, from 1 */
    struct stake *stakes;   /* by order */
    struct position *positions;
    struct names firm_names;
    struct names keys; /* of positions: party and instrument */
    u32 positions_led; /* room of the process that led last */
    u32 party;         /* WORK_COUNT: the firm whose orders are counted; 0: those of accounts */
    struct msg_profile *profiles; /* by id, from 1: the EV_PROFILE that last set them */
    struct names profile_names;
};

/* What somebody wants to do. */
struct wish {
    u32 account;
    u32 firm; /* account_firm */
    u32 qty;
    u32 price;
    u32 old; /* the order that it replaces; 0: none */
    u16 instrument;
    bool sell;
};

/* Nobody is watched; room for what these pools need. */
void risk_init(struct engine *e, struct mem *m);

/* There is room for the positions that a process with so many orders has, as far as there is. */
void risk_limit(struct engine *e, u32 orders_max);

/* Positions may be missing that the process which led last had room for. */
bool risk_short(const struct engine *e);

/* Why the order is too much for its account or firm; 0: it is not. e->risk_on. */
u16 risk_refuses(const struct engine *e, const struct wish *w);

/* The positions that it needs are there, or can be. e->risk_on. */
bool risk_has_room(const struct engine *e, const struct wish *w);

/* Order `id` was announced. e->risk_on. */
void risk_open(struct engine *e, u32 id);

/* `qty` shares of it are not open any more. e->risk_on. */
void risk_less(struct engine *e, u32 id, u32 qty);

/* ... because they were traded at `price`. e->risk_on. */
void risk_traded(struct engine *e, u32 id, u32 qty, u32 price);

/* A new day: nothing is open. */
void risk_day(struct engine *e);

/* ---- apply_risk.c ---- */

/* The limit can be set: its party is known, or there is room for it. */
bool limit_sound(const struct engine *e, const struct msg_limit *c);

void apply_limit(struct engine *e, const struct msg_limit *ev);
void apply_checks(struct engine *e, const struct msg_checks *ev);
void apply_profile(struct engine *e, const struct msg_profile *ev);

/* The id of a profile, 0 when there is none of that name, or when it is zero. */
u16 profile_find(const struct engine *e, const char name[8]);

/* What the account may have at stake follows what it, its profile or its port say now. */
void risk_account(struct engine *e, u32 account);

/* Open orders of `party`, or of accounts when it is 0, that are to be counted from now on make
 * work. */
void risk_begin(struct engine *e, u32 party);

/* The same of one account, when nothing of any other is to be counted. */
void risk_begin_account(struct engine *e, u32 account);

/* The account behind `account` whose orders are to be looked at; 0: none is left. */
u32 risk_next_account(const struct engine *e, u32 account);
void apply_untraded(struct engine *e, const struct msg_untraded *ev);

/* The orders from where the counting stands to where `ev` says are counted. */
void risk_count(struct engine *e, const struct msg_work *ev);

/* ---- step_limit.c ---- */

/* Goes on counting. */
void work_count(struct engine *e);

/* The broken trade of a CMD_BREAK that says what it was counts no more. */
void risk_break(struct engine *e, const struct msg_break *c);

/* ---- risk_recount.c ---- */

/* Recounts everything from the open orders. Slow. */
void risk_recount(const struct engine *e);

/* A hash over all of it. Slow. */
u64 risk_hash(const struct engine *e);

#endif
