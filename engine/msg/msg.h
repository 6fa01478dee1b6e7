/*
 * msg.h - everything that crosses a ring, lies in a session store or stands in the journal.
 *
 * A message is 1 to 4 slots of 64 bytes; the first slot's second byte is the count. The same bytes
 * lie in the ring, in the store and on the disk. All integers are little-endian (we run on such
 * machines only, asserted below); all structs have fixed widths, offsets in the margin and a
 * checked size. Padding is written as zero, so that equal messages are equal bytes.
 *
 * Commands have types below 0x80, events from 0x80 on. A transaction is one command, numbered and
 * stamped by the engine, followed by its events; the last message carries MSG_TX_END.
 *
 * Prices are u32 in 1/10,000 of the currency: OUCH's highest limit price 199,999.9900 is
 * 1,999,999,900, and a market order 0x7FFFFFFF (CONFORMANCE.md section 1). Letters (side, time in
 * force, ...) are OUCH 5.0's own characters. Text is padded with spaces as on the wire.
 */
#ifndef WIREBOOK_MSG_MSG_H
#define WIREBOOK_MSG_MSG_H

#include <stdio.h>

#include "engine/base/limits.h"
#include "engine/base/ring.h"
#include "engine/base/types.h"
#include "engine/msg/course.h"
#include "engine/msg/head.h"
#include "engine/msg/limit.h"
#include "engine/msg/operator.h"
#include "engine/msg/phase.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "messages are used as they lie in memory");

/* ---- connections ---- */

/* What an account's stream of a day is written in. Fixed with its first login of the day. */
enum dialect {
    DIALECT_OUCH50 = 0,
    DIALECT_OUCH42 = 1,
};
#define DIALECT_MAX DIALECT_OUCH42

/* Bits of msg_login.terms: what the config says instead of the usual. */
enum login_terms {
    LOGIN_NO_TAKEOVER = 1, /* a session that is bound already: Login Rejected S */
    LOGIN_AHEAD_NEXT = 2,  /* a number that is still to come: from the next one */
};

/* What a listening port gives accounts that do not say it themselves. */
struct port_terms {
    u8 stp;          /*  0 enum stp */
    u8 stp_level;    /*  1 enum stp_level */
    u16 drop;        /*  2 as in msg_account */
    u32 drop_ms;     /*  4 */
    char profile[8]; /*  8 zero: none */
};
_Static_assert(sizeof(struct port_terms) == 16, "a quarter of a slot");

/* CMD_LOGIN, after the password was found right. */
struct msg_login {
    struct cmd_head head;   /* account, gateway */
    u64 conn;               /* 32 the gateway's name for the connection, given back in the answer */
    u64 requested_seq;      /* 40 first wanted session_seq; 0: the most recent message */
    u32 requested_day;      /* 48 yyyymmdd of the requested session; 0: the current one */
    u32 peer_ipv4;          /* 52 the client's address, network order, for the audit trail */
    u16 peer_port;          /* 56 host order */
    u8 dialect;             /* 58 enum dialect, of the port that it came to */
    u8 terms;               /* 59 enum login_terms */
    struct port_terms port; /* 60 */
    u8 zero[52];            /* 76 */
};
_Static_assert(sizeof(struct msg_login) == 128, "two slots");

enum unbind_reason {
    UNBIND_CLOSED = 'C',   /* the connection was closed or reset by the peer */
    UNBIND_LOGOUT = 'O',   /* Logout Request */
    UNBIND_SILENT = 'H',   /* heartbeats stayed away */
    UNBIND_TAKEOVER = 'T', /* a second login took the session over */
    UNBIND_PROTOCOL = 'P', /* the client broke the protocol */
    UNBIND_SLOW = 'L',     /* the client acknowledged nothing for too long */
    UNBIND_EXPELLED = 'X', /* by an operator */
    UNBIND_SHUTDOWN = 'D', /* the venue is going down, or the day has ended */
};

