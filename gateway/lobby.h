/*
 * lobby.h - connections that are no session: health checks, and those of which a balancer has still
 * to say whose they are (proxy protocol v2).
 *
 *   opened ──▶ WAITING ──── the header is whole: a client's ────▶ out of the lobby, a session
 *                 │ LOCAL, no header, too late
 *                 ▼
 *              LEAVING ──── lobby_close, at the end of the turn ────▶ gone
 *
 * What a balancer checks a hundred times a minute costs a line in a table and a counter: no
 * session, no command, no log. One gateway's; its thread alone.
 */
#ifndef WIREBOOK_GATEWAY_LOBBY_H
#define WIREBOOK_GATEWAY_LOBBY_H

#include "engine/base/list.h"
#include "engine/base/mem.h"
#include "engine/base/metrics.h"
#include "gateway/net/proxy.h"
#include "gateway/session/map.h"
#include "gateway/transport.h"

#define LOBBY_BALANCERS_MAX 8u

/* A network of balancers. */
struct lobby_network {
    u32 ipv4; /* network order, nothing outside the mask */
    u32 mask; /* network order */
};

/* Somebody in the lobby. */
struct arrival {
    u64 conn;
    struct transport_peer peer;
    u64 due_ns; /* when it has to be gone */
    bool leaving;
    enum transport_close how; /* LEAVING */
    struct list node;         /* in free, waiting or leaving */
    struct proxy_in proxy;
};

struct lobby_metrics {
    struct metric health, local, clients, direct, bad, late, strangers, full, here;
};

struct lobby {
    struct lobby_network balancers[LOBBY_BALANCERS_MAX];
    u32 balancers_used;
    u64 timeout_ns; /* for a header */
    u32 used;
    struct arrival *all;
    struct map conns; /* conn -> index in `all` */
    struct list free, waiting, leaving;
    struct lobby_metrics metrics;
};

/* An empty lobby for at most `max` connections (> 0), memory from `m`. Balancers are set after. */
void lobby_init(struct lobby *l, struct mem *m, u32 max, u64 timeout_ns, u64 seed);

/* Registers the metrics under `labels`. Before the threads start. */
void lobby_metrics_register(struct lobby *l, const char *labels);

/*
 * A connection to a health port: it is open, which is the answer, and will be closed. False: no
 * place; refuse it.
 */
bool lobby_health(struct lobby *l, u64 conn, const struct transport_peer *peer);

/*
 * A connection that begins with a header. False: it does not come from a balancer, or there is no
 * place; refuse it.
 */
bool lobby_open(struct lobby *l, u64 conn, const struct transport_peer *peer, u64 now_ns);

/* The arrival of that connection; NULL: it is not in the lobby. */
struct arrival *lobby_find(const struct lobby *l, u64 conn);

/*
 * Bytes of an arrival. Returns how many were taken. When `*client` is true the header was whole:
 * then a->peer is the client, whom the rest of the bytes belong to, and lobby_forget is next.
 */
u32 lobby_data(struct lobby *l, struct arrival *a, const u8 *bytes, u32 n, bool *client);

/* It is to be closed, in the given way; what it still says is thrown away. */
void lobby_leave(struct lobby *l, struct arrival *a, enum transport_close how);

/* It is gone, or became a session. */
void lobby_forget(struct lobby *l, struct arrival *a);

/* Closes those that are leaving or late at `now_ns`. Returns how many. Not within a call up. */
int lobby_close(struct lobby *l, struct transport *t, u64 now_ns);

/* All of them are to leave. */
void lobby_empty(struct lobby *l);

#endif
