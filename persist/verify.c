/*
 * verify.c - see verify.h.
 *
 *   blocks ─replay_run─▶ a transaction ─▶ engine_apply on one engine, as recovery does it
 *                                    ╰─▶ engine_step of its command on another ─▶ the same bytes?
 *
 * Enters: a directory. Leaves: a report for a person. Cold; reads only, so it may run beside the
 * venue; then it sees what was written up to now. Failure modes: those of replay.c; a command that
 * gives other events is shown beside what the journal has, and ends the run.
 */
#include "persist/verify.h"

#include <inttypes.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/msg/msg.h"
#include "persist/replay.h"
#include "persist/segment_file.h"
#include "persist/tx_builder.h"

static void sizes_add(struct engine_conf *sizes, const struct msg_start *m)
{
    sizes->accounts_max = max_u32(sizes->accounts_max, min_u32(m->accounts_max, ACCOUNTS_MAX));
    sizes->instruments_max =
        max_u32(sizes->instruments_max, min_u32(m->instruments_max, INSTRUMENTS_MAX));
    sizes->orders_max = max_u32(sizes->orders_max, min_u32(m->orders_max, ORDERS_MAX));
}

/* What the transaction says of sizes. False: no CMD_START comes behind it. */
static bool sizes_take(const struct tx_builder *t, struct engine_conf *sizes)
{
    const union msg *m = (const union msg *)(const void *)t->slots;

    if (m->cmd.type == CMD_START && !msg_check(t->slots, t->used))
        sizes_add(sizes, &m->start);
    return m->cmd.type == CMD_CONTINUE || m->cmd.type == CMD_TICK;
}

/*
 * The sizes that the CMD_START at the beginning of the open segment says, if there is one. Before
 * it stands only what the engine does by itself: long work that a crash has left, what was due.
 */
static void sizes_find(struct segment_file *f, u32 shard, struct engine_conf *sizes)
{
    struct tx_builder t = {.used = 0};
    enum tx_builder_status s = TX_BUILDER_BLOCK;
    const struct block *b;
    const char *what;

    for (u64 i = 0; s == TX_BUILDER_BLOCK && segment_file_block(f, i, false, &b) == 0; i++) {
        if (block_check(b, shard) || b->head.segment != f->segment)
            return;
        tx_builder_block(&t, b);
        while ((s = tx_builder_next(&t, &what)) == TX_BUILDER_TX)
            if (!sizes_take(&t, sizes))
                return;
    }
}

/* The largest sizes that any process had: each one's own come as limits with its CMD_START. */
void verify_sizes(struct disk *d, u32 shard, struct engine_conf *sizes)
{
    struct catalog c;

    sizes->accounts_max = sizes->instruments_max = sizes->orders_max = 1;
    if (!catalog_init(&c, d, shard))
        return;
    u32 used = catalog_load(&c) == 0 ? c.used : 0;
    for (u32 i = 0; i < used; i++)
        if (segment_file_open(&c.peek, c.entries[i].segment, c.entries[i].bytes) == 0)
            sizes_find(&c.peek, shard, sizes);
    catalog_free(&c);
}

struct verify {
    struct engine *applied; /* as recovery does it */
    struct engine *again;   /* runs the commands */
    struct tx out;
    u64 types[256];
    FILE *report;
};

static void print_both(FILE *f, const struct tx *now, const struct slot *tx, u32 used)
{
    u32 a = 0;
    u32 b = 0;

    while (a < used || b < now->used) {
        const union msg *x = (const union msg *)(const void *)&tx[a];
        const union msg *y = (const union msg *)(const void *)&now->slots[b];
        bool same = a < used && b < now->used && msg_slots(x) == msg_slots(y) &&
                    memcmp(x, y, msg_slots(x) * SLOT_BYTES) == 0;
        if (a < used) {
            fputs(same ? "  both    " : "  journal ", f);
            msg_print(f, x);
            a += msg_slots(x);
        }
        if (b < now->used) {
            if (!same) {
                fputs("  again   ", f);
                msg_print(f, y);
            }
            b += msg_slots(y);
        }
    }
}

/* Runs the transaction's command again. False: it makes no event now. */
static bool run_again(struct verify *v, const union msg *journalled)
{
    union msg cmd;
    u64 now_ns = journalled->cmd.time_ns;

    if (engine_busy(v->again)) {
        engine_continue(v->again, now_ns, &v->out);
        return true;
    }
    memcpy(&cmd, journalled, msg_slots(journalled) * SLOT_BYTES);
    cmd.cmd.seq = 0; /* as it was before the engine numbered it */
    cmd.cmd.time_ns = 0;
    v->out.used = 0;
    return engine_step(v->again, &cmd, now_ns, &v->out);
}

