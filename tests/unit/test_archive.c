/*
 * test_archive.c - what goes into an archive: whole segments, pieces and manifests of days, each
 * once, in order, and never anything that is not durable; over failures, restarts and damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "engine/base/crc32c.h"
#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "engine/msg/msg.h"
#include "persist/archive.h"
#include "persist/archive_record.h"
#include "persist/journal_format.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

#define SHARD      7u
#define BLOCKS     4u
#define JOURNAL_ID 0xABCDu
#define PREFIX     "000000000000abcd/"
#define DAY_EVERY  50u /* transactions */
#define STORED_MAX 512u

static struct fake_disk *fd;
static struct fake_process process;
static struct archive *archive;
static struct why why;
static u64 now_ns;

/* ---- the archive: a write-once table in memory, and a hook with knobs ---- */

struct stored {
    char name[96];
    u8 *data;
    u64 bytes;
};

static struct hook {
    struct stored stored[STORED_MAX];
    u32 used;
    u32 begun;
    int fail_next; /* negative errno of the next poll */
    u32 slow;      /* polls until it ends */
    u32 left;
    bool busy;
    char file[DISK_NAME_MAX];
    char name[96];
    u64 bytes;
} hook;

static void sum_of(const struct stored *s, char sum[ARCHIVE_SUM_CHARS])
{
    char text[ARCHIVE_SUM_CHARS + 1];

    snprintf(text, sizeof text, "%064x", crc32c(0, s->data, s->bytes)); /* any sum will do here */
    memcpy(sum, text, ARCHIVE_SUM_CHARS);
}

static int fake_begin(void *ctx, const char *file, u64 bytes, const char *name)
{
    struct hook *h = ctx;

    assert_false(h->busy);
    h->busy = true;
    h->left = h->slow;
    h->bytes = bytes;
    h->begun++;
    snprintf(h->file, sizeof h->file, "%s", file);
    snprintf(h->name, sizeof h->name, "%s", name);
    return 0;
}

static struct stored *stored_find(const char *name)
{
    for (u32 i = 0; i < hook.used; i++)
        if (strcmp(hook.stored[i].name, name) == 0)
            return &hook.stored[i];
    return NULL;
}

static int fake_poll(void *ctx, char sum[ARCHIVE_SUM_CHARS], u64 now)
{
    struct hook *h = ctx;
    struct fake_file *f = fake_disk_file(fd, h->file);
    struct stored *s = stored_find(h->name);

    (void)now;
    assert_true(h->busy);
    if (h->left > 0) {
        h->left--;
        return 0;
    }
    h->busy = false;
    if (h->fail_next) {
        int error = h->fail_next;
        h->fail_next = 0;
        return error;
    }
    assert_non_null(f);
    assert_true(f->bytes >= h->bytes);
    if (s && (s->bytes != h->bytes || memcmp(s->data, f->data, s->bytes) != 0))
        return -EEXIST;
    if (!s) {
        assert_true(h->used < STORED_MAX);
        s = &h->stored[h->used++];
        snprintf(s->name, sizeof s->name, "%s", h->name);
        s->bytes = h->bytes;
        s->data = malloc(s->bytes);
        memcpy(s->data, f->data, s->bytes);
    }
    sum_of(s, sum);
    return 1;
}

/* ---- a process beside it ---- */

/* Every fiftieth transaction ends a day. */
static void make(u64 seq, struct tx *out)
{
    fake_tx(seq, out);
    if (seq % DAY_EVERY != 0)
        return;
    union msg m[2] = {
        {.day = {.cmd = {.type = CMD_DAY_END, .slots = 1, .seq = seq}}},
        {.day = {.ev = {.type = EV_DAY_ENDED, .slots = 1, .flags = MSG_TX_END, .seq = seq}}},
    };
    m[0].day.day = m[1].day.day = 20260100 + (u32)(seq / DAY_EVERY);
    out->used = 2;
    memcpy(&out->slots[0], &m[0], SLOT_BYTES);
    memcpy(&out->slots[1], &m[1], SLOT_BYTES);
}

