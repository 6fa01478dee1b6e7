/*
 * test_redis_batch.c - executions as one script call: RESP taken apart by hand, and errors read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "persist/export_names.h"
#include "persist/fill_codec.h"
#include "persist/redis_batch.h"
#include "persist/redis_text.h"
#include "persist/redis_tops.h"
#include "tests/lib/journal_rows.h"
#include "tests/lib/made_journal.h"

struct bench {
    struct mem mem;
    struct made_journal j;
    struct export_names names;
    struct redis_batch batch;
    struct resp command;
};

static int bench_start(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    mem_init(&b->mem, 0);
    made_journal_init(&b->j, 1);
    made_journal_start(&b->j, 1, 20261123);
    made_journal_trade(&b->j, 800);
    made_journal_names(&b->j, &b->names, &b->mem, b->j.txs);
    redis_batch_init(&b->batch, &b->mem, "wb", 7);
    b->command.room = redis_batch_command_max();
    b->command.bytes = mem_alloc(&b->mem, b->command.room, 64);
    *state = b;
    return 0;
}

static int bench_stop(void **state)
{
    struct bench *b = *state;

    made_journal_free(&b->j);
    mem_free_all(&b->mem);
    free(b);
    return 0;
}

static struct sink_tx tx_of(const struct bench *b, u64 seq)
{
    struct sink_tx tx = {.seq = seq, .day = 20261123, .names = &b->names};

    tx.slots = made_journal_tx(&b->j, seq, &tx.used);
    tx.time_ns = ((const union msg *)(const void *)tx.slots)->cmd.time_ns;
    return tx;
}

/* ---- RESP, taken apart ---- */

struct parser {
    const char *at;
    const char *end;
    u32 args_left;
};

static u32 parse_number(struct parser *p, char kind)
{
    char *end;

    assert_int_equal(*p->at, kind);
    u32 n = (u32)strtoul(p->at + 1, &end, 10);
    assert_memory_equal(end, "\r\n", 2);
    p->at = end + 2;
    return n;
}

static const char *next_arg(struct parser *p, u32 *bytes)
{
    assert_true(p->args_left-- > 0);
    *bytes = parse_number(p, '$');
    const char *arg = p->at;
    assert_true(*bytes + 2 <= (u64)(p->end - p->at));
    assert_memory_equal(arg + *bytes, "\r\n", 2);
    p->at += *bytes + 2;
    return arg;
}

static void next_is(struct parser *p, const char *want)
{
    u32 n;
    const char *arg = next_arg(p, &n);

    assert_int_equal(n, strlen(want));
    assert_memory_equal(arg, want, n);
}

static struct fill next_fill(struct parser *p)
{
    struct fill f;
    u32 n;
    const char *arg = next_arg(p, &n);

    assert_null(fill_decode((const u8 *)arg, n, &f));
    return f;
}

static struct parser parse(struct bench *b)
{
    struct redis_claim c = {.epoch = 5, .claim = 9, .stream_max_len = 1000, .sha = "abc"};
    struct sink_mark to = {.seq = b->j.txs, .time_ns = 77, .day = 20261123};

    b->command.used = b->command.args = 0;
    redis_batch_command(&b->batch, &c, &to, &b->command);
    struct parser p = {.at = (const char *)b->command.bytes};
    p.end = p.at + b->command.used;
    p.args_left = parse_number(&p, '*');
    return p;
}

static void next_number(struct parser *p, u64 want)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)want);
    next_is(p, text);
}

/* The last trade of the symbol, which is its first side; fails the test when there is none. */
static const struct fill *last_of(const struct fill *fills, u64 used, const char *symbol)
{
    const struct fill *last = NULL;

    for (u64 i = 0; i < used; i++)
        if (strcmp(fills[i].symbol, symbol) == 0 &&
            (i == 0 || fills[i - 1].match != fills[i].match))
            last = &fills[i];
    assert_non_null(last);
    return last;
}

/* The keys of four last trades, all different, and whose they are. */
static void next_lasts(struct parser *p, char symbols[4][9])
{
    for (u32 i = 0; i < 4; i++) {
        u32 n;
        const char *key = next_arg(p, &n);
        assert_int_equal(n, strlen("wb:last:SYM4"));
        assert_memory_equal(key, "wb:last:", 8);
        memcpy(symbols[i], key + 8, n - 8);
        for (u32 k = 0; k < i; k++)
            assert_string_not_equal(symbols[i], symbols[k]);
    }
}

