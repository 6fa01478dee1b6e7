/*
 * wirebook-journal - looks at a journal: prints its transactions, or verifies all of it.
 *
 * Only reads, so it may run beside the venue; then it sees what was written up to now. `verify`
 * does what recovery does (replay.c) and, beside it, runs every command again through a second,
 * fresh engine: the events must come out byte for byte, and both engines must end in the same
 * state.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/engine.h"
#include "engine/msg/msg.h"
#include "persist/cursor.h"
#include "persist/directory.h"
#include "persist/journal_format.h"
#include "persist/replay.h"
#include "persist/segment_file.h"

static const char help[] =
    "wirebook-journal - look at a journal\n"
    "\n"
    "  wirebook-journal print [--from SEQ] [--to SEQ] DIR    every message, one a line\n"
    "  wirebook-journal verify DIR                           check every block, run every command "
    "again\n"
    "\n"
    "Options:\n"
    "  --from SEQ         first transaction, default 1\n"
    "  --to SEQ           last transaction, default the last one there is\n"
    "  --shard N          default: what the first block says\n"
    "  --help\n"
    "\n"
    "Exit codes: 0 all is well, 1 damage, a difference, or a journal that cannot be read, 2 "
    "options "
    "that make no\n"
    "sense.\n";

struct options {
    const char *verb;
    const char *dir;
    u64 from;
    u64 to;
    u64 shard; /* UINT64_MAX: to be found */
};

/* ---- options ---- */

static bool number(const char *text, u64 min, u64 max, u64 *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-' && *out >= min &&
           *out <= max;
}

static int usage(const char *what, const char *value)
{
    fprintf(stderr, "wirebook-journal: %s%s; wirebook-journal --help says what there is\n", what,
            value);
    return 2;
}

/* 0, or the exit code; 100 after --help. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option list[] = {
        {"from", required_argument, NULL, 'f'},
        {"to", required_argument, NULL, 't'},
        {"shard", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    bool ok = true;
    int c;

    while (ok && (c = getopt_long(argc, argv, "", list, NULL)) != -1) {
        switch (c) {
        case 'f':
            ok = number(optarg, 1, UINT64_MAX, &o->from);
            break;
        case 't':
            ok = number(optarg, 1, UINT64_MAX, &o->to);
            break;
        case 's':
            ok = number(optarg, 0, UINT32_MAX, &o->shard);
            break;
        case 'h':
            fputs(help, stdout);
            return 100;
        default:
            return 2; /* getopt has said it */
        }
    }
    if (!ok)
        return usage("out of range: ", optarg);
    if (argc - optind != 2)
        return usage("a verb and a directory are wanted", "");
    o->verb = argv[optind];
    o->dir = argv[optind + 1];
    if (strcmp(o->verb, "print") != 0 && strcmp(o->verb, "verify") != 0)
        return usage("no such verb: ", o->verb);
    return 0;
}

/* ---- the directory ---- */

/* The shard that the oldest segment's first block names; 0 when it names none. */
static u32 find_shard(struct disk *d)
{
    struct catalog c;
    const struct block *b;
    u32 shard = 0;

    if (!catalog_init(&c, d, 0))
        return 0;
    if (catalog_load(&c) == 0 && c.used > 0 &&
        segment_file_open(&c.peek, c.entries[0].segment, c.entries[0].bytes) == 0 &&
        segment_file_block(&c.peek, 0, false, &b) == 0 && b->head.magic == JOURNAL_MAGIC)
        shard = b->head.shard;
    catalog_free(&c);
    return shard;
}

/* ---- print ---- */

static void print_tx(const struct cursor_tx *tx)
{
    for (u32 at = 0; at < tx->used; at += msg_slots(&tx->slots[at])) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[at];
        const char *what = msg_check(&tx->slots[at], tx->used - at);
        fputs(at == 0 ? "" : "  ", stdout);
        if (what)
            printf("type=0x%02x: %s\n", m->cmd.type, what);
        else
            msg_print(stdout, m);
    }
}

static int print(const struct options *o, struct disk *d)
{
    struct cursor_conf conf = {.disk = d, .shard = (u32)o->shard};
    struct cursor *c = cursor_new(&conf, o->from);
    struct cursor_tx tx;
    enum cursor_status s = CURSOR_WAIT;
    u64 epoch = 0;

    while (cursor_seq(c) <= o->to && (s = cursor_next(c, &tx)) == CURSOR_TX) {
        if (tx.epoch != epoch)
            printf("# epoch %" PRIu64 ", block %" PRIu64 "\n", tx.epoch, tx.block);
        epoch = tx.epoch;
        print_tx(&tx);
    }
    if (s == CURSOR_GONE || s == CURSOR_ERROR)
        fprintf(stderr, "wirebook-journal: %s; try wirebook-journal verify\n", cursor_why(c));
    else if (s == CURSOR_WAIT &&
             (strstr(cursor_why(c), "checksum") || strstr(cursor_why(c), "magic")))
        fprintf(stderr, "wirebook-journal: ends at %s; verify tells a torn tail from damage\n",
                cursor_why(c));
    cursor_free(c);
    return s == CURSOR_GONE || s == CURSOR_ERROR ? 1 : 0;
}

/* ---- verify ---- */

