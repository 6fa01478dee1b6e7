/*
 * draw.c - see draw.h. The rings are those of rings_init in topology.c; sizes from limits.h.
 */
#include "gateway/draw.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/limits.h"

#define ISOLATED "/sys/devices/system/cpu/isolated"

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

/* Whether a list of the kernel's, like `2-3,6`, has `cpu`. */
bool draw_cpu_in_list(const char *list, i64 cpu)
{
    while (*list >= '0' && *list <= '9') {
        char *end;
        i64 first = strtol(list, &end, 10);
        i64 last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        if (cpu >= first && cpu <= last)
            return true;
        list = *end == ',' ? end + 1 : end;
    }
    return false;
}

/* What keeps a spinning thread from having its core to itself. */
static void draw_hints(const struct conf *c, FILE *out)
{
    char isolated[256] = "";
    FILE *f = fopen(ISOLATED, "r");

    if (f != NULL) {
        if (fgets(isolated, sizeof isolated, f) == NULL)
            isolated[0] = '\0';
        fclose(f);
    }
    for (u32 i = 0; i < c->threads_used; i++) {
        const struct conf_thread *t = &c->threads[i];
        if (t->idle != IDLE_SPIN)
            continue;
        if (t->cpu < 0)
            fprintf(out, "  hint: %s spins on whatever core it gets; give it one: cpu: N\n",
                    t->name);
        else if (!draw_cpu_in_list(isolated, t->cpu))
            fprintf(out,
                    "  hint: %s spins on core %lld, which the kernel uses too; boot with "
                    "isolcpus=%lld nohz_full=%lld rcu_nocbs=%lld\n",
                    t->name, (long long)t->cpu, (long long)t->cpu, (long long)t->cpu,
                    (long long)t->cpu);
    }
}

static void draw_threads(const struct conf *c, FILE *out)
{
    static const char *const idle[] = {
        [IDLE_SPIN] = "spin", [IDLE_YIELD] = "yield", [IDLE_BACKOFF] = "backoff"};
    fprintf(out, "threads, on a machine of %ld cores:\n", sysconf(_SC_NPROCESSORS_ONLN));
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
    draw_hints(c, out);
}

static void draw_ring(const char *from, const char *name, const char *to, u32 slots, FILE *out)
{
    fprintf(out, "  %-9s == %-15s ==> %-9s %6u slots %6u KiB\n", from, name, to, slots,
            slots / 1024u * SLOT_BYTES);
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

static void draw_rings(const struct conf *c, FILE *out)
{
    fprintf(out, "rings, of %u bytes a slot:\n", SLOT_BYTES);
    for (u32 g = 0; g < c->gateway.count; g++)
        draw_gateway_rings(conf_agent_names[g], out);
    draw_ring("engine", "tx", "persist", TX_RING_SLOTS, out);
    draw_ring("admin", "admin_cmd", "engine", SIDE_RING_SLOTS, out);
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

void draw_topology(const struct conf *c, FILE *out)
{
    draw_edge(c, out);
    draw_threads(c, out);
    draw_rings(c, out);
    fprintf(out, "journal: %s, durability %s\n", c->data_dir,
            c->durability == CONF_DURABILITY_DISK ? "disk" : "none");
}
