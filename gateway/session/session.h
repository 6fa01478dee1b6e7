/*
 * session.h - all client sessions of one gateway: bytes and events in, commands and bytes out.
 *
 * Knows no transport: gateway.c hands bytes in, asks for bytes to send and closes what is to be
 * closed. Everything runs in the gateway's thread. A session here is one connection's life; the
 * account's stream of the day lies in the account's store and outlives it.
 *
 *            L frame          right password      EV_BOUND (*)       durable: A is sent
 *   LOGIN ───────────▶ AUTH ───────────────▶ BINDING ───────▶ BOUND ───────┬────▶ LIVE ◀─╮
 *     │                 │ wrong                │ EV_LOGIN_REJECTED   older  │      │ │    │ met the
 *     │                 ▼                      ▼                     wanted ▼ fell │ │    │ window
 *     │              REFUSED ◀─────────────────╯                       REPLAY ◀────╯ │    │
 *     │                 │ J is sent                                      │ ╰─────────│────╯
 *     ▼                 ▼                                                ▼           ▼
 *   CLOSING ◀──── from every state: end of file, silence, logout, takeover, slow, bad frame, Z
 *     │ connection closed, CMD_DISCONNECT in the ring (or nothing bound), no login on its way
 *     ▼
 *   FREE
 *
 * (*) An account that speaks OUCH 4.2 is in LEARN between BINDING and BOUND, until the tokens of
 * all its messages of the day are known (session_42.c); a drop copy until the number of its next
 * message is. A drop copy is never LIVE: all that it is sent comes from the reader
 * (session_copy.c).
 *
 * Lists: a session is in one of free, ready (may have something to send), held (its next message is
 * not durable yet), closing (to be closed, or its disconnect is not in the ring yet), or in none
 * (nothing to do until an event, `writable`, an answer or a timer).
 */
#ifndef WIREBOOK_GATEWAY_SESSION_SESSION_H
#define WIREBOOK_GATEWAY_SESSION_SESSION_H

#include "engine/base/list.h"
#include "engine/base/metrics.h"
#include "engine/base/stamps.h"
#include "engine/base/wheel.h"
#include "engine/msg/side.h"
#include "gateway/session/auth.h"
#include "gateway/session/directory.h"
#include "gateway/session/ouch5.h"
#include "gateway/session/rates.h"
#include "gateway/session/soup.h"
#include "gateway/session/store.h"
#include "gateway/session/tokens.h"
#include "gateway/transport.h"

enum session_state {
    SESSION_FREE,
    SESSION_LOGIN,   /* connected; a Login Request is awaited */
    SESSION_AUTH,    /* the password is with auth */
    SESSION_REFUSED, /* a Login Rejected is to go out */
    SESSION_BINDING, /* a CMD_LOGIN is with the engine */
    SESSION_LEARN,   /* bound; something must be read before it can be told */
    SESSION_BOUND,   /* the engine has bound it; not durable, so not yet told */
    SESSION_REPLAY,  /* logged in; wants messages older than the store's window */
    SESSION_LIVE,    /* logged in; served from the store */
    SESSION_CLOSING, /* ended */
    SESSION_STATES
};

enum session_timer {
    TIMER_IN,    /* login deadline, then the client's silence */
    TIMER_BEAT,  /* our heartbeat, and whether the client still acknowledges */
    TIMER_RETRY, /* asks the reader once more */
};

