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
