/* test_reload.c - the plan of a reload and its way through an engine that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "gateway/reload.h"
#include "gateway/reload_plan.h"

static struct refdata_instrument was_i[2], is_i[3];
static struct refdata_account was_a[3], is_a[3];
static struct msg_limit was_f[1], is_f[2];
static struct refdata_profile was_p[1], is_p[2];
static struct refdata was, is;
static struct mem mem;
static struct ring cmds;
static struct reload job;
static _Atomic u64 durable;
static u64 numbers, seq;
static u32 gives, drops;
static bool loads_fail;

static struct refdata_instrument instrument(const char *symbol, u32 tick)
{
    struct refdata_instrument i = {.tick = tick, .lot = 100};

    memcpy(i.symbol, symbol, 8);
    return i;
}

static struct refdata_account account(const char *user)
{
    struct refdata_account a = {.enabled = true};

    memcpy(a.user, user, 6);
    memcpy(a.firm, "FIRM", 4);
    return a;
}

static struct msg_limit firm(const char *name, u64 exposure)
{
    struct msg_limit f = {.scope = LIMIT_FIRM, .exposure_max = exposure};

    memcpy(f.firm, name, 4);
    return f;
}

static struct refdata_profile profile(const char *name, u32 qty_max)
{
    struct refdata_profile p = {.terms = {.values = {.qty_max = qty_max}}};

    memcpy(p.terms.name, name, 8);
    return p;
}

static u64 on_number(void *ctx)
{
    (void)ctx;
    return ++numbers;
}

static int on_load(void *renew, const struct refdata **a, const struct refdata **b,
                   struct refdata_max *max, FILE *errors)
{
    (void)renew;
    *a = &was;
    *b = &is;
    *max = (struct refdata_max){4, 4};
    if (loads_fail)
        fputs("line 3: no\n", errors);
    return loads_fail;
}

static bool on_give(void *renew)
{
    (void)renew;
    return ++gives == 3; /* it takes them a few turns */
}

static void on_drop(void *renew)
{
    (void)renew;
    drops++;
}

static int set_up(void **state)
{
    struct reload_conf conf = {.cmds = &cmds,
                               .durable_seq = &durable,
                               .number = on_number,
                               .load = on_load,
                               .give = on_give,
                               .drop = on_drop};
    struct peer peer = {.uid = 7, .user = "ann", .role = ROLE_ADMIN};
    (void)state;

    mem_init(&mem, 0);
    ring_init(&cmds, &mem, "cmds", 256);
    was_i[0] = is_i[0] = instrument("AAA     ", 100);
    was_i[1] = is_i[1] = instrument("BBB     ", 100);
    was_a[0] = is_a[0] = account("ANN   ");
    was_a[1] = is_a[1] = account("BOB   ");
    was_f[0] = is_f[0] = firm("FIRM", 5);
    was_p[0] = is_p[0] = profile("BASE    ", 5);
    was = (struct refdata){was_i, 2, was_a, 2, was_f, 1, was_p, 1};
    is = (struct refdata){is_i, 2, is_a, 2, is_f, 1, is_p, 1};
    gives = drops = 0;
    numbers = 10;
    seq = 20;
    durable = 0;
    loads_fail = false;
    reload_init(&job, &conf);
    reload_begin(&job, &peer, "why");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    reload_end(&job);
    assert_false(reload_busy(&job));
    mem_free_all(&mem);
    return 0;
}

/* ---- the engine ---- */

static u8 asked[64];          /* types of the commands that were carried */
static union msg carried[64]; /* ... and these, but for their heads */
static u32 asked_used, refused_at;
static u32 on_way_max;

