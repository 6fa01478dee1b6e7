/*
 * test_replay.c - recovery: torn tails against damage, on small journals, exhaustively.
 *
 * The oracle for any change to a journal's bytes: replay refuses, or it gives transactions 1..n as
 * they were written with n at least what the whole blocks behind the change call durable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "persist/journal_format.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

#define BLOCKS 8u /* of a segment */

static struct fake_disk *fd; /* the journal under test */
static struct replay_result at;
static struct why why;
static u64 count;

static u64 env_u64(const char *name, u64 otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 0) : otherwise;
}

static enum replay_status replay(struct fake_disk *d)
{
    struct replay_conf conf = {
        .disk = &d->disk, .shard = 7, .apply = fake_tx_apply, .ctx = &count, .quiet = true};

    count = 0;
    return replay_run(&conf, &at, &why);
}

static struct block *block_of(struct fake_disk *d, u64 segment, u32 i)
{
    char name[DISK_NAME_MAX];

    segment_name(segment, name);
    struct fake_file *file = fake_disk_file(d, name);
    assert_non_null(file);
    return (struct block *)(void *)(file->data + i * BLOCK_BYTES);
}

/* One process writes `txs` transactions in pieces of `step` and dies; `random` as fake_disk_cut. */
static u64 process(struct fake_disk *d, u32 txs, u32 step, u64 random)
{
    struct fake_process p;

    fake_process_init(&p, BLOCKS);
    if (fake_process_start(&p, &d->disk, &why) != REPLAY_OK)
        fail_msg("%s", why.text);
    for (u32 i = 0; i < txs; i += step) {
        fake_process_send(&p, step);
        fake_process_run(&p);
    }
    u64 promised = durable_get(persist_durable(p.persist));
    fake_disk_cut(d, random);
    fake_process_end(&p);
    return promised;
}

static int setup(void **state)
{
    (void)state;
    fd = fake_disk_new();
    log_level_set(LOG_ERROR);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_disk_free(fd);
    return 0;
}

static void empty_test(void **state)
{
    (void)state;
    assert_int_equal(replay(fd), REPLAY_OK);
    assert_int_equal(at.next_segment, 1);
    assert_int_equal(at.next_block, 1);
    assert_int_equal(at.last_seq, 0);
    process(fd, 0, 1, 0); /* segments prepared, nothing written */
    assert_int_equal(replay(fd), REPLAY_OK);
    assert_int_equal(at.next_segment, 1);
    assert_false(at.cut);
}

/* Another version's journal is whole: it is not cut, not damaged, and nothing of it is removed. */
static void foreign_test(void **state)
{
    (void)state;
    process(fd, 200, 10, 0);
    for (u32 i = 0; i < BLOCKS; i++) {
        struct block *b = block_of(fd, 1, i);
        b->head.version = JOURNAL_VERSION - 1;
        b->head.crc = block_crc(b);
    }
    assert_int_equal(replay(fd), REPLAY_FAILED);
    assert_non_null(strstr(why.text, "format version 1"));
}

static void clean_test(void **state)
{
    (void)state;
    process(fd, 200, 10, 0);
    assert_int_equal(replay(fd), REPLAY_OK);
    assert_int_equal(at.last_seq, 200);
    assert_int_equal(count, 200);
    assert_int_equal(at.max_epoch, 1);
    assert_false(at.cut);
    assert_int_equal(at.transactions, 200);
    assert_true(at.segments > 1 && at.blocks == at.next_block - 1);
    assert_true(fd->syncs > 0); /* what was read is made stable first */
}

