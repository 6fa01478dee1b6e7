/*
 * test_startup_checks.c - whose checks count after a restart: the files', or an operator's. The
 * whole process in one thread over a real directory, two gateways, no client; ended without an
 * orderly stop, as a crash would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "gateway/topology.h"
#include "persist/pwrite.h"
#include "tests/lib/fake_transport.h"

#define GATEWAYS 2u
#define USER     "ALICE "

static struct refdata_instrument instruments[] = {
    {.symbol = "AAPL    ", .tick = 100, .lot = 100, .reference_price = 1500000},
};
static struct refdata_account accounts[] = {{.user = USER, .firm = "FIRM", .enabled = true}};
static struct refdata refs = {
    .instruments = instruments, .instruments_used = 1, .accounts = accounts, .accounts_used = 1};

static char dir[64];
static struct topology topology;
static struct topology_world world;
static struct fake_transport *transports[GATEWAYS];

static u64 pass_time(void *ctx)
{
    (void)ctx;
    return clock_now_ns();
}

/* A process begins with these files. */
static void start_with(const struct refdata *files)
{
    struct topology_conf conf;
    struct why why;

    topology_conf_defaults(&conf);
    conf.engine.accounts_max = files->accounts_used;
    conf.gateway.store_chunks = STORE_CHUNKS_MIN;
    conf.journal_id = 1;
    conf.process_id = clock_now_ns();
    conf.gateways = GATEWAYS;
    conf.persist.segment_bytes = 1 << 18;
    conf.persist.space_low_bytes = 1 << 20;
    conf.persist.space_hard_bytes = 1 << 19;
    memset(&world, 0, sizeof world);
    world.disk = pwrite_new(dir, &why);
    assert_non_null(world.disk);
    world.pass_time = pass_time;
    for (u32 g = 0; g < GATEWAYS; g++) {
        transports[g] = fake_new(g + 1);
        world.transports[g] = &transports[g]->head;
    }
    assert_int_equal(topology_build(&topology, &conf, &world, clock_now_ns()), 0);
    assert_int_equal(topology_open(&topology, files, clock_now_ns()), 0);
}

/* The file says `qty_max`. */
static void start(u32 qty_max)
{
    accounts[0].checks.qty_max = qty_max;
    start_with(&refs);
}

static void crash(void)
{
    topology_free(&topology);
    for (u32 g = 0; g < GATEWAYS; g++)
        fake_free(transports[g]);
    world.disk->ops->free(world.disk);
    metrics_reset();
}

/* What an operator asks for, durable when this returns. */
static void operators(u32 qty_max, u8 source)
{
    static u64 request;
    struct msg_checks c;
    union msg m;

    memset(&c, 0, sizeof c);
    memcpy(c.user, USER, sizeof c.user);
    c.qty_max = qty_max;
    c.source = source;
    memset(&m, 0, sizeof m);
    m.operator.head.type = CMD_OPERATOR;
    m.operator.head.slots =(u8) msg_type_slots(CMD_OPERATOR);
    m.operator.request = ++ request;
    m.operator.type = CMD_CHECKS;
    memcpy(m.operator.body, (u8 *)&c + sizeof c.cmd, sizeof c - sizeof c.cmd);
    assert_true(ring_push(&topology.rings.admin_cmd, &m, m.operator.head.slots));
    for (u32 i = 0; i < 20; i++)
        for (u32 a = 0; a < topology.agents_used; a++)
            if (strcmp(topology.agents[a].name, "admin") != 0)
                topology.agents[a].do_work(topology.agents[a].self, clock_now_ns());
}

static void expect(u32 qty_max)
{
    for (u32 g = 0; g < GATEWAYS; g++)
        assert_int_equal(gateway_account_limits(topology.gateways[g], USER)->qty_max, qty_max);
}

/* More commands than the ring to the engine holds: each account has its terms, checks and limits,
 * whether what is to be sent fits what is left of the ring or not. */
