/* test_journal_format.c - sizes, names, checks, and the golden block: what is on a customer's
 * disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/types.h"
#include "persist/disk.h"
#include "persist/journal_format.h"
#include "tests/lib/fake_tx.h"

#define GOLDEN "tests/data/journal_block_v2.hex"

/* The block that the golden file has: every field of the header different. */
static void golden_block(struct block *b)
{
    struct tx t;
    u32 used = 0;

    memset(b, 0, sizeof *b);
    for (u64 seq = 1000; seq < 1004; seq++) {
        fake_tx(seq, &t);
        memcpy(&b->slots[used], t.slots, t.used * SLOT_BYTES);
        used += t.used;
    }
    b->head = (struct block_head){
        .magic = JOURNAL_MAGIC,
        .version = JOURNAL_VERSION,
        .slots_used = (u8)used,
        .first_tx_slot = 0,
        .prev_crc = 0x11223344,
        .epoch = 5,
        .segment = 0x66,
        .block = 777,
        .first_seq = 1000,
        .durable_block = 770,
        .shard = 8,
        .segment_blocks = 16384,
    };
    b->head.crc = block_crc(b);
}

static void golden_test(void **state)
{
    static struct block b;
    const u8 *bytes = (const u8 *)&b;

    (void)state;
    golden_block(&b);
    if (getenv("WB_MAKE_GOLDEN")) { /* only ever for a new format version */
        FILE *out = fopen(GOLDEN, "w");
        for (u32 i = 0; i < BLOCK_BYTES; i++)
            fprintf(out, "%02x%s", bytes[i], i % 32 == 31 ? "\n" : "");
        fclose(out);
    }
    FILE *in = fopen(GOLDEN, "r");
    assert_non_null(in);
    for (u32 i = 0; i < BLOCK_BYTES; i++) {
        unsigned byte;
        assert_int_equal(fscanf(in, "%2x", &byte), 1);
        if (byte != bytes[i])
            fail_msg("byte %u is %02x, the golden block has %02x", i, bytes[i], byte);
    }
    fclose(in);
    assert_null(block_check(&b, 8));
}

static void check_test(void **state)
{
    static struct block good, b;

    (void)state;
    golden_block(&good);
    assert_string_equal(block_check(&good, 9), "shard");
    for (u32 i = 0; i < BLOCK_BYTES * 8; i++) { /* every bit is covered */
        b = good;
        ((u8 *)&b)[i / 8] ^= (u8)(1u << i % 8);
        assert_non_null(block_check(&b, 8));
    }
    memset(&b, 0, sizeof b);
    assert_true(block_is_zero(&b));
    assert_string_equal(block_check(&b, 8), "never written");
    ((u8 *)&b)[BLOCK_BYTES - 1] = 1;
    assert_false(block_is_zero(&b));
    assert_string_equal(block_check(&b, 8), "magic");
}

/* Right sums over impossible headers. */
static void header_test(void **state)
{
    static struct block b;

    (void)state;
    for (u32 i = 0; i < 9; i++) {
        golden_block(&b);
        switch (i) {
        case 0:
            b.head.slots_used = 0;
            break;
        case 1:
            b.head.slots_used = 64;
            break;
        case 2:
            b.head.epoch = 0;
            break;
        case 3:
            b.head.segment = 0;
            break;
        case 4:
            b.head.durable_block = b.head.block;
            break;
        case 5:
            b.head.segment_blocks = 0;
            break;
        case 6:
            b.head.first_tx_slot = b.head.slots_used;
            break;
        case 7:
            b.head.first_seq = 0;
            b.head.first_tx_slot = 1;
            break;
        default:
            b.head.version = JOURNAL_VERSION - 1;
            break;
        }
        b.head.crc = block_crc(&b);
        assert_non_null(block_check(&b, 8));
        assert_int_equal(block_foreign(&b), i == 8 ? JOURNAL_VERSION - 1 : 0);
    }
    b.slots[0].w[0] ^= 1; /* an old version, torn: nobody knows what it was */
    assert_int_equal(block_foreign(&b), 0);
}

static void names_test(void **state)
{
    char name[DISK_NAME_MAX];

    (void)state;
    segment_name(0xa3, name);
    assert_string_equal(name, "00000000000000a3.journal");
    assert_int_equal(segment_parse(name), 0xa3);
    segment_name(UINT64_MAX, name);
    assert_true(segment_parse(name) == UINT64_MAX);
    assert_int_equal(segment_parse("00000000000000A3.journal"), 0);
    assert_int_equal(segment_parse("+0000000000000a3.journal"), 0);
    assert_int_equal(segment_parse("0000000000000000.journal"), 0);
    assert_int_equal(segment_parse("00000000000000a3.journal~"), 0);
    assert_int_equal(segment_parse("a3.journal"), 0);
    assert_int_equal(segment_parse("lock"), 0);
    assert_int_equal(segment_parse(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_test),
        cmocka_unit_test(check_test),
        cmocka_unit_test(header_test),
        cmocka_unit_test(names_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