/* The last transactions were in flight: whatever is left of them, all before is there. */
static void torn_tail_test(void **state)
{
    u64 seed = env_u64("WB_SEED", 1);
    u64 rounds = env_u64("WB_COUNT", 400);
    u32 cuts = 0;

    (void)state;
    for (u64 i = 0; i < rounds; i++) {
        struct fake_disk *d = fake_disk_new();
        u64 promised = 0;
        for (u32 life = 0; life < 3; life++) { /* cut upon cut */
            u64 random = hash_2u64(seed, i, life);
            struct fake_process p;
            fake_process_init(&p, BLOCKS);
            enum replay_status s = fake_process_start(&p, &d->disk, &why);
            if (s != REPLAY_OK)
                fail_msg("WB_SEED=%llu round %llu life %u: %s", (unsigned long long)seed,
                         (unsigned long long)i, life, why.text);
            if (p.at.last_seq < promised)
                fail_msg("WB_SEED=%llu round %llu life %u: lost an acknowledged transaction",
                         (unsigned long long)seed, (unsigned long long)i, life);
            cuts += p.at.cut;
            d->automatic = true;
            fake_process_send(&p, (u32)(random % 60));
            fake_process_run(&p);
            d->automatic = false;
            for (u32 n = 0; n < 12; n++) {
                u64 r = hash_2u64(random, n, 1);
                u32 under_way = fake_disk_under_way(d);
                fake_process_send(&p, (u32)(r >> 8) % 30);
                if (under_way > 0 && r % 2)
                    fake_disk_end(d, (u32)(r >> 32) % under_way, 0);
                persist_do_work(p.persist, 0);
                persist_segments_do_work(p.persist, 0);
            }
            promised = durable_get(persist_durable(p.persist));
            fake_disk_cut(d, hash_2u64(random, 2, 2));
            fake_process_end(&p);
        }
        if (replay(d) != REPLAY_OK)
            fail_msg("WB_SEED=%llu round %llu: %s", (unsigned long long)seed, (unsigned long long)i,
                     why.text);
        assert_true(at.last_seq >= promised);
        fake_disk_free(d);
    }
    assert_true(cuts > rounds / 4); /* the test does what it says */
}

/* What the whole blocks of the journal say is durable. */
static u64 witnessed(struct fake_disk *d, u64 segments)
{
    u64 block = 0;

    for (u64 s = 1; s <= segments; s++) {
        for (u32 i = 0; i < BLOCKS; i++) {
            const struct block *b = block_of(d, s, i);
            if (!block_check(b, 7) && b->head.durable_block > block)
                block = b->head.durable_block;
        }
    }
    return block;
}

/* A journal of two lives in a handful of blocks; returns how many segments it has. */
static u64 small_journal(void)
{
    process(fd, 60, 6, 0);
    fd->automatic = false;
    process(fd, 20, 5, 3);
    fd->automatic = true;
    process(fd, 30, 6, 0);
    assert_int_equal(replay(fd), REPLAY_OK);
    return at.next_segment - 1;
}

/*
 * Every byte of a header and one in thirteen of the slots (WB_FULL: every byte) is flipped, in all
 * segments: never a crash, never a lie.
 */
static void flip_test(void **state)
{
    u64 segments = small_journal();
    u64 whole = at.last_seq;
    u32 refused = 0;
    u32 cut = 0;
    u32 step = (u32)env_u64("WB_FLIP_STEP", getenv("WB_FULL") ? 1 : 13);

    (void)state;
    assert_true(segments >= 3);
    for (u64 s = 1; s <= segments; s++) {
        for (u32 i = 0; i < BLOCKS * BLOCK_BYTES; i += i % BLOCK_BYTES < SLOT_BYTES ? 1 : step) {
            u8 *byte = (u8 *)block_of(fd, s, 0) + i;
            const struct block *changed = block_of(fd, s, i / BLOCK_BYTES);
            bool was_whole = !block_check(changed, 7);
            u64 number = changed->head.block;
            *byte ^= 0x40;
            enum replay_status st = replay(fd);
            if (st == REPLAY_OK) {
                assert_true(at.last_seq <= whole && count == at.last_seq);
                if (was_whole && number <= witnessed(fd, segments) && at.next_block <= number)
                    fail_msg("segment %u byte %u: cut at durable block %u", (u32)s, i, (u32)number);
                cut += at.last_seq < whole;
            } else {
                assert_int_equal(st, REPLAY_DAMAGED);
                assert_non_null(strstr(why.text, ".journal, offset "));
                refused++;
            }
            *byte ^= 0x40;
        }
    }
    assert_true(refused > 100 && cut > 10);
    assert_int_equal(replay(fd), REPLAY_OK);
    assert_int_equal(at.last_seq, whole);
}

