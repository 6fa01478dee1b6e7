/*
 * course.h - the messages of the venue's own course: starts, days, reference data, long work. Part
 * of msg.h, which everybody includes.
 */
#ifndef WIREBOOK_MSG_COURSE_H
#define WIREBOOK_MSG_COURSE_H

#include <string.h>

#include "engine/msg/head.h"

/*
 * CMD_START, EV_STARTED. After it no connection is bound and all bind ids are stale. The sizes are
 * those of the process' pools: what is rejected for want of room follows from them, so whoever
 * applies or runs the journal again takes its limits from here. 0: not said, the limits stay.
 */
struct msg_start {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u64 epoch;           /* 32 from 1 */
    u32 shard;           /* 40 */
    u32 orders_max;      /* 44 open orders */
    u64 journal_id;      /* 48 drawn once, when the journal began */
    u32 accounts_max;    /* 56 */
    u32 instruments_max; /* 60 */
};
_Static_assert(sizeof(struct msg_start) == 64, "one slot");

/* CMD_DAY_OPEN, EV_DAY_OPENED, CMD_DAY_END, EV_DAY_ENDED. */
struct msg_day {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u64 midnight_ns; /* 32 the day's midnight in the venue's time zone, ns since 1970 UTC */
    u32 day;         /* 40 as yyyymmdd */
    u32 zero[5];     /* 44 */
};
_Static_assert(sizeof(struct msg_day) == 64, "one slot");

/* CMD_INSTRUMENT, EV_INSTRUMENT. The id is given by the engine and never changes its meaning. */
struct msg_instrument {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    char symbol[8];      /* 32 */
    u32 tick;            /* 40 smallest price step, in price units; prices are multiples of it */
    u32 lot;             /* 44 round lot in shares */
    u16 instrument;      /* 48 from 1; 0 in the command: known by its symbol */
    u8 halted;           /* 50 1: no new orders */
    u8 tier;             /* 51 of its price bands: 1 2; 0: it has none */
    u16 collar_bps;      /* 52 static collar around reference_price, 1/100 %; 0: none */
    u8 by_operator;      /* 54 1: an operator has set it: a start does not take the file's */
    u8 zero[5];          /* 55 */
    u32 reference_price; /* 60 what a price collar is measured from; 0: no collar on it */
};
_Static_assert(sizeof(struct msg_instrument) == 64, "one slot");

/* What happens when an order meets one of its own party (CONFORMANCE.md section 6, rule 12). */
enum stp {
    STP_OFF = 0,           /* they trade */
    STP_CANCEL_NEWEST = 1, /* the incoming one goes */
    STP_CANCEL_OLDEST = 2, /* the resting one goes */
    STP_DECREMENT = 3,     /* both lose the shares of the smaller one */
    STP_CANCEL_BOTH = 4,
};
#define STP_MAX STP_CANCEL_BOTH

/* Who one's own party is. */
enum stp_level {
    STP_ACCOUNT = 0,
    STP_FIRM = 1, /* all accounts, by the firm that the orders name */
};

/* What an account leaves to the listening port of its login: bits of msg_account.by_port. */
enum by_port {
    BY_PORT_STP = 1,  /* stp and stp_level */
    BY_PORT_DROP = 2, /* drop and drop_ms */
    BY_PORT_ALL = 3,
};

/* CMD_ACCOUNT, EV_ACCOUNT. The account's id is head.account in the event, 0 in the command. */
struct msg_account {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    char user[6];   /* 32 SoupBinTCP user name, upper case, padded with spaces */
    char firm[4];   /* 38 the account's default firm */
    u8 disabled;    /* 42 1: no login, no new orders */
    u8 stp;         /* 43 enum stp */
    u8 stp_level;   /* 44 enum stp_level */
    u8 stp_details; /* 45 1: AIQ Canceled instead of Canceled */
    u16 drop;       /* 46 1: its orders are cancelled when its connection is gone */
    u32 drop_ms;    /* 48 ... and has not come back for so long */
    u8 post_slide;  /* 52 1: a post-only order that would take is slid; else it is cancelled */
    u8 by_port;     /* 53 enum by_port; what it leaves is zero above */
    u8 zero[74];    /* 54 */
};
_Static_assert(sizeof(struct msg_account) == 128, "two slots");

enum kill_scope {
    KILL_ACCOUNT = 1,
    KILL_FIRM = 2, /* orders that name it, whosever they are */
    KILL_VENUE = 3,
};

/* CMD_KILL, EV_KILLED, CMD_RESTORE, EV_RESTORED. */
struct msg_kill {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u32 account;  /* 32 of KILL_ACCOUNT; else 0 */
    char firm[4]; /* 36 of KILL_FIRM; else 0 */
    u8 scope;     /* 40 enum kill_scope */
    u8 zero[23];  /* 41 */
};
_Static_assert(sizeof(struct msg_kill) == 64, "one slot");

/* CMD_CONTINUE and CMD_TICK have nothing but their head. */
struct msg_bare {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u64 zero[4]; /* 32 */
};
_Static_assert(sizeof(struct msg_bare) == 64, "one slot");

enum work_kind {
    WORK_NONE = 0,
    WORK_MATCH = 1,   /* an order that goes on sweeping */
    WORK_DAY_END = 2, /* expiring the day's orders, then closing the streams */
    WORK_MASS = 3,    /* a mass cancel that goes on through its account's orders */
    WORK_PEGS = 4,    /* pegs that trade because the touch has moved */
    WORK_KILL = 6,    /* cancelling what a kill switch is for */
    WORK_DROP = 5,    /* cancelling the orders of an account whose connection is gone */
    WORK_COUNT = 7,   /* counting the open orders of a party that has got its first limit */
    WORK_COURSE = 16, /* a change of phase that goes on with another instrument */
    WORK_SCAN = 17,   /* a cross whose price is being looked for */
    WORK_CROSS = 18,  /* a cross whose orders are being filled, or cancelled behind it */
    WORK_EXPIRE = 19, /* an instrument's orders that end with its phase */
    WORK_TELL = 21,   /* telling accounts that the venue is closed */
    WORK_SLIDE = 20,  /* orders that follow their instrument's bands */
};

/* EV_WORK: long work stopped here; kind WORK_NONE says that it is done. */
struct msg_work {
    struct event_head head;
    u64 order_ref; /* 32 WORK_MATCH: the order that sweeps */
    u32 cursor;    /* 40 WORK_DAY_END, WORK_TELL: the account, WORK_MASS, WORK_EXPIRE: the order to
                      go on with, WORK_COURSE, WORK_SLIDE: the instrument, WORK_SCAN: prices looked
                      at here */
    u32 account;   /* 44 WORK_MATCH, WORK_MASS, WORK_EXPIRE: whose order that is */
    u8 kind;       /* 48 enum work_kind */
    u8 phase;      /* 49 the order's channel */
    u8 zero[14];   /* 50 */
};
_Static_assert(sizeof(struct msg_work) == 64, "one slot");

/* True when two account messages say the same of the same account. */
static inline bool msg_account_same(const struct msg_account *a, const struct msg_account *b)
{
    size_t head = offsetof(struct msg_account, user);

    return memcmp((const u8 *)a + head, (const u8 *)b + head, sizeof *a - head) == 0;
}

#endif
