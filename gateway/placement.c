/*
 * placement.c - see placement.h.
 *
 * Thread: the one that starts the process. Enters: files of /sys and /proc, which may be missing or
 * odd (containers, other kernels): every one that is costs a hint or a choice, never the start.
 */
#include "gateway/placement.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the machine ---- */

/* The first line of a file, "" if it has none. */
__attribute__((format(printf, 3, 4))) static void read_line(char *line, u32 bytes,
                                                            const char *format, ...)
{
    char path[512];
    va_list list;

    va_start(list, format);
    vsnprintf(path, sizeof path, format, list);
    va_end(list);
    line[0] = '\0';
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return;
    if (fgets(line, (int)bytes, f) == NULL)
        line[0] = '\0';
    fclose(f);
}

bool machine_list_has(const char *list, i64 core)
{
    while (*list >= '0' && *list <= '9') {
        char *end;
        i64 first = strtol(list, &end, 10);
        i64 last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        if (core >= first && core <= last)
            return true;
        list = *end == ',' ? end + 1 : end;
    }
    return false;
}

static void read_cores(struct machine *m, const char *root)
{
    char online[1024], isolated[1024], tickless[1024];
    cpu_set_t ours;
    bool asked = root[0] == '\0' && sched_getaffinity(0, sizeof ours, &ours) == 0;

    read_line(online, sizeof online, "%s/sys/devices/system/cpu/online", root);
    read_line(isolated, sizeof isolated, "%s/sys/devices/system/cpu/isolated", root);
    read_line(tickless, sizeof tickless, "%s/sys/devices/system/cpu/nohz_full", root);
    for (u32 i = 0; i < MACHINE_CORES_MAX; i++) {
        struct machine_core *core = &m->core[i];
        /* Isolated cores are not in the affinity that a process starts with, and may be used. */
        core->isolated = machine_list_has(isolated, i);
        core->there =
            machine_list_has(online, i) && (!asked || core->isolated || CPU_ISSET(i, &ours));
        core->tickless = machine_list_has(tickless, i);
        if (core->there)
            m->cores = i + 1;
    }
}

static void read_nodes(struct machine *m, const char *root)
{
    char list[1024];

    m->nodes = 1;
    for (u32 node = 0; node < MACHINE_NODES_MAX; node++) {
        read_line(list, sizeof list, "%s/sys/devices/system/node/node%u/cpulist", root, node);
        for (u32 i = 0; i < m->cores; i++) {
            if (!machine_list_has(list, i))
                continue;
            m->core[i].node = (u16)node;
            m->nodes = node + 1;
        }
    }
}

static void read_interrupts(struct machine *m, const char *root)
{
    char path[512], list[1024];

    snprintf(path, sizeof path, "%s/proc/irq", root);
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        read_line(list, sizeof list, "%s/%s/effective_affinity_list", path, entry->d_name);
        for (u32 i = 0; i < m->cores; i++)
            m->core[i].interrupts += machine_list_has(list, i);
    }
    if (dir != NULL)
        closedir(dir);
}

/* The node of a PCI device, or of the card below the kernel's interface that a device drives. */
static i32 port_node(const char *device, const char *root)
{
    const char *interface = strstr(device, "iface=");
    char name[64], line[32];
    char *end;

    if (interface != NULL) {
        snprintf(name, sizeof name, "%s", interface + 6);
        name[strcspn(name, ",")] = '\0';
        read_line(line, sizeof line, "%s/sys/class/net/%s/device/numa_node", root, name);
    } else {
        snprintf(name, sizeof name, "%s", device);
        name[strcspn(name, ",")] = '\0';
        read_line(line, sizeof line, "%s/sys/bus/pci/devices/%s/numa_node", root, name);
    }
    long node = strtol(line, &end, 10);
    return end == line || node < 0 || node >= (long)MACHINE_NODES_MAX ? -1 : (i32)node;
}

void machine_read(struct machine *m, const struct conf *c, const char *root)
{
    memset(m, 0, sizeof *m);
    read_cores(m, root);
    read_nodes(m, root);
    read_interrupts(m, root);
    for (u32 i = 0; i < CONF_PORTS_MAX; i++)
        m->port_node[i] = i < c->dpdk.ports_used ? port_node(c->dpdk.ports[i].device, root) : -1;
}

/* ---- the choice ---- */

static bool is_there(const struct machine *m, i64 core)
{
    return core >= 0 && core < (i64)m->cores && m->core[core].there;
}

static bool drives_ports(const struct conf *c)
{
    return c->gateway.transport != CONF_TRANSPORT_SOCKETS;
}