struct session {
    u64 conn;           /* the transport's name for the connection */
    u8 state;           /* enum session_state */
    u8 reason;          /* CLOSING: enum unbind_reason */
    u8 reject;          /* REFUSED: A or S */
    bool reset;         /* CLOSING: cut at once; what was not yet sent is thrown away */
    bool conn_gone;     /* CLOSING: nothing is left to be closed */
    bool login_pending; /* CLOSING: the engine has still to answer the CMD_LOGIN */
    bool beat_due;      /* a heartbeat is to go out unless something else does */
    bool asked;         /* REPLAY: the reader has still to answer */
    bool stamped;       /* its orders' stages are counted */
    bool waited;        /* ... but for now: what is sent waited for the client, not for us */
    bool day_over;      /* Z goes out behind the last message */
    bool asked_last;    /* a drop copy has asked the reader since the day is over */
    bool all_copied;    /* ... and nothing more has come */
    bool held;          /* it is on the held list */
    u8 dialect;         /* enum dialect: of the port that it came to */
    u8 listener;        /* ... and which that is, in session_conf.ports */
    u32 bind_id;        /* 0: none */
    u32 turn_cmds;      /* commands taken in turn `turn` */
    u64 turn;
    u64 next_seq;            /* session_seq of the next message to send */
    struct account *account; /* from BINDING on */
    u64 heard_ns;            /* when bytes last came, or waited for us to take them */
    u64 sent_ns;             /* when bytes last went out */
    struct store_cursor cursor;
    struct list node;
    u64 flood_ns; /* since when it has been stopped again and again; 0: it is not */
    struct soup_in in;
    /* from here on what not each message needs */
    u64 answer_tx; /* REFUSED, BOUND: the transaction that must be durable before it is told */
    u32 peer_ipv4; /* network order */
    u16 peer_port;
    u64 silence_ns;
    u64 away_ns;                  /* sessions.away_ns, as far as TIMER_IN has had that */
    struct wheel_timer timers[3]; /* enum session_timer */
    struct soup_login login;
} CACHE_ALIGNED;

/* The bytes from its beginning that a message and its answer need, when it came whole. */
#define SESSION_HOT (offsetof(struct session, in) + offsetof(struct soup_in, bytes))

#define SESSION_REASONS 64u

struct session_metrics {
    struct metric opened, refused_full, refused_source, sessions;
    struct metric logins_ok, logins_bad, logins_limited, logins_refused, logins_elsewhere;
    struct metric frames_in, frames_bad, bytes_in, commands, risk_rejects, malformed;
    struct metric unknown, debug_frames, ring_full_stops, quota_stops;
    struct metric space_stops, space_rejects, rate_stops, rate_rejects, rate_waits, rates_full;
    struct metric tokens_ignored, tokens_full, tokens_used, tokens_learned;
    struct metric messages_out, bytes_out, heartbeats_out, replays, replayed, reader_none;
    struct metric copied, copy_refused;
    struct metric ended[9];    /* in the order of session_ends in session_metrics.c */
    struct metric reasons[25]; /* in the order of session_reasons in session_metrics.c */
    struct metric rejected[SESSION_REASONS]; /* by OUCH reason; the last one: any other */
    struct metric store_free, store_free_min, events;
    struct metric moved_in, moved_out, moved_aside, moved_joined, moved_replaced, moved_through;
    struct metric moved_back;
};

/* What a listening port means for the sessions that come by it. */
struct session_port {
    u8 dialect;              /* enum dialect */
    u16 tcp;                 /* its number, host order */
    struct port_terms terms; /* for accounts that do not say it themselves */
};

struct session_conf {
    u16 gateway;
    u16 shard;
    u32 connections_max;
    u32 accounts_max;
    u32 instruments_max;
    u64 login_timeout_ns;
    u64 silence_timeout_ns;
    u64 heartbeat_ns;
    u64 slow_timeout_ns;
    u64 seed;
    u32 guests_per_source; /* connections of one address that are not logged in; 0: no limit */
    u32 rate_reject_per_s; /* orders of an account; 0: no limit */
    u32 rate_stop_per_s;   /* messages of an account; 0: no limit */
    u8 login_terms;        /* enum login_terms */
    u32 tokens_max;        /* names of OUCH 4.2 orders of a day; 0: no port speaks it */
    u32 tokens_quota;      /* ... of one account */
    struct session_port ports[TRANSPORT_LISTENERS_MAX]; /* by listener */
};

