/*
 * The benchmark's book-keeping: right conversations pass, every kind of wrong one is noticed; the
 * flow against a model venue with random fills, and the verdict.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/client/bench_flow.h"
#include "gateway/client/bench_ledger.h"
#include "gateway/client/bench_report.h"
#include "gateway/client/bench_run.h"
#include "gateway/client/bench_session.h"
#include "gateway/client/wb_bytes.h"

static const char *const names[] = {"AAPL", "MSFT"};

static int begin(void **state)
{
    struct ledger *l = calloc(1, sizeof(*l));
    ledger_init(l, names, LEDGER_WINDOW);
    ledger_begin(l, 100);
    *state = l;
    return 0;
}

static int finish(void **state)
{
    ledger_free(*state);
    free(*state);
    return 0;
}

static struct ledger_order *enter(struct ledger *l, u32 qty, char tif)
{
    struct ledger_order terms = {
        .due_ns = 5, .qty = qty, .price = 1000, .side = 'B', .tif = tif, .measured = true};
    struct ledger_order *o = ledger_enter(l, &terms);
    assert_non_null(o);
    return o;
}

static struct wb_msg answer(char type, u32 ref, u32 qty)
{
    struct wb_msg m = {.type = (u8)type,
                       .known = true,
                       .user_ref = ref,
                       .qty = qty,
                       .price = 1000,
                       .side = 'B',
                       .state = 'L',
                       .symbol = "AAPL"};
    return m;
}

static struct wb_msg cancelled(u32 ref, u32 qty, char reason)
{
    struct wb_msg m = answer('C', ref, qty);
    m.reason = reason;
    return m;
}

static struct wb_msg replaced(u32 orig, u32 ref, u32 qty)
{
    struct wb_msg m = answer('U', ref, qty);
    m.orig_ref = orig;
    return m;
}

static struct ledger_answer good(struct ledger *l, struct wb_msg m)
{
    struct ledger_answer a;
    const char *wrong = ledger_take(l, &m, &a);
    if (wrong != NULL)
        fail_msg("%c of %u: %s", m.type, m.user_ref, wrong);
    return a;
}

static void bad(struct ledger *l, struct wb_msg m)
{
    struct ledger_answer a;
    assert_non_null(ledger_take(l, &m, &a));
}

static void test_life(void **state)
{
    struct ledger *l = *state;
    struct ledger_order *o = enter(l, 100, '0');
    assert_int_equal(o->ref, 100);
    assert_int_equal(l->waiting, 1);
    struct ledger_answer a = good(l, answer('A', 100, 100));
    assert_true(a.measured);
    assert_int_equal(a.kind, BENCH_ADD);
    assert_int_equal(a.due_ns, 5);
    assert_int_equal(l->waiting, 0);
    assert_int_equal(l->open_used, 1);

    good(l, answer('E', 100, 40));
    struct ledger_order *n = ledger_replace(l, o, 100, 1000, 7, true);
    assert_int_equal(n->ref, 101);
    assert_int_equal(l->open_used, 0); /* nothing else may be asked of it now */
    a = good(l, replaced(100, 101, 60));
    assert_int_equal(a.kind, BENCH_REPLACE);
    assert_int_equal(a.due_ns, 7);
    assert_int_equal(o->state, LEDGER_DEAD);
    assert_int_equal(l->open_used, 1);

    ledger_cancel(l, n, 9, true);
    assert_int_equal(l->waiting, 1);
    a = good(l, cancelled(101, 60, 'U'));
    assert_int_equal(a.kind, BENCH_CANCEL);
    assert_int_equal(a.due_ns, 9);
    assert_int_equal(l->waiting, 0);
    assert_int_equal(n->state, LEDGER_DEAD);
    assert_int_equal(l->counts.overtaken, 0);
}

