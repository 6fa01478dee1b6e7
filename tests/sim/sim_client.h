/*
 * sim_client.h - the simulated clients: one account each, several connections (take-over).
 *
 * Each speaks through the client library's protocol part over sim_net, sends valid and invalid
 * requests at random, comes back after every loss with its session and next number (or from 1, to
 * read everything again), sends again what was not answered, and hands all it sees to its account.
 */
#ifndef WIREBOOK_SIM_SIM_CLIENT_H
#define WIREBOOK_SIM_SIM_CLIENT_H

#include "gateway/client/wb_soup.h"
#include "tests/sim/sim_account.h"
#include "tests/sim/sim_net.h"

#define SIM_CLIENT_CONNS 4u

struct sim_client_conf {
    const char (*symbols)[9];
    u32 symbols_used;
    u32 price_base; /* price units; orders are around it */
    u32 tick;
    struct sim_net **nets; /* one for each gateway */
    u32 nets_used;
    u64 act_min_ns; /* between two acts of a client */
    u64 act_max_ns;
    u32 burst_max;           /* requests at once */
    u32 passive_per_million; /* orders that do not cross */
    u32 sweeps_per_million;  /* orders that take all there is: long work, in chunks */
    u32 short_per_million;   /* replays from 1 that are a short one instead: a day is long */
    u32 moves_per_million;   /* acts of client 0 that are logins through some gateways */
};

struct sim_client_conn {
    struct sim_net *net; /* of the gateway that it goes to */
    int c;               /* of sim_net; -1: none */
    struct wb_soup soup;
    bool wrong_password;
    bool live;         /* logged in */
    u32 day;           /* of its session */
    u64 seen_next;     /* number that the next message must have */
    u64 connect_at_ns; /* when it tries again */
    u64 deaf_until_ns; /* reads nothing until then */
    u64 hang_up_at_ns; /* goes then, without a word */
    u8 in[4096];
    u8 out[4096];
};

struct sim_client {
    struct sim_account account;
    const struct sim_client_conf *conf;
    const struct sim_net *last_net; /* of the last login */
    struct sim_client_conn conns[SIM_CLIENT_CONNS];
    u32 active;       /* the connection that sends; the last one that logged in */
    u64 send_at;      /* next request (index) to be sent on it */
    bool session_bad; /* the last login with a session was refused: ask for the current one */
    bool drain;       /* no new requests, one connection that reads all there is */
    bool from_one;    /* drain: one more login that reads everything from 1 has been made */
    u64 act_at_ns;
};

void sim_client_init(struct sim_client *cl, u32 index, const struct sim_client_conf *conf);
void sim_client_free(struct sim_client *cl);

/* One turn: moves bytes, reacts, acts when it is time. */
void sim_client_step(struct sim_client *cl);

/* The final drain begins: logs in once more from number 1 and sends what was not answered. */
void sim_client_drain(struct sim_client *cl);

/* True when the drain has nothing more to wait for but silence: live, and all was sent. */
bool sim_client_drained(const struct sim_client *cl);

/* When it wants to act next. */
u64 sim_client_next_ns(const struct sim_client *cl);

#endif
