/*
 * operator.h - the messages of operators: what they ask, with who and why, and what came of it.
 * Part of msg.h, which everybody includes.
 *
 * An operator's request is a CMD_OPERATOR that carries another command. Its transaction begins with
 * EV_OPERATOR, has the events of that command (their long work follows in CONTINUEs) and ends, in
 * its last transaction, with EV_OPERATED: so the journal has each request with who, why and what
 * came of it, refused ones included. A look (CMD_LOOK) changes nothing and is never journalled.
 */
#ifndef WIREBOOK_MSG_OPERATOR_H
#define WIREBOOK_MSG_OPERATOR_H

#include "engine/msg/course.h"
#include "engine/msg/head.h"

#define OPERATOR_BODY_BYTES   96u
#define OPERATOR_USER_BYTES   16u
#define OPERATOR_REASON_BYTES 96u

/* CMD_OPERATOR. The texts are UTF-8, filled up with zeros, cut where they are too long. */
struct msg_operator {
    struct cmd_head head;
    u64 request;                        /* 32 the admin agent's number of it, never 0 */
    u32 uid;                            /* 40 of the peer at the control socket */
    u8 type;                            /* 44 of the command that it carries */
    u8 role;                            /* 45 that he acted in: 1 viewer, 2 operator, 3 admin */
    u16 zero;                           /* 46 */
    char user[OPERATOR_USER_BYTES];     /* 48 his name on this machine */
    u8 body[OPERATOR_BODY_BYTES];       /* 64 of that command, from behind its head on */
    char reason[OPERATOR_REASON_BYTES]; /* 160 */
};
_Static_assert(sizeof(struct msg_operator) == 256, "four slots");

/* What came of an operator's request. */
enum operated_outcome {
    OPERATED_DONE = 0,
    OPERATED_NOTHING = 1, /* it was so already */
    OPERATED_REFUSED = 2,
};

/* Why it was refused. */
enum operated_why {
    WHY_NONE = 0,
    WHY_TERMS = 1,      /* impossible values */
    WHY_ACCOUNT = 2,    /* no such account */
    WHY_INSTRUMENT = 3, /* no such instrument */
    WHY_FULL = 4,       /* the pool or list that it wants a place in has none left */
    WHY_TICK = 5,       /* open orders stand at prices that the tick does not divide */
    WHY_DAY = 6,        /* the day is not open, or is another one */
    WHY_MATCH = 7,      /* not a trade of the open day */
    WHY_BROKEN = 8,     /* the trade was broken before */
    WHY_STREAM = 9,     /* a party of the trade has no stream today */
    WHY_TYPE = 10,      /* not a command of operators */
    WHY_PROFILE = 11,   /* no such profile */
    WHY_CYCLE = 12,     /* the profile would be based on itself */
    WHY_ROLE = 13,      /* who asks may not */
    WHY_REQUEST = 14,   /* not a request, or not one with such arguments */
    WHY_PROCESS = 15,   /* the process could not do its part, or has not asked the engine in time */
};
#define WHY_MAX WHY_PROCESS

/* EV_OPERATOR: a request begins. EV_OPERATED: it is over, all its long work included. */
struct msg_operated {
    struct event_head head;
    u64 request;   /* 32 */
    u64 first_seq; /* 40 the transaction that it began with */
    u32 gone;      /* 48 EV_OPERATED: orders that were open then and are no more; else 0 */
    u32 uid;       /* 52 */
    u8 type;       /* 56 of the command that it carries */
    u8 outcome;    /* 57 EV_OPERATED: enum operated_outcome; else 0 */
    u8 why;        /* 58 EV_OPERATED: enum operated_why; else 0 */
    u8 zero[5];    /* 59 */
};
_Static_assert(sizeof(struct msg_operated) == 64, "one slot");

/* CMD_BAR, CMD_UNBAR, CMD_EXPEL; EV_BARRED, EV_UNBARRED: no logins and no new orders of an account
 * until it is taken back; the end of its binding. Only carried by CMD_OPERATOR. */
struct msg_bar {
    union {
        struct cmd_head cmd;
        struct event_head ev;
    };
    u32 account; /* 32 */
    u8 zero[28]; /* 36 */
};
_Static_assert(sizeof(struct msg_bar) == 64, "one slot");

/* What an operator has asked of the process or of a tool, not of the engine. */
enum note_what {
    NOTE_DRAIN = 1,
    NOTE_SNAPSHOT = 2,
    NOTE_RELOAD = 3,
    NOTE_REPAIR = 4,  /* by wirebook-journal: damage was cut off before it */
    NOTE_REFUSED = 5, /* a request was refused before the engine was asked: done nothing */
};

#define NOTE_TEXT_BYTES 68u

/* CMD_NOTE: for the record. Only carried by CMD_OPERATOR. All but `what` is NOTE_REFUSED's alone;
 * texts are filled up with zeros, `of` with spaces where it names something. */
