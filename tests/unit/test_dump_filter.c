/*
 * test_dump_filter.c - which messages of a journal concern an account, an instrument, a range: by
 * the rules one by one, and over a made-up day against a naive count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "persist/dump.h"
#include "tests/lib/dumped.h"

/* Not by strchr, which strict sanitizers have look at all that is left each time. */
static u32 lines(const char *text)
{
    u32 n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static u32 count(const char *account, const char *instrument)
{
    struct dump_conf conf = conf_all(DUMP_JSON);
    struct mem mem;

    conf.account = account;
    conf.instrument = instrument;
    struct text t =
        dumped(conf, &mem, dumped_journal.slots, dumped_journal.begins, dumped_journal.txs, true);
    u32 n = lines(t.at);
    free(t.at);
    return n;
}

/* Messages of the journal whose head has that account: the dump has them, and not fewer. */
static u32 own_messages(u32 account)
{
    u32 n = 0;

    for (u64 i = 0; i < dumped_journal.slots_used; i += msg_slots(&dumped_journal.slots[i]))
        n += ((const struct cmd_head *)(const void *)&dumped_journal.slots[i])->account == account;
    return n;
}

static void filters_test(void **state)
{
    struct export_names names;
    struct mem mem;
    u32 all = count(NULL, NULL);
    u32 of_instruments = 0;

    (void)state;
    mem_init(&mem, 0);
    made_journal_names(&dumped_journal, &names, &mem, dumped_journal.txs);
    for (u32 id = 1; id <= MADE_ACCOUNTS; id++) {
        char user[8] = "", number[8];
        memcpy(user, names.accounts[id].user, export_names_trim(names.accounts[id].user, 6));
        snprintf(number, sizeof number, "#%u", id);
        u32 n = count(user, NULL);
        assert_true(n >= own_messages(id) && n < all);
        assert_true(n - own_messages(id) < 40); /* its terms, kills and breaks */
        /* by its number: all but the commands that know it by name only */
        assert_in_range(n - count(number, NULL), 0, 10);
    }
    for (u32 id = 1; id <= MADE_INSTRUMENTS; id++) {
        char symbol[9] = "";
        memcpy(symbol, names.symbols[id], export_names_trim(names.symbols[id], 8));
        u32 n = count(NULL, symbol);
        assert_true(n > 100 && n < all);
        of_instruments += n;
        char user[8] = "";
        memcpy(user, names.accounts[1].user, export_names_trim(names.accounts[1].user, 6));
        assert_true(count(user, symbol) < min_u32(n, count(user, NULL)));
    }
    assert_true(of_instruments < 2 * all);
    mem_free_all(&mem);
}

static union msg of_type(u8 type)
{
    union msg m;

    memset(&m, 0, sizeof m);
    m.cmd.type = type;
    m.cmd.slots = (u8)msg_type_slots(type);
    m.cmd.account = 2;
    m.cmd.seq = 7;
    return m;
}

/* A fill is both sides' and one instrument's; a cancel that names no instrument goes with it. */
static void filter_rules_test(void **state)
{
    struct dump_conf conf = conf_all(DUMP_JSON);
    struct slot tx[8];
    u64 begins[] = {0, 4};
    struct mem mem;
    union msg m[4];

    (void)state;
    memset(tx, 0, sizeof tx);
    m[0] = of_type(CMD_CANCEL);
    m[1] = of_type(EV_CANCELLED);
    m[2] = of_type(EV_EXECUTED);
    m[3] = of_type(EV_EXECUTED);
    m[1].cancelled.instrument = m[2].executed.instrument = 4;
    m[3].executed.instrument = 5;
    m[2].ev.account = 3;
    for (u32 i = 0; i < 4; i++)
        tx[i] = m[i].slots[0];
    conf.instrument = "#4";
    struct text t = dumped(conf, &mem, tx, begins, 1, true);
    assert_int_equal(lines(t.at), 3);
    assert_non_null(strstr(t.at, "CMD_CANCEL"));
    free(t.at);
    conf.account = "#3";
    t = dumped(conf, &mem, tx, begins, 1, true);
    assert_int_equal(lines(t.at), 1);
    assert_non_null(strstr(t.at, "\"idx\":2,"));
    free(t.at);
    conf.instrument = "#6";
    t = dumped(conf, &mem, tx, begins, 1, false); /* not in the journal: said */
    assert_int_equal(t.bytes, 0);
    assert_non_null(strstr(dumped_why.text, "has no instrument #6"));
    free(t.at);
}

static void ranges_test(void **state)
{
    struct dump_conf conf = conf_all(DUMP_JSON);
    const struct cmd_head *tenth = (const void *)&dumped_journal.slots[dumped_journal.begins[9]];
    const struct cmd_head *last = (const void *)&dumped_journal.slots[dumped_journal.begins[19]];
    struct mem mem;

    (void)state;
    conf.from_seq = 10;
    conf.to_seq = 20;
    struct text by_seq =
        dumped(conf, &mem, dumped_journal.slots, dumped_journal.begins, dumped_journal.txs, true);
    assert_memory_equal(by_seq.at, "{\"seq\":10,\"idx\":0,", 18);
    conf = conf_all(DUMP_JSON);
    conf.since_ns = tenth->time_ns;
    conf.until_ns = last->time_ns;
    struct text by_time =
        dumped(conf, &mem, dumped_journal.slots, dumped_journal.begins, dumped_journal.txs, true);
    assert_string_equal(by_seq.at, by_time.at);
    free(by_seq.at);
    free(by_time.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_test),
        cmocka_unit_test(filter_rules_test),
        cmocka_unit_test(ranges_test),
    };
    return cmocka_run_group_tests(tests, dumped_setup, dumped_teardown);
}
