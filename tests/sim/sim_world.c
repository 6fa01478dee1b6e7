/*
 * sim_world.c - the event loop and the life of simulated processes; see sim_world.h.
 *
 *      build --> look at the disk (oracles) --> compare --> open --> turns ... --+
 *        ^ |                                                 |                   |
 *        +-+----------- cut, kill, restart, failed write <---+-------------------+
 *
 * A turn runs the agents in a random order, now and then leaving one out, then the clients. When
 * nobody had anything to do, time jumps to the next thing that is due. A power cut comes between
 * two turns, or inside a disk operation that changes names: then a longjmp leaves the agent's turn
 * where it stands, as the power would, and what that turn had allocated is lost with the process.
 */
#include "tests/sim/sim_world_impl.h"

#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/metrics.h"
#include "persist/snapshot.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_damage.h"
#include "tests/sim/sim_course.h"

/* ---- time ---- */

static void clients_step(void)
{
    for (u32 i = 0; i < CLIENTS; i++)
        sim_client_step(&world->clients[i]);
}

static u64 next_ns(void)
{
    u64 next = sim_disk_next_ns(world->disk);

    for (u32 g = 0; g < world->nets_used; g++)
        next = min_u64(next, sim_net_next_ns(world->nets[g]));
    next = min_u64(next, sim_auth_next_ns(&world->auth));
    for (u32 i = 0; i < CLIENTS; i++)
        next = min_u64(next, sim_client_next_ns(&world->clients[i]));
    return next;
}

/* Onwards: a little after work, else to what is due next, a millisecond at most. */
static void time_goes_on(bool worked)
{
    u64 step = sim_delay(500, 20 * NS_PER_US);

    if (!worked) {
        u64 next = next_ns();
        u64 until = next > sim.now_ns ? min_u64(next - sim.now_ns, NS_PER_MS) : 0;
        step = max_u64(step, until);
    }
    sim.now_ns += step;
}

static void power_goes(void)
{
    longjmp(world->cut_out, 1);
}

/* topology_open and topology_close wait for the disk: the world goes on meanwhile. */
static u64 pass_time(void *ctx)
{
    (void)ctx;
    sim.step++;
    sim.counts.steps++;
    clients_step();
    int did = sim_auth_step(&world->auth);
    time_goes_on(did > 0);
    if (world->fate == FATE_CUT && world->fate_at_ns <= sim.now_ns)
        power_goes();
    return sim.now_ns;
}

/* ---- the world of a process ---- */

static void topology_world_fill(struct topology_world *tw)
{
    memset(tw, 0, sizeof *tw);
    memset(world->asleep_ns, 0, sizeof world->asleep_ns);
    tw->disk = sim_disk_disk(world->disk);
    for (u32 g = 0; g < world->nets_used; g++) {
        struct transport *t = sim_net_listen(world->nets[g]);
        bool open = g < world->conf.gateways;
        tw->transports[g] = open ? t : NULL;
        world->closed[g] = open ? NULL : t;
    }
    fake_sink_init(&world->database_sink, &world->database, 0, 512);
    sim_redis_sink_init(&world->redis_sink, &world->redis);
    tw->sinks[0] = (struct topology_sink){"database", &world->database_sink.sink, NS_PER_MS};
    tw->sinks[1] = (struct topology_sink){"redis", &world->redis_sink.sink, NS_PER_MS};
    tw->sinks_used = 2;
    tw->pass_time = pass_time;
}

/* The engine that recovery has built is the oracle's. */
static void compare_engine(void)
{
    struct engine *e = world->topology.engine;

    SIM_CHECK(engine_seq(e) == world->journal.used, "recovered up to %llu, the journal has %llu",
              (unsigned long long)engine_seq(e), (unsigned long long)world->journal.used);
    SIM_CHECK(engine_state_hash(e) == engine_state_hash(world->journal.shadow),
              "the recovered engine has another state than the journal gives");
    engine_check(e);
    sim.counts.work_recovered += engine_busy(e);
    sim.counts.recycled_starts += world->topology.recovered.first_segment > 1;
    sim.counts.snapshots_used += world->topology.recovered.from_seq > 0;
}

