/*
 * wirebook-journal - looks at a journal: prints its transactions, exports them, verifies all of it;
 * repairs a damaged one when it is told to.
 *
 * All but `repair` only read, so they may run beside the venue; then they see what was written up
 * to now. What they do is told in print_tx here, and in dump.h, verify.h, repair.h.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/msg/msg.h"
#include "persist/cursor.h"
#include "persist/directory.h"
#include "persist/dump.h"
#include "persist/durable_mark.h"
#include "persist/journal_format.h"
#include "persist/repair.h"
#include "persist/replay.h"
#include "persist/segment_file.h"
#include "persist/verify.h"

static const char help[] =
    "wirebook-journal - look at a journal, export it, repair it\n"
    "\n"
    "  wirebook-journal print [--from SEQ] [--to SEQ] DIR    every message, one a line\n"
    "  wirebook-journal export [--format json|csv] [...] DIR every field by its name, for "
    "programs\n"
    "  wirebook-journal verify DIR                           check every block, run every command "
    "again\n"
    "  wirebook-journal repair [--yes --reason TEXT] DIR     cut a damaged journal so that it "
    "starts\n"
    "\n"
    "Options of print and export:\n"
    "  --from SEQ         first transaction, default 1\n"
    "  --to SEQ           last transaction, default the last one there is\n"
    "Options of export:\n"
    "  --format json|csv  JSON lines (default), or CSV with a header\n"
    "  --since TIME       first and last time, of the engine's clock: 2026-11-22, "
    "2026-11-22T14:30,\n"
    "  --until TIME         2026-11-22T14:30:00.123456789Z (all UTC), or @NANOSECONDS since 1970\n"
    "  --account USER     only messages that concern this account; #ID: by its number\n"
    "  --instrument SYM   only those that concern this instrument; #ID: by its number\n"
    "  --columns A,B,...  CSV: these columns in this order, default all\n"
    "Options of repair:\n"
    "  --yes              do it; without, only what is wrong and what would be done is said\n"
    "  --reason TEXT      why; kept in the journal, wanted with --yes\n"
    "Options of all:\n"
    "  --shard N          default: what the first whole block says\n"
    "  --help\n"
    "\n"
    "repair keeps the original files in DIR/damaged.N, with what is lost in lost.jsonl. Look for a "
    "whole\n"
    "copy in the archive first: a cut loses what was acknowledged behind it.\n"
    "\n"
    "Exit codes: 0 all is well, 1 damage, a difference, a journal that cannot be read, or a repair "
    "that\n"
    "was not done, 2 options that make no sense.\n";

struct options {
    const struct verb *verb;
    const char *dir;
    u64 shard; /* UINT64_MAX: to be found */
    struct dump_conf dump;
    bool yes;
    const char *reason;
};

/* A verb, and the options that only it and others like it have. */
struct verb {
    const char *name;
    const char *options; /* their letters below */
    int (*run)(const struct options *o, struct disk *d);
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

/* `text` as nanoseconds since 1970 UTC. False: it is no time. */
static bool moment(const char *text, u64 *out)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    struct tm tm;
    const char *end = NULL;

    if (text[0] == '@')
        return number(text + 1, 0, UINT64_MAX, out);
    for (u32 i = 0; i < ARRAY_LEN(formats) && !end; i++) {
        memset(&tm, 0, sizeof tm);
        end = strptime(text, formats[i], &tm);
    }
    i64 at = end ? timegm(&tm) : -1;
    if (at < 0)
        return false;
    *out = (u64)at * NS_PER_SEC;
    u64 digit = NS_PER_SEC;
    if (*end == '.' && isdigit((u8)end[1]))
        for (end++; isdigit((u8)*end) && digit > 1; end++)
            *out += (u64)(*end - '0') * (digit /= 10);
    return *end == '\0' || (*end == 'Z' && end[1] == '\0');
}

static bool format(const char *text, enum dump_format *out)
{
    *out = strcmp(text, "csv") == 0 ? DUMP_CSV : DUMP_JSON;
    return *out == DUMP_CSV || strcmp(text, "json") == 0;
}

static const struct verb verbs[];

static const struct verb *verb_find(const char *name)
{
    const struct verb *v = verbs;

    while (v->name && strcmp(v->name, name) != 0)
        v++;
    return v->name ? v : NULL;
}

/* The value of option `c`. False: out of range. */
static bool take(struct options *o, int c, const char *value)
{
    switch (c) {
    case 'f':
        return number(value, 1, UINT64_MAX, &o->dump.from_seq);
    case 't':
        return number(value, 1, UINT64_MAX, &o->dump.to_seq);
    case 's':
        return number(value, 0, UINT32_MAX, &o->shard);
    case 'F':
        return format(value, &o->dump.format);
    case 'S':
        return moment(value, &o->dump.since_ns);
    case 'U':
        return moment(value, &o->dump.until_ns);
    case 'a':
        o->dump.account = value;
        return true;
    case 'i':
        o->dump.instrument = value;
        return true;
    case 'c':
        o->dump.columns = value;
        return true;
    case 'y':
        return o->yes = true;
    default:
        o->reason = value;
        return value[0] != '\0';
    }
}

