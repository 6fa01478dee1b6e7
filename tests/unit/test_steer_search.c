/*
 * test_steer_search.c - trades and requests looked up in the journal, by a process that has been up
 * for days: its first days' segments are used again meanwhile, or cannot be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/log.h"
#include "gateway/steer_search.h"
#include "persist/journal_format.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

/* Transactions of the journal below. */
enum {
    DAY_1 = 1,
    OLD_FILL = 20,
    DAY_2 = 300,
    STREAM = 305,
    CAME = 307, /* the seller's account to another firm */
    BOUGHT = 310,
    SOLD,
    WENT = 350, /* ... and on */
    FILL = 400,
    ASKED = 450,
    TXS = 500
};

#define MATCH   77u
#define REQUEST 1234567u

static struct fake_disk *fd;
static struct fake_process process;
static struct search search;
static struct why why;

static void put(struct tx *t, const union msg *m, u32 slots)
{
    union msg copy = *m;

    copy.cmd.slots = (u8)slots;
    memcpy(&t->slots[t->used], &copy, slots * SLOT_BYTES);
    t->used += slots;
}

static void fill(struct tx *t, u64 seq, u64 match)
{
    for (u32 i = 0; i < 2; i++)
        put(t,
            &(union msg){.executed = {.head = {.type = EV_EXECUTED,
                                               .flags = i ? MSG_SELL | MSG_TX_END : 0,
                                               .account = 3 + i,
                                               .seq = seq},
                                      .match = match,
                                      .user_ref = 10 + i,
                                      .qty = 100,
                                      .price = 2255000,
                                      .instrument = 5}},
            1);
}

static void order(struct tx *t, u64 seq)
{
    union msg m = {.order = {.head = {.type = EV_ACCEPTED,
                                      .flags = MSG_TX_END,
                                      .account = seq == BOUGHT ? 3 : 4,
                                      .seq = seq},
                             .user_ref = seq == BOUGHT ? 10 : 11}};

    memcpy(m.order.terms.clordid, seq == BOUGHT ? "BUYER         " : "SELLER        ", 14);
    m.order.terms.tags = seq == BOUGHT ? TAG_BIT(2) : 0;
    memcpy(m.order.terms.firm, "ACME", 4);
    put(t, &m, 2);
}

/* The seller's stream begins, or his account has another firm from now on. */
static void firm(struct tx *t, u64 seq)
{
    struct event_head head = {.flags = MSG_TX_END, .account = 4, .seq = seq};
    union msg m;

    memset(&m, 0, sizeof m);
    m.ev = head;
    m.ev.type = seq == STREAM ? EV_SYSTEM : EV_ACCOUNT;
    m.system.code = seq == STREAM ? 'S' : 0;
    if (seq == STREAM)
        memcpy(m.system.firm, "FRST", 4);
    else
        memcpy(m.account.firm, seq == CAME ? "SCND" : "THRD", 4);
    put(t, &m, msg_type_slots(m.ev.type));
}

static void make(u64 seq, struct tx *out)
{
    bool opens = seq == DAY_1 || seq == DAY_2;
    struct event_head end = {.type = EV_SYSTEM, .flags = MSG_TX_END, .seq = seq};

    out->used = 0;
    put(out, &(union msg){.cmd = {.type = opens ? CMD_DAY_OPEN : CMD_TICK, .seq = seq}}, 1);
    if (seq == OLD_FILL || seq == FILL)
        fill(out, seq, seq == FILL ? MATCH : 1);
    else if (seq == BOUGHT || seq == SOLD)
        order(out, seq);
    else if (seq == STREAM || seq == CAME || seq == WENT)
        firm(out, seq);
    else if (seq == ASKED)
        put(out,
            &(union msg){
                .operated = {.head = {.type = EV_OPERATED, .flags = MSG_TX_END, .seq = seq},
                             .request = REQUEST,
                             .first_seq = seq}},
            1);
    else
        put(out, &(union msg){.ev = end}, 1);
}

