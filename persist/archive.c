/*
 * archive.c - see archive.h. Cold thread.
 *
 *   files ─cursor─▶ every block checked ─▶ segment left behind ─▶ hook ─▶ ledger ─▶ passed
 *                                     ╰──▶ EV_DAY_ENDED: piece, manifest ─▶ hook ─▶ ledger
 *
 * It follows the journal as a recovery would read it, so that nothing goes into the archive that is
 * not whole, and asks the hook for one file at a time; meanwhile it reads no further. The ledger
 * says what is there, one record a file, in the order in which they came; a process goes on behind
 * it. What was put and not noted is put again, and the hook finds it there.
 *
 * Invariants: `passed` moves only when the ledger is on stable storage; a segment is put when a
 * transaction behind it is durable, so never one that changes; a manifest comes behind all that it
 * names.
 *
 * Failure modes: the hook fails: said once, tried again after 1 to 60 seconds; `passed` stands
 * still, so nothing is recycled. The journal cannot be read: said, nothing more is archived by this
 * process. A torn ledger record: that file is put again. A name that has other bytes in the
 * archive: said, tried again for ever: somebody has to look.
 */
#include "persist/archive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "engine/msg/msg.h"
#include "persist/plant.h"
#include "persist/archive_record.h"
#include "persist/segment_file.h"

#define TXS_PER_TURN  1024u
#define RETRY_MIN_NS  NS_PER_SEC
#define RETRY_MAX_NS  (60 * NS_PER_SEC)
#define MANIFEST_FILE "new.manifest" /* in data_dir while it is on its way */

enum job {
    JOB_NONE,
    JOB_SEGMENT,
    JOB_PIECE,
    JOB_MANIFEST,
};

struct archive {
    struct archive_conf conf;
    struct cursor *cursor;
    struct catalog catalog;
    struct record *records; /* the whole ledger */
    u32 used;
    u32 room;
    int ledger; /* its file */
    u32 since;  /* the last manifest's record, or 0 */

    u64 next;      /* segment to be put; all before it are there */
    u64 at;        /* segment in which the last transaction ended */
    u64 at_first;  /* its first block */
    u64 at_end;    /* the number behind its last block */
    u64 end_block; /* in which the last transaction ended */
    u64 epoch;
    u64 seq;
    u32 day_ended; /* a piece and a manifest are due; 0: none */

    u8 job;     /* enum job */
    bool asked; /* the hook is at it */
    bool gap;   /* segments are gone that the ledger does not know */
    bool piece_done;
    bool stopped;
    bool complained;
    char name[DISK_NAME_MAX];
    u64 retry_ns;
    u64 pause_ns;

    struct durable passed;
    struct metric files;
    struct metric failed;
    struct metric passed_seq;
};

static int stop(struct archive *a, const char *what)
{
    log_error("archive: nothing more is archived until the next start: %s", what);
    metric_add(&a->failed, 1);
    a->stopped = true;
    return 0;
}

/* ---- the ledger ---- */

static void remember(struct archive *a, const struct record *r)
{
    if (a->used == a->room) {
        a->room = a->room ? 2 * a->room : 256;
        a->records = realloc(a->records, a->room * sizeof *a->records);
        ASSERT(a->records != NULL);
    }
    if (is_manifest(r))
        a->since = a->used;
    a->records[a->used++] = *r;
    a->next = max_u64(a->next, segment_parse(r->name) + 1); /* a piece's name is no segment's */
}

static bool has(const struct archive *a, const char *name)
{
    for (u32 i = a->used; i > 0; i--)
        if (strcmp(a->records[i - 1].name, name) == 0)
            return true;
    return false;
}

/* Reads the ledger up to the first record that is none. 0 or a negative errno. */
static int ledger_read(struct archive *a)
{
    struct disk *d = a->conf.cursor.disk;
    struct record *block = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
    u64 offset = 0;
    bool more = true;
    i64 n = 0;

    ASSERT(block != NULL);
    while (more &&
           (n = d->ops->read(d, a->ledger, offset, block, BLOCK_BYTES)) == (i64)BLOCK_BYTES) {
        for (u32 i = 0; i < RECORDS_PER_BLOCK && more; i++) {
            more = record_good(&block[i]);
            if (more)
                remember(a, &block[i]);
            else if (block[i].crc != 0)
                log_warn("archive: %s/%s, offset %" PRIu64
                         ": damaged; what it says from there on is put again",
                         d->where, ARCHIVE_LEDGER, offset + i * sizeof block[i]);
        }
        offset += BLOCK_BYTES;
    }
    free(block);
    return n < 0 ? (int)n : 0;
}

