/* test_tx_builder.c - transactions out of blocks: over borders, from the middle, and nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "persist/tx_builder.h"
#include "tests/lib/fake_tx.h"

#define BLOCKS 400u

static struct block blocks[BLOCKS];
static u32 blocks_used;
static u64 last_seq;

/* Lays transactions 1.. out in blocks as the journal does, none padded. */
static int setup(void **state)
{
    struct tx t;
    u32 fill = 0;

    (void)state;
    memset(blocks, 0, sizeof blocks);
    blocks_used = 0;
    for (last_seq = 0; blocks_used + 6 < BLOCKS;) {
        fake_tx(++last_seq, &t);
        struct block_head *h = &blocks[blocks_used].head;
        if (h->first_seq == 0) {
            h->first_seq = last_seq;
            h->first_tx_slot = (u8)fill;
        }
        for (u32 i = 0; i < t.used; i++) {
            struct block *b = &blocks[blocks_used];
            b->slots[fill++] = t.slots[i];
            b->head.block = blocks_used + 1;
            b->head.epoch = 1;
            b->head.slots_used = (u8)fill;
            if (fill == BLOCK_SLOTS) {
                fill = 0;
                blocks_used++;
            }
        }
    }
    blocks_used += fill > 0;
    return 0;
}

/* Feeds blocks from..; expects whole transactions from `seq` on; returns the last one. */
static u64 read_on(struct tx_builder *t, u32 from, u64 seq)
{
    const char *what;

    for (;;) {
        switch (tx_builder_next(t, &what)) {
        case TX_BUILDER_TX:
            assert_int_equal(tx_builder_seq(t), seq);
            assert_true(fake_tx_is(seq, t->slots, t->used));
            seq++;
            break;
        case TX_BUILDER_BLOCK:
            if (from == blocks_used)
                return seq - 1;
            tx_builder_block(t, &blocks[from++]);
            break;
        default:
            fail_msg("%s", what);
        }
    }
}

static void whole_test(void **state)
{
    static struct tx_builder t;

    (void)state;
    tx_builder_reset(&t);
    assert_int_equal(read_on(&t, 0, 1), last_seq);
    assert_int_equal(tx_builder_reset(&t), 0);
}

/* From any block on: what began before is left out. */
static void middle_test(void **state)
{
    static struct tx_builder t;

    (void)state;
    for (u32 from = 0; from + 10 < blocks_used; from++) {
        u32 first = from;
        while (blocks[first].head.first_seq == 0)
            first++;
        tx_builder_reset(&t);
        assert_int_equal(read_on(&t, from, blocks[first].head.first_seq), last_seq);
    }
}

/* After a reset the slots of the incomplete transaction are counted and gone. */
static void reset_test(void **state)
{
    static struct tx_builder t;
    const char *what;
    u32 i = 0;

    (void)state;
    tx_builder_reset(&t);
    while (blocks[i + 1].head.first_seq != 0 && blocks[i + 1].head.first_tx_slot == 0)
        i++; /* a block behind which a transaction goes on */
    for (u32 n = 0; n <= i; n++) {
        tx_builder_block(&t, &blocks[n]);
        while (tx_builder_next(&t, &what) == TX_BUILDER_TX)
            ;
    }
    assert_true(tx_builder_reset(&t) > 0);
    assert_int_equal(tx_builder_reset(&t), 0);
}

static const char *bad(void)
{
    static struct tx_builder t;
    const char *what = NULL;
    enum tx_builder_status s;

    tx_builder_reset(&t);
    for (u32 i = 0; i < 3; i++) {
        tx_builder_block(&t, &blocks[i]);
        while ((s = tx_builder_next(&t, &what)) == TX_BUILDER_TX)
            ;
        if (s == TX_BUILDER_BAD)
            return what;
    }
    return "";
}

/* Every field that a writer's bug could get wrong is named, not asserted. */
static void nonsense_test(void **state)
{
    struct cmd_head *head = (struct cmd_head *)(void *)&blocks[0].slots[0];
    struct cmd_head *event = (struct cmd_head *)(void *)&blocks[0].slots[1];

    assert_string_equal(bad(), "");
    head->type = EV_EXECUTED;
    assert_non_null(strstr(bad(), "does not begin with"));
    setup(state);
    head->seq = 0;
    assert_non_null(strstr(bad(), "does not begin with"));
    setup(state);
    head->slots = 0;
    assert_non_null(strstr(bad(), "impossible count"));
    setup(state);
    event->slots = 5;
    assert_non_null(strstr(bad(), "impossible count"));
    setup(state);
    event->seq = 77;
    assert_non_null(strstr(bad(), "another transaction"));
    setup(state);
    event->type = CMD_TICK;
    assert_non_null(strstr(bad(), "in the middle"));
    setup(state);
    blocks[0].head.first_seq = 2;
    assert_non_null(strstr(bad(), "another number"));
    setup(state);
    blocks[1].head.first_tx_slot++;
    assert_non_null(strstr(bad(), "before the header says"));
    setup(state);
    for (u32 i = 0; i < 8; i++) { /* a transaction without an end */
        for (u32 s = 0; s < BLOCK_SLOTS; s++) {
            struct event_head *e = (struct event_head *)(void *)&blocks[i].slots[s];
            *e = (struct event_head){.type = EV_EXECUTED, .slots = 1, .seq = 1};
        }
        blocks[i].head.slots_used = BLOCK_SLOTS;
        blocks[i].head.first_seq = i == 0;
    }
    head->type = CMD_TICK;
    static struct tx_builder t;
    const char *what = NULL;
    u32 i = 0;
    tx_builder_reset(&t);
    do
        tx_builder_block(&t, &blocks[i++]);
    while (tx_builder_next(&t, &what) == TX_BUILDER_BLOCK);
    assert_int_equal(i, TX_SLOTS_MAX / BLOCK_SLOTS + 1);
    assert_non_null(strstr(what, "too long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(whole_test, setup),
        cmocka_unit_test_setup(middle_test, setup),
        cmocka_unit_test_setup(reset_test, setup),
        cmocka_unit_test_setup(nonsense_test, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
