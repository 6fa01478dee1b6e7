/*
 * bench_ledger.h - what one session of the benchmark has asked, and whether the answers add up.
 *
 * Every Enter must get exactly one Accepted or Rejected; every cancel and replace of a live order
 * its Canceled or Replaced, unless a fill was faster; no order may fill or lose more than it has.
 * All from the stream alone: the venue handles a session's requests in order, so an order's end in
 * the stream settles what was pending on it. One thread, no I/O, no clock.
 */
#ifndef WIREBOOK_CLIENT_BENCH_LEDGER_H
#define WIREBOOK_CLIENT_BENCH_LEDGER_H

#include "gateway/client/wb_ouch.h"

#define LEDGER_WINDOW     131072u /* most order numbers in a row that a session remembers */
#define LEDGER_WINDOW_MIN 1024u
#define LEDGER_WINDOWS    2097152u /* of all sessions together, while more than the least */
#define LEDGER_OPEN_MAX   (LEDGER_WINDOW / 2u) /* open orders of a session at most */

/* What was asked, as the report counts it. */
enum bench_kind {
    BENCH_ADD, /* a day order away from the market */
    BENCH_CANCEL,
    BENCH_REPLACE,
    BENCH_AGGRESSIVE, /* an immediate-or-cancel order that crosses the market */
    BENCH_KINDS,
};

enum ledger_state {
    LEDGER_FREE,
    LEDGER_ENTERED,   /* not yet answered */
    LEDGER_REPLACING, /* the new number of a replace that is not yet answered */
    LEDGER_LIVE,
    LEDGER_DEAD,
};

struct ledger_order {
    u64 due_ns;     /* when its Enter, or the Replace that made it, was due */
    u64 pending_ns; /* when the cancel that is pending on it was due */
    u32 ref;
    u32 orig_ref; /* REPLACING: the number that it replaces */
    u32 qty;      /* as asked */
    u32 leaves;
    u32 price;
    u32 open_at; /* index in `open`, when it is there */
    u16 symbol;  /* the caller's index */
    u8 state;    /* enum ledger_state */
    u8 kind;     /* enum bench_kind that made it */
    char side;
    char tif;
    char pending;  /* 0, X or U: a cancel or replace of it is not yet answered */
    bool is_open;  /* in `open`: may be cancelled or replaced */
    bool measured; /* counts in the latencies */
    bool pending_measured;
};

struct ledger_counts {
    u64 enters, cancels, replaces; /* asked */
    u64 accepted, rejected;        /* answers to Enter */
    u64 cancelled, replaced;       /* answers to cancels and replaces */
    u64 overtaken;                 /* cancels and replaces that a fill was faster than */
    u64 fills, shares;             /* Executed */
    u64 expired;                   /* remainders of immediate-or-cancel orders */
    u64 unasked;                   /* cancels by the venue itself */
    u64 foreign;                   /* messages on orders that are not this run's */
};

struct ledger {
    u32 first_ref; /* this run's first order number */
    u32 next_ref;
    u32 window;  /* consecutive order numbers that are remembered; a power of two */
    u64 waiting; /* requests that are not yet answered */
    u32 open_used;
    u32 *open;                   /* numbers of live orders on which nothing is pending */
    struct ledger_order *orders; /* by ref & (window - 1) */
    const char *const *symbols;  /* names, to compare with */
    struct ledger_counts counts;
};

/* What an answer settled. */
struct ledger_answer {
    bool measured; /* kind and due_ns are to be recorded */
    u8 kind;       /* enum bench_kind */
    u64 due_ns;
};

/* How many order numbers each of `sessions` remembers, that has up to `open_max` orders open. */
u32 ledger_window(u32 sessions, u32 open_max);

/* An empty ledger that remembers `window` order numbers, a power of two; ends the process when
 * there is no memory. `symbols` is the caller's. */
void ledger_init(struct ledger *l, const char *const *symbols, u32 window);
void ledger_free(struct ledger *l);

/* Sets the first free order number, as Account Query told it. Before the first request. */
void ledger_begin(struct ledger *l, u32 next_ref);

/*
 * Makes the next number one whose place is free, passing over those that old open orders still hold
 * (numbers need only grow). False: too much is unanswered.
 */
bool ledger_advance(struct ledger *l);

/* A new order, filled in but for state, ref and leaves. NULL: ledger_advance was not asked, or said
 * no. */
struct ledger_order *ledger_enter(struct ledger *l, const struct ledger_order *terms);

/* A replace of the open order `orig` (it leaves `open`). NULL as above. */
struct ledger_order *ledger_replace(struct ledger *l, struct ledger_order *orig, u32 qty, u32 price,
                                    u64 due_ns, bool measured);

/* A cancel of the open order `o`. */
void ledger_cancel(struct ledger *l, struct ledger_order *o, u64 due_ns, bool measured);

/* The order of number `ref`; NULL when it is none of this run's, or forgotten. */
struct ledger_order *ledger_find(const struct ledger *l, u32 ref);

/*
 * Takes a decoded message of the stream into account. Returns NULL, or what about it cannot be (an
 * answer that was given already, a fill of more than is open, ...).
 */
const char *ledger_take(struct ledger *l, const struct wb_msg *m, struct ledger_answer *answer);

/*
 * Orders that have been accepted as immediate-or-cancel and have not ended: must be 0 when all is
 * quiet.
 */
u64 ledger_lingering(const struct ledger *l);

#endif
