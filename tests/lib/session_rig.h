/*
 * session_rig.h - a gateway with the real engine behind it, over any wire, in virtual time, one
 * turn at a time. Auth, persist and the reader are played by the rig: passwords are right when they
 * are SECRET; the durable mark follows at once unless it is held; every event is kept, which serves
 * the reader's answers and shows what a client must have seen.
 */
#ifndef WIREBOOK_TESTS_SESSION_RIG_H
#define WIREBOOK_TESTS_SESSION_RIG_H

#include "engine/engine.h"
#include "engine/msg/side.h"
#include "gateway/gateway.h"
#include "gateway/session/auth.h"
#include "tests/lib/wire.h"

#define RIG_MIDNIGHT_NS 1795305600000000000ull /* 2026-11-22 00:00 UTC */
#define RIG_DAY         20261122u
#define RIG_SESSION     "2026112207"
#define RIG_WATCHED     32u /* things of one account, rates.h */

struct rig_conf {
    u32 store_chunks;
    u32 cmd_slots;  /* of the command ring */
    u32 ring_slots; /* of the event and transaction rings */
    u32 orders_max;
    u64 slow_timeout_ns;
    bool no_reader;
    u32 connections_max; /* 0: more than there are clients */
    bool says_end;       /* a drain tells End of Session */
    bool limits;         /* 2 connections without a login, 100 orders and 200 messages a second */
};

struct rig {
    struct mem mem;
    struct store_memory stores;
    struct rates_memory rates;
    struct wire *wire;
    struct gateway *gateway;
    struct engine *engine;
    struct ring cmd, venue, events, tx;
    struct ring auth_requests, auth_answers, reader_requests, reader_answers;
    _Atomic u64 durable;
    _Atomic u32 space; /* enum space_level that the journal is said to have */
    u64 now_ns;
    /* what a test may hold up */
    bool hold_durable;
    bool slow_durable; /* one transaction a turn */
    bool hold_engine;
    bool hold_auth;
    bool hold_reader;
    bool reader_behind; /* the reader has not read all of the journal yet */
    /* every event with a session_seq, in order */
    union msg *log;
    u32 log_used, log_max;
    u32 day, day_log; /* the open day, and where it begins in the log */
    u64 commands;     /* that came by the gateway's ring */
};

/* The usual sizes. */
struct rig_conf rig_conf_usual(void);

/* The engine gets an account, of a firm, both padded. */
void rig_account(struct rig *r, const char *user, const char *firm);

/* The engine gets an instrument, or new terms of one, from its operators. */
void rig_instrument(struct rig *r, const char *symbol, u32 reference_price);

/*
 * A venue on an open day: accounts ALICE (no limits), BOB (limits: 1,000 shares, 100,000.0000
 * notional, collar 10 %, MSFT restricted), CAROL, DAVE of another firm, COPY and EVERY, drop copies
 * of the first firm and of all; instruments AAPL, MSFT (reference 150.0000).
 */
void rig_open(struct rig *r, struct wire *wire, const struct rig_conf *conf);

/* Ends everything; the wire too. */
void rig_close(struct rig *r);

/* One turn of everything at now_ns. */
void rig_turn(struct rig *r);

/* `n` turns, each 1 us later, with the wire settled before each. */
void rig_turns(struct rig *r, u32 n);

/* Lets time pass, a turn each millisecond. */
void rig_pass(struct rig *r, u64 ns);

/* Turns until the gateway has `n` sessions; fails when it never has. */
void rig_expect_sessions(struct rig *r, u32 n);

/* A command of the venue's own. */
void rig_venue(struct rig *r, const union msg *m);

/* What gateways check of an account's orders, of a padded user, by the command that says it. */
void rig_checks(struct rig *r, const char *user, const struct risk_limits *l);

/* A symbol comes onto a list (enum list_kind) of an account, both padded, or off it. */
void rig_listed(struct rig *r, const char *user, const char *symbol, u8 kind, bool listed);
void rig_day_end(struct rig *r);
void rig_day_open(struct rig *r, u32 day, u64 midnight_ns);

/* The bytes that message `seq` of an account must have; returns their number. */
u32 rig_expected(const struct rig *r, u32 account, u64 seq, u8 *out);

/* Message `number` of what a drop copy reads, and its bytes; returns their number, 0: none. */
u32 rig_expected_copy(const struct rig *r, u32 account, u64 number, u8 *out);

/* Number of messages of an account's stream of the current day. */
u64 rig_stream(const struct rig *r, u32 account);

/* The listeners: 0 is for clients; balancers' addresses are 127.0.0.0/8
 * and 10.78.0.0/16. */
#define RIG_PROXY  1u
#define RIG_HEALTH 2u
#define RIG_OUCH42 3u
#define RIG_TERMS  4u /* TCP port 9004; what it says for accounts that do not: RIG_PORT_TERMS */
#define RIG_PORT_TERMS                                             \
    {                                                              \
        .stp = STP_CANCEL_NEWEST, .drop = 1, .profile = "PORTS   " \
    }

#define ALICE 1u
#define BOB   2u
#define CAROL 3u
#define DAVE  4u
#define COPY  5u
#define EVERY 6u
#define LATE  7u /* of the first firm, once a test has had it made */

#endif