/* CMD_DISCONNECT (bind_id in the head), EV_UNBOUND (to the gateway that held it). */
struct msg_unbind {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u64 conn;    /* 32 */
    u32 bind_id; /* 40 the binding that ends */
    u16 gateway; /* 44 that held it */
    u8 reason;   /* 46 enum unbind_reason */
    u8 zero[17]; /* 47 */
};
_Static_assert(sizeof(struct msg_unbind) == 64, "one slot");

/*
 * EV_BOUND: the connection now has the session. Goes to the gateway of the connection, and when the
 * account's events went to another one so far (`from`), to that one, too: nothing more of the
 * account comes to it, and it passes the session's store on (gateway/session/README.md).
 */
struct msg_bound {
    struct event_head head;
    u64 conn;               /* 32 */
    u64 from_seq;           /* 40 first session_seq to send, 1..next_seq */
    u64 next_seq;           /* 48 session_seq that the account's next message will have */
    u32 bind_id;            /* 56 to be put into each command from now on */
    u16 gateway;            /* 60 */
    u16 from;               /* 62 the gateway that got the account's events until now */
    struct port_terms port; /* 64 of the port by which it came */
    u16 profile_id;         /* 80 of port.profile */
    u8 zero[46];            /* 82 */
};
_Static_assert(sizeof(struct msg_bound) == 128, "two slots");

/* EV_LOGIN_REJECTED: SoupBinTCP's reason, A or S. */
struct msg_login_rejected {
    struct event_head head;
    u64 conn;    /* 32 */
    u16 gateway; /* 40 */
    u8 reason;   /* 42 */
    u8 zero[21]; /* 43 */
};
_Static_assert(sizeof(struct msg_login_rejected) == 64, "one slot");

/* ---- orders ---- */

/* Bits of order_terms.yes. */
enum terms_yes {
    YES_POST_ONLY = 1,      /* tag 12 = P */
    YES_TRADE_NOW = 2,      /* tag 16 = Y */
    YES_SHARES_LOCATED = 4, /* tag 25 = Y */
};

#define TAG_BIT(tag) (1u << (tag))

/*
 * The second slot of Enter, Replace, Accepted and Replaced: ClOrdID and the appendage. `tags` has
 * TAG_BIT(t) for each OUCH 5.0 option tag t that was present (CONFORMANCE.md section 5; tag 28 is
 * user_ref_idx in the first slot and has its bit too); an absent tag's field is zero.
 */
struct order_terms {
    char clordid[14];          /*  0 */
    u16 group_id;              /* 14 tag 24 */
    u32 tags;                  /* 16 */
    char firm[4];              /* 20 tag 2 */
    u32 min_qty;               /* 24 tag 3 */
    u32 max_floor;             /* 28 tag 5 */
    i32 peg_offset;            /* 32 tag 7, price units */
    u32 discretion_price;      /* 36 tag 9 */
    i32 discretion_peg_offset; /* 40 tag 11 */
    u32 random_reserves;       /* 44 tag 13 */
    u32 expire_s;              /* 48 tag 15, seconds to live */
    char locate_broker[4];     /* 52 tag 26 */
    char aiq_group[2];         /* 56 tag 30 */
    u8 customer_type;          /* 58 tag 4 */
    u8 price_type;             /* 59 tag 6 */
    u8 discretion_price_type;  /* 60 tag 10 */
    u8 yes;                    /* 61 enum terms_yes: tags 12, 16, 25 */
    u8 handle_inst;            /* 62 tag 17 */
    u8 aiq_strategy;           /* 63 tag 29 */
};
_Static_assert(sizeof(struct order_terms) == 64, "one slot");

/* CMD_ENTER: Enter Order. MSG_ISO in the flags. */
struct msg_enter {
    struct cmd_head head;
    u32 user_ref;    /* 32 UserRefNum */
    u32 qty;         /* 36 shares */
    u32 price;       /* 40 */
    u16 instrument;  /* 44 0: unknown symbol */
    u16 reject;      /* 46 OUCH reason found by the gateway's checks; 0: none */
    u8 side;         /* 48 B S T E */
    u8 tif;          /* 49 0 3 5 6 E */
    u8 display;      /* 50 Y N A */
    u8 capacity;     /* 51 A P R O */
    u8 cross_type;   /* 52 N O C H S R E A */
    u8 user_ref_idx; /* 53 tag 28; 0: the base channel */
    u16 zero;        /* 54 */
    char symbol[8];  /* 56 as sent */
    struct order_terms terms;
};
_Static_assert(sizeof(struct msg_enter) == 128, "two slots");