static void start(void)
{
    struct replay_conf replay = {.disk = &fd->disk, .shard = SHARD, .quiet = true};

    fake_process_init(&process, BLOCKS);
    assert_int_equal(replay_run(&replay, &process.at, &why), REPLAY_OK);
    process.make = make;
    process.persist = persist_new(&process.conf, &fd->disk, &process.tx, &process.at,
                                  process.at.max_epoch + 1, &process.mem, &why);
    assert_non_null(process.persist);
    process.sent = process.at.last_seq;
    struct archive_conf conf = {
        .cursor = {.disk = &fd->disk,
                   .shard = SHARD,
                   .stored = persist_stored(process.persist),
                   .live = {persist_live_segment(process.persist),
                            persist_live_block(process.persist)}},
        .hook = {&hook, fake_begin, fake_poll},
        .journal_id = JOURNAL_ID,
    };
    archive = archive_new(&conf, &why);
    assert_non_null(archive);
}

static void end(void)
{
    hook.busy = false;
    archive_free(archive);
    persist_free(process.persist);
    fake_process_end(&process);
    fd->locked = false;
    metrics_reset();
}

static void grow(u32 n)
{
    for (u32 i = 0; i < n; i++) {
        fake_process_send(&process, 1);
        fake_process_run(&process);
    }
}

/* Turns until nothing moves; time goes on so that pauses end. */
static void settle(void)
{
    for (u32 quiet = 0; quiet < 3;) {
        quiet = archive_do_work(archive, now_ns) || hook.busy ? 0 : quiet + 1;
        now_ns += 100 * NS_PER_SEC;
    }
}

static int setup(void **state)
{
    (void)state;
    log_level_set(LOG_ERROR);
    fd = fake_disk_new();
    now_ns = NS_PER_SEC;
    memset(&hook, 0, sizeof hook);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (u32 i = 0; i < hook.used; i++)
        free(hook.stored[i].data);
    fake_disk_free(fd);
    return 0;
}

/* ---- what must hold whatever happened ---- */

/* Whole segments from 1 on without a gap, as they are on the disk; returns how many. */
static u64 check_segments(void)
{
    char name[DISK_NAME_MAX];
    char there[96];
    u64 segment = 1;

    for (;; segment++) {
        segment_name(segment, name);
        snprintf(there, sizeof there, PREFIX "%s", name);
        const struct stored *s = stored_find(there);
        if (!s)
            break;
        const struct fake_file *f = fake_disk_file(fd, name);
        assert_non_null(f);
        assert_int_equal(s->bytes, f->bytes);
        assert_memory_equal(s->data, f->data, s->bytes);
    }
    for (u32 i = 0; i < hook.used; i++)
        assert_true(segment_parse(hook.stored[i].name + strlen(PREFIX)) < segment);
    return segment - 1;
}

/* Every block of a piece is whole, and the last one ends the day. */
static void check_piece(const struct stored *s)
{
    assert_int_equal(s->bytes % BLOCK_BYTES, 0);
    for (u64 at = 0; at < s->bytes; at += BLOCK_BYTES) {
        struct block b;
        memcpy(&b, s->data + at, sizeof b);
        assert_null(block_check(&b, SHARD));
    }
}

/* Each manifest names everything since the one before, that one first, with right sums. */
static u32 check_manifests(void)
{
    u32 since = 0;
    u32 manifests = 0;

    for (u32 i = 0; i < hook.used; i++) {
        const struct stored *s = &hook.stored[i];
        char want[8192];
        char sum[ARCHIVE_SUM_CHARS];
        if (strstr(s->name, ".journal.") != NULL)
            check_piece(s);
        if (!strstr(s->name, ".manifest"))
            continue;
        int n = 0;
        for (u32 k = since; k < i; k++) {
            sum_of(&hook.stored[k], sum);
            n += snprintf(want + n, sizeof want - (u32)n, "%.64s  %s\n", sum,
                          hook.stored[k].name + strlen(PREFIX));
        }
        const char *text = (const char *)s->data;
        const char *line = memchr(text, '\n', s->bytes);
        assert_non_null(line);
        assert_memory_equal(text, "# wirebook archive 1: shard 7, journal 000000000000abcd, day ",
                            61);
        u64 head = (u64)(line + 1 - text);
        assert_int_equal(s->bytes, 2 * head + (u64)n);
        assert_memory_equal(line + 1, want, (u64)n);
        assert_memory_equal(line + 1 + n, text, head);
        n = snprintf(want, sizeof want, ", %u files\n", i - since);
        assert_memory_equal(line + 1 - n, want, (u64)n);
        since = i;
        manifests++;
    }
    return manifests;
}

