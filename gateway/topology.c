/*
 * topology.c - see topology.h: makes every ring and agent of the process and joins them.
 *
 * Thread: the one that starts the process. Failure modes: a journal that is damaged or cannot be
 * read or written (an exit code and one log line). Everything else was checked with the config.
 */
#include "gateway/topology.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"

void topology_conf_defaults(struct topology_conf *conf)
{
    memset(conf, 0, sizeof *conf);
    conf->shard = 1;
    conf->gateways = 1;
    memset(&conf->nodes, 0xff, sizeof conf->nodes); /* -1 each */
    conf->engine.accounts_max = 1024;
    conf->engine.instruments_max = 1024;
    conf->engine.orders_max = 1u << 18;
    gateway_conf_defaults(&conf->gateway);
    conf->gateway.connections_max = 1024;
    persist_conf_defaults(&conf->persist);
    conf->export.seed = 1;
    conf->export.retry_min_ns = 100 * NS_PER_MS;
    conf->export.retry_max_ns = 5 * NS_PER_SEC;
    conf->export.refused_retry_ns = 5 * NS_PER_SEC;
    conf->admin.day_end_minute = -1;
    conf->admin.metrics_file = "";
}

/* What one part says must be what its neighbours were told. */
static void conf_agree(struct topology_conf *c)
{
    c->engine.gateways = c->gateways;
    c->gateway.shard = (u16)c->shard;
    c->gateway.accounts_max = c->engine.accounts_max;
    c->gateway.instruments_max = c->engine.instruments_max;
    c->persist.shard = c->shard;
}

/* The topology on one screen: who makes it fill, who empties it, how many slots it has. */
static void rings_init(struct topology *t)
{
    struct topology_rings *r = &t->rings;
    struct mem *m = &t->mem;

    for (u32 g = 0; g < t->conf.gateways; g++) {
        ring_init(&r->cmd[g], m, "cmd", CMD_RING_SLOTS);
        ring_init(&r->events[g], m, "events", EVENT_RING_SLOTS);
        ring_init(&r->auth_requests[g], m, "auth_requests", SIDE_RING_SLOTS);
        ring_init(&r->auth_answers[g], m, "auth_answers", SIDE_RING_SLOTS);
        ring_init(&r->reader_requests[g], m, "reader_requests", SIDE_RING_SLOTS);
        ring_init(&r->reader_answers[g], m, "reader_answers", REPLAY_RING_SLOTS);
    }
    ring_init(&r->admin_cmd, m, "admin_cmd", SIDE_RING_SLOTS);
    ring_init(&r->admin_answers, m, "admin_answers", SIDE_RING_SLOTS);
    ring_init(&r->tx, m, "tx", TX_RING_SLOTS);
    ring_init(&r->reader_tap, m, "reader_tap", TAP_RING_SLOTS);
    for (u32 s = 0; s < t->world.sinks_used; s++)
        ring_init(&r->sink_taps[s], m, t->world.sinks[s].name, TAP_RING_SLOTS);
}

static int engine_recover(struct topology *t)
{
    struct why why = {""};
    struct recovery_conf conf = {
        .disk = t->world.disk,
        .shard = t->conf.shard,
        .engine = t->conf.engine,
    };
    mem_node(&t->engine_mem, t->conf.nodes.engine);
    enum replay_status status =
        recovery_run(&conf, &t->engine_mem, &t->engine, &t->recovered, &why);

    if (status != REPLAY_OK)
        log_error("%s", why.text);
    switch (status) {
    case REPLAY_OK:
        return 0;
    case REPLAY_DAMAGED:
        return PERSIST_EXIT_DAMAGED;
    case REPLAY_UNFIT:
        return TOPOLOGY_EXIT_CONF;
    case REPLAY_FAILED:
        return PERSIST_EXIT_OPEN;
    }
    return PERSIST_EXIT_OPEN;
}

static struct cursor_conf live_cursor(struct topology *t, struct ring *tap)
{
    struct cursor_conf conf = {
        .disk = t->world.disk,
        .shard = t->conf.shard,
        .stored = persist_stored(t->persist),
        .tap = tap,
        .live = {persist_live_segment(t->persist), persist_live_block(t->persist)},
    };
    return conf;
}