/* Every length to which a segment can be truncated, in sectors. */
static void truncate_test(void **state)
{
    u64 segments = small_journal();
    u64 whole = at.last_seq;

    (void)state;
    for (u64 s = 1; s <= segments; s++) {
        char name[DISK_NAME_MAX];
        segment_name(s, name);
        struct fake_file *file = fake_disk_file(fd, name);
        for (u64 bytes = 0; bytes < BLOCKS * BLOCK_BYTES; bytes += 512) {
            file->bytes = bytes;
            enum replay_status st = replay(fd);
            /* only a last segment that is cut to nothing has no witness at all */
            if (st == REPLAY_OK && (s < segments || bytes >= BLOCK_BYTES))
                fail_msg("segment %u cut to %u bytes went unseen", (u32)s, (u32)bytes);
            if (st == REPLAY_OK)
                assert_true(at.last_seq < whole);
        }
        file->bytes = BLOCKS * BLOCK_BYTES;
    }
    assert_int_equal(replay(fd), REPLAY_OK);
}

/* A disk that cannot be read is no damage: it is said, and nothing is concluded. */
static void read_error_test(void **state)
{
    u32 n = 0;

    (void)state;
    process(fd, 100, 10, 0);
    fd->read_error = -EIO;
    for (;; n++) {
        fd->reads = 0;
        fd->reads_good = n;
        enum replay_status s = replay(fd);
        if (s == REPLAY_OK)
            break;
        assert_int_equal(s, REPLAY_FAILED);
        assert_non_null(strstr(why.text, "Input/output error"));
    }
    assert_true(n > 5);
    assert_int_equal(at.last_seq, 100);
}

static void missing_segment_test(void **state)
{
    u64 segments;
    char name[DISK_NAME_MAX];

    (void)state;
    process(fd, 300, 10, 0);
    assert_int_equal(replay(fd), REPLAY_OK);
    segments = at.next_segment - 1;
    assert_true(segments > 4);
    segment_name(3, name);
    assert_int_equal(fd->disk.ops->unlink(&fd->disk, name), 0);
    assert_int_equal(replay(fd), REPLAY_DAMAGED);
    assert_non_null(strstr(why.text, "missing"));
    segment_name(1, name);
    fd->disk.ops->unlink(&fd->disk, name);
    segment_name(2, name);
    fd->disk.ops->unlink(&fd->disk, name);
    /* recycled from the front: replay begins later, and this oracle wants transaction 1 */
    assert_int_equal(replay(fd), REPLAY_DAMAGED);
    assert_non_null(strstr(why.text, "another transaction"));
}

static bool unfit = true;

static bool fake_unfit(void *ctx, struct why *w)
{
    assert_ptr_equal(ctx, &count);
    if (unfit)
        why_set(w, "the pool");
    return unfit;
}

/* A state without room for a transaction is not a damaged journal: nobody is told to restore one.
 */
static void unfit_test(void **state)
{
    struct replay_conf conf = {.disk = &fd->disk,
                               .shard = 7,
                               .apply = fake_tx_apply,
                               .unfit = fake_unfit,
                               .ctx = &count,
                               .quiet = true};
    (void)state;
    process(fd, 30, 10, 0);
    count = 1; /* fake_tx_apply will refuse transaction 1 */
    assert_int_equal(replay_run(&conf, &at, &why), REPLAY_UNFIT);
    assert_string_equal(why.text, "the pool");
    unfit = false;
    assert_int_equal(replay_run(&conf, &at, &why), REPLAY_DAMAGED);
    assert_non_null(strstr(why.text, "journal damaged"));
}

/* Blocks of another journal, another place, another shard in the middle of this one. */
static void misplaced_test(void **state)
{
    struct block saved;

    (void)state;
    process(fd, 300, 10, 0);
    struct block *b = block_of(fd, 2, 3);
    saved = *b;
    *b = *block_of(fd, 2, 4);
    assert_int_equal(replay(fd), REPLAY_DAMAGED);
    assert_non_null(strstr(why.text, "offset 12288"));
    assert_non_null(strstr(why.text, "another block"));
    *b = *block_of(fd, 1, 3);
    assert_int_equal(replay(fd), REPLAY_DAMAGED);
    assert_non_null(strstr(why.text, "another segment"));
    *b = saved;
    b->head.shard = 8;
    b->head.crc = block_crc(b);
    assert_int_equal(replay(fd), REPLAY_DAMAGED);
    *b = saved;
    b->slots[0].w[4] ^= 1; /* right sum, wrong chain */
    b->head.crc = block_crc(b);
    assert_int_equal(replay(fd), REPLAY_DAMAGED);
    *b = saved;
    assert_int_equal(replay(fd), REPLAY_OK);
}