static void test_many_accounts(void **state)
{
    static struct refdata_account many[800];
    struct refdata files = refs;

    (void)state;
    files.instruments_used = 0; /* so START, of one slot, is alone before those of two */
    files.accounts = many;
    for (files.accounts_used = 0; files.accounts_used < ARRAY_LEN(many); files.accounts_used++) {
        u32 i = files.accounts_used;
        char user[8];
        many[i] = (struct refdata_account){.firm = "FIRM", .enabled = true};
        snprintf(user, sizeof user, "A%05u", i);
        memcpy(many[i].user, user, sizeof many[i].user);
        many[i].checks.qty_max = 1000 + i;
        many[i].stake.exposure_max = 2000 + i;
    }
    start_with(&files);
    for (u32 i = 0; i < ARRAY_LEN(many); i++) {
        struct msg_limit limit = {.scope = LIMIT_ACCOUNT};
        memcpy(limit.user, many[i].user, sizeof limit.user);
        engine_limit(topology.engine, &limit);
        assert_int_equal(limit.exposure_max, 2000 + i);
        for (u32 g = 0; g < GATEWAYS; g++)
            assert_int_equal(gateway_account_limits(topology.gateways[g], many[i].user)->qty_max,
                             1000 + i);
    }
    crash();
}

static void test_whose_checks_count(void **state)
{
    (void)state;
    start(100);
    expect(100);
    crash();
    start(200); /* the file has changed */
    expect(200);
    operators(50, CHECKS_OF_OPERATOR);
    expect(50);
    crash();
    start(200);
    expect(50);
    crash();
    start(300); /* whatever the file says */
    expect(50);
    operators(60, CHECKS_OF_FILES); /* given back to the file, from the next start on */
    expect(60);
    crash();
    start(300);
    expect(300);
    crash();
}

/* Any command of operators, durable when this returns. */
static void operate(const union msg *carried)
{
    static u64 request = 1000;
    union msg m;

    memset(&m, 0, sizeof m);
    m.operator.head.type = CMD_OPERATOR;
    m.operator.head.slots =(u8) msg_type_slots(CMD_OPERATOR);
    m.operator.request = ++ request;
    m.operator.type = carried->cmd.type;
    memcpy(m.operator.body, (const u8 *)carried + sizeof m.cmd, sizeof m.operator.body);
    assert_true(ring_push(&topology.rings.admin_cmd, &m, m.operator.head.slots));
    for (u32 i = 0; i < 20; i++)
        for (u32 a = 0; a < topology.agents_used; a++)
            if (strcmp(topology.agents[a].name, "admin") != 0)
                topology.agents[a].do_work(topology.agents[a].self, clock_now_ns());
}

static void expect_limits(u64 account, u64 firm, u8 listed)
{
    struct msg_limit a = {.scope = LIMIT_ACCOUNT, .user = USER};
    struct msg_limit f = {.scope = LIMIT_FIRM, .firm = "FIRM"};
    struct msg_listed l = {
        .scope = LIST_ACCOUNT, .kind = LIST_RESTRICTED, .user = USER, .symbol = "AAPL    "};

    engine_limit(topology.engine, &a);
    engine_limit(topology.engine, &f);
    assert_int_equal(a.exposure_max, account);
    assert_int_equal(f.exposure_max, firm);
    assert_int_equal(engine_listed_state(topology.engine, &l), listed);
}

