/*
 * gateway.h - a gateway agent: client connections on one side, the engine's rings on the other.
 *
 * Bytes come from a transport (transport.h), become commands in the command ring; events come from
 * the event ring, lie in the session stores until they are durable, and leave as bytes. The agent
 * is hot: it never blocks and takes no memory after gateway_new. All functions here belong to the
 * thread that runs the agent; everything but gateway_do_work is for the start, before the threads
 * run (the same news comes later through the event ring).
 */
#ifndef WIREBOOK_GATEWAY_GATEWAY_H
#define WIREBOOK_GATEWAY_GATEWAY_H

#include <stdatomic.h>

#include "engine/base/mem.h"
#include "engine/base/ring.h"
#include "engine/msg/msg.h"
#include "gateway/lobby.h"
#include "gateway/session/directory.h"
#include "gateway/session/risk.h"
#include "gateway/session/store.h"
#include "gateway/transport.h"

struct gateway;
struct terms_post;

/* What one of the transport's listeners is for; all zero: orders, straight from clients. */
struct gateway_listener {
    bool health;   /* whoever can connect here knows that we take orders; nothing else happens */
    bool proxy_v2; /* each connection begins with a balancer's header */
    u8 dialect;    /* enum dialect */
    u16 tcp;       /* the port's number, host order */
    struct port_terms terms; /* for accounts that do not say it themselves */
};

struct gateway_conf {
    u16 index;              /* of this gateway, 0..GATEWAYS_MAX-1 */
    u16 shard;              /* 0..99; the last two digits of the SoupBinTCP session id */
    u32 connections_max;    /* 1..CONNS_MAX, as given to the transport */
    u32 accounts_max;       /* 1..ACCOUNTS_MAX, as given to the engine */
    u32 instruments_max;    /* 1..INSTRUMENTS_MAX, as given to the engine */
    u32 store_chunks;       /* of each account's store, STORE_CHUNKS_MIN..: for store_memory_init */
    u32 rates_each;         /* things each account is watched doing: for rates_memory_init */
    u64 login_timeout_ns;   /* from connecting to a Login Request; typically 30 s */
    u64 silence_timeout_ns; /* nothing heard (logins of 47 bytes); typically 15 s */
    u64 heartbeat_ns;       /* a heartbeat goes out when nothing was sent for so long; 1 s */
    u64 slow_timeout_ns;    /* the peer has acknowledged nothing for so long: it is cut */
    u32 guests_per_source;  /* connections of one address that are not logged in; 0: no limit */
    u32 rate_reject_per_s;  /* orders of an account beyond which they are rejected; 0: no limit */
    u32 rate_stop_per_s;    /* messages of an account beyond which it waits; 0: no limit */
    u8 login_terms;         /* enum login_terms: what a login may not, or may */
    u32 tokens_max;         /* OUCH 4.2 tokens of a day; 0: no listener speaks it */
    u32 tokens_quota;       /* ... of one account */
    u64 seed;               /* of the hash tables; any number, random outside tests */

    struct gateway_listener listeners[TRANSPORT_LISTENERS_MAX]; /* in the transport's order */
    u32 listeners_used;
    struct lobby_network balancers[LOBBY_BALANCERS_MAX]; /* who may send headers */
    u32 balancers_used;
    bool drain_says_end; /* gateway_shutdown tells End of Session to who has logged in */
};

/* The protocol's usual timers, 64 chunks a store; the caller sets the sizes. */
void gateway_conf_defaults(struct gateway_conf *conf);

/* What a gateway is connected to. All are single producer, single consumer; not owned. */
struct gateway_rings {
    struct ring *cmd;               /* to the engine: its cmd[index] */
    struct ring *events;            /* from the engine: its events[index] */
    struct ring *auth_requests;     /* to auth: struct auth_request */
    struct ring *auth_answers;      /* from auth: struct auth_answer */
    struct ring *reader_requests;   /* to the reader (engine/msg/side.h); NULL: there is none */
    struct ring *reader_answers;    /* from the reader; NULL with reader_requests */
    const _Atomic u64 *durable_seq; /* last durable transaction; persist writes it */
    const _Atomic u32 *space_level; /* enum space_level of side.h; NULL: there is always enough */
    struct terms_post *terms;       /* terms.h; NULL: it goes by its conf for ever */
    struct store_memory *stores;    /* shared with all gateways of the process */
    struct rates_memory *rates;     /* ... */
    struct stamps_gateway *stamps;  /* where its stages are counted; NULL: nowhere */
};