static int persist_make(struct topology *t)
{
    struct why why = {""};
    u64 epoch = t->recovered.max_epoch + 1;

    mem_node(&t->mem, t->conf.nodes.persist);
    t->persist = persist_new(&t->conf.persist, t->world.disk, &t->rings.tx, &t->recovered, epoch,
                             &t->mem, &why);
    if (!t->persist) {
        log_error("%s", why.text);
        return PERSIST_EXIT_OPEN;
    }
    persist_tap_add(t->persist, &t->rings.reader_tap);
    for (u32 s = 0; s < t->world.sinks_used; s++)
        persist_tap_add(t->persist, &t->rings.sink_taps[s]);

    struct cursor_conf conf = live_cursor(t, &t->rings.reader_tap);
    if (t->conf.snapshot_every > 0 || t->world.tops) {
        struct shadow_conf shadow = {.cursor = live_cursor(t, NULL),
                                     .engine = *engine_conf(t->engine),
                                     .every = t->conf.snapshot_every,
                                     .tops = t->world.tops};
        t->shadow = shadow_new(&shadow, &t->engine_mem, &t->recovered);
    }
    t->reader = reader_new(&conf, t->recovered.day_seq, t->recovered.last_seq);
    return 0;
}

/* The names that the recovered engine knows: for rows whose account came before the sink's mark. */
static void names_fill(struct export_names *names, const struct engine *e)
{
    union msg m; /* the engine's copies are not aligned as slots are */

    for (u32 id = 1; id <= engine_accounts(e); id++) {
        m.account = *engine_account(e, id);
        export_names_take(names, &m);
    }
    for (u32 id = 1; id <= engine_instruments(e); id++) {
        m.instrument = *engine_instrument(e, (u16)id);
        export_names_note(names, &m);
    }
}

static void export_make(struct topology *t)
{
    struct export_names names;

    export_init(&t->exporter, &t->conf.export, &t->mem);
    export_names_init(&names, &t->mem, t->conf.engine.accounts_max, t->conf.engine.instruments_max);
    names_fill(&names, t->engine);
    for (u32 s = 0; s < t->world.sinks_used; s++) {
        const struct topology_sink *sink = &t->world.sinks[s];
        struct cursor_conf conf = live_cursor(t, &t->rings.sink_taps[s]);
        struct export_source source = export_source_cursor(&t->cursors[s], &conf);
        sink->sink->epoch = t->recovered.max_epoch + 1;
        sink->sink->process_id = t->conf.process_id;
        sink->sink->journal_id = t->journal_id;
        export_add(&t->exporter, sink->name, sink->sink, &source, &names, sink->batch_age_ns);
    }
    export_register_metrics(&t->exporter);
}

static int archive_make(struct topology *t)
{
    struct archive_conf conf = {
        .cursor = live_cursor(t, NULL),
        .hook = t->world.archive,
        .journal_id = t->journal_id,
    };
    struct why why = {""};

    if (!conf.hook.begin)
        return 0;
    t->archive = archive_new(&conf, &why);
    if (!t->archive)
        log_error("%s", why.text);
    return t->archive ? 0 : PERSIST_EXIT_OPEN;
}

/* The last transaction that nobody will ask the journal for. */
static u64 journal_passed(void *ctx)
{
    const struct topology *t = ctx;
    u64 passed = durable_get(shadow_passed(t->shadow));

    if (t->archive)
        passed = min_u64(passed, durable_get(archive_passed(t->archive)));
    for (u32 i = 0; i < t->exporter.lanes_used; i++)
        passed = min_u64(passed, metric_get(&t->exporter.lanes[i].m_mark_seq));
    return passed;
}

