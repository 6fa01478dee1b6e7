/*
 * test_repair.c - damaged journals on a real directory: what repair cuts, keeps, names and refuses.
 *
 * The oracle is the journal before it was damaged: what repair leaves is its beginning, byte for
 * byte, and two transactions of its own; what it set aside is what was there; what it calls lost is
 * what stood behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/crc32c.h"
#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "persist/directory.h"
#include "persist/journal_format.h"
#include "persist/repair.h"
#include "persist/shadow.h"
#include "persist/verify.h"
#include "tests/lib/engine_stream.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"
#include "tests/lib/services.h"

#define SHARD  7u
#define BLOCKS 8u /* of a segment */
#define TXS    900u

static struct {
    struct mem mem;
    struct engine *engine;
    struct engine_conf conf;
    struct stream stream;
} venue;

static struct fake_disk *fd; /* the journal as it was written */
static struct slot *slots;   /* its transactions */
static u64 begins[TXS + 1];  /* begins[seq - 1] */
static struct fake_process process;
static char dir[64];
static struct why why;
static char *report;

/* ---- a journal ---- */

static void make_tx(u64 seq, struct tx *out)
{
    struct timed t;

    for (;;) {
        stream_next(&venue.stream, &t);
        if (engine_busy(venue.engine)) {
            engine_continue(venue.engine, t.now_ns, out);
            break;
        }
        if (t.cmd.cmd.type == CMD_START) { /* as a process says it */
            t.cmd.start.accounts_max = venue.conf.accounts_max;
            t.cmd.start.instruments_max = venue.conf.instruments_max;
            t.cmd.start.orders_max = venue.conf.orders_max;
        }
        if (engine_step(venue.engine, &t.cmd, t.now_ns, out))
            break;
    }
    assert_int_equal(engine_seq(venue.engine), seq);
    stream_saw(&venue.stream, out->slots, out->used);
    memcpy(&slots[begins[seq - 1]], out->slots, out->used * SLOT_BYTES);
    begins[seq] = begins[seq - 1] + out->used;
}

/* Two processes; the second one has a snapshot made in its middle. */
static int setup(void **state)
{
    struct mem mem;

    (void)state;
    metrics_reset();
    log_level_set(LOG_ERROR + 1);
    fd = fake_disk_new();
    slots = calloc(TXS, sizeof(struct tx));
    venue.conf = (struct engine_conf){.accounts_max = STREAM_ACCOUNTS + 1,
                                      .instruments_max = STREAM_INSTRUMENTS + 1,
                                      .orders_max = 100,
                                      .gateways = STREAM_GATEWAYS};
    mem_init(&venue.mem, 0);
    venue.engine = engine_new(&venue.conf, &venue.mem);
    stream_init(&venue.stream, 3);
    fake_process_init(&process, BLOCKS);
    process.make = make_tx;
    assert_int_equal(fake_process_start(&process, &fd->disk, &why), REPLAY_OK);
    mem_init(&mem, 0);
    engine_new(&venue.conf, &mem);
    struct shadow_conf conf = {
        .cursor = {.disk = &fd->disk,
                   .shard = SHARD,
                   .stored = persist_stored(process.persist),
                   .live = {persist_live_segment(process.persist),
                            persist_live_block(process.persist)}},
        .engine = venue.conf,
        .every = TXS / 2,
    };
    struct shadow *shadow = shadow_new(&conf, &mem, &process.at);
    mem_free_all(&mem);
    for (u32 i = 0; i < TXS; i += 10) {
        fake_process_send(&process, 10);
        fake_process_run(&process);
        while (shadow_do_work(shadow, 0) > 0)
            ;
    }
    shadow_free(shadow);
    fake_process_end(&process);
    mem_free_all(&venue.mem);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_disk_free(fd);
    free(slots);
    return 0;
}

static void file_out(const char *where, const char *name, const void *data, u64 bytes)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", where, name);
    int f = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(f >= 0 && write(f, data, bytes) == (i64)bytes);
    close(f);
}