struct msg_note {
    struct cmd_head head;
    u8 what;          /* 32 enum note_what */
    u8 why;           /* 33 enum operated_why, never WHY_NONE; EV_OPERATED gives it back */
    u16 zero;         /* 34 */
    u32 unnoted;      /* 36 more of the same caller's, before this one, that no note has */
    char command[12]; /* 40 that was asked; nothing: no command at all */
    char of[8];       /* 52 the user, symbol or profile that it was about */
    char text[NOTE_TEXT_BYTES]; /* 60 what was answered, cut */
};
_Static_assert(sizeof(struct msg_note) == 128, "two slots");

enum look_what {
    LOOK_VENUE = 1,
    LOOK_ACCOUNT = 2,
    LOOK_INSTRUMENT = 3,
    LOOK_PROFILE = 4,
    LOOK_LISTED = 5, /* symbols that may not be traded, or sold short; by place alone */
};
#define LOOK_PAGE 32u /* answers to one look at most */

/* CMD_LOOK, from the admin agent alone: how things stand. */
struct msg_look {
    struct cmd_head head;
    u64 request;  /* 32 given back in the answers */
    char name[8]; /* 40 a user (6, padded) or symbol (8, padded); zero: by id */
    u32 from;     /* 48 first id from 1, LOOK_PAGE of them at most */
    u8 what;      /* 52 enum look_what */
    u8 zero[11];  /* 53 */
};
_Static_assert(sizeof(struct msg_look) == 64, "one slot");

#define KILLED_FIRMS_MAX 16u /* firms that are killed at the same time */

struct seen_venue {
    u64 time_ns; /*   0 of the last transaction */
    u64 epoch;
    u64 next_match;
    u32 day; /*  24 0: none open */
    u32 day_last;
    u32 accounts; /*  32 */
    u32 instruments;
    u32 orders_open;
    u32 orders_max;
    u32 broken;                      /*  48 trades of the day that were broken */
    u8 phase;                        /*  52 */
    u8 wide;                         /*  53 */
    u8 late;                         /*  54 */
    u8 killed;                       /*  55 1: the kill switch of the venue is on */
    u32 firms_used;                  /*  56 killed ones */
    u32 zero;                        /*  60 */
    char firms[KILLED_FIRMS_MAX][4]; /*  64 */
};
_Static_assert(sizeof(struct seen_venue) == 128, "offsets as in the margin");

struct seen_account {
    u64 next_session_seq; /*  0 */
    u64 conn;             /*  8 the gateway's name for its connection, where bound */
    u32 bind_id;          /* 16 0: not bound */
    u32 open;             /* 20 orders */
    u16 gateway;          /* 24 that holds it, or held it last */
    u8 stream;            /* 26 0: none today; else 1 + enum dialect */
    u8 killed;            /* 27 */
    u8 barred;            /* 28 */
    u8 source;            /* 29 enum check_source: whose its checks are */
    u8 zero[2];           /* 30 */
    u8 terms[96];         /* 32 struct msg_account from behind its head on */
    u8 checks[56]; /* 128 struct msg_checks from behind its head on, as far as it says much */
    u32 open_max;  /* 184 orders that it may have open, whoever says it; 0: no limit */
    u32 zero2;     /* 188 */
};
_Static_assert(sizeof(struct seen_account) == 192, "offsets as in the margin");

struct seen_instrument {
    u64 until_ns; /*  0 when its pause ends; 0: it is not paused by time */
    u64 bid_qty;  /*  8 shares displayed at the best price */
    u64 ask_qty;  /* 16 */
    u32 bid;      /* 24 best prices; 0: that side is empty */
    u32 ask;
    u32 last; /* 32 price of the last trade; 0: none yet */
    u32 reference;
    u32 lower; /* 40 bands; 0: none */
    u32 upper;
    u32 queued;   /* 48 orders that wait for a cross */
    u8 phase;     /* 52 */
    u8 wide;      /* 53 */
    u8 late;      /* 54 */
    u8 zero[9];   /* 55 */
    u8 terms[32]; /* 64 struct msg_instrument from behind its head on */
    /* What its next cross would give now; before the opening, while halted or paused, and in the
     * late period before the closing: */
    u64 paired;      /* 96 shares that would trade */
    u64 imbalance;   /* 104 shares that the other side lacks */
    u32 cross_price; /* 112 0: nothing would trade */
    u8 cross;        /* 116 O C H; 0: none is to come */
    u8 side;         /* 117 B S: of which there are too many; N: none */
    u8 found;        /* 118 1: these hold; 0: more prices meet than a look may look at */
    u8 zero2;        /* 119 */
};
_Static_assert(sizeof(struct seen_instrument) == 120, "offsets as in the margin");

/* EV_SEEN: one answer to a look. Not journalled; what it says was so at transaction head.seq. */
struct msg_seen {
    struct event_head head;
    u64 request; /* 32 */
    u32 id;      /* 40 of the account or instrument; 0: there is none behind `from` or so named */
    u8 what;     /* 44 enum look_what */
    u8 last;     /* 45 1: the last answer to this look */
    u16 zero;    /* 46 */
    union {      /* 48 */
        struct seen_venue venue;
        struct seen_account account;
        struct seen_instrument instrument;
        u8 profile[96]; /* struct msg_profile from behind its head on */
        u8 listed[32];  /* struct msg_listed from behind its head on; all zero: a free place */
        u8 bytes[208];
    };
};
_Static_assert(sizeof(struct msg_seen) == 256, "four slots");

#endif