static void answer_look(const struct msg_look *c)
{
    union msg m = {.seen = {.head = {.type = EV_SEEN, .slots = 4}, .request = c->request}};
    struct msg_instrument i = {.tick = 100, .lot = 100};

    m.seen.what = c->what;
    m.seen.last = 1;
    if (c->what == LOOK_VENUE) {
        m.seen.venue.accounts = 2;
        m.seen.venue.instruments = 2;
    } else if (c->what == LOOK_INSTRUMENT) {
        memcpy(i.symbol, c->name, 8);
        i.by_operator = c->name[0] == 'K';
        m.seen.id = c->name[0] == 'N' ? 0 : 1;
        memcpy(m.seen.instrument.terms, (u8 *)&i + sizeof i.ev, 32);
    } else {
        m.seen.id = c->name[0] == 'N' ? 0 : 1;
        m.seen.account.bind_id = 5;
        m.seen.account.source = c->name[0] == 'K' ? CHECKS_OF_OPERATOR : CHECKS_OF_FILES;
    }
    reload_answer(&job, &m);
}

static void answer_operator(const struct msg_operator *c)
{
    u64 at = ++seq;
    union msg m = {.operated = {.head = {.type = EV_OPERATED, .slots = 1, .seq = at},
                                .request = c->request,
                                .first_seq = at,
                                .type = c->type}};

    assert_int_equal(c->uid, 7);
    assert_string_equal(c->reason, "why");
    asked[asked_used] = c->type;
    memcpy((u8 *)&carried[asked_used] + sizeof carried[0].cmd, c->body, sizeof c->body);
    if (++asked_used == refused_at) {
        m.operated.outcome = OPERATED_REFUSED;
        m.operated.why = WHY_TICK;
    }
    reload_answer(&job, &m);
}

/* Plays the engine until there is a result. */
static const struct reload_result *run(u32 refuse)
{
    const struct reload_result *r = NULL;
    int work = 0;

    asked_used = on_way_max = 0;
    refused_at = refuse;
    for (u32 turn = 0; turn < 200 && !r; turn++) {
        union msg copy;
        const union msg *m;
        r = reload_step(&job, &work);
        on_way_max = max_u32(on_way_max, job.sent - job.answered);
        while ((m = msg_peek(&cmds, &copy)) != NULL) {
            union msg c = {0};
            memcpy(&c, m, m->cmd.slots * (size_t)SLOT_BYTES);
            ring_take(&cmds, m->cmd.slots);
            if (c.cmd.type == CMD_LOOK)
                answer_look(&c.look);
            else
                answer_operator(&c.operator);
        }
        durable = r || turn > 100 ? seq : 0;
    }
    assert_non_null(r);
    assert_int_equal(r->last_seq, seq);
    return r;
}

static void asked_are(const char *types)
{
    assert_int_equal(asked_used, strlen(types));
    assert_memory_equal(asked, types, asked_used);
}

/* ---- tests ---- */

static void test_nothing(void **state)
{
    (void)state;
    const struct reload_result *r = run(0);
    assert_int_equal(r->outcome, RELOAD_DONE);
    asked_are((char[]){CMD_NOTE, 0});
    assert_int_equal(r->commands, 0);
    assert_int_equal(gives, 3);
    assert_int_equal(metric_get(&job.reloads), 1);
}

/* Another tick and the firms first, an expulsion last; what an operator has set stays. */
static void test_order(void **state)
{
    (void)state;
    is_i[0] = instrument("NEW     ", 100); /* for AAA, which is gone */
    is_i[1].tick = 200;
    is_a[0].checks.qty_max = 9;
    is_a[1].enabled = false;
    is_f[0].exposure_max = 6;
    const struct reload_result *r = run(0);
    assert_int_equal(r->outcome, RELOAD_DONE);
    asked_are((char[]){CMD_NOTE, CMD_INSTRUMENT, CMD_LIMIT, CMD_INSTRUMENT, CMD_INSTRUMENT,
                       CMD_ACCOUNT, CMD_CHECKS, CMD_ACCOUNT, CMD_EXPEL, 0});
    assert_int_equal(r->counts.instruments_new, 1);
    assert_int_equal(r->counts.instruments_gone, 1);
    assert_int_equal(r->counts.instruments_changed, 1);
    assert_int_equal(r->counts.accounts_changed, 2);
    assert_int_equal(r->counts.firms, 1);
    assert_true(on_way_max > 1 && on_way_max <= RELOAD_WINDOW);
}

