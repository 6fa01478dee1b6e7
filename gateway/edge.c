/*
 * edge.c - see edge.h. Cold. Failure modes: an address that cannot be listened on, no right to
 * drive a device, a device that is not there: one line each, and with `auto` the kernel's sockets
 * instead.
 */
#include "gateway/edge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "gateway/bypass.h"
#include "gateway/refdata.h"
#include "gateway/socket.h"

#define FREE_HUGE_PAGES "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"

/*
 * Each gateway has listeners of its own on the same addresses; the kernel deals connections out by
 * the hash of their addresses and ports. So no two gateways ever touch one queue of the kernel's.
 */
static bool sockets_open(struct edge *e, const struct conf *conf, const struct placement *place,
                         struct mem *m)
{
    u32 gateways = (u32)conf->gateway.count;
    struct socket_conf sockets;
    char error[256] = "", labels[24];

    memset(&sockets, 0, sizeof sockets);
    sockets.connections_max = (u32)conf->gateway.connections_max;
    sockets.sharers = gateways;
    for (u32 i = 0; i < conf->gateway.listen_used; i++) {
        sockets.listen[i].ipv4 = conf->gateway.listen[i].ipv4;
        sockets.listen[i].port = (u16)conf->gateway.listen[i].port;
    }
    sockets.listen_used = conf->gateway.listen_used;
    for (u32 g = 0; g < gateways; g++) {
        sockets.joins = g > 0;
        mem_node(m, place->agent_node[g]);
        struct transport *t = socket_new(&sockets, m, error, sizeof error);
        if (t == NULL) {
            log_error("%s", error);
            return false;
        }
        snprintf(labels, sizeof labels, "gateway=\"%u\"", g);
        socket_metrics(t, labels);
        e->transports[e->transports_used++] = t;
    }
    mem_node(m, -1);
    return true;
}

/* Huge pages if the config wants them and the machine has enough free ones. */
static enum port_memory memory_of(const struct conf *conf)
{
    FILE *f = conf->huge_pages == CONF_HUGE_PAGES_TRY ? fopen(FREE_HUGE_PAGES, "r") : NULL;
    char text[32] = "";

    if (f != NULL) {
        if (fgets(text, sizeof text, f) == NULL)
            text[0] = '\0';
        fclose(f);
    }
    return 2 * strtoull(text, NULL, 10) >= conf->dpdk.memory_mb ? PORT_MEMORY_HUGE
                                                                : PORT_MEMORY_ORDINARY;
}

static bool env_start(const struct conf *conf, char *error, u32 error_bytes)
{
    struct port_env env = {
        .memory = memory_of(conf),
        .memory_mb = (u32)conf->dpdk.memory_mb,
    };

    for (u32 i = 0; i < conf->dpdk.ports_used; i++)
        if (port_is_pci(conf->dpdk.ports[i].device))
            env.pci[env.pci_used++] = conf->dpdk.ports[i].device;
    return port_start(&env, error, error_bytes);
}

static bool ports_open(struct edge *e, const struct conf *conf, struct mem *m, char *error,
                       u32 error_bytes)
{
    _Static_assert(CONF_PORTS_MAX <= PORTS_MAX, "the config's ports fit");

    for (u32 i = 0; i < conf->dpdk.ports_used; i++) {
        const struct conf_port *from = &conf->dpdk.ports[i];
        struct port_conf port = {
            .device = from->device,
            .queues = (u16)from->queues,
            .mtu = (u16)from->mtu,
        };
        struct port *p = port_open(&port, m, error, error_bytes);
        if (p == NULL)
            return false;
        e->ports[e->ports_used++] = p;
    }
    return true;
}

static void ports_close(struct edge *e)
{
    for (u32 i = 0; i < e->ports_used; i++)
        port_close(e->ports[i]);
    e->ports_used = 0;
    port_stop();
}

/* Gateway `g` of `gateways` polls its share of the queue pairs of every port. */
static void bypass_links(const struct edge *e, const struct conf *conf, u32 g, u32 gateways,
                         struct bypass_conf *bypass)
{
    bypass->links_used = 0;
    for (u32 i = 0; i < e->ports_used; i++) {
        const struct conf_port *from = &conf->dpdk.ports[i];
        u32 queues = port_queues(e->ports[i]);
        u32 first = queues * g / gateways;
        bypass->links[bypass->links_used++] = (struct bypass_link){
            .port = e->ports[i],
            .first_queue = first,
            .queues = queues * (g + 1) / gateways - first,
            .ipv4 = from->ipv4,
            .prefix_bits = (u32)from->prefix_bits,
            .gateway = from->gateway,
        };
    }
}

/* Whether each gateway gets its own flows from the device, or from the others. */
static void tell_steering(const struct edge *e, u32 gateways)
{
    for (u32 i = 0; i < e->ports_used && gateways > 1; i++)
        log_info("%s: %s", port_name(e->ports[i]),
                 port_steers(e->ports[i])
                     ? "the device brings each gateway its own flows"
                     : "the device cannot tell flows apart as we do; gateways hand frames over");
}

static void bypass_open(struct edge *e, const struct conf *conf, const struct placement *place,
                        struct mem *m, u64 now_ns)
{
    u32 gateways = (u32)conf->gateway.count;
    struct bypass_conf bypass;

