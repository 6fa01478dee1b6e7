/*
 * phase.h - the messages of an instrument's day: phases, crosses, late cancels. Part of msg.h,
 * which everybody includes.
 */
#ifndef WIREBOOK_MSG_PHASE_H
#define WIREBOOK_MSG_PHASE_H

#include "engine/base/ring.h"
#include "engine/msg/head.h"

/* Where an instrument stands in its day. */
enum phase {
    PHASE_PRE_OPEN = 'P', /* orders are taken and rest, nothing trades */
    PHASE_OPENING = 'O',  /* its opening cross is under way */
    PHASE_TRADING = 'T',  /* continuous trading; what an instrument begins with */
    PHASE_CLOSING = 'C',  /* its closing cross is under way */
    PHASE_EXTENDED = 'X', /* continuous trading outside market hours: no day orders */
    PHASE_CLOSED = 'Z',   /* nothing is taken */
    PHASE_HALTED = 'H',   /* by an operator: only orders for the halt cross are taken */
    PHASE_PAUSED = 'V',   /* volatility pause: as before the opening; ends by time */
};

/* Who wanted a change of phase. */
enum course_reason {
    COURSE_SCHEDULE = 'S', /* the day's schedule: halted instruments stay halted */
    COURSE_OPERATOR = 'O',
    COURSE_LIMIT = 'L', /* a limit state that lasted */
    COURSE_OVER = 'P',  /* a pause that is over */
};

/* CMD_PHASE, EV_COURSE: where one instrument, or all of them, are to go. */
struct msg_course {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u16 instrument; /* 32 0: all */
    u8 phase;       /* 34 P T X Z H V; 0: where the venue is (one instrument only) */
    u8 wide;        /* 35 1: bands are doubled */
    u8 late;        /* 36 1: orders for the next cross cannot be cancelled any more */
    u8 closing;     /* 37 1: with a closing cross on the way to X or Z */
    u8 reason;      /* 38 enum course_reason */
    u8 zero[17];    /* 39 */
    u64 due_ns;     /* 56 of the schedule: when it wanted the change; else 0 */
};
_Static_assert(sizeof(struct msg_course) == 64, "one slot");

/* EV_PHASE: an instrument's phase has changed. */
struct msg_phase {
    struct event_head head;
    u64 until_ns;   /* 32 V: when it ends; else 0 */
    u16 instrument; /* 40 */
    u8 phase;       /* 42 enum phase */
    u8 next;        /* 43 the phase that follows when the work begun here is done; 0: none begun */
    u8 cross;       /* 44 the cross on the way to it: O C H; 0: none */
    u8 wide;        /* 45 */
    u8 late;        /* 46 */
    u8 reason;      /* 47 enum course_reason */
    u32 reference;  /* 48 T: of the price bands, and these; 0: none */
    u32 lower;      /* 52 */
    u32 upper;      /* 56 */
    u32 zero;       /* 60 */
};
_Static_assert(sizeof(struct msg_phase) == 64, "one slot");

/* EV_BANDS: an instrument's price bands have moved. */
struct msg_bands {
    struct event_head head;
    u32 reference;  /* 32 */
    u32 lower;      /* 36 */
    u32 upper;      /* 40 */
    u16 instrument; /* 44 */
    u8 zero[18];    /* 46 */
};
_Static_assert(sizeof(struct msg_bands) == 64, "one slot");

/* EV_CROSS: the price of a cross. */
struct msg_cross {
    struct event_head head;
    u64 paired;     /* 32 shares that trade at it, imbalance-only orders not counted */
    u64 imbalance;  /* 40 shares that the other side lacks at it */
    u32 price;      /* 48 0: no price at which anything trades */
    u16 instrument; /* 52 */
    u8 cross;       /* 54 O C H */
    u8 side;        /* 55 B S: of which there are too many; N: none */
    u64 zero;       /* 56 */
};
_Static_assert(sizeof(struct msg_cross) == 64, "one slot");

/* Whose half of a trade is broken. */
struct broken_side {
    u32 account;      /*  0 */
    u32 user_ref;     /*  4 */
    char clordid[14]; /*  8 */
    u8 user_ref_idx;  /* 22 */
    u8 sold;          /* 23 1: it is the seller's */
};

/* CMD_BREAK: a trade of the day is broken. */
struct msg_break {
    struct cmd_head head;
    u64 match;                  /* 32 */
    u8 reason;                  /* 40 E C S X (CONFORMANCE.md section 4) */
    u8 zero[7];                 /* 41 */
    struct broken_side side[2]; /* 48 the two halves, as the journal has them */
    u32 qty;                    /* 96 shares of it; 0: not said, positions stay as they are */
    u32 price;                  /* 100 */
    char firm[2][4];            /* 104 of the orders when they came; blank: the account's */
    u16 instrument;             /* 112 */
    u8 zero2[14];               /* 114 */
};
_Static_assert(sizeof(struct msg_break) == 128, "two slots");

/* EV_BROKEN (B): one half of a trade is broken. */
struct msg_broken {
    struct event_head head;
    u64 match;        /* 32 */
    u32 user_ref;     /* 40 */
    char clordid[14]; /* 44 */
    u8 reason;        /* 58 */
    u8 user_ref_idx;  /* 59 */
    u32 zero;         /* 60 */
};
_Static_assert(sizeof(struct msg_broken) == 64, "one slot");

/* EV_CANCEL_PENDING (P) and EV_CANCEL_REJECTED (I): a cancel that comes too late for a cross. */
struct msg_late {
    struct event_head head;
    u64 order_ref;   /* 32 */
    u32 user_ref;    /* 40 */
    u16 instrument;  /* 44 */
    u8 user_ref_idx; /* 46 */
    u8 zero[17];     /* 47 */
};
_Static_assert(sizeof(struct msg_late) == 64, "one slot");

/* EV_PRIORITY (T): an order has got a new number and, maybe, price. */
struct msg_priority {
    struct event_head head;
    u64 order_ref;     /* 32 the new one */
    u64 old_order_ref; /* 40 */
    u32 user_ref;      /* 48 */
    u32 price;         /* 52 */
    u16 instrument;    /* 56 */
    u8 display;        /* 58 */
    u8 user_ref_idx;   /* 59 */
    u32 zero;          /* 60 */
};
_Static_assert(sizeof(struct msg_priority) == 64, "one slot");

#endif
