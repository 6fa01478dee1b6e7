/*
 * ref_state.h - the reference engine's tables, and what its files ask of each other.
 */
#ifndef WIREBOOK_TESTS_REF_STATE_H
#define WIREBOOK_TESTS_REF_STATE_H

#include "tests/lib/ref_book.h"

struct ref_order {
    bool open;
    bool resting;
    bool said_pending, said_rejected; /* to cancels that came too late */
    u32 executed;
    u64 due;                    /* of a GTT order */
    u32 shown;                  /* of a resting reserve order */
    bool again;                 /* ... and it has shown its first part before */
    u32 counted_price;          /* ... in what its account and firm have at stake */
    u32 counted_firm;           /* number in ref.firms, 0: none */
    bool for_account, for_firm; /* somebody counts it */
    u64 rank;                   /* when it came to its place in the queue */
    struct msg_order o;         /* as announced; o.qty counts down */
};

/* What an account or a firm may have at stake, and has traded. */
struct ref_party {
    u64 exposure_max, daily_max, position_max;
    u32 collar_bps;
    bool money, shares; /* counted */
    u64 money_match, shares_match;
    u64 traded;
    i64 net[16];            /* by instrument */
    struct risk_values own; /* what it says itself; above is what holds */
    u8 source;
    bool begun; /* its open orders have just begun to count */
};

struct ref_account {
    struct ref_party party;
    bool told; /* System Event E */
    struct msg_account terms;
    bool stream;
    u8 dialect;
    u32 bind_id;
    u64 conn;
    u16 gateway;
    u64 next_seq;
    u32 last[256];
    char blocked[8][4];
    u32 blocked_used;
    bool killed, barred;
    struct msg_checks checks; /* what gateways check */
    struct port_terms port;   /* of its last login */
    u64 drop;                 /* when its orders go; 0: they stay */
    u32 open_max;             /* orders that it may have open, whoever says it */
};

struct ref_bands {
    u32 reference, lower, upper;
};

struct ref_market {
    u8 phase, wide, late;
    u32 last_price;
    struct ref_bands bands;
    u64 look_ns, move_ns, limit_ns, until_ns;
};