/* CMD_REPLACE: Replace Order. MSG_ISO in the flags. */
struct msg_replace {
    struct cmd_head head;
    u32 orig_user_ref; /* 32 */
    u32 user_ref;      /* 36 */
    u32 qty;           /* 40 total liability of the chain */
    u32 price;         /* 44 */
    u16 reject;        /* 48 as in msg_enter */
    u8 tif;            /* 50 */
    u8 display;        /* 51 */
    u8 user_ref_idx;   /* 52 */
    u8 side;           /* 53 tag 27; 0: unchanged */
    u16 collar_bps;    /* 54 the account's price collar, 1/100 of a per cent; 0: none */
    u64 notional_max;  /* 56 the account's limit of price times shares, price units; 0: none */
    struct order_terms terms;
};
_Static_assert(sizeof(struct msg_replace) == 128, "two slots");

/* CMD_CANCEL: Cancel Order. */
struct msg_cancel {
    struct cmd_head head;
    u32 user_ref;    /* 32 */
    u32 qty;         /* 36 intended total size of the order; 0: cancel all that is open */
    u8 user_ref_idx; /* 40 */
    u8 zero[23];     /* 41 */
};
_Static_assert(sizeof(struct msg_cancel) == 64, "one slot");

/* CMD_MODIFY: Modify Order. What tags 25 and 26 said is zero where they were absent. */
struct msg_modify {
    struct cmd_head head;
    u32 user_ref;          /* 32 */
    u32 qty;               /* 36 intended total size of the order, not above what it is */
    u8 user_ref_idx;       /* 40 */
    u8 side;               /* 41 B S T E */
    u8 located;            /* 42 tag 25: Y or N */
    u8 zero[17];           /* 43 */
    char locate_broker[4]; /* 60 tag 26 */
};
_Static_assert(sizeof(struct msg_modify) == 64, "one slot");

/* CMD_MASS_CANCEL and EV_MASS_CANCELLED: which of the account's orders go. */
struct msg_mass {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u32 user_ref;    /* 32 consumed, as that of an Enter */
    char firm[4];    /* 36 blank: the account's default firm */
    char symbol[8];  /* 40 blank: all */
    u16 group_id;    /* 48 tag 24; 0: orders without a group */
    u8 has_group;    /* 50 1: tag 24 was there; else any group */
    u8 side;         /* 51 tag 27; 0: all */
    u8 user_ref_idx; /* 52 */
    u8 zero[11];     /* 53 */
};
_Static_assert(sizeof(struct msg_mass) == 64, "one slot");

/* CMD_DISABLE, EV_DISABLED, CMD_ENABLE, EV_ENABLED: order entry of one firm on the account. */
struct msg_firm {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u32 user_ref;    /* 32 consumed, as that of an Enter */
    char firm[4];    /* 36 blank: the account's default firm */
    u8 user_ref_idx; /* 40 */
    u8 zero[23];     /* 41 */
};
_Static_assert(sizeof(struct msg_firm) == 64, "one slot");

/* CMD_QUERY and EV_QUERIED: Account Query and its answer. */
struct msg_query {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u32 next_user_ref; /* 32 in the answer: the smallest UserRefNum that may still be used */
    u8 user_ref_idx;   /* 36 */
    u8 zero[27];       /* 37 */
};
_Static_assert(sizeof(struct msg_query) == 64, "one slot");

/* EV_SYSTEM: S start of day, E end of day. One in each account's stream. */
struct msg_system {
    struct event_head head;
    u8 code;      /* 32 */
    u8 dialect;   /* 33 with S: enum dialect of the stream that begins */
    char firm[4]; /* 34 with S: the account's default firm, whose drop copies have the stream */
    u8 zero[26];  /* 38 */
};
_Static_assert(sizeof(struct msg_system) == 64, "one slot");

