/*
 * test_placement.c - where things go on machines that are made up: in memory, and as files of /sys
 * and /proc.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/placement.h"

static struct conf conf;
static struct machine machine;
static struct placement place;
static char said[4096];

static void configure(const char *yaml)
{
    assert_int_equal(conf_parse("f", yaml, strlen(yaml), &conf, stderr), 0);
}

/* `cores` cores dealt out to `nodes` nodes in one piece each, all isolated and quiet. */
static void machine_make(u32 cores, u32 nodes)
{
    memset(&machine, 0, sizeof machine);
    machine.cores = cores;
    machine.nodes = nodes;
    for (u32 i = 0; i < cores; i++)
        machine.core[i] = (struct machine_core){
            .there = true, .isolated = true, .tickless = true, .node = (u16)(i * nodes / cores)};
    for (u32 i = 0; i < CONF_PORTS_MAX; i++)
        machine.port_node[i] = -1;
}

static void say(void *ctx, const char *line)
{
    (void)ctx;
    size_t n = strlen(said);
    snprintf(said + n, sizeof said - n, "%s\n", line);
}

static const char *hints(void)
{
    said[0] = '\0';
    placement_choose(&conf, &machine, &place);
    placement_hints(&conf, &machine, &place, say, NULL);
    return said;
}

static i32 node_of(u32 agent_bit)
{
    return place.agent_node[__builtin_ctz(agent_bit)];
}

#define THREE_THREADS                                               \
    "threads: [{name: g, cpu: 5, idle: spin, agents: [gateway]},\n" \
    "          {name: e, cpu: 1, idle: spin, agents: [engine]},\n"  \
    "          {name: p, agents: [persist]}]\n"
#define ON_A_CARD                                                \
    "gateway: {transport: dpdk}\n"                               \
    "dpdk: {ports: [{device: '0000:00:06.0', ipv4: 10.1.2.3},\n" \
    "               {device: 'net_af_xdp0,iface=eth9,start_queue=0', ipv4: 10.1.3.3}]}\n"

static void memory_follows_the_core(void **state)
{
    (void)state;
    configure(THREE_THREADS);
    machine_make(8, 2);
    placement_choose(&conf, &machine, &place);
    assert_int_equal(node_of(CONF_AGENT_GATEWAY), 1);
    assert_int_equal(node_of(CONF_AGENT_ENGINE), 0);
    assert_int_equal(node_of(CONF_AGENT_PERSIST), -1); /* moves about */
    assert_int_equal(place.agent_node[1], -1);         /* there is no gateway 1 */
    machine_make(8, 4);
    placement_choose(&conf, &machine, &place);
    assert_int_equal(node_of(CONF_AGENT_GATEWAY), 2);
    machine_make(8, 1); /* nothing to choose */
    placement_choose(&conf, &machine, &place);
    assert_int_equal(node_of(CONF_AGENT_GATEWAY), -1);
    machine_make(4, 2); /* its core is not there */
    placement_choose(&conf, &machine, &place);
    assert_int_equal(node_of(CONF_AGENT_GATEWAY), -1);
    assert_int_equal(node_of(CONF_AGENT_ENGINE), 0);
}

static void or_the_card(void **state)
{
    (void)state;
    configure(ON_A_CARD);
    machine_make(8, 2);
    machine.port_node[0] = 1;
    placement_choose(&conf, &machine, &place);
    assert_int_equal(node_of(CONF_AGENT_GATEWAY), 1);
    assert_int_equal(node_of(CONF_AGENT_ENGINE), -1);
    configure("shard: 1\n"); /* no card is driven */
    placement_choose(&conf, &machine, &place);
    assert_int_equal(node_of(CONF_AGENT_GATEWAY), -1);
}

static void others_keep_off_spinning_cores(void **state)
{
    (void)state;
    configure(THREE_THREADS);
    machine_make(8, 1);
    for (u32 i = 0; i < 8; i++)
        machine.core[i].isolated = i == 3; /* left alone, too: nobody asked for it */
    placement_choose(&conf, &machine, &place);
    assert_int_equal(place.shared_used, 5);
    for (u32 i = 0; i < 8; i++)
        assert_int_equal(place.shared[i], i != 1 && i != 3 && i != 5);
    configure("threads: [{name: g, cpu: 1, agents: [gateway, engine, persist]}]\n");
    placement_choose(&conf, &machine, &place);
    assert_true(place.shared[1]); /* it sleeps: others may have it */
}