/*
 * A gateway without connections, with its memory from `m`. Sets t->up and t->up_ctx and registers
 * the metrics. Nothing is accepted until the transport's accept.
 */
struct gateway *gateway_new(const struct gateway_conf *conf, const struct gateway_rings *rings,
                            struct transport *t, struct mem *m);

/* One turn of the agent (a do_work of agent.h). `gateway` is a struct gateway. */
int gateway_do_work(void *gateway, u64 now_ns);

/*
 * Makes an instrument known. `symbol` is padded with spaces. `id` is the engine's, or 0 when the
 * engine will only say it by EV_INSTRUMENT. `reference_price` (price units) is what the collar
 * measures from; 0: no collar on it. Calling it again changes the terms.
 */
void gateway_instrument_add(struct gateway *g, u16 id, const char symbol[8], u32 reference_price);

/*
 * Makes an account known. `user` is upper case, padded with spaces. `id` is the engine's, or 0 when
 * the engine will only say it by EV_ACCOUNT. It has no limits until gateway_account_checks.
 */
void gateway_account_add(struct gateway *g, u32 id, const char user[6]);

/* What the functions here and below change; for gateway_learn.c alone. */
struct sessions;
struct sessions *gateway_sessions_of(struct gateway *g);

/* What a known account says of the checks of its orders, and a profile, as the engine has them.
 * Before the threads run. */
void gateway_account_checks(struct gateway *g, const struct msg_checks *m);
void gateway_profile(struct gateway *g, const struct msg_profile *m);

/* What is checked of a known account's orders. Its thread, or no threads: for tests. */
const struct risk_limits *gateway_account_limits(struct gateway *g, const char user[6]);

/* From where, and by which listening ports, a known account may log in (copied). Before the threads
 * run. */
void gateway_account_access(struct gateway *g, const char user[6],
                            const struct account_networks *networks,
                            const struct account_ports *ports);

/* Whose messages a known account reads instead of trading: enum reader_scope. Before the threads
 * run. */
void gateway_account_copy(struct gateway *g, const char user[6], u8 scope);

/* The open day as recovered: what EV_DAY_OPENED would have said. `day` 0: none is open. */
void gateway_day_set(struct gateway *g, u32 day, u64 midnight_ns);

/* Connections that are open or still known to the engine; for shutting down and tests. */
u32 gateway_sessions(const struct gateway *g);

/* How far a gateway is on its way out; it only goes forward. */
enum gateway_stage {
    GATEWAY_SERVING, /* all ports are open */
    GATEWAY_LEAVING, /* health ports are shut, all else goes on: balancers send nobody new */
    GATEWAY_CLOSED,  /* every port is shut; who is in goes on */
};

/* Asks for a stage; the gateway's thread follows in its next turn. Any thread. */
void gateway_stage_set(struct gateway *g, enum gateway_stage stage);

/*
 * Takes nothing more from clients and tells them what is on its way: turns, until gateway_quiet.
 * By the thread that runs the agent, as all of the following.
 */
void gateway_drain(struct gateway *g);

/* After gateway_drain: nothing is left that could be sent now. */
bool gateway_quiet(const struct gateway *g);

/*
 * The venue goes down: every session ends with reason UNBIND_SHUTDOWN during the next turns; the
 * transport accepts nothing new. Call gateway_do_work until gateway_sessions is 0. With
 * conf.drain_says_end who is logged in gets what is left of his stream and End of Session first:
 * who does not take it keeps his session until the caller's patience ends.
 */
void gateway_shutdown(struct gateway *g);

/*
 * Asserts the invariants of all sessions, stores and lists; slow. For tests and the simulator.
 * Returns how many accounts' stores are here: at all gateways, and on the way, each once.
 */
u32 gateway_check(const struct gateway *g);

#endif