/* Limits, lists and profiles of operators hold over a restart, whatever the files say. */
static void test_whose_limits_count(void **state)
{
    static char symbols[1][8] = {"AAPL    "};
    struct msg_limit firm = {.scope = LIMIT_FIRM, .firm = "FIRM", .exposure_max = 7};
    union msg m;
    (void)state;

    accounts[0].stake.exposure_max = 5;
    accounts[0].restricted = (struct refdata_list){symbols, 1};
    refs.firms = &firm;
    refs.firms_used = 1;
    start(100);
    expect_limits(5, 7, LISTED_ON);
    memset(&m, 0, sizeof m);
    m.cmd.type = CMD_LIMIT;
    m.limit.scope = LIMIT_ACCOUNT;
    memcpy(m.limit.user, USER, 6);
    m.limit.exposure_max = 50;
    m.limit.source = CHECKS_OF_OPERATOR;
    operate(&m);
    m.limit.scope = LIMIT_FIRM;
    memset(m.limit.user, 0, 6);
    memcpy(m.limit.firm, "FIRM", 4);
    m.limit.exposure_max = 70;
    operate(&m);
    memset(&m, 0, sizeof m);
    m.cmd.type = CMD_LISTED;
    m.listed = (struct msg_listed){.cmd = {.type = CMD_LISTED},
                                   .scope = LIST_ACCOUNT,
                                   .kind = LIST_RESTRICTED,
                                   .user = USER,
                                   .symbol = "AAPL    ",
                                   .source = CHECKS_OF_OPERATOR};
    operate(&m);
    expect_limits(50, 70, LISTED_HELD); /* taken off, and so it stays */
    crash();
    firm.exposure_max = 8;
    start(100);
    expect_limits(50, 70, LISTED_HELD);
    m.listed.source = CHECKS_OF_FILES;
    operate(&m);
    expect_limits(50, 70, 0);
    crash();
    start(100); /* given back */
    expect_limits(50, 70, LISTED_ON);
    crash();
    accounts[0].restricted.used = 0;
    start(100); /* the file no longer has it */
    expect_limits(50, 70, 0);
    crash();
    refs.firms_used = 0;
}

/* A profile, and an account that names it, are the operator's until he gives them back. */
static void test_whose_profiles_count(void **state)
{
    struct refdata_profile p = {.terms = {.name = "HOUSE   ", .values = {.qty_max = 10}}};
    union msg m;
    (void)state;

    refs.profiles = &p;
    refs.profiles_used = 1;
    accounts[0].checks.inherits = FIELD_QTY;
    memcpy(accounts[0].profile, "HOUSE   ", 8);
    start(0);
    expect(10);
    memset(&m, 0, sizeof m);
    m.profile = p.terms;
    m.cmd.type = CMD_PROFILE;
    m.profile.values.qty_max = 11;
    m.profile.source = CHECKS_OF_OPERATOR;
    operate(&m);
    expect(11);
    crash();
    p.terms.values.qty_max = 12;
    start(0);
    expect(11);
    m.profile.source = CHECKS_OF_FILES;
    operate(&m);
    crash();
    start(0);
    expect(12);
    crash();
    refs.profiles_used = 0;
}

static int setup(void **state)
{
    (void)state;
    clock_init();
    log_level_set(LOG_ERROR);
    snprintf(dir, sizeof dir, "/var/tmp/wb-test_startup_checks-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static u32 reap_nothing(struct disk *d, struct disk_done *done, u32 max)
{
    (void)d, (void)done, (void)max;
    return 0;
}

/* The end comes at its deadline, however much a transport finds to do in each turn. */
static void test_end_has_a_deadline(void **state)
{
    (void)state;
    start(100);
    const struct disk_ops *good = world.disk->ops;
    struct disk_ops slow = *good;
    slow.reap = reap_nothing;
    world.disk->ops = &slow; /* so that what is asked is never done */
    operators(50, CHECKS_OF_OPERATOR);
    transports[1]->busy = true;
    u64 now_ns = clock_now_ns();
    assert_false(topology_close(&topology, now_ns, now_ns + 50 * NS_PER_MS));
    assert_in_range(clock_now_ns() - now_ns, 50 * NS_PER_MS, 5 * NS_PER_SEC);
    world.disk->ops = good;
    crash();
}

static int teardown(void **state)
{
    char command[128];
    (void)state;

    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_accounts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whose_checks_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whose_limits_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whose_profiles_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end_has_a_deadline, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