static void the_thread_is_settled(void **state)
{
    cpu_set_t before, after;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    memset(&place, 0, sizeof place);
    assert_int_equal(placement_settle(&place), 0); /* no core is left: nothing is done */
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    u32 core = 0;
    while (!CPU_ISSET(core, &before))
        core++;
    place.shared[core] = true;
    place.shared_used = 1;
    assert_int_equal(placement_settle(&place), 0);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_int_equal(CPU_COUNT(&after), 1);
    assert_true(CPU_ISSET(core, &after));
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void hints_say_what_is_in_the_way(void **state)
{
    (void)state;
    configure(THREE_THREADS);
    machine_make(8, 1);
    machine.core[0].isolated = false;
    assert_string_equal(hints(), ""); /* nothing is */
    machine.core[5].isolated = false;
    machine.core[5].tickless = false;
    assert_string_equal(hints(), "g spins on core 5, which the kernel uses too; boot with "
                                 "isolcpus=5 nohz_full=5 rcu_nocbs=5\n");
    machine.core[5].isolated = true;
    machine.core[1].interrupts = 3;
    assert_string_equal(hints(), "g spins on core 5, where the kernel's timer ticks; boot with "
                                 "nohz_full=5 rcu_nocbs=5\n"
                                 "e spins on core 1, which serves 3 interrupts of devices; move "
                                 "them with /proc/irq/*/smp_affinity_list and stop irqbalance\n");
    machine_make(4, 1);
    assert_non_null(
        strstr(hints(), "g wants core 5, which is not there or not for this process\n"));
    configure("threads: [{name: a, idle: spin, agents: [gateway, engine, persist]}]\n");
    assert_non_null(strstr(hints(), "a spins on whatever core it gets; give it one: cpu: N\n"));
    configure("threads: [{name: a, cpu: 0, idle: spin, agents: [gateway, engine, persist]}]\n");
    machine_make(1, 1);
    assert_non_null(strstr(hints(), "every core has a thread that spins"));
    configure("threads: [{name: a, cpu: 0, agents: [gateway, engine, persist]}]\n");
    machine_make(1, 1);
    assert_string_equal(hints(), "");
}

static void a_gateway_belongs_beside_its_card(void **state)
{
    (void)state;
    configure(ON_A_CARD THREE_THREADS);
    machine_make(8, 2);
    machine.core[0].isolated = false;
    machine.port_node[0] = 1;
    assert_string_equal(hints(), "");
    machine.port_node[1] = 0;
    assert_string_equal(hints(), "gateway runs on core 5 of node 1 and polls port 1, which is on "
                                 "node 0; give it a core there\n");
}

/* ---- made of files ---- */

static char root[] = "/tmp/wirebook-test-machine-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + sizeof root; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%s\n", text);
    fclose(f);
}

static void a_machine_is_read(void **state)
{
    char command[128];

    (void)state;
    assert_non_null(mkdtemp(root));
    configure(ON_A_CARD);
    machine_read(&machine, &conf, root); /* nothing is said */
    assert_int_equal(machine.cores, 0);
    assert_int_equal(machine.nodes, 1);
    put("sys/devices/system/cpu/online", "0-2,4-5");
    put("sys/devices/system/cpu/isolated", "4-5");
    put("sys/devices/system/cpu/nohz_full", "(null)");
    put("sys/devices/system/node/node0/cpulist", "0-2");
    put("sys/devices/system/node/node1/cpulist", "4-5");
    put("proc/irq/24/effective_affinity_list", "4");
    put("proc/irq/25/effective_affinity_list", "0,4");
    put("proc/irq/default_smp_affinity", "3f");
    put("sys/bus/pci/devices/0000:00:06.0/numa_node", "1");
    put("sys/class/net/eth9/device/numa_node", "-1");
    machine_read(&machine, &conf, root);
    assert_int_equal(machine.cores, 6);
    assert_int_equal(machine.nodes, 2);
    assert_true(machine.core[2].there && !machine.core[3].there && machine.core[5].there);
    assert_true(machine.core[4].isolated && !machine.core[0].isolated);
    assert_false(machine.core[4].tickless);
    assert_int_equal(machine.core[2].node, 0);
    assert_int_equal(machine.core[4].node, 1);
    assert_int_equal(machine.core[4].interrupts, 2);
    assert_int_equal(machine.core[0].interrupts, 1);
    assert_int_equal(machine.core[5].interrupts, 0);
    assert_int_equal(machine.port_node[0], 1);
    assert_int_equal(machine.port_node[1], -1);
    put("sys/class/net/eth9/device/numa_node", "0");
    machine_read(&machine, &conf, root);
    assert_int_equal(machine.port_node[1], 0);
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

static void this_machine_is_read(void **state)
{
    (void)state;
    configure("shard: 1\n");
    machine_read(&machine, &conf, "");
    assert_true(machine.cores >= 1);
    assert_int_equal(machine.port_node[0], -1);
    assert_true(machine.core[sched_getcpu()].there);
}

static void lists_of_cores(void **state)
{
    (void)state;
    assert_true(machine_list_has("2-3,6\n", 2));
    assert_true(machine_list_has("2-3,6\n", 3));
    assert_true(machine_list_has("2-3,6\n", 6));
    assert_true(machine_list_has("11", 11));
    assert_false(machine_list_has("2-3,6\n", 4));
    assert_false(machine_list_has("2-3,6\n", 1));
    assert_false(machine_list_has("11", 1));
    assert_false(machine_list_has("\n", 0));
    assert_false(machine_list_has("", 0));
    assert_false(machine_list_has("(null)\n", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_follows_the_core),
        cmocka_unit_test(or_the_card),
        cmocka_unit_test(others_keep_off_spinning_cores),
        cmocka_unit_test(the_thread_is_settled),
        cmocka_unit_test(hints_say_what_is_in_the_way),
        cmocka_unit_test(a_gateway_belongs_beside_its_card),
        cmocka_unit_test(a_machine_is_read),
        cmocka_unit_test(this_machine_is_read),
        cmocka_unit_test(lists_of_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
