/*
 * test_snapshot_file.c - the file of a snapshot: of an engine after TXS transactions, damaged in
 * every byte, whole and yet another one's. What the venue does with snapshots is test_snapshot's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/crc32c.h"
#include "engine/engine.h"
#include "persist/snapshot.h"
#include "tests/lib/engine_stream.h"
#include "tests/lib/fake_disk.h"

#define TXS 150u

static const struct engine_conf conf = {.accounts_max = STREAM_ACCOUNTS + 1,
                                        .instruments_max = STREAM_INSTRUMENTS + 1,
                                        .orders_max = 100,
                                        .gateways = STREAM_GATEWAYS,
                                        .hash_key = {4, 5}};
static struct fake_disk *fd;
static struct mem venue;
static struct engine *engine;
static struct why why;

static void run(struct stream *stream)
{
    static struct tx out;
    struct timed t;

    while (engine_seq(engine) < TXS) {
        stream_next(stream, &t);
        if (engine_busy(engine))
            engine_continue(engine, t.now_ns, &out);
        else if (!engine_step(engine, &t.cmd, t.now_ns, &out))
            continue;
        stream_saw(stream, out.slots, out.used);
    }
}

static struct snapshot of_venue(void)
{
    return (struct snapshot){.journal_id = engine_journal_id(engine),
                             .epoch = 1,
                             .seq = engine_seq(engine),
                             .block = 1,
                             .state_hash = engine_state_hash(engine),
                             .engine = conf};
}

/* A venue, and one snapshot of it. */
static int setup(void **state)
{
    struct stream stream;

    (void)state;
    fd = fake_disk_new();
    mem_init(&venue, 0);
    engine = engine_new(&conf, &venue);
    stream_init(&stream, 11);
    run(&stream);
    struct snapshot s = of_venue();
    return snapshot_write(&fd->disk, &s, &venue, &why) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    mem_free_all(&venue);
    fake_disk_free(fd);
    return 0;
}

static struct snapshot_list snapshots(void)
{
    struct snapshot_list list;

    assert_int_equal(snapshot_list(&fd->disk, &list), 0);
    return list;
}

static struct fake_file *the_file(void)
{
    struct fake_file *f = fake_disk_file(fd, "0000000000000096.snapshot");

    assert_non_null(f);
    return f;
}

/* Loads the only snapshot as it is now. */
static bool loads(struct mem *mem, struct engine *e)
{
    struct snapshot_list list = snapshots();
    struct snapshot s;

    return list.used == 1 && snapshot_head(&fd->disk, &list, 0, &s, &why) &&
           snapshot_load(&fd->disk, &list, 0, &s, mem, e, &why);
}

#ifdef __SANITIZE_ADDRESS__
#define STRIDE 13 /* ten times slower, and there to look at the reads: a sample does */
#else
#define STRIDE 1
#endif
#define STEP (getenv("WB_FULL") ? 1u : 37 * STRIDE)

/* Every byte, every length: refused each time. */
static void damage_test(void **state)
{
    struct mem mem;
    char place[64];

    (void)state;
    mem_init(&mem, 0);
    struct engine *e = engine_new(&conf, &mem);
    struct fake_file *f = the_file();
    u64 bytes = f->bytes;
    for (u64 at = 0; at < bytes; at += at < 2 * BLOCK_BYTES ? STRIDE : STEP) {
        u64 group = at < BLOCK_BYTES ? 0 : 1 + (at / BLOCK_BYTES - 1) / 65 * 65; /* 64 pages each */
        f->data[at] ^= (u8)(1u << at % 8);
        assert_false(loads(&mem, e));
        snprintf(place, sizeof place, ".snapshot, offset %u:", (u32)(group * BLOCK_BYTES));
        assert_non_null(strstr(why.text, place));
        f->data[at] ^= (u8)(1u << at % 8);
    }
    for (f->bytes = 0; f->bytes < bytes; f->bytes += STRIDE)
        assert_false(loads(&mem, e));
    mem_free_all(&mem);
}

/* Is the newest one refused because its state is not the one that `s` speaks of? */
static bool is_another_state(const struct snapshot *s, struct mem *mem, struct engine *e)
{
    struct snapshot_list list = snapshots();

    return !snapshot_load(&fd->disk, &list, 0, s, mem, e, &why) &&
           strstr(why.text, "not the state") != NULL;
}

/* Whole, and yet not what it says: only the state itself can tell, by hash, journal and number. */
static void wrong_state_test(void **state)
{
    struct snapshot_list list;
    struct snapshot s;
    struct mem mem;

    (void)state;
    list = snapshots();
    mem_init(&mem, 0);
    struct engine *e = engine_new(&conf, &mem);
    assert_true(snapshot_head(&fd->disk, &list, 0, &s, &why));
    s.state_hash ^= 1;
    assert_true(is_another_state(&s, &mem, e));
    s.state_hash ^= 1;
    s.journal_id ^= 1;
    assert_true(is_another_state(&s, &mem, e));
    s.journal_id ^= 1;
    assert_true(snapshot_load(&fd->disk, &list, 0, &s, &mem, e, &why));
    s.seq++;
    assert_true(snapshot_write(&fd->disk, &s, &mem, &why));
    assert_true(is_another_state(&s, &mem, e));
    mem_free_all(&mem);
}

/* A head whose checksum is right may still be nobody's here, and says whose. */
static void heads_test(void **state)
{
    static const struct {
        u32 at;
        const char *what;
    } others[] = {
        {0, "its head is damaged"}, /* the magic number */
        {8, "made by another build"},
        {16, "made by another build"},
        {32, "not of its length"},
        {40 + offsetof(struct snapshot, seq), "the number of another one"},
    };
    struct snapshot s;

    (void)state;
    struct fake_file *f = the_file();
    struct snapshot_list list = snapshots();
    for (u32 i = 0; i < ARRAY_LEN(others); i++) {
        u8 before[BLOCK_BYTES];
        memcpy(before, f->data, BLOCK_BYTES);
        f->data[others[i].at] ^= 1;
        u32 crc = crc32c(0, f->data + 8, BLOCK_BYTES - 8);
        memcpy(f->data + 4, &crc, sizeof crc);
        assert_false(snapshot_head(&fd->disk, &list, 0, &s, &why));
        assert_non_null(strstr(why.text, others[i].what));
        memcpy(f->data, before, BLOCK_BYTES);
    }
    assert_true(snapshot_head(&fd->disk, &list, 0, &s, &why));
}

/* What a killed process has left of one is in nobody's way. */
static void leftover_test(void **state)
{
    struct snapshot s = of_venue();

    (void)state;
    assert_int_equal(fd->disk.ops->create(&fd->disk, SNAPSHOT_NEW, BLOCK_BYTES), 0);
    s.seq++;
    assert_true(snapshot_write(&fd->disk, &s, &venue, &why));
    assert_int_equal(snapshots().used, 2);
    assert_null(fake_disk_file(fd, SNAPSHOT_NEW));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(damage_test),
        T(wrong_state_test),
        T(heads_test),
        T(leftover_test),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