struct ref_trade {
    u32 instrument, price;
    u64 ns;
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
    struct ref_market *markets; /* by instrument */
    struct ref_market venue;
    u64 course_due;
    struct ref_trade *trades; /* of instruments with bands, in continuous trading */
    u32 trades_used;
    u64 day_match, broken[1024];
    u32 broken_used;
    struct msg_course course;  /* under way, */
    u32 at;                    /* ... its instrument, */
    u8 next, cross, liquidity; /* ... where that goes, by which cross, */
    u32 price, looked_at;      /* ... its price, or how far the search for it is */
    struct ref_order *expiring;
    struct msg_operated request; /* of an operator, under way; request.request 0: none */
    struct msg_kill kill;
    bool venue_killed;
    struct ref_party firms[32];
    char firm_names[32][4];
    u32 firms_used, counting; /* under way: a firm; 0: accounts that have begun */
    struct ref_listed {
        u32 kind, scope, account, instrument, listed, source;
        char firm[4];
    } listed[512];
    u32 listed_used;
    struct msg_profile profiles[PROFILES_MAX + 1];
    u32 profiles_used;
    bool risk_on;
    char killed_firms[16][4];
    u32 killed_firms_used;
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
/* The reserve order, of which nothing is shown, shows its next part. */
void ref_restated(struct ref *r, struct ref_order *o);

/* Orders of the instrument that wait for a cross. */
u32 ref_queued_on(const struct ref *r, u32 instrument);

/* Takes `qty` shares off the order. */
void ref_cancelled(struct ref *r, struct ref_order *o, u32 qty, u8 reason);

/* ... because it met its own party: `prevented` shares were not traded at `price`. */
void ref_prevented(struct ref *r, struct ref_order *o, u32 qty, u32 prevented, u32 price, u8 letter,
                   bool taker);

/* The firm that is meant: the account's own where none is named. */
const char *ref_firm_meant(const struct ref *r, u32 account, const char *firm);

/* Its price follows the touch. */
bool ref_pegged(const struct ref_order *o);

/* It rests, or would, under a condition: a peg, or one with a minimum quantity. */
bool ref_conditional(const struct ref_order *o);

/* What the order may pay or ask now; 0: a peg that stands nowhere. */
i64 ref_price(const struct ref *r, const struct ref_order *o);

/* It is a peg to the middle. */
bool ref_midpoint(const struct ref_order *o);

/* It is a peg with a minimum, behind 16 others that stand at a price: nobody looks that far. */
bool ref_too_deep(const struct ref *r, const struct ref_order *o);

/* `a` is met before `b`, which is on the same side. */
bool ref_first(const struct ref *r, const struct ref_order *a, const struct ref_order *b);

/* Two orders that cross trade at the maker's price, or are prevented from it. */
void ref_meet(struct ref *r, struct ref_order *taker, struct ref_order *maker);

/* Pegs that the touch has moved onto the other side trade. */
void ref_settle(struct ref *r);

/* The price at which an order that must not take is announced. */
u32 ref_post_price(struct ref *r, const struct msg_order *o);

/* A replacement's terms, given those of the request and of the original. */
struct order_terms ref_merged(const struct order_terms *n, const struct order_terms *old, u8 tif);

/* Goes on with r->taker. */
void ref_match(struct ref *r);

/* ref_risk.c: what accounts and firms have at stake. */
void ref_limit(struct ref *r, const struct msg_limit *c);
void ref_go_on_count(struct ref *r);
/* A limit, checks, a profile or a list. */
void ref_risk_command(struct ref *r, const union msg *c);
/* Why lists do not let the order be; 0: they do. */
u16 ref_listed_reason(const struct ref *r, const struct msg_order *o);
/* The number of a profile, 0: there is none of that name. */
u32 ref_profile_number(const struct ref *r, const char *name);
/* What accounts may have at stake is what they, their profiles and ports say now. */
void ref_limits_follow(struct ref *r);
/* The party's limits hold from now on. */
void ref_party_limits(struct ref *r, struct ref_party *p, u64 exposure, u64 daily, u64 position,
                      u32 bps);
/* Open orders of the firm, or of all accounts that have begun, count from now on. */
void ref_count_begin(struct ref *r, u32 firm);
/* An account's own terms, or its port's. */
bool ref_drops(const struct ref_account *a, u32 *ms);
u8 ref_stp(const struct ref_account *a, u8 *level);
u16 ref_risk_reason(const struct ref *r, const struct msg_order *o, const struct ref_order *old);
void ref_risk_open(struct ref *r, struct ref_order *o);
void ref_risk_traded(struct ref *r, const struct ref_order *o, u32 qty, u32 price);
void ref_risk_untraded(struct ref *r, const struct msg_break *c);
void ref_risk_day(struct ref *r);

/* The account's first open order at or behind channel `idx` and number `user_ref`. */
struct ref_order *ref_first_from(struct ref *r, u32 account, u32 idx, u32 user_ref);

void ref_kill(struct ref *r, const struct msg_kill *c);

/* A request of an operator begins; is over, if all of it is done. */
void ref_operator(struct ref *r, const struct msg_operator *c);
void ref_operated(struct ref *r);

/* Does what a command says. The account's binding ends. */
void ref_dispatch(struct ref *r, const union msg *c);
void ref_unbound(struct ref *r, u32 account, u8 reason);

/* Goes on with r->kill. */
void ref_go_on_kill(struct ref *r);

/* Begins to cancel the orders of the account, or goes on with them. */
void ref_drop(struct ref *r, u32 account);

/* The account's connection is gone: its orders go after its grace. */
void ref_drop_arm(struct ref *r, u32 account);

/* Goes on with r->mass. */
void ref_go_on_mass(struct ref *r);

/* True when order entry of the firm is disabled on the account. */
bool ref_blocked(const struct ref *r, u32 account, const char *firm);

/* The account hears System Event E, unless it has. False: there is no budget for it. */
bool ref_tell(struct ref *r, u32 account, u32 *budget);

/* Goes on with r->course, from where work of `kind` stopped. */
void ref_go_on_course(struct ref *r, u8 kind);

/* A change of phase begins. */
void ref_course_begin(struct ref *r, struct msg_course to);

/* Where in the book the one order stands before the other. */
bool ref_stands_before(const struct ref_order *a, const struct ref_order *b);

/* ref_band.c: bands, what they do to prices, what a trade and the time do to them. */
struct ref_bands ref_bands_begin(const struct ref *r, u32 i, bool wide);

/* Instrument `i` is new, and continuous trading is where the venue is. */
void ref_bands_new(struct ref *r, u32 i);
u32 ref_band_price(const struct ref *r, const struct msg_order *o);
bool ref_collar_refuses(const struct ref *r, u32 i, u32 price);
u32 ref_sweep_limit(const struct ref *r, u32 i, bool sell);
void ref_traded(struct ref *r, u32 i, u32 price);
void ref_bands_settle(struct ref *r);
void ref_alarm(struct ref *r);
void ref_break(struct ref *r, const struct msg_break *c);
bool ref_slide(struct ref *r, u32 *budget);
void ref_phase(struct ref *r, const struct msg_course *c);

/* The cross r->cross of the instrument r->at, from where work of `kind` stopped. False: stopped. */
bool ref_cross(struct ref *r, u32 *budget, u8 kind);

/* Work of `kind` stops here; returns false. */
bool ref_stop(struct ref *r, u8 kind, u32 cursor);

/* Of an order at a cross: imbalance-only; its place by price; behind others of its price; first. */
bool ref_offsets(const struct ref_order *o);
u32 ref_rank(const struct ref_order *o);
bool ref_hidden(const struct ref_order *o);
bool ref_served_first(const struct ref_order *a, const struct ref_order *b);

/* Why the phase does not take the order, or does not let one be replaced; 0: it does. */
u16 ref_phase_reason(const struct ref *r, const struct msg_order *o);
u16 ref_keep_reason(const struct ref *r, const struct ref_order *o);

/* The order is for a cross, or nothing trades. */
bool ref_waits(const struct ref *r, const struct ref_order *o);

/* It cannot be cancelled any more; what that is answered. */
bool ref_too_late(const struct ref *r, const struct ref_order *o);
void ref_late_cancel(struct ref *r, struct ref_order *o, u32 leaves);

void ref_enter(struct ref *r, const struct msg_enter *c);
void ref_replace(struct ref *r, const struct msg_replace *c);
void ref_cancel(struct ref *r, const struct msg_cancel *c);
void ref_tick(struct ref *r);
void ref_modify(struct ref *r, const struct msg_modify *c);
void ref_mass_cancel(struct ref *r, const struct msg_mass *c);
void ref_firm(struct ref *r, const struct msg_firm *c);

#endif