/* In memory where that can be: what is synced here need not outlive the test. */
static void dir_make(void)
{
    bool memory = access("/dev/shm", W_OK) == 0;

    snprintf(dir, sizeof dir, "%s/wb-repair-XXXXXX", memory ? "/dev/shm" : "/var/tmp");
    assert_non_null(mkdtemp(dir));
}

/* The journal to a directory of its own; with its snapshot or without. */
static void out(bool snapshots)
{
    dir_make();
    for (u32 i = 0; i < FAKE_FILES; i++) {
        const struct fake_file *f = &fd->files[i];
        if (segment_parse(f->name) || (snapshots && strstr(f->name, ".snapshot")))
            file_out(dir, f->name, f->data, f->bytes);
    }
}

static void gone(void)
{
    free(shell("rm -rf %s", dir));
    free(report);
    report = NULL;
}

static char *sums(const char *what)
{
    char *s = shell("cd %s && cksum %s 2>/dev/null", dir, what);

    assert_non_null(s);
    return s;
}

static void poke(u64 segment, u64 offset, u8 byte)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%016llx.journal", dir, (unsigned long long)segment);
    int f = open(path, O_RDWR);
    assert_true(f >= 0 && pwrite(f, &byte, 1, (off_t)offset) == 1);
    close(f);
}

static enum repair_outcome run(bool yes)
{
    size_t bytes;
    free(report);
    struct repair_conf conf = {.dir = dir,
                               .shard = SHARD,
                               .yes = yes,
                               .reason = "a bad disk",
                               .user = "tester",
                               .uid = 42,
                               .report = open_memstream(&report, &bytes)};
    enum repair_outcome outcome = repair_run(&conf, 2000000000000000000ull, &why);

    fclose(conf.report);
    return outcome;
}

static void says(const char *text)
{
    if (!strstr(report, text))
        fail_msg("not in the report: %s\n%s", text, report);
}

/* ---- what is left ---- */

struct left {
    u64 last; /* transaction of the old journal */
    u64 at;   /* of any */
    bool note;
};

static const char *left_tx(void *ctx, const struct slot *tx, u32 used)
{
    struct left *l = ctx;
    const union msg *m = (const union msg *)(const void *)tx;
    u64 seq = m->cmd.seq;
    u64 n = seq <= TXS ? begins[seq] - begins[seq - 1] : 0;

    l->at++;
    assert_int_equal(seq, l->at);
    if (l->last == seq - 1 && used == n && memcmp(tx, &slots[begins[seq - 1]], n * SLOT_BYTES) == 0)
        l->last = seq;
    l->note |=
        m->cmd.type == CMD_OPERATOR &&
        m->operator.body[0] == NOTE_REPAIR && strcmp(m->operator.reason, "a bad disk") == 0 &&
        strcmp(m->operator.user, "tester") == 0 && m->operator.uid == 42;
    return NULL;
}

/* The repaired journal: whole, a beginning of the old one, then no more than the repair's own. */
static u64 left(void)
{
    struct left l = {0};
    struct disk *d = directory_new(dir, &why);
    struct replay_conf conf = {
        .disk = d, .shard = SHARD, .apply = left_tx, .ctx = &l, .quiet = true};
    struct replay_result at;

    assert_non_null(d);
    if (replay_run(&conf, &at, &why) != REPLAY_OK)
        fail_msg("%s", why.text);
    assert_false(at.cut);
    assert_true(l.note && l.at <= l.last + 4); /* unfinished work, a start, a note */
    d->ops->free(d);
    return l.last;
}