static void gateways_make(struct topology *t)
{
    store_memory_init(&t->stores, &t->mem, t->conf.gateway.accounts_max,
                      t->conf.gateway.store_chunks, t->conf.gateways,
                      UNDURABLE_SLOTS(t->conf.persist.buffer_blocks));
    rates_memory_init(&t->rates, &t->mem, t->conf.gateway.accounts_max, t->conf.gateway.rates_each,
                      t->conf.gateway.seed + 5);
    for (u32 g = 0; g < t->conf.gateways; g++) {
        struct gateway_conf conf = t->conf.gateway;
        struct gateway_rings rings = {
            .cmd = &t->rings.cmd[g],
            .events = &t->rings.events[g],
            .auth_requests = &t->rings.auth_requests[g],
            .auth_answers = &t->rings.auth_answers[g],
            .reader_requests = &t->rings.reader_requests[g],
            .reader_answers = &t->rings.reader_answers[g],
            .durable_seq = &persist_durable(t->persist)->seq,
            .space_level = persist_space_level(t->persist),
            .terms = &t->terms[g],
            .stores = &t->stores,
            .rates = &t->rates,
            .stamps = t->stamps ? t->stamps->gateways[g] : NULL,
        };
        conf.index = (u16)g;
        mem_node(&t->mem, t->conf.nodes.gateways[g]);
        t->gateways[g] = gateway_new(&conf, &rings, t->world.transports[g], &t->mem);
        reader_attach(t->reader, g, rings.reader_requests, rings.reader_answers);
        if (t->world.auth)
            auth_attach(t->world.auth, rings.auth_requests, rings.auth_answers);
    }
}

static void engine_join(struct topology *t)
{
    struct engine_rings rings = {
        .tx = &t->rings.tx,
        .answers = &t->rings.admin_answers,
        .stamps = t->stamps,
    };

    for (u32 g = 0; g < t->conf.gateways; g++) {
        rings.cmd[rings.cmd_used++] = &t->rings.cmd[g];
        rings.events[rings.events_used++] = &t->rings.events[g];
    }
    rings.cmd[rings.cmd_used++] = &t->rings.admin_cmd;
    engine_attach(t->engine, &rings);
}

static void agent_add(struct topology *t, const char *name, int (*do_work)(void *, u64), void *self,
                      u64 turn_limit_ns)
{
    ASSERT_LT(t->agents_used, TOPOLOGY_AGENTS_MAX);
    agent_init(&t->agents[t->agents_used++], name, do_work, self, turn_limit_ns);
}

#define HOT_TURN_LIMIT_NS NS_PER_MS

static void agents_add(struct topology *t)
{
    static const char *const gateway_names[] = {
        "gateway",   "gateway1",  "gateway2",  "gateway3",  "gateway4",  "gateway5",
        "gateway6",  "gateway7",  "gateway8",  "gateway9",  "gateway10", "gateway11",
        "gateway12", "gateway13", "gateway14", "gateway15",
    };
    _Static_assert(ARRAY_LEN(gateway_names) == GATEWAYS_MAX, "a name for each");

    for (u32 g = 0; g < t->conf.gateways; g++)
        agent_add(t, gateway_names[g], gateway_do_work, t->gateways[g], HOT_TURN_LIMIT_NS);
    agent_add(t, "engine", engine_do_work, t->engine, HOT_TURN_LIMIT_NS);
    agent_add(t, "persist", persist_do_work, t->persist, HOT_TURN_LIMIT_NS);
    agent_add(t, "segments", persist_segments_do_work, t->persist, 0);
    agent_add(t, "reader", reader_do_work, t->reader, 0);
    if (t->shadow)
        agent_add(t, "snapshots", shadow_do_work, t->shadow, 0);
    if (t->archive)
        agent_add(t, "archive", archive_do_work, t->archive, 0);
    agent_add(t, "export", export_do_work, &t->exporter, 0);
    agent_add(t, "admin", admin_do_work, &t->admin, 0);
    if (t->world.auth)
        agent_add(t, "auth", auth_do_work, t->world.auth, 0);
}

static void agent_metrics(const struct agent *a)
{
    char labels[48];

    snprintf(labels, sizeof labels, "agent=\"%s\"", a->name);
    metrics_register("wirebook_agent_turns_total", labels, "Turns of the agent.", METRIC_COUNTER,
                     &a->turns);
    metrics_register("wirebook_agent_busy_seconds_total", labels,
                     "Time in turns that found something to do: against the clock, how full the "
                     "agent is, also where its thread spins.",
                     METRIC_COUNTER_NS, &a->busy_ns);
    metrics_register("wirebook_agent_turn_max_seconds", labels, "Longest turn.", METRIC_GAUGE_NS,
                     &a->turn_max_ns);
    metrics_register("wirebook_agent_turns_over_limit_total", labels,
                     "Turns longer than a millisecond, hot agents only.", METRIC_COUNTER,
                     &a->turns_over_limit);
}

