/*
 * test_segments.c - segments made ahead of need, removed after a cut, listed and found again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "engine/base/log.h"
#include "persist/journal_format.h"
#include "persist/segment_file.h"
#include "persist/segments.h"
#include "tests/lib/fake_disk.h"

#define BYTES (8ull * BLOCK_BYTES)
#define SEC   NS_PER_SEC

struct fixture {
    struct fake_disk *fd;
    struct mem mem;
    struct why why;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->fd = fake_disk_new();
    log_level_set(LOG_ERROR);
    mem_init(&f->mem, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    mem_free_all(&f->mem);
    fake_disk_free(f->fd);
    free(f);
    return 0;
}

static struct segments *start(struct fixture *f, u32 ahead, u64 next)
{
    struct segments *s = mem_alloc(&f->mem, sizeof *s, CACHE_LINE);

    segments_init(s, &f->fd->disk, BYTES, ahead, next, &f->mem);
    return s;
}

static struct segment take(struct segments *s)
{
    struct segment out;

    assert_true(ring_avail(&s->ready, 1) > 0);
    memcpy(&out, ring_at(&s->ready, 0), sizeof out);
    ring_take(&s->ready, 1);
    return out;
}

static void ahead_test(void **state)
{
    struct fixture *f = *state;
    struct segments *s = start(f, 3, 5);

    for (u32 i = 0; i < 3; i++)
        assert_int_equal(segments_do_work(s, i), 1); /* one a turn */
    assert_int_equal(segments_do_work(s, 9), 0);
    assert_int_equal(fake_disk_files(f->fd), 3);
    struct segment first = take(s);
    assert_int_equal(first.segment, 5);
    assert_int_equal(first.blocks, 8);
    assert_int_equal(take(s).segment, 6);
    assert_int_equal(segments_do_work(s, 10), 1);
    assert_non_null(fake_disk_file(f->fd, "0000000000000008.journal"));
    assert_true(ring_push(&s->retired, &first, 1));
    assert_int_equal(f->fd->files[first.file].opens, 1);
    segments_do_work(s, 11);
    assert_int_equal(f->fd->files[first.file].opens, 0);
    segments_close(s);
}

/* A half-made one of the process before is made anew; one that is not needed is not. */
static void leftover_test(void **state)
{
    struct fixture *f = *state;
    struct segments *s = start(f, 1, 1);

    f->fd->disk.ops->create(&f->fd->disk, SEGMENT_NEW, BLOCK_BYTES);
    assert_int_equal(segments_do_work(s, 0), 1);
    assert_int_equal(fake_disk_files(f->fd), 1);
    assert_int_equal(fake_disk_file(f->fd, "0000000000000001.journal")->bytes, BYTES);
    segments_close(s);
}

static void remove_test(void **state)
{
    struct fixture *f = *state;
    struct segments *s = start(f, 6, 1);

    for (u32 i = 0; i < 6; i++)
        segments_do_work(s, 0);
    segments_close(s);
    f->fd->disk.ops->create(&f->fd->disk, SEGMENT_NEW, BLOCK_BYTES);
    f->fd->disk.ops->create(&f->fd->disk, "other", BLOCK_BYTES);
    u32 before = f->fd->dir_syncs;
    assert_true(segments_remove(&f->fd->disk, 3, &f->why));
    assert_true(f->fd->dir_syncs - before >= 4); /* each is gone for good before the next */
    assert_int_equal(fake_disk_files(f->fd), 3);
    assert_non_null(fake_disk_file(f->fd, "0000000000000002.journal"));
    assert_non_null(fake_disk_file(f->fd, "other")); /* not ours */
    f->fd->sync_error = -EIO;
    assert_false(segments_remove(&f->fd->disk, 3, &f->why));
    assert_non_null(strstr(f->why.text, "Input/output error"));
}