/* A write of the dead process lands after the next one has cut there: it must not come back. */
static void late_landing_test(void **state)
{
    struct fake_process p;

    (void)state;
    process(fd, 20, 5, 0);
    fake_process_init(&p, BLOCKS);
    assert_int_equal(fake_process_start(&p, &fd->disk, &why), REPLAY_OK);
    fake_process_send(&p, 5);
    fake_process_run(&p);
    fd->automatic = false;
    fake_process_send(&p, 10);
    persist_do_work(p.persist, 0);
    assert_int_equal(fake_disk_under_way(fd), 1);
    struct fake_pending dead = fd->pending[0]; /* still on its way to the disk */
    u8 *data = malloc(dead.bytes);
    memcpy(data, dead.data, dead.bytes);
    fake_disk_cut(fd, 0);
    fake_process_end(&p);
    fd->automatic = true;

    process(fd, 40, 5, 0); /* the next life begins with the number of that block */
    memcpy(fd->files[dead.file].data + dead.offset, data, dead.bytes);
    assert_int_equal(replay(fd), REPLAY_OK);
    assert_int_equal(at.last_seq, 65);
    assert_int_equal(at.epochs, 3);
    free(data);
}

/* The first write of a fresh segment is torn so that its second block is there and the first is
 * not. */
static void torn_first_block_test(void **state)
{
    struct fake_process p;

    (void)state;
    process(fd, 20, 5, 0);
    fake_process_init(&p, BLOCKS);
    assert_int_equal(fake_process_start(&p, &fd->disk, &why), REPLAY_OK);
    u64 segment = p.at.next_segment;
    fd->automatic = false;
    fake_process_send(&p, 60);
    persist_do_work(p.persist, 0);
    fake_disk_cut(fd, UINT64_MAX); /* all of it is there ... */
    fake_process_end(&p);
    fd->automatic = true;
    assert_null(block_check(block_of(fd, segment, 1), 7));
    memset(block_of(fd, segment, 0), 0, BLOCK_BYTES); /* ... but for the first block */
    assert_int_equal(replay(fd), REPLAY_OK);
    assert_true(at.cut);
    assert_int_equal(at.last_seq, 20);
    assert_int_equal(at.next_segment, segment); /* made anew */
    assert_int_equal(at.max_epoch, 2);          /* but its epoch is not given again */
    process(fd, 20, 5, 0);
    assert_int_equal(replay(fd), REPLAY_OK);
    assert_int_equal(at.last_seq, 40);
    assert_int_equal(at.max_epoch, 3);
}

/* The last transaction ran over the cut: its beginning is dropped, by this and by later recoveries.
 * */
static void partial_transaction_test(void **state)
{
    u64 seq = 1;
    struct tx t;
    struct fake_process p;

    (void)state;
    for (fake_tx(seq, &t); t.used < 100; fake_tx(++seq, &t))
        ;
    fake_process_init(&p, BLOCKS);
    assert_int_equal(fake_process_start(&p, &fd->disk, &why), REPLAY_OK);
    fd->automatic = false;
    fake_process_send(&p, (u32)seq);
    persist_do_work(p.persist, 0);
    fake_disk_cut(fd, UINT64_MAX);
    fake_process_end(&p);
    fd->automatic = true;
    assert_int_equal(replay(fd), REPLAY_OK);
    assert_int_equal(at.last_seq, seq);
    u64 last = at.next_block - 1;
    memset(block_of(fd, 1 + (last - 1) / BLOCKS, (last - 1) % BLOCKS), 7, 512);
    assert_int_equal(replay(fd), REPLAY_OK);
    assert_int_equal(at.last_seq, seq - 1);
    assert_true(at.cut && at.cut_slots > 0 && at.cut_bytes == BLOCK_BYTES);
    assert_int_equal(at.cut_block, last);
    process(fd, 10, 5, 0);
    assert_int_equal(replay(fd), REPLAY_OK);
    assert_int_equal(at.last_seq, seq - 1 + 10);
    assert_int_equal(at.dropped_partial_tx, 1);
    assert_int_equal(at.epochs, 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(empty_test),
        T(clean_test),
        T(foreign_test),
        T(torn_tail_test),
        T(flip_test),
        T(truncate_test),
        T(missing_segment_test),
        T(unfit_test),
        T(misplaced_test),
        T(read_error_test),
        T(late_landing_test),
        T(torn_first_block_test),
        T(partial_transaction_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
