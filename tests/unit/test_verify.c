/*
 * test_verify.c - how large each process' pools were, which verify must know before it reads: a
 * CMD_START says it, but what the engine does by itself after a crash may stand before that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/log.h"
#include "engine/state.h"
#include "persist/verify.h"
#include "tests/lib/engine_venue.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

#define SHARD  7u
#define BLOCKS 8u   /* of a segment */
#define ORDERS 600u /* several pieces of long work */

static struct fake_disk *fd;
static struct fake_process process;
static struct mem mem;
static struct engine *engine;
static struct engine_conf conf;
static struct why why;
static u64 now_ns;

static void journal(const struct tx *t)
{
    bool pushed = ring_push(&process.tx, t->slots, t->used);

    assert_true(pushed);
    fake_process_run(&process);
}

static void send(union msg *m)
{
    struct tx t;

    if (m->cmd.bind_id == BIND)
        m->cmd.bind_id = engine->accounts.at[m->cmd.account].bind_id;
    assert_true(engine_step(engine, m, now_ns += 1000, &t));
    journal(&t);
}

/* A process with pools for so many accounts, recovered from what is there. */
static void begin(u32 accounts_max)
{
    struct replay_conf replay = {
        .disk = &fd->disk, .shard = SHARD, .apply = replay_into_engine, .quiet = true};
    struct replay_result at;

    conf = (struct engine_conf){
        .accounts_max = accounts_max, .instruments_max = 1, .orders_max = ORDERS, .gateways = 1};
    mem_init(&mem, 0);
    replay.ctx = engine = engine_new(&conf, &mem);
    assert_int_equal(replay_run(&replay, &at, &why), REPLAY_OK);
    fake_process_init(&process, BLOCKS);
    process.make = NULL; /* all comes from the engine */
    assert_int_equal(fake_process_start(&process, &fd->disk, &why), REPLAY_OK);
}

/* A crash. */
static void end(void)
{
    struct fake_disk *left = fake_disk_copy(fd);

    fake_process_end(&process);
    mem_free_all(&mem);
    fake_disk_free(fd);
    fd = left;
}

static void start(void)
{
    union msg m = venue_cmd(CMD_START, 0);

    m.start.epoch = process.at.max_epoch + 1;
    m.start.shard = SHARD;
    m.start.journal_id = 77;
    m.start.accounts_max = conf.accounts_max;
    m.start.instruments_max = conf.instruments_max;
    m.start.orders_max = conf.orders_max;
    send(&m);
}

static void account(const char *user)
{
    union msg m = venue_cmd(CMD_ACCOUNT, 0);

    memcpy(m.account.user, user, 6);
    memcpy(m.account.firm, "FIRM", 4);
    send(&m);
}

/* A process that opens a day; account 1 is logged in. */
static void first_process(void)
{
    union msg m = venue_cmd(CMD_DAY_OPEN, 0);

    begin(1);
    start();
    m.day.day = VENUE_DAY;
    m.day.midnight_ns = now_ns;
    send(&m);
    m = venue_cmd(CMD_INSTRUMENT, 0);
    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = 100;
    m.instrument.lot = 100;
    send(&m);
    account("ANN   ");
    m = venue_cmd(CMD_LOGIN, ANN);
    m.cmd.bind_id = 0;
    m.login.conn = 1;
    send(&m);
}

static void assert_verified(u32 accounts)
{
    struct engine_conf sizes = {.gateways = 1};
    char *text = NULL;
    size_t bytes;
    FILE *report = open_memstream(&text, &bytes);

    bool ok = verify_run(&fd->disk, SHARD, report, &why);
    fclose(report);
    if (!ok)
        fail_msg("%s\n%s", why.text, text);
    free(text);
    verify_sizes(&fd->disk, SHARD, &sizes);
    assert_int_equal(sizes.accounts_max, accounts);
    assert_int_equal(sizes.orders_max, ORDERS);
}

/* The second process, with larger pools, which it says behind what it has done before. */
static void second_process(void)
{
    start();
    account("BOB   ");
    account("CAT   ");
    end();
    assert_verified(3);
}

/* Long work that the crash has left: blocks of it. */
static void test_work_before_the_start(void **state)
{
    union msg m;
    struct tx t;
    u32 pieces = 0;

    (void)state;
    first_process();
    for (u32 ref = 1; ref <= ORDERS; ref++) {
        m = venue_enter_cmd(ANN, ref, 'B', 100, 10000, '0');
        send(&m);
    }
    m = venue_cmd(CMD_DAY_END, 0);
    m.day.day = VENUE_DAY;
    send(&m);
    assert_true(engine_busy(engine));
    end();
    begin(3);
    for (; engine_busy(engine); pieces++) {
        engine_continue(engine, now_ns += 1000, &t);
        journal(&t);
    }
    assert_true(pieces >= 2);
    second_process();
}

/* An order whose time is over: it goes before all commands. */
static void test_a_tick_before_the_start(void **state)
{
    union msg m = venue_enter_cmd(ANN, 1, 'B', 100, 10000, '6');

    (void)state;
    first_process();
    m.enter.terms.tags = TAG_BIT(15);
    m.enter.terms.expire_s = 5;
    send(&m);
    end();
    begin(3);
    now_ns += 10 * NS_PER_SEC;
    assert_true(engine_due(engine, now_ns));
    m = venue_cmd(CMD_TICK, 0);
    send(&m);
    second_process();
}

static int setup(void **state)
{
    (void)state;
    log_level_set(LOG_ERROR + 1);
    fd = fake_disk_new();
    fd->automatic = true;
    now_ns = 1700000000ull * NS_PER_SEC;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_disk_free(fd);
    return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_work_before_the_start),
        T(test_a_tick_before_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