/* 0, or the exit code; 100 after --help. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option list[] = {
        {"from", required_argument, NULL, 'f'},
        {"to", required_argument, NULL, 't'},
        {"shard", required_argument, NULL, 's'},
        {"format", required_argument, NULL, 'F'},
        {"since", required_argument, NULL, 'S'},
        {"until", required_argument, NULL, 'U'},
        {"account", required_argument, NULL, 'a'},
        {"instrument", required_argument, NULL, 'i'},
        {"columns", required_argument, NULL, 'c'},
        {"yes", no_argument, NULL, 'y'},
        {"reason", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    char seen[16] = "";
    int index = 0;
    int c;

    while ((c = getopt_long(argc, argv, "", list, &index)) != -1) {
        if (c == 'h') {
            fputs(help, stdout);
            return 100;
        }
        if (c == '?')
            return 2; /* getopt has said it */
        if (!take(o, c, optarg))
            return usage("out of range: ", optarg);
        if (!strchr(seen, c))
            seen[strlen(seen)] = (char)c;
    }
    if (argc - optind != 2)
        return usage("a verb and a directory are wanted", "");
    o->verb = verb_find(argv[optind]);
    o->dir = argv[optind + 1];
    if (!o->verb)
        return usage("no such verb: ", argv[optind]);
    for (u32 i = 0; seen[i]; i++)
        if (!strchr(o->verb->options, seen[i]))
            return usage("an option that is not for ", o->verb->name);
    if (o->dump.columns && o->dump.format != DUMP_CSV)
        return usage("--columns is for --format csv", "");
    return o->yes && !o->reason ? usage("--yes wants a --reason", "") : 0;
}

/* ---- the directory ---- */

/* The shard that the first whole block of the open segment names to `*shard`. False: none does. */
static bool shard_of(struct segment_file *f, u32 *shard)
{
    const struct block *b;

    for (u64 i = 0; segment_file_block(f, i, false, &b) == 0; i++) {
        *shard = b->head.shard;
        if (!block_check(b, *shard))
            return true;
    }
    return false;
}

/* The same of durable.mark, where all segments are gone. */
static bool shard_of_mark(struct disk *d, struct segment_file *f, u32 *shard)
{
    int file = d->ops->open(d, DURABLE_MARK_FILE, DISK_READ);
    i64 n = file < 0 ? file : d->ops->read(d, file, 0, f->buf, 2 * BLOCK_BYTES);
    const struct durable_record *r = (const void *)f->buf;
    bool found = false;

    for (i64 i = 0; i < n / (i64)BLOCK_BYTES && !found; i++) {
        *shard = r[i].shard;
        found = !durable_record_check(&r[i], *shard);
    }
    if (file >= 0)
        d->ops->close(d, file);
    return found;
}