/* ---- the life of a process ---- */

static void process_plan(void)
{
    u64 dice = sim_below(100);

    world->fate = dice < 70 ? FATE_CUT : dice < 85 ? FATE_KILL : FATE_RESTART;
    world->fate_at_ns = sim.now_ns + sim_delay(200 * NS_PER_US, 120 * NS_PER_MS);
    world->conf.gateways = (u32)sim_between(1, world->nets_used);
    world->cut_flights = sim_chance(700000) ? (u32)sim_between(1, 4) : 0;
    world->cut_blocks = sim_chance(300000) ? (u32)sim_between(6, 20) : 0;
    if (world->fate == FATE_CUT && sim_chance(200000))
        sim_disk_hook(world->disk, NULL, (u32)sim_between(1, sim_chance(500000) ? 8 : 40),
                      power_goes);
    else if (world->fate == FATE_CUT && sim_chance(150000)) /* amid a snapshot */
        sim_disk_hook(world->disk, SNAPSHOT_NEW, (u32)sim_between(1, 8), power_goes);
    if (world->fate == FATE_CUT && sim_chance(100000))
        world->fate_at_ns = sim.now_ns + sim_delay(NS_PER_US, 500 * NS_PER_US); /* while starting */
}

/*
 * While the machine was off, something may have happened to a snapshot: it must not matter. Where
 * the journal's beginning has been recycled, both being bad would be the end; test_snapshot has it.
 */
static void snapshots_meet_time(void)
{
    sim.counts.snapshots_cut += sim_disk_has(world->disk, SNAPSHOT_NEW);
    while (!world->options.no_faults && world->conf.keep_segments == 0 && sim_chance(300000))
        sim.counts.snapshots_rotten += sim_disk_rot(world->disk, SNAPSHOT_SUFFIX);
}

#define DAMAGE_PER_CENT 25u

/* A copy of what the machine has while it is off is damaged, and read; the run's own luck does not
 * know of it. */
static void damage_meets_a_copy(const struct durable_record mark[2])
{
    u64 luck = hash_2u64(sim.seed, sim.step, sim.now_ns);

    if (!world->options.no_faults && world->journal.used > 0 && luck % 100 < DAMAGE_PER_CENT)
        sim_damage_look(&world->journal, world->disk, mark, SHARD, luck);
}

void process_start(void)
{
    static struct durable_record mark[2];
    struct topology_world tw;
    struct disk *disk = sim_disk_disk(world->disk);
    int rc;

    metrics_reset();
    sim_disk_power_on(world->disk);
    snapshots_meet_time();
    sim_disk_full(world->disk, false);
    sim_disk_peek(world->disk, DURABLE_MARK_FILE, mark, sizeof mark);
    SIM_CHECK(disk->ops->lock(disk) == 0, "the disk is locked");
    topology_world_fill(&tw);
    /* A name of its own for a journal that begins now: recovery must find the old one's. */
    world->conf.journal_id = world->conf.process_id = sim.step + 1;
    rc = topology_build(&world->topology, &world->conf, &tw, sim.now_ns);
    SIM_CHECK(rc == 0, "topology_build ends with %d", rc);
    /* not before: what a killed process left is for keeps only once recovery has synced it */
    look();
    compare_engine();
    damage_meets_a_copy(mark);
    sim_auth_init(&world->auth, world->topology.rings.auth_requests,
                  world->topology.rings.auth_answers, world->conf.gateways);
    rc = topology_open(&world->topology, &world->refs, sim.now_ns);
    SIM_CHECK(rc == 0 || (rc == PERSIST_EXIT_FAILED && !sim.calm), "topology_open ends with %d",
              rc);
    if (rc == PERSIST_EXIT_FAILED) {
        world->fate = FATE_FAILED_WRITE;
        world->fate_at_ns = 0;
        return;
    }
    for (u32 g = 0; g < world->conf.gateways; g++)
        tw.transports[g]->ops->accept(tw.transports[g], TRANSPORT_ALL);
    world->running = true;
    sim_trace("world", "process leads under epoch %llu, %u open orders",
              (unsigned long long)engine_epoch(world->topology.engine),
              engine_open_orders(world->topology.engine));
}