static void trouble_test(void **state)
{
    struct fixture *f = *state;
    struct segments *s = start(f, 2, 1);

    f->fd->create_error = -ENOSPC;
    assert_int_equal(segments_do_work(s, 1 * SEC), 0);
    assert_int_equal(s->level, SPACE_HARD);
    assert_int_equal(metric_get(&s->level_seen), SPACE_HARD);
    assert_int_equal(metric_get(&s->free_bytes), f->fd->free_bytes);
    f->fd->create_error = 0;
    assert_int_equal(segments_do_work(s, 1 * SEC + 1), 0); /* not at once */
    assert_int_equal(segments_do_work(s, 2 * SEC), 1);
    assert_int_equal(s->level, SPACE_OK);
    assert_false(s->failed);
    f->fd->create_error = -EIO; /* anything else is final */
    assert_int_equal(segments_do_work(s, 3 * SEC), 0);
    assert_true(s->failed);
    f->fd->create_error = 0;
    assert_int_equal(segments_do_work(s, 5 * SEC), 0);
    segments_close(s);
}

/* ---- filling, step by step ---- */

#define STEPS 8u
#define MS    NS_PER_MS

/* How many steps of filling a turn at `now_ns` does. */
static u64 steps_at(struct fixture *f, struct segments *s, u64 now_ns)
{
    u64 before = f->fd->fills;

    segments_do_work(s, now_ns);
    return f->fd->fills - before;
}

static struct segments *start_steps(struct fixture *f, u32 ahead)
{
    struct segments *s = start(f, ahead, 1);

    s->bytes = (STEPS - 1) * SEGMENT_FILL_BYTES + BLOCK_BYTES;
    return s;
}

static void at_once_test(void **state)
{
    struct fixture *f = *state;
    struct segments *s = start_steps(f, 2);

    for (u32 i = 0; i < 2 * STEPS; i++) /* before anybody needs one nobody is disturbed */
        assert_int_equal(steps_at(f, s, 1000 * SEC), 1);
    assert_int_equal(f->fd->syncs, 2);
    assert_int_equal(steps_at(f, s, 1001 * SEC), 0);
    const struct fake_file *file = fake_disk_file(f->fd, "0000000000000002.journal");
    assert_int_equal(file->bytes, s->bytes);
    for (u64 i = 0; i < file->bytes; i++)
        assert_int_equal(file->data[i], 0);
    take(s);
    take(s); /* now one is needed */
    for (u32 i = 0; i < STEPS; i++)
        assert_int_equal(steps_at(f, s, 1002 * SEC), 1);
    segments_close(s);
}

/* Takes one at `now_ns`: from then on there is a step each `pace_ns`, and none between. */
static void paced(struct fixture *f, struct segments *s, u64 now_ns, u64 pace_ns, u32 steps)
{
    take(s);
    for (u32 i = 0; i < steps; i++) {
        assert_int_equal(steps_at(f, s, now_ns + i * pace_ns), 1);
        if (i + 1 < STEPS)
            assert_int_equal(steps_at(f, s, now_ns + (i + 1) * pace_ns - 1), 0);
    }
}

/* With one ready of two the next one is filled over three quarters of the time that one lasts. */
static void pace_test(void **state)
{
    struct fixture *f = *state;
    struct segments *s = start_steps(f, 2);
    u64 now_ns = 1000 * SEC;

    for (u32 i = 0; i < 2 * STEPS; i++)
        segments_do_work(s, now_ns);
    paced(f, s, now_ns, 10 * MS, STEPS); /* how long one lasts is not known: at the slowest */
    now_ns += 80 * MS;
    paced(f, s, now_ns, 80 * MS * 3 / 4 / STEPS, STEPS);
    now_ns += 1 * SEC; /* slower would be no better */
    paced(f, s, now_ns, 10 * MS, 3);
    take(s); /* the other one goes as well: none is ready */
    for (u32 i = 3; i < STEPS; i++)
        assert_int_equal(steps_at(f, s, now_ns + 21 * MS), 1);
    assert_int_equal(ring_avail(&s->ready, 1), 1);
    segments_close(s);
}

