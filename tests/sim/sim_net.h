/*
 * sim_net.h - the network in memory: pipes with delays, splits, small windows and sudden deaths.
 *
 * On the server's side it is a transport (gateway/transport.h) in virtual time; on the clients'
 * side a few functions that look like non-blocking sockets. What the server flushed before its
 * death is on the wire and may still arrive: that is what makes the release rule testable.
 */
#ifndef WIREBOOK_SIM_SIM_NET_H
#define WIREBOOK_SIM_SIM_NET_H

#include "gateway/transport.h"

#define SIM_CONNS_MAX 256u

struct sim_net;

struct sim_net_conf {
    u64 delay_min_ns; /* of a packet, one way */
    u64 delay_max_ns;
    u32 space_bytes;        /* of a pipe: sent and not yet read by the other side, 512.. */
    u32 resets_per_million; /* connections that die, per look at one */
    bool whole;             /* no splitting of what arrived: everything there is in one piece */
    bool leads_time;        /* poll moves the virtual clock: for use without a world around it */
};

enum sim_conn_state {
    SIM_CONN_OPEN,  /* opening or open: bytes may flow */
    SIM_CONN_EOF,   /* all was read and the server finished */
    SIM_CONN_RESET, /* reset, refused, or the server died */
};

struct sim_net *sim_net_new(const struct sim_net_conf *conf);
void sim_net_free(struct sim_net *net);

/* The server's end for a new process. The one before is void from now on. */
struct transport *sim_net_listen(struct sim_net *net);

/* The server's machine dies: what it flushed may still arrive, then all connections are reset. */
void sim_net_server_dies(struct sim_net *net);

/* ---- clients; `c` is an index below SIM_CONNS_MAX, valid until sim_net_hang_up ---- */

/* Begins to connect. -1: too many. */
int sim_net_connect(struct sim_net *net, const struct transport_peer *peer);
enum sim_conn_state sim_net_state(const struct sim_net *net, int c);
/* Queues bytes; returns how many fitted. They leave at once. */
u32 sim_net_send(struct sim_net *net, int c, const void *bytes, u32 n);
/* Takes what has arrived, at most `n`. */
u32 sim_net_receive(struct sim_net *net, int c, void *to, u32 n);
/* The client's last call for it: FINISH lets the server read what was sent, RESET does not. */
void sim_net_hang_up(struct sim_net *net, int c, enum transport_close how);

/* When the next byte or news arrives anywhere; UINT64_MAX when none is on its way. */
u64 sim_net_next_ns(const struct sim_net *net);

#endif