/* ---- tests ---- */

static void all_of_it_test(void **state)
{
    (void)state;
    start();
    grow(DAY_EVERY * 3 + 20);
    settle();
    u64 segments = check_segments();
    assert_true(segments > 3);
    assert_int_equal(check_manifests(), 3);
    u64 passed = durable_get(archive_passed(archive));
    assert_true(passed > 0 && passed < durable_get(persist_stored(process.persist)));
    assert_int_equal(metrics_sum("wirebook_archive_files_total"), hook.used);
    assert_int_equal(metrics_sum("wirebook_archive_seq"), passed);
    end();
}

/* `passed` promises that no transaction up to it stands in a segment that is not there. */
static void passed_test(void **state)
{
    (void)state;
    start();
    for (u32 i = 0; i < 120; i++) {
        grow(1);
        hook.fail_next = i % 3 == 0 ? -EIO : 0;
        settle();
        u64 passed = durable_get(archive_passed(archive));
        char name[DISK_NAME_MAX];
        segment_name(check_segments() + 1, name);
        const struct fake_file *f = fake_disk_file(fd, name);
        if (!f)
            continue;
        struct block b;
        memcpy(&b, f->data, sizeof b);
        if (!block_check(&b, SHARD) && b.head.first_seq != 0)
            assert_true(passed < b.head.first_seq);
    }
    end();
}

/* Nothing is said to be there that failed; it comes later, and what is behind it waits. */
static void failures_test(void **state)
{
    (void)state;
    start();
    hook.slow = 3;
    grow(DAY_EVERY + 30);
    for (u32 turn = 0; turn < 4000; turn++) {
        if (turn % 7 == 0)
            hook.fail_next = turn % 2 ? -EIO : -EEXIST;
        u64 before = durable_get(archive_passed(archive));
        archive_do_work(archive, now_ns);
        now_ns += turn % 50 == 0 ? 100 * NS_PER_SEC : NS_PER_MS;
        assert_true(durable_get(archive_passed(archive)) >= before);
        check_segments();
    }
    hook.fail_next = 0;
    settle();
    assert_true(metrics_sum("wirebook_archive_failed_total") > 3);
    assert_true(check_segments() > 1);
    assert_int_equal(check_manifests(), 1);
    end();
}

/* Killed at any turn and started again, also with the ledger torn or gone. */
static void restart_test(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 40; seed++) {
        start();
        hook.slow = (u32)(seed % 3);
        grow(1 + (u32)(hash_u64(seed) % 40));
        for (u32 turn = (u32)(hash_u64(seed + 99) % 60); turn > 0; turn--)
            archive_do_work(archive, now_ns += NS_PER_SEC);
        end();
        struct fake_file *ledger = fake_disk_file(fd, ARCHIVE_LEDGER);
        if (seed % 5 == 0 && ledger->bytes > 0)
            memset(ledger->data + ledger->bytes - BLOCK_BYTES / 2, 0, BLOCK_BYTES / 2);
        if (seed % 9 == 0)
            fd->disk.ops->unlink(&fd->disk, ARCHIVE_LEDGER);
    }
    start();
    settle();
    assert_true(check_segments() >= 20);
    assert_int_equal(durable_get(persist_stored(process.persist)) / DAY_EVERY > 0, 1);
    for (u32 i = 0; i < hook.used; i++)
        for (u32 k = 0; k < i; k++)
            assert_string_not_equal(hook.stored[i].name, hook.stored[k].name);
    end();
}