static int ledger_open(struct archive *a)
{
    struct disk *d = a->conf.cursor.disk;
    int error = d->ops->create(d, ARCHIVE_LEDGER, 0);

    if (error == 0)
        error = d->ops->sync_dir(d);
    if (error && error != -EEXIST)
        return error;
    a->ledger = d->ops->open(d, ARCHIVE_LEDGER, DISK_WRITE);
    return a->ledger < 0 ? a->ledger : ledger_read(a);
}

/* Notes that `name` is there; -ENOSPC: it can be later. The block is written again with what it
 * had: a tear costs nothing. */
static int ledger_add(struct archive *a, const char *name, const char *sum)
{
    const u64 next = a->next, since = a->since;
    struct disk *d = a->conf.cursor.disk;
    struct record *block = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
    struct record r = {.blanks = {' ', ' '}};

    ASSERT(block != NULL && strlen(name) < sizeof r.name);
    memcpy(r.sum, sum, sizeof r.sum);
    memcpy(r.name, name, strlen(name));
    r.crc = crc32c(0, &r, RECORD_SUMMED);
    remember(a, &r);
    u32 first = (a->used - 1) / RECORDS_PER_BLOCK * RECORDS_PER_BLOCK;
    memset(block, 0, BLOCK_BYTES);
    memcpy(block, &a->records[first], (a->used - first) * sizeof r);
    int error = d->ops->put(d, a->ledger, first * sizeof r, block, BLOCK_BYTES);
    free(block);
    if (!error)
        return d->ops->sync(d, a->ledger) ? -EIO : 0; /* final, whatever it was */
    a->used--;
    a->next = next;
    a->since = (u32)since;
    return error == -EDQUOT ? -ENOSPC : error;
}

/* ---- where the journal is ---- */

/* The segment in which block `block` stands becomes the one at hand. 0 or a negative errno. */
static int place(struct archive *a, u64 block)
{
    u32 i;
    int error = catalog_load(&a->catalog);

    if (!error)
        error = catalog_find_block(&a->catalog, block, &i);
    if (error)
        return error;
    const struct segment_entry *e = &a->catalog.entries[i];
    a->at = e->segment;
    a->at_first = e->head.block;
    a->at_end = e->head.block + e->bytes / BLOCK_BYTES;
    return 0;
}

/* Entry of `segment`, looked at; NULL when it is not there. */
static struct segment_entry *entry_of(struct archive *a, u64 segment)
{
    struct segment_entry *e;

    if (catalog_load(&a->catalog) != 0)
        return NULL;
    for (u32 i = 0; i < a->catalog.used; i++) {
        if (a->catalog.entries[i].segment == segment)
            return catalog_entry(&a->catalog, i, &e) == 0 ? e : NULL;
    }
    return NULL;
}

/* All before segment a->next is there: up to which transaction is that? */
static void move_passed(struct archive *a)
{
    const struct segment_entry *e = entry_of(a, a->next);

    if (e && e->state == SEGMENT_USED && e->first_seq > 1)
        durable_move(&a->passed, e->first_seq - 1);
    metric_set(&a->passed_seq, durable_get(&a->passed));
}

/* Before the first turn that reads: begins with segment `next`, or with the oldest there is. */
static bool begin(struct archive *a)
{
    struct segment_entry *e;

    if (catalog_load(&a->catalog) != 0 || a->catalog.used == 0)
        return false;
    u64 oldest = a->catalog.entries[0].segment;
    a->gap |= a->next < oldest;
    if (a->next < oldest && a->used > 0)
        log_error("archive: segments %" PRIx64 " to %" PRIx64 " are gone, and not in the ledger",
                  a->next, oldest - 1);
    a->next = max_u64(a->next, oldest);
    e = entry_of(a, a->next);
    if (!e || e->state != SEGMENT_USED)
        return false; /* nothing is written in it yet */
    a->cursor = cursor_new(&a->conf.cursor, 1);
    cursor_seek_block(a->cursor, e->head.block);
    a->at = a->next;
    a->at_first = e->head.block;
    a->at_end = e->head.block + e->bytes / BLOCK_BYTES;
    a->epoch = e->head.epoch;
    move_passed(a);
    return true;
}

/* ---- putting ---- */

