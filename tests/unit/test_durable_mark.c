/*
 * test_durable_mark.c - the witness of the journal's end: what it says, when, and what damage does
 * to it. How it is used: test_replay and the simulator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "engine/base/log.h"
#include "persist/durable_mark.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

#define EVERY NS_PER_SEC
#define SHARD 7u

static struct fake_disk *fd;
static struct mem mem;
static struct durable_mark mark;
static char said[1024];
static u32 lines;

static void listen(const struct log_record *rec)
{
    snprintf(said, sizeof said, "%s", rec->text);
    lines++;
}

static int setup(void **state)
{
    (void)state;
    fd = fake_disk_new();
    mem_init(&mem, 0);
    log_writer_set(listen);
    log_level_set(LOG_WARN);
    lines = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_writer_set(NULL);
    mem_free_all(&mem);
    fake_disk_free(fd);
    return 0;
}

static u64 says(void)
{
    lines = 0;
    said[0] = '\0';
    return durable_mark_read(&fd->disk, SHARD);
}

static void open_at(u64 seq)
{
    durable_mark_open(&mark, &fd->disk, SHARD, seq, EVERY, &mem);
}

static u8 *bytes(void)
{
    struct fake_file *f = fake_disk_file(fd, DURABLE_MARK_FILE);

    assert_non_null(f);
    return f->data;
}

static void says_what_was_noted_test(void **state)
{
    (void)state;
    assert_int_equal(says(), 0);
    assert_int_equal(lines, 0); /* no file is nothing to speak of */
    open_at(5);
    assert_int_equal(says(), 5);
    assert_int_equal(durable_mark_turn(&mark, 5, 10 * EVERY), 0); /* no news */
    assert_int_equal(durable_mark_turn(&mark, 6, 10 * EVERY), 1);
    assert_int_equal(says(), 6);
    assert_int_equal(durable_mark_turn(&mark, 9, 11 * EVERY - 1), 0); /* too soon */
    assert_int_equal(says(), 6);
    assert_int_equal(durable_mark_turn(&mark, 9, 11 * EVERY), 1);
    assert_int_equal(says(), 9);
    durable_mark_close(&mark, 11); /* an orderly end waits for nothing */
    assert_int_equal(says(), 11);
    assert_int_equal(lines, 0);
    u32 syncs = fd->syncs;
    open_at(11); /* the next process */
    assert_true(fd->syncs >= syncs + 2 && fd->dir_syncs > 0);
    assert_int_equal(says(), 11);
    assert_int_equal(fake_disk_files(fd), 1);
    durable_mark_close(&mark, 11);
    assert_int_equal(durable_mark_read(&fd->disk, SHARD + 1), 0); /* another shard's */
    assert_int_equal(lines, 2);
}

/* One of the two records is always whole while the other one is written. */
static void in_turn_test(void **state)
{
    u8 before[2 * BLOCK_BYTES];

    (void)state;
    open_at(1);
    for (u64 seq = 2; seq < 10; seq++) {
        memcpy(before, bytes(), sizeof before);
        durable_mark_turn(&mark, seq, seq * EVERY);
        bool first = memcmp(before, bytes(), BLOCK_BYTES) != 0;
        bool second = memcmp(before + BLOCK_BYTES, bytes() + BLOCK_BYTES, BLOCK_BYTES) != 0;
        assert_true(first != second && first == (seq % 2 != 0));
        assert_int_equal(says(), seq);
    }
    durable_mark_close(&mark, 9);
}

/* Any byte flipped, any length: it never says more than was so, and names what is wrong, once. */
static void damage_test(void **state)
{
    struct fake_file *f;

    (void)state;
    open_at(1);
    durable_mark_turn(&mark, 20, EVERY);
    durable_mark_turn(&mark, 30, 9 * EVERY); /* record 4, in the first block */
    durable_mark_close(&mark, 30);
    f = fake_disk_file(fd, DURABLE_MARK_FILE);
    assert_int_equal(f->bytes, 2 * BLOCK_BYTES);
    for (u32 at = 0; at < 2 * BLOCK_BYTES; at++) {
        for (u32 bit = 0; bit < 8; bit++) {
            f->data[at] ^= (u8)(1u << bit);
            assert_int_equal(says(), at < BLOCK_BYTES ? 20 : 30);
            f->data[at] ^= (u8)(1u << bit);
            assert_int_equal(lines, 1);
            assert_non_null(strstr(said, at < BLOCK_BYTES ? "durable.mark, offset 0: damaged: "
                                                          : "durable.mark, offset 4096: damaged"));
        }
    }
    for (u64 left = 0; left < 2 * BLOCK_BYTES; left++) {
        f->bytes = left;
        assert_int_equal(says(), left < BLOCK_BYTES ? 0 : 30);
        assert_int_equal(lines, left < BLOCK_BYTES ? 2 : 1);
        assert_non_null(strstr(said, "cut short"));
    }
    f->bytes = 2 * BLOCK_BYTES;
    assert_int_equal(says(), 30);
    assert_int_equal(lines, 0);
}

