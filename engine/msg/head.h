/*
 * head.h - what all messages begin with: their types, flags and heads. Everybody includes msg.h.
 */
#ifndef WIREBOOK_MSG_HEAD_H
#define WIREBOOK_MSG_HEAD_H

#include "engine/base/types.h"

#define PRICE_MARKET     0x7FFFFFFFu /* a market order */
#define PRICE_MARKET_OLD 2000000000u /* the same: OUCH still takes $200,000.0000 for it */
#define PRICE_LIMIT_MAX  1999999900u /* the highest limit price, 199,999.9900 */
#define QTY_MAX          999999u     /* of one order or one replace chain, in shares */

enum msg_type {
    /* from main and admin: the venue's own course */
    CMD_START = 0x01,      /* a process begins to lead the shard under a new epoch */
    CMD_DAY_OPEN = 0x02,   /* a trading day begins */
    CMD_DAY_END = 0x03,    /* ... and ends: orders expire, streams close */
    CMD_INSTRUMENT = 0x04, /* an instrument is added or its terms change */
    CMD_ACCOUNT = 0x05,    /* an account is added or its terms change */
    /* from gateways */
    CMD_LOGIN = 0x10,       /* a connection asks for an account's session */
    CMD_DISCONNECT = 0x11,  /* a bound connection is gone */
    CMD_ENTER = 0x12,       /* OUCH O */
    CMD_REPLACE = 0x13,     /* OUCH U */
    CMD_CANCEL = 0x14,      /* OUCH X */
    CMD_QUERY = 0x15,       /* OUCH Q */
    CMD_MODIFY = 0x16,      /* OUCH M */
    CMD_MASS_CANCEL = 0x17, /* OUCH C */
    CMD_DISABLE = 0x18,     /* OUCH D */
    CMD_ENABLE = 0x19,      /* OUCH E */
    /* made by the engine itself */
    CMD_CONTINUE = 0x20, /* the next chunk of long work */
    CMD_TICK = 0x21,     /* a timer is due */
    /* from admin: the day's course */
    CMD_PHASE = 0x28, /* an instrument, or all of them, go into another phase */
    CMD_BREAK = 0x29, /* a trade is broken */
    CMD_LIMIT = 0x2A, /* what an account or a firm may risk */
    /* from operators */
    CMD_KILL = 0x30,     /* nothing more is entered, all that is open goes */
    CMD_RESTORE = 0x31,  /* ... until here */
    CMD_CHECKS = 0x32,   /* what gateways check of an account's orders */
    CMD_PROFILE = 0x33,  /* checks and limits under a name, for all accounts that name it */
    CMD_LISTED = 0x34,   /* a symbol is put on, or taken off, a list of what may not be traded */
    CMD_OPERATOR = 0x38, /* a request with who and why; it carries another command */
    CMD_BAR = 0x39,      /* carried: an account may neither log in nor enter orders */
    CMD_UNBAR = 0x3A,    /* carried: ... until here */
    CMD_EXPEL = 0x3B,    /* carried: an account's connection ends */
    CMD_NOTE = 0x3C,     /* carried: what was asked of the process, for the record */
    CMD_LOOK = 0x3D,     /* how do things stand? Changes nothing, is never journalled */