/* What is due next, to a->job and a->name; its file and length. 0 or a negative errno. */
static int choose(struct archive *a, char *file, u64 *bytes)
{
    segment_name(a->next, file);
    a->job = JOB_NONE;
    if (a->next < a->at) {
        struct segment_entry *e = entry_of(a, a->next);
        a->job = JOB_SEGMENT;
        memcpy(a->name, file, DISK_NAME_MAX);
        if (!e) /* we never remove what we have not passed: somebody has, or the disk fails */
            return -ENOENT;
        *bytes = e->bytes;
    } else if (a->day_ended && !a->piece_done) {
        u64 blocks = a->end_block - a->at_first + 1;
        a->job = JOB_PIECE;
        *bytes = blocks * BLOCK_BYTES;
        int n = snprintf(a->name, sizeof a->name, "%s.%08" PRIx64, file, blocks);
        ASSERT_LT((u32)n, sizeof a->name);
    } else if (a->day_ended) {
        a->job = JOB_MANIFEST;
        snprintf(a->name, sizeof a->name, "%u.manifest", a->day_ended);
    }
    return 0;
}

/* The manifest as a text of *bytes in a file of data_dir. 0 or a negative errno. */
static int manifest_write(struct archive *a, u64 *bytes)
{
    struct disk *d = a->conf.cursor.disk;
    u64 room = round_up(((u64)(a->used - a->since) + 2) * sizeof(struct record), BLOCK_BYTES);
    char *text = aligned_alloc(BLOCK_BYTES, room);

    ASSERT(text != NULL);
    memset(text, 0, room);
    int head = snprintf(text, room,
                        "# wirebook archive 1: shard %u, journal %016" PRIx64
                        ", day %u, up to transaction %" PRIu64 ", %u files\n",
                        a->conf.cursor.shard, a->conf.journal_id, a->day_ended, a->seq,
                        a->used - a->since);
    int n = head;
    for (u32 i = a->since; i < a->used; i++)
        n +=
            snprintf(text + n, room - (u64)n, "%.64s  %s\n", a->records[i].sum, a->records[i].name);
    ASSERT_LT((u64)n + (u64)head, room);
    memcpy(text + n, text, (u64)head); /* so that a manifest without its end shows */
    n += head;
    *bytes = (u64)n;
    int error = d->ops->unlink(d, MANIFEST_FILE);
    if (!error || error == -ENOENT)
        error = d->ops->create(d, MANIFEST_FILE, 0);
    int file = error ? error : d->ops->open(d, MANIFEST_FILE, DISK_WRITE);
    if (file >= 0) {
        error = d->ops->put(d, file, 0, text, room);
        if (!error)
            error = d->ops->sync(d, file);
        d->ops->close(d, file);
    }
    free(text);
    return file < 0 ? file : error;
}

static int put_off(struct archive *a, u64 now_ns, int error)
{
    if (!a->complained)
        log_error(
            "archive: %s is not archived: %s; tried again; no segment is used again meanwhile",
            a->name, strerror(-error));
    a->complained = true;
    metric_add(&a->failed, 1);
    a->pause_ns = min_u64(max_u64(2 * a->pause_ns, RETRY_MIN_NS), RETRY_MAX_NS);
    a->retry_ns = now_ns + a->pause_ns;
    a->asked = false;
    return 1;
}

static int ask(struct archive *a, u64 now_ns)
{
    char there[DISK_NAME_MAX + 20];
    char file[DISK_NAME_MAX];
    u64 bytes = 0;
    int error = choose(a, file, &bytes);

    if (error)
        return put_off(a, now_ns, error);
    if (a->job == JOB_NONE)
        return 0;
    if (a->job != JOB_SEGMENT && has(a, a->name)) { /* an earlier process did it */
        a->day_ended = a->job == JOB_MANIFEST ? 0 : a->day_ended;
        a->piece_done = true;
        return 1;
    }
    if (a->job == JOB_MANIFEST) {
        memcpy(file, MANIFEST_FILE, sizeof MANIFEST_FILE);
        error = manifest_write(a, &bytes);
    }
    snprintf(there, sizeof there, "%016" PRIx64 "/%s", a->conf.journal_id, a->name);
    if (!error)
        error = a->conf.hook.begin(a->conf.hook.ctx, file, bytes, there);
    if (error)
        return put_off(a, now_ns, error);
    CRASH_POINT("archive-asked");
    a->asked = true;
    return 1;
}

