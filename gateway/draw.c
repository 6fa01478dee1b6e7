/*
 * draw.c - see draw.h. The rings are those of rings_init in topology.c; sizes from limits.h.
 */
#include "gateway/draw.h"

#include <arpa/inet.h>

#include "engine/base/limits.h"

/* What a listener is for, where that is not the usual. */
static const char *use_of(const struct conf_listen *l)
{
    if (l->role == CONF_ROLE_HEALTH)
        return " (health)";
    return l->proxy == CONF_PROXY_V2 ? " (behind a balancer)" : "";
}

static void draw_address(u32 ipv4, FILE *out)
{
    char text[INET_ADDRSTRLEN];

    fputs(inet_ntop(AF_INET, &ipv4, text, sizeof text), out);
}

static void draw_sockets(const struct conf *c, FILE *out)
{
    for (u32 i = 0; i < c->gateway.listen_used; i++) {
        for (u32 g = 0; g < c->gateway.count; g++) {
            fputs("  kernel socket ", out);
            draw_address(c->gateway.listen[i].ipv4, out);
            fprintf(out, ":%u -> gateway %u%s\n", (unsigned)c->gateway.listen[i].port, g,
                    use_of(&c->gateway.listen[i]));
        }
    }
}

static void draw_port(const struct conf *c, u32 index, FILE *out)
{
    const struct conf_port *p = &c->dpdk.ports[index];

    fprintf(out, "  port %u: %s, ", index, p->device);
    draw_address(p->ipv4, out);
    fprintf(out, "/%u, listens on", (unsigned)p->prefix_bits);
    for (u32 i = 0; i < c->gateway.listen_used; i++)
        fprintf(out, " %u%s", (unsigned)c->gateway.listen[i].port, use_of(&c->gateway.listen[i]));
    fputc('\n', out);
    for (u32 g = 0; g < c->gateway.count; g++) {
        u32 first = (u32)(p->queues * g / c->gateway.count);
        for (u32 q = first; q < p->queues * (g + 1) / c->gateway.count; q++)
            fprintf(out, "    queue pair %u <-> gateway %u%s\n", q, g,
                    q == first ? ", which sends by this one" : "");
    }
}

static void draw_edge(const struct conf *c, FILE *out)
{
    static const char *const how[] = {
        [CONF_TRANSPORT_SOCKETS] = "the kernel's TCP",
        [CONF_TRANSPORT_DPDK] = "our own TCP on DPDK ports",
        [CONF_TRANSPORT_AUTO] = "our own TCP on DPDK ports, the kernel's if they cannot be had",
    };

    fprintf(out, "clients: %s, at most %llu connections%s\n", how[c->gateway.transport],
            (unsigned long long)c->gateway.connections_max,
            c->gateway.count > 1 ? " of each gateway" : "");
    if (c->gateway.transport != CONF_TRANSPORT_SOCKETS)
        for (u32 i = 0; i < c->dpdk.ports_used; i++)
            draw_port(c, i, out);
    if (c->gateway.transport != CONF_TRANSPORT_DPDK)
        draw_sockets(c, out);
}

static void draw_hint(void *ctx, const char *line)
{
    fprintf(ctx, "  hint: %s\n", line);
}

/* What is on one node: cores, ports, memory of agents. */
static void draw_node(const struct conf *c, const struct machine *m, const struct placement *p,
                      i32 node, FILE *out)
{
    fprintf(out, "  node %d: cores", node);
    for (u32 i = 0; i < m->cores; i++)
        if (m->core[i].there && m->core[i].node == node)
            fprintf(out, " %u", i);
    fputs("; packet buffers of ports", out);
    for (u32 i = 0; i < c->dpdk.ports_used; i++)
        if (m->port_node[i] == node)
            fprintf(out, " %u", i);
    fputs("; memory of", out);
    for (u32 a = 0; a < CONF_AGENTS; a++)
        if (p->agent_node[a] == node)
            fprintf(out, " %s", conf_agent_names[a]);
    fputc('\n', out);
}

static void draw_places(const struct conf *c, const struct machine *m, FILE *out)
{
    struct placement p;

    placement_choose(c, m, &p);
    fprintf(out, "places, %u node%s of memory:\n", m->nodes, m->nodes == 1 ? "" : "s");
    for (u32 node = 0; node < m->nodes && m->nodes > 1; node++)
        draw_node(c, m, &p, (i32)node, out);
    fputs("  threads on any core use", out);
    if (p.shared_used == 0)
        fputs(" all", out);
    for (u32 i = 0; i < m->cores; i++)
        if (p.shared[i])
            fprintf(out, " %u", i);
    fputc('\n', out);
    placement_hints(c, m, &p, draw_hint, out);
}