/* The sizes that a process' CMD_START says, the first message of its first segment. */
static void sizes_add(struct engine_conf *sizes, const struct block *b)
{
    const union msg *m = (const union msg *)(const void *)b->slots;

    if (m->cmd.type != CMD_START || msg_check(b->slots, b->head.slots_used))
        return;
    sizes->accounts_max =
        max_u32(sizes->accounts_max, min_u32(m->start.accounts_max, ACCOUNTS_MAX));
    sizes->instruments_max =
        max_u32(sizes->instruments_max, min_u32(m->start.instruments_max, INSTRUMENTS_MAX));
    sizes->orders_max = max_u32(sizes->orders_max, min_u32(m->start.orders_max, ORDERS_MAX));
}

/* The largest sizes that any process had: each one's own come as limits with its CMD_START. */
static void find_sizes(struct disk *d, u32 shard, struct engine_conf *sizes)
{
    struct catalog c;
    const struct block *b;

    sizes->accounts_max = sizes->instruments_max = sizes->orders_max = 1;
    if (!catalog_init(&c, d, shard))
        return;
    u32 used = catalog_load(&c) == 0 ? c.used : 0;
    for (u32 i = 0; i < used; i++) {
        if (segment_file_open(&c.peek, c.entries[i].segment, c.entries[i].bytes) == 0 &&
            segment_file_block(&c.peek, 0, false, &b) == 0 && !block_check(b, shard))
            sizes_add(sizes, b);
    }
    catalog_free(&c);
}

struct verify {
    struct engine *applied; /* as recovery does it */
    struct engine *again;   /* runs the commands */
    struct tx out;
    u64 types[256];
    bool differs;
};

static void print_both(const struct tx *now, const struct slot *tx, u32 used)
{
    u32 a = 0;
    u32 b = 0;

    while (a < used || b < now->used) {
        const union msg *x = (const union msg *)(const void *)&tx[a];
        const union msg *y = (const union msg *)(const void *)&now->slots[b];
        bool same = a < used && b < now->used && msg_slots(x) == msg_slots(y) &&
                    memcmp(x, y, msg_slots(x) * SLOT_BYTES) == 0;
        if (a < used) {
            fputs(same ? "  both    " : "  journal ", stderr);
            msg_print(stderr, x);
            a += msg_slots(x);
        }
        if (b < now->used) {
            if (!same) {
                fputs("  again   ", stderr);
                msg_print(stderr, y);
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
    v->differs = true;
    if (!made)
        v->out.used = 0;
    fprintf(stderr, "wirebook-journal: this engine makes something else of a command:\n");
    print_both(&v->out, tx, used);
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
    printf("segments     %" PRIu64 "\nblocks       %" PRIu64 "\nepochs       %" PRIu64
           " (highest %" PRIu64 ")\ntransactions %" PRIu64 " (last %" PRIu64 ")\n",
           r->segments, r->blocks, r->epochs, r->max_epoch, r->transactions, r->last_seq);
    printf("journal      %016" PRIx64 "\n", engine_journal_id(v->applied));
    for (u32 type = 0; type < 256; type++) {
        if (v->types[type] > 0)
            printf("  %-18s %" PRIu64 "\n", msg_type_name((u8)type), v->types[type]);
    }
    printf("earlier cuts with an incomplete transaction: %u\n", r->dropped_partial_tx);
    if (r->cut)
        printf("torn tail at segment %" PRIx64 ", block %" PRIu64 " (%s): %" PRIu64
               " bytes and %u slots to be dropped by the next start\n",
               r->cut_segment, r->cut_block, r->cut_what, r->cut_bytes, r->cut_slots);
    printf("day          %u\nopen orders  %u\n", engine_day(v->applied),
           engine_open_orders(v->applied));
    printf("state hash   %016" PRIx64 "\n", engine_state_hash(v->applied));
}

static int verify(const struct options *o, struct disk *d)
{
    static struct verify v;
    struct engine_conf engine = {.gateways = GATEWAYS_MAX};
    struct replay_conf conf = {
        .disk = d, .shard = (u32)o->shard, .apply = verify_tx, .unfit = verify_unfit, .ctx = &v};
    struct replay_result result;
    struct why why;
    struct mem mem;

    log_level_set(LOG_WARN);
    mem_init(&mem, 0);
    find_sizes(d, (u32)o->shard, &engine);
    v.applied = engine_new(&engine, &mem);
    v.again = engine_new(&engine, &mem);
    if (replay_run(&conf, &result, &why) != REPLAY_OK) {
        fprintf(stderr, "wirebook-journal: %s\n", why.text);
        return 1;
    }
    print_result(&v, &result);
    if (engine_state_hash(v.applied) != engine_state_hash(v.again)) {
        fprintf(stderr, "wirebook-journal: the state after applying the events is not the state "
                        "after running the commands: a bug in the engine\n");
        return 1;
    }
    mem_free_all(&mem);
    puts("verified: every block is whole, every command gives the same events again");
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {.from = 1, .to = UINT64_MAX, .shard = UINT64_MAX};
    struct why why;

    clock_init();
    int rc = parse(argc, argv, &o);
    if (rc)
        return rc == 100 ? 0 : rc;
    struct disk *d = directory_new(o.dir, &why);
    if (!d) {
        fprintf(stderr, "wirebook-journal: %s\n", why.text);
        return 1;
    }
    if (o.shard == UINT64_MAX)
        o.shard = find_shard(d);
    rc = strcmp(o.verb, "print") == 0 ? print(&o, d) : verify(&o, d);
    d->ops->free(d);
    return rc;
}