/* Where the memory of an agent of that thread goes on a machine with several nodes. */
static i32 node_for(const struct conf *c, const struct machine *m, const struct conf_thread *t,
                    u32 agent)
{
    if (is_there(m, t->cpu))
        return m->core[t->cpu].node;
    if (agent < GATEWAYS_MAX && drives_ports(c)) /* the scheduler moves it about; the card stays */
        return m->port_node[0];
    return -1;
}

void placement_choose(const struct conf *c, const struct machine *m, struct placement *p)
{
    memset(p, 0, sizeof *p);
    for (u32 a = 0; a < CONF_AGENTS; a++)
        p->agent_node[a] = -1;
    for (u32 i = 0; i < m->cores; i++)
        p->shared[i] = m->core[i].there && !m->core[i].isolated;
    for (u32 i = 0; i < c->threads_used; i++) {
        const struct conf_thread *t = &c->threads[i];
        for (u32 a = 0; a < CONF_AGENTS && m->nodes > 1; a++)
            if ((t->agents & 1u << a) != 0)
                p->agent_node[a] = node_for(c, m, t, a);
        if (t->idle == IDLE_SPIN && is_there(m, t->cpu))
            p->shared[t->cpu] = false;
    }
    for (u32 i = 0; i < m->cores; i++)
        p->shared_used += p->shared[i];
}

int placement_settle(const struct placement *p)
{
    cpu_set_t set;

    if (p->shared_used == 0)
        return 0;
    CPU_ZERO(&set);
    for (u32 i = 0; i < CPU_SETSIZE && i < MACHINE_CORES_MAX; i++)
        if (p->shared[i])
            CPU_SET(i, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : errno;
}

/* ---- hints ---- */

struct hints {
    void (*say)(void *ctx, const char *line);
    void *ctx;
};

__attribute__((format(printf, 2, 3))) static void hint(const struct hints *h, const char *format,
                                                       ...)
{
    char line[256];
    va_list list;

    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    h->say(h->ctx, line);
}

/* What else runs on the core of a thread that spins. */
static void hint_core(const struct hints *h, const struct machine *m, const struct conf_thread *t)
{
    const struct machine_core *core = &m->core[t->cpu];
    int n = (int)t->cpu;

    if (!core->isolated)
        hint(h,
             "%s spins on core %d, which the kernel uses too; boot with isolcpus=%d nohz_full=%d "
             "rcu_nocbs=%d",
             t->name, n, n, n, n);
    else if (!core->tickless)
        hint(h,
             "%s spins on core %d, where the kernel's timer ticks; boot with nohz_full=%d "
             "rcu_nocbs=%d",
             t->name, n, n, n);
    if (core->interrupts > 0)
        hint(h,
             "%s spins on core %d, which serves %u interrupt%s of devices; move them with "
             "/proc/irq/*/smp_affinity_list and stop irqbalance",
             t->name, n, core->interrupts, core->interrupts == 1 ? "" : "s");
}

/* A gateway far from the card that it polls. */
static void hint_nodes(const struct hints *h, const struct conf *c, const struct machine *m,
                       const struct conf_thread *t)
{
    for (u32 a = 0; a < GATEWAYS_MAX && drives_ports(c); a++) {
        if ((t->agents & 1u << a) == 0)
            continue;
        for (u32 i = 0; i < c->dpdk.ports_used; i++)
            if (m->port_node[i] >= 0 && m->port_node[i] != m->core[t->cpu].node)
                hint(h,
                     "%s runs on core %d of node %u and polls port %u, which is on node %d; give "
                     "it a core there",
                     conf_agent_names[a], (int)t->cpu, m->core[t->cpu].node, i, m->port_node[i]);
    }
}

void placement_hints(const struct conf *c, const struct machine *m, const struct placement *p,
                     void (*say)(void *ctx, const char *line), void *ctx)
{
    struct hints h = {say, ctx};
    bool spins = false;

    for (u32 i = 0; i < c->threads_used; i++) {
        const struct conf_thread *t = &c->threads[i];
        spins |= t->idle == IDLE_SPIN;
        if (t->cpu >= 0 && !is_there(m, t->cpu)) {
            hint(&h, "%s wants core %d, which is not there or not for this process", t->name,
                 (int)t->cpu);
            continue;
        }
        if (t->idle == IDLE_SPIN && t->cpu < 0)
            hint(&h, "%s spins on whatever core it gets; give it one: cpu: N", t->name);
        if (t->idle == IDLE_SPIN && t->cpu >= 0)
            hint_core(&h, m, t);
        if (t->cpu >= 0 && m->nodes > 1)
            hint_nodes(&h, c, m, t);
    }
    if (spins && p->shared_used == 0)
        hint(&h, "every core has a thread that spins: the cold threads take turns with them");
}