/* The shard that what is whole says, from the oldest on; 0: nothing does. */
static u32 find_shard(struct disk *d)
{
    struct catalog c;
    bool found = false;
    u32 shard = 0;

    if (!catalog_init(&c, d, 0))
        return 0;
    u32 used = catalog_load(&c) == 0 ? c.used : 0;
    for (u32 i = 0; i < used && !found; i++)
        found = segment_file_open(&c.peek, c.entries[i].segment, c.entries[i].bytes) == 0 &&
                shard_of(&c.peek, &shard);
    found = found || shard_of_mark(d, &c.peek, &shard);
    catalog_free(&c);
    return found ? shard : 0;
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

/* Is this the journal's end? Judged as a start does, from the last transaction that was printed. */
static int print_end(const struct options *o, struct disk *d, const struct cursor_tx *last)
{
    struct replay_conf conf = {
        .disk = d, .shard = (u32)o->shard, .from = {last->seq, last->block, 0}, .quiet = true};
    struct replay_result at;
    struct why why;

    bool whole = replay_run(&conf, &at, &why) == REPLAY_OK;
    if (!whole)
        fprintf(stderr, "wirebook-journal: what was printed ends here: %s\n", why.text);
    else if (at.cut)
        fprintf(stderr,
                "wirebook-journal: ends at block %" PRIu64 " (%s): a torn tail, no damage\n",
                at.cut_block, at.cut_what);
    return !whole;
}

static int print(const struct options *o, struct disk *d)
{
    struct cursor_conf conf = {.disk = d, .shard = (u32)o->shard};
    struct cursor *c = cursor_new(&conf, o->dump.from_seq);
    struct cursor_tx tx = {.seq = 0};
    enum cursor_status s = CURSOR_TX;
    u64 epoch = 0;

    while (cursor_seq(c) <= o->dump.to_seq && (s = cursor_next(c, &tx)) == CURSOR_TX) {
        if (tx.epoch != epoch)
            printf("# epoch %" PRIu64 ", block %" PRIu64 "\n", tx.epoch, tx.block);
        epoch = tx.epoch;
        print_tx(&tx);
    }
    if (s == CURSOR_ERROR)
        fprintf(stderr, "wirebook-journal: %s; try wirebook-journal verify\n", cursor_why(c));
    else if (s == CURSOR_GONE)
        fprintf(stderr, "wirebook-journal: %s: --from %" PRIu64 "\n", cursor_why(c),
                cursor_oldest(c));
    int rc = s == CURSOR_WAIT ? print_end(o, d, &tx) : s != CURSOR_TX;
    cursor_free(c);
    return rc;
}

/* ---- export ---- */

static const char *export_tx(void *ctx, const struct slot *tx, u32 used)
{
    return dump_tx(ctx, tx, used) ? NULL : "nothing more is wanted";
}

/* After that it was enough: no damage. */
static bool export_enough(void *ctx, struct why *why)
{
    (void)ctx;
    (void)why;
    return true;
}

/* What recovery would take, judged as it does; so damage is named, and a torn tail is none. */
static int export(const struct options *o, struct disk *d)
{
    static struct dump dump;
    struct replay_conf conf = {.disk = d,
                               .shard = (u32)o->shard,
                               .apply = export_tx,
                               .unfit = export_enough,
                               .ctx = &dump,
                               .quiet = true};
    struct replay_result at;
    struct why why = {""};
    struct mem mem;

    mem_init(&mem, 0);
    bool ok = dump_init(&dump, &o->dump, &mem, &why);
    int rc = ok ? 0 : 2;
    enum replay_status s = ok ? replay_run(&conf, &at, &why) : REPLAY_OK;
    if (s == REPLAY_DAMAGED || s == REPLAY_FAILED) {
        fprintf(stderr, "wirebook-journal: what was exported ends here: %s\n", why.text);
        rc = 1;
    }
    if (ok && !dump_end(&dump, &why)) {
        fprintf(stderr, "wirebook-journal: %s%s\n", why.text,
                at.first_segment == 1
                    ? ""
                    : "; its beginning is gone, and with it names: ask by number");
        rc = 1;
    } else if (!ok) {
        fprintf(stderr, "wirebook-journal: %s\n", why.text);
    }
    mem_free_all(&mem);
    return rc;
}

/* ---- verify, repair ---- */

static int verify(const struct options *o, struct disk *d)
{
    struct why why;

    log_level_set(LOG_WARN); /* a damaged witness is no damage, and yet to be told */
    if (!verify_run(d, (u32)o->shard, stdout, &why)) {
        fprintf(stderr, "wirebook-journal: %s\n", why.text);
        return 1;
    }
    puts("verified: every block is whole, every command gives the same events again");
    return 0;
}

static int repair(const struct options *o, struct disk *d)
{
    const struct passwd *who = getpwuid(getuid());
    struct repair_conf conf = {.dir = o->dir,
                               .shard = (u32)o->shard,
                               .yes = o->yes,
                               .reason = o->reason ? o->reason : "",
                               .user = who ? who->pw_name : "?",
                               .uid = getuid(),
                               .report = stdout};
    struct why why = {""};

    (void)d;
    switch (repair_run(&conf, clock_now_ns(), &why)) {
    case REPAIR_NOTHING:
        return 0;
    case REPAIR_DONE:
        puts("repaired: a start takes it now");
        return 0;
    case REPAIR_WANTED:
        puts("not done: look for a whole copy in the archive first, then --yes --reason TEXT");
        return 1;
    case REPAIR_REFUSED:
        break;
    }
    fflush(stdout);
    fprintf(stderr, "wirebook-journal: not repaired: %s\n", why.text);
    return 1;
}

static const struct verb verbs[] = {
    {"print", "fts", print}, {"export", "ftsFSUaic", export},
    {"verify", "s", verify}, {"repair", "syr", repair},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    struct options o = {
        .shard = UINT64_MAX,
        .dump = {.out = stdout, .from_seq = 1, .to_seq = UINT64_MAX, .until_ns = UINT64_MAX}};
    struct why why;

    clock_init();
    log_level_set(LOG_ERROR);
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
    rc = o.verb->run(&o, d);
    d->ops->free(d);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return rc;
    fprintf(stderr, "wirebook-journal: what was to be shown is lost: %s\n", strerror(errno));
    return rc ? rc : 1;
}
