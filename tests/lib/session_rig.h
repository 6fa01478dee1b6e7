/*
 * session_rig.h - a gateway with the real engine behind it, over any wire, in virtual time, one turn
 * at a time. Auth, persist and the reader are played by the rig: passwords are right when they are
 * SECRET; the durable mark follows at once unless it is held; every event is kept, which serves the
 * reader's answers and shows what a client must have seen.
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

struct rig_conf {
    u32 store_chunks;
    u32 cmd_slots; /* of the command ring */
    u64 slow_timeout_ns;
    bool no_reader;
};

struct rig {
    struct mem mem;
    struct wire *wire;
    struct gateway *gateway;
    struct engine *engine;
    struct ring cmd, venue, events, tx;
    struct ring auth_requests, auth_answers, reader_requests, reader_answers;
    _Atomic u64 durable;
    u64 now_ns;
    /* what a test may hold up */
    bool hold_durable;
    bool hold_engine;
    bool hold_auth;
    bool hold_reader;
    /* every event with a session_seq, in order */
    union msg *log;
    u32 log_used, log_max;
    u64 commands; /* that came by the gateway's ring */
};

/* The usual sizes. */
struct rig_conf rig_conf_usual(void);

/*
 * A venue on an open day: accounts ALICE (no limits), BOB (limits: 1,000 shares, 100,000.0000
 * notional, collar 10 %, MSFT restricted), CAROL; instruments AAPL, MSFT (reference 150.0000).
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

/* A command of the venue's own. */
void rig_venue(struct rig *r, const union msg *m);
void rig_day_end(struct rig *r);
void rig_day_open(struct rig *r, u32 day, u64 midnight_ns);

/* ---- a client ---- */

struct rig_client {
    struct rig *rig;
    u32 wire;
    u8 in[1 << 17]; /* what has arrived and was not taken */
    u32 in_used;
    u64 next_seq; /* of the next sequenced frame, as clients count */
};

/* One frame from the server. */
struct rig_frame {
    u8 type; /* 0: none came */
    u32 len; /* of the payload */
    u8 payload[256];
};

/* Connects. */
void client_open(struct rig_client *c, struct rig *r);

/* Sends bytes whatever it takes, with turns in between when the wire is full. */
void client_bytes(struct rig_client *c, const void *bytes, u32 n);

/* Sends a Login Request of 47 bytes: text fields padded on the right, `seq` as text. */
void client_ask_login(struct rig_client *c, const char *user, const char *password,
                      const char *session, const char *seq);

/* The same with the heartbeat timeout of 4.1. */
void client_ask_login41(struct rig_client *c, const char *user, const char *password,
                        const char *session, const char *seq, const char *timeout_ms);

/* Logs in with SECRET to the current session at `seq`; asserts that it worked. */
void client_login(struct rig_client *c, const char *user, u64 seq);

/* Sends one unsequenced message, or an empty frame. */
void client_message(struct rig_client *c, const void *bytes, u32 n);
void client_frame(struct rig_client *c, u8 type);

/* Sends an Enter Order of 100.0000 type fields. */
void client_enter(struct rig_client *c, u32 ref, char side, u32 qty, const char *symbol, u64 price);
void client_cancel(struct rig_client *c, u32 ref, u32 qty);

/* The next frame, with some turns to wait for it; type 0 when none comes. */
struct rig_frame client_next(struct rig_client *c);

/* The next frame that is no heartbeat; asserts that it is of `type`. */
struct rig_frame client_expect(struct rig_client *c, u8 type);

/* The same for a sequenced one whose message is of type `letter`. */
struct rig_frame client_expect_message(struct rig_client *c, u8 letter);

/* Asserts that nothing comes but heartbeats. */
void client_expect_nothing(struct rig_client *c);

/* Asserts that the server ends the connection after what was expected so far. */
void client_expect_end(struct rig_client *c);

/* How the connection stands, after some turns. */
enum wire_end client_end(struct rig_client *c);

/* The bytes that message `seq` of an account must have; returns their number. */
u32 rig_expected(const struct rig *r, u32 account, u64 seq, u8 *out);

/* Takes sequenced frames and compares each with rig_expected, until `last` has come. */
void client_expect_stream(struct rig_client *c, u32 account, u64 last);

/* Number of messages of an account's stream of the current day. */
u64 rig_stream(const struct rig *r, u32 account);

#define ALICE 1u
#define BOB   2u
#define CAROL 3u

#endif