static void test_rejects(void **state)
{
    struct ledger *l = *state;
    struct ledger_order *o = enter(l, 100, '0');
    assert_true(good(l, answer('J', 100, 0)).measured);
    assert_int_equal(o->state, LEDGER_DEAD);
    assert_int_equal(l->counts.rejected, 1);

    o = enter(l, 100, '0');
    good(l, answer('A', 101, 100));
    ledger_replace(l, o, 100, 1000, 7, true);
    assert_int_equal(good(l, answer('J', 102, 0)).kind, BENCH_REPLACE);
    assert_true(o->is_open); /* the original stays */
    assert_int_equal(l->waiting, 0);
}

/* A fill is faster than a cancel or a replace: neither will be answered. */
static void test_overtaken(void **state)
{
    struct ledger *l = *state;
    struct ledger_order *o = enter(l, 100, '0');
    good(l, answer('A', 100, 100));
    ledger_cancel(l, o, 9, true);
    good(l, answer('E', 100, 100));
    assert_int_equal(l->waiting, 0);
    assert_int_equal(l->counts.overtaken, 1);
    bad(l, cancelled(100, 100, 'U'));

    o = enter(l, 100, '0');
    good(l, answer('A', 101, 100));
    struct ledger_order *n = ledger_replace(l, o, 100, 1000, 9, true);
    good(l, answer('E', 101, 100));
    assert_int_equal(l->waiting, 0);
    assert_int_equal(n->state, LEDGER_DEAD);
    bad(l, replaced(101, 102, 100));
}

static void test_immediate(void **state)
{
    struct ledger *l = *state;
    enter(l, 300, '3');
    good(l, answer('A', 100, 300));
    assert_int_equal(l->open_used, 0); /* never cancelled or replaced */
    good(l, answer('E', 100, 100));
    assert_int_equal(ledger_lingering(l), 1);
    good(l, cancelled(100, 200, 'I'));
    assert_int_equal(ledger_lingering(l), 0);
    assert_int_equal(l->counts.expired, 1);
}

static void test_contradictions(void **state)
{
    struct ledger *l = *state;
    struct ledger_order *o = enter(l, 100, '0');
    bad(l, answer('E', 100, 100)); /* filled before it was accepted */
    bad(l, answer('A', 101, 100)); /* never entered */
    bad(l, answer('A', 100, 200)); /* other terms */
    struct wb_msg m = answer('A', 100, 100);
    m.symbol[0] = 'M';
    bad(l, m);
    m = answer('A', 100, 100);
    m.side = 'S';
    bad(l, m);
    good(l, answer('A', 100, 100));
    bad(l, answer('A', 100, 100)); /* twice */
    bad(l, answer('J', 100, 0));
    bad(l, answer('E', 100, 101)); /* more than there is */
    bad(l, answer('E', 100, 0));
    bad(l, cancelled(100, 101, 'U'));
    bad(l, replaced(99, 100, 100));
    ledger_cancel(l, o, 9, true);
    good(l, cancelled(100, 100, 'U'));
    bad(l, cancelled(100, 100, 'U')); /* twice */
    bad(l, answer('E', 100, 1));      /* after its end */
    enter(l, 100, '0');
    good(l, answer('A', 101, 100));
    bad(l, cancelled(101, 100, 'U')); /* not asked for */
    good(l, cancelled(99, 100, 'U')); /* another run's order */
    assert_int_equal(l->counts.foreign, 1);
}

static void test_venue_cancels(void **state)
{
    struct ledger *l = *state;
    enter(l, 100, '0');
    good(l, answer('A', 100, 100));
    good(l, cancelled(100, 100, 'Z'));
    assert_int_equal(l->counts.unasked, 1);
    assert_int_equal(l->open_used, 0);
    struct ledger_order *o = enter(l, 100, '0');
    struct wb_msg dead = answer('A', o->ref, 100);
    dead.state = 'D';
    good(l, dead);
    assert_int_equal(l->open_used, 0);
}

/* ---- the flow against a model ---- */

#define MODEL_REFS 200000u