static void draw_threads(const struct conf *c, const struct machine *m, FILE *out)
{
    static const char *const idle[] = {
        [IDLE_SPIN] = "spin", [IDLE_YIELD] = "yield", [IDLE_BACKOFF] = "backoff"};
    u32 cores = 0;

    for (u32 i = 0; i < m->cores; i++)
        cores += m->core[i].there;
    fprintf(out, "threads, on a machine of %u cores:\n", cores);
    for (u32 i = 0; i < c->threads_used; i++) {
        const struct conf_thread *t = &c->threads[i];
        if (t->cpu >= 0)
            fprintf(out, "  core %-4lld", (long long)t->cpu);
        else
            fputs("  any core ", out);
        fprintf(out, " %-15s %-8s hot:", t->name, idle[t->idle]);
        for (u32 a = 0; a < CONF_AGENTS; a++)
            if ((t->agents & 1u << a) != 0)
                fprintf(out, " %s", conf_agent_names[a]);
        fputc('\n', out);
    }
    fputs("  any core  one each        sleeps   cold: segments reader export admin auth log\n",
          out);
}

static void draw_ring(const char *from, const char *name, const char *to, u32 slots, FILE *out)
{
    fprintf(out, "  %-9s == %-15s ==> %-9s %6u slots %6u KiB\n", from, name, to, slots,
            slots * SLOT_BYTES / 1024u);
}

static void draw_gateway_rings(const char *name, FILE *out)
{
    draw_ring(name, "cmd", "engine", CMD_RING_SLOTS, out);
    draw_ring("engine", "events", name, EVENT_RING_SLOTS, out);
    draw_ring(name, "auth_requests", "auth", SIDE_RING_SLOTS, out);
    draw_ring("auth", "auth_answers", name, SIDE_RING_SLOTS, out);
    draw_ring(name, "reader_requests", "reader", SIDE_RING_SLOTS, out);
    draw_ring("reader", "reader_answers", name, REPLAY_RING_SLOTS, out);
}

/* Every two gateways that share a port. */
static void draw_handover_rings(const struct conf *c, FILE *out)
{
    if (c->gateway.transport == CONF_TRANSPORT_SOCKETS)
        return;
    for (u32 a = 0; a < c->gateway.count; a++)
        for (u32 b = 0; b < c->gateway.count; b++)
            if (a != b)
                draw_ring(conf_agent_names[a], "handover", conf_agent_names[b], HANDOVER_RING_SLOTS,
                          out);
}

static void draw_rings(const struct conf *c, FILE *out)
{
    fprintf(out, "rings, of %u bytes a slot:\n", SLOT_BYTES);
    for (u32 g = 0; g < c->gateway.count; g++)
        draw_gateway_rings(conf_agent_names[g], out);
    draw_handover_rings(c, out);
    draw_ring("engine", "tx", "persist", TX_RING_SLOTS, out);
    draw_ring("admin", "admin_cmd", "engine", SIDE_RING_SLOTS, out);
    draw_ring("engine", "admin_answers", "admin", SIDE_RING_SLOTS, out);
    draw_ring("persist", "reader_tap", "reader", TAP_RING_SLOTS, out);
    if (c->postgres.enabled)
        draw_ring("persist", "postgres", "export", TAP_RING_SLOTS, out);
    if (c->redis.enabled)
        draw_ring("persist", "redis", "export", TAP_RING_SLOTS, out);
    fputs("  persist   -- durable_seq     --> gateways  one number: what clients may see\n", out);
    if (c->gateway.count > 1)
        fputs("  gateway   -- session store   --> gateway   when an account logs in elsewhere\n",
              out);
}

void draw_topology(const struct conf *c, const struct machine *m, FILE *out)
{
    draw_edge(c, out);
    draw_threads(c, m, out);
    draw_places(c, m, out);
    draw_rings(c, out);
    fprintf(out, "journal: %s, durability %s\n", c->data_dir,
            c->durability == CONF_DURABILITY_DISK ? "disk" : "none");
    if (c->journal.archive_to[0] != '\0')
        fprintf(out, "archive: %s, by %s\n", c->journal.archive_to, c->journal.archive_command);
}
