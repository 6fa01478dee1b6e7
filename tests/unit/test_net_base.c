/* test_net_base.c - checksums, sequence numbers, SipHash, TCP options and the space of chunks. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "gateway/net/cksum.h"
#include "gateway/net/net_state.h"
#include "gateway/net/siphash.h"
#include "gateway/net/space.h"
#include "gateway/net/tcp.h"
#include "gateway/net/tcp_seq.h"
#include "tests/lib/net_script.h"

static u64 random_state = 7;

static u32 rnd(u32 n)
{
    random_state += 0x9E3779B97F4A7C15ull;
    return (u32)(hash_u64(random_state) % n);
}

static void cksum_as_the_reference(void **state)
{
    u8 bytes[300];

    (void)state;
    for (u32 round = 0; round < 2000; round++) {
        u32 n = rnd(sizeof bytes);
        for (u32 i = 0; i < n; i++)
            bytes[i] = (u8)(round % 3 == 0 ? 0xff : rnd(256));
        u16 field = cksum_fold(cksum_add(0, bytes, n));
        assert_int_equal(be16(field), script_cksum(bytes, n, 0));
    }
}

/* RFC 1071 section 3's example: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2. */
static void cksum_of_rfc_1071(void **state)
{
    const u8 bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

    (void)state;
    assert_int_equal(be16(cksum_partial(cksum_add(0, bytes, 8))), 0xddf2);
    assert_int_equal(be16(cksum_fold(cksum_add(0, bytes, 8))), 0x220d);
}

/* The reference vectors of SipHash-2-4: key 00..0f, message 00..n-1; here n = 8 and 16. */
static void siphash_reference(void **state)
{
    const u64 key[2] = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};
    const u64 words[2] = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};

    (void)state;
    assert_true(siphash_words(key, words, 0) == 0x726fdb47dd0e0e31ull);
    assert_true(siphash_words(key, words, 1) == 0x93f5f5799a932462ull);
    assert_true(siphash_words(key, words, 2) == 0x3f2acc7f57c29bdbull);
}

static void sequence_numbers_wrap(void **state)
{
    (void)state;
    assert_true(seq_lt(0xffffffff, 0));
    assert_true(seq_gt(5, 0xfffffff0));
    assert_true(seq_le(7, 7) && seq_ge(7, 7) && !seq_lt(7, 7));
    assert_int_equal(seq_max(0xfffffff0, 5), 5);
    assert_int_equal(seq_min(0xfffffff0, 5), 0xfffffff0);
}

/* ---- options ---- */

static bool parse(const u8 *bytes, u32 n, struct tcp_segment *seg)
{
    u8 *copy = malloc(n + (n == 0)); /* ASan sees a step beyond */
    memcpy(copy, bytes, n);
    memset(seg, 0, sizeof *seg);
    bool good = tcp_options_parse(copy, n, seg);

    free(copy);
    return good;
}

static void options_all(void **state)
{
    const u8 o[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 7, 1, 3, 3, 7};
    const u8 sack[] = {1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6};
    struct tcp_segment seg;

    (void)state;
    assert_true(parse(o, sizeof o, &seg));
    assert_int_equal(seg.mss, 1460);
    assert_true(seg.sack_ok && seg.has_ts && seg.has_wscale);
    assert_int_equal(seg.ts_val, 9);
    assert_int_equal(seg.ts_ecr, 7);
    assert_int_equal(seg.wscale, 7);
    assert_true(parse(sack, sizeof sack, &seg));
    assert_int_equal(seg.sacks_used, 2);
    assert_int_equal(seg.sacks[1].start, 5);
    assert_int_equal(seg.sacks[1].end, 6);
}