/* EV_ACCEPTED and EV_REPLACED. MSG_ISO and MSG_DEAD in the flags. */
struct msg_order {
    struct event_head head;
    u64 order_ref;     /* 32 the engine's number of the order, never used twice */
    u32 user_ref;      /* 40 */
    u32 orig_user_ref; /* 44 EV_REPLACED: the order that it replaces; else 0 */
    u32 qty;           /* 48 open shares */
    u32 price;         /* 52 */
    u16 instrument;    /* 56 */
    u8 side;           /* 58 */
    u8 tif;            /* 59 */
    u8 display;        /* 60 */
    u8 capacity;       /* 61 */
    u8 cross_type;     /* 62 */
    u8 user_ref_idx;   /* 63 */
    struct order_terms terms;
};
_Static_assert(sizeof(struct msg_order) == 128, "two slots");

/* EV_CANCELLED. MSG_SELL in the flags. */
struct msg_cancelled {
    struct event_head head;
    u64 order_ref;   /* 32 */
    u32 user_ref;    /* 40 */
    u32 qty;         /* 44 shares taken off by this event */
    u32 leaves;      /* 48 shares still open; 0: the order is gone */
    u16 instrument;  /* 52 */
    u8 reason;       /* 54 CONFORMANCE.md section 6.1 */
    u8 user_ref_idx; /* 55 */
    u64 zero;        /* 56 */
};
_Static_assert(sizeof(struct msg_cancelled) == 64, "one slot");

/*
 * EV_AIQ_CANCELLED: shares taken off because the order met one of its own party, with what did not
 * happen. MSG_SELL, MSG_TAKER and MSG_HIDDEN in the flags say on which side of it.
 */
struct msg_aiq_cancelled {
    struct event_head head;
    u64 order_ref;   /* 32 */
    u32 user_ref;    /* 40 */
    u32 qty;         /* 44 shares taken off by this event */
    u32 leaves;      /* 48 shares still open; 0: the order is gone */
    u32 prevented;   /* 52 shares that would have been executed */
    u32 price;       /* 56 at which they would have been */
    u16 instrument;  /* 60 */
    u8 user_ref_idx; /* 62 */
    u8 strategy;     /* 63 tag 29's letter of what was done */
};
_Static_assert(sizeof(struct msg_aiq_cancelled) == 64, "one slot");

/* EV_RESTATED: a reserve order shows its next part. MSG_SELL in the flags. */
struct msg_restated {
    struct event_head head;
    u64 order_ref;   /* 32 */
    u64 secondary;   /* 40 the number of what is shown, and its priority: one of order_ref's */
    u32 user_ref;    /* 48 */
    u32 qty;         /* 52 shares that are shown now */
    u32 price;       /* 56 at which they are shown */
    u16 instrument;  /* 60 */
    u8 reason;       /* 62 R */
    u8 user_ref_idx; /* 63 */
};
_Static_assert(sizeof(struct msg_restated) == 64, "one slot");

/* EV_MODIFIED: side and size as they now are; the order keeps its place. */
struct msg_modified {
    struct event_head head;
    u64 order_ref;         /* 32 */
    u32 user_ref;          /* 40 */
    u32 qty;               /* 44 shares taken off by this event */
    u32 leaves;            /* 48 shares still open, never 0 */
    u16 instrument;        /* 52 */
    u8 side;               /* 54 */
    u8 user_ref_idx;       /* 55 */
    char locate_broker[4]; /* 56 tag 26; zero: absent */
    u8 located;            /* 60 tag 25: Y or N; 0: absent */
    u8 zero[3];            /* 61 */
};
_Static_assert(sizeof(struct msg_modified) == 64, "one slot");

/* EV_EXECUTED, one for each side of a fill. MSG_SELL and MSG_TAKER in the flags. */
struct msg_executed {
    struct event_head head;
    u64 order_ref;   /* 32 */
    u64 match;       /* 40 match number, the same on both sides */
    u32 user_ref;    /* 48 */
    u32 qty;         /* 52 shares of this fill */
    u32 price;       /* 56 */
    u16 instrument;  /* 60 */
    u8 liquidity;    /* 62 CONFORMANCE.md section 6.2 */
    u8 user_ref_idx; /* 63 */
};
_Static_assert(sizeof(struct msg_executed) == 64, "one slot");