/* A venue that answers at once and now and then fills an order first. */
struct model {
    struct ledger *l;
    u32 leaves[MODEL_REFS];
    char sides[MODEL_REFS];
    u32 symbols[MODEL_REFS];
};

static struct wb_msg model_message(struct model *m, char type, u32 ref, u32 qty, u64 price)
{
    struct wb_msg a = answer(type, ref, qty);
    a.side = m->sides[ref];
    a.price = price;
    snprintf(a.symbol, sizeof(a.symbol), "%s", m->l->symbols[m->symbols[ref]]);
    return a;
}

static void model_enter(struct model *m, const u8 *p)
{
    u32 ref = wb_get32(p + 1);
    u32 qty = wb_get32(p + 6);
    m->sides[ref] = (char)p[5];
    m->symbols[ref] = memcmp(p + 10, "AAPL", 4) == 0 ? 0 : 1;
    m->leaves[ref] = qty;
    good(m->l, model_message(m, 'A', ref, qty, wb_get64(p + 18)));
    if (p[26] != '3')
        return;
    good(m->l, model_message(m, 'E', ref, 50, 1000));
    good(m->l, cancelled(ref, qty - 50, 'I'));
    m->leaves[ref] = 0;
}

static void model_take(struct model *m, const u8 *p)
{
    u32 ref = wb_get32(p + 1);
    if (p[0] == 'O') {
        model_enter(m, p);
        return;
    }
    if (random() % 4 == 0 && m->leaves[ref] > 0) { /* a fill comes before it */
        u32 qty = random() % 2 == 0 ? m->leaves[ref] : 1;
        good(m->l, model_message(m, 'E', ref, qty, 1000));
        m->leaves[ref] -= qty;
    }
    if (m->leaves[ref] == 0)
        return;
    if (p[0] == 'X') {
        good(m->l, cancelled(ref, m->leaves[ref], 'U'));
    } else {
        u32 new = wb_get32(p + 5);
        m->sides[new] = m->sides[ref];
        m->symbols[new] = m->symbols[ref];
        m->leaves[new] = m->leaves[ref];
        struct wb_msg a = model_message(m, 'U', new, m->leaves[new], wb_get64(p + 13));
        a.orig_ref = ref;
        good(m->l, a);
    }
    m->leaves[ref] = 0;
}

static void test_flow(void **state)
{
    static struct bench_symbols symbols;
    static const u32 percent[BENCH_KINDS] = {45, 40, 10, 5};
    struct ledger *l = *state;
    struct model *m = calloc(1, sizeof(*m));
    struct bench_flow f;
    u8 bytes[WB_REQUEST_MAX];
    assert_null(bench_symbols_parse(&symbols, "AAPL:150,MSFT:400"));
    bench_flow_init(&f, &symbols, percent, 500, 1);
    srandom(1);
    m->l = l;
    for (u32 i = 0; i < 240000; i++) { /* the numbers go around the window */
        assert_int_not_equal(bench_flow_next(&f, l, i, true, bytes), 0);
        model_take(m, bytes);
        assert_true(l->open_used <= 500);
        assert_int_equal(l->waiting, 0);
    }
    struct ledger_counts *c = &l->counts;
    assert_true(l->next_ref > LEDGER_WINDOW);
    assert_int_equal(c->enters, c->accepted);
    assert_int_equal(c->cancels + c->replaces, c->cancelled + c->replaced + c->overtaken);
    assert_in_range(c->cancels * 100 / 240000, 38, 44);
    assert_in_range(c->replaces * 100 / 240000, 9, 11);
    assert_true(c->overtaken > 1000);
    assert_int_equal(ledger_lingering(l), 0);
    free(m);
}

