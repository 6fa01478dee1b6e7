/*
 * repair_lost.c - see repair_impl.h: what can still be read behind the cut, as JSON lines. Cold.
 *
 *   the original's blocks, whole ones ─▶ tx_builder, begun anew at each hole ─▶ dump.h
 *
 * What an earlier start had cut already (a later segment begins at or before the block) never
 * happened and is not shown.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "persist/dump.h"
#include "persist/repair_impl.h"
#include "persist/tx_builder.h"

struct lost {
    struct repair *r;
    struct dump dump;
    struct tx_builder builder;
    u64 last;    /* transaction that is left */
    u64 expects; /* number of the next block; 0: any */
    u64 blocks;  /* behind the cut, whole */
    u64 bad;     /* ... not whole, and not empty */
    u64 durable; /* highest block that any of them calls durable */
    u64 txs, first_seq, last_seq;
    u64 told; /* messages for clients */
};

static bool is_good(const struct tx_builder *b)
{
    for (u32 at = 0; at < b->used; at += msg_slots(&b->slots[at]))
        if (msg_check(&b->slots[at], b->used - at))
            return false;
    return true;
}

static void take(struct lost *l)
{
    const struct tx_builder *b = &l->builder;
    u64 seq = tx_builder_seq(b);

    if (seq <= l->last || !is_good(b))
        return;
    dump_tx(&l->dump, b->slots, b->used);
    l->txs++;
    l->first_seq = l->first_seq ? min_u64(l->first_seq, seq) : seq;
    l->last_seq = max_u64(l->last_seq, seq);
    for (u32 at = 0; at < b->used; at += msg_slots(&b->slots[at])) {
        const union msg *m = (const union msg *)(const void *)&b->slots[at];
        l->told += !msg_is_command(m->ev.type) && m->ev.session_seq != 0;
    }
}

static void take_block(struct lost *l, const struct block *b)
{
    const char *what;

    if (l->expects != b->head.block)
        tx_builder_reset(&l->builder);
    l->expects = b->head.block + 1;
    l->durable = max_u64(l->durable, b->head.durable_block);
    tx_builder_block(&l->builder, b);
    for (;;) {
        switch (tx_builder_next(&l->builder, &what)) {
        case TX_BUILDER_TX:
            take(l);
            break;
        case TX_BUILDER_BLOCK:
            return;
        case TX_BUILDER_BAD:
            tx_builder_reset(&l->builder);
            l->expects = 0;
            return;
        }
    }
}

/* All blocks of the open segment, which begins with block `first`, that stand behind the cut and
 * before `limit`. */
static void take_segment(struct lost *l, struct segment_file *f, u64 first, u64 limit)
{
    const struct block *b;

    for (u64 i = 0; segment_file_block(f, i, false, &b) == 0; i++) {
        if (block_is_zero(b) || first + i < l->r->blocks_left)
            continue;
        if (block_check(b, l->r->conf->shard) || b->head.segment != f->segment) {
            l->bad++;
            continue;
        }
        if (b->head.block >= limit || b->head.block < l->r->blocks_left)
            continue; /* cut by an earlier start; kept */
        l->blocks++;
        take_block(l, b);
    }
}

static void take_all(struct lost *l)
{
    struct catalog c;
    struct segment_file f;
    bool ok = catalog_init(&c, l->r->disk, l->r->conf->shard);

    ok = segment_file_init(&f, l->r->disk) && ok && catalog_load(&c) == 0;
    for (u32 i = 0; ok && i < c.used; i++) {
        struct segment_entry *e;
        u64 limit = UINT64_MAX;
        u64 first = l->r->blocks_left; /* where its head is gone, too */
        if (catalog_entry(&c, i, &e) == 0 && e->state == SEGMENT_USED)
            first = e->head.block;
        if (i + 1 < c.used && catalog_entry(&c, i + 1, &e) == 0 && e->state == SEGMENT_USED)
            limit = e->head.block;
        if (segment_file_open(&f, c.entries[i].segment, c.entries[i].bytes) == 0)
            take_segment(l, &f, first, limit);
    }
    segment_file_free(&f);
    catalog_free(&c);
}

static void names_fill(struct lost *l)
{
    const struct engine *e = l->r->engine;
    union msg m; /* the engine's copies are not aligned as slots are */

    for (u32 id = 1; id <= engine_accounts(e); id++) {
        m.account = *engine_account(e, id);
        export_names_note(&l->dump.names, &m);
    }
    for (u32 id = 1; id <= engine_instruments(e); id++) {
        m.instrument = *engine_instrument(e, (u16)id);
        export_names_note(&l->dump.names, &m);
    }
}

static void say(const struct lost *l, FILE *f)
{
    fprintf(f,
            "behind it   %" PRIu64 " whole blocks, %" PRIu64 " damaged ones; up to block %" PRIu64
            " all were durable, so what they say may have been acknowledged\n",
            l->blocks, l->bad, l->durable);
    if (l->txs == 0) {
        fprintf(f, "lost        no transaction of them can be read\n");
        return;
    }
    fprintf(f,
            "lost        %" PRIu64 " transactions of them can be read, %" PRIu64 " to %" PRIu64
            ", with %" PRIu64 " messages to clients: %s/" REPAIR_LOST "\n",
            l->txs, l->first_seq, l->last_seq, l->told, l->r->keep_path);
    u64 unread = l->last_seq - l->last - l->txs;
    if (unread > 0)
        fprintf(f, "            and %" PRIu64 " between them cannot\n", unread);
}

bool repair_lost(struct repair *r)
{
    struct lost l = {.r = r, .last = r->last_left};
    char path[REPAIR_PATH_MAX + 16];
    struct dump_conf conf = {.format = DUMP_JSON, .to_seq = UINT64_MAX, .until_ns = UINT64_MAX};
    struct mem mem;

    snprintf(path, sizeof path, "%s/" REPAIR_LOST, r->keep_path);
    conf.out = fopen(path, "wx");
    if (!conf.out)
        return why_set(r->why, "%s: %s", path, strerror(errno));
    mem_init(&mem, 0);
    bool ok = dump_init(&l.dump, &conf, &mem, r->why);
    if (ok) {
        names_fill(&l);
        take_all(&l);
        say(&l, r->conf->report);
        ok = dump_end(&l.dump, r->why);
    }
    mem_free_all(&mem);
    ok = ok && repair_own(r, path);
    if (fsync(fileno(conf.out)) < 0 || fclose(conf.out) != 0)
        ok = why_set(r->why, "%s: %s", path, strerror(errno));
    return ok;
}
