/*
 * sim_world_init.c - what a run has: reference data, configuration, disk, network, clients, far
 * ends; sizes and speeds differ from seed to seed.
 */
#include "tests/sim/sim_world_impl.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

struct world *world;

static const char symbols[SYMBOLS][9] = {"AAAA", "BBBB", "CCCC", "DDDD"};

static void refs_init(struct refdata *r)
{
    r->instruments = sim_alloc(SYMBOLS * sizeof *r->instruments);
    r->accounts = sim_alloc(CLIENTS * sizeof *r->accounts);
    for (u32 i = 0; i < SYMBOLS; i++) {
        struct refdata_instrument *s = &r->instruments[r->instruments_used++];
        memset(s->symbol, ' ', sizeof s->symbol);
        memcpy(s->symbol, symbols[i], strlen(symbols[i]));
        s->tick = TICK;
        s->lot = 100;
        s->reference_price = PRICE_BASE;
    }
    for (u32 i = 0; i < CLIENTS; i++) {
        struct refdata_account *a = &r->accounts[r->accounts_used++];
        memset(a->user, ' ', sizeof a->user);
        memcpy(a->user, "SIM", 3);
        a->user[3] = (char)('0' + i);
        memcpy(a->firm, i % 2 ? "ONE " : "TWO ", 4);
        a->enabled = true;
        a->checks.qty_max = i == 0 ? 15000 : 0; /* one account that meets a limit */
    }
}

static void conf_init(struct topology_conf *c)
{
    topology_conf_defaults(c);
    c->shard = SHARD;
    c->engine.accounts_max = 16;
    c->engine.instruments_max = 16;
    c->engine.orders_max = 16384;
    c->engine.gateways = world->nets_used; /* of the oracle's; a process may have fewer */
    c->gateway.connections_max = SIM_CONNS_MAX;
    c->gateway.store_chunks = (u32)sim_between(4, 16); /* small: most of a replay is the reader's */
    c->gateway.login_timeout_ns = 200 * NS_PER_MS;
    c->gateway.slow_timeout_ns = 150 * NS_PER_MS;
    c->gateway.silence_timeout_ns = 3 * NS_PER_SEC;
    c->gateway.seed = sim_random();
    c->persist.segment_bytes = sim_between(4, 40) * BLOCK_BYTES;
    c->persist.segments_ahead = (u32)sim_between(1, 3);
    /* hardly ever, in half of the runs: there the blocks alone are each other's witnesses */
    c->persist.mark_ns = sim_chance(500000) ? sim_between(100, 10000) * NS_PER_US : 10 * NS_PER_SEC;
    c->persist.space_low_bytes = 1 << 20;
    c->persist.space_hard_bytes = 1 << 19;
    /* each other seed, so that few of them meet both; without snapshots nothing would be free */
    c->keep_segments = world->options.seed % 2 ? (u32)sim_between(1, 4) : 0;
    c->snapshot_every = c->keep_segments > 0 || sim_chance(600000) ? sim_between(20, 600) : 0;
    c->export.seed = sim_random();
    c->export.retry_min_ns = NS_PER_MS;
    c->export.retry_max_ns = 30 * NS_PER_MS;
    c->export.refused_retry_ns = 30 * NS_PER_MS;
    if (world->options.moves > 0) {
        c->gateway.store_chunks = STORE_CHUNKS_MIN; /* a burst is more than its own chunks hold */
        c->persist.segment_bytes = 2048 * BLOCK_BYTES; /* a long journal, read once, at the end */
        c->keep_segments = 0;
    }
}

/* An account that hardly ever stays, in most of the runs with somewhere to go. */
static u32 moves_per_million(const struct sim_options *o)
{
    if (o->moves > 0)
        return 500000;
    return world->nets_used > 1 ? (u32)sim_between(0, 300000) : 0;
}

/* Many moves in a short time. */
static void hurry(struct sim_disk_conf *disk, struct sim_net_conf *net)
{
    disk->write_min_ns = 20 * NS_PER_US;
    disk->write_max_ns = 300 * NS_PER_US;
    disk->stall_max_ns = 5 * NS_PER_MS;
    net->delay_max_ns = 50 * NS_PER_US;
}

void world_init(const struct sim_options *o)
{
    bool busy = sim_chance(500000); /* full blocks, several writes in flight */
    struct sim_disk_conf disk = {.write_min_ns = (busy ? 300 : 20) * NS_PER_US,
                                 .write_max_ns = sim_between(500, 5000) * NS_PER_US,
                                 .put_eio_per_million = o->no_faults ? 0 : 3000,
                                 .stall_per_million = 2000,
                                 .stall_max_ns = 60 * NS_PER_MS,
                                 .capacity_bytes = 1ull << 30};
    struct sim_net_conf net = {.delay_min_ns = 5 * NS_PER_US,
                               .resets_per_million = o->no_faults ? 0 : 15};

    net.delay_max_ns = sim_between(20, 500) * NS_PER_US;
    net.space_bytes = (u32)sim_between(2048, 16384);
    if (o->moves > 0)
        hurry(&disk, &net);
    world->options = *o;
    world->disk = sim_disk_new(&disk);
    world->nets_used = o->gateways ? o->gateways : (u32)sim_between(1, SIM_GATEWAYS_MAX);
    for (u32 g = 0; g < world->nets_used; g++)
        world->nets[g] = sim_net_new(&net);
    world->client_conf =
        (struct sim_client_conf){.symbols = symbols,
                                 .symbols_used = SYMBOLS,
                                 .price_base = PRICE_BASE,
                                 .tick = TICK,
                                 .act_min_ns = (busy ? 5 : 20) * NS_PER_US,
                                 .act_max_ns = (busy || o->moves > 0 ? 500 : 5000) * NS_PER_US,
                                 .burst_max = busy || o->moves > 0 ? 100 : 20,
                                 .sweeps_per_million = busy ? 2000 : 10000,
                                 .nets = world->nets,
                                 .nets_used = world->nets_used,
                                 .short_per_million = o->moves > 0 ? 990000 : 0};
    world->client_conf.passive_per_million = (u32)sim_between(0, 900000);
    world->client_conf.moves_per_million = moves_per_million(o);
    for (u32 i = 0; i < CLIENTS; i++)
        sim_client_init(&world->clients[i], i, &world->client_conf);
    fake_far_init(&world->database, sim_random());
    world->database.latency_max_ns = 3 * NS_PER_MS;
    world->database.faults_per_mille = o->no_faults ? 0 : 3;
    refs_init(&world->refs);
    conf_init(&world->conf);
    sim_journal_init(&world->journal, &world->conf.engine);
}

void world_free(void)
{
    for (u32 i = 0; i < CLIENTS; i++)
        sim_client_free(&world->clients[i]);
    sim_journal_free(&world->journal);
    fake_far_free(&world->database);
    free(world->redis.entries);
    free(world->refs.instruments);
    free(world->refs.accounts);
    for (u32 g = 0; g < world->nets_used; g++)
        sim_net_free(world->nets[g]);
    sim_disk_free(world->disk);
    free(world);
    world = NULL;
}
