/* archive_rig.c - see archive_rig.h. */
#include "tests/lib/archive_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "engine/base/crc32c.h"
#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "engine/msg/msg.h"
#include "persist/journal_format.h"

struct archive_rig rig;

/* ---- the archive: a write-once table in memory, and a hook with knobs ---- */

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

struct stored *archive_rig_stored(const char *name)
{
    for (u32 i = 0; i < rig.hook.used; i++)
        if (strcmp(rig.hook.stored[i].name, name) == 0)
            return &rig.hook.stored[i];
    return NULL;
}

static int fake_poll(void *ctx, char sum[ARCHIVE_SUM_CHARS], u64 now)
{
    struct hook *h = ctx;
    struct fake_file *f = fake_disk_file(rig.fd, h->file);
    struct stored *s = archive_rig_stored(h->name);

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

struct archive_conf archive_rig_conf(void)
{
    return (struct archive_conf){
        .cursor = {.disk = &rig.fd->disk,
                   .shard = SHARD,
                   .stored = persist_stored(rig.process.persist),
                   .live = {persist_live_segment(rig.process.persist),
                            persist_live_block(rig.process.persist)}},
        .hook = {&rig.hook, fake_begin, fake_poll},
        .journal_id = JOURNAL_ID,
    };
}

void archive_rig_start(void)
{
    struct replay_conf replay = {.disk = &rig.fd->disk, .shard = SHARD, .quiet = true};

    fake_process_init(&rig.process, BLOCKS);
    assert_int_equal(replay_run(&replay, &rig.process.at, &rig.why), REPLAY_OK);
    rig.process.make = make;
    rig.process.persist =
        persist_new(&rig.process.conf, &rig.fd->disk, &rig.process.tx, &rig.process.at,
                    rig.process.at.max_epoch + 1, &rig.process.mem, &rig.why);
    assert_non_null(rig.process.persist);
    rig.process.sent = rig.process.at.last_seq;
    struct archive_conf conf = archive_rig_conf();
    rig.archive = archive_new(&conf, &rig.why);
    assert_non_null(rig.archive);
}

void archive_rig_end(void)
{
    rig.hook.busy = false;
    archive_free(rig.archive);
    persist_free(rig.process.persist);
    fake_process_end(&rig.process);
    rig.fd->locked = false;
    metrics_reset();
}

void archive_rig_grow(u32 n)
{
    for (u32 i = 0; i < n; i++) {
        fake_process_send(&rig.process, 1);
        fake_process_run(&rig.process);
    }
}

void archive_rig_settle(void)
{
    for (u32 quiet = 0; quiet < 3;) {
        quiet = archive_do_work(rig.archive, rig.now_ns) || rig.hook.busy ? 0 : quiet + 1;
        rig.now_ns += 100 * NS_PER_SEC;
    }
}

int archive_rig_setup(void **state)
{
    (void)state;
    log_level_set(LOG_ERROR);
    rig.fd = fake_disk_new();
    rig.now_ns = NS_PER_SEC;
    memset(&rig.hook, 0, sizeof rig.hook);
    return 0;
}

int archive_rig_teardown(void **state)
{
    (void)state;
    for (u32 i = 0; i < rig.hook.used; i++)
        free(rig.hook.stored[i].data);
    fake_disk_free(rig.fd);
    return 0;
}

/* ---- what must hold whatever happened ---- */

u64 archive_rig_segments(void)
{
    char name[DISK_NAME_MAX];
    char there[96];
    u64 segment = 1;

    for (;; segment++) {
        segment_name(segment, name);
        snprintf(there, sizeof there, PREFIX "%s", name);
        const struct stored *s = archive_rig_stored(there);
        if (!s)
            break;
        const struct fake_file *f = fake_disk_file(rig.fd, name);
        assert_non_null(f);
        assert_int_equal(s->bytes, f->bytes);
        assert_memory_equal(s->data, f->data, s->bytes);
    }
    for (u32 i = 0; i < rig.hook.used; i++)
        assert_true(segment_parse(rig.hook.stored[i].name + strlen(PREFIX)) < segment);
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

u32 archive_rig_manifests(void)
{
    u32 since = 0;
    u32 manifests = 0;

    for (u32 i = 0; i < rig.hook.used; i++) {
        const struct stored *s = &rig.hook.stored[i];
        char want[8192];
        char sum[ARCHIVE_SUM_CHARS];
        if (strstr(s->name, ".journal.") != NULL)
            check_piece(s);
        if (!strstr(s->name, ".manifest"))
            continue;
        int n = 0;
        for (u32 k = since; k < i; k++) {
            sum_of(&rig.hook.stored[k], sum);
            n += snprintf(want + n, sizeof want - (u32)n, "%.64s  %s\n", sum,
                          rig.hook.stored[k].name + strlen(PREFIX));
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