/* A note that the disk has taken and lost: the older record says so of itself. */
static void lost_write_test(void **state)
{
    u8 old[BLOCK_BYTES];

    (void)state;
    open_at(1);
    for (u64 seq = 2; seq <= 6; seq++) {
        if (seq == 5)
            memcpy(old, bytes() + BLOCK_BYTES, sizeof old);
        durable_mark_turn(&mark, seq, seq * EVERY);
    }
    memcpy(bytes() + BLOCK_BYTES, old, sizeof old);
    assert_int_equal(says(), 5);
    assert_int_equal(lines, 0); /* the last one: nothing tells */
    durable_mark_turn(&mark, 7, 7 * EVERY);
    durable_mark_turn(&mark, 8, 8 * EVERY);
    memcpy(bytes() + BLOCK_BYTES, old, sizeof old);
    assert_int_equal(says(), 7);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(said, "offset 4096: damaged: older than it should be"));
    memcpy(bytes() + BLOCK_BYTES, bytes(), BLOCK_BYTES); /* misdirected */
    assert_int_equal(says(), 7);
    assert_non_null(strstr(said, "the number of another record"));
    durable_mark_close(&mark, 8);
}

/* Whatever the disk refuses: a line, no more notes, and what was said before stays. */
static void refused_test(void **state)
{
    (void)state;
    open_at(3);
    fd->put_error = -EIO;
    fd->puts_good = fd->puts;
    assert_int_equal(durable_mark_turn(&mark, 4, EVERY), 1);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(said, "durable.mark: Input/output error"));
    assert_int_equal(durable_mark_turn(&mark, 5, 9 * EVERY), 0);
    assert_int_equal(fake_disk_file(fd, DURABLE_MARK_FILE)->opens, 0);
    durable_mark_close(&mark, 6);
    assert_int_equal(says(), 3);
    fd->put_error = 0;
    fd->create_error = -ENOSPC;
    open_at(7);
    assert_non_null(strstr(said, "No space left"));
    assert_int_equal(durable_mark_turn(&mark, 8, EVERY), 0);
    durable_mark_close(&mark, 8);
    assert_int_equal(says(), 3);
    fd->read_error = -EIO;
    assert_int_equal(says(), 0);
    assert_int_equal(lines, 2);
    assert_non_null(strstr(said, "offset 4096: damaged: Input/output error"));
}

/* ---- with a journal ---- */

static struct fake_process p;
static struct why why;

static void process_begin(u32 segment_blocks)
{
    fake_process_init(&p, segment_blocks);
    if (fake_process_start(&p, &fd->disk, &why) != REPLAY_OK)
        fail_msg("%s", why.text);
}

static enum replay_status start(void)
{
    struct replay_conf conf = {.disk = &fd->disk, .shard = SHARD, .quiet = true};
    struct replay_result at;

    return replay_run(&conf, &at, &why);
}

/* Each block of a journal that has ended in order is missed, the very last one, too. */
static void no_block_goes_unseen_test(void **state)
{
    u64 blocks = 0;

    (void)state;
    process_begin(8);
    for (u32 i = 0; i < 30; i++) {
        fake_process_send(&p, 3);
        fake_process_run(&p);
    }
    persist_free(p.persist);
    fd->locked = false;
    fake_process_end(&p);
    for (u32 i = 0; i < FAKE_FILES; i++) {
        struct fake_file *f = &fd->files[i];
        for (u64 at = 0; strstr(f->name, ".journal") && at < f->bytes; at += BLOCK_BYTES) {
            u8 kept[BLOCK_BYTES];
            memcpy(kept, f->data + at, BLOCK_BYTES);
            memset(f->data + at, 0, BLOCK_BYTES);
            if (memcmp(kept, f->data + at, BLOCK_BYTES) != 0) {
                assert_int_equal(start(), REPLAY_DAMAGED);
                char where[96];
                snprintf(where, sizeof where, "%s, offset %llu, ", f->name, (unsigned long long)at);
                assert_non_null(strstr(why.text, where));
                blocks++;
            }
            memcpy(f->data + at, kept, BLOCK_BYTES);
        }
    }
    assert_true(blocks >= 30);
    assert_int_equal(start(), REPLAY_OK);
}

/* A process that dies: what it had noted is missed, what came in its last second is a torn tail. */
static void death_test(void **state)
{
    (void)state;
    process_begin(64);
    fake_process_send(&p, 40);
    fake_process_run(&p);
    persist_segments_do_work(p.persist, 5 * NS_PER_SEC);
    assert_int_equal(durable_mark_read(&fd->disk, SHARD), 40);
    fake_process_send(&p, 40);
    fake_process_run(&p);
    fake_disk_cut(fd, 0);
    fake_process_end(&p);
    assert_int_equal(durable_mark_read(&fd->disk, SHARD), 40);
    assert_int_equal(start(), REPLAY_OK);
    struct fake_file *f = fake_disk_file(fd, "0000000000000001.journal");
    u32 refused = 0;
    u32 cut = 0;
    for (u64 at = f->bytes; at > 0; at -= BLOCK_BYTES) { /* rots from its end on */
        memset(f->data + at - BLOCK_BYTES, 0, BLOCK_BYTES);
        if (start() == REPLAY_OK)
            cut++;
        else
            refused++;
    }
    assert_true(refused > 0 && cut > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_what_was_noted_test, setup, teardown),
        cmocka_unit_test_setup_teardown(in_turn_test, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_test, setup, teardown),
        cmocka_unit_test_setup_teardown(lost_write_test, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_test, setup, teardown),
        cmocka_unit_test_setup_teardown(no_block_goes_unseen_test, setup, teardown),
        cmocka_unit_test_setup_teardown(death_test, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