static const char *verify_tx(void *ctx, const struct slot *tx, u32 used)
{
    struct verify *v = ctx;
    const char *what = engine_apply(v->applied, tx, used);

    if (what)
        return what;
    for (u32 at = 0; at < used; at += msg_slots(&tx[at]))
        v->types[((const u8 *)&tx[at])[0]]++;
    bool made = run_again(v, (const union msg *)(const void *)tx);
    if (made && v->out.used == used && memcmp(v->out.slots, tx, used * SLOT_BYTES) == 0)
        return NULL;
    if (!made)
        v->out.used = 0;
    fprintf(v->report, "this engine makes something else of a command:\n");
    print_both(v->report, &v->out, tx, used);
    return "run again, the command gives other events (another version, or other pool sizes)";
}

/* A pool is too small: which option gives a larger one. */
static bool verify_unfit(void *ctx, struct why *why)
{
    const struct verify *v = ctx;
    const struct engine_unfit *u = engine_unfit(v->applied);

    if (!u->pool)
        return false;
    why_set(why, "the journal holds more than the %s of %u that its processes say they had",
            u->pool, u->max);
    return true;
}

static void print_result(const struct verify *v, const struct replay_result *r)
{
    FILE *f = v->report;

    fprintf(f,
            "segments     %" PRIu64 "\nblocks       %" PRIu64 "\nepochs       %" PRIu64
            " (highest %" PRIu64 ")\ntransactions %" PRIu64 " (last %" PRIu64 ")\n",
            r->segments, r->blocks, r->epochs, r->max_epoch, r->transactions, r->last_seq);
    fprintf(f, "journal      %016" PRIx64 "\n", engine_journal_id(v->applied));
    for (u32 type = 0; type < 256; type++) {
        if (v->types[type] > 0)
            fprintf(f, "  %-18s %" PRIu64 "\n", msg_type_name((u8)type), v->types[type]);
    }
    fprintf(f, "earlier cuts with an incomplete transaction: %u\n", r->dropped_partial_tx);
    if (r->cut)
        fprintf(f,
                "torn tail at segment %" PRIx64 ", block %" PRIu64 " (%s): %" PRIu64
                " bytes and %u slots to be dropped by the next start\n",
                r->cut_segment, r->cut_block, r->cut_what, r->cut_bytes, r->cut_slots);
    fprintf(f, "day          %u\nopen orders  %u\n", engine_day(v->applied),
            engine_open_orders(v->applied));
    fprintf(f, "state hash   %016" PRIx64 "\n", engine_state_hash(v->applied));
}

/*
 * The first segments have been used again: the commands cannot be run, but every block that is left
 * can be looked at. Always false.
 */
static bool blocks_only(const struct replay_conf *conf, FILE *report, struct why *why)
{
    struct replay_conf blocks = {.disk = conf->disk, .shard = conf->shard, .quiet = true};
    struct replay_result at;

    if (replay_run(&blocks, &at, why) != REPLAY_OK)
        return false;
    fprintf(report, "blocks       %" PRIu64 ", all whole, from segment %" PRIx64 " on\n", at.blocks,
            at.first_segment);
    return why_set(why,
                   "the journal begins with segment %" PRIx64 ": to run its commands again, "
                   "copy the segments before it back from the archive",
                   at.first_segment);
}

bool verify_run(struct disk *d, u32 shard, FILE *report, struct why *why)
{
    struct verify v = {.report = report};
    struct engine_conf engine = {.gateways = GATEWAYS_MAX};
    struct replay_conf conf = {.disk = d,
                               .shard = shard,
                               .apply = verify_tx,
                               .unfit = verify_unfit,
                               .ctx = &v,
                               .whole = true,
                               .quiet = true};
    struct replay_result result;
    struct mem mem;

    mem_init(&mem, 0);
    verify_sizes(d, shard, &engine);
    v.applied = engine_new(&engine, &mem);
    v.again = engine_new(&engine, &mem);
    enum replay_status s = replay_run(&conf, &result, why);
    bool ok = s == REPLAY_OK;
    if (s == REPLAY_FAILED && result.first_segment > 1)
        blocks_only(&conf, report, why);
    if (ok) {
        print_result(&v, &result);
        if (engine_state_hash(v.applied) != engine_state_hash(v.again))
            ok = why_set(why, "the state after applying the events is not the state after running "
                              "the commands: a bug in the engine");
    }
    mem_free_all(&mem);
    return ok;
}
