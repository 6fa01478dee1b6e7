/*
 * lobby.c - see lobby.h. Thread: the gateway's. Failure modes: strangers at a balancer's port are
 * refused, and so is whoever finds all places taken (a transport may have more connections than
 * there are: the one past the kernel has); a header that is wrong or late is a reset and a count.
 * All wait equally long, so the waiting list is in the order of their deadlines and nothing is
 * walked.
 */
#include "gateway/lobby.h"

#include "engine/base/log.h"

void lobby_init(struct lobby *l, struct mem *m, u32 max, u64 timeout_ns, u64 seed)
{
    ASSERT_GT(max, 0);
    l->timeout_ns = timeout_ns;
    l->all = mem_alloc(m, (u64)max * sizeof l->all[0], CACHE_LINE);
    map_init(&l->conns, m, max, seed);
    list_init(&l->free);
    list_init(&l->waiting);
    list_init(&l->leaving);
    for (u32 i = 0; i < max; i++) {
        list_init(&l->all[i].node);
        list_add_tail(&l->free, &l->all[i].node);
    }
}

void lobby_metrics_register(struct lobby *l, const char *labels)
{
    struct lobby_metrics *m = &l->metrics;

    metrics_register("wirebook_gateway_health_checks_total", labels, "Connections to health ports.",
                     METRIC_COUNTER, &m->health);
    metrics_register("wirebook_gateway_proxy_local_total", labels,
                     "Connections of a balancer itself (proxy protocol, LOCAL).", METRIC_COUNTER,
                     &m->local);
    metrics_register("wirebook_gateway_proxy_clients_total", labels,
                     "Clients whose address a balancer told.", METRIC_COUNTER, &m->clients);
    metrics_register("wirebook_gateway_proxy_direct_total", labels,
                     "Clients of whom a balancer told nothing.", METRIC_COUNTER, &m->direct);
    metrics_register("wirebook_gateway_proxy_bad_total", labels,
                     "Connections reset: no proxy header, or a wrong one.", METRIC_COUNTER,
                     &m->bad);
    metrics_register("wirebook_gateway_proxy_late_total", labels,
                     "Connections reset: the proxy header did not come in time.", METRIC_COUNTER,
                     &m->late);
    metrics_register("wirebook_gateway_proxy_strangers_total", labels,
                     "Connections refused: not from a balancer's address.", METRIC_COUNTER,
                     &m->strangers);
    metrics_register("wirebook_gateway_lobby_full_total", labels,
                     "Connections refused: too many wait for a proxy header.", METRIC_COUNTER,
                     &m->full);
    metrics_register("wirebook_gateway_lobby", labels,
                     "Connections that are health checks or wait for a proxy header.", METRIC_GAUGE,
                     &m->here);
}

/* NULL: all places are taken. */
static struct arrival *enter(struct lobby *l, u64 conn, const struct transport_peer *peer)
{
    struct list *node = list_first(&l->free);

    if (node == NULL) {
        metric_add(&l->metrics.full, 1);
        return NULL;
    }
    struct arrival *a = CONTAINER_OF(node, struct arrival, node);
    list_del(node);
    memset(&a->proxy, 0, sizeof a->proxy);
    a->conn = conn;
    a->peer = *peer;
    a->leaving = false;
    map_put(&l->conns, conn, (u32)(a - l->all));
    metric_set(&l->metrics.here, ++l->used);
    return a;
}

bool lobby_health(struct lobby *l, u64 conn, const struct transport_peer *peer)
{
    struct arrival *a = enter(l, conn, peer);

    metric_add(&l->metrics.health, 1);
    if (a != NULL)
        lobby_leave(l, a, TRANSPORT_FINISH);
    return a != NULL;
}

bool lobby_open(struct lobby *l, u64 conn, const struct transport_peer *peer, u64 now_ns)
{
    bool known = false;

    for (u32 i = 0; i < l->balancers_used; i++)
        known |= (peer->ipv4 & l->balancers[i].mask) == l->balancers[i].ipv4;
    if (!known) {
        metric_add(&l->metrics.strangers, 1);
        return false;
    }
    struct arrival *a = enter(l, conn, peer);
    if (a == NULL)
        return false;
    a->due_ns = now_ns + l->timeout_ns;
    list_add_tail(&l->waiting, &a->node);
    return true;
}

struct arrival *lobby_find(const struct lobby *l, u64 conn)
{
    u32 index = map_get(&l->conns, conn);

    return index == MAP_NONE ? NULL : &l->all[index];
}

void lobby_leave(struct lobby *l, struct arrival *a, enum transport_close how)
{
    a->leaving = true;
    a->how = how;
    list_move_tail(&l->leaving, &a->node);
}

void lobby_forget(struct lobby *l, struct arrival *a)
{
    map_remove(&l->conns, a->conn);
    list_move_tail(&l->free, &a->node);
    metric_set(&l->metrics.here, --l->used);
}

/* The balancer has told whose connection it is. */
static void introduce(struct lobby *l, struct arrival *a)
{
    const u8 *ip = (const u8 *)&a->peer.ipv4;

    a->peer.ipv4 = a->proxy.ipv4;
    a->peer.port = a->proxy.port;
    metric_add(&l->metrics.clients, 1);
    if (a->proxy.endpoint[0] != '\0')
        log_info("gateway: %u.%u.%u.%u:%u comes by VPC endpoint %s", ip[0], ip[1], ip[2], ip[3],
                 a->peer.port, a->proxy.endpoint);
}

u32 lobby_data(struct lobby *l, struct arrival *a, const u8 *bytes, u32 n, bool *client)
{
    u32 used;

    *client = false;
    if (a->leaving)
        return n;
    switch (proxy_next(&a->proxy, bytes, n, &used)) {
    case PROXY_MORE:
        return n;
    case PROXY_CLIENT:
        introduce(l, a);
        *client = true;
        return used;
    case PROXY_DIRECT:
        metric_add(&l->metrics.direct, 1);
        *client = true;
        return used;
    case PROXY_LOCAL:
        metric_add(&l->metrics.local, 1);
        lobby_leave(l, a, TRANSPORT_FINISH);
        return n;
    case PROXY_BAD:
        metric_add(&l->metrics.bad, 1);
        lobby_leave(l, a, TRANSPORT_RESET);
        return n;
    }
    return n;
}

int lobby_close(struct lobby *l, struct transport *t, u64 now_ns)
{
    struct list *node;
    int work = 0;

    while ((node = list_first(&l->waiting)) != NULL) {
        struct arrival *a = CONTAINER_OF(node, struct arrival, node);
        if (now_ns < a->due_ns)
            break;
        metric_add(&l->metrics.late, 1);
        lobby_leave(l, a, TRANSPORT_RESET);
    }
    for (; (node = list_first(&l->leaving)) != NULL; work++) {
        struct arrival *a = CONTAINER_OF(node, struct arrival, node);
        u64 conn = a->conn;
        enum transport_close how = a->how;
        lobby_forget(l, a);
        t->ops->close(t, conn, how);
    }
    return work;
}

void lobby_empty(struct lobby *l)
{
    struct list *node;

    while ((node = list_first(&l->waiting)) != NULL)
        lobby_leave(l, CONTAINER_OF(node, struct arrival, node), TRANSPORT_RESET);
}