/* No room for the whole of it: what was filled is given back. */
static void half_filled_test(void **state)
{
    struct fixture *f = *state;
    struct segments *s = start_steps(f, 2);

    f->fd->fill_error = -ENOSPC;
    f->fd->fills_good = 3;
    for (u32 i = 0; i < STEPS; i++)
        segments_do_work(s, 1 * SEC);
    segments_do_work(s, 1 * SEC + SEC / 2 - 1);
    assert_int_equal(s->level, SPACE_OK); /* the space is looked at twice a second */
    segments_do_work(s, 1 * SEC + SEC / 2);
    assert_int_equal(s->level, SPACE_HARD);
    assert_int_equal(fake_disk_files(f->fd), 0);
    assert_false(s->failed);
    f->fd->fill_error = 0;
    for (u32 i = 0; i < STEPS; i++)
        segments_do_work(s, 2 * SEC);
    assert_int_equal(fake_disk_files(f->fd), 1);
    assert_int_equal(ring_avail(&s->ready, 1), 1);
    f->fd->fill_error = -EIO; /* final, also in the middle */
    assert_int_equal(segments_do_work(s, 3 * SEC), 0);
    assert_true(s->failed);
    segments_close(s);
    for (u32 i = 0; i < FAKE_FILES; i++)
        assert_int_equal(f->fd->files[i].opens, 0);
}

/* ---- the list ---- */

static void put_block(struct fixture *f, u64 segment, u32 i, u64 block, u64 first_seq)
{
    char name[DISK_NAME_MAX];
    struct block b = {.head = {.magic = JOURNAL_MAGIC,
                               .version = JOURNAL_VERSION,
                               .slots_used = 1,
                               .epoch = 1,
                               .segment = segment,
                               .block = block,
                               .first_seq = first_seq,
                               .shard = 1,
                               .segment_blocks = 8}};

    segment_name(segment, name);
    b.head.crc = block_crc(&b);
    if (!fake_disk_file(f->fd, name))
        f->fd->disk.ops->create(&f->fd->disk, name, BYTES);
    memcpy(fake_disk_file(f->fd, name)->data + i * BLOCK_BYTES, &b, sizeof b);
}