struct session_rings {
    struct ring *cmd;
    struct ring *auth_requests;
    struct ring *reader_requests; /* NULL: there is no reader */
    struct store_memory *stores;  /* of all gateways of the process */
    struct rates_memory *rates;   /* ... */
};

/* Everything that the sessions of one gateway share. Owner: the gateway's thread. */
struct sessions {
    struct session_conf conf;
    struct session_rings rings;
    u64 now_ns; /* of this turn */
    u64 turn;
    u64 away_ns;            /* in which there was no turn although one was due, in all */
    u64 durable_seq;        /* as read in this turn */
    enum space_level space; /* of the journal, as read in this turn */
    u32 day;                /* yyyymmdd of the open day or the last one; 0: none yet */
    u64 midnight_ns;
    struct stamps_gateway *stamps; /* NULL: none are taken */
    u64 day_end_tx; /* transaction of an EV_DAY_ENDED that is not yet durable; 0: none */
    char id[10];    /* of the day's SoupBinTCP sessions */
    struct session *all;
    u32 all_count;
    u32 used;          /* not FREE */
    struct map conns;  /* conn -> index in `all` */
    struct map guests; /* address -> its connections that are not logged in */
    struct list free, ready, held, closing;
    struct list awaited, leaving; /* accounts on their way here, and away */
    struct wheel wheel;
    struct directory directory;
    struct store_pool stores;
    struct tokens tokens;
    struct msg_profile *profiles; /* by id, from 1, as the engine has them */
    u32 profiles_at;              /* counts their changes */
    struct session_metrics metrics;
};

/* Where bytes are written to be sent: `used` of `room`. */
struct session_out {
    u8 *bytes;
    u32 used;
    u32 room;
    bool full; /* set when something did not fit: it goes on with SOUP_FRAME_OUT_MAX of room */
};

/* ---- session.c: life ---- */

/* No sessions; memory from `m`. */
void sessions_init(struct sessions *S, const struct session_conf *conf,
                   const struct session_rings *rings, struct mem *m);

/* Begins a turn at `now_ns`; `space` is how full the journal's disk is. */
void sessions_turn(struct sessions *S, u64 now_ns, enum space_level space);

/*
 * A connection is there, from a client's address to a listening port. False: no session is free,
 * or too many are there from that address.
 */
bool session_open(struct sessions *S, u64 conn, const struct transport_peer *peer);

/*
 * Messages of these `n` <= TRANSPORT_EXPECTED connections will probably come in this turn: asks for
 * what they and their answers will need, of all of them together. With many sessions that is in no
 * cache. Changes nothing; any name will do.
 */
void sessions_expect(const struct sessions *S, const u64 *conns, u32 n);

/* The session of a connection; NULL: none. */
struct session *session_find(const struct sessions *S, u64 conn);

/* The connection is gone: the session ends. */
void session_closed(struct sessions *S, struct session *s);

/* Ends a session that is neither FREE nor CLOSING; `reset` as in struct session. */
void session_end(struct sessions *S, struct session *s, enum unbind_reason reason, bool reset);

/*
 * Who is logged in, or about to be, gets the rest of his stream and End of Session, and is closed
 * then. False: the session is neither.
 */
bool session_say_end(struct sessions *S, struct session *s);

/*
 * The venue goes down: ends all sessions that have not ended. `say_end`: by session_say_end where
 * that can be, else their streams are not finished.
 */
void sessions_end_all(struct sessions *S, bool say_end);

/*
 * After the connection of a CLOSING session on S->closing was closed: puts its disconnect into the
 * command ring and frees it. False: the ring is full, call again.
 */
bool session_leave(struct sessions *S, struct session *s);

/* Moves a session by the table, then asserts its invariant. */
void session_move(struct sessions *S, struct session *s, enum session_state next);

