/*
 * market.h - an instrument's place in its day: phase, queues for crosses, last price.
 *
 *      P ──▶ O ──▶ T ──▶ C ──▶ X ──▶ Z          pre-open, opening cross, trading, closing cross,
 *                  │ ▲                          extended hours, closed; H halted, V paused:
 *                  ▼ │ halt cross               from anywhere, and back by a cross of their own
 *                 H, V
 *
 * Invariant: a book is crossed only in a phase in which nothing trades, and a phase in which
 * something does is reached from such a one by a cross alone. Pure.
 */
#ifndef WIREBOOK_ENGINE_MARKET_H
#define WIREBOOK_ENGINE_MARKET_H

#include "engine/book.h"
#include "engine/queue.h"

struct market {
    u8 phase;          /* enum phase */
    u8 wide;           /* 1: bands are doubled */
    u8 late;           /* 1: orders for the next cross cannot be cancelled any more */
    u8 touched;        /* within a transaction: it is in the list e->touched */
    u32 last_price;    /* of the last trade; 0: none yet */
    u32 queue[QUEUES]; /* roots, by enum queue_index */
    u32 queued;        /* orders in them */
    u32 listed;        /* lists that it is on */
    u32 kept[2];       /* roots, by side: the book's orders that keep shares back, 0 buy, 1 sell */

    /* ---- price bands (band.h) ---- */
    u32 reference; /* 0: none */
    u32 lower;
    u32 upper;
    u32 touched_next;
    u64 look_ns;  /* when the reference may be looked at again */
    u64 move_ns;  /* since when the bands are to move; 0: they are not */
    u64 limit_ns; /* since when it is in a limit state; 0: it is not */
    u64 until_ns; /* when its pause ends; 0: it is not paused, or not by time */
} CACHE_ALIGNED;

#define WINDOW_BUCKETS 10u /* of 30 s: five minutes */

/* Trades of one half minute. */
struct bucket {
    u64 sum; /* of their prices */
    u32 trades;
    u32 number; /* the half minute since 1970 */
};

struct window {
    struct bucket at[WINDOW_BUCKETS];
};

/* A change of phase under way (EV_COURSE): the target, and the instruments that it is for. */
struct course {
    u8 phase; /* enum phase */
    u8 wide;
    u8 late;
    u8 closing;
    u8 reason;      /* enum course_reason */
    u16 instrument; /* 0: all */
    u32 at;         /* the one it has come to */
};

/* One side of a book and a queue, price by price from the best. */
struct walk {
    u64 left;   /* shares wanted at `price`, less what was paired */
    u64 passed; /* shares of the queue at prices up to that of its last orders here */
    u32 price;  /* 0x7FFFFFFF of a buyer, 0 of a seller: at any */
    u32 shown;  /* levels of the book that come next; 0: none */
    u32 hidden;
    u32 rank; /* of the queue, that comes next */
    u32 root; /* of the queue */
    u32 kept; /* of what the book's orders keep back, */
    u64 back; /* ... of which so much was passed */
    bool sell;
};

/* The search for a cross' price (auction.h). */
struct scan {
    struct walk buy, sell;
    u64 paired;
    u32 buy_price, sell_price; /* of the last shares that were paired */
    bool begun;
    bool over;
};

/* The instrument whose phase is being changed, by work that may take several transactions. */
struct crossing {
    u16 instrument; /* 0: none */
    u8 cross;       /* O C H; 0: none is held */
    u8 next;        /* enum phase that follows */
    u8 liquidity;   /* flag of its fills */
    u32 price;      /* 0: not known yet, or nothing trades */
};

/* Bits of book.special: what the common path must not pass by. */
enum book_special {
    BOOK_PHASED = 1,  /* another phase than continuous trading */
    BOOK_STILL = 2,   /* ... in which nothing matches */
    BOOK_GUARDED = 4, /* it has bands or a collar */
    BOOK_HALTED = 8,  /* its terms say so: it takes no orders */
    BOOK_LISTED = 16, /* somebody may not trade it, or not sell it short */
};

static inline bool phase_trades(u8 phase)
{
    return phase == PHASE_TRADING || phase == PHASE_EXTENDED;
}

/* Orders for a cross of this type cannot be cancelled any more. */
static inline bool market_late(const struct market *m, u8 cross)
{
    if (!m->late)
        return false;
    switch (cross) {
    case 'O':
        return m->phase == PHASE_PRE_OPEN;
    case 'C':
        return m->phase == PHASE_TRADING || m->phase == PHASE_PAUSED;
    default:
        return m->phase == PHASE_HALTED || m->phase == PHASE_PAUSED;
    }
}

#endif