static void test_kept(void **state)
{
    (void)state;
    was_i[0] = instrument("KEPT    ", 100);
    is_i[0] = instrument("KEPT    ", 50);
    const struct reload_result *r = run(0);
    asked_are((char[]){CMD_NOTE, 0});
    assert_int_equal(r->counts.instruments_kept, 1);
}

/* Checks that an operator has set stay his; of one whom nobody knows nothing is to be ended. */
static void test_accounts(void **state)
{
    (void)state;
    was_a[0] = is_a[0] = account("KATE  ");
    is_a[0].checks.qty_max = 9;
    was_a[1] = account("NED   ");
    is.accounts_used = 1;
    const struct reload_result *r = run(0);
    asked_are((char[]){CMD_NOTE, CMD_ACCOUNT, 0});
    assert_int_equal(r->counts.accounts_changed, 1);
    assert_int_equal(r->counts.accounts_gone, 0);
}

/* All that was done is taken back, from the last to the first; the others are given nothing. */
static void test_refused(void **state)
{
    (void)state;
    is_i[1].tick = 200;
    is_f[0].exposure_max = 6;
    is.firms_used = 2;
    is_f[1] = firm("TWO ", 3);
    const struct reload_result *r = run(4);
    assert_int_equal(r->outcome, RELOAD_REFUSED);
    asked_are(
        (char[]){CMD_NOTE, CMD_INSTRUMENT, CMD_LIMIT, CMD_LIMIT, CMD_LIMIT, CMD_INSTRUMENT, 0});
    assert_non_null(strstr(r->text, "taken back"));
    assert_int_equal(gives, 0);
    assert_int_equal(drops, 1);
    assert_int_equal(metric_get(&job.failed), 1);
}

/* Nothing is ever forgotten: what was new is halted, and disabled, when it is taken back. */
static void test_new_ones_refused(void **state)
{
    (void)state;

    is_i[2] = instrument("NEW     ", 100);
    is.instruments_used = 3;
    is_a[2] = account("NINA  ");
    is.accounts_used = 3;
    is_a[2].checks.qty_max = 1;
    const struct reload_result *r = run(4); /* NINA's checks */
    assert_int_equal(r->outcome, RELOAD_REFUSED);
    asked_are((char[]){CMD_NOTE, CMD_INSTRUMENT, CMD_ACCOUNT, CMD_CHECKS, CMD_ACCOUNT,
                       CMD_INSTRUMENT, 0});
    assert_memory_equal(carried[4].account.user, "NINA  ", 6);
    assert_memory_equal(carried[5].instrument.symbol, "NEW     ", 8);
    assert_int_equal(carried[5].instrument.tick, 100);
    assert_int_equal(carried[4].account.disabled, 1);
    assert_int_equal(carried[5].instrument.halted, 1);
}

static char listed_lists[2][8] = {"AAA     ", "BBB     "};

/* Profiles before all accounts, lists behind them, off before on; an expulsion waits for all. Each
 * as the files' word, which is less than an operator's. */
static void lists_change(void)
{
    was_a[0].restricted = (struct refdata_list){&listed_lists[0], 1};
    is_a[0].restricted = (struct refdata_list){&listed_lists[1], 1};
    is_i[1].unshorted = true;
    is_p[0].terms.values.qty_max = 6;
    is_p[1] = profile("NEW     ", 7);
    memcpy(is_p[1].terms.base, "BASE    ", 8);
    is.profiles_used = 2;
    memcpy(is_a[0].profile, "NEW     ", 8);
    is_a[1].enabled = false;
}