/* A very old open order holds the place of a new number: that number is passed over. */
static void test_window(void **state)
{
    static struct bench_symbols symbols;
    static const u32 adds_only[BENCH_KINDS] = {100, 0, 0, 0};
    struct ledger *l = *state;
    struct bench_flow f;
    u8 bytes[WB_REQUEST_MAX];
    bench_symbols_default(&symbols);
    bench_flow_init(&f, &symbols, adds_only, LEDGER_OPEN_MAX, 1);
    enter(l, 100, '0');
    good(l, answer('A', 100, 100));
    for (u32 i = 1; i < LEDGER_WINDOW; i++) {
        u32 ref = enter(l, 100, '0')->ref;
        good(l, answer('J', ref, 0));
    }
    bench_flow_next(&f, l, 1, true, bytes);
    assert_int_equal(bytes[0], 'O');
    assert_int_equal(wb_get32(bytes + 1), 101 + LEDGER_WINDOW);
    assert_int_equal(ledger_find(l, 100)->state, LEDGER_LIVE);
}

/* Few sessions remember much; many share the memory, and each keeps room for its open orders. */
static void test_window_of_many(void **state)
{
    struct ledger l;

    (void)state;
    assert_int_equal(ledger_window(1, LEDGER_OPEN_MAX), LEDGER_WINDOW);
    assert_int_equal(ledger_window(16, 1000), LEDGER_WINDOW);
    assert_int_equal(ledger_window(16, 10), LEDGER_WINDOW);
    assert_int_equal(ledger_window(17, 1000), LEDGER_WINDOW / 2);
    assert_int_equal(ledger_window(10000, 10), LEDGER_WINDOW_MIN);
    assert_int_equal(ledger_window(10000, 1000), 2048);
    assert_int_equal(ledger_window(10000, LEDGER_OPEN_MAX), LEDGER_WINDOW);
    ledger_init(&l, names, 4);
    ledger_begin(&l, 1);
    assert_true(ledger_advance(&l));
    enter(&l, 100, '0');
    assert_true(ledger_advance(&l));
    enter(&l, 100, '0');
    assert_false(ledger_advance(&l)); /* half of it is unanswered */
    good(&l, answer('A', 1, 100));
    good(&l, answer('A', 2, 100));
    assert_int_equal(l.open_used, 2); /* as much as may be: there is room for its replaces */
    assert_true(ledger_advance(&l));
    assert_int_equal(l.next_ref, 3);
    ledger_free(&l);
}

static void test_again(void **state)
{
    static struct bench_symbols symbols;
    static const u32 percent[BENCH_KINDS] = {50, 0, 50, 0};
    struct ledger *l = *state;
    struct bench_flow f;
    u8 once[WB_REQUEST_MAX], again[WB_REQUEST_MAX];
    bench_symbols_parse(&symbols, "AAPL:150");
    bench_flow_init(&f, &symbols, percent, 500, 3);
    for (u32 i = 0; i < 100; i++) {
        u32 n = bench_flow_next(&f, l, i, true, once);
        u32 ref = wb_get32(once + (once[0] == 'O' ? 1 : 5));
        struct ledger_order *o = ledger_find(l, ref);
        assert_int_equal(bench_flow_again(&f, o, again), n);
        assert_memory_equal(once, again, n);
        struct wb_msg m = answer(once[0] == 'O' ? 'A' : 'U', ref, o->qty);
        m.side = o->side;
        m.price = o->price;
        m.orig_ref = o->orig_ref;
        good(l, m);
    }
}

static void test_parsing(void **state)
{
    (void)state;
    static struct bench_symbols s;
    u32 percent[BENCH_KINDS];
    bench_symbols_default(&s);
    assert_int_equal(s.n, 8);
    assert_string_equal(s.name_list[0], "AAPL");
    assert_int_equal(s.prices[0], 2255000);
    assert_non_null(bench_symbols_parse(&s, "AAPL:x"));
    assert_non_null(bench_symbols_parse(&s, "AAPL:0.01")); /* no room below */
    assert_non_null(bench_symbols_parse(&s, "TOOLONGNAME:5"));
    assert_non_null(bench_symbols_parse(&s, "/nonexistent"));
    assert_null(bench_symbols_parse(&s, "config/instruments.csv"));
    assert_in_range(s.n, 20, 200);
    for (u32 i = 0; i < s.n; i++)
        assert_int_equal(s.prices[i] % s.ticks[i], 0);

    assert_true(bench_mix_parse(percent, "45,40,10,5"));
    assert_int_equal(percent[BENCH_CANCEL], 40);
    assert_int_equal(percent[BENCH_AGGRESSIVE], 5);
    assert_false(bench_mix_parse(percent, "45,40,10"));
    assert_false(bench_mix_parse(percent, "45,40,10,6"));
    assert_false(bench_mix_parse(percent, "45,40,10,5,"));
}