/* A block that rots is not archived, and nothing behind it; the rest of the venue goes on. */
static void damage_test(void **state)
{
    (void)state;
    start();
    grow(60);
    fake_disk_file(fd, "0000000000000002.journal")->data[BLOCK_BYTES + 999] ^= 4;
    settle();
    assert_int_equal(check_segments(), 1);
    assert_int_equal(metrics_sum("wirebook_archive_failed_total"), 1);
    assert_false(archive_do_work(archive, now_ns));
    end();
}

/*
 * Any byte of the ledger may have rotted, and it may have any length: what it says wrongly is put
 * again and found there, and no file is left out.
 */
static void ledger_damage_test(void **state)
{
    (void)state;
    start();
    grow(60);
    settle();
    u64 segments = check_segments();
    end();
    struct fake_file *ledger = fake_disk_file(fd, ARCHIVE_LEDGER);
    u8 before[2 * BLOCK_BYTES];
    u64 bytes = ledger->bytes;
    assert_true(bytes <= sizeof before && segments >= 5);
    memcpy(before, ledger->data, bytes);
    for (u64 at = 0; at < segments * sizeof(struct record) + 200;
         at += getenv("WB_FULL") ? 1 : 13) {
        ledger->data[at] ^= (u8)(1u << at % 8);
        start();
        settle();
        assert_int_equal(check_segments(), segments);
        end();
        assert_memory_equal(ledger->data, before, segments * sizeof(struct record));
        memcpy(ledger->data, before, bytes);
    }
    for (u64 left = 0; left < segments; left++) {
        memset(ledger->data + left * sizeof(struct record) + 50, 0,
               bytes - left * sizeof(struct record) - 50);
        start();
        settle();
        assert_int_equal(check_segments(), segments);
        end();
    }
}

/* What is not on stable storage cannot be archived, even if it can be read. */
static void not_durable_test(void **state)
{
    (void)state;
    start();
    grow(20);
    settle();
    u64 segments = check_segments();
    fd->automatic = false; /* written, never reaped */
    fake_process_send(&process, 100);
    for (u32 i = 0; i < 50; i++)
        persist_do_work(process.persist, 0);
    settle();
    assert_int_equal(check_segments(), segments);
    persist_free(process.persist);
    archive_free(archive);
    fake_disk_cut(fd, 0);
    fake_process_end(&process);
    metrics_reset();
}

/* Segments that were removed behind its back are said, and the rest is archived. */
static void removed_test(void **state)
{
    (void)state;
    start();
    grow(60);
    fd->disk.ops->unlink(&fd->disk, "0000000000000001.journal");
    settle();
    assert_null(stored_find(PREFIX "0000000000000001.journal"));
    assert_non_null(stored_find(PREFIX "0000000000000002.journal"));
    end();
}

/* One goes that is due, or the disk cannot be listed: said, tried again, and nobody falls over. */
static void due_removed_test(void **state)
{
    (void)state;
    start();
    hook.fail_next = -EIO;
    grow(60);
    for (u32 turn = 0; turn < 50; turn++)
        archive_do_work(archive, now_ns); /* the first segment fails and is put off */
    struct fake_file *f = fake_disk_file(fd, "0000000000000001.journal");
    char name[DISK_NAME_MAX];
    memcpy(name, f->name, sizeof name);
    memcpy(f->name, "gone", sizeof "gone");
    for (u32 turn = 0; turn < 50; turn++)
        archive_do_work(archive, now_ns += 100 * NS_PER_SEC);
    assert_int_equal(check_segments(), 0);
    assert_true(metrics_sum("wirebook_archive_failed_total") > 1);
    memcpy(f->name, name, sizeof name); /* back from a copy */
    settle();
    assert_true(check_segments() > 3);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_it_test, setup, teardown),
        cmocka_unit_test_setup_teardown(passed_test, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_test, setup, teardown),
        cmocka_unit_test_setup_teardown(restart_test, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_test, setup, teardown),
        cmocka_unit_test_setup_teardown(ledger_damage_test, setup, teardown),
        cmocka_unit_test_setup_teardown(not_durable_test, setup, teardown),
        cmocka_unit_test_setup_teardown(removed_test, setup, teardown),
        cmocka_unit_test_setup_teardown(due_removed_test, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