    /* the venue's course */
    EV_STARTED = 0x81,
    EV_DAY_OPENED = 0x82,
    EV_DAY_ENDED = 0x83,
    EV_INSTRUMENT = 0x84,
    EV_ACCOUNT = 0x85,
    EV_WORK = 0x86,     /* where long work stands: what the next CONTINUE goes on from */
    EV_COURSE = 0x87,   /* a change of phase begins */
    EV_PHASE = 0x88,    /* an instrument's phase has changed */
    EV_CROSS = 0x89,    /* the price of a cross */
    EV_BANDS = 0x8A,    /* an instrument's price bands have moved */
    EV_LIMIT = 0x8B,    /* what an account or a firm may risk has changed */
    EV_UNTRADED = 0x8C, /* a broken trade counts no more in what they have at stake */
    /* connections */
    EV_BOUND = 0x90,
    EV_UNBOUND = 0x91,
    EV_LOGIN_REJECTED = 0x92,
    /* what clients see, each with a session_seq */
    EV_SYSTEM = 0xA0,          /* OUCH S */
    EV_ACCEPTED = 0xA1,        /* OUCH A */
    EV_REPLACED = 0xA2,        /* OUCH U */
    EV_CANCELLED = 0xA3,       /* OUCH C */
    EV_EXECUTED = 0xA4,        /* OUCH E */
    EV_REJECTED = 0xA5,        /* OUCH J */
    EV_QUERIED = 0xA6,         /* OUCH Q */
    EV_MODIFIED = 0xA7,        /* OUCH M */
    EV_MASS_CANCELLED = 0xA8,  /* OUCH X */
    EV_DISABLED = 0xA9,        /* OUCH G */
    EV_ENABLED = 0xAA,         /* OUCH K */
    EV_AIQ_CANCELLED = 0xAB,   /* OUCH D */
    EV_RESTATED = 0xAC,        /* OUCH R */
    EV_BROKEN = 0xB0,          /* OUCH B */
    EV_CANCEL_PENDING = 0xB1,  /* OUCH P */
    EV_CANCEL_REJECTED = 0xB2, /* OUCH I */
    EV_PRIORITY = 0xB3,        /* OUCH T */
    /* what operators have done */
    EV_KILLED = 0xC0,
    EV_RESTORED = 0xC1,
    EV_CHECKS = 0xC2,   /* what gateways check of an account's orders has changed */
    EV_PROFILE = 0xC3,  /* checks and limits under a name have changed */
    EV_LISTED = 0xC4,   /* a symbol is on, or off, a list from now on */
    EV_OPERATOR = 0xCA, /* a request begins */
    EV_OPERATED = 0xCB, /* ... and is over */
    EV_BARRED = 0xCC,
    EV_UNBARRED = 0xCD,
    EV_SEEN = 0xCE, /* answers a look; never journalled */
};

enum msg_flags {
    MSG_TX_END = 1 << 0, /* the last message of its transaction */
    MSG_SELL = 1 << 1,   /* on EXECUTED and CANCELLED: the order is on the sell side */
    MSG_ISO = 1 << 2,    /* on orders: ISO eligibility Y */
    MSG_DEAD = 1 << 3,   /* on ACCEPTED and REPLACED: order state D */
    MSG_TAKER = 1 << 4,  /* on EXECUTED, AIQ_CANCELLED: this side is the aggressor */
    MSG_HIDDEN = 1 << 5, /* on AIQ_CANCELLED: the order is not displayed */
    MSG_FIRST = 1 << 8,  /* on EXECUTED in a cross: the buyer's half, the seller's follows */
};

/* The first 32 bytes of a command. */
struct cmd_head {
    u8 type;     /*  0 enum msg_type */
    u8 slots;    /*  1 of the whole message, 1..4 */
    u16 flags;   /*  2 enum msg_flags */
    u32 account; /*  4 account id from 1; 0 is the venue */
    u64 seq;     /*  8 number of the transaction; 0 until the engine has numbered it */
    u32 bind_id; /* 16 the binding that a client's request came under; 0 for the venue's */
    u16 gateway; /* 20 index of the gateway that sent it */
    u16 zero;    /* 22 */
    u64 time_ns; /* 24 the engine's time, ns since 1970 UTC; 0 until the engine has stamped it */
};
_Static_assert(sizeof(struct cmd_head) == 32, "half a slot");

/* The first 32 bytes of an event. */
struct event_head {
    u8 type;         /*  0 enum msg_type */
    u8 slots;        /*  1 */
    u16 flags;       /*  2 enum msg_flags */
    u32 account;     /*  4 whose event this is; 0 is the venue */
    u64 seq;         /*  8 number of the transaction */
    u64 session_seq; /* 16 number in the account's stream of the day from 1; 0: not in it */
    u64 time_ns;     /* 24 the engine's time, ns since 1970 UTC */
};
_Static_assert(sizeof(struct event_head) == 32, "half a slot");

#endif