/*
 * Puts a session on the ready list, or on the held one when all that it has to say waits for `tx`
 * and that is not durable yet.
 */
void session_wake(struct sessions *S, struct session *s, u64 tx);

/* Asserts everything. Returns how many accounts' own store chunks are here. Slow. */
u32 sessions_check(const struct sessions *S);

/* ---- session_in.c: bytes from clients ---- */

/* Bytes of a connection; returns how many were taken: all, or up to a frame that must wait. */
u32 session_data(struct sessions *S, struct session *s, const u8 *bytes, u32 n);

/* ---- session_risk.c: before the engine ---- */

/*
 * Runs the checks on an Enter, or a Replace, that is well formed so far: a reason in its
 * `reject`.
 */
void session_check_enter(struct sessions *S, struct session *s, struct msg_enter *m);
/* A Replace's symbol only the engine knows: it checks the collar, and what a market order is worth,
 * by the limits that the command carries. */
void session_check_replace(struct sessions *S, struct session *s, struct msg_replace *m);

/* False: the account may not sell short, and the Modify would make it a short sale; it is counted
 * and to be ignored, since a Modify has no reject. */
bool session_check_modify(struct sessions *S, struct session *s, const struct msg_modify *m);

/* EV_CHECKS and EV_PROFILE: from the next message on. */
void sessions_checks(struct sessions *S, const struct msg_checks *m);
void sessions_profile(struct sessions *S, const struct msg_profile *m);

/* The account's limits follow what it, its profiles and its port say by now. */
void session_limits(const struct sessions *S, struct account *a);

/* The account's rates are here, or now they are: only then may its messages be taken. */
bool session_rates_here(struct sessions *S, struct account *a);

/* Rates are kept as times: a bucket of one second that each message fills by its share of one. */
#define SESSION_BURST_NS NS_PER_SEC

/* There is a place in the bucket of `per_s`; 0: always. */
static inline bool session_rate_allows(u64 full_ns, u32 per_s, u64 now_ns)
{
    return per_s == 0 || full_ns < now_ns + SESSION_BURST_NS;
}

/* One more message fills the bucket. */
static inline void session_rate_count(u64 *full_ns, u32 per_s, u64 now_ns)
{
    if (per_s != 0)
        *full_ns = max_u64(*full_ns, now_ns) + NS_PER_SEC / per_s;
}

/* ---- session_42.c: OUCH 4.2's tokens ---- */

/*
 * Reads a message of a session that speaks 4.2, as ouch5_decode does, and puts numbers in the place
 * of tokens. OUCH5_IGNORED: a token that stands for nothing, or was used before.
 */
enum ouch5_status session_decode42(struct sessions *S, struct session *s, const u8 *bytes, u32 n,
                                   union msg *out);

/* An event of the account's stream, any dialect: its token if it has one, in the stream's order. */
void session_note(struct sessions *S, struct account *a, const union msg *m);

/* A piece of what a session in LEARN has to read. */
void session_learn(struct sessions *S, struct session *s);

/* Writes an event for a 4.2 client; `symbol` as for ouch5_encode. Returns its bytes. */
u32 session_encode42(const struct sessions *S, const union msg *m, const char symbol[8], u8 *out);

/* ---- session_copy.c: drop copies ---- */

#define SESSION_COPY_HEAD 14u /* in front of each message: user, number in its own stream */

/* A well-formed request of a drop copy, counted: an Enter, now marked, goes to the engine (true);
 * all else is ignored. */
bool session_copy_takes(struct sessions *S, union msg *m);

/* In LEARN: asks what number the stream's next message will have. */
void session_copy_learn(struct sessions *S, struct session *s);

/* An answer of the reader for a drop copy. True: messages follow. */
bool session_copy_answered(struct sessions *S, struct session *s,
                           const struct reader_answer *answer);

/* Writes what stands in front of message `m`; returns its SESSION_COPY_HEAD bytes. */
u32 session_copy_head(const struct sessions *S, const union msg *m, u8 *out);