/* ---- the cases ---- */

/* Two lives of a batch: everything of a journal goes through, in order. */
static void test_command(void **state)
{
    struct bench *b = *state;
    struct fill *want = journal_fills(&b->j, 7);

    for (u32 round = 0; round < 2; round++) {
        char text[64];
        u64 trades = 0, match = 0;
        for (u64 seq = 1; seq <= b->j.txs; seq++) {
            struct sink_tx tx = tx_of(b, seq);
            u64 now_ns = round == 0 ? tx.time_ns : tx.time_ns + REDIS_TRADE_FRESH_NS;
            assert_true(redis_batch_add(&b->batch, &tx, now_ns));
        }
        struct parser p = parse(b);
        next_is(&p, "EVALSHA");
        next_is(&p, "abc");
        next_is(&p, "6"); /* mark, stream, four symbols */
        next_is(&p, "wb:mark");
        next_is(&p, "wb:fills");
        char symbols[4][9] = {""};
        next_lasts(&p, symbols);
        next_is(&p, "5");
        next_is(&p, "9");
        snprintf(text, sizeof text, "%llu", (unsigned long long)b->j.txs);
        next_is(&p, text);
        next_is(&p, "20261123");
        next_is(&p, "1000");
        snprintf(text, sizeof text, "%llu", (unsigned long long)b->j.executions);
        next_is(&p, text);
        trades = round == 0 ? b->j.matches : 0; /* what is old is not published */
        snprintf(text, sizeof text, "%llu", (unsigned long long)trades);
        next_is(&p, text);
        next_is(&p, "4");
        next_is(&p, "77");
        for (u64 i = 0; i < b->j.executions; i++) {
            snprintf(text, sizeof text, "%llu-%u", (unsigned long long)want[i].seq, want[i].idx);
            next_is(&p, text);
            struct fill f = next_fill(&p);
            assert_memory_equal(&f, &want[i], sizeof f);
        }
        for (u64 i = 0; i < trades; i++) {
            u32 n;
            const char *channel = next_arg(&p, &n);
            struct fill f = next_fill(&p);
            snprintf(text, sizeof text, "wb:trades:%s", f.symbol);
            assert_int_equal(n, strlen(text));
            assert_memory_equal(channel, text, n);
            assert_int_equal(f.match, ++match);
            assert_int_equal(f.account, 0);
        }
        for (u32 i = 0; i < 4; i++) {
            const struct fill *l = last_of(want, b->j.executions, symbols[i]);
            snprintf(text, sizeof text, "%u.%04u", l->price / 10000, l->price % 10000);
            next_is(&p, text);
            next_number(&p, l->qty);
            next_number(&p, l->match);
            next_number(&p, l->seq);
            next_number(&p, l->day);
            next_number(&p, l->time_ns);
        }
        assert_int_equal(p.args_left, 0);
        assert_ptr_equal(p.at, p.end);
        redis_batch_clear(&b->batch);
    }
    free(want);
}

/* A batch without fills only moves the mark. */
static void test_mark_alone(void **state)
{
    struct bench *b = *state;
    struct sink_tx tx = tx_of(b, 1);

    assert_true(redis_batch_add(&b->batch, &tx, 0));
    struct parser p = parse(b);
    assert_int_equal(p.args_left, 3 + 2 + 9);
    redis_batch_clear(&b->batch);
}

/*
 * The largest transaction over and over: in whole or not at all; and the command has room for it.
 */
static void test_full(void **state)
{
    struct bench *b = *state;
    struct slot slots[TX_SLOTS_MAX];
    u32 added = 0;

    memset(slots, 0, sizeof slots);
    for (u32 i = 0; i < TX_SLOTS_MAX; i++) {
        union msg *m = (union msg *)(void *)&slots[i];
        m->ev.type = i == 0 ? CMD_CONTINUE : EV_EXECUTED;
        m->ev.slots = 1;
        m->executed.instrument = (u16)(60000 + i); /* all different */
        m->executed.match = i;
    }
    struct sink_tx tx = {.seq = UINT64_MAX, .day = 20261123, .names = &b->names};
    tx.used = TX_SLOTS_MAX;
    tx.slots = slots;
    while (redis_batch_add(&b->batch, &tx, 0))
        added++;
    assert_true(added >= 1);
    assert_int_equal(b->batch.entries_used, added * (TX_SLOTS_MAX - 1));
    struct parser p = parse(b);
    assert_true(p.args_left > added * (TX_SLOTS_MAX - 1) * 4);
    redis_batch_clear(&b->batch);
}