static bool mix_of(u32 percent[BENCH_KINDS], const char *text)
{
    char path[] = "/tmp/wirebook-mix-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    bool good = bench_mix_parse(percent, path);
    unlink(path);
    return good;
}

static void test_mix_file(void **state)
{
    u32 percent[BENCH_KINDS];

    (void)state;
    assert_true(mix_of(percent, "# a mix\n\nadd 50\n  cancel 45  # most\nreplace 5\n"));
    assert_int_equal(percent[BENCH_ADD], 50);
    assert_int_equal(percent[BENCH_CANCEL], 45);
    assert_int_equal(percent[BENCH_AGGRESSIVE], 0);
    assert_false(mix_of(percent, "add 50\ncancel 45\n"));
    assert_false(mix_of(percent, "add 100\nmodify 0\n"));
    assert_false(mix_of(percent, "add 100 0\n"));
    assert_false(mix_of(percent, "add -100\ncancel 200\n"));
    assert_false(mix_of(percent, ""));
}

/* What is wrong comes before what is slow; an interrupted run is not judged by its rate. */
static void test_verdict(void **state)
{
    (void)state;
    static struct bench_options o;
    static struct bench_shared shared;
    struct bench_session s = {.crc_base = 1, .next_seq = 1};
    static struct bench_result r;
    o.sessions = 1;
    o.rate = 1000;
    ledger_init(&s.ledger, names, LEDGER_WINDOW);
    bench_schedule_init(&shared.schedule, BENCH_CONSTANT, 1, 0, 1000, 0, 1000);
    shared.measured = 1000;
    shared.last_due_ns = 999 * NS_PER_MS;
    shared.last_ns = shared.last_due_ns;
    bench_result_make(&r, &o, &shared, &s, false, 0);
    assert_int_equal(r.code, BENCH_OK);
    shared.last_ns += NS_PER_SEC;
    bench_result_make(&r, &o, &shared, &s, false, 0);
    assert_int_equal(r.code, BENCH_TOO_SLOW);
    o.any_rate = true;
    bench_result_make(&r, &o, &shared, &s, false, 0);
    assert_int_equal(r.code, BENCH_OK);
    o.any_rate = false;
    bench_result_make(&r, &o, &shared, &s, true, 0);
    assert_int_equal(r.code, BENCH_OK);
    s.ledger.waiting = 1;
    bench_result_make(&r, &o, &shared, &s, false, 0);
    assert_int_equal(r.code, BENCH_WRONG);
    s.ledger.waiting = 0;
    s.wrong = 1;
    bench_result_make(&r, &o, &shared, &s, false, 0);
    assert_int_equal(r.code, BENCH_WRONG);
    bench_result_make(&r, &o, &shared, &s, false, BENCH_LOST);
    assert_int_equal(r.code, BENCH_LOST);
    ledger_free(&s.ledger);
}

#define WITH_LEDGER(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LEDGER(test_life),
        WITH_LEDGER(test_rejects),
        WITH_LEDGER(test_overtaken),
        WITH_LEDGER(test_immediate),
        WITH_LEDGER(test_contradictions),
        WITH_LEDGER(test_venue_cancels),
        WITH_LEDGER(test_flow),
        WITH_LEDGER(test_window),
        WITH_LEDGER(test_again),
        cmocka_unit_test(test_parsing),
        cmocka_unit_test(test_verdict),
        cmocka_unit_test(test_mix_file),
        cmocka_unit_test(test_window_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