static void ring_metrics(const struct ring *r, u32 index)
{
    char labels[48];

    snprintf(labels, sizeof labels, "ring=\"%s\",index=\"%u\"", r->name, index);
    metrics_register("wirebook_ring_used_max_slots", labels,
                     "Most slots of the ring that were in use at once.", METRIC_GAUGE,
                     &r->used_max);
    metrics_register_difference("wirebook_ring_used_slots", labels, "Slots of the ring in use now.",
                                ring_end(r), ring_begin(r));
    metrics_register("wirebook_ring_slots", labels, "Slots that the ring has.", METRIC_GAUGE,
                     ring_size(r));
}

static void metrics_add(struct topology *t)
{
    struct topology_rings *r = &t->rings;

    for (u32 i = 0; i < t->agents_used; i++)
        agent_metrics(&t->agents[i]);
    for (u32 g = 0; g < t->conf.gateways; g++) {
        struct ring *const of_gateway[] = {
            &r->cmd[g],          &r->events[g],          &r->auth_requests[g],
            &r->auth_answers[g], &r->reader_requests[g], &r->reader_answers[g]};
        for (u32 i = 0; i < ARRAY_LEN(of_gateway); i++)
            ring_metrics(of_gateway[i], g);
    }
    ring_metrics(&r->admin_cmd, 0);
    ring_metrics(&r->admin_answers, 0);
    ring_metrics(&r->tx, 0);
    ring_metrics(&r->reader_tap, 0);
    for (u32 s = 0; s < t->world.sinks_used; s++)
        ring_metrics(&r->sink_taps[s], 0);
    admin_register_metrics(&t->admin);
}

int topology_build(struct topology *t, const struct topology_conf *conf,
                   const struct topology_world *world, u64 now_ns)
{
    int rc;

    ASSERT(conf->journal_id > 0 && conf->process_id > 0);
    memset(t, 0, sizeof *t);
    t->conf = *conf;
    t->world = *world;
    conf_agree(&t->conf);
    mem_init(&t->mem, conf->mem_flags);
    mem_init(&t->engine_mem, conf->mem_flags);
    rings_init(t);
    rc = engine_recover(t);
    t->journal_id = engine_journal_id(t->engine);
    if (t->journal_id == 0)
        t->journal_id = conf->journal_id;
    if (rc == 0)
        rc = persist_make(t);
    if (rc == 0)
        rc = archive_make(t);
    if (rc != 0)
        return rc;
    mem_node(&t->mem, -1);
    if (conf->stages) {
        t->stamps = stamps_new(&t->mem, t->conf.gateways, conf->stages_skip, conf->stages_users);
        persist_stamp(t->persist, t->stamps);
    }
    export_make(t);
    if (t->shadow && conf->keep_segments > 0)
        persist_recycle(t->persist, conf->keep_segments, journal_passed, t);
    gateways_make(t);
    mem_node(&t->mem, -1);
    engine_join(t);
    admin_init(&t->admin, &conf->admin, &t->rings.admin_cmd, engine_day_gauge(t->engine),
               engine_day_last(t->engine), now_ns);
    admin_follow(&t->admin, &t->conf.schedule, engine_phase_gauge(t->engine),
                 engine_course_gauge(t->engine), now_ns);
    agents_add(t);
    metrics_add(t);
    return 0;
}

struct cursor_conf topology_cursor(struct topology *t)
{
    return live_cursor(t, NULL);
}

struct agent *topology_agent(struct topology *t, const char *name)
{
    for (u32 i = 0; i < t->agents_used; i++)
        if (strcmp(t->agents[i].name, name) == 0)
            return &t->agents[i];
    return NULL;
}

void topology_free(struct topology *t)
{
    if (t->exporter.lanes_used > 0)
        export_close(&t->exporter);
    for (u32 s = 0; s < t->world.sinks_used; s++)
        export_cursor_close(&t->cursors[s]);
    if (t->reader)
        reader_free(t->reader);
    if (t->archive)
        archive_free(t->archive);
    if (t->shadow)
        shadow_free(t->shadow);
    if (t->persist)
        persist_free(t->persist);
    mem_free_all(&t->engine_mem);
    mem_free_all(&t->mem);
    memset(t, 0, sizeof *t);
}