static void options_malformed(void **state)
{
    struct tcp_segment seg;

    (void)state;
    assert_false(parse((u8[]){99, 0, 1, 1}, 4, &seg)); /* length 0: must not loop */
    assert_false(parse((u8[]){99, 1, 1, 1}, 4, &seg)); /* length 1 */
    assert_false(parse((u8[]){2, 4, 5}, 3, &seg));     /* past the end */
    assert_int_equal(seg.mss, 0);
    assert_false(parse((u8[]){1, 1, 1, 8}, 4, &seg)); /* kind without length */
    assert_false(parse((u8[]){8, 10, 0, 0}, 4, &seg));
    assert_true(parse((u8[]){2, 3, 5, 0}, 4, &seg)); /* known, wrong length: ignored */
    assert_int_equal(seg.mss, 0);
    assert_true(parse((u8[]){253, 4, 1, 2, 2, 4, 1, 0}, 8, &seg)); /* unknown: skipped */
    assert_int_equal(seg.mss, 256);
    assert_true(parse((u8[]){0, 99, 0, 0}, 4, &seg)); /* nothing counts after the end */
    assert_true(parse((u8[]){3, 3, 99, 0}, 4, &seg)); /* RFC 7323: at most 14 */
    assert_int_equal(seg.wscale, 14);
}

/* ---- space ---- */

struct space_fixture {
    struct mem mem;
    struct chunk_pool pool;
    struct space space;
};

static void space_setup(struct space_fixture *f, u32 chunks)
{
    memset(f, 0, sizeof *f);
    mem_init(&f->mem, 0);
    chunk_pool_init(&f->pool, &f->mem, chunks);
}

/*
 * A stream goes through in pieces of all sizes, over the wrap of sequence numbers, against itself.
 */
static void space_is_a_queue(void **state)
{
    struct space_fixture f;
    u8 in[NET_SPACE_BYTES];
    u8 out[NET_SPACE_BYTES];
    u32 tail = 0xffff0123; /* wraps after 65 KB */
    u32 head = tail;

    (void)state;
    space_setup(&f, NET_CONN_CHUNKS);
    for (u32 round = 0; round < 3000; round++) {
        u32 n = rnd(NET_SPACE_BYTES - (tail - head) + 1);
        if (rnd(3) == 0)
            n = min_u32(n, rnd(SPACE_FEW + 2)); /* few of them: without a chunk */
        for (u32 i = 0; i < n; i++)
            in[i] = (u8)((tail + i) * 31 + ((tail + i) >> 9));
        assert_int_equal(space_write(&f.space, &f.pool, tail, in, n), n);
        tail += n;
        n = rnd(tail - head + 1);
        space_read(&f.space, &f.pool, head, out, n);
        for (u32 i = 0; i < n; i++)
            assert_int_equal(out[i], (u8)((head + i) * 31 + ((head + i) >> 9)));
        space_release(&f.space, &f.pool, head, head + n, head + n == tail);
        head += n;
        assert_int_equal(space_chunks(&f.space), f.pool.total - f.pool.free);
        assert_true(head != tail || f.pool.free == f.pool.total);
    }
    space_clear(&f.space, &f.pool);
    assert_int_equal(f.pool.free, f.pool.total);
    mem_free_all(&f.mem);
}

static void space_pool_runs_empty(void **state)
{
    struct space_fixture f;
    u8 bytes[3 * NET_CHUNK_BYTES] = {0};

    (void)state;
    space_setup(&f, 2);
    assert_int_equal(space_room(&f.space, &f.pool, 100), 2 * NET_CHUNK_BYTES - 100);
    assert_int_equal(space_write(&f.space, &f.pool, 100, bytes, sizeof bytes),
                     2 * NET_CHUNK_BYTES - 100);
    assert_int_equal(space_room(&f.space, &f.pool, 2 * NET_CHUNK_BYTES), 0);
    space_release(&f.space, &f.pool, 100, NET_CHUNK_BYTES, false);
    assert_int_equal(f.pool.free, 1);
    space_clear(&f.space, &f.pool);
    mem_free_all(&f.mem);
}

