/*
 * load.c - see load.h. Cold: main's thread at the start, the admin agent's when the files are read
 * again. Failure modes: files that are missing or wrong, all of it reported.
 */
#include "gateway/load.h"

#include <stdlib.h>
#include <sys/random.h>

#include "engine/base/clock.h"
#include "gateway/edge.h"
#include "gateway/world.h"

int load_files(const char *path, const struct conf *running, struct conf *conf,
               struct schedule *schedule, struct refdata *refs, FILE *errors)
{
    struct refdata_max max = {INSTRUMENTS_MAX, ACCOUNTS_MAX};
    int wrong = 0;

    *refs = (struct refdata){0};
    if (path)
        wrong = conf_load(path, conf, errors);
    else
        conf_default(conf);
    if (wrong != 0 && !conf->reference_read)
        return wrong;
    if (running || wrong == 0) { /* else they may be what is wrong */
        const struct conf_engine *e = running ? &running->engine : &conf->engine;
        max = (struct refdata_max){(u32)e->instruments_max, (u32)e->accounts_max};
    }
    world_schedule(schedule, &conf->schedule);
    wrong += schedule_load(schedule, conf->schedule.calendar_file, errors);
    wrong += refdata_load(conf->instruments_file, conf->accounts_file, conf->profiles_file, &max,
                          refs, errors);
    wrong += refdata_load_firms(conf->firms_file, refs, errors);
    return wrong + refdata_check_ports(refs, conf, path, errors);
}

/* The keys of hash tables: clients choose what lies in them, so nobody may know where. */
static u64 secret(void)
{
    u64 key;
    ssize_t n = getrandom(&key, sizeof key, 0);

    ASSERT_EQ(n, (ssize_t)sizeof key); /* the kernel gives so little whole, or waits at boot */
    return key;
}

/* A name that nobody else has; never 0. */
static u64 random_id(void)
{
    return max_u64(secret(), 1);
}

void load_gateway(struct gateway_conf *g, const struct conf *c)
{
    g->connections_max = (u32)c->gateway.connections_max;
    g->store_chunks = (u32)c->gateway.store_slots / STORE_CHUNK_SLOTS;
    g->rates_each = (u32)c->gateway.rates_each;
    g->login_timeout_ns = c->gateway.login_timeout_ms * NS_PER_MS;
    g->silence_timeout_ns = c->gateway.silence_timeout_ms * NS_PER_MS;
    g->heartbeat_ns = c->gateway.heartbeat_ms * NS_PER_MS;
    g->slow_timeout_ns = c->gateway.slow_timeout_ms * NS_PER_MS;
    g->guests_per_source = (u32)c->gateway.unauthenticated_per_source;
    g->rate_reject_per_s = (u32)c->gateway.rate_reject_per_s;
    g->rate_stop_per_s = (u32)c->gateway.rate_stop_per_s;
    g->drain_says_end = c->gateway.drain_end_of_session;
    edge_listeners(g, &c->gateway);
}

void load_topology(struct topology_conf *t, const struct conf *c, const struct schedule *schedule,
                   const struct placement *place)
{
    topology_conf_defaults(t);
    t->shard = (u32)c->shard;
    t->mem_flags = c->huge_pages == CONF_HUGE_PAGES_TRY ? MEM_HUGE | MEM_POPULATE : 0;
    t->gateways = (u32)c->gateway.count;
    for (u32 g = 0; g < GATEWAYS_MAX; g++)
        t->nodes.gateways[g] = place->agent_node[g];
    t->nodes.engine = place->agent_node[__builtin_ctz(CONF_AGENT_ENGINE)];
    t->nodes.persist = place->agent_node[__builtin_ctz(CONF_AGENT_PERSIST)];
    t->journal_id = random_id();
    t->process_id = random_id();
    t->engine.accounts_max = (u32)c->engine.accounts_max;
    t->engine.instruments_max = (u32)c->engine.instruments_max;
    t->engine.orders_max = (u32)c->engine.orders_max;
    t->engine.hash_key[0] = secret();
    t->engine.hash_key[1] = secret();
    load_gateway(&t->gateway, c);
    t->gateway.seed = secret();
    t->keep_segments = (u32)c->journal.keep_segments;
    t->snapshot_every = c->journal.snapshot_transactions;
    t->persist.durability =
        c->durability == CONF_DURABILITY_DISK ? DURABILITY_DISK : DURABILITY_NONE;
    t->persist.segment_bytes = c->journal.segment_mb << 20;
    t->persist.segments_ahead = (u32)c->journal.segments_ahead;
    t->persist.buffer_blocks = (u32)((c->journal.buffer_mb << 20) / BLOCK_BYTES);
    t->persist.space_low_bytes = c->journal.low_space_mb << 20;
    t->persist.space_hard_bytes = c->journal.hard_space_mb << 20;
    t->export.seed = clock_now_ns();
    t->export.retry_min_ns = c->export_retry_min_ms * NS_PER_MS;
    t->export.retry_max_ns = c->export_retry_max_ms * NS_PER_MS;
    t->export.refused_retry_ns = c->export_refused_retry_ms * NS_PER_MS;
    t->admin.day_end_minute = (int)c->day_end_minute;
    t->schedule = *schedule;
    t->admin.clock_step_ns = clock_step_ns;
    t->stages = c->stages_enabled;
    t->stages_skip = c->stages_skip;
    t->stages_users = c->stages_users;
    t->admin.metrics_file = c->metrics_file;
    t->admin.metrics_interval_ns = c->metrics_interval_ms * NS_PER_MS;
}