/* EV_REJECTED. */
struct msg_rejected {
    struct event_head head;
    u32 user_ref;     /* 32 */
    u16 reason;       /* 36 CONFORMANCE.md section 7 */
    u16 instrument;   /* 38 0: unknown */
    char clordid[14]; /* 40 */
    u8 user_ref_idx;  /* 54 */
    u8 zero[9];       /* 55 */
};
_Static_assert(sizeof(struct msg_rejected) == 64, "one slot");

/* Any message by its first slot. */
union msg {
    struct slot slots[MSG_SLOTS_MAX];
    struct cmd_head cmd;
    struct event_head ev;
    struct msg_start start;
    struct msg_day day;
    struct msg_instrument instrument;
    struct msg_account account;
    struct msg_kill kill;
    struct msg_bare bare;
    struct msg_work work;
    struct msg_login login;
    struct msg_unbind unbind;
    struct msg_bound bound;
    struct msg_login_rejected login_rejected;
    struct msg_enter enter;
    struct msg_replace replace;
    struct msg_cancel cancel;
    struct msg_modify modify;
    struct msg_mass mass;
    struct msg_firm firm;
    struct msg_query query;
    struct msg_system system;
    struct msg_order order;
    struct msg_cancelled cancelled;
    struct msg_aiq_cancelled aiq;
    struct msg_restated restated;
    struct msg_modified modified;
    struct msg_executed executed;
    struct msg_rejected rejected;
    struct msg_course course;
    struct msg_phase phase;
    struct msg_cross cross;
    struct msg_bands bands;
    struct msg_break broken_trade;
    struct msg_broken broken;
    struct msg_late late;
    struct msg_priority priority;
    struct msg_limit limit;
    struct msg_checks checks;
    struct msg_profile profile;
    struct msg_listed listed;
    struct msg_untraded untraded;
    struct msg_operator operator;
    struct msg_operated operated;
    struct msg_bar bar;
    struct msg_note note;
    struct msg_look look;
    struct msg_seen seen;
};

static inline bool msg_is_command(u8 type)
{
    return type < 0x80;
}

/* True for the two prices that mean a market order (CONFORMANCE.md section 1). */
static inline bool price_is_market(u32 price)
{
    return price == PRICE_MARKET || price == PRICE_MARKET_OLD;
}

/* Slots of the message that begins at `slot`. */
static inline u32 msg_slots(const void *slot)
{
    return ((const u8 *)slot)[1];
}

/*
 * The next whole message of `r`, or NULL when there is none. It lies in the ring, or in `copy`
 * where it wraps around the ring's end; valid until ring_take(r, msg_slots(m)).
 */
static inline const union msg *msg_peek(struct ring *r, union msg *copy)
{
    if (ring_avail(r, 1) == 0)
        return NULL;
    const struct slot *first = ring_at(r, 0);
    u32 n = msg_slots(first);
    ASSERT(n >= 1 && n <= MSG_SLOTS_MAX);
    ASSERT_GE(ring_avail(r, n), n); /* producers publish whole messages */
    if (first + n <= r->slots + r->mask + 1)
        return (const union msg *)(const void *)first;
    for (u32 i = 0; i < n; i++)
        copy->slots[i] = *ring_at(r, i);
    return copy;
}

/* "CMD_ENTER" and the like; "?" for an unknown type. */
const char *msg_type_name(u8 type);

/* Slots that a message of `type` has; 0 for an unknown type. */
u32 msg_type_slots(u8 type);

/*
 * Checks what lies at `slots`, of which `avail` may be read: known type, right count, flags and
 * padding. For bytes from a disk. Returns NULL when it is well formed, else what is wrong.
 */
const char *msg_check(const struct slot *slots, u32 avail);

/* Prints one message as one line of name=value pairs, with the newline. */
void msg_print(FILE *out, const union msg *m);

/* The command that an operator's request carries, with an empty head. False: of no known type. */
bool msg_carried(const struct msg_operator *c, union msg *out);

#endif