static void test_lists(void **state)
{
    (void)state;
    lists_change();
    const struct reload_result *r = run(0);
    assert_int_equal(r->outcome, RELOAD_DONE);
    asked_are((char[]){CMD_NOTE, CMD_PROFILE, CMD_PROFILE, CMD_ACCOUNT, CMD_CHECKS, CMD_ACCOUNT,
                       CMD_LISTED, CMD_LISTED, CMD_LISTED, CMD_EXPEL, 0});
    assert_int_equal(r->counts.profiles, 2);
    assert_int_equal(r->counts.listed, 3);
    assert_memory_equal(carried[1].profile.name, "BASE    ", 8);
    assert_int_equal(carried[1].profile.values.qty_max, 6);
    assert_int_equal(carried[1].profile.source, CHECKS_OF_RELOAD);
    assert_memory_equal(carried[2].profile.base, "BASE    ", 8);
    assert_memory_equal(carried[6].listed.symbol, "AAA     ", 8);
    assert_memory_equal(carried[6].listed.user, "ANN   ", 6);
    assert_int_equal(carried[6].listed.listed, 0);
    assert_int_equal(carried[7].listed.scope, LIST_VENUE);
    assert_int_equal(carried[7].listed.kind, LIST_SHORT);
    assert_int_equal(carried[7].listed.listed, 1);
    assert_int_equal(carried[7].listed.source, CHECKS_OF_RELOAD);
    assert_memory_equal(carried[8].listed.symbol, "BBB     ", 8);
    assert_int_equal(carried[8].listed.kind, LIST_RESTRICTED);
}

/* The last list is full: all is taken back but the profile that is new, and nobody was expelled. */
static void test_lists_full(void **state)
{
    (void)state;
    lists_change();
    const struct reload_result *r = run(9);
    assert_int_equal(r->outcome, RELOAD_REFUSED);
    asked_are((char[]){CMD_NOTE, CMD_PROFILE, CMD_PROFILE, CMD_ACCOUNT, CMD_CHECKS, CMD_ACCOUNT,
                       CMD_LISTED, CMD_LISTED, CMD_LISTED, CMD_LISTED, CMD_LISTED, CMD_ACCOUNT,
                       CMD_CHECKS, CMD_ACCOUNT, CMD_PROFILE, 0});
    assert_int_equal(carried[9].listed.listed, 0);
    assert_int_equal(carried[10].listed.listed, 1);
    assert_memory_equal(carried[10].listed.symbol, "AAA     ", 8);
    assert_int_equal(carried[14].profile.values.qty_max, 5);
    assert_int_equal(gives, 0);
}

static void refused_with(const char *word)
{
    const struct reload_result *r = run(0);

    assert_int_equal(r->outcome, RELOAD_REFUSED);
    assert_non_null(strstr(r->text, word));
    asked_are((char[]){CMD_NOTE, 0});
    assert_int_equal(gives, 0);
}

static void test_does_not_fit(void **state)
{
    (void)state;
    is.instruments_used = 3;
    is_i[0] = instrument("N1      ", 100);
    is_i[1] = instrument("N2      ", 100);
    is_i[2] = instrument("N3      ", 100);
    refused_with("needs a restart with at least 5");
}

static void test_accounts_do_not_fit(void **state)
{
    (void)state;
    is.accounts_used = 3;
    is_a[0] = account("N1    ");
    is_a[1] = account("N2    ");
    is_a[2] = account("N3    ");
    refused_with("needs a restart with at least 5");
}

static void test_odd_tick(void **state)
{
    (void)state;
    is_i[0].tick = 150;
    refused_with("neither a multiple nor a part");
}

static void test_bad_files(void **state)
{
    (void)state;
    loads_fail = true;
    refused_with("line 3: no");
    assert_int_equal(drops, 0); /* load has cleaned up itself */
}

/* Answers to nobody's, and to earlier, requests are not taken for ours. */
static void test_strange_answers(void **state)
{
    union msg m = {.operated = {.head = {.type = EV_OPERATED, .slots = 1}, .request = 999}};
    int work = 0;
    (void)state;

    reload_answer(&job, &m);
    reload_step(&job, &work);
    reload_answer(&job, &m);
    assert_int_equal(job.answered, 0);
    assert_int_equal(run(0)->outcome, RELOAD_DONE);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_nothing),
        CASE(test_order),
        CASE(test_kept),
        CASE(test_refused),
        CASE(test_does_not_fit),
        CASE(test_odd_tick),
        CASE(test_bad_files),
        CASE(test_strange_answers),
        CASE(test_lists),
        CASE(test_lists_full),
        CASE(test_accounts),
        CASE(test_new_ones_refused),
        CASE(test_accounts_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
