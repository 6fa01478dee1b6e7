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

enum check_source {
    CHECKS_OF_FILES = 0,    /* the next start takes what the files say */
    CHECKS_OF_OPERATOR = 1, /* stay over restarts until an operator sends others */
    CHECKS_OF_RELOAD = 2,   /* in commands: of the files, but only where no operator's are */
};

/*
 * What may be left to somebody else, whose value is then zero here: an account leaves it to its
 * profile, or to that of the port where it names none; a profile to the one that it is based on.
 * Where nobody says it there is no such check. Bits of `inherits`.
 */
enum risk_field {
    FIELD_QTY = 1 << 0,
    FIELD_NOTIONAL = 1 << 1,
    FIELD_COLLAR = 1 << 2,
    FIELD_ORDERS = 1 << 3,
    FIELD_SYMBOL = 1 << 4,
    FIELD_REPEAT = 1 << 5, /* repeat_max and repeat_ms */
    FIELD_BARS = 1 << 6,
    FIELD_EXPOSURE = 1 << 7,
    FIELD_DAILY = 1 << 8,
    FIELD_POSITION = 1 << 9,
    FIELD_LAST = 1 << 10,
    FIELD_OPEN = 1 << 11,
    FIELDS_OF_CHECKS = (1 << 7) - 1, /* the gateways' */
    FIELDS_OF_LIMITS = ((1 << 12) - 1) & ~((1 << 7) - 1),
    FIELDS_ALL = (1 << 12) - 1,
};

#define PROFILES_MAX       256u
#define PROFILE_NAME_BYTES 8u /* upper case, padded with spaces; zero: none */

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
    u8 source;        /* 73 enum check_source */
    u16 inherits;     /* 74 enum risk_field, of LIMIT_ACCOUNT */
    u32 open_max;     /* 76 of LIMIT_ACCOUNT: orders open at the same time; 0: no limit */
    u8 zero[48];      /* 80 */
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

/* ... and their words, in that order, in files and in operators' requests. */
#define CHECK_BAR_NAMES \
    "market", "short", "short_exempt", "iso", "peg", "hidden", "reserve", "cross"

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
    u16 source;       /* 72 enum check_source */
    u16 inherits;     /* 74 enum risk_field */
    u16 profile_id;   /* 76 in the event: of `profile`; else 0 */
    char profile[8];  /* 78 the account's; zero: the port's */
    u8 zero[42];      /* 86 */
};
_Static_assert(sizeof(struct msg_checks) == 128, "two slots");

/* All that can be checked or limited; 0: that is not. Units as above. */
struct risk_values {
    u64 notional_max; /*  0 */
    u64 exposure_max; /*  8 */
    u64 daily_max;    /* 16 */
    u64 position_max; /* 24 */
    u32 qty_max;      /* 32 */
    u32 orders_per_s; /* 36 */
    u32 symbol_per_s; /* 40 */
    u32 repeat_ms;    /* 44 */
    u16 repeat_max;   /* 48 */
    u16 collar_bps;   /* 50 from the reference price */
    u16 last_bps;     /* 52 from the last trade */
    u16 bars;         /* 54 enum check_bars */
    u16 inherits;     /* 56 enum risk_field */
    u16 zero;         /* 58 */
    u32 open_max;     /* 60 orders open at the same time */
};
_Static_assert(sizeof(struct risk_values) == 64, "one slot");

/*
 * CMD_PROFILE, EV_PROFILE: from here on a profile is this, for all accounts that name it and all
 * profiles that are based on it at once. A name that is new makes a new one.
 */
struct msg_profile {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    struct risk_values values; /*  32 */
    char name[8];              /*  96 */
    char base[8];              /* 104 whose is what it does not say; zero: nobody's */
    u16 id;                    /* 112 in the event, from 1; else 0 */
    u16 base_id;               /* 114 ... of `base` */
    u8 source;                 /* 116 enum check_source */
    u8 zero[11];               /* 117 */
};
_Static_assert(sizeof(struct msg_profile) == 128, "two slots");

enum list_kind {
    LIST_RESTRICTED = 1, /* no new orders in the symbol */
    LIST_SHORT = 2,      /* no short sales of it: side T; E is what is exempt from that */
};

enum list_scope {
    LIST_ACCOUNT = 1,
    LIST_FIRM = 2, /* all orders that name it, or whose account has it by default */
    LIST_VENUE = 3,
};

#define LISTED_MAX 65536u /* symbols on lists, and those that an operator took off the files' */

/*
 * CMD_LISTED, EV_LISTED: from here on a symbol is on such a list of an account, a firm or the
 * venue, or off it. What is open stays, but cannot be replaced any more.
 */
struct msg_listed {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    char symbol[8]; /* 32 */
    char user[6];   /* 40 of LIST_ACCOUNT; else 0 */
    char firm[4];   /* 46 of LIST_FIRM; else 0 */
    u16 instrument; /* 50 in the event: its id; else 0 */
    u32 account;    /* 52 in the event: of LIST_ACCOUNT; else 0 */
    u8 kind;        /* 56 enum list_kind */
    u8 scope;       /* 57 enum list_scope */
    u8 listed;      /* 58 1: on it from now on; 0: off it */
    u8 source;      /* 59 enum check_source; of an operator: a start does not change it */
    u8 zero[4];     /* 60 */
};
_Static_assert(sizeof(struct msg_listed) == 64, "one slot");

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