/* ---- session_event.c: auth's and the engine's answers ---- */

/* The login is refused, once transaction `tx` is durable: Login Rejected with `reject`, A or S. */
void session_refuse(struct sessions *S, struct session *s, u8 reject, u64 tx, const char *why);

/* Auth's answer. False: the command ring is full, offer it again. */
bool sessions_auth_answer(struct sessions *S, const struct auth_answer *answer);

/* An event. False: it must wait until the previous day's end is durable; offer it again. */
bool sessions_event(struct sessions *S, const union msg *m);

/* The durable mark as now read: wakes what waited for it and trims the stores. */
void sessions_durable(struct sessions *S, u64 durable_seq);

/* Opens `day` (0: none). */
void sessions_day(struct sessions *S, u32 day, u64 midnight_ns);

/* ---- session_handover.c: accounts that move between gateways ---- */

/* The account of a user, made if it is new; `id` 0: the engine will say it later. */
struct account *sessions_account(struct sessions *S, u32 id, const char user[6]);

/*
 * EV_BOUND of account `a`: it is here now, or its events go elsewhere from now on (false). The
 * store is ready for the account's next event.
 */
bool sessions_bound_here(struct sessions *S, struct account *a, const struct msg_bound *m);

/*
 * Lets go of stores and takes those that others have let go of. Once a turn, before the durable
 * mark is read: store.h counts on it. Returns how much it did.
 */
u32 sessions_hand_over(struct sessions *S);

/* Asserts the invariant of one account. */
void account_invariant(const struct sessions *S, const struct account *a);

/* ---- session_out.c: bytes to clients ---- */

/*
 * Writes what a session of the ready list may send, at most `out->room` bytes and
 * GATEWAY_SENDS_PER_SESSION messages, and puts it on the list where it belongs; on none when `out`
 * was full: wake it when there is room. Returns the number of messages.
 */
u32 session_send(struct sessions *S, struct session *s, struct session_out *out);

/*
 * Asks the reader for at most `count` messages of what the session's account reads, from number
 * `from` on; with 0 what number comes next. The answer, the retry timer or the next turn goes on.
 * False: there is no reader; the session ended.
 */
bool session_ask_reader(struct sessions *S, struct session *s, u64 from, u64 count);

/* Asks the reader again a moment later. */
void session_retry(struct sessions *S, struct session *s);

/* The session that an answer of the reader is for; NULL: it is not wanted any more, skip it. */
struct session *session_replay_begin(struct sessions *S, const struct reader_answer *answer);

/* One message of that answer; ignored when it does not fit `out`: it is asked for again. */
void session_replay(struct sessions *S, struct session *s, const union msg *m,
                    struct session_out *out);

/* The answer is through. */
void session_replay_end(struct sessions *S, struct session *s, const struct session_out *out);

/* ---- session_timer.c ---- */

/* The next session with a due timer, and which; NULL: none is left in this turn. */
struct session *session_timer_pop(struct sessions *S, enum session_timer *kind);

/* Serves that timer. `stalled_ns` is how long the client has acknowledged nothing. */
void session_timer(struct sessions *S, struct session *s, enum session_timer kind, u64 stalled_ns);

/* Starts the timers of a session that was just told that it is logged in. */
void session_timers_start(struct sessions *S, struct session *s);

/* ---- session_metrics.c ---- */

/* Registers all of S->metrics under `labels`. Before the threads start. */
void session_metrics_register(struct sessions *S, const char *labels);

/* The counter of orders that were marked with `reason`. */
struct metric *session_metric_reason(struct sessions *S, u16 reason);

/* What ended a session, in a word. */
const char *session_end_word(enum unbind_reason reason);

/* The counter of ended sessions for `reason`. */
struct metric *session_metric_ended(struct sessions *S, enum unbind_reason reason);

#endif