    memset(&bypass, 0, sizeof bypass);
    for (u32 i = 0; i < e->ports_used; i++)
        port_metrics(e->ports[i], i);
    for (u32 i = 0; i < conf->gateway.listen_used; i++)
        bypass.listen[bypass.listen_used++] = (u16)conf->gateway.listen[i].port;
    bypass.connections_max = (u32)conf->gateway.connections_max;
    bypass.rto_min_ns = conf->dpdk.rto_min_ms * NS_PER_MS;
    bypass.tlp_min_ns = conf->dpdk.tlp_min_us * NS_PER_US;
    bypass.keepalive_ns = conf->dpdk.keepalive_ms * NS_PER_MS;
    bypass.ttl = (u8)conf->dpdk.ttl;
    bypass.dscp = (u8)conf->dpdk.dscp;
    ssize_t n = getrandom(bypass.secret, sizeof bypass.secret, 0);
    ASSERT_EQ(n, (ssize_t)sizeof bypass.secret);
    for (u32 g = 0; g < gateways; g++) {
        bypass_links(e, conf, g, gateways, &bypass);
        mem_node(m, place->agent_node[g]);
        e->transports[e->transports_used++] = bypass_new(&bypass, m, now_ns);
    }
    mem_node(m, -1);
    tell_steering(e, gateways);
    bypass_join(e->transports, e->transports_used, m);
    for (u32 g = 0; g < gateways; g++)
        bypass_metrics(e->transports[g], g);
    e->dpdk = true;
}

static bool dpdk_open(struct edge *e, const struct conf *conf, const struct placement *place,
                      struct mem *m, u64 now_ns)
{
    bool may_fall_back = conf->gateway.transport == CONF_TRANSPORT_AUTO;
    char error[768] = "";

    if (env_start(conf, error, sizeof error) && ports_open(e, conf, m, error, sizeof error)) {
        bypass_open(e, conf, place, m, now_ns);
        return true;
    }
    ports_close(e);
    if (may_fall_back)
        log_warn("kernel sockets instead of DPDK: %s", error);
    else
        log_error("%s", error);
    return false;
}

static void describe(struct edge *e, const struct conf *conf)
{
    const struct conf_listen *l = &conf->gateway.listen[0];
    u32 ip = __builtin_bswap32(e->dpdk ? conf->dpdk.ports[0].ipv4 : l->ipv4);

    snprintf(e->address, sizeof e->address, "%u.%u.%u.%u:%u", ip >> 24, ip >> 16 & 255,
             ip >> 8 & 255, ip & 255, (unsigned)l->port);
}

bool edge_open(struct edge *e, const struct conf *conf, const struct placement *place,
               struct mem *m, u64 now_ns)
{
    bool open = false;

    memset(e, 0, sizeof *e);
    if (conf->gateway.transport != CONF_TRANSPORT_SOCKETS)
        open = dpdk_open(e, conf, place, m, now_ns);
    if (!open && conf->gateway.transport != CONF_TRANSPORT_DPDK)
        open = sockets_open(e, conf, place, m);
    describe(e, conf);
    return open;
}

void edge_tick(struct edge *e, u64 now_ns)
{
    for (u32 i = 0; i < e->ports_used; i++)
        port_tick(e->ports[i], now_ns);
}

/* What the port says for accounts that do not. */
static void listener_terms(struct port_terms *t, const struct conf_listen *l)
{
    _Static_assert((int)CONF_STP_CANCEL_BOTH == (int)STP_MAX, "in the order of enum stp");

    t->stp = (u8)l->stp;
    t->stp_level = (u8)l->stp_level;
    t->drop = l->cancel_on_disconnect;
    t->drop_ms = (u32)l->cancel_grace_ms;
    if (l->profile[0])
        refdata_profile_name(l->profile, t->profile); /* checked with the config */
}

void edge_listeners(struct gateway_conf *g, const struct conf_gateway *c)
{
    _Static_assert(CONF_LISTEN_MAX <= TRANSPORT_LISTENERS_MAX, "the config's listeners fit");
    _Static_assert(CONF_BALANCERS_MAX <= LOBBY_BALANCERS_MAX, "and its balancers");

    for (u32 i = 0; i < c->listen_used; i++) {
        g->listeners[i].health = c->listen[i].role == CONF_ROLE_HEALTH;
        g->listeners[i].proxy_v2 = c->listen[i].proxy == CONF_PROXY_V2;
        g->listeners[i].dialect =
            c->listen[i].dialect == CONF_DIALECT_OUCH42 ? DIALECT_OUCH42 : DIALECT_OUCH50;
        g->listeners[i].tcp = (u16)c->listen[i].port;
        listener_terms(&g->listeners[i].terms, &c->listen[i]);
        if (g->listeners[i].dialect == DIALECT_OUCH42)
            g->tokens_max = (u32)c->ouch42_tokens;
    }
    g->tokens_quota = (u32)c->ouch42_tokens_per_account;
    g->login_terms = c->takeover == CONF_TAKEOVER_REJECT ? LOGIN_NO_TAKEOVER : 0;
    g->login_terms |= c->requested_seq_ahead == CONF_SEQ_AHEAD_NEXT ? LOGIN_AHEAD_NEXT : 0;
    g->listeners_used = c->listen_used;
    for (u32 i = 0; i < c->balancers_used; i++) {
        g->balancers[i].ipv4 = c->balancers[i].network.ipv4;
        g->balancers[i].mask = c->balancers[i].network.mask;
    }
    g->balancers_used = c->balancers_used;
}

bool edge_accept(struct edge *e, u32 listeners)
{
    bool ok = true;

    for (u32 g = 0; g < e->transports_used && ok; g++)
        ok = e->transports[g]->ops->accept(e->transports[g], listeners);
    return ok;
}

void edge_close(struct edge *e)
{
    if (e->dpdk && e->transports_used > 0)
        bypass_drain(e->transports, e->transports_used);
    for (u32 g = 0; g < e->transports_used && !e->dpdk; g++) {
        socket_drain(e->transports[g]);
        socket_free(e->transports[g]);
    }
    if (e->ports_used > 0)
        ports_close(e);
    e->transports_used = 0;
}