/*
 * With several gateways, the machine gives one of them, or the reader, no time for a while now and
 * then: so stores, old messages and logins overtake each other.
 */
static bool sleeps(u32 agent)
{
    bool may =
        agent < world->conf.gateways || strcmp(world->topology.agents[agent].name, "reader") == 0;

    if (!may || world->conf.gateways == 1 || sim.calm)
        return false;
    if (sim_chance(5000))
        world->asleep_ns[agent] = sim.now_ns + sim_delay(10 * NS_PER_US, 2 * NS_PER_MS);
    return sim.now_ns < world->asleep_ns[agent];
}

static bool turn(void)
{
    u32 n = world->topology.agents_used;
    u32 order[TOPOLOGY_AGENTS_MAX];
    int did = 0;

    for (u32 i = 0; i < n; i++) {
        u32 k = (u32)sim_below(i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (u32 i = 0; i < n; i++)
        if (!sim_chance(100000) && !sleeps(order[i]))
            did += agent_turn(&world->topology.agents[order[i]], sim.now_ns);
    for (u32 g = 0; g < world->nets_used; g++)
        if (world->closed[g])
            did += world->closed[g]->ops->poll(world->closed[g], sim.now_ns);
    did += sim_auth_step(&world->auth);
    clients_step();
    return did > 0;
}

static void misfortune(void)
{
    if (sim.calm || world->options.no_faults)
        return;
    if (sim_chance(60)) {
        world->database.down = !world->database.down;
        sim.counts.sink_away += world->database.down;
        sim_trace("world", "the database is %s", world->database.down ? "away" : "back");
    }
    if (world->options.moves > 0)
        return; /* what ends the process, or lets it stand still, has its own test */
    if (sim_chance(8))
        sim_disk_fail_next(world->disk);
    if (sim_chance(8)) {
        world->full_until_ns = sim.now_ns + sim_delay(NS_PER_MS, 2 * NS_PER_SEC);
        sim_disk_full(world->disk, true);
    } else if (world->full_until_ns <= sim.now_ns) {
        sim_disk_full(world->disk, false);
    }
}

/* Each on its own, and every account's store at one of them, or on its way. */
static void check_gateways(void)
{
    const struct topology *t = &world->topology;
    u32 stores = 0;

    for (u32 g = 0; g < t->conf.gateways; g++)
        stores += gateway_check(t->gateways[g]);
    for (u32 id = 1; id <= t->stores.accounts; id++)
        stores += atomic_load_explicit(&t->stores.cells[id].left, memory_order_relaxed) != 0;
    SIM_CHECK(stores == engine_accounts(t->engine), "%u stores of %u accounts", stores,
              engine_accounts(t->engine));
}

#define LOOK_EVERY 256u /* transactions: far fewer than two snapshots are apart */

/* A journal whose beginning may go is looked at while all of it is there. */
static void look_before_it_goes(void)
{
    u64 durable_seq = durable_get(persist_stored(world->topology.persist));

    if (world->conf.keep_segments == 0 || durable_seq < world->journal.used + LOOK_EVERY)
        return;
    struct sim_disk *copy = sim_disk_copy(world->disk);
    sim_journal_look_beside(&world->journal, sim_disk_disk(copy), SHARD, durable_seq);
    sim_disk_free(copy);
}

void world_step(void)
{
    sim.step++;
    sim.counts.steps++;
    bool worked = turn();
    misfortune();
    sim_course_turn(&world->topology.rings.admin_cmd, world->topology.engine);
    look_before_it_goes();
    if (sim.step % CHECK_EVERY == 0) {
        engine_check(world->topology.engine);
        check_gateways();
    }
    time_goes_on(worked);
    if (persist_failed(world->topology.persist)) {
        SIM_CHECK(!sim.calm, "a write failed on a healthy disk");
        world->fate = FATE_FAILED_WRITE;
        world->fate_at_ns = 0;
    }
}

/* What only the product's own counters tell. */
static void count_product(void)
{
    u64 ends = metrics_sum("wirebook_engine_stale_disconnects_total");

    sim.counts.late_ends += ends;
    sim.counts.stale += metrics_sum("wirebook_engine_stale_total") - ends;
    sim.counts.moved_in += metrics_sum("wirebook_gateway_accounts_in_total");
    sim.counts.moved_aside += metrics_sum("wirebook_gateway_messages_aside_total");
    sim.counts.moved_joined += metrics_sum("wirebook_gateway_stores_joined_total");
    sim.counts.moved_replaced += metrics_sum("wirebook_gateway_stores_replaced_total");
    sim.counts.moved_through += metrics_sum("wirebook_gateway_accounts_through_total");
    sim.counts.moved_back += metrics_sum("wirebook_gateway_accounts_back_total");
}

/* The process is no more: its memory goes, and the disk is left as its end left it. */
void process_end(void)
{
    count_product();
    for (u32 g = 0; g < world->nets_used; g++)
        sim_net_server_dies(world->nets[g]);
    if (world->fate == FATE_CUT)
        sim_disk_cut(world->disk);
    else
        sim_disk_kill(world->disk);
    topology_free(&world->topology);
    fake_sink_free(&world->database_sink);
    sim_redis_sink_free(&world->redis_sink);
    world->running = false;
}

static void count_end(void)
{
    static const char *const names[] = {"", "power cut", "kill", "failed write", "restart"};

    sim_trace("world", "==== %s ====", names[world->fate]);
    sim.counts.power_cuts += world->fate == FATE_CUT;
    sim.counts.cuts_in_recovery += world->fate == FATE_CUT && !world->running;
    sim.counts.kills += world->fate == FATE_KILL;
    sim.counts.restarts += world->fate == FATE_RESTART;
}

/* The machine stays off for a while, sometimes until shortly before the next midnight. */
void stay_off(void)
{
    sim.now_ns += sim_delay(NS_PER_MS, 50 * NS_PER_MS);
    if (sim_chance(30000))
        sim.now_ns += DAY_NS - (sim.now_ns % DAY_NS) - sim_between(1, 60) * NS_PER_MS;
    for (u32 i = 0; i < 20; i++) { /* clients notice */
        clients_step();
        time_goes_on(false);
    }
}

/* A cut waits a little for the moment that hurts most: writes in flight. */
static bool fate_is_due(void)
{
    if (world->fate_at_ns > sim.now_ns)
        return false;
    if (world->fate > FATE_KILL || world->fate_at_ns + 40 * NS_PER_MS < sim.now_ns)
        return true;
    return sim_disk_flights(world->disk) >= world->cut_flights &&
           sim_disk_flight_blocks(world->disk) >= world->cut_blocks;
}

static void process_close(void)
{
    u64 deadline = sim.now_ns + 3 * NS_PER_SEC; /* space is looked for every second */

    sim_disk_full(world->disk, false);
    if (sim_chance(700000))
        world->database.down = false;
    SIM_CHECK(topology_close(&world->topology, sim.now_ns, deadline) ||
                  persist_failed(world->topology.persist),
              "an orderly stop did not make everything durable");
}

void process_of_moves(void)
{
    world->fate = FATE_RESTART;
    world->conf.gateways = world->nets_used;
    process_start();
    while (sim.counts.moves < world->options.moves)
        world_step();
    process_close();
    count_end();
    process_end();
}

/* From start to end; the end may come from anywhere below here. */
void process_life(void)
{
    process_plan();
    if (setjmp(world->cut_out) == 0) {
        process_start();
        while (!fate_is_due())
            world_step();
        if (world->fate == FATE_RESTART && world->running)
            process_close();
    }
    count_end();
    process_end();
}
