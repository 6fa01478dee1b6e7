/*
 * limit.h - messages about what an account or a firm may risk. Part of msg.h, which everybody
 * includes.
 */
#ifndef WIREBOOK_MSG_LIMIT_H
#define WIREBOOK_MSG_LIMIT_H

#include "engine/msg/head.h"

enum limit_scope {
    LIMIT_ACCOUNT = 1,
    LIMIT_FIRM = 2, /* all orders that name it, or whose account has it by default */
};

#define LIMIT_MONEY_MAX  1000000000000000ull /* 100 billion in price units */
#define LIMIT_SHARES_MAX 1000000000000ull

/*
 * CMD_LIMIT, EV_LIMIT: from here on an account or a firm has these limits. An account is named by
 * its user in the command and by its id, too, in the event.
 */
struct msg_limit {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u64 exposure_max; /* 32 price times shares of what is open, price units; 0: no limit */
    u64 daily_max;    /* 40 ... and of what was traded today; 0: no limit */
    u64 position_max; /* 48 shares bought or sold net today, by instrument; 0: no limit */
    u32 account;      /* 56 in the event: of LIMIT_ACCOUNT; else 0 */
    char firm[4];     /* 60 of LIMIT_FIRM; else 0 */
    char user[6];     /* 64 of LIMIT_ACCOUNT; else 0 */
    u16 collar_bps;   /* 70 how far a price may be from the last trade, 1/100 %; 0: no limit */
    u8 scope;         /* 72 enum limit_scope */
    u8 zero[55];      /* 73 */
};
_Static_assert(sizeof(struct msg_limit) == 128, "two slots");

/* What an account may not do: bits of msg_checks.bars. */
enum check_bars {
    BAR_MARKET = 1 << 0,  /* market orders */
    BAR_SHORT = 1 << 1,   /* side T */
    BAR_EXEMPT = 1 << 2,  /* side E */
    BAR_ISO = 1 << 3,     /* ISO eligibility Y */
    BAR_PEG = 1 << 4,     /* a PriceType other than limit */
    BAR_HIDDEN = 1 << 5,  /* display N */
    BAR_RESERVE = 1 << 6, /* a MaxFloor */
    BAR_CROSS = 1 << 7,   /* orders for a cross */
    BAR_ALL = (1 << 8) - 1,
};

enum check_source {
    CHECKS_OF_FILES = 0,    /* the next start takes what the files say */
    CHECKS_OF_OPERATOR = 1, /* stay over restarts until an operator sends others */
};

#define CHECKS_RATE_MAX   1000000u
#define CHECKS_REPEAT_MAX 60000u /* both orders and ms */

/*
 * CMD_CHECKS, EV_CHECKS: from here on the gateways check these of an account's orders; 0: that one
 * is not checked. Operators send it within a CMD_OPERATOR, the process at its start for each
 * account whose checks are not an operator's.
 */
struct msg_checks {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u64 notional_max; /* 32 price times shares of one order, price units */
    u32 qty_max;      /* 40 shares of one order */
    u32 orders_per_s; /* 44 Enter and Replace of the account */
    u32 symbol_per_s; /* 48 Enter, of one symbol */
    u32 repeat_ms;    /* 52 within so long ... */
    u32 account;      /* 56 in the event: its id; else 0 */
    u16 repeat_max;   /* 60 ... at most so many orders alike: side, symbol, quantity and price */
    u16 collar_bps;   /* 62 distance from the reference price, 1/100 % */
    char user[6];     /* 64 */
    u16 bars;         /* 70 enum check_bars */
    u8 source;        /* 72 enum check_source */
    u8 zero[55];      /* 73 */
};
_Static_assert(sizeof(struct msg_checks) == 128, "two slots");

/* EV_UNTRADED: a broken trade counts no more; the buyer's half, then the seller's. */
struct msg_untraded {
    struct event_head head;
    u64 match;       /* 32 */
    u32 account[2];  /* 40 */
    char firm[2][4]; /* 48 by which each was counted */
    u32 qty;         /* 56 */
    u32 price;       /* 60 */
    u16 instrument;  /* 64 */
    u8 zero[62];     /* 66 */
};
_Static_assert(sizeof(struct msg_untraded) == 128, "two slots");

#endif