/* lost.jsonl has each readable transaction behind `last` and nothing else. */
static void check_lost(u64 last, u64 unread_max)
{
    char path[256];
    char *line = NULL;
    size_t room = 0;
    unsigned long long seq;
    u64 have = 0;
    u64 before = last;

    snprintf(path, sizeof path, "%s/damaged.1/lost.jsonl", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (getline(&line, &room, f) > 0) {
        assert_int_equal(sscanf(line, "{\"seq\":%llu,", &seq), 1);
        assert_true(seq >= before && seq > last);
        have += seq != before;
        before = seq;
    }
    fclose(f);
    free(line);
    assert_true(have <= TXS - last && have + unread_max >= TXS - last);
}

/* ---- cases ---- */

static void whole_test(void **state)
{
    (void)state;
    out(true);
    char *before = sums("*.journal *.snapshot");
    assert_int_equal(run(true), REPAIR_NOTHING);
    says("nothing to repair");
    char *after = sums("*");
    assert_non_null(strstr(after, before));
    assert_null(strstr(after, "damaged"));
    free(before);
    free(after);
    gone();
}

/* Does nothing stand behind block `i` in its file? */
static bool is_last(const struct fake_file *f, u64 i)
{
    return i + 1 == BLOCKS ||
           block_is_zero((const struct block *)(const void *)(f->data + (i + 1) * BLOCK_BYTES));
}

/* A byte of each block in turn: before it nothing is lost, behind it all is named. */
static void every_block_test(void **state)
{
    u32 torn = 0, cut = 0, all = 0;
    bool full = getenv("WB_FULL") != NULL;

    (void)state;
    for (u64 segment = 1; segment <= 64; segment++) {
        char name[DISK_NAME_MAX];
        segment_name(segment, name);
        const struct fake_file *f = fake_disk_file(fd, name);
        for (u64 i = 0; f && i < BLOCKS; i++) {
            if (!full && i % 3 && !is_last(f, i))
                continue;
            const struct block *b = (const struct block *)(const void *)(f->data + i * BLOCK_BYTES);
            if (block_is_zero(b))
                continue;
            out(false);
            poke(segment, i * BLOCK_BYTES + 100, f->data[i * BLOCK_BYTES + 100] ^ 1);
            char *before = sums("*.journal");
            enum repair_outcome first = run(false);
            char *after = sums("*.journal");
            assert_string_equal(before, after); /* not before it was told to */
            all++;
            if (first == REPAIR_NOTHING) {
                says("torn tail");
                torn++;
            } else if (segment == 1 && i == 0) {
                assert_int_equal(first, REPAIR_WANTED);
                assert_int_equal(run(true), REPAIR_REFUSED);
                assert_non_null(strstr(why.text, "nothing of the journal would be left"));
                char *still = sums("*.journal");
                assert_string_equal(before, still);
                free(still);
            } else {
                assert_int_equal(first, REPAIR_WANTED);
                assert_int_equal(run(true), REPAIR_DONE);
                u64 last = left();
                assert_true(last > 0 && last < TXS);
                assert_true(b->head.first_seq == 0 || last <= b->head.first_seq);
                check_lost(last, 64);
                says("noted ");
                says(name);
                char *kept = shell("cd %s/damaged.1 && cksum *.journal", dir);
                for (char *line = kept; line && *line;) { /* each as it was */
                    char *end = strchr(line, '\n');
                    if (end)
                        *end = '\0';
                    assert_non_null(strstr(before, line));
                    line = end ? end + 1 : NULL;
                }
                free(kept);
                char *work = shell("ls -d %s/repairing 2>/dev/null || echo none", dir);
                assert_string_equal(work, "none");
                free(work);
                assert_int_equal(run(true), REPAIR_NOTHING); /* it holds */
                cut++;
            }
            free(before);
            free(after);
            gone();
        }
    }
    assert_true(cut >= 3 && torn >= 1 && all == cut + torn + 1);
}

/* A file that is cut short where nothing stands, or only grew: nothing is lost. */
static void length_test(void **state)
{
    (void)state;
    out(false);
    free(shell("truncate -s +4096 %s/0000000000000001.journal", dir));
    assert_int_equal(run(false), REPAIR_WANTED);
    says("to its length");
    assert_int_equal(run(true), REPAIR_DONE);
    assert_int_equal(left(), TXS);
    gone();

    out(false); /* and where something stands */
    free(shell("truncate -s 20000 %s/0000000000000001.journal", dir));
    assert_int_equal(run(true), REPAIR_DONE);
    u64 last = left();
    assert_true(last > 0 && last < TXS);
    gone();
}

static void missing_test(void **state)
{
    (void)state;
    out(false);
    if (geteuid() == 0) /* whose the directory is, his is what root makes in it */
        free(shell("chown -R 1234:1234 %s", dir));
    free(shell("rm %s/0000000000000003.journal", dir));
    assert_int_equal(run(true), REPAIR_DONE);
    says("missing");
    char *foreign = shell("find %s ! -user $(stat -c %%u %s) | wc -l", dir, dir);
    assert_string_equal(foreign, "0");
    free(foreign);
    u64 last = left();
    assert_true(last > 0 && last < TXS);
    gone();

    out(false); /* without its beginning there is nothing to go on from */
    free(shell("rm %s/0000000000000001.journal", dir));
    assert_int_equal(run(true), REPAIR_REFUSED);
    gone();
}

static void snapshot_test(void **state)
{
    (void)state;
    out(true); /* damage before the snapshot hurts no start, so nothing is cut */
    poke(2, 100, 0xA5);
    char *before = sums("*.journal *.snapshot");
    assert_int_equal(run(true), REPAIR_REFUSED);
    assert_non_null(strstr(why.text, "needs nothing before it"));
    assert_non_null(strstr(why.text, "block "));
    char *after = sums("*.journal *.snapshot");
    assert_string_equal(before, after);
    free(before);
    free(after);
    gone();

    out(true); /* the journal has lost its end: the snapshot goes, too, and both are kept */
    free(shell("cd %s && ls *.journal | tail -n +4 | xargs rm", dir));
    assert_int_equal(run(false), REPAIR_WANTED);
    assert_int_equal(run(true), REPAIR_DONE);
    says("snapshot of transaction");
    u64 last = left();
    assert_true(last > 0 && last < TXS / 2);
    char *kept = shell("ls %s/damaged.1/*.snapshot | wc -l", dir);
    assert_true(strtoull(kept, NULL, 10) >= 1);
    free(kept);
    assert_int_equal(run(true), REPAIR_NOTHING);
    gone();
}

/* The snapshots become another program's, as the venue's are to the tool; and ours again. */
static void flip_program(void)
{
    for (struct fake_file *f = fd->files; f < fd->files + FAKE_FILES; f++) {
        if (!strstr(f->name, ".snapshot"))
            continue;
        f->data[16] ^= 1;
        *(u32 *)(void *)&f->data[4] = crc32c(0, f->data + 8, BLOCK_BYTES - 8);
    }
}

/* What another program's snapshot has seen is not cut: its start may go on from there. */
static void foreign_snapshot_test(void **state)
{
    (void)state;
    for (u32 way = 0; way < 2; way++) {
        flip_program();
        out(true);
        flip_program();
        if (way == 0)
            poke(2, 100, 0xA5);
        else /* what is left looks whole */
            free(shell("cd %s && ls *.journal | tail -n +4 | xargs rm", dir));
        assert_true(run(true) == REPAIR_REFUSED && strstr(why.text, "the snapshot of transaction"));
        free(shell("rm %s/*.snapshot", dir)); /* as it says */
        assert_int_equal(run(true), way == 0 ? REPAIR_DONE : REPAIR_NOTHING);
        gone();
    }
}

static void refused_test(void **state)
{
    (void)state;
    out(false);
    poke(2, 100, 0xA5);
    struct disk *d = directory_new(dir, &why); /* a venue */
    assert_int_equal(d->ops->lock(d), 0);
    assert_int_equal(run(true), REPAIR_REFUSED);
    assert_non_null(strstr(why.text, "stop the venue first"));
    d->ops->free(d);
    free(shell("mkdir %s/repairing && ln %s/*2.journal %s/repairing/", dir, dir, dir));
    assert_int_equal(run(true), REPAIR_DONE); /* a repair that died is no hindrance */
    gone();

    dir_make();
    assert_int_equal(run(true), REPAIR_NOTHING); /* an empty directory is an empty journal */
    free(shell("rm -r %s", dir));
    assert_int_equal(run(true), REPAIR_REFUSED); /* no directory */
    free(report);
    report = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_test),
        cmocka_unit_test(every_block_test),
        cmocka_unit_test(length_test),
        cmocka_unit_test(missing_test),
        cmocka_unit_test(snapshot_test),
        cmocka_unit_test(refused_test),
        cmocka_unit_test(foreign_snapshot_test),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