static void expect_block(struct catalog *c, u64 block, u64 segment)
{
    u32 i = 99;
    int rc = catalog_find_block(c, block, &i);

    if (segment == 0) {
        assert_int_equal(rc, -ENODATA);
        return;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(c->entries[i].segment, segment);
}

static void expect_seq(struct catalog *c, u64 seq, u64 segment)
{
    u32 i = 99;
    int rc = catalog_find_seq(c, seq, &i);

    if (segment == 0) {
        assert_int_equal(rc, -ENODATA);
        return;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(c->entries[i].segment, segment);
}

static void catalog_test(void **state)
{
    struct fixture *f = *state;
    struct catalog c;

    put_block(f, 4, 0, 31, 0); /* begins with the rest of something long */
    put_block(f, 4, 1, 32, 101);
    put_block(f, 3, 0, 21, 50);
    put_block(f, 5, 0, 35, 120); /* a cut at 35, which 4 reaches beyond */
    put_block(f, 6, 0, 35, 120); /* and again at the same place */
    f->fd->disk.ops->create(&f->fd->disk, "0000000000000007.journal", BYTES); /* prepared */
    f->fd->disk.ops->create(&f->fd->disk, "lock", BLOCK_BYTES);
    assert_true(catalog_init(&c, &f->fd->disk, 1));
    expect_block(&c, 5, 0); /* nothing is loaded yet */
    assert_int_equal(catalog_load(&c), 0);
    assert_int_equal(c.used, 5);
    expect_block(&c, 20, 0);
    expect_block(&c, 21, 3);
    expect_block(&c, 30, 3);
    expect_block(&c, 31, 4);
    expect_block(&c, 34, 4);
    expect_block(&c, 35, 6);
    expect_block(&c, 1000, 6);
    expect_seq(&c, 49, 0);
    expect_seq(&c, 50, 3);
    expect_seq(&c, 100, 3);
    expect_seq(&c, 101, 4);
    expect_seq(&c, 119, 4);
    expect_seq(&c, 120, 6);
    expect_seq(&c, UINT64_MAX, 6);

    put_block(f, 7, 0, 40, 140); /* the prepared one is used now */
    expect_block(&c, 40, 6);
    assert_int_equal(catalog_load(&c), 0);
    expect_block(&c, 40, 7);
    f->fd->disk.ops->unlink(&f->fd->disk, "0000000000000003.journal");
    assert_int_equal(catalog_load(&c), 0);
    expect_block(&c, 25, 0);
    expect_seq(&c, 140, 7);
    catalog_free(&c);
}

static const struct disk_ops *plain;
static u64 leaves; /* segment that is used again between the listing and the look at it */

static int list_late(struct disk *d, void (*each)(void *, const struct disk_entry *), void *ctx)
{
    int error = plain->list(d, each, ctx);
    char name[DISK_NAME_MAX];

    segment_name(leaves++, name);
    plain->unlink(d, name);
    return error;
}

/* Segments are used again while somebody looks for one that is not: he finds it. */
static void leaving_test(void **state)
{
    struct fixture *f = *state;
    struct disk_ops late = *f->fd->disk.ops;
    struct catalog c;

    plain = f->fd->disk.ops;
    late.list = list_late;
    f->fd->disk.ops = &late;
    for (u64 segment = 1; segment <= 7; segment++)
        put_block(f, segment, 0, 10 * segment, 100 * segment);
    leaves = 4; /* the first one that halving looks at, and then another */
    assert_true(catalog_init(&c, &f->fd->disk, 1));
    assert_int_equal(catalog_load(&c), 0);
    expect_block(&c, 70, 7);
    catalog_free(&c);
    leaves = 3;
    assert_true(catalog_init(&c, &f->fd->disk, 1));
    assert_int_equal(catalog_load(&c), 0);
    expect_seq(&c, 750, 7);
    catalog_free(&c);
    f->fd->disk.ops = plain;
}

static void file_test(void **state)
{
    struct fixture *f = *state;
    struct segment_file file;
    const struct block *b;

    put_block(f, 9, 3, 99, 0);
    assert_true(segment_file_init(&file, &f->fd->disk));
    assert_int_equal(segment_file_open(&file, 8, BYTES), -ENOENT);
    assert_int_equal(segment_file_open(&file, 9, BYTES), 0);
    assert_int_equal(segment_file_block(&file, 3, false, &b), 0);
    assert_int_equal(b->head.block, 99);
    put_block(f, 9, 4, 100, 0);
    assert_int_equal(segment_file_block(&file, 4, false, &b), 0);
    assert_true(block_is_zero(b)); /* as it was when it was read */
    assert_int_equal(segment_file_block(&file, 4, true, &b), 0);
    assert_int_equal(b->head.block, 100);
    assert_int_equal(segment_file_block(&file, 8, false, &b), -ENODATA);
    fake_disk_file(f->fd, "0000000000000009.journal")->bytes = 2 * BLOCK_BYTES + 100;
    assert_int_equal(segment_file_block(&file, 1, true, &b), 0);
    assert_int_equal(segment_file_block(&file, 2, false, &b), -ENODATA);
    segment_file_free(&file);
    assert_int_equal(fake_disk_file(f->fd, "0000000000000009.journal")->opens, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ahead_test), T(leftover_test), T(remove_test), T(trouble_test),     T(catalog_test),
        T(file_test),  T(at_once_test),  T(pace_test),   T(half_filled_test), T(leaving_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