/* Few bytes need no chunk; more move to one, or stay as far as they fit when there is none. */
static void space_few_bytes(void **state)
{
    struct space_fixture f;
    u8 in[2 * SPACE_FEW];
    u8 out[sizeof in];
    const u32 seq = 0u - 50;

    (void)state;
    space_setup(&f, 1);
    for (u32 i = 0; i < sizeof in; i++)
        in[i] = (u8)(i * 7);
    space_start(&f.space, seq);
    for (u32 round = 0; round < 2; round++) {
        u32 at = seq + round * (SPACE_FEW + 1);
        assert_int_equal(space_room(&f.space, &f.pool, at), NET_CHUNK_BYTES);
        assert_int_equal(space_write(&f.space, &f.pool, at, in, SPACE_FEW), SPACE_FEW);
        assert_int_equal(space_chunks(&f.space), 0);
        assert_int_equal(f.pool.free, 1);
        space_release(&f.space, &f.pool, at, at + 9, false); /* makes no room: it is a stream */
        assert_int_equal(space_write(&f.space, &f.pool, at + SPACE_FEW, in + SPACE_FEW, 1), 1);
        assert_int_equal(space_chunks(&f.space), 1);
        space_read(&f.space, &f.pool, at + 9, out, SPACE_FEW - 8);
        assert_memory_equal(out, in + 9, SPACE_FEW - 8);
        space_release(&f.space, &f.pool, at + 9, at + SPACE_FEW + 1, true);
        assert_int_equal(f.pool.free, 1);
    }
    u32 chunk = chunk_take(&f.pool);
    u32 end = seq + 2 * (SPACE_FEW + 1);
    assert_int_equal(space_room(&f.space, &f.pool, end), SPACE_FEW);
    assert_int_equal(space_write(&f.space, &f.pool, end, in, 10), 10);
    assert_int_equal(space_room(&f.space, &f.pool, end + 10), SPACE_FEW - 10);
    assert_int_equal(space_write(&f.space, &f.pool, end + 10, in + 10, sizeof in - 10),
                     SPACE_FEW - 10);
    space_read(&f.space, &f.pool, end, out, SPACE_FEW);
    assert_memory_equal(out, in, SPACE_FEW);
    chunk_put(&f.pool, chunk);
    assert_int_equal(space_room(&f.space, &f.pool, end + SPACE_FEW), NET_CHUNK_BYTES - SPACE_FEW);
    space_clear(&f.space, &f.pool);
    assert_int_equal(f.pool.free, 1);
    mem_free_all(&f.mem);
}

/* What is kept goes to those who have no chunk yet, one each. */
static void space_keeps_some_for_others(void **state)
{
    struct space_fixture f;
    struct space others[3] = {0};
    u8 bytes[3 * NET_CHUNK_BYTES] = {0};

    (void)state;
    space_setup(&f, 4);
    f.pool.kept = 2;
    space_start(&f.space, 0);
    assert_int_equal(space_room(&f.space, &f.pool, 0), 2 * NET_CHUNK_BYTES);
    assert_int_equal(space_write(&f.space, &f.pool, 0, bytes, sizeof bytes), 2 * NET_CHUNK_BYTES);
    assert_int_equal(space_room(&f.space, &f.pool, 2 * NET_CHUNK_BYTES), 0);
    for (u32 i = 0; i < 3; i++) {
        u32 room = i < 2 ? NET_CHUNK_BYTES : SPACE_FEW;
        space_start(&others[i], 9);
        assert_int_equal(space_room(&others[i], &f.pool, 9), room);
        assert_int_equal(space_write(&others[i], &f.pool, 9, bytes, sizeof bytes), room);
    }
    assert_int_equal(f.pool.free, 0);
    space_clear(&f.space, &f.pool);
    assert_int_equal(space_room(&others[0], &f.pool, 9 + NET_CHUNK_BYTES), 0);
    for (u32 i = 0; i < 3; i++)
        space_clear(&others[i], &f.pool);
    mem_free_all(&f.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cksum_as_the_reference),
        cmocka_unit_test(cksum_of_rfc_1071),
        cmocka_unit_test(siphash_reference),
        cmocka_unit_test(sequence_numbers_wrap),
        cmocka_unit_test(options_all),
        cmocka_unit_test(options_malformed),
        cmocka_unit_test(space_is_a_queue),
        cmocka_unit_test(space_pool_runs_empty),
        cmocka_unit_test(space_few_bytes),
        cmocka_unit_test(space_keeps_some_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