static void test_errors(void **state)
{
    static const struct {
        const char *text;
        enum sink_status status;
    } cases[] = {
        {"FENCED the shard was claimed", SINK_LOST},
        {"EMPTIED the stream", SINK_LOST},
        {"NOSCRIPT No matching script", SINK_LOST},
        {"LOADING Redis is loading", SINK_LOST},
        {"READONLY You can't write against a read only replica.", SINK_LOST},
        {"NOAUTH Authentication required.", SINK_REFUSED},
        {"WRONGPASS invalid", SINK_REFUSED},
        {"OOM command not allowed", SINK_REFUSED},
        {"MOVED 1234 10.0.0.1:6379", SINK_LOST},
        {"ASK 1234 10.0.0.1:6379", SINK_LOST},
        {"CROSSSLOT Keys in request", SINK_REFUSED},
        {"WRONGTYPE Operation against a key", SINK_REFUSED},
        {"ERR unknown", SINK_REFUSED},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        const char *what = NULL;
        assert_int_equal(redis_text_status(cases[i].text, &what), cases[i].status);
        assert_true(strlen(what) > 0);
    }
}

static void test_hosts(void **state)
{
    static const char list[] = "a,b:6380,10.0.0.1,[::1]:7,[fe80::2]";
    static const struct {
        const char *name;
        u16 port;
    } want[] = {{"a", 1}, {"b", 6380}, {"10.0.0.1", 1}, {"::1", 7}, {"fe80::2", 1}};
    static const char *const wrong[] = {"",     ":1",   "a:",     "a:0", "a:65536",
                                        "a:1x", "[::1", "[::1]x", "[]:1"};
    struct redis_host h;

    (void)state;
    for (u32 attempt = 0; attempt < 11; attempt++) {
        assert_true(redis_text_host(list, attempt, 1, &h));
        assert_string_equal(h.name, want[attempt % 5].name);
        assert_int_equal(h.port, want[attempt % 5].port);
    }
    for (u32 i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(redis_text_host(wrong[i], 0, 1, &h));
    for (u32 n = REDIS_HOST_BYTES - 2; n < REDIS_HOST_BYTES + 20; n++) {
        char name[REDIS_HOST_BYTES + 20] = "";
        memset(name, 'x', n);
        assert_int_equal(redis_text_host(name, 0, 1, &h), n < sizeof h.name);
    }
}

static void test_redirects(void **state)
{
    const struct redis_host from = {.name = "here", .port = 5};
    static const struct {
        const char *error;
        const char *name;
        u16 port;
        bool asking;
    } cases[] = {
        {"MOVED 3999 127.0.0.1:6381", "127.0.0.1", 6381, false},
        {"ASK 3999 node-3.example:6379", "node-3.example", 6379, true},
        {"MOVED 3999 :6381", "here", 6381, false},
        {"MOVED 3999 ?:6381", "here", 6381, false},
        {"MOVED 1 fe80::2:7000", "fe80::2", 7000, false},
        {"MOVED 1", NULL, 0, false},
        {"MOVED 1 host", NULL, 0, false},
        {"MOVED 1 host:0", NULL, 0, false},
        {"MOVED 1 host:99999", NULL, 0, false},
        {"ERR 1 host:6379", NULL, 0, false},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_host h;
        bool asking = false;
        bool found = redis_text_redirect(cases[i].error, &from, &h, &asking);
        assert_int_equal(found, cases[i].name != NULL);
        if (!found)
            continue;
        assert_string_equal(h.name, cases[i].name);
        assert_int_equal(h.port, cases[i].port);
        assert_int_equal(asking, cases[i].asking);
    }
}

/* A table of tops with `n` instruments, all changed; written by hand. */
static struct tops *made_tops(struct mem *m, u32 n)
{
    struct tops *t = tops_new(1000, m);

    for (u32 id = 1; id <= n; id++) {
        char symbol[16];
        u64 word;
        snprintf(symbol, sizeof symbol, "SYM%-6u", id);
        memcpy(&word, symbol, 8);
        t->at[id].words[0] = word;
        t->at[id].words[1] = 1000000 + id; /* a bid, no offer */
        t->at[id].words[2] = 100 * id;
        t->at[id].words[4] = 'T';
        t->at[id].words[5] = 50 + id;
        t->at[id].words[6] = 9;
        if (id % 3 != 0)
            continue;
        t->at[id].words[7] = (990000 + id) | (u64)'O' << 32 | (u64)'S' << 40;
        t->at[id].words[8] = 7 * id;
        t->at[id].words[9] = 5 * id;
        t->at[id].words[10] = 11;
    }
    t->used = n;
    t->changes = n;
    return t;
}

/* Every third one is before its opening cross. */
static void next_cross(struct parser *p, const struct top_news *news, u32 id)
{
    bool near = id % 3 == 0;
    char text[64];

    assert_int_equal(news->cross, near ? 'O' : 0);
    assert_int_equal(news->paired, near ? 7 * id : 0);
    next_is(p, near ? "O" : "");
    snprintf(text, sizeof text, "99.%04u", id);
    next_is(p, near ? text : "");
    snprintf(text, sizeof text, "%u", near ? 7 * id : 0);
    next_is(p, text);
    snprintf(text, sizeof text, "%u", near ? 5 * id : 0);
    next_is(p, text);
    next_is(p, near ? "S" : "");
    next_is(p, near ? "11" : "0");
}

static void test_tops_command(void **state)
{
    struct bench *b = *state;
    struct redis_claim c = {.epoch = 5, .claim = 9, .sha_tops = "def"};
    struct redis_tops r = {.tops = made_tops(&b->mem, 300)};
    u32 at = 0, n;

    assert_true(b->command.room >= redis_tops_command_max());
    redis_tops_restart(&r);
    for (u32 left = 300; left > 0; left -= min_u32(left, REDIS_TOPS_MAX)) {
        u32 now = min_u32(left, REDIS_TOPS_MAX);
        char text[64];
        assert_true(redis_tops_due(&r));
        b->command.used = b->command.args = 0;
        assert_true(redis_tops_command(&r, &c, "wb", 7, &b->command));
        struct parser p = {.at = (const char *)b->command.bytes};
        p.end = p.at + b->command.used;
        p.args_left = parse_number(&p, '*');
        next_is(&p, "EVALSHA");
        next_is(&p, "def");
        snprintf(text, sizeof text, "%u", now + 1);
        next_is(&p, text);
        next_is(&p, "wb:mark");
        for (u32 i = 1; i <= now; i++) {
            snprintf(text, sizeof text, "wb:top:SYM%u", at + i);
            next_is(&p, text);
        }
        next_is(&p, "5");
        next_is(&p, "9");
        for (u32 i = 1; i <= now; i++) {
            u32 id = at + i;
            struct top_news news;
            snprintf(text, sizeof text, "wb:tops:SYM%u", id);
            next_is(&p, text);
            const u8 *payload = (const u8 *)next_arg(&p, &n);
            assert_null(top_decode(payload, n, &news));
            assert_true(news.bid_price == 1000000 + id && news.bid_qty == 100 * id &&
                        news.ask_price == 0 && news.seq == 50 + id && news.phase == 'T');
            snprintf(text, sizeof text, "100.%04u", id);
            next_is(&p, text);
            snprintf(text, sizeof text, "%u", 100 * id);
            next_is(&p, text);
            next_is(&p, "");
            next_is(&p, "0");
            next_is(&p, "T");
            snprintf(text, sizeof text, "%u", 50 + id);
            next_is(&p, text);
            next_is(&p, "9");
            next_cross(&p, &news, id);
        }
        assert_int_equal(p.args_left, 0);
        at += now;
    }
    b->command.used = b->command.args = 0;
    assert_false(redis_tops_due(&r));
    assert_false(redis_tops_command(&r, &c, "wb", 7, &b->command));

    r.after = REDIS_TOPS_MAX; /* where one had no room the next goes on, around the end */
    r.tops->dirty[0] |= 2;
    r.tops->dirty[300 / 64] |= 1ull << 300 % 64;
    r.tops->changes++;
    assert_true(redis_tops_command(&r, &c, "wb", 7, &b->command));
    assert_memory_equal(r.taken[0].symbol, "SYM300  ", 8);
    assert_memory_equal(r.taken[1].symbol, "SYM1    ", 8);
    r.tops->changes = r.seen; /* a new connection wants all of them, changed or not */
    redis_tops_restart(&r);
    assert_true(redis_tops_due(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_command, bench_start, bench_stop),
        cmocka_unit_test_setup_teardown(test_mark_alone, bench_start, bench_stop),
        cmocka_unit_test_setup_teardown(test_full, bench_start, bench_stop),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test_setup_teardown(test_tops_command, bench_start, bench_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