/* The hook is at it: how does it get on? */
static int look(struct archive *a, u64 now_ns)
{
    char sum[ARCHIVE_SUM_CHARS];
    int rc = a->conf.hook.poll(a->conf.hook.ctx, sum, now_ns);

    if (rc == 0)
        return 0;
    bool known = rc == -EEXIST && a->gap && a->job == JOB_MANIFEST; /* made when we knew more */
    if (rc < 0 && !known)
        return put_off(a, now_ns, rc);
    a->asked = false;
    if (known) {
        a->day_ended = 0;
        return 1;
    }
    CRASH_POINT("archive-put");
    int error = ledger_add(a, a->name, sum);
    CRASH_POINT("archive-noted");
    if (error)
        return error == -ENOSPC ? put_off(a, now_ns, error) : stop(a, strerror(-error));
    if (a->complained)
        log_info("archive: %s is archived, all is well again", a->name);
    a->complained = false;
    a->pause_ns = 0;
    metric_add(&a->files, 1);
    a->piece_done = a->job == JOB_PIECE;
    if (a->job == JOB_MANIFEST) {
        log_info("archive: day %u is there, %.64s  %s", a->day_ended, sum, a->name);
        a->day_ended = 0;
    }
    if (a->job == JOB_SEGMENT)
        move_passed(a);
    return 1;
}

/* ---- following ---- */

static void note_day(struct archive *a, const struct cursor_tx *tx)
{
    for (u32 i = 0; i < tx->used; i += msg_slots(&tx->slots[i])) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[i];
        if (m->ev.type == EV_DAY_ENDED) {
            a->day_ended = m->day.day;
            a->piece_done = false;
        }
    }
}

/* Reads on until something is due. */
static int follow(struct archive *a)
{
    struct cursor_tx tx;
    int n = 0;

    while (n < (int)TXS_PER_TURN && a->day_ended == 0 && a->next == a->at) {
        enum cursor_status status = cursor_next(a->cursor, &tx);
        if (status == CURSOR_WAIT)
            return n;
        if (status != CURSOR_TX)
            return stop(a, cursor_why(a->cursor));
        n++;
        if (tx.end_block >= a->at_end || tx.epoch != a->epoch) {
            int error = place(a, tx.end_block);
            if (error)
                return stop(a, strerror(-error));
        }
        a->epoch = tx.epoch;
        a->end_block = tx.end_block;
        a->seq = tx.seq;
        note_day(a, &tx);
    }
    return n;
}

int archive_do_work(void *archive, u64 now_ns)
{
    struct archive *a = archive;

    if (a->stopped || now_ns < a->retry_ns)
        return 0;
    if (a->asked)
        return look(a, now_ns);
    if (!a->cursor && !begin(a))
        return 0;
    int work = ask(a, now_ns);
    return work ? work : follow(a);
}

/* ---- making one ---- */

static void register_metrics(struct archive *a)
{
    metrics_register("wirebook_archive_files_total", "", "Files put into the archive.",
                     METRIC_COUNTER, &a->files);
    metrics_register("wirebook_archive_failed_total", "", "Tries that failed.", METRIC_COUNTER,
                     &a->failed);
    metrics_register("wirebook_archive_seq", "",
                     "Last transaction of which all is in whole segments of the archive.",
                     METRIC_GAUGE, &a->passed_seq);
}

struct archive *archive_new(const struct archive_conf *conf, struct why *why)
{
    struct archive *a = aligned_alloc(CACHE_LINE, round_up(sizeof *a, CACHE_LINE));

    ASSERT(a != NULL && conf->cursor.stored && conf->hook.begin && conf->hook.poll);
    memset(a, 0, sizeof *a);
    a->conf = *conf;
    a->next = 1;
    a->ledger = -1;
    bool ok = catalog_init(&a->catalog, conf->cursor.disk, conf->cursor.shard);
    ASSERT(ok); /* memory, at the start */
    int error = ledger_open(a);
    if (error) {
        why_set(why, "journal %s: %s: %s", conf->cursor.disk->where, ARCHIVE_LEDGER,
                strerror(-error));
        archive_free(a);
        return NULL;
    }
    move_passed(a);
    register_metrics(a);
    return a;
}

void archive_free(struct archive *a)
{
    struct disk *d = a->conf.cursor.disk;

    if (a->cursor)
        cursor_free(a->cursor);
    if (a->ledger >= 0)
        d->ops->close(d, a->ledger);
    catalog_free(&a->catalog);
    free(a->records);
    free(a);
}

const struct durable *archive_passed(const struct archive *a)
{
    return &a->passed;
}
