/*
 * recovery.c - see recovery.h.
 *
 *   newest snapshot ─no─▶ the one before ─no─▶ an empty engine
 *        │ yes                │ yes                 │
 *        ╰────────────────────┴──▶ replay of what stands behind it in the journal
 *
 * Failure modes: those of replay.c. Besides: a snapshot that has seen more than the journal holds
 * is a witness that the journal has lost something: damage. And when neither a snapshot can be used
 * nor the journal's beginning is there any more, there is no start; the line says what to do.
 */
#include "persist/recovery.h"

#include <inttypes.h>
#include <string.h>

#include "engine/base/log.h"
#include "persist/snapshot.h"

/* Pools of other sizes have another place for everything. */
static bool sizes_agree(const struct engine_conf *have, const struct engine_conf *want, u64 seq,
                        struct why *why)
{
    if (have->accounts_max == want->accounts_max && have->orders_max == want->orders_max &&
        have->instruments_max == want->instruments_max)
        return true;
    return why_set(why,
                   "snapshot of transaction %" PRIu64
                   ": made with engine.accounts_max %u, instruments_max %u, orders_max %u",
                   seq, have->accounts_max, have->instruments_max, have->orders_max);
}

/* Snapshot `i` of the list into a new engine. False: `why`, and there is none. */
static bool try_one(const struct recovery_conf *conf, const struct snapshot_list *list, u32 i,
                    struct snapshot *s, struct mem *m, struct engine **engine, struct why *why)
{
    if (!snapshot_head(conf->disk, list, i, s, why) ||
        !sizes_agree(&s->engine, &conf->engine, s->seq, why))
        return false;
    if (s->shard != conf->shard)
        return why_set(why, "snapshot of transaction %" PRIu64 ": of shard %u", s->seq, s->shard);
    i32 node = m->node;
    *engine = engine_new(&s->engine, m);
    if (snapshot_load(conf->disk, list, i, s, m, *engine, why)) {
        engine_gateways_set(*engine, conf->engine.gateways);
        return true;
    }
    mem_free_all(m);
    mem_node(m, node);
    return false;
}

/* The newest good one. False: there is none. */
static bool find(const struct recovery_conf *conf, struct snapshot *s, struct mem *m,
                 struct engine **engine)
{
    struct snapshot_list list = {.used = 0};
    struct why why;

    if (conf->no_snapshots || snapshot_list(conf->disk, &list) != 0)
        return false;
    for (u32 i = 0; i < list.used; i++) {
        if (try_one(conf, &list, i, s, m, engine, &why)) {
            if (!conf->quiet)
                log_info("journal: goes on from the snapshot of transaction %" PRIu64, s->seq);
            return true;
        }
        log_warn("%s; it is not used: %s", why.text,
                 i + 1 < list.used ? "trying the one before" : "reading the whole journal");
    }
    return false;
}

enum replay_status recovery_run(const struct recovery_conf *conf, struct mem *m,
                                struct engine **engine, struct replay_result *result,
                                struct why *why)
{
    struct snapshot s;
    struct replay_conf replay = {
        .disk = conf->disk,
        .shard = conf->shard,
        .apply = replay_into_engine,
        .unfit = replay_unfit_engine,
        .whole = true,
        .quiet = conf->quiet,
    };

    if (find(conf, &s, m, engine))
        replay.from = (struct replay_from){s.seq, s.block, s.day_seq};
    else
        *engine = engine_new(&conf->engine, m);
    replay.ctx = *engine;
    return replay_run(&replay, result, why);
}