static int setup(void **state)
{
    (void)state;
    log_level_set(LOG_ERROR);
    fd = fake_disk_new();
    fake_process_init(&process, 4);
    process.make = make;
    if (fake_process_start(&process, &fd->disk, &why) != REPLAY_OK)
        return -1;
    for (u32 i = 0; i < TXS; i += 50) {
        fake_process_send(&process, 50);
        fake_process_run(&process);
    }
    struct cursor_conf conf = {
        .disk = &fd->disk,
        .shard = 7,
        .stored = persist_stored(process.persist),
        .live = {persist_live_segment(process.persist), persist_live_block(process.persist)},
    };
    search_init(&search, &conf, DAY_1); /* as the process began */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    search_free(&search);
    fake_process_end(&process);
    fake_disk_free(fd);
    return 0;
}

static enum operate_found trade_of(u64 match, struct msg_break *b)
{
    *b = (struct msg_break){.match = match};
    enum operate_found found = search_trade(&search, b, true);
    while (found == FOUND_NOT_YET)
        found = search_trade(&search, b, false);
    return found;
}

static enum operate_found request_of(u64 request, struct msg_operated *out)
{
    enum operate_found found = search_request(&search, request, out, true);
    while (found == FOUND_NOT_YET)
        found = search_request(&search, request, out, false);
    return found;
}

static void assert_found(void)
{
    struct msg_operated end;
    struct msg_break b;

    assert_int_equal(trade_of(MATCH, &b), FOUND_IT);
    assert_int_equal(b.qty, 100);
    assert_int_equal(b.price, 2255000);
    assert_int_equal(b.instrument, 5);
    assert_int_equal(b.side[0].account, 3);
    assert_int_equal(b.side[1].account, 4);
    assert_int_equal(b.side[0].sold, 0);
    assert_int_equal(b.side[1].sold, 1);
    assert_memory_equal(b.side[0].clordid, "BUYER         ", 14);
    assert_memory_equal(b.side[1].clordid, "SELLER        ", 14);
    assert_memory_equal(b.firm[0], "ACME", 4);
    assert_memory_equal(b.firm[1], "SCND", 4); /* as it was when the order came */
    assert_int_equal(trade_of(MATCH + 1, &b), FOUND_NONE);
    assert_int_equal(request_of(REQUEST, &end), FOUND_IT);
    assert_int_equal(end.first_seq, ASKED);
    assert_int_equal(request_of(REQUEST + 1, &end), FOUND_NONE);
}

static void found_test(void **state)
{
    (void)state;
    assert_found();
    assert_int_equal(search.from, DAY_2); /* the second search begins there */
    assert_found();
}

static struct fake_file *segment(u64 number)
{
    char name[DISK_NAME_MAX];

    segment_name(number, name);
    struct fake_file *f = fake_disk_file(fd, name);
    assert_non_null(f);
    return f;
}

/* The first day has gone: what the open day has is found all the same. */
static void first_days_gone_test(void **state)
{
    (void)state;
    for (u64 i = 1; i <= 2; i++) {
        char name[DISK_NAME_MAX];
        memcpy(name, segment(i)->name, sizeof name);
        assert_int_equal(fd->disk.ops->unlink(&fd->disk, name), 0);
    }
    assert_found();
}

/* Who could not look does not say that there is no such trade, or that nothing was done. */
static void unreadable_test(void **state)
{
    struct msg_operated end;
    struct msg_break b;

    (void)state;
    log_level_set(LOG_ERROR + 1);
    memset(segment(2)->data, 0xA5, BLOCK_BYTES);
    assert_int_equal(trade_of(MATCH, &b), FOUND_UNREADABLE);
    assert_int_equal(request_of(REQUEST, &end), FOUND_UNREADABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(found_test, setup, teardown),
        cmocka_unit_test_setup_teardown(first_days_gone_test, setup, teardown),
        cmocka_unit_test_setup_teardown(unreadable_test, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
