/* test_listed.c - lists of symbols when they are full; the rest is test_engine_prop's. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "engine/listed.h"
#include "engine/rules.h"
#include "engine/state.h"

static struct mem mem;
static struct engine *e;

static void command(union msg *m, u8 type)
{
    memset(m, 0, sizeof *m);
    m->cmd.type = type;
    m->cmd.slots = (u8)msg_type_slots(type);
}

static bool step(const union msg *m)
{
    static struct tx tx;

    return engine_step(e, m, NS_PER_SEC, &tx);
}

static u32 firm_number(u32 i)
{
    char firm[4] = {(char)('A' + i % 26), (char)('A' + i / 26 % 26), (char)('A' + i / 676 % 26),
                    (char)('A' + i / 17576)};
    u32 key;

    memcpy(&key, firm, 4);
    return key;
}

static bool list(u32 i, u8 listed, u8 source)
{
    union msg m;
    u32 firm = firm_number(i);

    command(&m, CMD_LISTED);
    memcpy(m.listed.symbol, "AAPL    ", 8);
    memcpy(m.listed.firm, &firm, 4);
    m.listed.kind = LIST_RESTRICTED;
    m.listed.scope = LIST_FIRM;
    m.listed.listed = listed;
    m.listed.source = source;
    return step(&m);
}

static bool refuses(u32 i)
{
    return listed_refuses(e, 1, 1, firm_number(i), 'B') == REJECT_RESTRICTED;
}

/* What says nothing gives its place to what is new; what an operator holds does not. */
static void test_full(void **state)
{
    (void)state;
    for (u32 i = 0; i < LISTED_MAX; i++)
        assert_true(list(i, 1, CHECKS_OF_FILES));
    assert_false(list(LISTED_MAX, 1, CHECKS_OF_FILES));
    assert_int_equal(metric_get(&e->metrics.refused), 1);
    assert_false(list(7, 1, CHECKS_OF_FILES)); /* it is so already */
    assert_true(list(7, 0, CHECKS_OF_OPERATOR));
    assert_false(refuses(7));
    assert_false(list(LISTED_MAX, 1, CHECKS_OF_FILES));
    assert_false(list(7, 1, CHECKS_OF_RELOAD)); /* he holds it */
    assert_false(refuses(7));
    assert_true(list(7, 0, CHECKS_OF_FILES)); /* given back */
    u64 hash = listed_hash(e);
    assert_true(list(LISTED_MAX, 1, CHECKS_OF_FILES));
    assert_int_not_equal(listed_hash(e), hash);
    assert_true(refuses(LISTED_MAX));
    assert_false(refuses(7));
    for (u32 i = 8; i < LISTED_MAX; i += 97)
        assert_true(refuses(i));
    assert_int_equal(e->markets[1].listed, LISTED_MAX);
    for (u32 i = 0; i <= LISTED_MAX; i++)
        assert_int_equal(list(i, 0, CHECKS_OF_RELOAD), i != 7);
    assert_int_equal(e->markets[1].listed, 0);
    assert_int_equal(e->listed.used, 0);
    assert_int_equal(e->books.at[1].special, 0);
    engine_check(e);
}

static int setup(void **state)
{
    struct engine_conf conf = {
        .accounts_max = 2, .instruments_max = 2, .orders_max = 8, .gateways = 1};
    union msg m;
    (void)state;

    mem_init(&mem, 0);
    e = engine_new(&conf, &mem);
    command(&m, CMD_INSTRUMENT);
    memcpy(m.instrument.symbol, "AAPL    ", 8);
    m.instrument.tick = m.instrument.lot = 100;
    assert_true(step(&m));
    command(&m, CMD_ACCOUNT);
    memcpy(m.account.user, "ALICE ", 6);
    memcpy(m.account.firm, "FIRM", 4);
    assert_true(step(&m));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_free_all(&mem);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
